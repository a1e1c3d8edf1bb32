"""What medtx claims about speed, beside its peers, in one process: ``make bench``.

Each row is the best of several runs. Look at the ratios; the milliseconds are this machine's.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jiwer
import msgspec
import numpy as np
import pandas as pd
import tscribe
from rapidfuzz.distance import Levenshtein

import medtx

VOCABULARY = [f"word{i}" for i in range(5000)]


def best(run: Callable[[], object], times: int = 5) -> float:
    """Milliseconds of the quickest of several runs."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        took.append(time.perf_counter() - began)
    return 1000 * min(took)


def result(words: int) -> bytes:
    rng = np.random.default_rng(0)
    said = rng.choice(VOCABULARY, words)
    items = [
        {
            "start_time": f"{0.4 * i:.3f}",
            "end_time": f"{0.4 * i + 0.35:.3f}",
            "type": "pronunciation",
            "alternatives": [{"confidence": f"{c:.4f}", "content": str(word)}],
        }
        for i, (word, c) in enumerate(zip(said, rng.random(words)))
    ]
    results = {"transcripts": [{"transcript": " ".join(said)}], "items": items}
    return msgspec.json.encode({"jobName": "bench", "results": results, "status": "COMPLETED"})


def sentences(count: int, length: int) -> tuple[list[str], list[str]]:
    """References, and hypotheses with 10 % of the words substituted and 5 % deleted."""
    rng = np.random.default_rng(0)
    refs, hyps = [], []
    for _ in range(count):
        ref = rng.choice(VOCABULARY, length)
        hyp = np.where(rng.random(length) < 0.1, rng.choice(VOCABULARY, length), ref)
        refs.append(" ".join(ref))
        hyps.append(" ".join(hyp[rng.random(length) > 0.05]))
    return refs, hyps


def reading() -> list[tuple[str, str, float]]:
    data = result(10_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.json"
        path.write_bytes(data)
        task = "10,000-word batch JSON -> words"
        return [
            (task, "medtx.read", best(lambda: medtx.read(path).words)),
            (task, "pandas.json_normalize", best(lambda: normalized(path))),
            (task, "tscribe", best(lambda: turns(path), times=1)),
        ]


def normalized(path: Path) -> pd.DataFrame:
    items = msgspec.json.decode(path.read_bytes())["results"]["items"]
    table = pd.json_normalize(items, "alternatives", ["start_time", "end_time", "type"])
    return table.astype({"confidence": float, "start_time": float, "end_time": float})


def turns(path: Path) -> object:
    """tscribe's table of the same file: it reads items only into turns, one a word."""
    return tscribe.write(str(path), format="csv", save_as=str(path.with_suffix(".csv")))


def alignment() -> list[tuple[str, str, float]]:
    rows = []
    for count, length in ((10_000, 20), (2_000, 500), (1, 20_000)):
        refs, hyps = sentences(count, length)
        names = [f"r{i}" for i in range(count)]
        ref = medtx.from_text(dict(zip(names, refs)))
        hyp = medtx.from_text(dict(zip(names, hyps)))
        ids: dict[str, int] = {}
        coded = [
            [[ids.setdefault(w, len(ids)) for w in text.split()] for text in side] for side in (refs, hyps)
        ]
        task = f"align {count:,} x {length:,} words"
        floor = best(lambda c=coded: [Levenshtein.opcodes(r, h) for r, h in zip(*c)], 3)
        rows += [
            (
                task,
                "medtx.align, with the pairs as a frame",
                best(lambda h=hyp, r=ref: medtx.align(h, r, "none"), 3),
            ),
            (task, "jiwer.process_words", best(lambda h=hyps, r=refs: jiwer.process_words(r, h), 3)),
            (task, "(rapidfuzz alone on integers)", floor),
        ]
    return rows


def imports() -> list[tuple[str, str, float]]:
    def fresh(statement: str) -> float:
        return best(lambda: subprocess.run([sys.executable, "-c", statement], check=True), 5)

    nothing = fresh("pass")
    task = "import, interpreter start taken off"
    return [
        (task, "import medtx", fresh("import medtx") - nothing),
        (task, "import medtx; medtx.read", fresh("import medtx; medtx.read") - nothing),
        (task, "import pandas", fresh("import pandas") - nothing),
        (task, "import jiwer", fresh("import jiwer") - nothing),
    ]


def main() -> None:
    print(f"{'':46}{'':40}{'ms':>10}{'x medtx':>10}")
    for rows in (reading(), alignment(), imports()):
        for task, who, took in rows:
            ours = next(t for name, w, t in rows if name == task)
            print(f"{task:46}{who:40}{took:10.1f}{took / ours:10.1f}")
        print()


if __name__ == "__main__":
    main()
