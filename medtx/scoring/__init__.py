"""Transcripts x references -> Alignment -> rates."""

from medtx.scoring.align import align
from medtx.scoring.alignment import Alignment
from medtx.scoring.compare import compare, sample_size
from medtx.scoring.partials import streaming_metrics
from medtx.scoring.speakers import cpwer

__all__ = ["Alignment", "align", "compare", "cpwer", "sample_size", "streaming_metrics"]
