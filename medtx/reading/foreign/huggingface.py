"""Hugging Face's pipeline for speech recognition: a text, and chunks with a pair of times.

References
----------
https://huggingface.co/docs/transformers/main_classes/pipelines#transformers.AutomaticSpeechRecognitionPipeline
"""

from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, need, number, only

KEYS = keys("text chunks timestamp language speaker")


def fits(data: Any) -> bool:
    if not has(data, "text", "chunks") or not only(data, KEYS) or not isinstance(data["chunks"], list):
        return False
    return has(first(data["chunks"]) or {"text": "", "timestamp": []}, "text", "timestamp")


def read(data: Any, source: str) -> Parsed:
    words: list[Word] = []
    times = []
    for n, chunk in enumerate(data["chunks"]):
        need(chunk, "chunk", "text", "timestamp")
        start, end = (number(value) for value in chunk["timestamp"])
        times.append((start, end))
        said, who = chunk["text"].split(), label(chunk.get("speaker"))
        for word in said:
            alone = len(said) == 1
            words.append(Word(word, start if alone else None, end if alone else None, segment=n, speaker=who))
    if not data["chunks"]:
        words = [Word(word, segment=0) for word in data["text"].split()]
    return of_words("transformers", words, source, times=times)
