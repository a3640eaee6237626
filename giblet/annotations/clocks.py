"""Clocks that begin anew within a file, as those of films do that were shown in several runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from giblet.annotations.events import Found
from giblet.errors import AnnotationError

if TYPE_CHECKING:
    import pandas as pd

# A clock that restarts falls back to within this share of what it has covered.
_BEGINNING = 0.1


def parts_of(found: Found, restarts: str | Sequence[float] | None = None) -> np.ndarray:
    """Tell the parts of a file whose clock restarts.

    Where the file names volumes, the clock restarts wherever the seconds fall and the volumes go on. Else it seems to
    restart if the events ascend throughout, but for falls back to the file's beginning from where times that were
    covered before are covered again. Any other disorder means that rows are unordered.

    Parameters
    ----------
    found : Found
        The events as they stand in the file.
    restarts : "sort" or sequence of float, optional
        ``"sort"``: there is one clock. A sequence: the clock restarts wherever the seconds fall.

    Returns
    -------
    ndarray of int64, shape (n_events,)
        Part of each event, counted from 0.
    """
    onset = found.table["onset"].to_numpy()
    falls = np.flatnonzero(np.diff(onset) < 0) + 1
    if isinstance(restarts, str) or not falls.size:
        return np.zeros(len(onset), np.int64)
    if restarts is None and found.volumes is not None:
        falls = falls[[_goes_on(found.volumes.first, int(fall)) for fall in falls]]
    elif restarts is None and not _covered_again(onset, falls):
        falls = falls[:0]
    parts = np.zeros(len(onset), np.int64)
    parts[falls] = 1
    return np.cumsum(parts)


def _goes_on(volumes: np.ndarray, fall: int) -> bool:
    """Whether volumes rise where seconds fall."""
    before, behind = (half[np.isfinite(half)] for half in np.split(volumes, [fall]))
    return bool(before.size and behind.size and before[-1] <= behind[0])


def _covered_again(onset: np.ndarray, falls: np.ndarray) -> bool:
    stretches = np.split(onset, falls)
    lowest, highest = stretches[0][0], stretches[0][-1]
    for stretch in stretches[1:]:
        if stretch[0] > lowest + _BEGINNING * (highest - lowest) or (stretch < highest).sum() < 2:
            return False
        lowest, highest = min(lowest, stretch[0]), max(highest, stretch[-1])
    return len(stretches[0]) > 1


def placed(
    table: pd.DataFrame,
    found: Found,
    parts: np.ndarray,
    path: str,
    part: int | None,
    restarts: str | Sequence[float] | None,
) -> tuple[pd.DataFrame, list[str]]:
    """Bring all parts onto the clock of the first, or take one on its own.

    Parameters
    ----------
    table : pandas.DataFrame
        The events.
    found : Found
        The same as they stand in the file.
    parts : ndarray of int64, shape (n_events,)
        Part of each event.
    path : str
        The file's name, for the messages.
    part : int or None
        The only part that is wanted.
    restarts : "sort", sequence of float, or None
        When the clocks of further parts read 0 on the clock of the first, seconds; None takes it from the volumes.

    Returns
    -------
    table : pandas.DataFrame
        The events that remain, with a column ``part`` where there are several.
    notes : list of str
        What is to be said about it.

    Raises
    ------
    AnnotationError
        If there is no such part, or nothing says where the parts belong.
    """
    onset = found.table["onset"].to_numpy()
    begins = [int(k) + 1 for k in np.flatnonzero(np.diff(parts))]
    wanted = len(restarts) if restarts is not None and not isinstance(restarts, str) else len(begins)
    if (part or 0) > len(begins) or wanted != len(begins):
        problem = f"its clock restarts {len(begins)} times"
        asked = f"part {part} is asked for" if wanted == len(begins) else f"{wanted} restarts are given"
        raise AnnotationError(f"{problem} and {asked}", "give one restart for each, or an earlier part", path)
    if not begins:
        return table, []
    # Only now, so that a column of this name in the file stays as it is where the clock does not restart.
    table["part"] = parts
    where = ", ".join(
        f"from {onset[k - 1]:g} s to {onset[k]:g} s in {found.unit} {found.table.index[k]}" for k in begins
    )
    if part is not None:
        note = f"the clock restarts ({where}), and part {part} was taken alone on its own clock"
        return table[parts == part], [note]
    shifts = _shifts(found, parts) if restarts is None else [0.0, *map(float, restarts)]
    if shifts is None:
        raise AnnotationError(
            f"its clock falls back ({where})",
            f"take one part by part=0 … {len(begins)}, say by restarts=[seconds, …] when the clock of each further "
            'part reads 0, or by restarts="sort" that there is one clock and the rows are unordered',
            path,
        )
    notes = [
        f"the clock restarts ({where}), and what follows was moved by {', '.join(f'{s:g} s' for s in shifts[1:])}"
        + (", as its volumes say" if restarts is None else "")
    ]
    table["onset"] += np.array(shifts)[parts]
    return _without_what_follows(table, parts, begins, found.unit, notes)


def _without_what_follows(
    table: pd.DataFrame, parts: np.ndarray, begins: list[int], unit: str, notes: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Leave out what a part tells of the time after the next one began: nobody saw it then."""
    onset = table["onset"].to_numpy()
    next_begin = np.append(onset[begins], np.inf)[parts]
    unseen = onset >= next_begin
    if unseen.any():
        numbers = ", ".join(map(str, table.index[unseen][:10]))
        notes.append(
            f"{unseen.sum()} events lie behind the beginning of the next part and were left out ({unit} {numbers})"
        )
    return table[~unseen], notes


