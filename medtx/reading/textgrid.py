"""Praat's TextGrid: the tiers of words, or of what each speaker said; phones and notes are not words.

The structure is read by praatio. It looks for key words, which may stand in a label too, so labels
are shielded before, and counted after.

https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from praatio.utilities import errors, textgrid_io

from medtx.errors import ReadError
from medtx.reading.build import Parsed
from medtx.reading.told import tell
from medtx.reading.utterances import Utterance, recording

_TAG = re.compile(r"</?[A-Z_]+/?>")  # PriMock57's <UNSURE>...</UNSURE>, <UNIN/>, <INAUDIBLE_SPEECH/>
_SILENCE = re.compile(r"(?:<?(?:sil|sp|silence|eps|pau|p:)>?|\{(?:sl|sp|lg|cg|br|ns)\}|#+|_+)", re.I)
_KINDS = (
    r"words?|word tier|w|tokens?|wrd",
    r"ort|ort-mau|orth|orthography|orthographic|orthographic transcription",
    r"transcripts?|transcriptions?|trans|text|utterances?|utt|sentences?|phrases?|segments? text",
)
"""Names of tiers of words, the best first."""
_WORDS = [re.compile(kind, re.I) for kind in _KINDS]
_OTHER = re.compile(
    r"phones?|phonemes?|phon|phonetic|phns?|segments?|seg|mau|kan(-mau)?|mas|trn|syll?(able)?s?|pitch|f0|tones?"
    r"|intonation|breaks?|misc|notes?|comments?|remarks?|pos|lemmas?|gloss(es)?|events?|formants?|intensity"
    r"|vad|silences?|states?|ipa|vowels?|consonants?|cv|stress|feet|foot",
    re.I,
)
_SPEAKER = re.compile(r"(?P<speaker>.*\S)\s*(?: - |[_:/|]|-(?=words?$|phones?$))\s*(?P<kind>[^-_:/|]+)")


class Tier(NamedTuple):
    name: str
    points: bool
    entries: list[tuple[float, float, str]]

    @property
    def kind(self) -> str:
        """The name without a speaker's, as the Montreal Forced Aligner writes it: "Ann - words"."""
        found = _SPEAKER.fullmatch(self.name)
        kind = found["kind"].strip() if found else ""
        return kind if _rank(kind) < len(_WORDS) or _OTHER.fullmatch(kind) else self.name.strip()

    @property
    def speaker(self) -> str | None:
        """Whose words these are, if the name says so."""
        if self.kind != self.name.strip():
            return _SPEAKER.fullmatch(self.name)["speaker"]  # type: ignore[index]
        named = _rank(self.kind) == len(_WORDS) and not _OTHER.fullmatch(self.kind)
        return self.name.strip() or None if named else None


def textgrid(text: str, source: str, *, tiers: tuple[str, ...] | None = None) -> list[Parsed]:
    """A TextGrid, long or short. Tags in capitals are taken out, and marks of silence of tiers of words.

    ``tiers`` names those to take, whole or without the speaker's name.
    """
    found = _read(text, source)
    taken = _named(found, tiers, source) if tiers else _chosen(found, source)
    left = [t.name for t in found if t not in taken and any(label for *_, label in t.entries)]
    if left and not tiers:
        mine, others = _listed([t.name for t in taken]), _listed(left)
        tell(source, f"took the tiers {mine} for words and left out {others}; tiers= chooses by name")
    return [recording([u for tier in taken for u in _utterances(tier)], source)]


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:6]) + (", ..." if len(names) > 6 else "")


def _read(text: str, source: str) -> list[Tier]:
    whole = "expected a whole TextGrid of tiers and intervals"
    if text.startswith("ooBinaryFile"):
        raise ReadError(source, "is a binary TextGrid: save it in Praat as a text file")
    shielded, strings = _shield(text, source)
    if strings[:2] != ["ooTextFile", "TextGrid"]:
        raise ReadError(source, whole)
    try:
        read = textgrid_io.parseTextgridStr(shielded, includeEmptyIntervals=True)["tiers"]
        tiers = [
            Tier(
                _label(tier["name"]),
                tier["class"] != "IntervalTier",
                [(float(e[0]), float(e[-2]), _label(e[-1])) for e in tier["entries"]],
            )
            for tier in read
        ]
    except (errors.PraatioException, LookupError, ValueError, AttributeError, TypeError, OverflowError):
        raise ReadError(source, whole) from None
    count = _COUNT.search(shielded)
    if shielded.count('"') % 2 or (count and int(count[1]) != len(tiers)):
        raise ReadError(source, whole, f"tier {len(tiers)}, its last")
    sizes = [int(size) for size in _SIZE.findall(shielded)]
    if sizes != [len(tier.entries) for tier in tiers] or len(strings) != 2 + sum(2 + n for n in sizes):
        number = next((n for n, (a, b) in enumerate(zip(sizes, tiers), 1) if a != len(b.entries)), len(tiers))
        raise ReadError(source, whole, f"tier {number}")
    return tiers


