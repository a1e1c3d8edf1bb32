"""Captions: every line of text comes out in a cue or is refused, and text that is shown again counts once.

What is right is taken from the formats' documents (https://www.w3.org/TR/webvtt1/) and from what the
programs that make such files write (YouTube, WhisperX, stable-ts).
"""

import re

import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import InputError, ReadError
from medtx.reading.captions import captions

A, B, C = (f"00:00:0{n},000 --> 00:00:0{n + 1},000" for n in (1, 2, 3))


def cues(text):
    segments = captions(text, "x")[0].tables["segments"]
    return list(zip(segments["start"].tolist(), segments["speaker"], segments["transcript"]))


def said(text):
    return [words for *_, words in cues(text)]


def timed(text):
    words = captions(text, "x")[0].tables["words"]
    return list(zip(words["content"], words["start"].tolist(), words["end"].tolist()))


@pytest.mark.parametrize(
    "text",
    [
        f"1\n{A}\nThe dose is\n\n120\n\n\n2\n{B}\ndaily\n",  # blank lines inside and between
        f"1\n{A}\nThe dose is\n120\n2\n{B}\ndaily",  # none between
        f"{A}\nThe dose is\n120\n\n{B}\ndaily\n",  # no numbers
        f"{A}\nThe dose is\n120\n{B}\ndaily\n",  # neither
        f"\ufeff1\r\n{A}\r\nThe dose is\r\n120\r\n\r\n2\r\n{B}\r\ndaily\r\n",
        f"1\r{A}\rThe dose is\r120\r\r2\r{B}\rdaily",
        f"1\n{A} X1:40 X2:600\nThe dose is\n 120 \n\n7\n{B}\ndaily",  # a number that does not follow
        "00:01.000-->00:02.000\nThe dose is\n120\n\n0:0:2.0 --> 00:03,5\ndaily",
        f"1\n{A}\n{{\\an8}}<i>The</i> dose\\Nis <b>1</b>20\n\n2\n{B}\n<font color='#fff'>daily</font>",
    ],
)
def test_a_broken_layout_loses_no_line(text):
    assert said(text) == ["The dose is 120", "daily"]
    assert [start for start, *_ in cues(text)] == [1, 2]


def test_what_webvtt_says_beside_cues_is_not_speech():
    text = f"""WEBVTT - of a visit
Kind: captions
X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0

STYLE
::cue {{ color: red }}

REGION
id:left

NOTE by hand,
in two lines

intro
{A.replace(",", ".")} align:start position:0%
Take two

WEBVTT
X-TIMESTAMP-MAP=LOCAL:00:00:02.000,MPEGTS:0

NOTE

the end
{B.replace(",", ".")}
NOTE tablets
"""
    assert said(text) == ["Take two", "NOTE tablets"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"Visit of Monday\n\n1\n{A}\nTake", "line 1: expected a cue with --> before any text"),
        (f"1\n{A}\nTake\n\n2\n00:0b --> 00:02\ntwo", "line 6: expected 00:00:00.000 --> 00:00:00.000"),
        (f"1\n{A}\nTake two --> three", "line 3: expected 00:00:00.000"),
        ("WEBVTT\n\nNOTE nothing", "expected at least one cue"),
    ],
)
def test_what_is_no_cue_is_refused_with_its_line(text, message):
    with pytest.raises(ReadError, match=message):
        captions(text, "x")


def test_signs_and_entities_are_words():
    text = f"1\n{A}\nBP < 120 and temp > 80\n\n2\n{B}\nBP &lt; 120 &amp; R&D&nbsp;<x\n\n"
    text += f"3\n{C}\n- 5 mg\n-5 degrees"
    assert said(text) == ["BP < 120 and temp > 80", "BP < 120 & R&D <x", "5 mg -5 degrees"]


YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:01.000 --> 00:00:03.000 align:start position:0%
 \u0020
any<00:00:01.500><c> chest</c><00:00:02.000><c> pain</c>

00:00:03.000 --> 00:00:03.010 align:start position:0%
any chest pain
 \u0020

00:00:03.010 --> 00:00:05.000 align:start position:0%
any chest pain
no<00:00:04.000><c> fever</c>

00:00:05.000 --> 00:00:05.010 align:start position:0%
no fever
 \u0020

