"""Exact time as rationals: samples, codec frames, TRs."""

from giblet.timeline.exact import exact
from giblet.timeline.frames import FrameLayout
from giblet.timeline.grid import TRGrid

__all__ = ["FrameLayout", "TRGrid", "exact"]
