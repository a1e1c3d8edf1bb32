"""Words of STM and CTM that would be taken for marks, such as "{" and "@".

sclite has no way to escape them. So both formats get the number of the character instead, as in
"%u007B", and medtx reads it back. sclite sees the same word on both sides.
"""

import re

_MARK = re.compile(
    r"[{}]"  # alternatives
    r"|^@$|^\(\)$"  # no word
    r"|^<(?=ALT)"
    r"|I(?=GNORE_TIME_SEGMENT_IN_SCORING)"
    r"|%(?=u[0-9A-F]{4})",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"%u([0-9A-F]{4})")


def escaped(word: str) -> str:
    """
    >>> escaped("{NOISE}"), escaped("@"), escaped("50%")
    ('%u007BNOISE%u007D', '%u0040', '50%')
    """
    return _MARK.sub(lambda found: "".join(f"%u{ord(c):04X}" for c in found[0]), word)


def is_like_mark(content: str) -> bool:
    """Whether an item holds a word that would be taken for a mark."""
    return any(map(_MARK.search, content.split()))


def safe(content: str) -> str:
    """An item with each of its words `escaped`, as "New York" has two."""
    return " ".join(map(escaped, content.split())) if is_like_mark(content) else content


def plain_words(text: str) -> str:
    """What `escaped` was given.

    >>> plain_words("%u007BNOISE%u007D")
    '{NOISE}'
    """
    return _NUMBER.sub(lambda found: chr(int(found[1], 16)), text)
