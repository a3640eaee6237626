"""Tables of regions: text, .npy and .mat, never a pickle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giblet.bold.damage import check_file, readable
from giblet.bold.names import ending
from giblet.errors import BoldError

MISSING = frozenset({"n/a", "na", "nan", ""})
"""How tables write a value that is missing, in lower case."""
SEPARATORS = {".tsv": "\t", ".csv": ","}


@dataclass(frozen=True)
class Table:
    """Numbers with a name for each column.

    Attributes
    ----------
    values : ndarray of float32, shape (n_rows, n_columns)
        The numbers, NaN where one is missing; perhaps a file mapped into memory.
    names : tuple of str
        Of the columns; empty if the file has none.
    notes : tuple of str
        What was left out.
    """

    values: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def choose(self, columns: Sequence[str | int] | None, path: str | os.PathLike[str]) -> Table:
        """Take columns by name or number, or name those of a table that has no names.

        Parameters
        ----------
        columns : sequence of str or int, optional
            Names, or numbers from 0; for a table without names, one new name for each column. Default all.
        path : str or os.PathLike
            The file, for the message of an error.

        Returns
        -------
        Table
            The columns in that order.

        Raises
        ------
        BoldError
            If a column is not there, or their number does not fit.
        """
        if columns is None:
            return self
        wanted = [columns] if isinstance(columns, (str, int)) else list(columns)
        width = self.values.shape[1]
        if not self.names and any(isinstance(column, str) for column in wanted):
            if len(wanted) != width:
                raise BoldError(
                    f"has {width} columns without names, and {len(wanted)} names are given",
                    "give one name for each column, or the columns' numbers",
                    path,
                )
            return Table(self.values, tuple(map(str, wanted)), self.notes)
        known: dict[str | int, int] = {name: i for i, name in enumerate(self.names)}
        known.update({i: i for i in range(width)})
        lacking = [str(column) for column in wanted if column not in known]
        if lacking or not wanted:
            there = ", ".join(self.names) if self.names else f"numbers 0 to {width - 1}"
            raise BoldError(f"has no column {', '.join(lacking)}", f"choose from {there[:200]}", path)
        which = [known[column] for column in wanted]
        return Table(self.values[:, which], tuple(self.names[i] for i in which) if self.names else (), self.notes)


def read_table(path: str | os.PathLike[str], *, variable: str | None = None, transposed: bool = False) -> Table:
    """Read a table of numbers.

    Parameters
    ----------
    path : str or os.PathLike
        ``.tsv``, ``.csv``, ``.txt`` (tabs, commas, semicolons or blanks; with or without a line of names), ``.npy`` or
        ``.mat`` (to version 7).
    variable : str, optional
        Which array of a ``.mat`` file; needed where it holds several.
    transposed : bool
        Whether the file has a row per region and a column per volume.

    Returns
    -------
    Table
        A row per volume.

    Raises
    ------
    BoldError
        If it is damaged, empty, ragged, or holds anything but numbers.
    """
    kind = ending(path)
    check_file(path)
    if kind == ".npy":
        table = Table(_npy(path), ())
    elif kind == ".mat":
        table = Table(_mat(path, variable), ())
    else:
        table = _text(path, SEPARATORS.get(kind))
    values = table.values
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise BoldError(
            f"holds an array of shape {values.shape} and type {values.dtype}",
            "save the numbers as (volumes, regions)",
            path,
        )
    if transposed:
        if table.names:
            raise BoldError("names its columns and cannot be read transposed", "leave transposed out", path)
        values = values.T
    if not values.size or len(values) < 2:
        raise BoldError(f"holds {len(values)} rows of {values.shape[1]} columns", "give a row for each volume", path)
    return Table(values.astype(np.float32, copy=False), table.names, table.notes)


def _npy(path: str | os.PathLike[str]) -> np.ndarray:
    try:
        with readable(path):
            return np.load(path, mmap_mode="r", allow_pickle=False)
    except BoldError as error:
        if "Python objects" in error.problem or "pickle" in error.problem:
            raise _pickled(path) from error
        raise


def _mat(path: str | os.PathLike[str], variable: str | None) -> np.ndarray:
    from scipy import io

    with readable(path):
        with Path(path).open("rb") as file:
            if b"MATLAB 7.3" in file.read(128):
                raise BoldError("is a file of MATLAB 7.3", "save it again with the option -v7", path)
        held = {name: shape for name, shape, kind in io.whosmat(path) if kind in _NUMERIC and len(shape) == 2}
        if variable is not None and variable not in held:
            raise BoldError(f"has no matrix {variable}", f"choose from {', '.join(held) or 'nothing'}", path)
        names = [variable] if variable is not None else list(held)
        if len(names) != 1:
            what = f"holds the matrices {', '.join(names)[:200]}" if names else "holds no matrix of numbers"
            raise BoldError(what, "say which (variable=)" if names else "save the time courses as a matrix", path)
        return io.loadmat(path, variable_names=names)[names[0]]


_NUMERIC = frozenset({"double", "single", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))})


def _pickled(path: str | os.PathLike[str]) -> BoldError:
    return BoldError("holds Python objects, which run code when opened", "save the numbers as a plain array", path)


def _text(path: str | os.PathLike[str], separator: str | None) -> Table:
    with readable(path), Path(path).open(encoding="utf-8-sig") as file:
        line = next((line for line in file if line.strip()), "").rstrip("\r\n")
    if not line:
        raise BoldError("is empty", "give a row for each volume", path)
    if separator is None or separator not in line:
        separator = next((mark for mark in "\t;," if mark in line), separator)
    names = tuple(cell.strip().strip("\"'") for cell in line.split(separator))
    if all(map(_is_number, names)):
        names = ()
    values = _numbers(path, separator, bool(names))
    return _without_index(names, values, path) if names else Table(values, ())


def _numbers(path: str | os.PathLike[str], separator: str | None, named: bool) -> np.ndarray:
    options: dict[str, Any] = {
        "dtype": np.float32, "delimiter": separator, "ndmin": 2, "comments": None, "quotechar": '"',
        "encoding": "utf-8-sig", "skiprows": int(named),
    }  # fmt: skip
    try:
        with readable(path):
            try:
                return np.loadtxt(path, **options)
            except ValueError:
                # Slower; most tables miss nothing.
                return np.loadtxt(path, converters=_number, **options)
    except BoldError as error:
        cause = str(error.__cause__)
        if "number of columns changed" in cause:
            what = cause.split(";")[0].split(" (")[0]
            raise BoldError(f"has rows of different length ({what})", "fill what is missing with n/a", path) from error
        raise BoldError(f"holds what is no number ({cause.splitlines()[0][:120]})", "mend the table", path) from error


def _number(cell: str) -> float:
    text = cell.strip()
    return np.nan if text.lower() in MISSING else float(text)


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return bool(cell)


def _without_index(names: tuple[str, ...], values: np.ndarray, path: str | os.PathLike[str]) -> Table:
    width = values.shape[1]
    # pandas writes a column of row numbers without a name, R does not count it among the names.
    counts = np.array_equal(np.diff(values[:, 0]), np.ones(len(values) - 1)) if width else False
    if counts and (len(names) == width - 1 or (len(names) == width and not names[0])):
        note = "The first column counts the rows and is left out."
        return Table(values[:, 1:], names[-(width - 1) :] if width > 1 else (), (note,))
    if len(names) != width and len(values):
        raise BoldError(f"names {len(names)} columns and has {width}", "mend its first line", path)
    if len(set(names)) < len(names):
        raise BoldError("names two columns alike", "give each column a name of its own", path)
    return Table(values, names)


def refuse_unknown(path: str | os.PathLike[str]) -> BoldError:
    """Return the error for a file whose ending says nothing."""
    if Path(path).suffix.lower() in (".pkl", ".pickle", ".p", ".joblib", ".npz"):
        return _pickled(path)
    return BoldError(
        "is of no known kind",
        "give .nii, .nii.gz, .dtseries.nii, .ptseries.nii, .func.gii, .tsv, .csv, .txt, .npy or .mat",
        path,
    )
