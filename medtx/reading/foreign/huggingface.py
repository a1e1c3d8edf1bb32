"""Hugging Face's pipeline for speech recognition: a text, and chunks with a pair of times.

References
----------
https://huggingface.co/docs/transformers/main_classes/pipelines#transformers.AutomaticSpeechRecognitionPipeline
"""

from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, need, number, only, untimed

KEYS = keys("text chunks speakers timestamp language speaker")


def fits(data: Any) -> bool:
    if not has(data, "text", "chunks") or not only(data, KEYS) or not isinstance(data["chunks"], list):
        return False
    return has(first(data["chunks"]) or {"text": "", "timestamp": []}, "text", "timestamp")


def read(data: Any, source: str) -> Parsed:
    words: list[Word] = []
    times = []
    chunks = data.get("speakers") or data["chunks"]
    for chunk in chunks:
        need(chunk, "chunk", "text", "timestamp")
    single = all(len(chunk["text"].split()) < 2 for chunk in chunks)  # a chunk is a word
    for n, chunk in enumerate(chunks):
        start, end = (number(value) for value in chunk["timestamp"])
        times.append((start, end))
        who = label(chunk.get("speaker"))
        if single:
            words += [Word(word, start, end, None, 0, who) for word in chunk["text"].split()]
        else:
            words += untimed(chunk["text"], n, who)
    if not chunks:
        words = list(untimed(data["text"], 0))
    return of_words("transformers", words, source, times=() if single else times)
