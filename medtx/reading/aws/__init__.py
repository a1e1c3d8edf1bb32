"""AWS's own shapes beside Transcribe's batch results: one file a format.

Each has ``fits``, which knows the format by its keys, and ``read``. The streams of all of them
are read by `medtx.reading.streaming`, with what `events` and `sessions` say of them.
"""

from medtx.reading.aws import calls, healthscribe, transcribe_audio

FORMATS = [
    ("TranscribeAudio", transcribe_audio.fits, transcribe_audio.read),
    ("HealthScribe", healthscribe.fits, healthscribe.read),
    ("Call Analytics or Contact Lens", calls.fits, calls.read),
]
