"""Words: how a written term is said, and how a spoken word sounds (ARPAbet, as in the stock dictionary)."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from medtx.engines.models.text import say
from medtx.errors import optional

FOLDER = Path(__file__).parent
_PART = re.compile(r"[a-z]+(?:'[a-z]+)*|\d+")
_SPELLED = {"mri", "iv", "ekg", "ecg", "eeg", "emg", "copd", "osa", "aaa", "abi", "ana", "ast", "alt", "uti"}


@cache
def stock() -> dict[str, list[str]]:
    """The pronunciations of the dictionary in pocketsphinx's wheel, of each word."""
    return _read(Path(optional("pocketsphinx", "embedded").get_model_path("en-us/cmudict-en-us.dict")))


def _read(path: Path) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, _, phones = line.partition(" ")
        if phones and not line.startswith("#"):
            known.setdefault(re.sub(r"\(\d+\)$", "", word), []).append(phones.strip())
    return known


@cache
def shipped() -> dict[str, list[str]]:
    """The pronunciations of the specialties' words that the stock dictionary lacks."""
    made, checked = _read(FOLDER / "pronunciations.dict"), _read(FOLDER / "by_hand.dict")
    return {word: checked.get(word, []) + made.get(word, []) for word in made.keys() | checked.keys()}


def as_said(term: str) -> str:
    """A written term as its words are said, abbreviations letter by letter.

    >>> as_said("12 lead EKG"), as_said("Crohn's"), as_said("hemoglobin A1c")
    ('twelve lead e k g', "crohn's", 'hemoglobin a one c')
    """
    said = []
    for part in _PART.findall(term.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")):
        if part.isdecimal():
            said.append(say(int(part)) if len(part) < 7 else " ".join(say(int(digit)) for digit in part))
        elif _is_spelled(part):
            said += part
        else:
            said.append(part)
    return " ".join(said)


def _is_spelled(word: str) -> bool:
    if word in _SPELLED or not re.search("[aeiouy]", word):
        return len(word) < 6 and word not in ("mr", "mrs", "dr")
    return len(word) < 4 and word not in stock() and word not in shipped()


_IPA = dict(
    line.split("\t")
    for line in (FOLDER / "ipa.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)
_SYMBOL = re.compile("|".join(sorted(map(re.escape, _IPA), key=len, reverse=True)))
_MARKS = re.compile(r"[\u02c8\u02cc\u02d0.\s_\u203f\u0361\u200d'-]")  # stress, length, ties


def from_ipa(ipa: str) -> str:
    """The phones of the acoustic model for a word in IPA; stress and length are dropped.

    >>> from_ipa("mɛtəpɹoʊlɔl")
    'M EH T AH P R OW L AO L'

    Raises ValueError for a symbol that English has no sound for.
    """
    plain, phones = _MARKS.sub("", ipa), []
    at = 0
    while at < len(plain):
        found = _SYMBOL.match(plain, at)
        if not found:
            raise ValueError(f"character {at + 1} of the IPA is not a sound of American English")
        phones.append(_IPA[found[0]])
        at = found.end()
    return " ".join(phones)


def espeak(word: str) -> str | None:
    """The phones that espeak-ng gives a word; None where it is not installed."""
    program = shutil.which("espeak-ng")
    if not program:
        return None
    command = [program, "-q", "-v", "en-us", "--ipa", word]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    return from_ipa(re.sub(r"\([a-z-]+\)", "", said))


_LETTERS = [
    *[("tion", "SH AH N"), ("sion", "ZH AH N"), ("ough", "AO"), ("eigh", "EY"), ("tch", "CH"), ("sch", "SH")],
    *[("igh", "AY"), ("dge", "JH"), ("eau", "OW"), ("ph", "F"), ("th", "TH"), ("ch", "K"), ("sh", "SH")],
    *[
        ("ck", "K"),
        ("qu", "K W"),
        ("ng", "NG"),
        ("gh", "G"),
        ("rh", "R"),
        ("ps", "S"),
        ("kn", "N"),
        ("wh", "W"),
    ],
    *[("ee", "IY"), ("ea", "IY"), ("ie", "IY"), ("ei", "AY"), ("ai", "EY"), ("ay", "EY"), ("oa", "OW")],
    *[("oo", "UW"), ("ou", "AW"), ("ow", "OW"), ("oi", "OY"), ("oy", "OY"), ("au", "AO"), ("aw", "AO")],
    *[("ew", "UW"), ("eu", "UW"), ("ue", "UW"), ("ae", "IY"), ("oe", "IY"), ("ar", "AA R"), ("er", "ER")],
    *[("ir", "ER"), ("or", "AO R"), ("ur", "ER"), ("ce", "S EH"), ("ci", "S IH"), ("cy", "S IY")],
    *[("ge", "JH EH"), ("gi", "JH IH"), ("gy", "JH IY"), ("x", "K S"), ("a", "AE"), ("e", "EH"), ("i", "IH")],
    *[("o", "OW"), ("u", "AH"), ("y", "IY"), ("c", "K"), ("j", "JH"), ("q", "K"), ("h", "HH")],
    *[(letter, letter.upper()) for letter in "bdfgklmnprstvwz"],
]


def by_letters(word: str) -> str:
    """A rough pronunciation from the spelling alone, for words that nothing else knows.

    >>> by_letters("phentrolide")
    'F EH N T R OW L IH D'
    """
    rest = re.sub(r"(.)\1", r"\1", re.sub("[^a-z]", "", word.lower()))
    if len(rest) > 3 and rest.endswith("e") and rest[-2] not in "aeiouy":
        rest = rest[:-1]
    phones = []
    while rest:
        spelling, sound = next(pair for pair in _LETTERS if rest.startswith(pair[0]))
        phones.append(sound)
        rest = rest[len(spelling) :]
    return " ".join(phones)


def pronounce(word: str) -> list[str]:
    """How a word may sound: as the dictionaries say, else espeak-ng if it is here, else its letters."""
    known = shipped().get(word, []) + stock().get(word, [])
    return list(dict.fromkeys(known)) or [espeak(word) or by_letters(word)]


def write_shipped(words: Iterable[str]) -> None:
    """Make ``pronunciations.dict`` anew, of the words that the stock dictionary lacks."""
    head = (
        "# Made by `python -m medtx.engines.models.words` with espeak-ng; corrections go to by_hand.dict.\n"
    )
    rows = [f"{word} {espeak(word)}\n" for word in sorted(set(words) - stock().keys())]
    (FOLDER / "pronunciations.dict").write_text(head + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    from medtx.engines.models.text import every_word

    write_shipped(every_word())