_COUNT = re.compile(r"<exists>\s*(?:size\s*=\s*)?(\d+)")
_SIZE = re.compile(r'"(?:IntervalTier|TextTier)"[^"]*"[^"]*"(?:[^"\d]*+\d[\d.]*+){2}[^"\d]++(\d+)')
_PARTS = re.compile(r'"((?:[^"]|"")*)"|-\d[\d.]*(?:[eE][-+]?\d+)?|(?<![\d.])\d[\d.]*+[eE][-+]?\d+')
_CLASSES = ("ooTextFile", "TextGrid", "IntervalTier", "TextTier")
_SHIELDS = str.maketrans("[=\n\rT", "\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4")
_BACK = str.maketrans("\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5", '[=\n\rT"')


def _shield(text: str, source: str) -> tuple[str, list[str]]:
    """The text as praatio needs it (labels without its key words, plain numbers), and all its strings."""
    strings: list[str] = []

    def plain(found: "re.Match[str]") -> str:
        if found[1] is None:  # a number that praatio does not take
            if (number := float(found[0])) < -1e-6:
                raise ReadError(source, "expected seconds, 0 or more", f"time {number:g}")
            return f"{max(number, 0.0):.9f}"
        strings.append(found[1])
        if found[1] in _CLASSES:
            return found[0]
        return f'"{found[1].replace(chr(34) * 2, chr(0xFDD5)).translate(_SHIELDS)}"'

    body = _PARTS.sub(plain, text.removeprefix("\ufeff"))
    lines = [line.rstrip() for line in re.split(r"\r\n|\r|\n", body) if line.strip()]
    return "\n".join([*lines[:2], "", *lines[2:], ""]), strings


def _label(shielded: str) -> str:
    return " ".join(shielded.translate(_BACK).split())


def _rank(kind: str) -> int:
    """Of names of tiers of words, the best is 0."""
    return next((n for n, names in enumerate(_WORDS) if names.fullmatch(kind)), len(_WORDS))


def _named(found: list[Tier], names: Iterable[str], source: str) -> list[Tier]:
    taken = []
    for name in names:
        key = name.strip().casefold()
        tiers = [t for t in found if t.name.strip().casefold() == key]
        tiers = tiers or [t for t in found if t.kind.casefold() == key]
        if not tiers:
            there = _listed([t.name for t in found])
            raise ReadError(source, f"no tier {name!r}: it has {there or 'none'}")
        taken += [t for t in tiers if t not in taken]
    return taken


def _chosen(found: list[Tier], source: str) -> list[Tier]:
    """Of each speaker the best tier of words; or, where none has such a name, those of speakers."""
    intervals = [t for t in found if not t.points]
    best: dict[str | None, Tier] = {}
    for tier in intervals:
        rank = _rank(tier.kind)
        if rank < len(_WORDS) and (tier.speaker not in best or rank < _rank(best[tier.speaker].kind)):
            best[tier.speaker] = tier
    if best:
        return [t for t in intervals if t in best.values()]
    taken = [t for t in intervals if not _OTHER.fullmatch(t.kind) and not _like_phones(t)]
    if not taken and any(label for t in found for *_, label in t.entries):
        there = _listed([t.name for t in found])
        raise ReadError(source, f"expected a tier of words, found {there}: tiers= chooses by name")
    return taken


def _like_phones(tier: Tier) -> bool:
    """Many labels, each without a blank, a tenth of a second long."""
    said = [(start, end) for start, end, label in tier.entries if label and " " not in label]
    full = sum(bool(label) for *_, label in tier.entries)
    return full > 9 and len(said) == full and sum(end - start for start, end in said) / full < 0.13


def _utterances(tier: Tier) -> list[Utterance]:
    """Of a tier of words a run without a pause is an utterance of timed words."""
    said = [(start, end, _TAG.sub(" ", label).split()) for start, end, label in tier.entries]
    single = _rank(tier.kind) < 2 or _are_words(said)
    if not single:
        return [Utterance(" ".join(words), start, end, tier.speaker) for start, end, words in said if words]
    runs: list[list[tuple[float, float, str]]] = [[]]
    for start, end, words in sorted(said, key=lambda one: one[0]):
        words = [word for word in words if not _SILENCE.fullmatch(word)]
        if not words or (runs[-1] and start > runs[-1][-1][1] + 0.001):
            runs.append([])
        length = (end - start) / max(len(words), 1)
        runs[-1] += [(start + n * length, start + (n + 1) * length, w) for n, w in enumerate(words)]
    return [
        Utterance(
            " ".join(word for *_, word in run),
            run[0][0],
            run[-1][1],
            tier.speaker,
            words=tuple((start, end) for start, end, _ in run),
        )
        for run in runs
        if run
    ]


def _are_words(said: list[tuple[float, float, list[str]]]) -> bool:
    """Whether labels are single words throughout, and enough to tell."""
    full = [words for *_, words in said if words]
    return len(full) > 9 and all(len(words) == 1 for words in full)
