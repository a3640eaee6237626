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
from giblet.workfolder import reason

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
    files: Sequence[Path] | None = None,
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
    files : sequence of Path, optional
        The files to take, in place of all that lie in the folder.
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
    found_files, rejected = [], []
    with stage(progress, "looking for recordings", None):
        for path in find_sound_files(folder, leave_out) if files is None else files:
            try:
                recording = _probed(path)
            except GibletError as error:
                rejected.append((path, error.problem))
                continue
            found_files.append(recording)
            progress.advance(recording.duration_s)
    found = Recordings(tuple(found_files), tuple(rejected))
    log.debug("%s: %d recordings of %.0f s, %d rejected", folder, len(found_files), found.duration, len(rejected))
    require_sound(folder, found.duration, len(found_files), found.rejected, minimum)
    return found


def read_list(path: Path) -> tuple[Path, ...]:
    """Read a list of recordings.

    Parameters
    ----------
    path : Path
        A text file with a path on every line that is not empty: absolute, or seen from the working directory, or else
        from the list's own folder.

    Returns
    -------
    tuple of Path
        Absolute, each once, sorted.

    Raises
    ------
    MediaError
        If the list cannot be read or is empty, or names files that are not there.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise MediaError(f"the list of recordings cannot be read ({reason(error)})", "check its name", path) from error
    except UnicodeDecodeError as error:
        raise MediaError("the list of recordings is no text", "write one path on every line", path) from error
    found, missing = set(), []
    for line in filter(None, lines):
        places = Path(line).absolute(), path.absolute().parent / line
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            missing.append(line)
        else:
            found.add(there)
    if missing:
        more = f" and {len(missing) - 1} more files" if len(missing) > 1 else ""
        raise MediaError(f"lists {missing[0]}{more}, not to be found", "correct the list of recordings", path)
    if not found:
        raise MediaError("lists no recordings", "write one path on every line", path)
    return tuple(sorted(found))


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
