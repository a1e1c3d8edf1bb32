"""Results of other engines, and of AWS's other transcription jobs: words, times, confidences.

Where an engine writes marks onto its words they stay there;
normalisers know how to take them off.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words


def _number(value: Any, per: int = 1) -> float | None:
    return None if value is None else float(value) / per


def _label(value: Any) -> str | None:
    return None if value is None else str(value)


def _untimed(
    text: Any, segment: int | None = None, speaker: Any = None, channel: Any = None
) -> Iterator[Word]:
    """The words of a text, where an engine was not asked for words."""
    for word in str(text or "").split():
        yield Word(word, segment=segment, speaker=_label(speaker), channel=channel)


def whisper(data: Any, source: str) -> Parsed:
    """openai-whisper, faster-whisper, whisper-timestamped, WhisperX, OpenAI's API; word times or none."""
    segments = data if isinstance(data, list) else data.get("segments") or []
    apart = [] if isinstance(data, list) else data.get("words") or []  # OpenAI's API keeps them so

    def words() -> Iterator[Word]:
        for word in apart:
            start = float(word["start"])
            n = sum(float(segment["start"]) <= start + 1e-6 for segment in segments) - 1
            yield _whisper(word, max(n, 0), None)
        for n, segment in enumerate([] if apart else segments):
            for word in segment.get("words") or ():
                yield _whisper(word, n, segment.get("speaker"))
            if not segment.get("words"):
                yield from _untimed(segment["text"], n, segment.get("speaker"))
        if not segments and not apart:
            yield from _untimed(data.get("text") if isinstance(data, Mapping) else "", 0)

    language = None if isinstance(data, list) else _label(data.get("language"))
    times = [(_number(s.get("start")), _number(s.get("end"))) for s in segments]
    return of_words("whisper", words(), source, language=language, times=times)


def _whisper(word: Mapping[str, Any], segment: int, speaker: Any) -> Word:
    content = (word["word"] if "word" in word else word["text"]).strip()
    sure = next((word[k] for k in ("probability", "confidence", "score") if k in word), None)
    who = _label(word.get("speaker")) or _label(speaker)
    return Word(content, _number(word.get("start")), _number(word.get("end")), _number(sure), segment, who)


def deepgram(data: Any, source: str) -> Parsed:
    """Deepgram's answer for a file; one segment a channel and speaker in turn."""

    channels = data["results"]["channels"]

    def words() -> Iterator[Word]:
        for c, channel in enumerate(channels):
            label = f"ch_{c}" if len(channels) > 1 else None
            best = channel["alternatives"][0]
            for word in best.get("words") or ():
                yield _deepgram(word, label)
            if not best.get("words"):
                yield from _untimed(best.get("transcript"), channel=label)

    duration = _number(data.get("metadata", {}).get("duration"))
    return of_words("deepgram", words(), source, duration=duration)


def _deepgram(word: Mapping[str, Any], channel: str | None, segment: int | None = None) -> Word:
    content = word.get("punctuated_word") or word["word"]
    start, end, sure = float(word["start"]), float(word["end"]), _number(word.get("confidence"))
    return Word(content, start, end, sure, segment, _label(word.get("speaker")), channel)


def deepgram_live(data: Any, source: str) -> Parsed:
    """Deepgram's live messages: the final ones."""
    messages = data if isinstance(data, list) else [data]
    finals = [m for m in messages if m.get("is_final") and isinstance(m.get("channel"), Mapping)]
    several = len({m["channel_index"][0] for m in finals if m.get("channel_index")}) > 1

    def words() -> Iterator[Word]:
        for n, message in enumerate(finals):
            channel = f"ch_{message['channel_index'][0]}" if several else None
            best = message["channel"]["alternatives"][0]
            for word in best.get("words") or ():
                yield _deepgram(word, channel, n)
            if not best.get("words"):
                yield from _untimed(best.get("transcript"), n, channel=channel)

    ends = [float(m["start"]) + float(m["duration"]) for m in finals if "duration" in m]
    return of_words("deepgram", words(), source, duration=max(ends, default=None))


def assemblyai(data: Any, source: str) -> Parsed:
    """AssemblyAI: times in milliseconds; a segment a turn of one speaker."""

    words: Iterable[Word] = (
        Word(
            word["text"],
            float(word["start"]) / 1000,
            float(word["end"]) / 1000,
            _number(word.get("confidence")),
            speaker=_label(word.get("speaker")),
            channel=_label(word.get("channel")),
        )
        for word in data["words"] or []
    )
    if not data["words"]:
        words = _untimed(data.get("text"))
    return of_words(
        "assemblyai",
        words,
        source,
        language=_label(data.get("language_code")),
        duration=_number(data.get("audio_duration")),
        status={"error": "FAILED"}.get(data.get("status"), str(data.get("status", "")).upper()) or None,
    )


def vosk(data: Any, source: str) -> Parsed:
    """Vosk's final results, one or several; partial and empty ones have no words."""
    results = [one for one in (data if isinstance(data, list) else [data]) if "partial" not in one]

    def words() -> Iterator[Word]:
        for n, result in enumerate(results):
            for word in result.get("result") or ():
                sure = _number(word.get("conf"))
                yield Word(word["word"], float(word["start"]), float(word["end"]), sure, n)
            if not result.get("result"):
                yield from _untimed(result.get("text"), n)

    return of_words("vosk", words(), source)


