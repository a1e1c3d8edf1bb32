"""Names that the doctests of medtx may use."""

from typing import Any

import pytest

import medtx


@pytest.fixture(autouse=True)
def _examples(doctest_namespace: dict[str, Any]) -> None:
    def example() -> medtx.Alignment:
        words = [("denies", "0.9"), ("chess", "0.4"), ("pain", "0.8")]
        items = [
            {"type": "pronunciation", "alternatives": [{"content": w, "confidence": c}]} for w, c in words
        ]
        result = {"jobName": "visit", "results": {"items": items}}
        return medtx.align({"visit": "denies any chest pain"}, medtx.read(result))

    doctest_namespace["example"] = example
