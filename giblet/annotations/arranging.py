"""From the events as they stand in a file to one ascending table on the stimulus' clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from giblet.annotations.clocks import parts_of, placed, volumes_note
from giblet.annotations.events import Annotations, Found
from giblet.errors import AnnotationError, ParameterError
from giblet.timeline import Seconds, exact, whole

if TYPE_CHECKING:
    import pandas as pd

# What aligners (Penn, Montreal, Kaldi) and people write where nobody speaks.
SILENCES = frozenset(
    {"sp", "sil", "<sil>", "<p:>", "<p>", "<eps>", "{sl}", "{ns}", "{br}", "{lg}", "{cg}", "{ls}", "#", "_"}
)
# Seconds; times in tables are rounded.
ROUNDING = 1e-6
# Seconds; onset and duration may each be rounded to milliseconds.
OVERLAP = 0.002


@dataclass(frozen=True)
class Wishes:
    """What is to be done with the events (see `giblet.annotations.read_annotations`).

    Attributes
    ----------
    clock_start : float
        Reading of the file's clock when the stimulus begins, seconds.
    part : int or None
        The only part that is wanted of a clock that restarts.
    restarts : "sort", tuple of float, or None
        Where further parts begin, seconds.
    silences : frozenset of str
        Labels that stand for nothing said, in lower case.
    keep_empty : bool
        Whether events without a text stay.
    """

    clock_start: float
    part: int | None
    restarts: str | tuple[float, ...] | None
    silences: frozenset[str]
    keep_empty: bool = False

    @classmethod
    def asked(
        cls,
        clock_start: Seconds,
        part: int | None,
        restarts: str | Sequence[Seconds] | None,
        silences: Collection[str],
        keep_empty: bool = False,
    ) -> Wishes:
        """Return the wishes of values as people write them.

        Raises
        ------
        ParameterError
            If a value cannot be used.
        """
        if part is not None and whole(part, "the part") < 0:
            raise ParameterError(f"the part is {part}", "count parts from 0")
        if isinstance(restarts, str) and restarts != "sort":
            raise ParameterError(
                f"restarts is {restarts!r}", 'give "sort", or the seconds at which further parts begin'
            )
        if restarts is not None and not isinstance(restarts, str):
            restarts = tuple(float(exact(time, "a restart")) for time in restarts)
        if isinstance(silences, str):
            silences = (silences,)
        quiet = frozenset(label.lower() for label in silences)
        return cls(float(exact(clock_start, "clock_start")), part, restarts, quiet, keep_empty)


def arranged(found: Found, path: str, wishes: Wishes) -> Annotations:
    """Put the events of a file on the stimulus' clock.

    Parameters
    ----------
    found : Found
        The events as they stand in the file.
    path : str
        Its name.
    wishes : Wishes
        What is to be done.

    Returns
    -------
    Annotations
        The events.

    Raises
    ------
    AnnotationError
        If there is none, one lasts less than no time, or the clock restarts and nothing says where the parts belong.
    """
    table, notes = found.table.copy(), list(found.notes)
    if table.empty:
        raise AnnotationError(f"holds no {found.unit}", "check that it is the right file", path)
    _check_durations(found, path)
    table["duration"] = table["duration"].clip(lower=0.0)
    parts = parts_of(found, wishes.restarts)
    if found.volumes is not None:
        notes += volumes_note(found, parts)
    table, more = placed(table, found, parts, path, wishes.part, wishes.restarts)
    notes += more
    said = ~table["text"].str.lower().isin(wishes.silences)
    # Where no event has a text, the events themselves are what counts.
    if not wishes.keep_empty and (table["text"] != "").any():
        said &= table["text"] != ""
    if not said.all():
        notes.append(f"{(~said).sum()} of {len(table)} labels are empty or mark silence and were left out")
        table = table[said]
    if table.empty:
        raise AnnotationError("has no label but of silence", "choose another tier or column, or give silences=()", path)
    table["onset"] -= wishes.clock_start
    table, more = _sorted(table, found.unit)
    return Annotations(table.reset_index(drop=True), path, tuple(notes + more))


def _check_durations(found: Found, path: str) -> None:
    durations = found.table["duration"]
    bad = found.table.index[durations < -ROUNDING]
    if bad.size:
        row = found.table.loc[bad[0]]
        raise AnnotationError(
            f"{found.unit} {bad[0]} ({row['text'][:40]!r}) ends at {row['onset'] + row['duration']:g} s, before it "
            f"begins at {row['onset']:g} s" + (f", and so do {bad.size - 1} others" if bad.size > 1 else ""),
            "correct its times, or check which columns they are in",
            path,
        )
    if not (np.isfinite(found.table["onset"]).all() and np.isfinite(durations).all()):
        raise AnnotationError("has a time that is no finite number", "correct it", path)


def _sorted(table: pd.DataFrame, unit: str) -> tuple[pd.DataFrame, list[str]]:
    """Sort events by onset; return them and what is to be said."""
    notes = []
    late = int((np.diff(table["onset"]) < 0).sum())
    if late:
        notes.append(f"{late} {_plural(unit, late)} stood behind a later one, and all were sorted by onset")
        table = table.sort_values("onset", kind="stable")
    onset = table["onset"].to_numpy()
    ends = onset + table["duration"].to_numpy()
    overlaps = np.flatnonzero(onset[1:] < np.maximum.accumulate(ends)[:-1] - OVERLAP) + 1
    if overlaps.size:
        k = overlaps[0]
        notes.append(
            f"{overlaps.size} {_plural(unit, overlaps.size)} begin before an earlier one has ended, the first at "
            f"{onset[k]:g} s ({unit} {table.index[k]})"
        )
    early = int((onset < -ROUNDING).sum())
    if early:
        notes.append(f"{early} {_plural(unit, early)} begin before the stimulus, the first at {onset[0]:g} s")
    return table, notes


def _plural(unit: str, number: int) -> str:
    return unit if number == 1 else f"{unit}s"
