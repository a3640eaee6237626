"""Files of results back to dataclasses; nothing in them is trusted."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import types
import typing
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from giblet.errors import FormatError
from giblet.metrics import SegmentScore
from giblet.workfolder import reason

T = TypeVar("T")

# Bytes beyond which a file is not read: room for months of sound.
LARGEST = 256 * 2**20


def damaged(path: str | os.PathLike[str]) -> FormatError:
    """Return the error for a file that was changed or cut short."""
    return FormatError("is damaged", "measure again", path)


def read_document(cls: type[T], path: Path, kind: str, schema: int, without: Collection[str] = ()) -> T:
    """Read a JSON file into a dataclass whose fields say what it holds.

    Parameters
    ----------
    cls : type
        The dataclass.
    path : Path
        The file.
    kind : str
        What its ``kind`` must be.
    schema : int
        What its ``schema`` must be.
    without : collection of str
        Fields that the file does not hold.

    Returns
    -------
    object
        An instance of ``cls``.

    Raises
    ------
    FormatError
        If there is no such file, it is of another kind, or damaged.
    """
    try:
        document = json.loads(_text(path), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise damaged(path) from error
    if not isinstance(document, dict) or document.get("kind") != kind:
        raise FormatError("is no benchmark", "name a folder that giblet benchmark wrote", path)
    if type(document.get("schema")) is int and document["schema"] > schema:
        raise FormatError("was written by a newer giblet", "update giblet", path)
    if document.pop("schema", None) != schema:
        raise damaged(path)
    del document["kind"]
    try:
        return _instance(cls, document, without)
    except (TypeError, ValueError, RecursionError) as error:
        raise damaged(path) from error


def read_scores(path: Path) -> tuple[SegmentScore, ...]:
    """Read a table of segments.

    Parameters
    ----------
    path : Path
        A CSV file with the columns of `SegmentScore`; an empty field is a value that is not there.

    Returns
    -------
    tuple of SegmentScore
        Its rows.

    Raises
    ------
    FormatError
        If there is no such file, or it is damaged.
    """
    hints = typing.get_type_hints(SegmentScore)
    try:
        rows = list(csv.reader(io.StringIO(_text(path), newline=""), strict=True))
        if not rows or rows[0] != list(hints):
            raise ValueError("other columns")
        return tuple(
            SegmentScore(**{name: _field(hints[name], text) for name, text in zip(hints, row, strict=True)})
            for row in rows[1:]
        )
    except (csv.Error, ValueError) as error:
        raise damaged(path) from error


def _text(path: Path) -> str:
    try:
        if path.parent.is_dir() and not path.exists():
            raise FormatError(
                f"holds no {path.name}", "name a folder that giblet benchmark wrote to its end", path.parent
            )
        if path.stat().st_size > LARGEST:
            raise damaged(path)
        # Not read_text, which would change line ends within quoted names.
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError as error:
        raise FormatError("there is no such folder", "check the name", path.parent) from error
    except (OSError, ValueError) as error:
        problem = reason(error) if isinstance(error, OSError) else str(error)
        raise FormatError(f"cannot be read ({problem})", "check the file and its permissions", path) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _field(kind: Any, text: str) -> Any:
    if kind is str:
        return text
    if kind is bool:
        return {"True": True, "False": False}[text] if text in ("True", "False") else _refuse(text)
    if not text:
        return None if kind is not float else math.nan
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _instance(cls: type[T], values: Any, without: Collection[str] = ()) -> T:
    hints = typing.get_type_hints(cls)
    names = {field.name for field in fields(cls)} - set(without)  # type: ignore[arg-type]
    if not isinstance(values, dict) or values.keys() != names:
        raise ValueError(f"no {cls.__name__}")
    return cls(**{name: _value(hints[name], values[name]) for name in names})


def _value(kind: Any, value: Any) -> Any:
    """Return a JSON value as the type that a field has, or raise ValueError."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is types.UnionType:
        return None if value is None else _value(inner[0], value)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(inner[0], item) for item in value)
    if origin is dict and isinstance(value, dict):
        return {name: _value(inner[1], item) for name, item in value.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        return _instance(kind, value)
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if isinstance(kind, type) and origin is None and type(value) is kind:
        return value
    raise ValueError(f"{value!r} is no {kind}")
