"""What conventions are worth: seven engines on real consultations, each convention beside the next.

``python -m tests.benchmarks.conventions`` prints the tables of docs/conventions.md. It reads the
transcripts of Omi-Health/medical-STT-eval from ../shared/data.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

import medtx

OMI = Path(__file__).parents[3] / "shared" / "data" / "corpora" / "omi-medical-STT-eval"
NORMALIZERS = (
    "plain",
    "plain, fillers=False",
    "plain, compounds=True, spelling=True",
    "medical",
    "medical, fillers=False",
    "medical, compounds=False, spelling=False",
)


def texts(files: Iterable[Path]) -> dict[str, str]:
    """Consultation -> text."""
    return {file.name[:19]: file.read_text(encoding="utf-8") for file in sorted(files)}


def systems() -> dict[str, dict[str, str]]:
    """The texts of each engine; not of one whose text has all of one speaker before all of the other."""
    folders = sorted((OMI / "results" / "transcripts").iterdir())
    return {
        folder.name: texts(folder.glob("*_conversation_transcript.txt"))
        for folder in folders
        if not any(folder.glob("*_seglst.json"))
    }


def main() -> None:
    references, found = texts((OMI / "data" / "cleaned_transcripts").glob("*.txt")), systems()
    aligned = {
        normalize: {name: medtx.align(references, said, normalize=normalize) for name, said in found.items()}
        for normalize in NORMALIZERS
    }
    rates = {
        normalize: {name: a.rates(replicates=10).loc["TOTAL", "wer"] for name, a in each.items()}
        for normalize, each in aligned.items()
    }
    print(pd.DataFrame(rates).round(3).to_string(), "\n")
    for normalize in ("plain", "medical"):
        table = medtx.compare(aligned[normalize])
        turned = table[table["turns"] != ""]
        print(f"{normalize}: {len(turned)} of {len(table)} verdicts turn")
        for row in turned.itertuples():
            print(f"- {row.verdict}; {row.turns}")


if __name__ == "__main__":
    main()
