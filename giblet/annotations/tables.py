"""Tables: events.tsv of BIDS, and other text with one event a row."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.annotations.columns import UNNAMED, Column, Header, find_header
from giblet.annotations.events import Found, Volumes
from giblet.annotations.times import BLANKS, seconds
from giblet.errors import AnnotationError

if TYPE_CHECKING:
    import pandas as pd

TABLES = (".tsv", ".csv", ".tab")
_DELIMITERS = "\t;,|"


def read_table(path: str | os.PathLike[str], text: str, columns: Mapping[str, str | int], fps: float | None) -> Found:
    """Read a table, one event a row.

    Parameters
    ----------
    path : str or os.PathLike
        The file's name, for the messages.
    text : str
        Its content; columns are separated by tabs, semicolons, commas, bars or blanks.
    columns : mapping of str to str or int
        As in `giblet.annotations.read_annotations`.
    fps : float, optional
        Pictures per second, where times count pictures.

    Returns
    -------
    Found
        The events.

    Raises
    ------
    AnnotationError
        If it is no table, or a time in it is none.
    """
    try:
        rows = list(csv.reader(io.StringIO(text), **_dialect(path, text)))
    except csv.Error as error:
        raise AnnotationError(f"is no table ({error})", "save it as tab-separated text", path) from error
    width = max(map(len, rows))
    return found_in(path, [row + [""] * (width - len(row)) for row in rows], columns, fps)


def _dialect(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    """Return what separates the columns: what is most frequent in the first line, or else blanks."""
    first = next(line for line in text.split("\n") if line.strip())
    if str(path).lower().endswith(".tsv"):
        return {"delimiter": "\t"}
    outside = "".join(first.split('"')[::2])
    delimiter = max(_DELIMITERS, key=outside.count)
    if outside.count(delimiter):
        return {"delimiter": delimiter}
    return {"delimiter": " ", "skipinitialspace": True}


def found_in(
    path: str | os.PathLike[str],
    rows: Sequence[Sequence[Any]],
    columns: Mapping[str, str | int],
    fps: float | None,
) -> Found:
    """Turn rows of cells into events.

    Parameters
    ----------
    path : str or os.PathLike
        The file's name, for the messages.
    rows : sequence of sequences
        Its rows from the first one on, of equal length.
    columns : mapping of str to str or int
        As in `giblet.annotations.read_annotations`.
    fps : float, optional
        Pictures per second, where times count pictures.

    Returns
    -------
    Found
        The events, numbered by their rows as an editor counts them, from 1.

    Raises
    ------
    AnnotationError
        If no column holds onsets, or a time is none.
    """
    import pandas as pd

    header = find_header(path, rows, columns)
    numbers = [
        number
        for number in range(header.first_row, len(rows))
        if any(cell is not None and str(cell).strip() for cell in rows[number])
    ]
    cells = [rows[number] for number in numbers]
    index = pd.Index([number + 1 for number in numbers])
    times: dict[str, np.ndarray] = {
        role: _times(path, cells, header.roles[role], index, fps)
        for role in ("onset", "offset", "duration")
        if role in header.roles
    }
    missing = np.flatnonzero(np.isnan(times["onset"]))
    if missing.size:
        raise AnnotationError(f"has no onset in row {index[missing[0]]}", "fill it in or delete the row", path)
    durations, notes = _durations(times)
    written = pd.DataFrame(
        {name: _typed([row[number] for row in cells], index) for number, name in enumerate(header.names)}, index=index
    )
    # Editors add blank columns without a name.
    written = written.drop(
        columns=[name for name in written if UNNAMED.fullmatch(str(name)) and written[name].isna().all()]
    )
    text = [_label(row[header.roles["text"].number]) for row in cells] if "text" in header.roles else [""] * len(cells)
    if "text" not in header.roles:
        notes.append("no column holds words or labels, so that all events have an empty text")
    table = pd.DataFrame({"onset": times["onset"], "duration": durations}, index=index)
    table["text"] = pd.Series(text, index=index, dtype=str)
    used = {column.name for role, column in header.roles.items() if role != "text"} | set(table)
    table = pd.concat([table, written[[name for name in written if name not in used]]], axis=1)
    return Found(table, "row", notes, _volumes(path, cells, header, index))


def _times(
    path: str | os.PathLike[str], cells: Sequence[Sequence[Any]], column: Column, index: pd.Index, fps: float | None
) -> np.ndarray:
    """Return the times in a column, in seconds."""
    times = np.empty(len(cells))
    for k, row in enumerate(cells):
        try:
            times[k] = seconds(row[column.number], fps) * column.factor
        except ValueError as error:
            raise AnnotationError(
                f"{str(row[column.number])[:40]!r} in row {index[k]}, column {column.name!r}, {error}",
                "correct it, or name another column by columns={...}",
                path,
            ) from error
    return times


def _durations(times: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Return durations from what there is, 0 where the file says nothing."""
    durations = np.full(len(times["onset"]), np.nan)
    if "duration" in times:
        durations = times["duration"].copy()
    if "offset" in times:
        durations = np.where(np.isnan(durations), times["offset"] - times["onset"], durations)
    unknown = np.isnan(durations)
    notes = [f"{unknown.sum()} events have no end and were taken to last 0 s"] if unknown.any() else []
    return np.where(unknown, 0.0, durations), notes


def _label(cell: Any) -> str:
    text = "" if cell is None else " ".join(str(cell).split())
    return "" if text.lower() == "n/a" else text


def _typed(column: list[Any], index: pd.Index) -> pd.Series:
    """Return a column as numbers if that is what it holds, else as text."""
    import pandas as pd

    blank = [cell is None or str(cell).strip().lower() in BLANKS for cell in column]
    known = [cell for cell, empty in zip(column, blank, strict=True) if not empty]
    try:
        numbers = [float(cell) for cell in known if not isinstance(cell, bool)]
        numeric = bool(known) and len(numbers) == len(known)
    except (TypeError, ValueError):
        numeric = False
    values = [
        None if empty else float(cell) if numeric else str(cell).strip()
        for cell, empty in zip(column, blank, strict=True)
    ]
    series = pd.Series(values, index=index, dtype=float if numeric else str)
    return series.astype("int64") if numeric and (series % 1 == 0).all() and (series.abs() < 2**53).all() else series


def _volumes(
    path: str | os.PathLike[str], cells: Sequence[Sequence[Any]], header: Header, index: pd.Index
) -> Volumes | None:
    if header.volumes is None:
        return None
    first, last, tr = header.volumes
    return Volumes(_times(path, cells, first, index, None), _times(path, cells, last, index, None), tr)
