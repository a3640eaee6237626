"""Sheets of .xlsx workbooks."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

from giblet.annotations.columns import find_header
from giblet.annotations.events import Found
from giblet.annotations.tables import found_in
from giblet.errors import AnnotationError

# Bytes when unpacked; a small archive can hold terabytes of zeros.
_LARGEST = 512 * 2**20
_MOST_CELLS = 10**7


def read_sheet(
    path: str | os.PathLike[str],
    data: bytes,
    sheet: str | int | None,
    columns: Mapping[str, str | int],
    fps: float | None,
) -> Found:
    """Read a sheet, one event a row.

    Parameters
    ----------
    path : str or os.PathLike
        The file's name, for the messages.
    data : bytes
        Its content.
    sheet : str or int, optional
        Name of the sheet, or its number counted from 0; by default the only one with a column of onsets.
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
        If it is no workbook, has no such sheet, or a time in it is none.
    """
    sheets = _sheets(path, data)
    if sheet is None:
        sheets = {name: rows for name, rows in sheets.items() if rows}
        fitting = [name for name, rows in sheets.items() if _has_onsets(path, rows, columns)]
        if len(sheets) > 1 and len(fitting) != 1:
            there = ", ".join(map(repr, fitting or sheets))
            problem = f"has {len(fitting) or 'no'} sheets with a column of onsets"
            raise AnnotationError(problem, f"choose by sheet one of {there}, or name the columns", path)
        chosen = next(iter(fitting or sheets), None)
    else:
        names = list(sheets)
        numbered = isinstance(sheet, int) and 0 <= sheet < len(names)
        chosen = names[sheet] if numbered and isinstance(sheet, int) else str(sheet)
        if chosen not in sheets:
            raise AnnotationError(f"has no sheet {sheet!r}", f"choose from {', '.join(map(repr, names))}", path)
    if chosen is None or not sheets[chosen]:
        raise AnnotationError("holds no table", "fill it in, or choose another sheet", path)
    return found_in(path, sheets[chosen], columns, fps)


def _has_onsets(path: str | os.PathLike[str], rows: list[list[Any]], columns: Mapping[str, str | int]) -> bool:
    try:
        find_header(path, rows, columns)
    except AnnotationError:
        return False
    return True


def _sheets(path: str | os.PathLike[str], data: bytes) -> dict[str, list[list[Any]]]:
    """Return the rows of all sheets."""
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _LARGEST:
            raise AnnotationError(f"unpacks to {size / 2**20:.0f} MB", "save only the sheet that is needed", path)
        with warnings.catch_warnings():
            # Of extensions, filters and styles that it leaves out.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheets = {sheet.title: _rows(path, sheet) for sheet in book.worksheets}
    except AnnotationError:
        raise
    # What openpyxl makes of a damaged workbook is not documented: BadZipFile, KeyError, ParseError, TypeError, ...
    except Exception as error:
        reason = str(error).split("\n")[0][:80] or type(error).__name__
        raise AnnotationError(f"cannot be read as an .xlsx workbook ({reason})", "save it again", path) from error
    return sheets


def _rows(path: str | os.PathLike[str], sheet: Any) -> list[list[Any]]:
    """Return the rows of a sheet up to the last that is not blank, of equal length."""
    # What a sheet says of its size need not be true.
    sheet.reset_dimensions()
    rows: list[list[Any]] = []
    filled = n_cells = 0
    for row in sheet.values:
        rows.append(list(row))
        n_cells += 1 + len(row)
        if n_cells > _MOST_CELLS:
            raise AnnotationError(f"has too many cells in sheet {sheet.title!r}", "save only what is needed", path)
        if any(cell is not None for cell in row):
            filled = len(rows)
    width = max(map(len, rows[:filled]), default=0)
    return [row + [None] * (width - len(row)) for row in rows[:filled]]
