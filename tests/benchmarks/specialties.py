"""WER of the dictations with every language model of the embedded engine; numbers only are printed.

Takes about half an hour on two cores; what was recognised is kept in /tmp/medtx-specialties, so it
goes on where it stopped. Writes the tables that notebooks/05_specialties_matter.ipynb reads.

    python tests/benchmarks/specialties.py [FOLDER of recordings with Transcribe Medical's results]
"""

import os
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pandas as pd

import medtx
from medtx.engines import embedded
from medtx.engines.models import Chosen
from medtx.scoring.keywords import keywords
from medtx.specialties import SPECIALTIES

KEPT = Path("/tmp/medtx-specialties")
TABLES = Path(__file__).parents[2] / "notebooks"
SEEN = ["primarycare-01", "primarycare-02", "primarycare-03", "primarycare-04", "conversation-06"]
"""Left out: of these, words were seen while the models' text was written (docs/specialties.md)."""
MODELS = ["STOCK", *SPECIALTIES, "POOLED"]
COUNTS = ["reference_words", "hits", "substitutions", "deletions", "insertions"]
DRUGS = Path(medtx.__file__).parent / "scoring/rules/drugs.tsv"


def recognise(data: medtx.datasets.Dataset, model: str) -> medtx.Transcripts:
    if model == "STOCK":  # what ships is just that
        return data.transcripts
    names = data.audio.index
    specialty = data.metadata.set_index("recording").loc[names, "specialty"].tolist()
    kinds = data.metadata.set_index("recording").loc[names, "type"].tolist()
    return medtx.transcribe(
        data.audio.tolist(), specialty=specialty, type=kinds, model=model, out=KEPT / model, progress=False
    )


def tables(data: medtx.datasets.Dataset) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    drugs = [line for line in DRUGS.read_text().splitlines() if line[0] != "#"]
    about = data.metadata.set_index("recording").drop(SEEN)
    references = data.references.select(about.index)
    counts, calibrations, found = [], [], []
    for model in MODELS:
        began = time.monotonic()
        heard = recognise(data, model).select(about.index)
        print(f"{model}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        alignment = medtx.align(references, heard, normalize="medical")
        rates = alignment.rates("recording")[COUNTS].drop("TOTAL")
        rates = rates.rename_axis("recording").reset_index()
        rates.insert(1, "specialty", rates["recording"].map(about["specialty"]).astype(str))
        rates.insert(2, "type", rates["recording"].map(about["type"]).astype(str))
        counts.append(rates.assign(model=model))
        table = medtx.calibration(alignment).loc[["TOTAL"]]
        calibrations.append(table.assign(model=model))
        for specialty in SPECIALTIES:
            names = about.index[about["specialty"] == specialty]
            one = medtx.align(references.select(names), heard.select(names), normalize="medical")
            row = keywords(one, drugs).loc["TOTAL", ["reference", "found", "invented"]]
            found.append({"specialty": specialty, "model": model, **row.astype(int)})
    return pd.concat(counts), pd.concat(calibrations), pd.DataFrame(found)


def cost(path: str, model: str) -> tuple[float, float]:
    """CPU seconds a second of audio, and peak memory in MB, in a process of its own."""
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r}); import specialties; specialties.alone(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, path, model], capture_output=True, text=True, check=True
    )
    rtf, memory = done.stdout.split()
    return float(rtf), float(memory)


def alone(path: str, model: str) -> None:
    chosen = Chosen(model)
    embedded._decoder(0, chosen)
    began = time.process_time()
    seconds = embedded.transcribe(path, chosen=chosen)["duration"]
    took = time.process_time() - began
    status = Path("/proc/self/status").read_text()  # getrusage would count what its parent held
    print(took / seconds, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024)


def real(folder: Path) -> None:
    """Recordings that Transcribe Medical has streamed, scored against what it heard."""
    service = medtx.read(sorted(map(str, folder.glob("sample-*.json"))))
    audio = [str(path) for path in sorted((folder / "audio").glob("*.mp4"))]
    for model in MODELS:
        heard = medtx.transcribe(
            audio,
            specialty="PRIMARYCARE",
            type="DICTATION",
            model=model,
            out=KEPT / f"real-{model}",
            progress=False,
        )
        row = medtx.align(service, heard, normalize="medical").rates().loc["TOTAL"]
        print(f"real {model}: WER {row['wer']:.3f} of {row['reference_words']:.0f} words")


def main() -> None:
    warnings.simplefilter("ignore")
    data = medtx.load_dataset()
    counts, calibrations, drugs = tables(data)
    calibrations["rtf"] = calibrations["memory"] = float("nan")
    counts.to_csv(TABLES / "05_counts.csv", index=False)
    drugs.to_csv(TABLES / "05_drugs.csv", index=False)
    few = data.audio.iloc[[13, 40, 66]]
    spent = {model: pd.DataFrame([cost(path, model) for path in few]) for model in MODELS}
    calibrations["rtf"] = [spent[model][0].mean() for model in calibrations["model"]]
    calibrations["memory"] = [spent[model][1].max() for model in calibrations["model"]]
    columns = ["model", "words", "confidence", "correct", "auroc", "nce", "ece", "rtf", "memory"]
    calibrations[columns].round(4).to_csv(TABLES / "05_confidence.csv", index=False)
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        real(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
