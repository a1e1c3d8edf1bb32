"""Channels and speakers are kept apart in alignment; without them both sides are in order of time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.reading.build import Builder, Word, of_words
from medtx.reading.references import Utterance, recording


def result(words, engine="made", name="v"):
    """A result of (word, start, channel, speaker, segment); each word lasts 0.4 s."""
    builder = Builder()
    said = [
        Word(word, start, start + 0.4, 0.9, segment, speaker, channel)
        for word, start, channel, speaker, segment in words
    ]
    builder.add(of_words(engine, said, "made", name=name), name)
    return builder.transcripts()


def reference(utterances, name="v"):
    """A reference of (text, start, end, speaker, channel); words have no times."""
    builder = Builder()
    builder.add(recording([Utterance(*one) for one in utterances], "made", name), name)
    return builder.transcripts()


def errors(ref, hyp, normalize="plain"):
    """Of words, of characters and of raw words."""
    total = medtx.align(references=ref, hypotheses=hyp, normalize=normalize).rates(replicates=10).loc["TOTAL"]
    wrong = total[["substitutions", "deletions", "insertions"]].sum()
    return int(wrong), int(total["character_errors"]), int(total["raw_errors"])


TALK = [
    ("any chest pain since then", 0.0, 2.5, "doctor", "1"),
    ("no no", 0.9, 1.8, "patient", "2"),
    ("and a fever", 3.0, 4.5, "doctor", "1"),
    ("only at night", 3.2, 5.0, "patient", "2"),
]


def perfect(labels, order, speakers=None, segments=None):
    """What an engine that hears all of TALK gives: words spread over their utterances."""
    words = []
    for text, start, end, speaker, channel in TALK:
        said = text.split()
        step = (end - start) / len(said)
        for n, word in enumerate(said):
            who = speakers and speakers[speaker]
            segment = None if segments is None else segments[channel]
            words.append((word, start + n * step, labels and labels[channel], who, segment))
    keys = {"time": lambda w: w[1], "channel": lambda w: (w[2], w[1])}
    return result(sorted(words, key=keys[order]))


TWO = {"1": "ch_0", "2": "ch_1"}
SWAPPED = {"1": "B", "2": "A"}
SAME = {"1": "1", "2": "2"}


@pytest.mark.parametrize("normalize", ["none", "plain", "medical"])
@pytest.mark.parametrize("order", ["time", "channel"])
@pytest.mark.parametrize("labels", [TWO, SWAPPED, SAME])
@pytest.mark.parametrize("segments", [None, {"1": 0, "2": 1}])
def test_a_right_result_of_two_channels_has_no_errors(labels, order, segments, normalize):
    if order == "time" and segments:
        segments = None  # a segment a run
    hyp = perfect(labels, order, segments=segments)
    no_channels = [(*one[:4], None) for one in TALK]
    one_channel = [(*one[:4], "1") for one in TALK]
    for ref in (reference(TALK), reference(no_channels), reference(one_channel)):
        assert errors(ref, hyp, normalize) == (0, 0, 0)
        table = medtx.cpwer(references=ref, hypotheses=hyp, normalize=normalize)
        assert table.loc["TOTAL", "errors"] == 0
    assert table.loc["v", "speakers"] == f"doctor={labels['1']}, patient={labels['2']}"


def test_a_ctm_by_channel_meets_an_stm_in_order_of_time(tmp_path):
    """The words of one channel come after all of the other's, as sclite wants them."""
    stm, ctm = tmp_path / "v.stm", tmp_path / "v.ctm"
    words = "please breathe in now deeply and hold it".split()
    stm.write_text("".join(f"v {1 + n % 2} s{n % 2} {n} {n + 0.9} {word}\n" for n, word in enumerate(words)))
    lines = [(1 + n % 2, f"v {1 + n % 2} {n + 0.1} 0.5 {word} 0.9\n") for n, word in enumerate(words)]
    ctm.write_text("".join(line for _, line in sorted(lines)))
    a = medtx.align(references=stm, hypotheses=ctm)
    assert (a.pairs["op"] == "equal").all()
    assert a.pairs["part"].tolist() == [0] * 4 + [1] * 4
    assert a.rates(by="channel")["reference_words"].to_dict() == {"1": 4, "2": 4, "TOTAL": 8}


def test_labels_that_differ_are_matched_by_least_errors():
    hyp = [("no", 0.0, "x", None, None), ("fever", 1.0, "x", None, None), ("yes", 0.5, "y", None, None)]
    ref = reference([("yes", 0.5, 0.9, None, "left"), ("no fever", 0.0, 2.0, None, "right")])
    assert errors(ref, result(hyp))[0] == 0
    ref = reference([("yes", 0.5, 0.9, None, "x"), ("no fever", 0.0, 2.0, None, "y")])
    assert errors(ref, result(hyp))[0] == 4  # equal labels belong together, as sclite has it


