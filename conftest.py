"""Names that the doctests of medtx may use."""

from typing import Any

import pytest

import medtx


@pytest.fixture(autouse=True)
def _examples(doctest_namespace: dict[str, Any]) -> None:
    def example_result() -> medtx.Transcripts:
        words = [("denies", "0.9"), ("chess", "0.4"), ("pain", "0.8")]
        items = [
            {
                "type": "pronunciation",
                "start_time": str(n),
                "end_time": str(n + 0.5),
                "alternatives": [{"content": word, "confidence": sure}],
            }
            for n, (word, sure) in enumerate(words)
        ]
        return medtx.read({"jobName": "visit", "results": {"items": items}})

    def example() -> medtx.Alignment:
        references = {"visit": "denies any chest pain"}
        return medtx.align(hypotheses=example_result(), references=references)

    doctest_namespace["example"] = example
    doctest_namespace["example_result"] = example_result
