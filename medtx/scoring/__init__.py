"""Transcripts x references -> Alignment -> rates."""

from medtx.scoring.align import align
from medtx.scoring.alignment import Alignment
from medtx.scoring.partials import streaming_metrics

__all__ = ["Alignment", "align", "streaming_metrics"]
