"""Minutes are minutes of listening: against unions of intervals that are counted one by one."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.cli import main
from medtx.errors import InputError
from medtx.listening import CONTEXT, by_score, joined
from medtx.tables import frame
from medtx.thresholds import to_hear
from tests.conftest import ROOT

FOLDER = ROOT / "datasets" / "dictations"

words = st.lists(
    st.tuples(
        st.sampled_from("abc"),  # recording
        st.floats(0, 40).map(lambda t: round(t, 2)),  # start
        st.floats(0, 2).map(lambda t: round(t, 2)),  # how long
        st.integers(0, 10).map(lambda n: n / 10),  # confidence
        st.sampled_from(["right", "wrong"]),
    ),
    min_size=1,
    max_size=25,
)


def union(intervals: list[tuple[float, float]]) -> float:
    """How long some of these intervals are: counted from one to the next."""
    total, reached = 0.0, -np.inf
    for low, high in sorted(intervals):
        total += max(0.0, high - max(low, reached))
        reached = max(reached, high)
    return total


def spoken(rows) -> medtx.Transcripts:
    """Transcripts with these words, in order of time."""
    rows = sorted(rows)
    names = sorted({row[0] for row in rows})
    counts = dict.fromkeys(names, 0)
    positions = []
    for name, *_ in rows:
        positions.append(counts[name])
        counts[name] += 1
    table = frame(
        "words",
        {
            "recording": [row[0] for row in rows],
            "position": positions,
            "segment": [n // 4 for n in positions],
            "start": [row[1] for row in rows],
            "end": [row[1] + row[2] for row in rows],
            "content": [f"{row[4]}{n}" for row, n in zip(rows, positions)],
            "kind": ["pronunciation"] * len(rows),
            "confidence": [row[3] for row in rows],
        },
    )
    ends = [max(row[1] + row[2] for row in rows if row[0] == name) + 1 for name in names]
    recordings = frame("recordings", {"recording": names, "engine": ["x"] * len(names), "duration": ends})
    keys = table[["recording", "segment"]].drop_duplicates()
    segments = frame("segments", {"recording": keys["recording"].tolist(), "segment": keys["segment"]})
    return medtx.Transcripts(recordings=recordings, words=table, segments=segments)


def aligned(t: medtx.Transcripts) -> medtx.Alignment:
    said = {
        name: " ".join(w if w.startswith("right") else "other" for w in rows["content"])
        for name, rows in t.words.groupby("recording", observed=True)
    }
    return medtx.align(hypotheses=t, references=said, normalize="plain")


@settings(deadline=None)
@given(words, st.sampled_from([0.0, 0.5, 1.5, 4.0]))
def test_minutes_are_the_union_of_what_is_heard(rows, context):
    t = spoken(rows)
    ends = dict(zip(t.recordings["recording"], t.recordings["duration"]))
    s = medtx.sweep(aligned(t), "recording", context=context)
    pooled = medtx.sweep(aligned(t), context=context)
    for threshold in (0.05, 0.35, 0.7, 1.0, np.inf):
        heard = {name: [] for name in ends}
        for name, start, long, sure, _ in rows:
            if sure < threshold:
                heard[name].append((max(0, start - context), min(ends[name], start + long + context)))
        each = {name: union(intervals) / 60 for name, intervals in heard.items()}
        told = s.at(threshold).set_index("group")["review_minutes"]
        assert told.to_dict() == pytest.approx(each, abs=1e-9)
        row = pooled.at(threshold).iloc[0]
        assert row["review_minutes"] == pytest.approx(sum(each.values()), abs=1e-9)
        bare = sum(row[2] for row in rows if row[3] < threshold) / 60
        assert row["word_minutes"] == pytest.approx(bare, abs=1e-9)
        point = pooled.operating_point(threshold)
        assert point.review_minutes == pytest.approx(row["review_minutes"])


@settings(deadline=None)
@given(words, st.sampled_from(["word", 3, 4, "segment", "recording"]), st.sampled_from([0.0, 1.5]))
def test_the_stretches_to_hear_last_as_long_as_the_sweep_says(rows, unit, context):
    t = spoken(rows)
    point = medtx.sweep(aligned(t), unit=unit, context=context).operating_point(0.45)
    marked = point.apply(t)
    stretches = to_hear(marked)
    long = (stretches["end"] - stretches["start"]).sum() / 60
    assert long == pytest.approx(point.review_minutes, abs=1e-9)
    assert stretches["words"].sum() == marked["review"].sum() == point.review_words
    ends = t.recordings.set_index("recording")["duration"]
    found = set()
    for row in stretches.itertuples():
        assert 0 <= row.start <= row.end <= ends[row.recording]
        mine = marked[marked["recording"] == row.recording].set_index("position")
        assert (mine.loc[row.positions, "confidence"] < 0.45).all()
        assert mine.loc[row.positions, "start"].min() >= row.start
        assert mine.loc[row.positions, "end"].max() <= row.end
        assert row.doubtful == ", ".join(mine.loc[row.positions, "content"])
        assert row.confidence == mine.loc[row.positions, "confidence"].min()
        assert row.first <= min(row.positions) <= max(row.positions) <= row.last
        found |= {(row.recording, position) for position in row.positions}
    doubt = marked[marked["confidence"] < 0.45]
    assert found == set(zip(doubt["recording"], doubt["position"]))
    for _, mine in stretches.groupby("recording"):
        assert (mine["start"].to_numpy()[1:] > mine["end"].to_numpy()[:-1]).all()  # what meets is one


@settings(deadline=None)
@given(words, st.sampled_from([3, 5]))
def test_a_window_is_heard_from_its_first_word_to_its_last(rows, unit):
    t = spoken(rows)
    ends = dict(zip(t.recordings["recording"], t.recordings["duration"]))
    half = unit // 2
    point = medtx.sweep(aligned(t), unit=unit).operating_point(0.35)
    total = 0.0
    for name, said in t.words.groupby("recording", observed=True):
        heard = []
        for n, sure in enumerate(said["confidence"]):
            if sure < 0.35:
                window = said.iloc[max(0, n - half) : n + half + 1]
                low, high = window["start"].min() - CONTEXT, window["end"].max() + CONTEXT
                heard.append((max(0, low), min(ends[name], high)))
        total += union(heard)
    assert point.review_minutes == pytest.approx(total / 60, abs=1e-9)


def test_two_groups_that_are_heard_together_are_heard_once():
    """Every other word is of another class: both need nearly all of the time, which passes once."""
    rows = [("a", n / 2, 0.4, 0.2, "right" if n % 2 else "wrong") for n in range(20)]
    t = spoken(rows)
    a = aligned(t)
    group = pd.Series(np.where(a.pairs["hypothesis"].str.startswith("right"), "one", "two"), name="kind")
    s = medtx.sweep(a, group)
    by = s.at(0.5).set_index("group")["review_minutes"]
    whole = s.operating_point(0.5).review_minutes
    assert whole == pytest.approx(medtx.sweep(a).at(0.5)["review_minutes"].item())
    assert whole == pytest.approx((9.5 + 0.4 + 1) / 60)  # it ends a second after its last word
    assert by.max() <= whole < by.sum()
    assert s.curve()["review_minutes"].iloc[-1] == pytest.approx(whole)


def test_what_it_takes_to_listen_to_the_shipped_dictations(dictations):
    """Of 58.7 minutes the bare words below 0.79 last 24.7, and 57.2 must be heard to judge them."""
    a = medtx.align(hypotheses=dictations.transcripts, references=dictations.references)
    assert dictations.transcripts.recordings["duration"].sum() / 60 == pytest.approx(58.7, abs=0.05)
    point = medtx.sweep(a).operating_point(0.79)
    assert (round(point.word_minutes, 1), round(point.review_minutes, 1)) == (24.7, 57.2)
    assert "57.2 minutes to listen with 1.5 s around (24.7 minutes of bare words)" in str(point)
    stretches = to_hear(point.apply(dictations.transcripts))
    assert (stretches["end"] - stretches["start"]).min() > 1.5
    assert (stretches["end"] - stretches["start"]).sum() / 60 == pytest.approx(point.review_minutes)
    near = medtx.sweep(a, context=0.5).operating_point(0.79)
    assert near.word_minutes < near.review_minutes < point.review_minutes
    assert near.apply(dictations.transcripts)["hear_start"].notna().sum() == near.review_words


def test_words_without_times_make_minutes_unknown_and_not_none():
    t = spoken([("a", 1.0, 0.4, 0.2, "right"), ("a", 2.0, 0.4, 0.9, "right"), ("a", 3.0, 0.4, 0.6, "wrong")])
    t.words.loc[2, ["start", "end"]] = np.nan
    s = medtx.sweep(aligned(t))
    assert s.at(0.5)["review_minutes"].item() == pytest.approx((1.4 + CONTEXT) / 60)
    assert np.isnan(s.at(0.7)["review_minutes"].item())
    point = s.operating_point(0.7)
    assert "minutes not known for want of times" in str(point)
    rows = to_hear(point.apply(t))
    assert rows["positions"].tolist() == [[0], [2]]
    assert rows["start"].isna().tolist() == [False, True]
    assert rows["words"].sum() == 2


def test_the_setting_is_kept_and_checked(tmp_path, dictations):
    a = medtx.align(hypotheses=dictations.transcripts, references=dictations.references)
    chosen = medtx.sweep(a, context=3).operating_point(0.5)
    again = medtx.load_threshold(chosen.save(tmp_path / "t.json"))
    assert (again.context, again.review_minutes) == (3.0, chosen.review_minutes)
    for wrong in (-1, np.inf, np.nan, "x", True):
        with pytest.raises(InputError, match="is not a number of seconds"):
            medtx.sweep(a, context=wrong)
    assert joined(*[np.zeros(0, int)] * 4, 1.0).start.size == 0
    assert by_score(*[np.zeros(0)] * 4, np.zeros(1), 1.0).minutes.size == 0


def test_the_commands_count_listening(tmp_path, capsys):
    kept, out = str(tmp_path / "t.json"), tmp_path / "hear.csv"
    main(["threshold", str(FOLDER / "results"), str(FOLDER / "references"), "--out", kept])
    said = capsys.readouterr().out
    assert "review_minutes" in said
    assert "minutes to listen with 1.5 s around" in said
    main(["review", kept, str(FOLDER / "results"), "--out", str(out)])
    said = capsys.readouterr().out
    table = pd.read_csv(out)
    minutes = (table["end"] - table["start"]).sum() / 60
    assert f"{minutes:.1f} minutes to listen" in said
    assert "of bare words" in said
    positions = table["positions"].str.split()
    assert positions.str.len().sum() == table["words"].sum()
    main(["review", kept, str(FOLDER / "results"), "--context", "0"])
    assert f"{minutes:.1f} minutes" not in capsys.readouterr().out


def test_label_studio_plays_what_must_be_heard(tmp_path, dictations):
    t = dictations.transcripts.select(["cardiology-01", "cardiology-02"])
    path = t.to_label_studio(tmp_path / "tasks.json", audio="https://host/{recording}.wav", threshold=0.3)
    point = medtx.sweep(
        medtx.align(hypotheses=t, references=dictations.references.select(["cardiology-01", "cardiology-02"]))
    ).operating_point(0.3)
    tasks = json.loads(path.read_text())
    play = [
        r for task in tasks for r in task["predictions"][0]["result"] if r["value"].get("labels") == ["play"]
    ]
    assert sum(r["value"]["end"] - r["value"]["start"] for r in play) / 60 == pytest.approx(
        point.review_minutes
    )
    told = sum(task["data"]["minutes_to_listen"] for task in tasks)
    assert told == pytest.approx(point.review_minutes, abs=0.011)
