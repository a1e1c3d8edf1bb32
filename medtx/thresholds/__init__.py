"""Alignment -> what a confidence threshold sends to review, and what slips through."""

from medtx.thresholds.calibrate import calibration, reliability
from medtx.thresholds.mark import to_hear
from medtx.thresholds.recalibrate import Recalibration, recalibrate
from medtx.thresholds.record import Threshold, Thresholds, load_threshold
from medtx.thresholds.sweep import Sweep, sweep

__all__ = [
    "Recalibration",
    "Sweep",
    "Threshold",
    "Thresholds",
    "calibration",
    "load_threshold",
    "recalibrate",
    "reliability",
    "sweep",
    "to_hear",
]
