"""One result of each engine, in its documented shape. Not a test by itself."""

import math

from tests.test_others import ASSEMBLYAI, GOOGLE, HEALTHSCRIBE, TIMESTAMPED, VOSK, WHISPER

E1, E2 = math.exp(-0.1), math.exp(-0.9)


def _sm(kind, content, start, end, sure, **more):
    best = {"content": content, "confidence": sure, "language": "en", "speaker": "S1"}
    return {"type": kind, "start_time": start, "end_time": end, "alternatives": [best], **more}


SPEECHMATICS = {
    "format": "2.9",
    "job": {"id": "abc", "duration": 4, "data_name": "visit.wav"},
    "metadata": {"type": "transcription", "transcription_config": {"language": "en"}},
    "results": [
        _sm("word", "No", 0.2, 0.4, 0.9),
        _sm("word", "fever", 0.5, 1.0, 0.4, volume=9.2),
        _sm("punctuation", ".", 1.0, 1.0, 1.0, attaches_to="previous", is_eos=True),
    ],
}
SPEECHMATICS_LIVE = [
    {"message": "RecognitionStarted", "id": "x"},
    {"message": "AddPartialTranscript", "metadata": {"transcript": "Nof"}, "results": []},
    {
        "message": "AddTranscript",
        "format": "2.1",
        "metadata": {"start_time": 0.2, "end_time": 1.0, "transcript": "No fever."},
        "results": SPEECHMATICS["results"],
    },
    {"message": "EndOfTranscript"},
]
ELEVENLABS = {
    "language_code": "en",
    "language_probability": 0.99,
    "text": "No fever. (cough)",
    "words": [
        {"text": "No", "start": 0.2, "end": 0.4, "type": "word", "speaker_id": "speaker_0", "logprob": -0.1},
        {"text": " ", "start": 0.4, "end": 0.5, "type": "spacing", "speaker_id": "speaker_0", "logprob": 0.0},
        {
            "text": "fever.",
            "start": 0.5,
            "end": 1,
            "type": "word",
            "speaker_id": "speaker_0",
            "logprob": -0.9,
        },
        {"text": " ", "start": 1, "end": 1.1, "type": "spacing", "speaker_id": "speaker_0", "logprob": 0.0},
        {
            "text": "(cough)",
            "start": 1.1,
            "end": 2,
            "type": "audio_event",
            "speaker_id": None,
            "logprob": 0.0,
        },
    ],
    "transcription_id": "t",
}
ELEVENLABS_EXPORT = {
    "language_code": None,
    "segments": [
        {
            "text": "No fever.",
            "start_time": 0.2,
            "end_time": 1.0,
            "speaker": {"id": "speaker_0", "name": "Speaker 0"},
            "words": [
                {"text": "No", "start_time": 0.2, "end_time": 0.4},
                {"text": " ", "start_time": 0.4, "end_time": 0.5},
                {"text": "fever.", "start_time": 0.5, "end_time": 1.0},
            ],
        }
    ],
}
REVAI = {
    "monologues": [
        {
            "speaker": 0,
            "elements": [
                {"type": "text", "value": "No", "ts": 0.2, "end_ts": 0.4, "confidence": 0.9},
                {"type": "punct", "value": " "},
                {"type": "text", "value": "fever", "ts": 0.5, "end_ts": 1.0, "confidence": 0.4},
                {"type": "punct", "value": "."},
                {"type": "unknown", "value": "<laugh>"},
            ],
        }
    ]
}
REVAI_LIVE = [
    {"type": "connected", "id": "x"},
    {"type": "partial", "ts": 0.2, "end_ts": 0.9, "elements": [{"type": "text", "value": "nof"}]},
    {"type": "final", "ts": 0.2, "end_ts": 1.0, "elements": REVAI["monologues"][0]["elements"]},
]
OPENAI = {
    "text": "No fever.",
    "logprobs": [
        {"token": "No", "bytes": [78, 111], "logprob": -0.1},
        {"token": " fe", "bytes": [32, 102, 101], "logprob": -0.1},
        {"token": "ver", "bytes": [118, 101, 114], "logprob": -0.9},
        {"token": ".", "bytes": [46], "logprob": -3.0},
    ],
    "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 4, "total_tokens": 18},
}
OPENAI_VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 1.4,
    "text": "No fever.",
    "words": [
        {"word": "No", "start": 0.2, "end": 0.4},
        {"word": "fever", "start": 0.5, "end": 1.0},
    ],
    "usage": {"type": "duration", "seconds": 2},
}
OPENAI_DIARIZED = {
    "task": "transcribe",
    "duration": 1.4,
    "text": "No fever.",
    "segments": [
        {
            "type": "transcript.text.segment",
            "id": "seg_001",
            "start": 0.2,
            "end": 1.0,
            "text": "No fever.",
            "speaker": "A",
        }
    ],
}
WHISPER_CPP = {
    "systeminfo": "AVX = 1",
    "model": {"type": "base"},
    "params": {"model": "models/ggml-base.en.bin", "language": "en", "translate": False},
    "result": {"language": "en"},
    "transcription": [
        {
            "timestamps": {"from": "00:00:00,200", "to": "00:00:01,000"},
            "offsets": {"from": 200, "to": 1000},
            "text": " No fever.",
            "tokens": [
                {"text": "[_BEG_]", "offsets": {"from": 0, "to": 0}, "id": 50363, "p": 0.98, "t_dtw": -1},
                {"text": " No", "offsets": {"from": 200, "to": 400}, "id": 1400, "p": 0.9, "t_dtw": -1},
                {"text": " fe", "offsets": {"from": 500, "to": 700}, "id": 730, "p": 0.8, "t_dtw": -1},
                {"text": "ver", "offsets": {"from": 700, "to": 1000}, "id": 332, "p": 0.4, "t_dtw": -1},
                {"text": ".", "offsets": {"from": 1000, "to": 1000}, "id": 13, "p": 0.1, "t_dtw": -1},
            ],
        }
    ],
}
GLADIA = {
    "id": "45463597",
    "request_id": "G-45463597",
    "version": 2,
    "status": "done",
    "kind": "pre-recorded",
    "file": {"id": "f", "filename": "visit.wav", "audio_duration": 4.5, "number_of_channels": 1},
    "request_params": {"diarization": True},
    "result": {
        "metadata": {"audio_duration": 4.5, "number_of_distinct_channels": 1, "transcription_time": 2.1},
        "transcription": {
            "languages": ["en"],
            "full_transcript": "No fever.",
            "utterances": [
                {
                    "text": "No fever.",
                    "language": "en",
                    "start": 0.2,
                    "end": 1.0,
                    "confidence": 0.7,
                    "channel": 0,
                    "speaker": 0,
                    "words": [
                        {"word": " No", "start": 0.2, "end": 0.4, "confidence": 0.9},
                        {"word": " fever.", "start": 0.5, "end": 1.0, "confidence": 0.4},
                    ],
                }
            ],
        },
    },
}
GLADIA_LIVE = [
    {"type": "start_session", "session_id": "s"},
    {
        "type": "transcript",
        "session_id": "s",
        "data": {
            "id": "00_00000000",
            "is_final": False,
            "utterance": GLADIA["result"]["transcription"]["utterances"][0] | {"text": "No fee", "words": []},
        },
    },
    {
        "type": "transcript",
        "session_id": "s",
        "data": {
            "id": "00_00000000",
            "is_final": True,
            "utterance": GLADIA["result"]["transcription"]["utterances"][0],
        },
    },
]


