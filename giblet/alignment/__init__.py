"""Bringing features onto the windows of fMRI volumes, and back."""

from giblet.alignment.codes import delayed_codes
from giblet.alignment.convolution import convolve, convolved_names, native_oversampling
from giblet.alignment.delays import check_delays, delayed
from giblet.alignment.filters import METHODS, check_method, covered, to_trs
from giblet.alignment.hrf import HRF, HRFS, check_hrf, hrf_peak
from giblet.alignment.lengths import reconcile
from giblet.alignment.support import support
from giblet.alignment.windows import POLICIES, NativeFrames, TRWindows, join_windows, n_columns, tr_windows

__all__ = [
    "HRF",
    "HRFS",
    "METHODS",
    "POLICIES",
    "NativeFrames",
    "TRWindows",
    "check_delays",
    "check_hrf",
    "check_method",
    "convolve",
    "convolved_names",
    "covered",
    "delayed",
    "delayed_codes",
    "hrf_peak",
    "join_windows",
    "n_columns",
    "native_oversampling",
    "reconcile",
    "support",
    "to_trs",
    "tr_windows",
]
