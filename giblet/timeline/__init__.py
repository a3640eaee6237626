"""Exact time as rationals: samples, codec frames, TRs."""

from giblet.timeline.exact import Seconds, exact, whole
from giblet.timeline.frames import FrameLayout
from giblet.timeline.grid import TRGrid, first_sample

__all__ = ["FrameLayout", "Seconds", "TRGrid", "exact", "first_sample", "whole"]