def test_a_channel_on_which_nothing_was_heard_is_deletions():
    hyp = result([w for w in words_of(perfect(SAME, "channel")) if w[2] == "1"])
    a = medtx.align(references=reference(TALK), hypotheses=hyp)
    assert a.pairs["op"].value_counts().to_dict() == {"equal": 8, "delete": 5, "substitute": 0, "insert": 0}


def words_of(t):
    return [
        (w.content, w.start, w.channel if isinstance(w.channel, str) else None, None, None)
        for w in t.words.itertuples()
    ]


def test_a_speaker_taken_for_another_costs_no_word():
    """An engine that heard all words, and told all speakers wrong: that is what cpWER counts."""
    talk = [("any pain", 0.0, 1.0, "doctor", None), ("no pain", 1.0, 2.0, "patient", None)]
    talk += [("and fever", 1.8, 3.0, "doctor", None)]
    heard = "any pain no pain and fever".split()
    hyp = result([(w, n / 2, None, f"spk_{n % 2}", 0) for n, w in enumerate(heard)])
    assert errors(reference(talk), hyp)[0] == 0
    assert medtx.cpwer(references=reference(talk), hypotheses=hyp).loc["TOTAL", "errors"] > 0


def test_speakers_who_talk_at_once_are_kept_apart():
    ref = reference([(*one[:4], None) for one in TALK])
    told_apart = perfect(None, "time", speakers={"doctor": "spk_1", "patient": "spk_0"})
    assert errors(ref, told_apart)[0] == 0
    assert errors(ref, perfect(None, "time"))[0] > 0  # without labels the words of both mix


def test_text_without_times_keeps_its_order():
    hyp = perfect(TWO, "channel", segments={"1": 0, "2": 1})
    calm = [("any pain", 0.0, 1.0, "doctor", "1"), ("no", 2.0, 3.0, "patient", "2")]
    calm += [("and fever", 4.0, 5.0, "doctor", "1")]
    hyp = result(
        [("any", 0.0, "ch_0", None, 0), ("pain", 0.5, "ch_0", None, 0)]
        + [("and", 4.0, "ch_0", None, 0), ("fever", 4.5, "ch_0", None, 0), ("no", 2.0, "ch_1", None, 1)]
    )
    assert errors({"v": "any pain\nno\nand fever"}, hyp)[0] == 0
    assert errors(reference([(*one[:3], None, None) for one in calm]), hyp)[0] == 0
    assert errors({"v": "fever and\nany"}, {"v": "fever and any"})[0] == 0


def test_words_of_a_segment_keep_their_order_whatever_their_times():
    """Some engines give a word a time before the one that it follows."""
    said = "take two tablets at night".split()
    times = [0.0, 1.0, 0.8, 2.0, 2.0]
    hyp = result([(w, t, None, None, 0) for w, t in zip(said, times)])
    assert errors({"v": " ".join(said)}, hyp)[0] == 0
    assert errors(reference([(" ".join(said), 0.0, 3.0, None, None)]), hyp)[0] == 0


def test_what_follows_from_pairs_does_not_cross_channels(tmp_path):
    ref = reference([("takes met", 0.0, 1.0, None, "1"), ("formin daily", 0.2, 1.2, None, "2")])
    hyp = result(
        [("takes", 0.0, "1", None, 0), ("met", 0.5, "1", None, 0), ("uh", 0.1, "2", None, 1)]
        + [("formin", 0.2, "2", None, 1), ("daily", 0.7, "2", None, 1)]
    )
    a = medtx.align(references=ref, hypotheses=hyp)
    assert a.pairs["op"].tolist() == ["equal", "equal", "insert", "equal", "equal"]
    by = a.rates(by="channel")
    assert by["insertions"].to_dict() == {"1": 0, "2": 1, "TOTAL": 1}
    assert a.keywords(["met formin", "takes met"], by="term")["reference"].to_dict() == {
        "met formin": 0,
        "takes met": 1,
        "TOTAL": 1,
    }
    assert "met" in a.text("v").split("\n\n")[0]
    assert "daily" in a.text("v").split("\n\n")[1]
    assert "<br>" in a._repr_html_()


def test_a_token_of_several_words_has_them_of_its_own_channel():
    """Five hundred, said while the other channel says "yes"; the words are in order of time."""
    ref = reference([("five hundred mg", 0.0, 2.0, None, "1"), ("yes", 0.6, 0.9, None, "2")])
    heard = [("five", 0.0, "1"), ("yes", 0.5, "2"), ("hundred", 0.6, "1"), ("mg", 1.0, "1")]
    builder = Builder()
    words = [
        Word(w, start, start + 0.4, sure, None, None, channel)
        for (w, start, channel), sure in zip(heard, (0.9, 0.2, 0.8, 0.7))
    ]
    builder.add(of_words("made", words, "made", name="v"), "v")
    a = medtx.align(references=ref, hypotheses=builder.transcripts(), normalize="medical")
    first = a.pairs.iloc[0]
    assert (first["op"], first["words"], first["confidence"]) == ("equal", 2, 0.8)
    at = a.sweep().at(0.5).iloc[0] if hasattr(a, "sweep") else medtx.sweep(a).at(0.5).iloc[0]
    assert at["review_words"] == 1  # "yes" only


