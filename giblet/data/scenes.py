"""Vectors of texts that last for a while → one row for each fMRI volume, and back to the nearest texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from giblet.annotations.columns import find_header
from giblet.errors import ParameterError
from giblet.features.text.spreading import check_spreading, filled, overlaps, spread
from giblet.timeline import Seconds, TRGrid, exact, whole

if TYPE_CHECKING:
    import pandas as pd

MODES = ("concatenate", "average")


@dataclass(frozen=True)
class SceneLayout:
    """How a TR holds the vectors of the texts that go on in it.

    Attributes
    ----------
    aggregation : {"mean", "first", "last", "max"}
        Mode ``"average"``: what becomes of several (see `giblet.features.text.spreading.spread`).
    gap_fill : {"forward_fill", "zero", "interpolate"}
        What stands in TRs without any (see `giblet.features.text.spreading.filled`).
    mode : {"concatenate", "average"}
        Side by side, or as one.
    most : int
        Mode ``"concatenate"``: room for so many; of more, those that began last.
    window : number
        What counts is what goes on in the last so many TRs before a TR's end.

    Raises
    ------
    ParameterError
        If a value cannot be used.
    """

    aggregation: str = "mean"
    gap_fill: str = "forward_fill"
    mode: str = "concatenate"
    most: int = 3
    window: Seconds = 1.0

    def __post_init__(self) -> None:
        check_spreading(self.aggregation, self.gap_fill)
        if self.mode not in MODES:
            raise ParameterError(f"temporal_mode is {self.mode!r}", f"choose from {', '.join(MODES)}")
        if whole(self.most, "max_annotations_per_tr") < 1:
            raise ParameterError(f"max_annotations_per_tr is {self.most}", "give 1 or more")
        if exact(self.window, "temporal_window") <= 0:
            raise ParameterError(f"temporal_window is {self.window} TRs", "give a number above 0, such as 1.0")

    @property
    def blocks(self) -> int:
        """How many vectors a row has room for."""
        return self.most if self.mode == "concatenate" else 1

    def rows(
        self, vectors: np.ndarray, onsets: np.ndarray, durations: np.ndarray, grid: TRGrid
    ) -> tuple[np.ndarray, list[list[int]]]:
        """Bring vectors to TRs.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n_texts, dim)
            The vectors.
        onsets, durations : ndarray of float64, shape (n_texts,)
            When each begins, ascending, and how long it lasts, seconds.
        grid : TRGrid
            The TRs.

        Returns
        -------
        rows : ndarray of float32, shape (n_trs, blocks * dim)
            In mode ``"concatenate"`` the vectors in the order in which they begin, 0 behind them.
        members : list of list of int
            Which texts each TR holds.
        """
        back = exact(self.window, "temporal_window") * grid.tr
        stops = [grid.window(tr)[1] for tr in range(grid.n_trs)]
        begins, ends = np.array([float(stop - back) for stop in stops]), np.array([float(stop) for stop in stops])
        members: list[list[int]] = [[] for _ in range(grid.n_trs)]
        for number, (onset, duration) in enumerate(zip(onsets, durations, strict=True)):
            for tr in members[overlaps(begins, ends, float(onset), float(duration))[0]]:
                tr.append(number)
        if self.mode == "average":
            rows, covered = spread(vectors, onsets, durations, begins, ends, self.aggregation)
        else:
            members = [numbers[-self.most :] for numbers in members]
            rows = np.zeros((grid.n_trs, self.most * vectors.shape[1]), np.float32)
            for row, numbers in zip(rows, members, strict=True):
                row[: len(numbers) * vectors.shape[1]] = vectors[numbers].ravel()
            covered = np.array([bool(numbers) for numbers in members], bool)
        return filled(rows, covered, self.gap_fill), members


def nearest(rows: np.ndarray, vectors: np.ndarray, top_k: int = 1) -> Sequence[np.ndarray]:
    """Find the vectors that are nearest to rows by cosine.

    Parameters
    ----------
    rows : ndarray, shape (n, blocks * dim)
        Rows of one vector or of several side by side, of which those that are not 0 are looked up.
    vectors : ndarray, shape (n_vectors, dim)
        What they are compared with.
    top_k : int
        How many.

    Returns
    -------
    sequence of ndarray of int64, length n
        For each row the numbers of the `top_k` vectors that are nearest to any of its blocks, the nearest first; none
        for a row of zeros.
    """
    dim = vectors.shape[1]
    compass = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    found = []
    for row in rows:
        blocks = row.reshape(-1, dim)
        length = np.linalg.norm(blocks, axis=1)
        blocks, length = blocks[length > 0], length[length > 0]
        if not len(blocks):
            found.append(np.zeros(0, np.int64))
            continue
        cosines = (blocks / length[:, None] @ compass.T).max(axis=0)
        found.append(np.argsort(-cosines, kind="stable")[:top_k])
    return found


def event_times(annotations: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Find when the events of a table happen.

    Parameters
    ----------
    annotations : pandas.DataFrame
        With columns of the usual names: onset and duration, Start Time (s) and End Time (s), ….

    Returns
    -------
    onsets, durations : ndarray of float64, shape (n_events,)
        Seconds; durations are 0 where no column tells of them.

    Raises
    ------
    AnnotationError
        If there is no column of onsets.
    """
    names = list(annotations.columns)
    roles = find_header("the annotations", [names], {}).roles
    seconds = {
        role: annotations.iloc[:, column.number].to_numpy(float) * column.factor
        for role, column in roles.items()
        if role != "text"
    }
    if "duration" in seconds:
        return seconds["onset"], seconds["duration"]
    return seconds["onset"], seconds.get("offset", seconds["onset"]) - seconds["onset"]
