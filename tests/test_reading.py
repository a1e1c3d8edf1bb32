"""Readers against real files of real services, broken files, and generated ones."""

import contextlib
import gzip
import io
import json
import math
import zipfile

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import InputError, ReadError
from medtx.tables import TABLES
from tests.conftest import job

VARIANTS = {  # words, speakers, channels, segments, alternatives
    "01-plain": (392, 0, 0, 1, 0),
    "02-channel-identification": (393, 0, 2, 2, 0),
    "03-speaker-identification": (392, 3, 0, 24, 0),
    "04-alternative-results": (392, 0, 0, 26, 3261),
    "05-automatic-content-redaction-with-undredacted-redacted": (392, 0, 0, 1, 0),
    "06-automatic-content-redaction-with-undredacted-unredacted": (392, 0, 0, 1, 0),
    "07-vocabulary-filter-mask": (392, 0, 0, 1, 0),
    "08-vocabulary-filter-remove": (382, 0, 0, 1, 0),
    "09-channel-identification-alternative-results": (393, 0, 2, 26, 3102),
    "10-speaker-identification-alternative-results": (392, 3, 0, 24, 3350),
}


def check(t: medtx.Transcripts) -> None:
    """What must hold of every result: columns, dtypes, dense positions, sane numbers."""
    for name, table in t.tables().items():
        assert [c for c in table if c in TABLES[name]] == list(TABLES[name]), name
        for column, spec in TABLES[name].items():
            assert str(table[column].dtype) == spec.dtype, (name, column)
    words = t.words
    for recording, rows in words.groupby("recording", observed=True):
        assert rows["position"].tolist() == list(range(len(rows))), recording
    assert words.loc[words["kind"] == "punctuation", ["start", "end", "confidence"]].isna().all(axis=None)
    given_ = words["confidence"].dropna()
    assert given_.between(0, 1).all()
    assert words["recording"].isin(t.recordings["recording"]).all()
    keys = ["recording", "segment"]
    segments = set(t.segments[keys].itertuples(index=False, name=None))
    assert set(words[keys].drop_duplicates().itertuples(index=False, name=None)) <= segments


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_a_batch_result(shared, name):
    path = shared / "transcribe-batch" / "variants" / f"{name}.json"
    t = medtx.read(path)
    check(t)
    words, speakers, channels, segments, alternatives = VARIANTS[name]
    assert len(t.words) == words
    assert t.words["speaker"].nunique() == speakers
    assert t.words["channel"].nunique() == channels
    assert not speakers or t.words["speaker"].notna().all()
    assert not channels or t.words["channel"].notna().all()
    assert len(t.segments) == segments
    assert len(t.alternatives) == alternatives
    raw = json.loads(path.read_text())["results"]
    assert t.text().iloc[0] == raw["transcripts"][0]["transcript"]
    assert t.words["content"].tolist() == [i["alternatives"][0]["content"] for i in raw["items"]]
    spoken = t.words["kind"] == "pronunciation"
    assert t.words.loc[spoken, "start"].tolist() == [
        float(i["start_time"]) for i in raw["items"] if i["type"] == "pronunciation"
    ]


def test_items_find_their_channel_by_walking(shared):
    path = shared / "transcribe-batch" / "variants" / "02-channel-identification.json"
    words = medtx.read(path).words
    raw = json.loads(path.read_text())["results"]["channel_labels"]["channels"]
    for channel in raw:
        ours = words.loc[words["channel"] == channel["channel_label"], "content"]
        assert ours.tolist() == [i["alternatives"][0]["content"] for i in channel["items"]]


