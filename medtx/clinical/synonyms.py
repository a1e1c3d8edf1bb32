"""What means the same, said in other words: "coumadin" and "warfarin", "0.125 mg" and "125 mcg"."""

import re
from functools import cache

from medtx.clinical.lexicon import table
from medtx.scoring.medical import Medical

Words = tuple[str, ...]

AMOUNT = re.compile(r"(\d+(?:\.\d+)?)(?: ?(?:to|or|-) ?(\d+(?:\.\d+)?))? (mg|mcg|g|units?)\b")
"""An amount as the medical normaliser writes it, or a range of amounts."""

_SMALLEST = {"g": (1_000_000, "mcg"), "mg": (1000, "mcg"), "mcg": (1, "mcg"), "unit": (1, "units")}
_SALTS = frozenset(
    "succinate tartrate hydrochloride hcl sodium potassium besylate maleate mesylate sulfate acetate "
    "er xr sr xl cr dr ec la".split()
)


@cache
def plain(text: str) -> str:
    """The text as the medical normaliser writes it."""
    return " ".join(Medical()(text.split()).text)


@cache
def _standard() -> dict[str, str]:
    return {plain(said): plain(standard) for said, standard in table("synonyms")}


def standard(words: Words) -> Words:
    """The standard form of normalised words: of a term, of a frequency, of an amount.

    >>> standard(("coumadin",)), standard(("once", "a", "day")), standard(("0.125", "mg"))
    (('warfarin',), ('daily',), ('125', 'mcg'))
    """
    text = " ".join(words)
    found = AMOUNT.fullmatch(text)
    if found and not found[2]:
        return tuple(f"{value:g}" if isinstance(value, float) else value for value in amounts(text)[0])
    return tuple(_standard().get(text, text).split())


def amounts(text: str) -> list[tuple[float, str]]:
    """The amounts in a normalised text, in mcg or units; both ends of a range.

    >>> amounts("5 to 10 mg")
    [(5000.0, 'mcg'), (10000.0, 'mcg')]
    """
    found = []
    for least, most, unit in AMOUNT.findall(text):
        times, smallest = _SMALLEST[unit.removesuffix("s")]
        found += [(float(value) * times, smallest) for value in (least, most) if value]
    return found


def medicine(name: str) -> str:
    """What a drug is listed under: its generic name, without the salt.

    >>> medicine("Coumadin"), medicine("metoprolol succinate")
    ('warfarin', 'metoprolol')
    """
    words = _standard().get(plain(name), plain(name)).split()
    while len(words) > 1 and words[-1] in _SALTS:
        words.pop()
    return " ".join(words)
