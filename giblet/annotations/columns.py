"""Which column of a table is what."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from giblet.annotations.times import seconds
from giblet.errors import AnnotationError, ParameterError

# The usual names, those that say more first.
USUAL = {
    "onset": ("onset", "start", "start_time", "onset_time", "begin", "begin_time", "begintime", "starttime", "tmin",
              "xmin", "t0", "from", "time", "timestamp"),
    "offset": ("offset", "end", "end_time", "offset_time", "stop", "stop_time", "endtime", "stoptime", "tmax", "xmax",
               "t1", "to", "finish"),
    "duration": ("duration", "dur", "length"),
    "text": ("word", "words", "text", "label", "token", "transcript", "transcription", "sentence", "utterance",
             "caption", "subtitle", "annotation", "description", "scene_details", "scene_details_a_level", "trial_type",
             "value"),
}  # fmt: skip
_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3}
UNNAMED = re.compile(r"column \d+")
# Header lines stand below at most so many lines of title.
_TITLE_LINES = 20


@dataclass(frozen=True)
class Column:
    """A column with what its name says.

    Attributes
    ----------
    number : int
        Counted from 0.
    name : str
        As written.
    factor : float
        Seconds per unit.
    """

    number: int
    name: str
    factor: float = 1.0


@dataclass(frozen=True)
class Header:
    """The columns of a table.

    Attributes
    ----------
    names : tuple of str
        All of them, each once.
    first_row : int
        Row at which the events begin, counted from 0.
    roles : dict of str to Column
        Columns by what they are: onset, offset, duration, text.
    volumes : tuple of (Column, Column, float) or None
        Columns of the first and the last fMRI volume of an event, and the TR in seconds that their names give.
    """

    names: tuple[str, ...]
    first_row: int
    roles: dict[str, Column]
    volumes: tuple[Column, Column, float] | None


def find_header(
    path: str | os.PathLike[str], rows: Sequence[Sequence[Any]], columns: Mapping[str, str | int]
) -> Header:
    """Find the columns of a table.

    Parameters
    ----------
    path : str or os.PathLike
        The file's name, for the messages.
    rows : sequence of sequences
        All rows, of equal length.
    columns : mapping of str to str or int
        Names or numbers of columns by what they are, as far as they are not to be found by their usual names.

    Returns
    -------
    Header
        What was found.

    Raises
    ------
    AnnotationError
        If there is no such column, or none of onsets.
    ParameterError
        If `columns` speaks of something else than onset, offset, duration and text.
    """
    unknown = sorted(set(columns) - set(USUAL))
    if unknown:
        raise ParameterError(f"a column cannot be {', '.join(map(repr, unknown))}", f"choose from {', '.join(USUAL)}")
    for number, row in enumerate(rows[:_TITLE_LINES]):
        names = _unique([_written(cell) for cell in row])
        roles = _roles(names, columns)
        if "onset" in roles and not _is_time(row[roles["onset"].number]):
            _check_given(path, names, roles, columns)
            return Header(names, number + 1, roles, _volumes(names))
    if "onset" in columns and all(isinstance(given, int) for given in columns.values()):
        names = tuple(f"column {number}" for number in range(len(rows[0])))
        roles = _roles(names, columns)
        _check_given(path, names, roles, columns)
        return Header(names, 0, roles, None)
    first = ", ".join(repr(_written(cell)[:30]) for cell in rows[0][:12])
    wanted = repr(columns["onset"]) if "onset" in columns else "onset or start"
    raise AnnotationError(
        f"has no column called {wanted} (its first row is {first})",
        "name the columns by columns={'onset': ..., 'duration': ..., 'text': ...}, or give their numbers from 0",
        path,
    )


def _written(cell: Any) -> str:
    return "" if cell is None or cell != cell else " ".join(str(cell).split())


def _unique(names: list[str]) -> tuple[str, ...]:
    """Tell columns of the same name apart by numbers behind it."""
    seen: dict[str, int] = {}
    unique = []
    for number, name in enumerate(names):
        name = name or f"column {number}"
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}.{seen[name] - 1}")
    return tuple(unique)


def _is_time(cell: Any) -> bool:
    try:
        return seconds(cell, fps=1) == seconds(cell, fps=1)
    except ValueError:
        return False


def _parsed(name: str) -> tuple[str, str]:
    """Return a name in plain form, and the unit that it gives."""
    match = re.fullmatch(r"(.*?)\s*[(\[](.*)[)\]]", name.strip()) or re.fullmatch(r"(.*)_(ms|msec|s|sec|seconds)", name)
    plain, unit = match.groups() if match else (name, "")
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_"), unit.strip().lower()


def _roles(names: Sequence[str], columns: Mapping[str, str | int]) -> dict[str, Column]:
    roles: dict[str, Column] = {}
    parsed = [_parsed(name) for name in names]
    for role, usual in USUAL.items():
        if role in columns:
            number = _given(names, columns[role])
        else:
            fits = [
                (usual.index(plain), number)
                for number, (plain, unit) in enumerate(parsed)
                if plain in usual and (unit in _UNITS or role == "text")
            ]
            number = min(fits)[1] if fits else None
        if number is not None:
            roles[role] = Column(number, names[number], _UNITS.get(parsed[number][1], 1.0))
    return roles


def _given(names: Sequence[str], given: str | int) -> int | None:
    if isinstance(given, int):
        return given if 0 <= given < len(names) else None
    wanted = " ".join(str(given).split())
    if wanted in names:
        return names.index(wanted)
    lower = [name.lower() for name in names]
    return lower.index(wanted.lower()) if wanted.lower() in lower else None


def _check_given(
    path: str | os.PathLike[str], names: Sequence[str], roles: Mapping[str, Column], columns: Mapping[str, str | int]
) -> None:
    for role, given in columns.items():
        if role not in roles:
            raise AnnotationError(f"has no column {given!r}", f"choose from {', '.join(map(repr, names[:40]))}", path)


def _volumes(names: Sequence[str]) -> tuple[Column, Column, float] | None:
    """Return the columns of volumes, if the names also give their TR, as in "Start Time (TRs, 1.5s)"."""
    found: dict[str, tuple[Column, float]] = {}
    for number, name in enumerate(names):
        plain, unit = _parsed(name)
        tr = re.fullmatch(r"trs?\b\D*(\d{1,3}(?:\.\d{1,6})?)\s*s?(?:ec\w*)?", unit)
        role = next((role for role in ("onset", "offset") if plain in USUAL[role]), None)
        if tr and role and float(tr[1]) > 0:
            found.setdefault(role, (Column(number, name), float(tr[1])))
    if len(found) < 2:
        return None
    return found["onset"][0], found["offset"][0], found["onset"][1]
