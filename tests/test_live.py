"""Streaming on the embedded engine, on shipped dictations."""

import numpy as np
import pytest

import medtx
from medtx.engines.audio import RATE, blocks
from medtx.engines.live import Live, _free
from medtx.errors import InputError
from tests.conftest import ROOT

AUDIO = ROOT / "datasets" / "dictations" / "audio"


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return np.concatenate([block[0] for block in blocks(str(AUDIO / "cardiology-01.opus"))])[: 20 * RATE]


def stream(samples: np.ndarray, size: int = 1600, channels: int = 1) -> list[dict]:
    live = Live(channels)
    events = [e for i in range(0, samples.shape[-1], size) for e in live.feed(samples[..., i : i + size])]
    return [event["Transcript"]["Results"][0] for event in events + live.close()]


def finals(results: list[dict]) -> list[dict]:
    return [
        {key: value for key, value in result.items() if key != "ResultId"}
        for result in results
        if not result["IsPartial"]
    ]


def test_partials_flow_and_finals_end_them(speech):
    results = stream(speech)
    seen, done = {}, set()
    for result in results:
        assert result["ResultId"] not in done
        items = result["Alternatives"][0]["Items"]
        assert result["Alternatives"][0]["Transcript"] == " ".join(item["Content"] for item in items)
        for item in items:
            assert result["StartTime"] <= item["StartTime"] < item["EndTime"] <= result["EndTime"] + 0.02
            assert ("Confidence" in item) != result["IsPartial"]
        if result["IsPartial"]:
            before = seen.get(result["ResultId"])
            assert before is None or result["Alternatives"] != before["Alternatives"]
            seen[result["ResultId"]] = result
        else:
            done.add(result["ResultId"])
    assert set(seen) <= done
    assert len(finals(results)) >= 2
    assert 30 < sum(result["IsPartial"] for result in results) < 70  # 20 s at one in 0.3 s at most


def test_words_that_stay_keep_their_times(speech):
    before, moved, stayed = {}, 0, 0
    for result in stream(speech):
        words = [(i["Content"], i["StartTime"]) for i in result["Alternatives"][0]["Items"]]
        for (word, start), (now, later) in zip(before.get(result["ResultId"], []), words):
            if word == now:
                stayed += 1
                moved += abs(start - later) > 0.05
        before[result["ResultId"]] = words
    assert stayed > 300
    assert moved < 0.01 * stayed


def test_finals_do_not_depend_on_how_the_audio_came(speech):
    whole = finals(stream(speech, len(speech)))
    assert finals(stream(speech)) == finals(stream(speech, 1777)) == whole
    assert whole[0]["StartTime"] > 0.2


def test_finals_are_as_good_as_the_batch_results(tmp_path, dictations):
    path = str(AUDIO / "cardiology-01.opus")
    live = Live()
    events = [e for block in blocks(path) for e in live.feed(block[0])] + live.close()
    streamed = medtx.read(events)
    assert streamed.recordings["mode"].tolist() == ["streaming"]
    reference = dictations.references.select("cardiology-01").text()["cardiology-01"]
    batch = dictations.transcripts.select("cardiology-01").text()["cardiology-01"]
    wer = [
        float(medtx.align({"a": reference}, {"a": text}).rates().loc["TOTAL", "wer"])
        for text in (streamed.text().iloc[0], batch)
    ]
    assert abs(wer[0] - wer[1]) < 0.05


def test_channels_are_heard_apart(speech):
    quiet = np.zeros_like(speech)
    both = finals(stream(np.stack([quiet, speech]), channels=2))
    assert {result.pop("ChannelId") for result in both} == {"ch_1"}
    assert both == finals(stream(speech))


def test_decoders_are_lent_only_while_somebody_speaks(speech):
    lives = [Live() for _ in range(6)]
    for live in lives:
        live.feed(speech[: 6 * RATE])
        live.close()
    assert 1 <= len(_free) <= 3
    assert len({id(decoder) for decoder in _free}) == len(_free)


def test_what_was_shown_ends_even_if_nothing_was_said():
    noise = np.random.default_rng(3).normal(0, 3000, 4 * RATE).astype(np.int16)
    results = stream(np.concatenate([np.zeros(RATE, np.int16), noise, np.zeros(RATE, np.int16)]))
    partial = {result["ResultId"] for result in results if result["IsPartial"]}
    assert partial <= {result["ResultId"] for result in results if not result["IsPartial"]}


@pytest.mark.parametrize(
    "samples", [np.zeros(10), np.zeros((2, 10), np.int16), np.zeros((1, 1, 4), np.int16)]
)
def test_other_samples_are_refused(samples):
    with pytest.raises(InputError, match="not int16 of 1 channel"):
        Live().feed(samples)
    with pytest.raises(InputError, match="channels=0"):
        Live(0)


def test_other_rates_are_heard_as_well(speech):
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    frame = av.AudioFrame.from_ndarray(speech[None, : 8 * RATE], format="s16", layout="mono")
    frame.sample_rate = RATE
    finer = np.concatenate([part.to_ndarray()[0] for part in resampler.resample(frame)])
    live = Live(rate=48_000)
    events = [e for i in range(0, len(finer), 4800) for e in live.feed(finer[i : i + 4800])] + live.close()
    heard, want = (
        medtx.read(events).text().iloc[0],
        " ".join(r["Alternatives"][0]["Transcript"] for r in finals(stream(speech[: 8 * RATE]))),
    )
    assert float(medtx.align({"a": want}, {"a": heard}).rates().loc["TOTAL", "wer"]) < 0.3
