"""The sound files in a folder, by their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from giblet.errors import MediaError

_SOUND_AND_FILM = """
3gp 8svx aac ac3 adx aif aifc aiff amr ape asf au avi caf dts eac3 flac flv g722 gsm m2ts m4a m4b m4v mka mkv mov
mp2 mp3 mp4 mpc mpeg mpg mts nut oga ogg ogv opus ra rm shn snd sph spx tak ts tta voc vob w64 wav webm wma wmv wv
"""
ENDINGS = frozenset(f".{ending}" for ending in _SOUND_AND_FILM.split())
"""Endings, in lower case, of the files that are tried: FFmpeg takes all manner of other data for sound."""


def find_sound_files(folder: str | os.PathLike[str], leave_out: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the files of a folder, and of all below, that should hold sound by their names.

    Names that begin with a dot are passed over, and endings other than `ENDINGS`.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder.
    leave_out : str or os.PathLike, optional
        A folder not to look into.

    Returns
    -------
    list of pathlib.Path
        Sorted; links are followed.

    Raises
    ------
    MediaError
        If there is no such folder, or it may not be read.
    """
    root = Path(folder)
    if not root.is_dir():
        problem = "is no folder" if root.exists() else "there is no such folder"
        raise MediaError(problem, "name a folder of recordings", folder)
    unwanted = None if leave_out is None else Path(leave_out).resolve()
    return sorted(_walk(root, unwanted), key=lambda path: path.relative_to(root).parts)


def _walk(root: Path, unwanted: Path | None) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise MediaError("may not be read", "give yourself the right to read it", error.filename) from error

    visited = set()
    for place, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        # A link to a folder above would lead round and round.
        where = Path(place).resolve()
        if where in visited or where == unwanted:
            folders.clear()
            continue
        visited.add(where)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in ENDINGS:
                yield Path(place, name)
