"""The shipped dictations with a model of one's own; numbers only are printed.

What was recognised is kept in /tmp/medtx-own, so it goes on where it stopped.

    python tests/benchmarks/own_models.py ENGINE FOLDER
"""

import resource
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

import medtx
from medtx.engines import ENGINES
from medtx.scoring.keywords import keywords

KEPT = Path("/tmp/medtx-own")
DRUGS = Path(medtx.__file__).parent / "scoring/rules/drugs.tsv"


def main(engine: str, model: str) -> None:
    warnings.simplefilter("ignore")
    data = medtx.load_dataset()
    about = data.metadata.set_index("recording").loc[data.audio.index]
    own = medtx.transcribe(
        data.audio.tolist(),
        specialty=about["specialty"].tolist(),
        type=about["type"].tolist(),
        engine=engine,
        model=model,
        out=KEPT / f"{engine}-{Path(model).name}",
        progress=False,
    )
    drugs = [line for line in DRUGS.read_text().splitlines() if line[0] != "#"]
    for name, heard in (("embedded, stock", data.transcripts), (engine, own)):
        alignment = medtx.align(data.references, heard, normalize="medical")
        print(name)
        print(f"  WER {alignment.rates().loc['TOTAL'].round(3).to_dict()}")
        if heard.words["confidence"].notna().any():
            print(f"  confidences {medtx.calibration(alignment).loc['TOTAL'].round(3).to_dict()}")
        print(f"  drugs {keywords(alignment, drugs).loc['TOTAL'].round(3).to_dict()}")
    module = import_module(ENGINES[engine])
    chosen = module.choose(model, "CARDIOLOGY")
    module.load(chosen.folder)
    began = time.process_time()
    seconds = sum(
        module.transcribe(path, alternatives=1, split_channels=False, chosen=chosen)["duration"]
        for path in data.audio.iloc[[13, 40, 66]]
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{(time.process_time() - began) / seconds:.3f} CPU seconds a second, {memory:.0f} MB at most")


if __name__ == "__main__":
    main(*sys.argv[1:])
