"""Without any extra: what needs one says which, in one line."""

import subprocess
import sys
import wave

import pytest

ALONE = """
import sys
EXTRAS = {"amazon_transcribe", "av", "awscrt", "boto3", "botocore", "cryptography", "docx", "faster_whisper",
          "h2", "hypercorn", "ipywidgets", "loky", "matplotlib", "openpyxl", "pocketsphinx", "sherpa_onnx",
          "sklearn", "sounddevice", "tqdm", "websockets", "whisper_normalizer"}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import medtx
from medtx.engines import TranscribeMedical
kind = {"specialty": "primary care", "type": "dictation"}
audio, sound = sys.argv[1], [bytes(3200)]
ways = {
    "transcribe": lambda: medtx.transcribe(audio, **kind),
    "service": lambda: medtx.transcribe(audio, **kind, engine="transcribe-medical"),
    "batch": lambda: medtx.transcribe(audio, **kind, engine=TranscribeMedical(bucket="some-audio")),
    "estimate": lambda: medtx.transcribe(audio, **kind, engine="transcribe-medical", dry_run=True),
    "stream": lambda: medtx.stream(audio, **kind).run(),
    "stream sound": lambda: medtx.stream(sound, **kind).run(),
    "stream here": lambda: medtx.stream(sound, **kind, engine="embedded").run(),
    "stream http2": lambda: medtx.stream(sound, **kind, transport="http2").run(),
    "microphone": lambda: medtx.stream("microphone", **kind, engine="embedded", model="stock").run(),
    "live": lambda: medtx.live(audio, **kind),
    "serve": lambda: __import__("medtx.service").service.running(),
}
for name, way in ways.items():
    try:
        way()
        print(name, "done", sep=": ")
    except Exception as error:
        print(name, type(error).__name__, error, sep=": ")
"""

EXTRA = {
    "transcribe": "embedded",
    "service": "streaming",
    "batch": "streaming",
    "estimate": "streaming",
    "stream": "streaming",
    "stream sound": "streaming",
    "stream here": "embedded",
    "stream http2": "http2",
    "microphone": "embedded",
    "live": "notebook",
    "serve": "serve",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    audio = tmp_path_factory.mktemp("alone") / "visit.wav"
    with wave.open(str(audio), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(audio)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("way", EXTRA)
def test_core_alone_names_the_extra(said, way):
    assert said[way].startswith("MissingExtraError: ")
    assert said[way].endswith(f" is not installed: pip install 'medtx[{EXTRA[way]}]'")