def _sx(text, start, end, sure, **more):
    return {"text": text, "start_ms": start, "end_ms": end, "confidence": sure, "speaker": "1", **more}


SONIOX = {
    "id": "19b6d61d",
    "text": "No fever.",
    "tokens": [
        _sx("No", 200, 400, 0.9),
        _sx(" fe", 500, 700, 0.8),
        _sx("ver", 700, 1000, 0.4),
        _sx(".", 1000, 1000, 0.1),
    ],
}
SONIOX_LIVE = [
    {
        "tokens": [_sx("No", 200, 400, 0.9, is_final=True), _sx(" fee", 500, 700, 0.5, is_final=False)],
        "final_audio_proc_ms": 400,
        "total_audio_proc_ms": 700,
    },
    {
        "tokens": [
            _sx(" fe", 500, 700, 0.8, is_final=True),
            _sx("ver", 700, 1000, 0.4, is_final=True),
            _sx(".", 1000, 1000, 0.1, is_final=True),
            {"text": "<end>", "is_final": True},
        ],
        "final_audio_proc_ms": 1000,
        "total_audio_proc_ms": 1000,
    },
    {"tokens": [], "final_audio_proc_ms": 1200, "total_audio_proc_ms": 1200, "finished": True},
]
ASSEMBLYAI_OLD = {
    "id": 3,
    "status": "completed",
    "text": "No fever.",
    "confidence": 0.8,
    "speaker_count": None,
    "segments": [{"text": "No fever.", "start": 200, "end": 1000}],
    "words": [
        {"text": "No", "start": 200, "end": 400, "confidence": 0.9},
        {"text": "fever.", "start": 500, "end": 1000, "confidence": 0.4},
    ],
}
VOSK_ALTERNATIVES = {
    "alternatives": [
        {
            "confidence": 211.07,
            "result": [
                {"word": "no", "start": 0.2, "end": 0.4},
                {"word": "fever", "start": 0.5, "end": 1.0},
            ],
            "text": "no fever",
        },
        {"confidence": 209.5, "text": "no feather"},
    ]
}
NEMO = {
    "audio_filepath": "/data/visit.wav",
    "pred_text": "no fever",
    "timestamps_word": [
        {"word": "no", "start_offset": 2, "end_offset": 5, "start": 0.2, "end": 0.4},
        {"word": "fever", "start_offset": 6, "end_offset": 12, "start": 0.5, "end": 1.0},
    ],
    "timestamps_segment": [{"segment": "no fever", "start": 0.2, "end": 1.0}],
}
WATSON = {
    "result_index": 0,
    "results": [
        {
            "final": True,
            "alternatives": [
                {
                    "transcript": "no fever ",
                    "confidence": 0.7,
                    "timestamps": [["no", 0.2, 0.4], ["fever", 0.5, 1.0]],
                    "word_confidence": [["no", 0.9], ["fever", 0.4]],
                }
            ],
        }
    ],
    "speaker_labels": [
        {"from": 0.2, "to": 0.4, "speaker": 0, "confidence": 0.5, "final": False},
        {"from": 0.5, "to": 1.0, "speaker": 0, "confidence": 0.5, "final": True},
    ],
}
HUGGINGFACE = {
    "text": " No fever.",
    "chunks": [
        {"text": " No", "timestamp": [0.2, 0.4]},
        {"text": " fever.", "timestamp": [0.5, 1.0]},
    ],
}
GENTLE = {
    "transcript": "No fever.",
    "words": [
        {"word": "No", "alignedWord": "no", "case": "success", "start": 0.2, "end": 0.4, "startOffset": 0},
        {
            "word": "fever",
            "alignedWord": "fever",
            "case": "success",
            "start": 0.5,
            "end": 1,
            "startOffset": 3,
        },
    ],
}
DEEPGRAM = {
    "metadata": {"duration": 4.5, "channels": 1},
    "results": {
        "channels": [
            {
                "alternatives": [
                    {
                        "transcript": "No fever.",
                        "confidence": 0.7,
                        "words": [
                            {
                                "word": "no",
                                "start": 0.2,
                                "end": 0.4,
                                "confidence": 0.9,
                                "punctuated_word": "No",
                            },
                            {
                                "word": "fever",
                                "start": 0.5,
                                "end": 1.0,
                                "confidence": 0.4,
                                "speaker": 0,
                                "speaker_confidence": 0.6,
                                "punctuated_word": "fever.",
                            },
                        ],
                    }
                ]
            }
        ]
    },
}
DEEPGRAM_LIVE = [
    {"type": "Metadata", "duration": 0},
    {
        "type": "Results",
        "channel_index": [0, 1],
        "start": 0.0,
        "duration": 1.5,
        "is_final": True,
        "channel": DEEPGRAM["results"]["channels"][0],
    },
]
AZURE = {
    "durationInTicks": 45000000,
    "combinedRecognizedPhrases": [{"channel": 0, "lexical": "no fever", "display": "No fever."}],
    "recognizedPhrases": [
        {
            "recognitionStatus": "Success",
            "channel": 0,
            "offsetInTicks": 2000000,
            "durationInTicks": 8000000,
            "nBest": [
                {
                    "confidence": 0.7,
                    "lexical": "no fever",
                    "display": "No fever.",
                    "words": [
                        {"word": "no", "offsetInTicks": 2e6, "durationInTicks": 2e6, "confidence": 0.9},
                        {"word": "fever", "offsetInTicks": 5e6, "durationInTicks": 5e6, "confidence": 0.4},
                    ],
                }
            ],
        }
    ],
}
KALDI = {
    "words": [{"word": "no", "time": 0.2, "duration": "0.2"}, {"word": "fever", "time": 0.5, "duration": 0.5}]
}
SAME = {
    "speechmatics": (SPEECHMATICS, "speechmatics", [0.9, 0.4]),
    "speechmatics live": (SPEECHMATICS_LIVE, "speechmatics", [0.9, 0.4]),
    "elevenlabs": (ELEVENLABS, "elevenlabs", [E1, E2]),
    "elevenlabs export": (ELEVENLABS_EXPORT, "elevenlabs", None),
    "rev ai": (REVAI, "rev-ai", [0.9, 0.4]),
    "rev ai live": (REVAI_LIVE, "rev-ai", [0.9, 0.4]),
    "openai verbose": (OPENAI_VERBOSE, "whisper", None),
    "whisper.cpp": (WHISPER_CPP, "whisper.cpp", [0.9, 0.4]),
    "gladia": (GLADIA, "gladia", [0.9, 0.4]),
    "gladia live": (GLADIA_LIVE, "gladia", [0.9, 0.4]),
    "soniox": (SONIOX, "soniox", [0.9, 0.4]),
    "soniox live": (SONIOX_LIVE, "soniox", [0.9, 0.4]),
    "assemblyai old": (ASSEMBLYAI_OLD, "assemblyai", [0.9, 0.4]),
    "vosk alternatives": (VOSK_ALTERNATIVES, "vosk", None),
    "nemo": (NEMO, "nemo", None),
    "watson": (WATSON, "ibm-watson", [0.9, 0.4]),
    "huggingface": (HUGGINGFACE, "transformers", None),
    "gentle": (GENTLE, "gentle", None),
    "kaldi": (KALDI, "kaldi", None),
    "deepgram": (DEEPGRAM, "deepgram", [0.9, 0.4]),
    "deepgram live": (DEEPGRAM_LIVE, "deepgram", [0.9, 0.4]),
    "azure": (AZURE, "azure", [0.9, 0.4]),
}
"""All say "no fever", the first word from 0.2 to 0.4 s, the second from 0.5 to 1.0."""

OTHERS = {
    "openai": OPENAI,
    "openai diarized": OPENAI_DIARIZED,
    "whisper": WHISPER,
    "whisper-timestamped": TIMESTAMPED,
    "assemblyai": ASSEMBLYAI,
    "vosk": VOSK,
    "healthscribe": HEALTHSCRIBE,
    "google": GOOGLE,
}
ALL = OTHERS | {name: data for name, (data, _, _) in SAME.items()}
