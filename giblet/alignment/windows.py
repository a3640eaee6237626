"""Frames at their native rate ↔ one array per TR.

A TR rarely holds a whole number of frames: at 75 frames/s and TR 1.5 s it holds 112.5. Each window therefore takes the
frames that start inside it, found from the exact time of the window and never by counting columns, so nothing drifts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet.errors import AlignmentError, ParameterError
from giblet.timeline import FrameLayout, TRGrid

POLICIES = ("floor", "ceil")


@dataclass(frozen=True)
class TRWindows:
    """Which frames each TR holds.

    Attributes
    ----------
    columns : ndarray of int64, shape (n_trs, n_columns)
        Positions of the frames in the native series; a spare column repeats the last frame.
    start_frame : ndarray of int64, shape (n_trs,)
        Index of each window's first frame in the layout.
    n_frames : ndarray of int64, shape (n_trs,)
        Columns that hold frames of their own.
    dropped_frames : ndarray of int64, shape (n_trs,)
        Frames of the window that found no column.
    """

    columns: np.ndarray
    start_frame: np.ndarray
    n_frames: np.ndarray
    dropped_frames: np.ndarray

    def cut(self, values: np.ndarray) -> np.ndarray:
        """Slice a series of shape (n_rows, n_frames) into an array (n_trs, n_rows, n_columns)."""
        return np.ascontiguousarray(values[:, self.columns].transpose(1, 0, 2))


def n_columns(layout: FrameLayout, grid: TRGrid, policy: str) -> int:
    """Return the number of columns that a TR has.

    Parameters
    ----------
    layout : FrameLayout
        The frames.
    grid : TRGrid
        The windows.
    policy : {"floor", "ceil"}
        ``"floor"``: floor(frame_rate · tr) columns, a frame more is dropped. ``"ceil"``: as many columns as the
        fullest window needs, nothing is dropped.

    Returns
    -------
    int
        Columns.

    Raises
    ------
    ParameterError
        If the policy is unknown.
    AlignmentError
        If the TR is shorter than a frame.
    """
    if policy not in POLICIES:
        raise ParameterError(f"the frame policy {policy!r} is unknown", "choose floor or ceil")
    frames = layout.frame_rate * grid.tr
    if frames < 1:
        raise AlignmentError(
            f"a TR of {float(grid.tr):g} s is shorter than a frame of {float(1 / layout.frame_rate):.4g} s",
            "give a longer TR",
        )
    if policy == "floor":
        return int(frames)
    if layout.segment is None:
        return -(-frames.numerator // frames.denominator)
    bounds = [grid.bound(i, layout.sample_rate) for i in range(grid.n_trs + 1)]
    return max((len(layout.between(a, b)) for a, b in itertools.pairwise(bounds)), default=int(frames))


def tr_windows(layout: FrameLayout, indices: np.ndarray, grid: TRGrid, policy: str = "floor") -> TRWindows:
    """Assign frames to TRs.

    Parameters
    ----------
    layout : FrameLayout
        Where frames lie in time.
    indices : ndarray of int64, shape (n_frames,)
        Layout index of each frame of the native series, ascending.
    grid : TRGrid
        The windows; each must hold at least one frame of the series.
    policy : {"floor", "ceil"}
        What to do with the frame that some windows hold more than others (see `n_columns`).

    Returns
    -------
    TRWindows
        The frames of each TR.

    Raises
    ------
    ParameterError
        If the policy is unknown.
    AlignmentError
        If a window holds no frame, or the TR is shorter than a frame.
    """
    width = n_columns(layout, grid, policy)
    columns = np.empty((grid.n_trs, width), np.int64)
    start_frame, n_frames, dropped = (np.empty(grid.n_trs, np.int64) for _ in range(3))
    stop = grid.bound(0, layout.sample_rate)
    for i in range(grid.n_trs):
        first, stop = stop, grid.bound(i + 1, layout.sample_rate)
        wanted = layout.between(first, stop, owned=policy == "floor")
        position = np.searchsorted(indices, wanted)
        there = position < len(indices)
        there[there] = indices[position[there]] == wanted[there]
        position = position[there]
        if not position.size:
            begin, end = grid.window(i)
            raise AlignmentError(
                f"TR {i} ({float(begin):g}–{float(end):g} s) lies outside the features", "ask for fewer TRs"
            )
        n_frames[i] = min(width, position.size)
        dropped[i] = position.size - n_frames[i]
        start_frame[i] = indices[position[0]]
        columns[i] = position[np.minimum(np.arange(width), n_frames[i] - 1)]
    return TRWindows(columns, start_frame, n_frames, dropped)


@dataclass(frozen=True)
class NativeFrames:
    """A gapless stretch of a native series, put together from TR windows.

    Attributes
    ----------
    values : ndarray, shape (n_rows, n_frames)
        The frames; those that no window held repeat the frame before them.
    indices : ndarray of int64, shape (n_frames,)
        Their layout indices.
    first, stop : int
        The samples that the windows cover, [first, stop).
    """

    values: np.ndarray
    indices: np.ndarray
    first: int
    stop: int


def join_windows(
    features: np.ndarray, layout: FrameLayout, bounds: Sequence[tuple[int, int]], n_frames: Sequence[int]
) -> NativeFrames:
    """Put TR windows back into one series, every frame at its own time.

    Parameters
    ----------
    features : ndarray, shape (n_trs, n_rows, n_columns)
        One array per TR.
    layout : FrameLayout
        Where frames lie in time.
    bounds : sequence of (int, int)
        The samples [first, stop) of each window; windows follow each other without a gap.
    n_frames : sequence of int
        Columns of each window that hold frames of their own.

    Returns
    -------
    NativeFrames
        The series.

    Raises
    ------
    AlignmentError
        If windows do not follow each other, or hold more frames than their time has.
    """
    known, blocks = [], []
    policy_owned = _drops_shared_frames(layout, bounds, n_frames, features.shape[2])
    for i, (first, stop) in enumerate(bounds):
        if i and first != bounds[i - 1][1]:
            raise AlignmentError(
                f"row {i} of the features does not follow row {i - 1} in time",
                "give consecutive TRs, with the metadata that belongs to them",
            )
        frames = layout.between(first, stop, owned=policy_owned)[: n_frames[i]]
        if not 0 < len(frames) == n_frames[i] <= features.shape[2]:
            raise AlignmentError(
                f"row {i} says that it holds {n_frames[i]} frames, and its time and columns do not",
                "give the metadata that belongs to these features",
            )
        known.append(frames)
        blocks.append(features[i, :, : len(frames)])
    held = np.concatenate(known)
    wanted = _all_frames(layout, bounds[0][0], bounds[-1][1])
    return NativeFrames(
        np.concatenate(blocks, axis=1)[:, _nearest(layout, held, wanted)], wanted, bounds[0][0], bounds[-1][1]
    )


def _drops_shared_frames(
    layout: FrameLayout, bounds: Sequence[tuple[int, int]], n_frames: Sequence[int], width: int
) -> bool:
    # Where segments overlap, "floor" took one frame per moment and "ceil" all of them; the counts tell which it was.
    if layout.segment is None:
        return False
    everything = [len(layout.between(*bound)) for bound in bounds]
    return list(n_frames) != everything or max(everything) > width


def _all_frames(layout: FrameLayout, first: int, stop: int) -> np.ndarray:
    frames = layout.between(first, stop)
    if layout.frames_per_segment is None:
        return frames
    # Whole segments are decoded, so the frames of a segment outside the windows are needed too.
    size = layout.frames_per_segment
    return np.arange(frames[0] // size * size, (frames[-1] // size + 1) * size)


def _nearest(layout: FrameLayout, held: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    position = np.maximum(np.searchsorted(held, wanted, side="right") - 1, 0)
    if layout.frames_per_segment is not None:
        # A segment has a loudness of its own: fill from the same one where it has any frame.
        after = np.minimum(position + 1, len(held) - 1)
        size = layout.frames_per_segment
        foreign = held[position] // size != wanted // size
        foreign &= held[after] // size == wanted // size
        position = np.where(foreign, after, position)
    return position
