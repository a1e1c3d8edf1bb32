"""Models in folders: the engines' own code on models made here, which say one sentence whatever they hear."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from ctranslate2.specs import WhisperSpec
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

import medtx
from medtx.cli import main
from medtx.errors import InputError
from tests.test_engines import write

KIND = {"specialty": "CARDIOLOGY", "type": "DICTATION", "progress": False, "workers": 1}
PIECES = ["\u2581the", "\u2581dos", "e", "\u2581is", "\u25811", ".", "5", "\u2581mg", "."]
SAID = ["the", "dose", "is", "1.5", "mg", "."]
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def whisper(folder: Path, said: list[str]) -> Path:
    """A Whisper of one layer that looks at its own position only: token n is said, 0.16 s after the last."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    text = [*letters, *dict.fromkeys(token for token in said if token not in letters and token[0] != "<")]
    names = (
        "endoftext startoftranscript translate transcribe startoflm startofprev nospeech notimestamps".split()
    )
    special = [*(f"<|{name}|>" for name in names), *(f"<|{n / 50:.2f}|>" for n in range(1501))]
    ids = {token: n for n, token in enumerate([*text, *special])}
    tokenizer = Tokenizer(models.BPE({token: ids[token] for token in text}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    depth = 32

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    def fill(one: object, *shape: int) -> None:
        one.weight, one.bias = zeros(*shape), zeros(shape[0])

    def norm(one: object) -> None:
        one.gamma, one.beta = np.ones(depth, np.float32), zeros(depth)

    spec = WhisperSpec(1, 1, 1, 1)
    fill(spec.encoder.conv1, depth, 80, 3)
    fill(spec.encoder.conv2, depth, depth, 3)
    for part, rows, each in ((spec.encoder, 1500, 8), (spec.decoder, 448, 1)):
        places = zeros(rows, depth)
        places[np.arange(rows), np.minimum(np.arange(rows) // each, depth - 1)] = 1
        part.position_encodings.encodings = places
        norm(part.layer_norm)
        for layer in part.layer:
            for one in (layer.self_attention, layer.ffn):
                norm(one.layer_norm)
            fill(layer.self_attention.linear[0], 3 * depth, depth)
            fill(layer.self_attention.linear[1], depth, depth)
            fill(layer.ffn.linear_0, 4 * depth, depth)
            fill(layer.ffn.linear_1, depth, 4 * depth)
    (layer,) = spec.decoder.layer
    norm(layer.attention.layer_norm)
    for n, rows in enumerate((depth, 2 * depth, depth)):
        fill(layer.attention.linear[n], rows, depth)
    layer.attention.linear[0].weight[:] = 3 * np.eye(depth)
    layer.attention.linear[1].weight[:depth] = np.eye(depth)
    spec.decoder.embeddings.weight, projection = zeros(len(ids), depth), zeros(len(ids), depth)
    for n in range(depth):
        projection[ids[said[n] if n < len(said) else "<|endoftext|>"], n] = 4
    spec.decoder.projection.weight = projection
    spec.register_vocabulary(list(ids))
    spec.config.suppress_ids = spec.config.suppress_ids_begin = spec.config.lang_ids = []
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    folder.mkdir()
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def graph(path: Path, nodes: list, inputs: list, outputs: list, constants: dict, **meta: object) -> None:
    made = helper.make_graph(
        [helper.make_node(kind, into, out, **more) for kind, into, out, more in nodes],
        "graph",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    helper.set_model_props(model, {name: str(value) for name, value in meta.items()})
    onnx.save(model, path)


def table(tokens: list[str], blank: int) -> np.ndarray:
    """Log probabilities of 40 ms frames: a piece every 0.2 s, blanks between."""
    rows = np.full((1, 2000, len(tokens)), -20, np.float32)
    rows[:, :, blank] = 0
    for n, piece in enumerate(PIECES):
        rows[0, 5 * n, blank], rows[0, 5 * n, tokens.index(piece)] = -20, 0
    return rows


def first_frames(rows: np.ndarray, frames: str, axis: int, out: str) -> tuple[list, dict]:
    """As many rows as there are frames, a row for four of them."""
    nodes = [
        ("Shape", [frames], ["shape"], {}),
        ("Gather", ["shape", "axis"], ["frames"], {"axis": 0}),
        ("Div", ["frames", "four"], ["steps"], {}),
        ("Slice", ["rows", "zero", "steps", "one"], [out], {}),
    ]
    return nodes, {"rows": rows, "zero": [0], "one": [1], "four": [4], "axis": [axis]}


def ctc(folder: Path) -> Path:
    folder.mkdir()
    tokens = [*dict.fromkeys(PIECES), "<blk>"]
    nodes, constants = first_frames(table(tokens, -1), "audio_signal", 2, "logprobs")
    graph(
        folder / "model.onnx",
        nodes,
        [("audio_signal", FLOAT, ["N", 80, "T"]), ("length", INT, ["N"])],
        [("logprobs", FLOAT, ["N", "S", len(tokens)])],
        constants,
        model_type="EncDecCTCModelBPE",
        vocab_size=len(tokens) - 1,
        subsampling_factor=4,
        normalize_type="per_feature",
    )
    return listed(folder, tokens)


def transducer(folder: Path) -> Path:
    """The second piece has a probability of three quarters."""
    folder.mkdir()
    tokens = ["<blk>", *dict.fromkeys(PIECES)]
    size = len(tokens)
    rows = table(tokens, 0)
    rows[0, 5, 0] = -np.log(3)
    nodes, constants = first_frames(rows, "x", 1, "encoder_out")
    nodes.append(("Div", ["x_lens", "four"], ["encoder_out_lens"], {}))
    graph(
        folder / "encoder.onnx",
        nodes,
        [("x", FLOAT, ["N", "T", 80]), ("x_lens", INT, ["N"])],
        [("encoder_out", FLOAT, ["N", "S", size]), ("encoder_out_lens", INT, ["N"])],
        constants,
        model_type="zipformer",
        version=1,
    )
    graph(
        folder / "decoder.onnx",
        [
            ("Cast", ["y"], ["f"], {"to": FLOAT}),
            ("ReduceMean", ["f"], ["mean"], {"axes": [1], "keepdims": 1}),
            ("Mul", ["mean", "zeros"], ["decoder_out"], {}),
        ],
        [("y", INT, ["N", 2])],
        [("decoder_out", FLOAT, ["N", size])],
        {"zeros": np.zeros((1, size), np.float32)},
        context_size=2,
        vocab_size=size,
    )
    both = [(name, FLOAT, ["N", size]) for name in ("encoder_out", "decoder_out")]
    add = [("Add", ["encoder_out", "decoder_out"], ["logit"], {})]
    graph(folder / "joiner.onnx", add, both, [("logit", FLOAT, ["N", size])], {}, joiner_dim=size)
    return listed(folder, tokens)


def listed(folder: Path, tokens: list[str]) -> Path:
    (folder / "tokens.txt").write_text("".join(f"{token} {n}\n" for n, token in enumerate(tokens)))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("own")
    said = "_The _dose _is _1 . 5 _mg , _at _8 _p . m .".replace("_", "\u0120").split()  # a byte-level blank
    return {
        "faster-whisper": whisper(folder / "whisper", ["<|0.00|>", *said, "<|2.00|>"]),
        "ctc": ctc(folder / "ctc"),
        "transducer": transducer(folder / "transducer"),
    }


@pytest.fixture(scope="module")
def noise(tmp_path_factory) -> Path:
    """Three seconds of sound, then silence, in the first channel; the other way round in the second."""
    sound = np.random.default_rng(0).normal(0, 3000, 48_000)
    both = np.zeros((112_000, 2))
    both[8_000:56_000, 0] = both[56_000:104_000, 1] = sound
    return write(tmp_path_factory.mktemp("noise") / "visit.wav", both)


def test_whisper_in_a_folder(made, noise, tmp_path):
    ask = {**KIND, "engine": "faster-whisper", "model": made["faster-whisper"]}
    with pytest.warns(UserWarning, match="its channels were mixed into one"):
        t = medtx.transcribe(noise, **ask, out=tmp_path)
    words = t.words[t.words["kind"] == "pronunciation"]
    assert t.text().tolist() == ["The dose is 1.5 mg, at 8 p.m."]
    assert words["content"].tolist() == ["The", "dose", "is", "1.5", "mg", "at", "8", "p.m."]
    assert words["start"].round(2).tolist() == [0, 0.32, 0.48, 0.64, 1.12, 1.44, 1.6, 1.76]
    assert words["end"].round(2).tolist() == [0.32, 0.48, 0.64, 1.12, 1.28, 1.6, 1.76, 2.24]
    assert words["confidence"].between(0.99, 1).all()
    assert t.words["confidence"].isna().sum() == 1  # the comma's
    assert t.recordings["engine"].str.fullmatch(r"faster-whisper [\d.]+ \(whisper-[0-9a-f]{12}\)").all()
    assert t.recordings["duration"].tolist() == [7.0]
    again = medtx.read(tmp_path / "visit.json")
    assert again.words["content"].tolist() == t.words["content"].tolist()
    with pytest.warns(UserWarning, match="mixed"):
        hinted = medtx.transcribe(noise, **ask, vocabulary=["metoprolol"])
    assert hinted.text().tolist() != t.text().tolist()  # hotwords stand before the text, and move it here


@pytest.mark.parametrize("kind", ["ctc", "transducer"])
def test_sherpa_onnx_in_a_folder(made, noise, tmp_path, kind):
    ask = {**KIND, "engine": "sherpa-onnx", "model": made[kind]}
    t = medtx.transcribe(noise, **ask, split_channels=True, alternatives=3, out=tmp_path)
    first, second = (rows for _, rows in t.words.groupby("channel", observed=True))
    assert first["content"].tolist() == second["content"].tolist() == SAID
    spoken = first[first["kind"] == "pronunciation"]
    times = spoken[["start", "end"]].to_numpy()
    assert np.diff(times[:, 0]).round(2).tolist() == [0.2, 0.4, 0.2, 0.6]
    assert (times[:, 0] < times[:, 1]).all()
    assert (times[1:, 0] >= times[:-1, 1]).all()
    assert second["start"].iloc[0] - first["start"].iloc[0] == pytest.approx(3, abs=0.2)
    sure = spoken["confidence"].tolist()
    if kind == "ctc":
        assert np.isnan(sure).all()
    else:
        assert sure == pytest.approx([1, 0.75, 1, 1, 1], abs=1e-3)
    assert t.recordings["engine"].str.startswith("sherpa-onnx ").all()


def test_a_kept_result_of_another_model_is_not_taken(made, noise, tmp_path):
    ask = {**KIND, "engine": "sherpa-onnx", "split_channels": True, "out": tmp_path}
    medtx.transcribe(noise, **ask, model=made["ctc"])
    with pytest.raises(
        medtx.MedtxError, match=r"ctc-[0-9a-f]{12} model, not .* transducer-[0-9a-f]{12} model"
    ):
        medtx.transcribe(noise, **ask, model=made["transducer"])


def test_on_the_command_line(made, noise, tmp_path, capsys):
    ask = ["--specialty", "cardiology", "--type", "dictation", "--split-channels", "--workers", "1"]
    ask += ["--engine", "sherpa-onnx", "--model", str(made["ctc"]), "--out", str(tmp_path)]
    main(["transcribe", str(noise), *ask])
    assert "1 recordings, 10 words" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "file", "content", "why"),
    [
        ("faster-whisper", "tokenizer.json", None, "holds no tokenizer.json: expected a Whisper model"),
        ("faster-whisper", "tokenizer.json", b"{}", "cannot be loaded: "),
        ("faster-whisper", "model.bin", b"x" * 99, "cannot be loaded: .*binary version"),
        ("ctc", "tokens.txt", None, "expected a model of sherpa-onnx, which is tokens.txt with"),
        ("ctc", "tokens.txt", b"a b c", "cannot be loaded: .*Error: a b c"),  # the engine ends its process
        ("ctc", "model.onnx", b"x" * 99, "cannot be loaded: .*its model_type is '', not one of"),
        ("transducer", "joiner.onnx", b"x" * 99, "cannot be loaded: "),
        ("transducer", "encoder.onnx", None, "expected a model of sherpa-onnx"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(made, noise, tmp_path, kind, file, content, why):
    folder = shutil.copytree(made[kind], tmp_path / "copy")
    os.remove(folder / file)
    if content is not None:
        (folder / file).write_bytes(content)
    engine = kind if kind == "faster-whisper" else "sherpa-onnx"
    with pytest.raises(InputError, match=why) as raised:
        medtx.transcribe(noise, **KIND, engine=engine, model=folder)
    assert "\n" not in str(raised.value)
    assert str(folder) in str(raised.value)


@pytest.mark.parametrize("engine", ["faster-whisper", "sherpa-onnx"])
def test_a_folder_that_is_missing_is_one_line(noise, tmp_path, engine):
    with pytest.raises(InputError, match="needs model=, the folder of a model"):
        medtx.transcribe(noise, **KIND, engine=engine)
    with pytest.raises(InputError, match="model='large-v3' is not a folder; nothing is downloaded"):
        medtx.transcribe(noise, **KIND, engine=engine, model="large-v3")
    with pytest.raises(InputError, match="expected a"):
        medtx.transcribe(noise, **KIND, engine=engine, model=tmp_path)


@pytest.mark.parametrize(
    ("engine", "module", "kind"),
    [("faster-whisper", "faster_whisper", "faster-whisper"), ("sherpa-onnx", "sherpa_onnx", "ctc")],
)
def test_a_missing_package_is_one_line(made, noise, monkeypatch, engine, module, kind):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(medtx.MedtxError, match=rf"pip install 'medtx\[{engine}\]'"):
        medtx.transcribe(noise, **KIND, engine=engine, model=made[kind])


def test_sherpa_onnx_takes_no_vocabulary(made, noise):
    with pytest.raises(InputError, match="takes none"):
        medtx.transcribe(noise, **KIND, engine="sherpa-onnx", model=made["ctc"], vocabulary=["metoprolol"])
