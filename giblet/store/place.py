"""Where a store lies: a folder on a disk, or a URL of a file system that fsspec knows."""

from __future__ import annotations

import os
import re
from pathlib import Path

from giblet.errors import StoreError

# One protocol, or several as fsspec chains them (simplecache::s3://). Drives of Windows are one letter.
_URL = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]+::)*([A-Za-z][A-Za-z0-9+.-]+)://)(.*)", re.DOTALL)
_LOCAL = ("file", "local")


def is_url(path: str | os.PathLike[str]) -> bool:
    """Return whether a place is named by a URL of another file system than the local one."""
    found = _URL.fullmatch(os.fspath(path))
    return found is not None and found[1].removesuffix("://") not in _LOCAL


def as_place(path: str | os.PathLike[str]) -> Path | str:
    """Return a place as functions on stores take it.

    Parameters
    ----------
    path : str or os.PathLike
        A path or a URL.

    Returns
    -------
    pathlib.Path or str
        The path, also of ``file://``; any other URL without slashes at its end.

    Raises
    ------
    StoreError
        If the URL holds a password, or parts that are empty, ``.`` or ``..``.
    """
    text = os.fspath(path)
    found = _URL.fullmatch(text)
    if found is None:
        return Path(path)
    head, rest = found[1], found[3]
    if head.removesuffix("://") in _LOCAL:
        return Path(rest)
    if re.match(r"[^/@]*:[^/@]*@", rest):
        raise StoreError(
            "the URL holds a password, which would be shown",
            "leave it out, and give it in the environment or in the configuration of fsspec",
            f"{head}…@{rest.partition('@')[2]}",
        )
    rest = rest.rstrip("/")
    if any(part in ("", ".", "..") for part in rest.lstrip("/").split("/")) and rest.lstrip("/"):
        raise StoreError("no usable name, for a part of it is empty, . or ..", "write the URL without them", path)
    return head + rest


def join(place: Path | str, name: str) -> Path | str:
    """Return the place of ``name``, which may have slashes, below another place."""
    return f"{place.rstrip('/')}/{name}" if isinstance(place, str) else place / name


def place_name(place: Path | str) -> str:
    """Return the last part of a place."""
    return place.rstrip("/").rpartition("/")[2] if isinstance(place, str) else place.name
