"""Reference transcripts as plain text: one file a recording, a line an utterance."""

from collections.abc import Mapping

from medtx.errors import InputError
from medtx.reading.build import Builder, Parsed
from medtx.transcripts import Transcripts


def parse(text: str) -> Parsed:
    """A word is what stands between blanks, exactly as written."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    content = [word for line in lines for word in line]
    segment = [number for number, line in enumerate(lines) for _ in line]
    return Parsed(
        tables={
            "words": {
                "position": list(range(len(content))),
                "segment": segment,
                "content": content,
                "kind": ["pronunciation"] * len(content),
            },
            "segments": {
                "segment": list(range(len(lines))),
                "transcript": [" ".join(line) for line in lines],
            },
        }
    )


def from_text(texts: Mapping[str, str]) -> Transcripts:
    """References (or hypotheses without times) from plain text: recording -> what was said.

    Lines are utterances. Words are what stands between blanks, exactly as written; times
    and confidences are NaN.

    >>> from_text({"visit": "Denies chest pain.\\nNo fever."}).words[["segment", "content"]]
       segment content
    0        0  Denies
    1        0   chest
    2        0   pain.
    3        1      No
    4        1  fever.
    """
    builder = Builder()
    for recording, said in texts.items():
        if not isinstance(said, str):
            raise InputError(f"recording {recording!r} has {type(said).__name__} where its text should be")
        builder.add(parse(said), name=str(recording))
    return builder.transcripts()
