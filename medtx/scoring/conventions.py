"""Conventions of scoring that words alone decide: fillers, joined compounds, spelling.

Whether "um" counts, whether "hay fever" is "hayfever" and "mum" is "mom" can be worth more
than the difference of two engines. The words are in the tables of ``rules/``.
"""

from collections.abc import Sequence
from functools import lru_cache

from medtx.scoring.rules import rules


def rewritten(
    tokens: Sequence[str],
    *,
    fillers: bool = True,
    compounds: bool = False,
    spelling: bool = False,
    answers: bool = True,
) -> list[tuple[str, int, int]]:
    """Tokens of small letters under these conventions, each with the span that it came from.

    ``fillers=False`` leaves "um" and "uh" out, but not an answer such as "uh huh" (``answers``:
    the medical normaliser has joined those). With ``compounds`` two words that are also written
    as one are one, with ``spelling`` British words are American.

    >>> [text for text, _, _ in rewritten("um my mum has hay fever uh huh".split(), fillers=False)]
    ['my', 'mum', 'has', 'hay', 'fever', 'uh', 'huh']
    >>> rewritten("mum has hay fever".split(), compounds=True, spelling=True)
    [('mom', 0, 1), ('has', 1, 2), ('hayfever', 2, 4)]
    """
    known = rules()
    words = [*map(spelled, tokens)] if spelling else tokens
    found: list[tuple[str, int, int]] = []
    at, size = 0, len(words)
    while at < size:
        word, pair, said = words[at], tuple(words[at : at + 2]), tuple(tokens[at : at + 2])
        if compounds and (said in known.compounds or pair in known.compounds):
            one = "".join(said if said in known.compounds else pair)
            found.append((spelled(one) if spelling else one, at, at + 2))
            at += 2
        elif not fillers and answers and pair in known.answers:
            found += [(word, at, at + 1), (pair[1], at + 1, at + 2)]
            at += 2
        else:
            if fillers or word not in known.fillers:
                found.append((word, at, at + 1))
            at += 1
    return found


@lru_cache(maxsize=200_000)
def spelled(word: str) -> str:
    """The American spelling of a word of small letters.

    >>> spelled("oedema"), spelled("mum"), spelled("rise")
    ('edema', 'mom', 'rize')
    """
    known = rules()
    if word in known.spelled:
        return known.spelled[word]
    if len(word) > 3 and known.british.search(word):
        for pattern, replacement in known.spelling:
            if match := pattern.fullmatch(word):
                return match.expand(replacement)
    return word