def _shifts(found: Found, parts: np.ndarray) -> list[float] | None:
    """Return by how much each part is to be moved, None where nothing says so.

    Volumes are whole numbers and seconds are not, so single rows deviate by up to one TR; the median does not.
    """
    if found.volumes is None:
        return None
    ahead = (found.volumes.first - 1) * found.volumes.tr - found.table["onset"].to_numpy()
    groups = [ahead[(parts == k) & np.isfinite(ahead)] for k in range(parts[-1] + 1)]
    if not all(group.size for group in groups):
        return None
    medians = [float(np.median(group)) for group in groups]
    return [median - medians[0] for median in medians]


def volumes_note(found: Found, parts: np.ndarray) -> list[str]:
    """Compare the volumes that a file names with its seconds.

    Parameters
    ----------
    found : Found
        The events, with volumes.
    parts : ndarray of int64, shape (n_events,)
        Part of each event.

    Returns
    -------
    list of str
        What does not fit: events without volumes, and those at which both differ by one TR or more.
    """
    volumes, shifts = found.volumes, _shifts(found, parts)
    if volumes is None or shifts is None:
        return []
    onset = found.table["onset"].to_numpy() + np.array(shifts)[parts]
    end = onset + found.table["duration"].to_numpy()
    blank = np.isnan(volumes.first) | np.isnan(volumes.last)
    # Volumes are counted from 1, and the last one belongs to the event.
    apart = np.fmax(np.abs((volumes.first - 1) * volumes.tr - onset), np.abs(volumes.last * volumes.tr - end))
    differing = np.flatnonzero(apart >= volumes.tr - 1e-6)
    notes = []
    if blank.any():
        notes.append(f"{blank.sum()} {found.unit}s name no volume ({_listed(found.table.index[blank])})")
    if differing.size:
        notes.append(
            f"in {differing.size} {found.unit}s volumes and seconds differ by one TR ({volumes.tr:g} s) or more "
            f"({_listed(found.table.index[differing])}), and the seconds were used"
        )
    return notes


def _listed(numbers: pd.Index) -> str:
    return ", ".join(map(str, numbers[:10])) + (", …" if len(numbers) > 10 else "")