def test_selected_recordings_keep_their_counts():
    ref = medtx.concat([reference(TALK, "a"), reference(TALK[:2], "b")])
    hyp = medtx.concat([renamed("a"), renamed("b")])
    a = medtx.align(references=ref, hypotheses=hyp)
    pd.testing.assert_frame_equal(a.select("b").counts, a.counts.loc[["b"]])


def renamed(name):
    heard = words_of(perfect(SAME, "channel"))
    return result([(w, start, channel, None, None) for w, start, channel, *_ in heard], name=name)


turns = st.lists(
    st.tuples(
        st.lists(st.sampled_from("no pain yes fever at night".split()), min_size=1, max_size=5),
        st.integers(0, 20),
        st.integers(1, 6),
        st.sampled_from(["a", "b", "c"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(turns, st.permutations(["x", "y", "z"]))
def test_any_talk_on_channels_against_itself(talk, labels):
    """Each word counts once, and equal channels give no errors whatever they are called."""
    names = dict(zip("abc", labels))
    ends = dict.fromkeys("abc", 0.0)
    said, heard = [], []
    for words, gap, length, channel in talk:
        start = ends[channel] + gap / 4
        ends[channel] = start + length / 2
        said.append((" ".join(words), start, ends[channel], None, channel))
        step = length / 2 / len(words)
        heard += [(w, start + n * step, names[channel], None, None) for n, w in enumerate(words)]
    ref = reference(said)
    for order in (1, 2):
        hyp = result(sorted(heard, key=lambda w, order=order: (w[2] if order == 2 else "", w[1])))
        a = medtx.align(references=ref, hypotheses=hyp, normalize="none")
        if len({one[4] for one in said}) > 1 and len({one[4] for one in said} & set(labels)) == 0:
            assert (a.pairs["op"] == "equal").all()
        assert sorted(a.pairs["position"][a.pairs["position"] >= 0]) == list(range(len(hyp.words)))
        seen = a.pairs["reference_position"]
        assert sorted(seen[seen >= 0]) == list(range(len(ref.words)))
        assert np.all(np.diff(a.pairs["part"]) >= 0)


def test_visits_of_primock57_on_two_channels(shared):
    """Doctor and patient were transcribed apart, and talk at once on every visit."""
    t = medtx.read(shared / "corpora" / "primock57" / "transcripts")
    whole = t.merge(lambda name: name.rsplit("_", 1)[0])
    names = list(whole.recordings["recording"])[:8]
    ref, builder = whole.select(names), Builder()
    for name in names:
        one = ref.select(name)
        spans = one.segments.set_index("segment")
        words = []
        for number, said in one.words.groupby("segment"):
            start, end, who = spans.loc[number, ["start", "end", "speaker"]]
            step = (end - start) / len(said)
            channel = "ch_0" if who.lower() == "doctor" else "ch_1"
            words += [
                Word(w, start + n * step, start + (n + 1) * step, 0.9, None, None, channel)
                for n, w in enumerate(said["content"])
            ]
        words.sort(key=lambda w: w.start)
        builder.add(of_words("made", words, "made", name=name), name)
    hyp = builder.transcripts()
    assert errors(ref, hyp) == (0, 0, 0)
    assert medtx.cpwer(references=ref, hypotheses=hyp).loc["TOTAL", "errors"] == 0


def test_speakers_that_are_numbered_anew_on_each_channel():
    """As engines do that are asked for channels and speakers both."""
    talk = [("any pain", 0.0, "0", "ch_0"), ("no", 1.0, "0", "ch_1"), ("since when", 1.2, "0", "ch_0")]
    talk += [("let him answer", 2.0, "1", "ch_1")]
    hyp = result(
        [
            (w, start + n / 10, channel, who, None)
            for text, start, who, channel in talk
            for n, w in enumerate(text.split())
        ]
    )
    said = [("any pain since when", 0.0, 2.0, "doctor", None), ("no", 1.0, 1.2, "patient", None)]
    ref = reference([*said, ("let him answer", 2.0, 3.0, "mother", None)])
    row = medtx.cpwer(references=ref, hypotheses=hyp).loc["v"]
    assert (row["errors"], row["speakers"]) == (0, "doctor=0 ch_0, patient=0 ch_1, mother=1")
