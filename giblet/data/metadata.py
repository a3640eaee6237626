"""The table that travels with TR arrays."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from giblet.alignment import TRWindows
from giblet.codecs import Segment
from giblet.errors import AlignmentError, CodecError
from giblet.timeline import FrameLayout, TRGrid, first_sample, whole

if TYPE_CHECKING:
    import pandas as pd

ENCODEC = "encodec"
MEL = "mel_spectrogram"
# Columns that hold a tuple per row.
SEGMENT_COLUMNS = ("scales", "segment_frames")


def tr_table(
    windows: TRWindows,
    grid: TRGrid,
    mode: str,
    n_codebooks: int,
    duration: Fraction,
    *,
    segments: Sequence[Segment] = (),
    layout: FrameLayout | None = None,
    reference: float | None = None,
    fingerprint: str | None = None,
) -> pd.DataFrame:
    """Describe TR arrays, one row per TR.

    Parameters
    ----------
    windows : TRWindows
        Frames of each TR.
    grid : TRGrid
        Times of each TR.
    mode : str
        ``"encodec"`` or ``"mel_spectrogram"``.
    n_codebooks : int
        Codebooks, 0 where there are none.
    duration : fractions.Fraction
        End of the film's own sound, seconds.
    segments : sequence of Segment
        Of a codec that multiplies its segments by a loudness.
    layout : FrameLayout, optional
        Of that codec.
    reference : float, optional
        Mel power at 0 dB.
    fingerprint : str, optional
        Of the codec; kept in the table's ``attrs``.

    Returns
    -------
    pandas.DataFrame
        Columns tr_index; start_time and end_time (seconds on the film's clock); n_frames, columns of the TR that hold
        frames of their own; encoding_mode; start_frame, the index of its first frame; n_codebooks; padded, whether
        silence fills a part of it; dropped_frames, frames of its time that found no column. For codecs with a
        loudness per segment also scales and segment_frames, tuples with the loudness and the number of frames of each
        segment that has a frame in the TR. For mel also reference, the power at 0 dB, which gives the sound its level
        back.
    """
    import pandas as pd

    times = [grid.window(i) for i in range(grid.n_trs)]
    table = pd.DataFrame(
        {
            "tr_index": np.arange(grid.n_trs),
            "start_time": [float(begin) for begin, _ in times],
            "end_time": [float(end) for _, end in times],
            "n_frames": windows.n_frames,
            "encoding_mode": mode,
            "start_frame": windows.start_frame,
            "n_codebooks": n_codebooks,
            "padded": [end > duration for _, end in times],
            "dropped_frames": windows.dropped_frames,
        }
    )
    if reference is not None:
        table["reference"] = reference
    if layout is not None and segments and segments[0].scale is not None:
        inside = [_segments_in(layout, grid, i, int(windows.start_frame[i])) for i in range(grid.n_trs)]
        table["scales"] = [tuple(part.scale for part in segments[first:stop]) for first, stop in inside]
        table["segment_frames"] = [tuple(part.n_frames for part in segments[first:stop]) for first, stop in inside]
    if fingerprint is not None:
        table.attrs["codec"] = fingerprint
    return table


def _segments_in(layout: FrameLayout, grid: TRGrid, index: int, start_frame: int) -> tuple[int, int]:
    size = layout.frames_per_segment
    if size is None:
        return 0, 1
    bounds = (grid.bound(i, layout.sample_rate) for i in (index, index + 1))
    return start_frame // size, int(layout.between(*bounds).max()) // size + 1


@dataclass(frozen=True)
class TRRows:
    """What decoding needs to know of TR arrays.

    Attributes
    ----------
    bounds : list of (int, int)
        Samples [first, stop) of each TR.
    n_frames : list of int
        Columns of each TR that hold frames of their own.
    segments : dict of int to (float, int)
        Loudness and number of frames per segment of the film, empty where the codec has no loudness.
    """

    bounds: list[tuple[int, int]]
    n_frames: list[int]
    segments: dict[int, tuple[float, int]]


def read_table(
    table: pd.DataFrame, n_trs: int, layout: FrameLayout, mode: str, fingerprint: str | None = None
) -> TRRows:
    """Read a table that `tr_table` made, or a slice of one.

    Parameters
    ----------
    table : pandas.DataFrame
        Metadata, one row per TR.
    n_trs : int
        TRs of the features.
    layout : FrameLayout
        Where the features' frames lie in time.
    mode : str
        What the features are: ``"encodec"`` or ``"mel_spectrogram"``.
    fingerprint : str, optional
        Of the codec that shall decode.

    Returns
    -------
    TRRows
        Its content.

    Raises
    ------
    AlignmentError
        If it does not belong to the features.
    CodecError
        If another codec made the features.
    """
    lacking = [name for name in ("start_time", "end_time", "n_frames") if name not in table]
    if lacking:
        raise AlignmentError(
            f"the metadata has no column {', '.join(lacking)}", "give the table that came with the features"
        )
    if len(table) != n_trs or not n_trs:
        raise AlignmentError(
            f"{n_trs} TRs of features come with {len(table)} rows of metadata",
            "slice features and metadata alike, and keep at least one TR",
        )
    if "encoding_mode" in table and (table["encoding_mode"] != mode).any():
        raise AlignmentError(
            f"the metadata is of {table['encoding_mode'].iloc[0]} and the features are {mode}",
            "give the table that came with the features",
        )
    if fingerprint is not None and table.attrs.get("codec", fingerprint) != fingerprint:
        raise CodecError("another codec made these features", "decode them with the codec that made them")
    try:
        first, stop = (_bounds(table[name].to_numpy(float), layout.sample_rate) for name in ("start_time", "end_time"))
        return TRRows(
            bounds=list(zip(first, stop, strict=True)),
            n_frames=[whole(n, "n_frames") for n in table["n_frames"]],
            segments=_read_segments(table, layout),
        )
    except (ValueError, TypeError, SyntaxError) as error:
        raise AlignmentError(
            f"the metadata holds values that cannot be used ({error})", "give the table as it came with the features"
        ) from error


def _read_segments(table: pd.DataFrame, layout: FrameLayout) -> dict[int, tuple[float, int]]:
    if not {*SEGMENT_COLUMNS, "start_frame"} <= set(table):
        return {}
    segments = {}
    for frame, *row in zip(table["start_frame"], table["scales"], table["segment_frames"], strict=True):
        # A table that went through a text file holds tuples as text.
        scales, counts = (ast.literal_eval(cell) if isinstance(cell, str) else cell for cell in row)
        number = int(frame) // (layout.frames_per_segment or int(frame) + 1)
        for k, (scale, count) in enumerate(zip(scales, counts, strict=True)):
            segments[number + k] = (float(scale), int(count))
    return segments


def _bounds(times: np.ndarray, sample_rate: int) -> list[int]:
    if not np.isfinite(times).all():
        raise ValueError("a time is missing")
    return [first_sample(Fraction(time), sample_rate) for time in times.tolist()]
