"""medtx: measure medical speech recognition, and decide what a person must hear.

Times are in seconds, confidences in [0, 1]; ``recording`` ties every table together.
Names are imported when first used, so ``import medtx`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_FACE = {
    "read": "medtx.reading",
    "from_text": "medtx.reading.references",
    "Transcripts": "medtx.transcripts",
    "concat": "medtx.transcripts",
    "streaming_metrics": "medtx.scoring",
    "MedtxError": "medtx.errors",
    "transcribe": "medtx.engines",
    "stream": "medtx.engines.streaming",
    "align": "medtx.scoring",
    "Alignment": "medtx.scoring",
    "compare": "medtx.scoring",
    "cpwer": "medtx.scoring",
    "sample_size": "medtx.scoring",
    "sweep": "medtx.thresholds",
    "Sweep": "medtx.thresholds",
    "Threshold": "medtx.thresholds",
    "Thresholds": "medtx.thresholds",
    "load_threshold": "medtx.thresholds",
    "calibration": "medtx.thresholds",
    "reliability": "medtx.thresholds",
    "recalibrate": "medtx.thresholds",
    "explore": "medtx.widgets",
    "live": "medtx.widgets",
    "entities": "medtx.clinical",
    "Entities": "medtx.clinical",
    "score_entities": "medtx.clinical",
    "safety": "medtx.clinical",
    "load_dataset": "medtx.datasets",
    "report": "medtx.reports",
}

_ROOMS = (
    "clinical",
    "datasets",
    "engines",
    "plots",
    "reading",
    "scoring",
    "service",
    "specialties",
    "tables",
    "thresholds",
    "widgets",
)

__all__ = sorted([*_FACE, *_ROOMS, "__version__"])

if TYPE_CHECKING:
    from medtx import clinical as clinical
    from medtx import datasets as datasets
    from medtx import engines as engines
    from medtx import plots as plots
    from medtx import reading as reading
    from medtx import scoring as scoring
    from medtx import service as service
    from medtx import specialties as specialties
    from medtx import tables as tables
    from medtx import thresholds as thresholds
    from medtx import widgets as widgets
    from medtx.clinical import Entities as Entities
    from medtx.clinical import entities as entities
    from medtx.clinical import safety as safety
    from medtx.clinical import score_entities as score_entities
    from medtx.datasets import load_dataset as load_dataset
    from medtx.engines import transcribe as transcribe
    from medtx.engines.streaming import stream as stream
    from medtx.errors import MedtxError as MedtxError
    from medtx.reading import read as read
    from medtx.reading.references import from_text as from_text
    from medtx.reports import report as report
    from medtx.scoring import Alignment as Alignment
    from medtx.scoring import align as align
    from medtx.scoring import compare as compare
    from medtx.scoring import cpwer as cpwer
    from medtx.scoring import sample_size as sample_size
    from medtx.scoring import streaming_metrics as streaming_metrics
    from medtx.thresholds import Sweep as Sweep
    from medtx.thresholds import Threshold as Threshold
    from medtx.thresholds import Thresholds as Thresholds
    from medtx.thresholds import calibration as calibration
    from medtx.thresholds import load_threshold as load_threshold
    from medtx.thresholds import recalibrate as recalibrate
    from medtx.thresholds import reliability as reliability
    from medtx.thresholds import sweep as sweep
    from medtx.transcripts import Transcripts as Transcripts
    from medtx.transcripts import concat as concat
    from medtx.widgets import explore as explore
    from medtx.widgets import live as live


def __getattr__(name: str) -> Any:
    if name in _FACE:
        return getattr(import_module(_FACE[name]), name)
    if name in _ROOMS:
        return import_module(f"medtx.{name}")
    from medtx.errors import did_you_mean

    meant = "" if name.startswith("_") else did_you_mean(name, __all__)
    raise AttributeError(f"module 'medtx' has no attribute {name!r}{meant}")


def __dir__() -> list[str]:
    return __all__
