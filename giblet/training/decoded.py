"""Folders of decoded sound: how a corpus is written and recognised."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from giblet.errors import GibletError
from giblet.media import AudioReader
from giblet.progress import Progress, stage
from giblet.training.recordings import Recordings

log = logging.getLogger(__name__)

SAMPLES, INDEX = "samples.i16", "index.json"
DTYPE, FULL_SCALE = np.dtype("<i2"), 32_767

_DIGESTS = "digests.json"


@dataclass(frozen=True)
class Stretch:
    """Sound of one file, as it lies in the corpus.

    Attributes
    ----------
    path : str
        The file, relative to the folder of recordings, with forward slashes.
    start : int
        First sample in the corpus.
    n_samples : int
        Length.
    rms : float
        Root mean square of the file, over channels and time.
    """

    path: str
    start: int
    n_samples: int
    rms: float


@dataclass(frozen=True)
class Decoded:
    """What a folder of decoded sound holds.

    Attributes
    ----------
    files : tuple of Stretch
        Sound, in the order in which it lies there.
    rejected : tuple of (str, str)
        Files that cannot be used, relative to the folder of recordings, and why.
    """

    files: tuple[Stretch, ...]
    rejected: tuple[tuple[str, str], ...]


def file_digests(files: Iterable[Path], root: Path, memory: Path) -> dict[str, str]:
    """Return the SHA-256 of files, reading those only whose size or time has changed since they were last asked for.

    Parameters
    ----------
    files : iterable of pathlib.Path
        The files.
    root : pathlib.Path
        Folder they lie in.
    memory : pathlib.Path
        Folder that remembers.

    Returns
    -------
    dict of str to str
        Digest by path, relative to ``root``, with forward slashes; empty where a file cannot be read.

    Raises
    ------
    OSError
        If the memory cannot be written.
    """
    remembered = _remembered(memory / _DIGESTS)
    found: dict[str, str] = {}
    known: dict[str, list[int | str]] = {}
    for path in files:
        name = path.relative_to(root).as_posix()
        try:
            state = path.stat()
            before = remembered.get(os.fspath(path.absolute()), [])
            entry = [state.st_size, state.st_mtime_ns]
            if before[:2] == entry:
                found[name] = str(before[2])
            else:
                with path.open("rb") as file:
                    found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            found[name] = ""
            continue
        known[os.fspath(path.absolute())] = [*entry, found[name]]
    if not known.items() <= remembered.items():
        write_json(memory / _DIGESTS, remembered | known)
    return found


def _remembered(path: Path) -> dict[str, list[int | str]]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def write_json(path: Path, content: object) -> None:
    """Write a file that is whole under its name, or not there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)


def decode(
    recordings: Recordings, root: Path, samples: Path, sample_rate: int, channels: int, progress: Progress
) -> Decoded:
    """Decode recordings one after another into one file of 16-bit samples, channels interleaved.

    Parameters
    ----------
    recordings : Recordings
        What to decode.
    root : pathlib.Path
        Folder they lie in.
    samples : pathlib.Path
        File to write.
    sample_rate, channels : int
        Of the samples.
    progress : Progress
        Who watches.

    Returns
    -------
    Decoded
        What is in the file, and what broke on the way, of which it holds nothing.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    files: list[Stretch] = []
    rejected = list(recordings.rejected)
    start = 0
    with stage(progress, "decoding recordings", recordings.duration), samples.open("wb") as out:
        for recording in recordings.files:
            try:
                n_samples, rms = _append(out, recording.path, sample_rate, channels)
            except GibletError as error:
                out.seek(start * channels * DTYPE.itemsize)
                out.truncate()
                rejected.append((recording.path, error.problem))
            else:
                files.append(Stretch(recording.path.relative_to(root).as_posix(), start, n_samples, rms))
                start += n_samples
            progress.advance(recording.duration_s)
    named = sorted((path.relative_to(root).as_posix(), problem) for path, problem in rejected)
    return Decoded(tuple(files), tuple(named))


def _append(out: BinaryIO, path: Path, sample_rate: int, channels: int) -> tuple[int, float]:
    """Write one file's sound; return its samples per channel and its RMS."""
    n_samples, energy = 0, 0.0
    with AudioReader(path, channels=channels, sample_rate=sample_rate, picture_clock=False) as reader:
        for block in reader:
            n_samples += block.shape[1]
            energy += float(np.square(block, dtype=np.float64).sum())
            out.write(np.rint(block.T.clip(-1, 1) * FULL_SCALE).astype(DTYPE).tobytes())
    return n_samples, (energy / max(1, n_samples * channels)) ** 0.5
