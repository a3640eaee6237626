"""The sound files of a folder, and those among them that cannot be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from giblet.errors import GibletError, MediaError
from giblet.media import AudioReader
from giblet.media.probe import probe
from giblet.progress import SILENT, Progress, stage

log = logging.getLogger(__name__)

_SOUND_AND_FILM = """
3gp 8svx aac ac3 adx aif aifc aiff amr ape asf au avi caf dts eac3 flac flv g722 gsm m2ts m4a m4b m4v mka mkv mov
mp2 mp3 mp4 mpc mpeg mpg mts nut oga ogg ogv opus ra rm shn snd sph spx tak ts tta voc vob w64 wav webm wma wmv wv
"""
ENDINGS = frozenset(f".{ending}" for ending in _SOUND_AND_FILM.split())
"""Endings, in lower case, of the files that are tried: FFmpeg takes all manner of other data for sound."""


@dataclass(frozen=True)
class Recording:
    """A sound file.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    duration_s : float
        Length in seconds, stated or estimated; decoding alone tells it exactly.
    sample_rate : int
        Its own rate in Hz.
    """

    path: Path
    duration_s: float
    sample_rate: int


@dataclass(frozen=True)
class Recordings:
    """What a folder holds.

    Attributes
    ----------
    files : tuple of Recording
        Sound that can be opened, sorted by path.
    rejected : tuple of (pathlib.Path, str)
        Files of sound or film that cannot, and why.
    """

    files: tuple[Recording, ...]
    rejected: tuple[tuple[Path, str], ...]

    @property
    def duration(self) -> float:
        """Seconds in all."""
        return sum(file.duration_s for file in self.files)


def find_recordings(
    folder: str | os.PathLike[str],
    *,
    minimum: float = 10.0,
    leave_out: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
) -> Recordings:
    """Look for sound in a folder and all folders below, without decoding what states its length.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder. Names that begin with a dot are passed over, and endings other than `ENDINGS`.
    minimum : float
        Seconds of sound that there must be.
    leave_out : str or os.PathLike, optional
        A folder not to look into.
    progress : Progress
        Who watches.

    Returns
    -------
    Recordings
        The files, in an order that depends on their names only.

    Raises
    ------
    MediaError
        If there is no such folder, no sound in it, or too little.
    """
    files, rejected = [], []
    with stage(progress, "looking for recordings", None):
        for path in sound_files(folder, leave_out):
            try:
                recording = _probed(path)
            except GibletError as error:
                rejected.append((path, error.problem))
                continue
            files.append(recording)
            progress.advance(recording.duration_s)
    found = Recordings(tuple(files), tuple(rejected))
    log.debug("%s: %d recordings of %.0f s, %d rejected", folder, len(files), found.duration, len(rejected))
    require_sound(folder, found.duration, len(files), found.rejected, minimum)
    return found


def sound_files(folder: str | os.PathLike[str], leave_out: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the files of a folder, and of all below, that should hold sound by their names.

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


def require_sound(
    folder: str | os.PathLike[str],
    seconds: float,
    n_files: int,
    rejected: Sequence[tuple[str | os.PathLike[str], str]],
    minimum: float,
) -> None:
    """Raise the error that says what a folder lacks.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder.
    seconds : float
        Sound that was found.
    n_files : int
        Files that it was found in.
    rejected : sequence of (str or os.PathLike, str)
        Files that could not be used, and why.
    minimum : float
        Seconds of sound that there must be.

    Raises
    ------
    MediaError
        If there is no sound, or less than the minimum.
    """
    if seconds >= minimum and n_files:
        return
    also = (
        f" ({len(rejected)} cannot be read, such as {Path(rejected[0][0]).name}: {rejected[0][1]})" if rejected else ""
    )
    if not n_files:
        raise MediaError(f"holds no recordings{also}", "name a folder with files such as .wav, .flac or .mp3", folder)
    problem = f"holds only {seconds:.1f} s of sound in {n_files} files{also}"
    raise MediaError(problem, f"add recordings: {minimum:g} s are needed at the very least", folder)


def _probed(path: Path) -> Recording:
    info = probe(path)
    track = info.audio[0] if info.audio else None
    if track is not None and track.sample_rate and info.duration:
        return Recording(path, info.duration, track.sample_rate)
    with AudioReader(path, picture_clock=False) as reader:
        n_samples = sum(block.shape[1] for block in reader)
        return Recording(path, n_samples / reader.source_rate, reader.source_rate)
