"""Real events of aws-sdk-transcribe-streaming, which needs Python 3.12: what medtx reads of them, as JSON.

Run by `tests/test_sdk_events.py`, with an interpreter that has that package.
"""

import json
import sys
import warnings
from typing import Any


def _items(begin: str, end: str, per: float) -> list[dict[str, Any]]:
    def times(start: float, stop: float) -> dict[str, float]:
        return {begin: per * start, end: per * stop}

    return [
        times(0.5, 1.0) | {"Type": "pronunciation", "Content": "No", "Confidence": 0.75},
        times(1.0, 1.5) | {"Type": "pronunciation", "Content": "pain", "Confidence": 0.5},
        times(1.5, 1.5) | {"Type": "punctuation", "Content": "."},
    ]


def _result(partial: bool) -> dict[str, Any]:
    items = _items("StartTime", "EndTime", 1)
    phi = {"StartTime": 1.0, "EndTime": 1.5, "Category": "PHI", "Content": "pain", "Confidence": 0.5}
    best = {"Transcript": "No pain.", "Items": items, "Entities": [phi]}
    times = {"StartTime": 0.5, "EndTime": 1.5}
    about = {"ResultId": "a", "IsPartial": partial, "ChannelId": "ch_0"}
    return {"Transcript": {"Results": [{**about, **times, "Alternatives": [best]}]}}


def _segment(partial: bool) -> dict[str, Any]:
    times = {"BeginAudioTime": 0.5, "EndAudioTime": 1.5}
    items = _items("BeginAudioTime", "EndAudioTime", 1)
    about = {"SegmentId": "a", "Content": "No pain.", "IsPartial": partial, "ChannelId": "0"}
    return {"TranscriptSegment": {**about, **times, "Items": items}}


def _utterance(partial: bool) -> dict[str, Any]:
    times = {"BeginOffsetMillis": 500, "EndOffsetMillis": 1500}
    items = _items("BeginOffsetMillis", "EndOffsetMillis", 1000)
    items = [one | {name: int(one[name]) for name in times} for one in items]
    about = {"UtteranceId": "a", "Transcript": "No pain.", "IsPartial": partial}
    return {**about, **times, "ParticipantRole": "AGENT", "Sentiment": "NEUTRAL", "Items": items}


STREAMS = {
    "MedicalTranscriptResultStream": ("TranscriptEvent", "MedicalTranscriptEvent", _result),
    "TranscriptResultStream": ("TranscriptEvent", "TranscriptEvent", _result),
    "MedicalScribeResultStream": ("TranscriptEvent", "MedicalScribeTranscriptEvent", _segment),
    "CallAnalyticsTranscriptResultStream": ("UtteranceEvent", "UtteranceEvent", _utterance),
}


def main() -> None:
    from aws_sdk_transcribe_streaming import models
    from smithy_json import JSONCodec

    import medtx

    found: dict[str, Any] = {}
    for stream, (member, kind, made) in STREAMS.items():
        wire = [made(True), made(False)]
        events = [
            getattr(models, stream + member)(
                getattr(models, kind).deserialize(JSONCodec().create_deserializer(json.dumps(one).encode()))
            )
            for one in wire
        ]
        failure = getattr(models, f"{stream}BadRequestException")(models.BadRequestException("too quiet"))
        unknown = getattr(models, f"{stream}Unknown")(tag="Weather")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            ours = medtx.read([*events, unknown, failure])
            first = medtx.read([unknown, *events])
        theirs = medtx.read([{member: one} for one in wire])
        found[stream] = {
            "words": json.loads(ours.words.to_json(orient="records")),
            "same": ours.words.equals(theirs.words) and first.words.equals(theirs.words),
            "recordings": json.loads(ours.recordings.to_json(orient="records")),
            "partial": ours.events["partial"].tolist(),
            "told": [str(one.message) for one in told],
        }
    json.dump({"python": list(sys.version_info[:2]), "streams": found}, sys.stdout)


if __name__ == "__main__":
    main()
