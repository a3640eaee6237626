"""What readers of annotations find, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from giblet.errors import AnnotationError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Volumes:
    """Columns that name the fMRI volumes during which events happen, counted from 1, the last one inclusive.

    Attributes
    ----------
    first, last : ndarray of float64, shape (n,)
        Volumes, NaN where the file names none.
    tr : float
        Their repetition time, seconds.
    """

    first: np.ndarray
    last: np.ndarray
    tr: float


@dataclass
class Found:
    """The events of a file as they stand in it.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns onset, duration (float64, seconds on the file's clock), text (str) and others; the index holds the
        number that the file, or its editor, gives each event.
    unit : str
        What the index counts: ``"row"``, ``"interval"`` or ``"subtitle"``.
    notes : list of str
        What is to be said about it.
    volumes : Volumes or None
        The volumes that the file names.
    """

    table: pd.DataFrame
    unit: str
    notes: list[str] = field(default_factory=list)
    volumes: Volumes | None = None


@dataclass(frozen=True)
class Annotations:
    """Words, scenes or other events of a stimulus.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per event, ascending by onset: onset and duration (float64, seconds on the stimulus' clock), text (str),
        and whatever else the file says of it, under the file's own names. Where the clock restarted, ``part`` counts
        the parts from 0.
    path : str
        The file.
    notes : tuple of str
        What was found and what was done about it, one sentence each.

    Raises
    ------
    AnnotationError
        If the table lacks a column, is not ascending, or a time in it cannot be.
    """

    table: pd.DataFrame
    path: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lacking = [name for name in ("onset", "duration", "text") if name not in self.table]
        if lacking:
            raise AnnotationError(
                f"the table has no column {', '.join(lacking)}", "give onset, duration and text", self.path
            )
        onset, duration = (self.table[name].to_numpy(float) for name in ("onset", "duration"))
        if not (np.isfinite(onset).all() and np.isfinite(duration).all() and (duration >= 0).all()):
            raise AnnotationError("a time is missing or negative", "give numbers of seconds", self.path)
        if (np.diff(onset) < 0).any():
            raise AnnotationError("its events are not ascending", "sort them by onset", self.path)
