"""What medtx claims about speed, beside its peers, in one process: ``make bench``.

Each row is the best of several runs. Look at the ratios; the milliseconds are this machine's.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import jiwer
import msgspec
import numpy as np
import pandas as pd
import tscribe
from rapidfuzz.distance import Levenshtein
from sklearn.metrics import precision_recall_curve
from whisper_normalizer.english import EnglishTextNormalizer

import medtx
from medtx.reading.build import without_gc
from medtx.reading.job import decode
from medtx.scoring.align import normalizer_of
from medtx.scoring.medical import Medical
from medtx.scoring.rates import interval
from medtx.tables import OPS, frame

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
        # In turns, and often: the machine's speed varies more than what is compared.
        ours, floor = [], []
        for _ in range(30):
            ours.append(best(lambda: medtx.read(path).words, 1))
            floor.append(best(lambda: decoded(path), 1))
        return [
            (task, "medtx.read", min(ours)),
            (task, "(floor: typed decoding, and one frame)", min(floor)),
            (task, "pandas.json_normalize", best(lambda: normalized(path))),
            (task, "tscribe", best(lambda: turns(path), times=1)),
        ]


def decoded(path: Path) -> pd.DataFrame:
    """The least that gives the same table: msgspec's structs, a list a column, one frame."""
    with without_gc():
        items = decode(path.read_bytes()).results.items
        best = [item.alternatives[0] for item in items]
        size = len(items)
        blank = pd.Categorical.from_codes(np.full(size, -1, np.int8), [])
        return pd.DataFrame(
            {
                "recording": pd.Categorical.from_codes(np.zeros(size, np.int8), ["bench"]),
                "position": np.arange(size, dtype=np.int32),
                "segment": np.zeros(size, np.int32),
                "start": np.array([item.start_time for item in items], dtype=float),
                "end": np.array([item.end_time for item in items], dtype=float),
                "content": pd.array([one.content for one in best], dtype="str"),
                "kind": pd.Categorical([item.type for item in items]),
                "confidence": np.array([one.confidence for one in best], dtype=float),
                "speaker": pd.Categorical([item.speaker_label for item in items]),
                "channel": pd.Categorical([item.channel_label for item in items]),
                "language": pd.Categorical([item.language_code for item in items]),
                "phi": blank,
                "filtered": blank,
            }
        )


