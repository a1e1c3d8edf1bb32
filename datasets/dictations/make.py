#!/usr/bin/env python3
"""Speak the texts in references/ again: writes audio/, metadata.csv and references.stm.

Needs Debian's flite, festival, festvox-us-slt-hts, sox and opus-tools, and numpy.
Run `python make.py` here. The same packages give the same bytes: nothing is drawn
without a seed, and the Ogg serial number is derived from the recording's name.

Every specialty gets the same twelve treatments (voice, rate, pitch, room noise), so
that a difference between specialties comes from their words and not from their voices.
"""

import csv
import os
import subprocess
import tempfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).parent
RATE = 16000
SPECIALTIES = ["primarycare", "cardiology", "neurology", "oncology", "radiology", "urology"]
SUB_SPECIALTIES = ["Family Medicine", "Internal Medicine", "OB-GYN", "Pediatrics"]
CONVERSATIONS = [0, 0, 1, 1, 2, 3]  # index into SUB_SPECIALTIES, one a conversation


class Voice(NamedTuple):
    speaker: str
    stretch: float  # duration, 1 is the voice's own
    pitch: int  # cents


# Voice and noise of dictation 1 to 12 of each specialty.
TREATMENTS = [
    (Voice("rms", 1.00, 0), False),
    (Voice("slt", 1.00, 0), False),
    (Voice("slt-hts", 1.00, 0), True),
    (Voice("awb", 1.05, 0), False),
    (Voice("kal16", 1.00, 0), False),
    (Voice("rms", 0.92, 60), True),
    (Voice("slt-hts", 1.08, -80), False),
    (Voice("slt", 1.08, -60), False),
    (Voice("awb", 0.97, 50), True),
    (Voice("rms", 1.08, -60), False),
    (Voice("kal16", 1.06, 60), True),
    (Voice("slt-hts", 0.95, 60), False),
]
PAIRS = [  # doctor, patient and noise of conversation 1 to 6
    (Voice("rms", 1.00, 0), Voice("slt", 1.00, 0), False),
    (Voice("slt-hts", 1.00, 0), Voice("awb", 1.00, 0), False),
    (Voice("kal16", 1.00, 0), Voice("slt-hts", 1.05, 40), True),
    (Voice("slt", 1.00, -40), Voice("rms", 1.04, 60), False),
    (Voice("slt-hts", 0.97, -60), Voice("slt", 1.03, 60), False),
    (Voice("awb", 1.00, 0), Voice("slt", 0.97, 40), True),
]


def speak(text: str, voice: Voice, folder: Path) -> np.ndarray:
    """One line of text as float samples at 16 kHz."""
    raw, done = folder / "raw.wav", folder / "done.raw"
    if voice.speaker == "slt-hts":
        subprocess.run(
            ["text2wave", "-eval", "(voice_cmu_us_slt_arctic_hts)", "-o", raw],
            input=text.encode(),
            check=True,
        )
    else:
        subprocess.run(["flite", "-voice", voice.speaker, "-t", text, "-o", raw], check=True)
    effects = ["pitch", str(voice.pitch)] if voice.pitch else []
    if voice.stretch != 1:
        effects += ["tempo", "-s", f"{1 / voice.stretch:.4f}"]
    subprocess.run(
        [*"sox -R -D -G".split(), raw, *f"-r {RATE} -c 1 -b 16 -e signed -t raw".split(), done]
        + [*effects, "rate", "-h", str(RATE)],
        check=True,
    )
    samples = np.frombuffer(done.read_bytes(), "<i2").astype(float)
    heard = np.flatnonzero(np.abs(samples) > 200)
    if heard.size:  # the voices pad with silence; pauses are set below, the same for all
        samples = samples[max(heard[0] - 400, 0) : heard[-1] + 800]
    return samples * (2500 / np.sqrt(np.mean(samples**2)))


def room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small, damped room and pink noise 25 dB below the speech."""
    time = np.arange(int(0.2 * RATE)) / RATE
    echo = 0.01 * rng.standard_normal(time.size) * np.exp(-time / 0.03)
    echo[0] = 1
    size = 1 << int(np.ceil(np.log2(samples.size + echo.size)))
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echo, size), size)[: samples.size]
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.size), size * 50 / RATE))
    noise = np.fft.irfft(spectrum, size)[: samples.size]
    return wet + noise * (2500 * 10 ** (-25 / 20) / np.std(noise))


class Recording(NamedTuple):
    name: str
    specialty: str
    sub_specialty: str
    type: str
    voices: tuple[Voice, ...]  # spoken in turn, a line each
    noise: bool


def plan() -> list[Recording]:
    todo = []
    for specialty in SPECIALTIES:
        for i, (voice, noise) in enumerate(TREATMENTS):
            sub = SUB_SPECIALTIES[i // 3] if specialty == "primarycare" else ""
            name = f"{specialty}-{i + 1:02d}"
            todo.append(Recording(name, specialty.upper(), sub, "DICTATION", (voice,), noise))
    for i, (doctor, patient, noise) in enumerate(PAIRS):
        sub = SUB_SPECIALTIES[CONVERSATIONS[i]]
        voices = (doctor, patient)
        name = f"conversation-{i + 1:02d}"
        todo.append(Recording(name, "PRIMARYCARE", sub, "CONVERSATION", voices, noise))
    return todo


def make(recording: Recording) -> tuple[dict[str, str], list[str]]:
    """Write one audio file; give its metadata row and its STM lines."""
    lines = (HERE / "references" / f"{recording.name}.txt").read_text().splitlines()
    seed = zlib.crc32(recording.name.encode())
    rng = np.random.default_rng(seed)
    parts, at, stm = [np.zeros(RATE // 2)], 0.5, []
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        for i, line in enumerate(lines):
            turn = i % len(recording.voices)
            samples = speak(line, recording.voices[turn], folder)
            speaker = ("doctor", "patient")[turn]
            end = at + samples.size / RATE
            stm.append(f"{recording.name} 1 {speaker} {at:.2f} {end:.2f} {line}")
            pause = np.zeros(int(rng.uniform(0.35, 0.7) * RATE))
            parts += [samples, pause]
            at = end + pause.size / RATE
        audio = np.concatenate(parts)
        if recording.noise:
            audio = room(audio, rng)
        wav = folder / "all.raw"
        wav.write_bytes(np.clip(np.round(audio), -32768, 32767).astype("<i2").tobytes())
        file_name = f"audio/{recording.name}.opus"
        subprocess.run(
            f"opusenc --quiet --bitrate 24 --speech --padding 0 --discard-comments --serial {seed % 2**31}"
            f" --raw --raw-rate {RATE} --raw-chan 1".split()
            + [wav, HERE / file_name],
            check=True,
        )
    row = {
        "file_name": file_name,
        "recording": recording.name,
        "specialty": recording.specialty,
        "sub_specialty": recording.sub_specialty,
        "type": recording.type,
        "speaker": "+".join(voice.speaker for voice in recording.voices),
        "noise": "room" if recording.noise else "none",
        "reference": " ".join(lines),
    }
    return row, stm


def main() -> None:
    (HERE / "audio").mkdir(exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(make, plan()))
    with open(HERE / "metadata.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, made[0][0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row, _ in made)
    (HERE / "references.stm").write_text("\n".join(line for _, stm in made for line in stm) + "\n")
    print(f"{len(made)} recordings made in {HERE / 'audio'}")


if __name__ == "__main__":
    main()
