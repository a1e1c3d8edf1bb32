"""Transcripts x references -> Alignment -> rates."""

from medtx.scoring.align import Alignment, align
from medtx.scoring.partials import streaming_metrics

__all__ = ["Alignment", "align", "streaming_metrics"]
