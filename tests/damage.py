"""A sample of every format that medtx reads, and ways to damage it. Not a test by itself."""

import copy
import gzip
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import medtx
from tests import test_aws_formats as aws
from tests import test_stream_logs as logs
from tests.conftest import job
from tests.engine_results import ALL
from tests.test_others import SHAPES


class Sample(NamedTuple):
    name: str
    file: str  # how the file is called: its suffix says how it is read
    data: bytes
    held: Any = None  # what the JSON holds, of which values are put in place of others


def full_job() -> dict[str, Any]:
    """A batch result with everything that a job may ask for."""
    made = job(("no", 0.9), ("chest", 0.5), ("pain", None))
    results = made["results"]
    items = results["items"]
    for n, item in enumerate(items):
        item |= {"id": n, "speaker_label": "spk_0", "channel_label": "ch_0", "language_code": "en-US"}
    items[1]["alternatives"].append({"content": "chess", "confidence": "0.4"})
    items[2]["alternatives"][0]["redactions"] = [{"type": "NAME", "category": "PII", "confidence": "0.9"}]
    items.append({"type": "punctuation", "alternatives": [{"content": ".", "confidence": "0.0"}]})
    span = {"start_time": "0.0", "end_time": "1.4"}
    spoken = [{"start_time": i["start_time"], "end_time": i["end_time"]} for i in items[:3]]
    hypothesis = {"transcript": "no chest pain.", "items": [{"content": "no", "confidence": "0.9", **span}]}
    results["speaker_labels"] = {
        "speakers": 1,
        "segments": [{"speaker_label": "spk_0", "items": spoken, **span}],
    }
    results["channel_labels"] = {"channels": [{"channel_label": "ch_0", "items": copy.deepcopy(items)}]}
    results["segments"] = [{"alternatives": [hypothesis, hypothesis], "channel_label": "ch_0", **span}]
    results["audio_segments"] = [{"id": 0, "transcript": "no chest pain.", "items": [0, 1, 2, 3], **span}]
    results["entities"] = [
        {"content": "no", "category": "PHI", "startTime": 0, "endTime": 0.4, "confidence": 0.9}
    ]
    results["language_codes"] = [{"language_code": "en-US", "duration_in_seconds": "1.4"}]
    settings = {"engine": "x", "specialty": "CARDIOLOGY", "type": "DICTATION", "alternatives": 2}
    asked = settings | {"split_channels": False}
    made["medtx"] = {"engine": "x", "language": "en-US", "duration": 1.4, "channels": 1, "settings": asked}
    return made


def _objects() -> Iterator[tuple[str, Any]]:
    yield from ALL.items()
    yield from ((f"shape {name}", data) for name, (data, *_) in SHAPES.items())
    yield from aws.KNOWN.items()
    yield "a text alone", {"text": "No fever."}
    yield "batch", job(("no", 0.9), ("chest", 0.5), ("pain", None))
    yield "batch with everything", full_job()
    yield (
        "job",
        {
            "MedicalTranscriptionJob": {
                "MedicalTranscriptionJobName": "visit",
                "TranscriptionJobStatus": "FAILED",
                "Specialty": "CARDIOLOGY",
                "Media": {"MediaFileUri": "s3://a/visit.wav"},
            }
        },
    )
    yield "jobs", {"MedicalTranscriptionJobSummaries": [{"MedicalTranscriptionJobName": "visit"}]}
    yield "bare results", [logs.result("no", partial=True), logs.result("no pain")]
    yield "recorded", [{"t": 100, "data": logs.result("no pain")}]
    for way in ("times", "answers", "headers", "events", "mixed"):
        yield f"streams by {way}", logs.two(way)
    for way, end in logs.ENDS.items():
        if isinstance(end, dict):
            yield f"stream with {way}", [logs.event("no pain"), end]
    yield "healthscribe stream", [logs.scribe("any pain", 0.5, 1000), logs.scribe("no", 90, 1000, "s-1")]
    yield (
        "connect health stream",
        [logs.health("any", 1, 1000, partial=True), logs.health("any pain", 1, 1000)],
    )
    yield "call analytics stream", [logs.utterance("no pain", 0, "AGENT", "u-0")]
    yield "seglst", [{"session_id": "a", "words": "no pain", "start_time": 0, "end_time": 1, "speaker": "x"}]
    yield (
        "nemo manifest",
        [{"audio_filepath": "a.wav", "duration": 1.5, "text": "no pain", "pred_text": "no"}],
    )
    yield "table of texts", [{"recording": "a", "text": "no pain", "start": 0, "end": 2}]


