"""The sound files of a folder, and those among them that cannot be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from giblet.errors import GibletError, MediaError
from giblet.media import AudioReader, find_sound_files
from giblet.media.probe import probe
from giblet.progress import SILENT, Progress, stage

log = logging.getLogger(__name__)


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
        The folder (see `giblet.media.find_sound_files`).
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
        for path in find_sound_files(folder, leave_out):
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
