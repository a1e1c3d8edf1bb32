"""What an engine has recognised -> a batch result in Transcribe Medical's own shape.

An utterance has ``start`` and ``end`` in seconds, its ``channel``, and ``hypotheses``, best first: lists
of words with ``content``, ``start``, ``end`` and, where the engine gives one, ``confidence``. A
punctuation mark is a word that has its content alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from medtx.engines import written
from medtx.engines.audio import RATE, blocks, channels
from medtx.engines.utterances import Utterances

Utterance = dict[str, Any]
Recognise = Callable[[int, np.ndarray, int], list[Utterance]]
"""First sample, int16 samples at 16 kHz, channel -> what was said in them."""


def by_utterance(
    path: str,
    split_channels: bool,
    alternatives: int,
    recognise: Recognise,
    begin: Callable[[int], object] = lambda channel: None,
) -> dict[str, Any]:
    """Recognise a file utterance by utterance; ``begin`` is told of each channel before its first.

    Audio streams through: memory does not grow with its length, apart from the result.
    Raises `ReadError` for audio that cannot be used.
    """
    cutters: list[Utterances] = []
    spoken: list[Utterance] = []
    samples = 0
    for block in blocks(path, split=split_channels):
        if not cutters:
            cutters = [Utterances() for _ in block]
            for channel in range(len(block)):
                begin(channel)
        samples += block.shape[1]
        for channel, cutter in enumerate(cutters):
            for start, cut in cutter.feed(block[channel]):
                spoken += recognise(start, cut, channel)
    for channel, cutter in enumerate(cutters):
        for start, cut in cutter.close():
            spoken += recognise(start, cut, channel)
    return made(path, spoken, len(cutters), samples, split_channels, alternatives)


def made(
    path: str,
    spoken: list[Utterance],
    count: int,
    samples: int,
    split_channels: bool,
    alternatives: int,
) -> dict[str, Any]:
    """The ``results`` of a batch job, its duration and its channels."""
    spoken = sorted(spoken, key=lambda utterance: utterance["start"])
    labels = [f"ch_{channel}" for channel in range(count)] if split_channels else []
    return {
        "results": _results(spoken, labels, alternatives),
        "duration": samples / RATE,
        "channels": count,
        "channels_mixed": 0 if split_channels else channels(path),
    }


def _results(spoken: list[dict[str, Any]], labels: list[str], alternatives: int) -> dict[str, Any]:
    """Transcribe Medical's own shape: numbers as strings, ids that audio_segments refer to."""
    items: list[dict[str, Any]] = []
    segments, audio_segments = [], []
    for number, utterance in enumerate(spoken):
        label = {"channel_label": labels[utterance["channel"]]} if labels else {}
        times = {"start_time": f"{utterance['start']:.3f}", "end_time": f"{utterance['end']:.3f}"}
        best = utterance["hypotheses"][0]
        ids = list(range(len(items), len(items) + len(best)))
        for id, word in zip(ids, best):
            flat = _flat(word)
            said = {key: flat.pop(key) for key in ("confidence", "content") if key in flat}
            items.append({"id": id, **flat, "alternatives": [said], **label})
        audio_segments.append(
            {"id": number, "transcript": written.text(best), **times, "items": ids, **label}
        )
        segments.append(
            {
                **times,
                "alternatives": [
                    {"transcript": written.text(words), "items": [_flat(word) for word in words]}
                    for words in utterance["hypotheses"]
                ],
                **label,
            }
        )
    results: dict[str, Any] = {
        "transcripts": [{"transcript": " ".join(s["transcript"] for s in audio_segments)}],
        "items": items,
        "audio_segments": audio_segments,
    }
    if alternatives > 1:
        results["segments"] = segments
    if labels:
        results["channel_labels"] = {
            "channels": [
                {"channel_label": label, "items": [i for i in items if i["channel_label"] == label]}
                for label in labels
            ],
            "number_of_channels": len(labels),
        }
    return results


def _flat(word: dict[str, Any]) -> dict[str, Any]:
    if "start" not in word:
        return {"type": "punctuation", "content": word["content"], "confidence": "0.0"}
    flat = {"type": "pronunciation", "content": word["content"]}
    if "confidence" in word:
        flat["confidence"] = f"{word['confidence']:.4f}"
    return flat | {"start_time": f"{word['start']:.3f}", "end_time": f"{word['end']:.3f}"}
