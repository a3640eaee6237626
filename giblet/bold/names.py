"""What a file's name says of it."""

from __future__ import annotations

import os
from pathlib import Path

KINDS = {
    ".dtseries.nii": "grayordinates",
    ".ptseries.nii": "grayordinates",
    ".func.gii": "surface",
    ".gii": "surface",
    ".nii.gz": "volumes",
    ".nii": "volumes",
    ".tsv": "table",
    ".csv": "table",
    ".txt": "table",
    ".npy": "table",
    ".mat": "table",
}
"""Kind of file by ending; the first that fits holds."""


def ending(path: str | os.PathLike[str]) -> str:
    """Return the ending by which the kind of a file is known, in lower case; empty for any other."""
    name = Path(path).name.lower()
    return next((known for known in KINDS if name.endswith(known)), "")


def stem(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return a file's name without its last ending, and without all that say its kind.

    Parameters
    ----------
    path : str or os.PathLike
        For example ``sub-01_bold.dtseries.nii``.

    Returns
    -------
    whole, short : str
        ``sub-01_bold.dtseries`` and ``sub-01_bold``; for ``sub-01_bold.nii.gz`` twice the latter.
    """
    name = Path(path).name
    known = ending(path)
    short = name[: len(name) - len(known)] if known else Path(name).stem
    return (short if known == ".nii.gz" else Path(name).stem), short
