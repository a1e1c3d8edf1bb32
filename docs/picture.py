"""Draw the picture of the README again: ``python docs/picture.py``."""

from pathlib import Path

from matplotlib.figure import Figure

import medtx

data = medtx.load_dataset("dictations")
alignment = medtx.align(data.references, data.transcripts)
sweep = medtx.sweep(alignment)
figure = Figure(figsize=(11, 3.8), layout="constrained")
left, right = figure.subplots(1, 2)
alignment.plot("specialty", left)
left.set_xlabel("WER, %, with 95 % interval by recording")
sweep.plot(right, mark=sweep.choose(max_error=0.1))
figure.savefig(Path(__file__).with_name("picture.png"), dpi=110)