def many_files() -> list[tuple[str, str, float]]:
    """Through an Executor, its processes warm."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2) as two:
        data = result(1000)
        for n in range(1000):
            (Path(folder) / f"{n}.json").write_bytes(data.replace(b'"bench"', b'"bench-%d"' % n))
        list(two.map(medtx.read, [data] * 4))
        task = "1,000 files x 1,000 words -> words"
        return [
            (task, "medtx.read, 2 processes", best(lambda: medtx.read(folder, executor=two), 3)),
            (task, "medtx.read, 1 process", best(lambda: medtx.read(folder), 3)),
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
                best(lambda h=hyp, r=ref: medtx.align(r, h, normalize="none"), 3),
            ),
            (task, "jiwer.process_words", best(lambda h=hyps, r=refs: jiwer.process_words(r, h), 3)),
            (task, "(rapidfuzz alone on integers)", floor),
            (task, "(the same, and arrays of a row a word)", best(lambda c=coded: arrays(c), 3)),
        ]
    return rows


def in_turns(runs: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Milliseconds of processor time of each, the least of several runs, one after the other."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(times):
        for name, run in runs.items():
            began = time.process_time()
            run()
            took[name].append(1000 * (time.process_time() - began))
    return {name: min(each) for name, each in took.items()}


def from_dicts() -> list[tuple[str, str, float]]:
    """As a user begins: two dicts of texts, read and aligned in one call."""
    rows = []
    for count, length in ((10_000, 20), (57, 1_500), (1, 20_000)):
        refs, hyps = sentences(count, length)
        said, heard = ({f"r{i}": text for i, text in enumerate(side)} for side in (refs, hyps))
        runs: dict[str, Callable[[], object]] = {
            "medtx.align of two dicts": lambda s=said, h=heard: medtx.align(references=s, hypotheses=h),
            "jiwer.process_words": lambda r=refs, h=hyps: jiwer.process_words(r, h),
        }
        task = f"two dicts, {count:,} x {length:,} words"
        rows += [(task, name, took) for name, took in in_turns(runs, 7).items()]
    return rows


def many_recordings() -> list[tuple[str, str, float]]:
    """Rates and a comparison of 20,000 recordings, each from alignments that nothing was asked of yet."""
    refs, hyps = sentences(20_000, 20)
    said, heard = ({f"r{i}": text for i, text in enumerate(side)} for side in (refs, hyps))
    worse = {name: text.rpartition(" ")[0] for name, text in heard.items()}
    one, other = (medtx.align(references=said, hypotheses=side) for side in (heard, worse))

    def fresh(alignment: medtx.Alignment) -> medtx.Alignment:
        return alignment.with_pairs(alignment.pairs)

    runs: dict[str, Callable[[], object]] = {
        "medtx.compare": lambda: medtx.compare({"a": fresh(one), "b": fresh(other)}),
        "medtx, rates": lambda: fresh(one).rates(),
        "jiwer.process_words": lambda: jiwer.process_words(refs, hyps),
    }
    return [("20,000 recordings x 20 words", name, took) for name, took in in_turns(runs, 3).items()]


def arrays(coded: list[list[list[int]]]) -> pd.DataFrame:
    """The least that gives one row a word: operation, and the place of both words."""
    op, left, right = [], [], []
    at_ref = at_hyp = 0
    for ref, hyp in zip(*coded):
        for edit in Levenshtein.opcodes(ref, hyp):
            size = max(edit.src_end - edit.src_start, edit.dest_end - edit.dest_start)
            op.append(np.full(size, "erdi".index(edit.tag[0]), np.int8))
            nothing = np.full(size, -1)
            insert, delete = edit.tag == "insert", edit.tag == "delete"
            left.append(nothing if insert else np.arange(edit.src_start, edit.src_end) + at_ref)
            right.append(nothing if delete else np.arange(edit.dest_start, edit.dest_end) + at_hyp)
        at_ref, at_hyp = at_ref + len(ref), at_hyp + len(hyp)
    columns = {"op": op, "reference": left, "hypothesis": right}
    return pd.DataFrame({name: np.concatenate(parts) for name, parts in columns.items()})


def scoring() -> list[tuple[str, str, float]]:
    """The medical normaliser against Whisper's, and a bootstrap of ten thousand recordings."""
    said = medtx.load_dataset("dictations").references
    texts = said.text().tolist() * 20
    words = [text.split() for text in texts]
    ours, theirs = Medical(), EnglishTextNormalizer()
    count = sum(map(len, words))
    task = f"normalise {count:,} words"
    rng = np.random.default_rng(0)
    sizes = rng.integers(50, 400, 10_000)
    errors = rng.binomial(sizes, 0.2)
    return [
        (task, "medtx's medical normaliser, with spans", best(lambda: [ours(w) for w in words], 3)),
        (task, "whisper_normalizer", best(lambda: [theirs(text) for text in texts], 1)),
        (
            "10,000 replicates over 10,000 recordings",
            "medtx",
            best(lambda: interval(errors, sizes, 10_000), 2),
        ),
    ]


def thresholds() -> list[tuple[str, str, float]]:
    count, recordings = 1_000_000, 1000
    rng = np.random.default_rng(0)
    op = rng.choice(4, count, p=[0.85, 0.08, 0.04, 0.03])
    names = [f"r{n}" for n in range(recordings)]
    start = np.tile(np.arange(count // recordings) * 0.4, recordings)
    confidence = np.where(op == OPS.index("delete"), np.nan, np.round(rng.beta(5, 0.5, count), 4))
    pairs = frame(
        "pairs",
        {
            "recording": pd.Categorical.from_codes(
                np.repeat(np.arange(recordings), count // recordings), names
            ),
            "op": pd.Categorical.from_codes(op.astype(np.int8), OPS),
            "start": start,
            "end": start + 0.3,
            "confidence": confidence,
            "words": op != OPS.index("delete"),
        },
    )
    known = frame("recordings", {"recording": names})
    alignment = medtx.Alignment(pairs, known, [], [], pairs, pairs, normalizer_of("plain"))
    swept = medtx.sweep(alignment)
    heard = op != OPS.index("delete")
    wrong, sure = op[heard] != OPS.index("equal"), -confidence[heard]
    task = "1,000,000 words: every threshold"
    return [
        (task, "medtx, one curve of a sweep", best(lambda: swept.curve(), 5)),
        (task, "medtx, sweep and curve", best(lambda: medtx.sweep(alignment).curve(), 5)),
        (task, "sklearn precision_recall_curve", best(lambda: precision_recall_curve(wrong, sure), 3)),
        (task, "medtx, choose by recording", best(lambda: swept.choose(max_error=0.08), 2)),
    ]


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
    for rows in (
        reading(),
        many_files(),
        alignment(),
        from_dicts(),
        many_recordings(),
        scoring(),
        thresholds(),
        imports(),
    ):
        for task, who, took in rows:
            ours = next(t for name, w, t in rows if name == task)
            print(f"{task:46}{who:40}{took:10.1f}{took / ours:10.1f}")
        print()


if __name__ == "__main__":
    main()
