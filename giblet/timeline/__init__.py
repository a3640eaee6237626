"""Exact time as rationals: samples, codec frames, TRs."""

from giblet.timeline.exact import Seconds, exact
from giblet.timeline.frames import FrameLayout
from giblet.timeline.grid import TRGrid

__all__ = ["FrameLayout", "Seconds", "TRGrid", "exact"]