00:00:05.010 --> 00:00:06.000 align:start position:0%
no fever
no
"""


def test_youtubes_rolling_captions_count_once_with_the_times_of_words():
    assert timed(YOUTUBE)[:5] == [
        ("any", 1.0, 1.5),
        ("chest", 1.5, 2.0),
        ("pain", 2.0, 3.0),
        ("no", 3.01, 4.0),
        ("fever", 4.0, 5.0),
    ]
    assert said(YOUTUBE) == ["any chest pain", "no fever", "no"]


def test_growing_and_scrolling_captions_count_once():
    assert said(f"1\n{A}\ntake\n\n2\n{B}\ntake two\n\n3\n{C}\ntake two tablets") == ["take", "two", "tablets"]
    assert said(f"1\n{A}\na b\n\n2\n{B}\na b\nc d\n\n3\n{C}\nc d\ne f") == ["a b", "c d", "e f"]


def test_what_is_said_twice_counts_twice():
    assert said(f"1\n{A}\nNo.\n\n2\n{B}\nNo.\n\n3\n{C}\nNo, no.") == ["No.", "No.", "No, no."]


@pytest.mark.parametrize(
    "mark", ["<u>{}</u>", '<font color="#00ff00">{}</font>', "<b>{}</b>", "<c.now>{}</c>"]
)
def test_highlighted_words_count_once_with_their_times(mark):
    rows = [
        (A, f"{mark.format('take')} two tablets"),
        (B, "take two tablets"),  # a pause
        (C, f"take {mark.format('two')} tablets"),
        (C.replace("03,", "04,"), f"take two {mark.format('tablets')}"),
    ]
    text = "".join(f"{n}\n{time}\n{words}\n\n" for n, (time, words) in enumerate(rows, 1))
    assert [(word, start) for word, start, _ in timed(text)] == [
        ("take", 1.0),
        ("two", 3.0),
        ("tablets", 4.0),
    ]
    again = text + f"5\n00:00:09,000 --> 00:00:10,000\n{mark.format('take')} two tablets\n"
    assert said(again) == ["take two tablets", "take two tablets"]


def test_voices_labels_and_dashes():
    text = "WEBVTT\n\n00:03.000 --> 00:04.000\n<v.loud Dr. Low>Any <c.x>pain</c>?</v> <v Ann &amp; Co>No"
    assert cues(text) == [(3, "Dr. Low", "Any pain?"), (3, "Ann & Co", "No")]
    text = f"1\n{A}\nDOCTOR: Any pain?\n\n2\n{B}\nPATIENT: No.\n\n3\n{C}\nDOCTOR: BP: 120"
    assert cues(text) == [(1, "DOCTOR", "Any pain?"), (2, "PATIENT", "No."), (3, "DOCTOR", "BP: 120")]
    assert said(f"1\n{A}\n- Any pain?\n- No.\n\n2\n{B}\n>> Good.") == ["Any pain?", "No.", "Good."]


def test_cues_that_overlap_stand_in_order_of_time():
    text = "WEBVTT\n\n00:03.000 --> 00:04.000\n<v A>later\n\n00:01.000 --> 00:05.000\n<v B>first"
    assert cues(text) == [(1, "B", "first"), (3, "A", "later")]


def test_an_encoding_is_asked_for_and_taken(tmp_path):
    path = tmp_path / "visit.srt"
    path.write_bytes(f"1\n{A}\nna\u00efve caf\u00e9\n".encode("cp1252"))
    with pytest.raises(ReadError, match=r"byte 34: expected UTF-8 text, found byte 0xef: encoding= names"):
        medtx.read(path)
    assert medtx.read(path, encoding="cp1252").text().iloc[0] == "na\u00efve caf\u00e9"
    path.write_bytes(f"1\n{A}\n\u4f60\u597d\n".encode("gb18030"))
    assert medtx.read(path, encoding="gb18030").text().iloc[0] == "\u4f60\u597d"
    path.write_bytes(f"1\n{A}\nTake\n".encode("utf-16-le"))
    with pytest.raises(ReadError, match="found a zero byte: encoding= names another"):
        medtx.read(path)
    (tmp_path / "b.txt").write_bytes(b"\xe4")
    with pytest.raises(ReadError, match="expected ascii text, found byte 0xe4"):
        medtx.read(tmp_path / "b.txt", encoding="ascii")
    with pytest.raises(InputError, match="encoding='klingon' is not an encoding"):
        medtx.read(path, encoding="klingon")


word = st.from_regex(r"[A-Za-z<>&.,'\u00e9]{1,8}|\d{1,3}|[<>&]", fullmatch=True).filter(
    lambda w: "-->" not in w and not re.match(r"&\w+;|>>", w)
)
tag = re.compile(r"</?(?:c|i|b|u|s|v|em|ruby|rt|lang|font|span|strong|br)[\s.>/]", re.I)  # which is no word
line = st.lists(word, min_size=1, max_size=5).map(" ".join).filter(lambda said: not tag.search(said))
cue = st.lists(line, min_size=1, max_size=3)


@settings(deadline=None)
@given(
    st.lists(cue, min_size=1, max_size=6), st.booleans(), st.integers(1, 3), st.sampled_from(["\n", "\r\n"])
)
def test_no_line_vanishes(said_lines, numbered, blanks, end):
    """Whatever the layout: the words of all lines come out, in order."""
    out = []
    for n, lines in enumerate(said_lines, 1):
        out += [str(n)] * numbered + [f"00:{n:02}:00,000 --> 00:{n:02}:01,000", *lines, *[""] * blanks]
    words = captions(end.join(out), "x")[0].tables["words"]["content"]
    assert words == [w for lines in said_lines for one in lines for w in re.sub(r"^>>+ *", "", one).split()]


text = st.lists(
    st.sampled_from("take two <b> & 5 -- {x} mg -5 > < don't R&amp;D 10:30".split()), min_size=1, max_size=30
)


@settings(deadline=None)
@given(st.lists(st.tuples(text, st.sampled_from(["spk_0", "Dr. Low", "A & B"])), min_size=1, max_size=5))
def test_what_is_written_as_webvtt_reads_back(tmp_path_factory, turns):
    segments = [
        {
            "session_id": "v",
            "speaker": who,
            "start_time": 9 * n,
            "end_time": 9 * n + 8,
            "words": " ".join(words),
        }
        for n, (words, who) in enumerate(turns)
    ]
    t = medtx.read(segments)
    folder = tmp_path_factory.mktemp("vtt")
    path = t.to_vtt(folder)[0]
    back = medtx.read(path)
    assert back.words["content"].tolist() == t.words["content"].tolist()
    assert back.words["speaker"].astype(str).tolist() == t.words["speaker"].astype(str).tolist()
    assert len(webvtt.read(str(path))) == len(back.segments)  # and a reader of others agrees on the cues
