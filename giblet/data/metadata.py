"""The table that travels with TR arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from giblet.alignment import TRWindows
from giblet.codecs import Segment
from giblet.errors import AlignmentError
from giblet.timeline import FrameLayout, TRGrid

if TYPE_CHECKING:
    import pandas as pd

ENCODEC = "encodec"
MEL = "mel_spectrogram"


def tr_table(
    windows: TRWindows,
    grid: TRGrid,
    mode: str,
    n_codebooks: int,
    unpadded: float,
    segments: Sequence[Segment] = (),
    layout: FrameLayout | None = None,
    reference: float | None = None,
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
    unpadded : float
        End of the film's own sound, seconds.
    segments : sequence of Segment
        Of a codec that multiplies its segments by a loudness.
    layout : FrameLayout, optional
        Of that codec.
    reference : float, optional
        Mel power at 0 dB.

    Returns
    -------
    pandas.DataFrame
        Columns tr_index; start_time and end_time (seconds on the film's clock); n_frames, columns of the TR that hold
        frames of their own; encoding_mode; start_frame, the index of its first frame; n_codebooks; padded, whether
        silence fills a part of it; dropped_frames, frames of its time that found no column. For codecs with a
        loudness per segment also scales, a tuple of float per row: those of the segments its frames belong to. For mel
        also reference, the power at 0 dB, which gives the sound its level back.
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
            "padded": [float(end) > unpadded for _, end in times],
            "dropped_frames": windows.dropped_frames,
        }
    )
    if reference is not None:
        table["reference"] = reference
    if segments and segments[0].scale is not None and layout is not None and layout.frames_per_segment:
        of_column = np.repeat(np.arange(len(segments)), [segment.n_frames for segment in segments])
        table["scales"] = [
            tuple(segments[k].scale for k in np.unique(of_column[windows.columns[i]])) for i in range(grid.n_trs)
        ]
    return table


@dataclass(frozen=True)
class TRRows:
    """What decoding needs to know of TR arrays.

    Attributes
    ----------
    bounds : list of (int, int)
        Samples [first, stop) of each TR.
    n_frames : list of int
        Columns of each TR that hold frames of their own.
    padded_end : bool
        Whether the codes end with the last TR.
    scales : dict of int to float
        Loudness per segment of the film, empty where the codec has none.
    """

    bounds: list[tuple[int, int]]
    n_frames: list[int]
    padded_end: bool
    scales: dict[int, float]


def read_table(table: pd.DataFrame, n_trs: int, layout: FrameLayout) -> TRRows:
    """Read a table that `tr_table` made, or a slice of one.

    Parameters
    ----------
    table : pandas.DataFrame
        Metadata, one row per TR.
    n_trs : int
        TRs of the features.
    layout : FrameLayout
        Where the features' frames lie in time.

    Returns
    -------
    TRRows
        Its content.

    Raises
    ------
    AlignmentError
        If it does not belong to the features.
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
    first, stop = (_bound(table[name].to_numpy(float), layout.sample_rate) for name in ("start_time", "end_time"))
    scales = {}
    if layout.frames_per_segment and {"scales", "start_frame"} <= set(table):
        for frame, row in zip(table["start_frame"], table["scales"], strict=True):
            scales.update({int(frame) // layout.frames_per_segment + k: float(scale) for k, scale in enumerate(row)})
    return TRRows(
        bounds=list(zip(first.tolist(), stop.tolist(), strict=True)),
        n_frames=[int(n) for n in table["n_frames"]],
        padded_end="padded" in table and bool(table["padded"].iloc[-1]),
        scales=scales,
    )


def _bound(times: np.ndarray, sample_rate: int) -> np.ndarray:
    # The first sample at or after a time. A float of hours is exact to a millionth of a sample, so a remainder below
    # that is rounding.
    return np.ceil(times * sample_rate - 1e-6).astype(np.int64)
