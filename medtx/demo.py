"""``medtx demo``: the main job once, on the shipped dictations."""

import time
from pathlib import Path

import medtx
from medtx.reports import rates_table, threshold_table

LIVE = 2  # recordings of each specialty that are recognised anew


def demo(out: str = "medtx-demo") -> None:
    """Recognise, score, choose a threshold and report; see the lines it prints."""
    folder = Path(out)
    data = medtx.load_dataset("dictations")
    dictations = data.metadata[data.metadata["type"] == "DICTATION"]
    some = dictations.groupby("specialty", sort=False).head(LIVE)

    _say(f"1. Recognise {len(some)} dictations, {LIVE} of each specialty, with the embedded engine")
    began = time.monotonic()
    live = medtx.transcribe(
        data.audio[some["recording"]].tolist(),
        specialty=some["specialty"].tolist(),
        type="DICTATION",
        model="stock",  # as the shipped results below; the specialties' models take a minute to build
        out=folder / "results",
        overwrite=True,
    )
    took, spoken = time.monotonic() - began, live.recordings["duration"].sum()
    print(f"{spoken:.0f} s of audio in {took:.0f} s; results in {folder / 'results'}\n")
    print(live.words[["recording", "start", "end", "content", "confidence"]].head(5).to_string(index=False))

    _say("2. Score them against what was said")
    print(rates_table(medtx.align(data.references, live), "specialty").to_string())

    everything = (
        f"{len(data.transcripts)} recordings ({data.transcripts.recordings['duration'].sum() / 60:.0f} min)"
    )
    _say(f"3. The same with the shipped results of all {everything}")
    alignment = medtx.align(data.references, data.transcripts)
    print(rates_table(alignment, "specialty").to_string())

    _say("4. At which confidence must a person listen?")
    curves = medtx.sweep(alignment)
    print(threshold_table(curves).to_string(index=False))
    print(f"\n{curves.choose(max_error=0.1)}")

    path = medtx.report(
        alignment,
        folder / "report.html",
        title="The shipped dictations on medtx's embedded engine (synthetic voices, no patients, not AWS)",
    )
    _say(f"5. Report with pictures, on all {len(data.transcripts)}: {path}")
    print("Next: make lab, and open notebooks/01_quickstart.ipynb")


def _say(heading: str) -> None:
    print(f"\n{heading}\n")