def test_jobs_that_share_a_name_are_kept_apart(tmp_path):
    for name in ("a", "b", "b/c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_text(json.dumps(job((name, 0.9))))
    (tmp_path / "y.json").write_text(json.dumps(job(("y", 0.9))))
    t = medtx.read(tmp_path)
    check(t)
    assert t.recordings["recording"].tolist() == [
        str(tmp_path / f"{n}/x.json") for n in ("a", "b/c", "b")
    ] + ["y"]
    assert t.text().tolist() == ["a", "b/c", "b", "y"]
    assert medtx.read([job(("a", 0.9)), job(("b", 0.9))]).recordings["recording"].nunique() == 2


def test_all_real_batch_files_are_read_or_named(shared):
    """The guides' folder holds job descriptions and events too: joined or listed, none is lost."""
    t = medtx.read(shared / "transcribe-batch", errors="collect")
    check(t)
    assert len(t) == 19
    assert [p.rsplit("/", 1)[1] for p in t.failures["source"]] == ["monitoring-events.4.json"]
    described = t.recordings[t.recordings["media"].notna()]
    assert described["created"].tolist() == ["2022-03-07T15:03:44.229000-08:00"] * len(described)


@pytest.mark.parametrize(("name", "finals", "events"), [("1", 7, 240), ("2", 7, 227), ("3", 3, 233)])
def test_recorded_medical_streams(shared, name, finals, events):
    path = shared / "transcribe-medical-stream" / f"sample-{name}.json"
    t = medtx.read(path)
    check(t)
    assert (len(t.segments), len(t.events)) == (finals, events)
    raw = [event["data"] for event in json.loads(path.read_text())]
    final = [r["Alternatives"][0]["Transcript"] for r in raw if not r["IsPartial"]]
    assert t.segments["transcript"].tolist() == final
    assert t.text().iloc[0] == " ".join(final)
    assert (t.events["partial"]).sum() == events - finals
    assert t.events["arrival"].is_monotonic_increasing
    assert t.words.loc[t.words["kind"] == "pronunciation", "confidence"].notna().all()


def test_streams_read_the_same_in_every_wrapping(shared, tmp_path):
    path = shared / "transcribe-medical-stream" / "sample-1.json"
    recorded = json.loads(path.read_text())
    want = medtx.read(path).words.drop(columns="recording")

    def small(value):
        if isinstance(value, dict):
            return {k[0].lower() + k[1:]: small(v) for k, v in value.items()}
        return [small(v) for v in value] if isinstance(value, list) else value

    lines = tmp_path / "lines.jsonl"
    lines.write_text("\n".join(json.dumps(e) for e in recorded))
    bare = [event["data"] for event in recorded]
    for source in (
        lines,
        bare,
        [small(b) for b in bare],
        [{"Transcript": {"Results": [b]}} for b in bare],
        [{"TranscriptEvent": {"Transcript": {"Results": [b]}}} for b in bare],
        json.dumps(bare).encode(),
    ):
        pd.testing.assert_frame_equal(medtx.read(source).words.drop(columns="recording"), want)


def test_the_guides_medical_result_with_phi(shared):
    path = (
        shared / "transcribe-batch" / "transcribe-developer-guide" / "phi-id-batch.1.trailingcomma.json.txt"
    )
    t = medtx.read(json.loads(path.read_text().replace("}],\n    }", "}]\n    }")))
    assert t.phi.loc[0, ["content", "start", "end", "confidence"]].tolist() == ["Bertrand", 0.92, 1.2, 0.9989]


def test_speakers_on_some_items_only_are_joined_by_time():
    result = job(("yes", 0.9), ("no", 0.8))
    items = result["results"]["items"]
    items[0]["speaker_label"] = "spk_1"
    items.append({"type": "punctuation", "alternatives": [{"content": ".", "confidence": None}]})
    result["results"]["speaker_labels"] = {
        "segments": [
            {"start_time": "0", "end_time": "0.1", "speaker_label": "", "items": []},
            {
                "start_time": "0.5",
                "end_time": "0.9",
                "speaker_label": "spk_0",
                "items": [{"start_time": "0.5", "end_time": "0.9"}],
            },
        ]
    }
    t = medtx.read(result)
    assert t.words["speaker"].tolist() == ["spk_1", "spk_0", "spk_0"]
    result["results"]["speaker_labels"] = None
    assert medtx.read(result).words["speaker"].isna().tolist() == [False, True, True]


def test_silence_gives_a_recording_without_words():
    silent = {
        "jobName": "quiet",
        "results": {"transcripts": [{"transcript": ""}], "items": [], "audio_segments": []},
    }
    t = medtx.read(silent)
    assert t.recordings["recording"].tolist() == ["quiet"]
    assert t.words.empty
    assert t.text().tolist() == [""]


def test_the_word_null_is_a_word():
    assert medtx.read(job(("null", 0.9), ("hypothesis", 0.8))).text()["visit"] == "null hypothesis"


BROKEN = {
    "empty.json": (b"", "empty.json: the file is empty"),
    "cut.json": (b'{"jobName": "a", "results": {"items": [', "cut.json: at byte 39, its end: expected JSON"),
    "words.json": (b"Denies chest pain.", "words.json: expected JSON"),
    "list.json": (b"[1, 2]", "expected Transcribe's batch result or streaming events, found JSON with list"),
    "other.json": (b'{"hello": 1}', "found JSON with hello"),
    "bare.json": (b'{"results": {}}', "at results: expected a transcript with items"),
    "type.json": (b'{"results": {"items": [{"type": 3, "alternatives": []}]}}', "at results.items[0].type"),
    "none.json": (
        b'{"results": {"items": [{"type": "pronunciation", "alternatives": []}]}}',
        "at results.items[0].alternatives: expected at least one",
    ),
    "high.json": (
        json.dumps(job(("pain", 0.4), ("pain", 1.5))).encode(),
        "at results.items[1].alternatives[0].confidence: expected a number from 0 to 1, got 1.5",
    ),
    "nan.json": (json.dumps(job(("pain", "nan"))).encode(), "expected a number from 0 to 1, got nan"),
    "line.jsonl": (b'{"ResultId": "a"}\n{"Resul\n{"ResultId": "b"}', "at line 2: expected JSON"),
    "event.jsonl": (b'{"ResultId": "a"}', "at [0]: expected a streaming result"),
    "latin.txt": ("Ménière".encode("latin-1"), "at byte 1: expected UTF-8 text"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_named_with_the_place(tmp_path, name):
    data, message = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ReadError) as caught:
        medtx.read(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "chest pain" not in str(caught.value)


def test_missing_files_folders_and_globs(tmp_path):
    for source, message in (
        (tmp_path / "no.json", "no such file"),
        (tmp_path / "*.json", "no file matches"),
        (tmp_path, "no .json, .jsonl, .ndjson, .txt, .textgrid"),
    ):
        with pytest.raises(ReadError, match=message):
            medtx.read(source)


def test_good_files_are_read_beside_bad_ones(tmp_path):
    for name, (data, _) in BROKEN.items():
        if not name.endswith(".txt"):
            (tmp_path / name).write_bytes(data)
    (tmp_path / "good.json").write_text(json.dumps(job(("fine", 0.9))))
    t = medtx.read(tmp_path, errors="collect")
    assert t.recordings["recording"].tolist() == ["visit"]
    assert len(t.failures) == len(BROKEN) - 1
    with pytest.raises(ReadError):
        medtx.read(tmp_path)


def test_metadata_joins_by_recording_or_file_name(tmp_path):
    results = [job(("a", 0.9), name="one"), job(("b", 0.9), name="two")]
    path = tmp_path / "metadata.csv"
    path.write_text("file_name,specialty,site,reference\nC:\\data\\one.wav,cardiology,north,secret\n")
    with pytest.warns(UserWarning, match="no row for 1 of 2 recordings"):
        t = medtx.read(results, metadata=path)
    assert t.recordings["specialty"].tolist()[0] == "CARDIOLOGY"
    assert t.recordings["site"].isna().tolist() == [False, True]
    assert "reference" not in t.recordings
    for text, message in (
        ("name;site\none;1", "expected a column recording or file_name, found others"),
        ("recording\none\none", "stands there twice"),
        ("recording\nthree", "none of its 1 recordings"),
        ("", "expected CSV"),
    ):
        path.write_text(text)
        with pytest.raises(ReadError, match=message):
            medtx.read(results, metadata=path)


def test_references_are_kept_as_written(tmp_path):
    (tmp_path / "a.txt").write_text("﻿Takes 1.5 mg.\n\nNo fever?\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("\n")
    t = medtx.read(tmp_path)
    check(t)
    assert t.text().to_dict() == {"a": "Takes 1.5 mg. No fever?", "b": ""}
    assert t.words["segment"].tolist() == [0, 0, 0, 1, 1]


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
words = st.lists(st.tuples(texts, st.none() | st.floats(0, 1)), max_size=30)


@given(words)
def test_no_word_is_lost(said):
    t = medtx.read(json.dumps(job(*said)).encode())
    check(t)
    assert t.words["content"].tolist() == [word for word, _ in said]
    for ours, (_, confidence) in zip(t.words["confidence"], said):
        assert math.isnan(ours) if confidence is None else ours == pytest.approx(confidence)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damaged_results_give_tables_or_one_clear_error(data):
    raw = bytearray(json.dumps(job(("no", 0.9), ("chest", 0.5), ("pain", None))).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(ReadError):
        check(medtx.read(bytes(raw)))


def test_ten_thousand_words_in_one_file():
    many = [(f"word{i % 500}", 0.5) for i in range(10_000)]
    t = medtx.read(msgspec.json.encode(job(*many)))
    assert len(t.words) == 10_000
    assert np.isclose(t.words["confidence"].mean(), 0.5)


def test_packed_and_open_files_are_read_as_what_is_in_them(tmp_path):
    plain = {f"{name}.json": json.dumps(job((name, 0.9), name="")).encode() for name in ("one", "two")}
    for name, data in plain.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
    want = {"one": "one", "two": "two"}
    assert medtx.read(tmp_path).text().to_dict() == want
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, data in plain.items():
            archive.writestr(f"results/{name}", data)
        archive.writestr("__MACOSX/results/._one.json", b"junk")
        archive.writestr("metadata.csv", "recording\n")
    t = medtx.read(tmp_path / "all.zip")
    assert t.text().to_dict() == want
    assert t.recordings["source"][0] == str(tmp_path / "all.zip" / "results" / "one.json")
    with open(tmp_path / "one.json.gz", "rb") as file:
        assert medtx.read(file).text().to_dict() == {"one": "one"}
    assert medtx.read([io.BytesIO(plain["two.json"])]).text().tolist() == ["two"]
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
        archive.writestr("a.txt", "fine")
    assert medtx.read(tmp_path / "texts.zip").text().to_dict() == {"a": "fine"}


def test_broken_packages_are_named(tmp_path):
    whole = gzip.compress(json.dumps(job(("one", 0.9))).encode())
    (tmp_path / "cut.json.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 and no more")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with zipfile.ZipFile(tmp_path / "half.zip", "w") as archive:
        archive.writestr("good.json", json.dumps(job(("good", 0.9), name="")))
        archive.writestr("wrong.json", "{")
    for name, message in (
        ("cut.json.gz", "expected a whole gzip file"),
        ("bad.zip", "expected a ZIP archive"),
        ("empty.zip", "no .json, .jsonl"),
        ("half.zip", "wrong.json: at byte 1, its end: expected JSON"),
        ("none.zip", "no such file"),
    ):
        with pytest.raises(ReadError, match=message):
            medtx.read(tmp_path / name)
    t = medtx.read([tmp_path / "half.zip", tmp_path / "cut.json.gz", tmp_path / "bad.zip"], errors="collect")
    assert t.text().to_dict() == {"good": "good"}
    assert len(t.failures) == 3


def test_lists_of_streams_and_results_are_several_recordings():
    def event(word: str, result: str = "a", at: int = 0) -> dict:
        times = {"StartTime": at, "EndTime": at + 1}
        item = {"Type": "pronunciation", **times, "Content": word, "Confidence": 0.5}
        alternatives = [{"Transcript": word, "Items": [item]}]
        times["IsPartial"] = False
        return {"ResultId": result, "Alternatives": alternatives, **times}

    t = medtx.read([[event("one")], [event("two")], job(("three", 0.5)), event("four")])
    assert t.text().tolist() == ["one", "two", "three", "four"]
    again = medtx.read([event("one"), event("one"), event("two", "b", 1)])
    assert again.text().tolist() == ["one two"]  # a final that was sent twice is said once
    with pytest.warns(UserWarning, match="cut before its stream ended"):
        cut = medtx.read([event("one"), {**event("tw", "b", 1), "IsPartial": True}])
    assert cut.recordings["status"].tolist() == ["CUT"]
    odd = event("one")
    odd["Alternatives"][0]["Items"][0]["StartTime"] = -1
    with pytest.warns(
        UserWarning, match=r"1 value that cannot be right left out, the first at .*StartTime -1"
    ):
        assert medtx.read([odd]).words["start"].isna().tolist() == [True]


def test_talk_at_the_same_time_stays_in_its_channels_segments():
    """Segments of two channels overlap: words go by id, or by time within their channel."""
    result = job(("a", 0.9), ("b", 0.9), ("c", 0.9), ("d", 0.9))
    items = result["results"]["items"]
    for i, item in enumerate(items):
        item |= {"channel_label": f"ch_{i % 2}", "start_time": str(i), "end_time": str(i + 0.9)}
    spans = [("0", "3.9", "ch_0"), ("0.5", "3.9", "ch_1")]
    segments = [{"start_time": a, "end_time": b, "channel_label": c} for a, b, c in spans]
    result["results"]["segments"] = [
        {**s, "alternatives": [{"transcript": "", "items": []}]} for s in segments
    ]
    assert medtx.read(result).words["segment"].tolist() == [0, 1, 0, 1]
    result["results"]["audio_segments"] = [
        {**s, "id": n, "items": ids} for n, (s, ids) in enumerate(zip(segments, ([0, 1], [2, 3])))
    ]
    for i, item in enumerate(items):
        item["id"] = i
    assert medtx.read(result).words["segment"].tolist() == [0, 0, 1, 1]
    del result["results"]["segments"]
    assert medtx.read(result).words["segment"].tolist() == [0, 0, 1, 1]


def test_nulls_stand_for_absent_keys():
    result = job(("yes", 0.9))
    result |= {"jobName": None, "status": None}
    result["results"] |= {"transcripts": None, "speaker_labels": {"segments": None}, "channel_labels": None}
    result["results"]["items"][0] |= {"speaker_label": None, "channel_label": None, "id": None}
    assert medtx.read(result).text().tolist() == ["yes"]


def test_json_that_was_meant_as_a_path_is_not_repeated():
    for text in (json.dumps(job(("secret", 0.9))), "  [{}]"):
        with pytest.raises(InputError) as caught:
            medtx.read(text)
        assert "secret" not in str(caught.value)
    for odd in ("a\0b", "x" * 5000):
        with pytest.raises(ReadError):
            medtx.read(odd)


def test_json_lines_are_known_by_their_content(tmp_path):
    lines = "\n".join(
        json.dumps({"ResultId": "a", "StartTime": 0, "EndTime": 1, "IsPartial": True}) for _ in "ab"
    )
    (tmp_path / "a.json").write_text(lines)
    assert len(medtx.read(tmp_path / "a.json").events) == 2
    assert len(medtx.read(lines.encode()).events) == 2


def test_a_folder_is_searched_as_its_user_would(tmp_path):
    (tmp_path / "one.JSON").write_text(json.dumps(job(("one", 0.9), name="one")))
    (tmp_path / "two.json").symlink_to(tmp_path / "gone.json")
    t = medtx.read(tmp_path, errors="collect")
    assert t.recordings["recording"].tolist() == ["one"]
    assert t.failures["source"].str.endswith("two.json").tolist() == [True]
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "A.TXT").write_text("fine")
    assert medtx.read(tmp_path / "texts").text().to_dict() == {"A": "fine"}


def test_recordings_named_like_numbers_or_nothing(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("recording,site\nNA,north\n007,south\n")
    t = medtx.read([job(("a", 0.9), name="NA"), job(("b", 0.9), name="007")], metadata=path)
    assert t.recordings["site"].tolist() == ["north", "south"]
    same = medtx.from_text({1: "a", "1": "b", "1#2": "c"})
    assert same.recordings["recording"].nunique() == 3
    path.write_text("recording,duration\nNA,00:12\n007,1\n")
    with pytest.raises(ReadError, match="at column duration: expected float64 values"):
        medtx.read([job(("a", 0.9), name="NA"), job(("b", 0.9), name="007")], metadata=path)


def test_what_a_filter_or_redaction_did_is_in_the_words(shared):
    variants = shared / "transcribe-batch" / "variants"
    masked = medtx.read(variants / "07-vocabulary-filter-mask.json").words
    assert masked.loc[masked["filtered"] == "masked", "content"].unique().tolist() == ["***"]
    assert (masked["content"] == "***").sum() == masked["filtered"].notna().sum() == 10
    flags = medtx.read(sorted(variants.glob("0[56]-*.json"))).recordings["redacted"]
    assert flags.tolist() == [True, False]
    result = job(("Mike", 0.9), ("said", 0.9), ("damn", 0.9))
    items = result["results"]["items"]
    hidden = {"content": "[PII]", "redactions": [{"confidence": "0.99", "type": "NAME", "category": "PII"}]}
    items[0]["alternatives"] = [hidden]  # as in the guide's page on PII redaction
    items[2]["vocabularyFilterMatch"] = True
    t = medtx.read(result)
    check(t)
    assert t.words["filtered"].astype(object).fillna("").tolist() == ["redacted", "", "tagged"]
    assert t.words["phi"].astype(object).fillna("").tolist() == ["NAME", "", ""]
    assert t.phi[["content", "category", "start", "end", "confidence"]].to_numpy().tolist() == [
        ["[PII]", "NAME", 0.0, 0.4, 0.99]
    ]


def test_phi_is_joined_to_the_words_it_covers():
    result = job(("Mister", 0.9), ("Bertrand", 0.9), ("Russell", 0.9), ("coughs", 0.9))
    result["results"]["entities"] = [
        {"content": "Bertrand Russell", "category": "PHI*-Personal*", "startTime": 0.48, "endTime": 1.46}
    ]
    words = medtx.read(result).words
    assert words["phi"].notna().tolist() == [False, True, True, False]


def test_languages_of_recordings_and_words():
    result = job(("yes", 0.9), ("sí", 0.9), ("claro", 0.9))
    assert medtx.read(result).recordings["language"].isna().all()
    for item, code in zip(result["results"]["items"], ("en-US", "es-US", "es-US")):
        item["language_code"] = code
    t = medtx.read(result)
    assert t.words["language"].tolist() == ["en-US", "es-US", "es-US"]
    assert t.recordings["language"].tolist() == ["es-US"]  # most words
    result["results"]["language_codes"] = [{"language_code": "en-US", "duration_in_seconds": "9.0"}]
    assert medtx.read(result).recordings["language"].tolist() == ["en-US"]
    result["results"]["language_code"] = "en-GB"
    assert medtx.read(result).recordings["language"].tolist() == ["en-GB"]


def test_alternatives_of_single_words():
    result = job(("chess", 0.6), ("pain", 0.9))
    result["results"]["items"][0]["alternatives"].append({"content": "chest", "confidence": "0.4"})
    t = medtx.read(result)
    check(t)
    rows = t.alternatives[["segment", "rank", "position", "content", "confidence"]].to_numpy().tolist()
    assert rows == [[0, 0, 0, "chess", 0.6], [0, 1, 0, "chest", 0.4]]  # position within the segment
    assert len(t.words) == 2


def test_each_channel_is_a_segment_where_none_is_marked():
    result = job(("a", 0.9), ("b", 0.9), ("c", 0.9))
    for item, channel in zip(result["results"]["items"], ("ch_0", "ch_1", "ch_0")):
        item["channel_label"] = channel
    result["results"]["items"].append(
        {"type": "punctuation", "alternatives": [{"content": "."}], "channel_label": "ch_1"}
    )
    t = medtx.read(result)
    check(t)
    assert t.words["segment"].tolist() == [0, 1, 0, 1]
    assert t.segments[["channel", "start", "end", "transcript"]].to_numpy().tolist() == [
        ["ch_0", 0.0, 1.4, "a c"],
        ["ch_1", 0.5, 0.9, "b."],
    ]


item = st.fixed_dictionaries(
    {
        "word": texts,
        "confidence": st.none() | st.floats(0, 1),
        "gap": st.floats(0, 5),
        "long": st.floats(0, 2),
    },
    optional={"speaker_label": st.sampled_from(["spk_0", "spk_1", ""]), "mark": st.sampled_from(".,?")},
)


@given(st.lists(item, max_size=25), st.integers(1, 2), st.booleans())
def test_order_numbers_and_words_hold_for_any_result(said, channels, listed):
    """Words stay in time order within a channel, positions are dense, and nothing is lost."""
    items, at = [], [0.0] * channels
    for n, one in enumerate(said):
        c = n % channels
        start = at[c] + one["gap"]
        at[c] = end = start + one["long"]
        label = {"channel_label": f"ch_{c}"} if channels > 1 else {}
        if "speaker_label" in one:
            label["speaker_label"] = one["speaker_label"]
        sure = {} if one["confidence"] is None else {"confidence": str(one["confidence"])}
        times = {"start_time": repr(start), "end_time": repr(end)}
        items.append(
            {"type": "pronunciation", "alternatives": [{"content": one["word"]} | sure]} | times | label
        )
        if "mark" in one:
            alternatives = [{"content": one["mark"], "confidence": "0.0"}]
            items.append({"type": "punctuation", "alternatives": alternatives} | label)
    results = {"items": items}
    if listed and channels > 1:
        mine = [[i for i in items if i["channel_label"] == f"ch_{c}"] for c in range(channels)]
        results["channel_labels"] = {
            "channels": [{"channel_label": f"ch_{c}", "items": mine[c]} for c in range(channels)]
        }
    t = medtx.read({"jobName": "any", "results": results})
    check(t)
    words = t.words
    assert words["content"].tolist() == [i["alternatives"][0]["content"] for i in items]
    for _, rows in words.groupby(words["channel"].astype(object).fillna("-")):
        assert rows["start"].dropna().is_monotonic_increasing
    spoken = words[words["kind"] == "pronunciation"]
    spans = t.segments.set_index("segment").loc[spoken["segment"]]
    assert (spans["start"].to_numpy() <= spoken["start"].to_numpy()).all()
    assert (spans["end"].to_numpy() >= spoken["end"].to_numpy()).all()
