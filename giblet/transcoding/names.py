"""What names of files mean, and which may be written."""

from __future__ import annotations

import os
from pathlib import Path

from giblet.data.rebuild import check_output
from giblet.errors import MediaError, ParameterError
from giblet.formats.container import ENDINGS

CODE_ENDINGS = tuple(ENDINGS)
"""Endings of containers."""


def holds_codes(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a container by its ending; any other is sound."""
    return Path(path).suffix.lower() in CODE_ENDINGS


def default_output(path: str | os.PathLike[str]) -> Path:
    """Return where the result goes if nobody says it, as Meta's tool does.

    Parameters
    ----------
    path : str or os.PathLike
        A sound file or a container.

    Returns
    -------
    Path
        Beside it: ``talk.ecdc`` for ``talk.mp3``, ``talk_decompressed.wav`` for a container.
    """
    path = Path(path)
    return path.with_name(f"{path.stem}_decompressed.wav") if holds_codes(path) else path.with_suffix(".ecdc")


def check_place_of(
    output: str | os.PathLike[str], path: str | os.PathLike[str], endings: tuple[str, ...], force: bool
) -> None:
    """Raise at once what writing a result would raise because of its name.

    Parameters
    ----------
    output : str or os.PathLike
        The result.
    path : str or os.PathLike
        What it is made from, which is never replaced.
    endings : tuple of str
        Those that it may have.
    force : bool
        Whether it may replace another file.

    Raises
    ------
    ParameterError
        If the ending is another.
    MediaError
        If it is the input itself, is there already, or cannot be written.
    StoreError
        If it lies inside a store.
    """
    output = Path(output)
    if output.suffix.lower() not in endings:
        raise ParameterError("its ending says nothing that can be made of it", f"use {', '.join(endings)}", output)
    if output.is_dir():
        raise MediaError("is a folder", "name a file", output)
    if output.exists() and output.samefile(path):
        raise MediaError("is the input itself", "choose another name for the output", output)
    if output.exists() and not force:
        raise MediaError("is there already", "choose another name, or replace it with --force", output)
    if not output.absolute().parent.is_dir():
        raise MediaError("its folder does not exist", "make the folder first", output)
    check_output(output)
