"""Recordings as people keep them: finding them, and reading them in pieces."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from giblet.errors import MediaError
from giblet.media import AudioReader, find_sound_files

# Longer recordings are coded in pieces of so many seconds, so that memory stays flat.
PIECE = 300.0


def sound_files(places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the files named, and in the folders named, at any depth, all that have the ending of sound or film.

    Parameters
    ----------
    places : iterable of str or os.PathLike
        Files and folders. Hidden files are left out.

    Returns
    -------
    list of Path
        Each file once, those of a folder in the order of their names. Whether they can be read is not tested.

    Raises
    ------
    MediaError
        If a name is neither file nor folder, or a folder holds no sound.
    """
    found: list[Path] = []
    for place in map(Path, places):
        if place.is_dir():
            inside = find_sound_files(place)
            if not inside:
                raise MediaError("holds no sound files", "name a folder with recordings or films", place)
            found += inside
        elif place.exists():
            found.append(place)
        else:
            raise MediaError("there is no such file or folder", "check the name", place)
    return list(dict.fromkeys(found))


def read_pieces(
    path: str | os.PathLike[str], channels: int, sample_rate: int, max_seconds: float | None = None
) -> Iterator[np.ndarray]:
    """Read a recording in pieces of about five minutes, the last of up to seven and a half.

    Parameters
    ----------
    path : str or os.PathLike
        A sound file or film.
    channels : {1, 2}
        Channels to deliver.
    sample_rate : int
        Hz.
    max_seconds : float, optional
        Read no more than so many.

    Yields
    ------
    ndarray of float32, shape (channels, n_samples)
        The pieces, without gaps.

    Raises
    ------
    MediaError
        If the file cannot be read.
    """
    left = sys.maxsize if max_seconds is None else round(max_seconds * sample_rate)
    size = round(PIECE * sample_rate)
    piece: list[np.ndarray] = []
    n_samples = 0
    with AudioReader(path, channels=channels, sample_rate=sample_rate, picture_clock=False) as reader:
        for block in reader:
            piece.append(block[:, :left])
            n_samples += piece[-1].shape[1]
            left -= piece[-1].shape[1]
            if not left:
                break
            if n_samples >= 1.5 * size:
                joined = np.concatenate(piece, axis=1)
                yield joined[:, :size]
                piece, n_samples = [joined[:, size:]], n_samples - size
    yield np.concatenate(piece, axis=1)
