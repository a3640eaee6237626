"""Bringing features onto the windows of fMRI volumes, and back."""

from giblet.alignment.windows import POLICIES, NativeFrames, TRWindows, join_windows, n_columns, tr_windows

__all__ = ["POLICIES", "NativeFrames", "TRWindows", "join_windows", "n_columns", "tr_windows"]
