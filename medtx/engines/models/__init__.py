"""Language models of the specialties for the embedded engine, built on first use into the user's cache."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from medtx.engines.models import text
from medtx.errors import InputError, MedtxError, did_you_mean, expect, optional, reason
from medtx.files import cache_folder, private_folder
from medtx.locks import scratch
from medtx.specialties import SPECIALTIES

if TYPE_CHECKING:
    from medtx.engines.models.custom import Entry
    from medtx.engines.models.ngrams import Model

STOCK, POOLED = "STOCK", "POOLED"
WEIGHT = 0.7
"""Of the specialty's model in the mixture with the stock one."""
GENERAL = 20_000
"""Words of the stock model that are kept, the commonest."""

LM, DICT = "words.lm.bin", "words.dict"
_HERE = Path(__file__).parent


class Chosen(NamedTuple):
    """What a decoder knows: a model (``"STOCK"``, ``"POOLED"``, a specialty or a folder) and a vocabulary."""

    model: str = STOCK
    vocabulary: "tuple[Entry, ...]" = ()

    def identity(self) -> str:
        """What stands in the results; empty for the stock model."""
        if self.model == STOCK:
            return ""
        if self.model == POOLED or self.model in SPECIALTIES:
            return identity(self.model)
        with open(Path(self.model) / LM, "rb") as file:
            return f"{Path(self.model).name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"

    def ready(self) -> None:
        """Build the model if it is not there."""
        self.settings()

    def settings(self) -> dict[str, str]:
        """What pocketsphinx's decoder is to be given; a specialty's model is built if it is not there."""
        if self.model == STOCK:
            return {}
        known = self.model == POOLED or self.model in SPECIALTIES
        folder = ready(self.model) if known else Path(self.model)
        return {"lm": str(folder / LM), "dict": str(folder / DICT)}


def choose(model: str | os.PathLike[str] | None, specialty: str) -> str:
    """The model of a `Chosen`: None is the specialty's, "stock", "pooled", or a folder that was built.

    Raises `InputError` for anything else.
    """
    if model is None:
        return specialty
    expect(model, str, os.PathLike, name="model")
    name = os.fspath(model)
    if name.upper() in (STOCK, POOLED, *SPECIALTIES):
        return name.upper()
    if not all((Path(name) / file).is_file() for file in (LM, DICT)):
        raise InputError(
            f"model={name!r} is not one of 'stock', 'pooled' or a specialty, "
            "or a folder that `medtx models build` made" + did_you_mean(name, (STOCK, POOLED, *SPECIALTIES))
        )
    return str(Path(name).resolve())


_DUMP = """
import resource, sys
from pocketsphinx import Config, LogMath, NGramModel
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
config, scale = Config(loglevel="FATAL"), LogMath()
model = NGramModel(config, scale, sys.argv[1])
model.write(sys.argv[2], model.str_to_type("arpa"))
"""
"""Crashes at the trigrams (a fault of pocketsphinx 5.1), after what is wanted here was written."""


def sentences(name: str) -> list[str]:
    """The text of a specialty's model, or of the pooled one."""
    return text.pooled(list(SPECIALTIES)) if name == POOLED else text.expand(name)


@cache
def identity(name: str) -> str:
    """Name and fingerprint of a model: another one if what it is made from or writes by has changed."""
    sum = hashlib.sha256(f"{name} {version('pocketsphinx')} {WEIGHT} {GENERAL}".encode())
    made_from = [*sorted(_HERE.glob("texts/*.txt")), *sorted(_HERE.glob("*.dict")), *text.lexicon_files()]
    made_by = [_HERE / f"{one}.py" for one in ("ngrams", "text", "words", "../written")]
    for file in [*made_from, *made_by]:
        sum.update(file.read_bytes())
    return f"{name.lower()}-{sum.hexdigest()[:12]}"


def ready(name: str) -> Path:
    """The folder of a specialty's model (or ``"POOLED"``); built now if it is not there yet."""
    folder = cache_folder("models") / identity(name)
    if not folder.exists():
        print(f"medtx: building the {name.lower()} language model, once (about 15 s)", file=sys.stderr)
        build(sentences(name), folder)
    return folder


def build(lines: Iterable[str], folder: Path, weight: float = WEIGHT) -> Path:
    """A language model and its dictionary from sentences of spoken words, in a new folder.

    Whole or not at all: when several processes build it, the first that is done wins.
    """
    from medtx.engines.models import ngrams, words

    try:
        private_folder(folder.parent)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    except OSError as error:
        raise MedtxError(f"{folder}: cannot be used as a folder: {reason(error)}") from None
    try:
        model = mixed(lines, weight)
        ngrams.write_arpa(model, part / "words.arpa")
        _pack(part / "words.arpa", part / LM)
        _has_room(part / LM)
        (part / "words.arpa").unlink()
        with open(part / DICT, "w", encoding="utf-8") as file:
            for word in model.words:
                for n, phones in enumerate(words.pronounce(word) if word[0] != "<" else (), 1):
                    file.write(f"{word}{f'({n})' if n > 1 else ''} {phones}\n")
        for made in (LM, DICT):
            os.chmod(part / made, 0o600)
        try:
            os.rename(part, folder)
        except OSError:
            if not (folder / DICT).exists():  # else another was quicker
                raise
    except OSError as error:
        raise MedtxError(f"{folder}: cannot be written: {reason(error)}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def mixed(lines: Iterable[str], weight: float = WEIGHT) -> "Model":
    """The trigram model of sentences, mixed with the stock bigrams."""
    from medtx.engines.models import ngrams, words

    spoken = [line.split() for line in lines]
    stock = optional("pocketsphinx", "embedded").get_model_path("en-us/en-us.lm.bin")
    with scratch("models") as folder:
        arpa = folder / "stock.arpa"
        subprocess.run([sys.executable, "-c", _DUMP, stock, str(arpa)], capture_output=True, check=False)
        _has_room(arpa)
        kept = [word for word in ngrams.commonest(arpa, GENERAL) if word in words.stock()]
        more = {word for line in spoken for word in line}
        general = ngrams.read_bigrams(arpa, {*kept, *more, ngrams.START, ngrams.END})
    return ngrams.mix(ngrams.witten_bell(spoken, general.words), general, weight)


def _has_room(path: Path) -> None:
    """Raises OSError where the disk is full: pocketsphinx says nothing, and leaves half a file."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size)
        file.write(bytes(1 << 20))
        file.flush()
        file.truncate(size)


def _pack(arpa: Path, binary: Path) -> None:
    pocketsphinx = optional("pocketsphinx", "embedded")
    # The scale must outlive the model: one that was let go gave nonsense, now and then.
    config, scale = pocketsphinx.Config(loglevel="FATAL"), pocketsphinx.LogMath()
    model = pocketsphinx.NGramModel(config, scale, str(arpa))
    model.write(str(binary), model.str_to_type("bin"))
