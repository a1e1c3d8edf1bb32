"""The embedded engine on real audio: what it gives, and what it does with bad files."""

import hashlib
import json
import os
import stat
import wave
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

import medtx
from medtx.engines import audio
from medtx.engines.utterances import FRAME, LONGEST, Utterances
from medtx.errors import InputError, MedtxError, ReadError
from tests.test_reading import check

KIND = {"specialty": "cardiology", "type": "dictation", "model": "stock", "progress": False}


def write(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    """Samples of shape (n,) or (n, channels) as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def encode(path: Path, samples: np.ndarray, codec: str, rate: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None].astype("<i2"), format="s16", layout="mono")
        frame.sample_rate = 16000
        for part in av.AudioResampler(stream.codec_context.format or "s16", "mono", rate).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def speech(dictations) -> np.ndarray:
    """The first two sentences of one shipped dictation."""
    blocks = audio.blocks(dictations.audio["cardiology-01"])
    return np.concatenate([block[0] for block in blocks])[: 12 * audio.RATE]


@pytest.fixture(scope="session")
def wav(speech, tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("audio") / "visit.wav", speech)


@pytest.fixture(scope="session")
def kept(wav, tmp_path_factory) -> Path:
    """A folder with the result of that audio."""
    folder = tmp_path_factory.mktemp("kept") / "results"
    medtx.transcribe(wav, out=folder, **KIND)
    return folder


def test_a_result_is_transcribe_medicals_own_json(kept, wav):
    raw = json.loads((kept / "visit.json").read_text())
    assert raw["jobName"] == "visit"
    assert raw["status"] == "COMPLETED"
    assert raw["medtx"] == {
        "engine": medtx.engines.embedded.name(),
        "language": "en-US",
        "duration": 12.0,
        "channels": 1,
        "channels_mixed": 1,
        "audio": hashlib.sha256(wav.read_bytes()).hexdigest(),
        "settings": {
            "engine": "embedded",
            "specialty": "CARDIOLOGY",
            "type": "DICTATION",
            "alternatives": 5,
            "split_channels": False,
        },
    }
    results = raw["results"]
    item = results["items"][0]
    assert list(item) == ["id", "type", "start_time", "end_time", "alternatives"]
    assert isinstance(item["start_time"], str)
    assert isinstance(item["alternatives"][0]["confidence"], str)
    assert (
        " ".join(i["alternatives"][0]["content"] for i in results["items"])
        == results["transcripts"][0]["transcript"]
    )
    assert [i for s in results["audio_segments"] for i in s["items"]] == list(range(len(results["items"])))


def test_its_tables_hold_together(kept):
    t = medtx.read(kept)
    check(t)
    words = t.words
    assert len(words) > 15
    assert words["confidence"].notna().all()
    assert words["start"].is_monotonic_increasing
    assert (words["end"] > words["start"]).all()
    assert words["end"].max() <= t.recordings["duration"].item() == 12.0
    assert t.recordings["engine"].item().startswith("medtx-embedded (pocketsphinx")
    assert not words["content"].str.contains(r"[<\[(]").any()
    inside = words.merge(t.segments, on=["recording", "segment"], suffixes=("", "_segment"))
    assert (inside["start"] >= inside["start_segment"] - 0.01).all()
    assert (inside["end"] <= inside["end_segment"] + 0.03).all()


def test_alternatives_differ_and_begin_with_the_best(kept):
    t = medtx.read(kept)
    best = t.alternatives[t.alternatives["rank"] == 0]
    assert best["content"].tolist() == t.words["content"].tolist()
    assert best["confidence"].tolist() == t.words["confidence"].tolist()
    texts = t.alternatives.groupby(["segment", "rank"])["content"].agg(" ".join)
    assert not texts.groupby("segment").apply(lambda s: s.duplicated().any()).any()
    assert t.alternatives["rank"].max() >= 2
    assert (t.alternatives["end"] >= t.alternatives["start"]).all()


def test_what_was_heard_is_mostly_what_was_said(dictations, kept):
    said = dictations.references.text()["cardiology-01"]
    heard = medtx.read(kept).text()["visit"]
    a = medtx.align({"visit": said}, {"visit": heard})
    assert a.counts["hits"].item() > 0.5 * len(heard.split())


def test_the_file_before_does_not_colour_this_one(wav, dictations, kept, tmp_path):
    """In one process, after another voice: the same words, times and confidences."""
    other = write(
        tmp_path / "other.wav",
        np.concatenate([b[0] for b in audio.blocks(dictations.audio["urology-02"])])[:96000],
    )
    t = medtx.transcribe([other, wav], workers=1, **KIND)
    again = t.select(["visit"]).words.drop(columns="recording")
    assert again.equals(medtx.read(kept).words.drop(columns="recording"))


def test_the_shipped_results_are_what_the_engine_gives(dictations):
    """The audio, the engine and the results in the repository belong together."""
    names = ["radiology-02"]
    live = medtx.transcribe(
        dictations.audio[names].tolist(),
        specialty="radiology",
        type="dictation",
        model="stock",
        progress=False,
    )
    shipped = dictations.transcripts.select(names)
    a = medtx.align(shipped, live, normalize="none")
    assert a.rates().loc["TOTAL", "wer"] < 0.02  # another processor may round another way


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.flac", "flac", 16000),
        ("a.mp3", "mp3", 44100),
        ("a.m4a", "aac", 48000),
        ("a.ogg", "libopus", 48000),
        ("a.webm", "libopus", 48000),
        ("a.wav", "pcm_s16le", 8000),
    ],
)
def test_common_formats_are_decoded_to_16_khz(speech, tmp_path, name, codec, rate):
    path = encode(tmp_path / name, speech, codec, rate)
    got = np.concatenate([block[0] for block in audio.blocks(str(path))]).astype(float)
    assert len(got) == pytest.approx(len(speech), abs=3200)  # codecs pad at the ends
    shift = min(len(got), len(speech)) - 4000
    best = max(np.corrcoef(got[d : d + shift], speech[2000 : 2000 + shift])[0, 1] for d in range(0, 4000, 1))
    assert best > 0.8


def test_channels_are_mixed_or_kept_apart(speech, tmp_path):
    half = len(speech) // 2
    left, right = speech.copy(), speech.copy()
    left[half:] = 0
    right[:half] = 0
    path = write(tmp_path / "stereo.wav", np.stack([left, right], axis=1))
    t = medtx.transcribe(path, split_channels=True, **KIND)
    check(t)
    assert t.recordings["channels"].item() == 2
    assert set(t.words["channel"]) == {"ch_0", "ch_1"}
    assert t.words.loc[t.words["channel"] == "ch_0", "end"].max() <= 6.5
    assert t.words.loc[t.words["channel"] == "ch_1", "start"].min() >= 5.5
    with pytest.warns(UserWarning, match="its channels were mixed into one"):
        mixed = medtx.transcribe(path, **KIND)
    assert mixed.words["channel"].isna().all()


def test_utterances_are_bounded_whatever_comes(speech):
    """Half an hour of talk without a pause: no utterance is longer, nothing is lost or doubled."""
    loud = np.random.default_rng(0).normal(0, 4000, 90 * audio.RATE).astype(np.int16)
    for samples in (np.tile(speech, 20), loud):
        cutter, done = Utterances(), []
        for first in range(0, len(samples), 7001):
            done += cutter.feed(samples[first : first + 7001])
        done += cutter.close()
        end = 0
        for start, cut in done:
            assert len(cut) <= LONGEST * FRAME
            assert start >= end
            assert (samples[start : start + len(cut)] == cut).all()
            end = start + len(cut)
        assert end <= len(samples)


def test_blocks_are_small_however_long_the_file(tmp_path):
    path = write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 300, 600 * 16000))
    sizes = [block.shape[1] for block in audio.blocks(str(path))]
    assert sum(sizes) == 600 * 16000
    assert max(sizes) < 2 * 16000


def audio_of(wav: Path) -> np.ndarray:
    return np.concatenate([block[0] for block in audio.blocks(str(wav))])


def bad_files(folder: Path, wav: Path) -> dict[str, str]:
    """File name -> what is said of it."""
    whole = wav.read_bytes()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("not audio at all")
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    write(folder / "none.wav", np.zeros(0))
    write(folder / "silent.wav", np.zeros(32000))
    for name, codec, rate in (
        ("half.opus", "libopus", 48000),
        ("half2.webm", "libopus", 48000),
        ("half3.flac", "flac", 16000),
    ):
        file = encode(folder / f"whole-{name}", audio_of(wav), codec, rate)
        (folder / name).write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        file.unlink()
    with av.open(str(folder / "video.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        container.mux(stream.encode(None))
    return {
        "missing.wav": "no such file or directory",
        "empty.wav": "the file is empty",
        "text.wav": "expected audio: invalid data",
        "cut.wav": "at 6.0 s: the audio is cut: 192,022 bytes more were promised",
        "half.opus": "the audio is cut: Ogg pages more were promised",
        "half2.webm": "the audio is cut: 12.0 s were promised",
        "half3.flac": "expected audio: invalid data",
        "none.wav": "the audio has no samples",
        "silent.wav": "the 2.0 s of audio are silent",
        "video.mp4": "expected audio, found none in this file",
    }


def test_bad_audio_is_named_and_the_rest_go_on(tmp_path, wav):
    said = bad_files(tmp_path, wav)
    for name, message in said.items():
        with pytest.raises(ReadError, match=message) as caught:
            medtx.transcribe(tmp_path / name, **KIND)
        assert str(caught.value).startswith(str(tmp_path / name))
    files = [tmp_path / name for name in said] + [wav]
    with pytest.warns(UserWarning, match="audio|file|such") as warned:
        t = medtx.transcribe(files, workers=2, **KIND)
    assert t.recordings["recording"].tolist() == ["visit"]
    assert {Path(s).name for s in t.failures["source"]} == set(said)
    assert len(warned) == len(said)


def test_noise_without_words_is_an_empty_result_not_a_failure(tmp_path):
    """A recording in which nothing is recognised must count its deletions."""
    path = write(tmp_path / "hum.wav", 30 * np.sin(np.arange(48000) / 50))
    t = medtx.transcribe(path, **KIND)
    assert t.recordings["recording"].tolist() == ["hum"]
    assert medtx.align({"hum": "no chest pain"}, t).rates().loc["TOTAL", "deletions"] == 3


def test_a_result_that_is_there_is_not_made_again(kept, wav):
    path = kept / "visit.json"
    before = path.stat().st_mtime_ns
    medtx.transcribe(wav, out=kept, **KIND)
    assert path.stat().st_mtime_ns == before
    medtx.transcribe(wav, out=kept, overwrite=True, **KIND)
    assert path.stat().st_mtime_ns > before
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o700
    assert [p.name for p in kept.iterdir()] == ["visit.json"]


def test_a_damaged_earlier_result_is_named(wav, tmp_path):
    (tmp_path / "visit.json").write_text("{")
    with pytest.raises(ReadError, match="expected an earlier result"):
        medtx.transcribe(wav, out=tmp_path, **KIND)


def test_a_result_of_other_settings_or_audio_is_not_taken_for_this_one(wav, kept, tmp_path):
    for other in ({"specialty": "urology"}, {"alternatives": 2}, {"split_channels": True}):
        with pytest.raises(ReadError, match="this earlier result was made with CARDIOLOGY, DICTATION, 5"):
            medtx.transcribe(wav, out=kept, **{**KIND, **other})
    (tmp_path / "visit.wav").write_bytes(wav.read_bytes() + b"\0\0")
    with pytest.raises(ReadError, match="is of other audio"):
        medtx.transcribe(tmp_path / "visit.wav", out=kept, **KIND)


def test_work_runs_on_any_executor(wav, kept, tmp_path):
    files = [wav]
    for name in "abc":
        files.append(tmp_path / f"{name}.wav")
        files[-1].write_bytes(wav.read_bytes())
    with ThreadPoolExecutor(3) as pool:
        t = medtx.transcribe(files, workers=pool, **KIND)
    assert t.text().tolist() == [medtx.read(kept).text()["visit"]] * 4


def test_a_worker_that_dies_is_one_sentence(wav):
    pool = ProcessPoolExecutor(1, initializer=os._exit, initargs=(1,))
    with pool, pytest.raises(MedtxError, match="a worker process died"):
        medtx.transcribe([wav], workers=pool, **KIND)


def test_results_are_whole_whoever_else_writes_them(tmp_path):
    from medtx.files import save

    data = {letter.encode() * 100_000 for letter in "abcd"}
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            list(pool.map(lambda d: save(tmp_path / "x.json", lambda part: part.write_bytes(d)), data))
            assert (tmp_path / "x.json").read_bytes() in data
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_files_that_share_a_stem_keep_their_folders(wav, tmp_path):
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "visit 1.wav").write_bytes(wav.read_bytes()[: 44 + 64000])
    names = medtx.engines._names([str(p) for p in sorted(tmp_path.rglob("*.wav"))])
    assert len(set(names)) == 2
    assert all(name.endswith("-visit 1") for name in names)
    assert medtx.engines._names(["a/visit 1.wav"]) == ["visit 1"]  # as its reference is named
    with pytest.raises(InputError, match=r"would share the name 'a': a.wav, a.mp3"):
        medtx.engines._names(["a.wav", "a.mp3"])


def test_arguments_are_checked_before_any_work(wav, tmp_path):
    for wrong, message in (
        (
            {"specialty": "dermatology"},
            "specialty='dermatology' is not one of PRIMARYCARE, .* which Transcribe Medical has",
        ),
        ({"type": "song"}, "type='song' is not one of DICTATION, CONVERSATION"),
        ({"engine": "whisper"}, "engine='whisper' is not one of embedded"),
        ({"alternatives": 0}, "alternatives=0 is not a whole number between 1 and 10"),
        ({"alternatives": 2.5}, "alternatives=2.5 is not a whole number"),
        ({"workers": -1}, "workers=-1 is not 1 or more"),
        ({"specialty": None}, "specialty=None is not a name"),
        ({"errors": "ignore"}, "errors='ignore'"),
        ({"specialty": ["cardiology", "urology"]}, "specialty has 2 values for 1 files"),
    ):
        with pytest.raises(InputError, match=message):
            medtx.transcribe(wav, **{**KIND, **wrong})
    (tmp_path / "file").write_text("")
    with pytest.raises(MedtxError, match="cannot be used as a folder: file exists"):
        medtx.transcribe(wav, out=tmp_path / "file", **KIND)
    with pytest.raises(ReadError, match="no audio in this folder"):
        medtx.transcribe(tmp_path, **KIND)
    with pytest.raises(ReadError, match="no file matches"):
        medtx.transcribe(str(tmp_path / "*.wav"), **KIND)