_GRID = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "Ann - words"
        xmin = 0
        xmax = 3
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "no"
        intervals [2]:
            xmin = 1.5
            xmax = 3
            text = "pain ""here"""
    item [2]:
        class = "TextTier"
        name = "pitch"
        xmin = 0
        xmax = 3
        points: size = 1
        points [1]:
            number = 1
            mark = "120"
'''
_SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
3
<exists>
1
"IntervalTier"
"words"
0
3
2
0
1.5
"no"
1.5
3
"pain"
"""

TEXTS = {
    "plain.txt": "D: Any pain?\nP: No. None at all.\n\nD: Good.\nP: [00:12] Thanks.\n",
    "keyed.txt": "visit-1\tno pain\nvisit-2\tany fever today\n",
    "times.txt": "[00:01] Doctor: any pain\n[00:04] Patient: no\n",
    "table.csv": 'recording,start,end,speaker,text\na,0,1,D,"any, ""pain"""\na,1,2,P,no\nb,0,1,D,hello\n',
    "table.tsv": "file_name\treference\tpred_text\na.wav\tno pain\tno gain\nb.wav\tfever\tfever\n",
    "headless.csv": "0.0,1.5,no pain\n1.5,2.5,any fever\n",
    "long.TextGrid": _GRID,
    "short.TextGrid": _SHORT,
    "marks.stm": ";; LABEL\na 1 Ann 0.0 1.5 <o,f0,female> no {chest / chess / @} (uh) pain\n"
    "a 1 Bob 1.5 3.0 IGNORE_TIME_SEGMENT_IN_SCORING\n",
    "marks.ctm": ";; x\na 1 0.0 0.5 no 0.9\na 1 * * <ALT_BEGIN>\na 1 0.5 0.5 chest 0.5\na 1 * * <ALT>\n"
    "a 1 0.5 0.5 chess 0.4\na 1 * * <ALT_END>\na 1 1.0 0.5 pain\n",
    "marks.trn": "no {chest / chess} (uh) pain (ann-visit-1)\nany fever (ann-visit-2)\n",
    "text": "visit-1 no pain\nvisit-2 any fever\n",
    "a.trans.txt": "1-2-0000 NO PAIN\n1-2-0001 ANY FEVER\n",
    "cues.vtt": "WEBVTT\n\nNOTE x\n\n1\n00:00.000 --> 00:01.500 align:start\n<v Ann>No <00:00.500><c>pain</c>"
    " &lt; 5\n\n2\n00:01.500 --> 00:03.000\n- any fever\n- no\n",
    "cues.srt": "1\n00:00:00,000 --> 00:00:01,500\n<i>No</i> {\\an8}pain\n\n"
    "2\n00:00:01,500 --> 00:00:03,000\n>> ANN: any\nfever\n",
}


def _packed(name: str, data: bytes, method: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr(name, data)
        archive.writestr("other.json", json.dumps(job(("fine", 0.9), name="other")))
    return made.getvalue()


def samples(folder: Path) -> list[Sample]:
    """One or more of each format; ``folder`` is for what has to be written to be had."""
    found = []
    for name, held in _objects():
        said = json.dumps(held, allow_nan=False).encode()
        found.append(Sample(name, "a.json", said, held))
        if isinstance(held, list):
            found.append(
                Sample(f"{name}, by line", "a.jsonl", "\n".join(map(json.dumps, held)).encode(), held)
            )
    found += [Sample(name, name, said.encode()) for name, said in TEXTS.items()]
    batch = json.dumps(full_job()).encode()
    found.append(Sample("gzip", "a.json.gz", gzip.compress(batch)))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        found.append(Sample(f"zip {method}", "a.zip", _packed("a.json", batch, method)))
    (word,) = medtx.read(full_job()).to_docx(folder / "word")
    found.append(Sample("docx", "a.docx", word.read_bytes()))
    return found


# How they are damaged

_PARTS = [
    b"null",
    b"-1",
    b"1e999",
    b'""',
    b"[]",
    b"{}",
    b"true",
    b"NaN",
    b"[[[",
    b'"x"',
    b"-1e-320",
    b"9" * 400,
]
_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 7, 1.5, 1e300, -1e300, 2**63, -(2**70), 10**400, float("nan"), float("inf")),
    *("", " ", "x", "-1", "nan", "1e999", "\ud800", "a\udfff", "\0", "\x1b[2J", "1" * 5000, "x" * 5000),
    *([], {}, [None], [[]], {"": None}, [{}], {"\ud800": "\ud800"}, [1, "a", {}], {"items": []}),
]


def damaged_bytes(draw: random.Random, raw: bytes) -> bytes:
    """A few bytes lost, changed, doubled, put in, or cut off."""
    data = bytearray(raw)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        how = draw.randrange(6)
        if how == 0:
            del data[at : at + draw.randint(1, 40)]
        elif how == 1:
            data[at:at] = draw.randbytes(draw.randint(1, 4))
        elif how == 2:
            data[at:at] = data[at : at + draw.randint(1, 200)]
        elif how == 3:
            end = data.find(b",", at)
            data[at : max(end, at)] = draw.choice(_PARTS)
        elif how == 4:
            data[at : at + 1] = draw.randbytes(1)
        elif len(data) > 1:
            del data[draw.randrange(1, len(data)) :]
    return bytes(data)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _places(value[key], (*at, key))


def damaged_object(draw: random.Random, held: Any) -> Any:
    """One to three values lost, doubled, swapped, or put in place of others."""
    held = copy.deepcopy(held)
    for _ in range(draw.randint(1, 3)):
        places = list(_places(held))
        if not places:
            break
        *above, key = draw.choice(places)
        inside = held
        for one in above:
            inside = inside[one]
        how = draw.randrange(6)
        if how == 0:
            del inside[key]
        elif how == 1 and isinstance(inside, list):
            inside.insert(key, copy.deepcopy(inside[key]))
        elif how == 2:
            nested: Any = inside[key]
            for _ in range(draw.choice([1, 3, 200])):
                nested = [nested] if draw.random() < 0.5 else {str(key): nested}
            inside[key] = nested
        elif how == 3:
            other = draw.choice(places)
            there = held
            for one in other:
                there = there[one] if isinstance(there, dict) and one in there else None
            inside[key] = copy.deepcopy(there)
        else:
            inside[key] = copy.deepcopy(draw.choice(_VALUES))
    return held


def stretched(draw: random.Random, raw: bytes) -> bytes:
    """A piece said again and again, up to 300,000 bytes: work must grow as the size does."""
    at = draw.randrange(len(raw))
    piece = raw[at : at + draw.choice([1, 2, 5, 20, 100])]
    return raw[:at] + piece * (draw.choice([3_000, 300_000]) // len(piece)) + raw[at:]


def damaged_table(draw: random.Random, rows: pd.DataFrame) -> pd.DataFrame:
    """A column lost, of another type, out of its range, or rows lost or doubled."""
    rows = rows.copy()
    column = draw.choice(list(rows))
    how = draw.randrange(6)
    if how == 0:
        return rows.drop(columns=column)
    if how == 1:
        return pd.concat([rows, rows], ignore_index=True)
    if how == 2:
        return rows.iloc[: draw.randrange(len(rows) + 1)]
    if how == 3:
        return rows.rename(columns={column: column + "x"})
    values: list[Any] = [
        None,
        "x",
        "",
        -1,
        7,
        1.5,
        1e300,
        float("nan"),
        float("inf"),
        b"\xff",
        True,
        [1],
        {"a": 1},
    ]
    values += [2**40, pd.Timestamp("2020-01-01"), pd.Timedelta("1s"), "visit", 0]
    rows[column] = [draw.choice(values)] * len(rows)
    return rows
