"""Codes, delayed without touching a category."""

from __future__ import annotations

import numpy as np

from giblet.alignment.hrf import HRF, hrf_peak
from giblet.alignment.windows import TRWindows, n_columns, tr_windows
from giblet.errors import AlignmentError
from giblet.timeline import FrameLayout, Seconds, TRGrid, exact


def delayed_codes(
    layout: FrameLayout,
    indices: np.ndarray,
    grid: TRGrid,
    codes_delay: Seconds | None = None,
    *,
    hrf: HRF = "spm",
    policy: str = "floor",
) -> tuple[TRWindows, np.ndarray]:
    """Assign frames to TRs ``codes_delay`` seconds after they were heard.

    Codes are categories, and a haemodynamic response would mix them. What may be done is to delay them by as long as
    the response takes to its peak: at their own rate, then sliced anew, so that TR i holds the frames that were heard
    in the window of TR i moved back by the delay.

    Parameters
    ----------
    layout : FrameLayout
        Where frames lie in time.
    indices : ndarray of int64, shape (n_frames,)
        Layout index of each frame of the native series, ascending.
    grid : TRGrid
        The windows.
    codes_delay : real number or str, optional
        Seconds; by default the peak of `hrf`.
    hrf : str or callable
        The response that other features are convolved with (see `check_hrf`).
    policy : {"floor", "ceil"}
        As in `tr_windows`.

    Returns
    -------
    windows : TRWindows
        The frames of each TR. TRs without data hold the nearest frame in all columns, never a made-up category, and
        count 0 frames.
    valid : ndarray of bool, shape (n_trs,)
        False for TRs whose delayed window the frames do not cover: the first ones.

    Raises
    ------
    ParameterError
        If the delay, the response or the policy cannot be used.
    AlignmentError
        If no TR is covered, or the TR is shorter than a frame.
    """
    delay = exact(hrf_peak(hrf) if codes_delay is None else codes_delay, "codes_delay")
    heard = grid.moved(-delay)
    width = n_columns(layout, heard, policy)
    bounds = np.array([heard.bound(i, layout.sample_rate) for i in range(grid.n_trs + 1)])
    starts = layout.starts(indices)
    first, stop = (int(starts[0]), int(starts[-1]) + layout.hop) if len(indices) else (0, 0)
    valid = (bounds[:-1] >= first) & (bounds[1:] <= stop)
    if not valid.any():
        raise AlignmentError(
            f"delayed by {float(delay):g} s, no TR has codes", "give a shorter delay (codes_delay) or more TRs"
        )
    begin, end = (int(edge) for edge in np.flatnonzero(valid)[[0, -1]] + (0, 1))
    cut = tr_windows(layout, indices, heard.part(begin, end - begin), policy)
    padding = (begin, grid.n_trs - end)
    columns = np.pad(cut.columns, (padding, (0, width - cut.columns.shape[1])), "edge")
    columns[:begin], columns[end:] = columns[begin, 0], columns[end - 1, -1]
    counts = (np.pad(count, padding) for count in (cut.n_frames, cut.dropped_frames))
    n_frames, dropped = counts
    return TRWindows(columns, indices[columns[:, 0]], n_frames, dropped), valid
