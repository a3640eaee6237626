"""Names made from content: the same input and settings give the same key, anything else another one."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from giblet.errors import StoreError

_BLOCK = 2**20


def file_digest(path: str | os.PathLike[str], progress: Callable[[int], object] | None = None) -> str:
    """Return the SHA-256 of a file's bytes.

    Parameters
    ----------
    path : str or os.PathLike
        The file, read in blocks of 1 MiB.
    progress : callable, optional
        Called after each block with the number of bytes just read.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    StoreError
        If the file is missing, unreadable, or no regular file.
    """
    digest = hashlib.sha256()
    try:
        # Reading a pipe or a device could wait for ever, so it is not even opened.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise StoreError("not a regular file", "give a file", path)
        with Path(path).open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                if progress is not None:
                    progress(len(block))
    except FileNotFoundError as error:
        raise StoreError("there is no such file", "check its name", path) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot be read ({reason})", "check the file and its permissions", path) from error
    return digest.hexdigest()


def content_key(**parts: object) -> str:
    """Return one key for everything that decides what an array holds.

    Parameters
    ----------
    **parts
        None, bool, int, float, str, ``fractions.Fraction``, NumPy scalars of these kinds, and lists, tuples and
        string-keyed mappings of them. Numbers count by exact value and kind: 3, 3.0 and Fraction(3) differ, a NumPy
        scalar equals the Python number of the same value, a tuple equals a list. The order of names is immaterial.

    Returns
    -------
    str
        64 hexadecimal digits, the same on every machine and Python version.

    Raises
    ------
    TypeError
        If a part is of another type: its text might differ from one process to the next.
    ValueError
        If a number is not finite.
    """
    # repr of a float and the escapes of ASCII JSON are fixed, so this text is the same wherever it is made.
    text = json.dumps(_canonical(parts), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(value: object) -> Any:
    """Return ``value`` as plain JSON types."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a key cannot be made from {value}")
        return float(value)
    if isinstance(value, Fraction):
        return {"__fraction__": str(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("a key can only be made from mappings whose names are text")
        return {str(name): _canonical(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    return _canonical(_from_numpy(value))


def _from_numpy(value: object) -> bool | int | float:
    """Return the Python number of the same value as a NumPy scalar."""
    # Late, for numpy takes longer to load than all else here.
    import numpy as np

    # A long double has no Python twin, and a time difference is an integer only by name.
    if isinstance(value, (np.bool_, np.integer, np.floating)) and not isinstance(
        value, (np.longdouble, np.timedelta64)
    ):
        return value.item()
    raise TypeError(f"a key cannot be made from {type(value).__name__}")
