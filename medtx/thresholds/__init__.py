"""Alignment -> what a confidence threshold sends to review, and what slips through."""

from medtx.thresholds.calibrate import calibration
from medtx.thresholds.choose import Threshold
from medtx.thresholds.sweep import Sweep, sweep

__all__ = ["Sweep", "Threshold", "calibration", "sweep"]
