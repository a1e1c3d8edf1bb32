"""What the readers of AWS's shapes share: numbers, words of a text, and words that a list has left out."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rapidfuzz.distance import Indel

from medtx.reading.build import Parsed, Word, comparable, phi
from medtx.reading.told import tell


class Entity(NamedTuple):
    """A span of identifying words, as `medtx.reading.build.phi` takes it."""

    content: str
    category: str
    start_time: float | None
    end_time: float | None
    confidence: float | None


def number(value: Any, per: float = 1) -> float | None:
    return None if value is None else float(value) / per


def label(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def is_list_of(data: Any, *keys: str) -> bool:
    """Whether it is a list of objects that have these keys; an empty one is."""
    return isinstance(data, list) and all(
        isinstance(one, Mapping) and all(key in one for key in keys) for one in data
    )


REDACTED = re.compile(r"[^\w\[]*(\[[A-Z_]+\])\W*")
"""What stands for a word that was taken out: [PII], or its kind, such as [NAME]."""


def left_out(said: Sequence[str], text: str) -> list[tuple[int, str]]:
    """The words of a text that are not among those said, and before which of these each stands.

    Of texts too long to align, they stand after all.

    >>> left_out(["Take", "tablets", "."], "Take two tablets.")
    [(1, 'two')]
    """
    if "".join("".join(said).split()) == "".join(text.split()):
        return []
    bare = [_bare(word) for word in said]
    words = [word for word in text.split() if _bare(word)]
    more = Counter(map(_bare, words)) - Counter(bare)  # a text in another order leaves nothing out
    written_bare = [_bare(word) for word in words]
    if not comparable(bare, written_bare):
        return [(len(said), word) for word, plain in zip(words, written_bare) if _taken(more, plain)]
    edits = list(Indel.opcodes(bare, written_bare))
    others = [edit for edit in edits if edit.tag == "delete"]
    written = {at for edit in others for at in (edit.src_start, edit.src_end)}  # in another way, there
    found = []
    for edit in edits:
        if edit.tag != "insert" or edit.src_start in written:
            continue
        for word in words[edit.dest_start : edit.dest_end]:
            if _taken(more, _bare(word)):
                found.append((edit.src_start, word))
    return found


def _taken(more: Counter[str], plain: str) -> bool:
    """Whether there is one of these still; there is one less then."""
    there = more[plain] > 0
    more[plain] -= there
    return there


def _bare(word: str) -> str:
    return re.sub(r"\W+", "", word).casefold()


def completed(items: Sequence[Word], text: str | None, one: Word) -> Iterator[Word]:
    """The items, and the words of the text that they leave out, as ``one`` without times."""
    missing = left_out([item.content for item in items], text or "")
    for n, item in enumerate(items):
        yield from (one._replace(content=word) for at, word in missing if at == n)
        yield item
    yield from (one._replace(content=word) for at, word in missing if at == len(items))


def tell_left_out(count: int, source: str) -> None:
    if count:
        many = "1 word of a text is" if count == 1 else f"{count} words of the texts are"
        tell(source, f"{many} not in its list of words: kept, without time and confidence")


def mark(parsed: Parsed, entities: list[Entity], filtered: Sequence[str | None] | None = None) -> Parsed:
    """With the words' marks of filters and redaction, and the phi table."""
    words = parsed.tables["words"]
    if filtered is not None and any(filtered):
        words["filtered"] = list(filtered)
    if entities:
        parsed.tables["phi"] = phi(entities, words)
    return parsed


def hidden(content: str) -> str | None:
    """What a vocabulary filter or the redaction has made of a word."""
    return "masked" if content == "***" else "redacted" if REDACTED.fullmatch(content) else None