def kaldi(data: Any, source: str) -> Parsed:
    """The words of Kaldi's Gentle-like JSON: time and duration."""

    def words() -> Iterator[Word]:
        for word in data["words"]:
            start = float(word["time"])
            yield Word(word["word"], start, start + float(word["duration"]), _number(word.get("confidence")))

    return of_words("kaldi", words(), source)


def _ticks(data: Mapping[str, Any], side: str) -> float | None:
    """Azure's times, in 100 ns or in milliseconds, under any of its names."""
    for name, per in ((f"{side}Milliseconds", 1e3), (f"{side}InTicks", 1e7), (side.title(), 1e7)):
        if data.get(name) is not None:
            return float(data[name]) / per
    return None


def azure(data: Any, source: str) -> Parsed:
    """Azure Speech: a batch or fast transcription, or the detailed results of a recogniser.

    The words are the displayed ones where those have times, and else the lexical ones.
    """
    phrases = data if isinstance(data, list) else data.get("recognizedPhrases", data.get("phrases"))
    phrases = [data] if phrases is None else phrases
    if not phrases and isinstance(data, Mapping):
        phrases = data.get("combinedRecognizedPhrases") or data.get("combinedPhrases") or []
    several = len({_any(phrase, "channel", "Channel") for phrase in phrases}) > 1

    def words() -> Iterator[Word]:
        for n, phrase in enumerate(phrases):
            best = (_any(phrase, "nBest", "NBest") or [phrase])[0]
            channel = f"ch_{_any(phrase, 'channel', 'Channel')}" if several else None
            speaker = _label(_any(phrase, "speaker", "SpeakerId"))
            lexical = _any(best, "words", "Words") or []
            spoken = _any(best, "displayWords", "DisplayWords") or lexical
            sure = {  # only the lexical words have confidences of their own
                _ticks(word, "offset"): _number(_any(word, "confidence", "Confidence")) for word in lexical
            }
            if not spoken:
                said = _any(best, "display", "Display", "text", "DisplayText")
                yield from _untimed(said, n, speaker, channel)
            for word in spoken:
                content = _any(word, "displayText", "DisplayText", "text", "word", "Word", "Display")
                start, length = _ticks(word, "offset"), _ticks(word, "duration")
                end = None if start is None or length is None else start + length
                yield Word(content, start, end, sure.get(start), n, speaker, channel)

    whole = data if isinstance(data, Mapping) and "Offset" not in data else {}
    language = _label(next((phrase["locale"] for phrase in phrases if phrase.get("locale")), None))
    starts = [(_ticks(phrase, "offset"), _ticks(phrase, "duration")) for phrase in phrases]
    times = [(s, None if s is None or d is None else s + d) for s, d in starts]
    duration = _ticks(whole, "duration")
    return of_words("azure", words(), source, language=language, duration=duration, times=times)


def _any(data: Mapping[str, Any], *keys: str) -> Any:
    """The first of these that is there: the same field has several names."""
    return next((data[key] for key in keys if data.get(key) is not None), None)


def _seconds(time: Any) -> float | None:
    """Google's times: "1.300s", or a number of seconds and one of nanoseconds.

    >>> _seconds("1.300s"), _seconds({"seconds": "2", "nanos": 500000000})
    (1.3, 2.5)
    """
    if isinstance(time, Mapping):
        return float(time.get("seconds") or 0) + float(time.get("nanos") or 0) / 1e9
    return None if time is None else float(str(time).removesuffix("s"))


def google(data: Any, source: str) -> Parsed:
    """Google Speech-to-Text, versions 1 and 2, with the protocol's names or Python's.

    Where speakers were asked for, version 1 repeats all words with their speakers in a last
    result: then that one alone is taken. Of a stream, the final results are.
    """
    results = _any(data, "response", "result") or data
    finals = [r for r in results["results"] if r.get("isFinal", r.get("is_final")) is not False]
    results = [r for r in finals if r.get("alternatives")]
    codes = [code for r in results if (code := _any(r, "languageCode", "language_code"))]
    tagged = [
        any(_any(word, "speakerTag", "speaker_tag") for word in r["alternatives"][0].get("words") or ())
        for r in results
    ]
    if len(results) > 1 and tagged[-1] and not any(tagged[:-1]):
        results = results[-1:]
    several = len({_any(result, "channelTag", "channel_tag") for result in results}) > 1

    def words() -> Iterator[Word]:
        for n, result in enumerate(results):
            best = result["alternatives"][0]
            channel = f"ch_{_any(result, 'channelTag', 'channel_tag')}" if several else None
            if not best.get("words"):
                yield from _untimed(best.get("transcript"), n, channel=channel)
            for word in best.get("words") or ():
                start, end = (
                    _seconds(_any(word, f"{side}Time", f"{side}Offset", f"{side}_time", f"{side}_offset"))
                    for side in ("start", "end")
                )
                if start is None and end is not None:
                    start = 0.0  # protobuf leaves out what is zero
                tags = ("speakerLabel", "speaker_label", "speakerTag", "speaker_tag")
                speaker = next((word[tag] for tag in tags if word.get(tag)), None)  # "" and 0: nobody
                sure = _number(word.get("confidence") or None)  # 0: not set
                turn = None if speaker else n
                yield Word(word["word"], start, end, sure, turn, _label(speaker), channel)

    return of_words("google", words(), source, language=_label(codes[0]) if codes else None)
