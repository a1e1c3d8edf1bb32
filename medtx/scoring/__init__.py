"""Transcripts x references -> Alignment -> rates."""

from medtx.scoring.align import Alignment, align

__all__ = ["Alignment", "align"]
