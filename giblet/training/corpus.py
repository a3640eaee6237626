"""Recordings, decoded once and kept as one file of samples from which any stretch is read in no time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from giblet.errors import MediaError, ParameterError
from giblet.media import find_sound_files
from giblet.progress import SILENT, Progress
from giblet.training.decoded import DTYPE, FULL_SCALE, INDEX, SAMPLES, Stretch, decode, file_digests, write_json
from giblet.training.recordings import find_recordings, require_sound
from giblet.workfolder import WorkFolder, reason

log = logging.getLogger(__name__)

# Raised when what lies in the cache changes its meaning.
_FORMAT = 1


class CorpusPart:
    """Some of the sound of a corpus.

    Parameters
    ----------
    samples : pathlib.Path
        File of 16-bit samples, channels interleaved.
    sample_rate : int
        Its rate in Hz.
    channels : int
        Its channels.
    files : sequence of Stretch
        What belongs to the part.

    Attributes
    ----------
    sample_rate, channels : int
        As given.
    files : tuple of Stretch
        As given.
    """

    def __init__(self, samples: Path, sample_rate: int, channels: int, files: Sequence[Stretch]) -> None:
        self._samples = samples
        self.sample_rate = sample_rate
        self.channels = channels
        self.files = tuple(files)

    @property
    def n_samples(self) -> int:
        """Samples per channel in all."""
        return sum(file.n_samples for file in self.files)

    @property
    def duration(self) -> float:
        """Seconds in all."""
        return self.n_samples / self.sample_rate

    def sound(self, number: int, offset: int = 0, n_samples: int | None = None) -> npt.NDArray[np.float32]:
        """Return the sound of one file, or a stretch of it; nothing else is read.

        Parameters
        ----------
        number : int
            Its place in ``files``.
        offset : int
            First sample wanted, within the file.
        n_samples : int, optional
            Length wanted; to the file's end by default, and never beyond it.

        Returns
        -------
        numpy.ndarray, shape (channels, n_samples), float32
            In [-1, 1].
        """
        file = self.files[number]
        there = file.n_samples - offset
        shape = (there if n_samples is None else min(n_samples, there), self.channels)
        place = (file.start + offset) * self.channels * DTYPE.itemsize
        # Mapped for this reading only: else all pages ever read would count as this process's memory.
        mapped = np.memmap(self._samples, DTYPE, "r", place, shape)
        return np.divide(mapped.T, np.float32(FULL_SCALE), dtype=np.float32, order="C")

    def split(self, share: float, seed: int, least: float = 2.0) -> tuple[CorpusPart, CorpusPart]:
        """Divide by whole files; where files are few, the longest one is cut in two.

        Parameters
        ----------
        share : float
            Share of the sound in the second part, between 0 and 1; kept as closely as files allow from below.
        seed : int
            Decides which files.
        least : float
            Seconds that a file in the second part has at least, and that part with it.

        Returns
        -------
        training, validation : CorpusPart
            The parts, with their files in the order that they have here.

        Raises
        ------
        ParameterError
            If the share is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise ParameterError(f"{share} of the sound cannot be kept for validation", "give a share between 0 and 1")
        shortest = least * self.sample_rate
        wanted = max(share * self.n_samples, min(shortest, self.n_samples / 2))
        left = wanted
        chosen: set[int] = set()
        for number in np.random.default_rng([seed, 0]).permutation(len(self.files)).tolist():
            if shortest <= self.files[number].n_samples <= left:
                chosen.add(number)
                left -= self.files[number].n_samples
        if not chosen:
            longest = max(range(len(self.files)), key=lambda number: self.files[number].n_samples)
            file = self.files[longest]
            size = min(max(1, round(wanted)), file.n_samples - 1)
            kept = replace(file, n_samples=file.n_samples - size)
            held_out = replace(file, start=file.start + kept.n_samples, n_samples=size)
            others = [other for number, other in enumerate(self.files) if number < longest]
            return self._part([*others, kept, *self.files[longest + 1 :]]), self._part([held_out])
        return (
            self._part([file for number, file in enumerate(self.files) if number not in chosen]),
            self._part([file for number, file in enumerate(self.files) if number in chosen]),
        )

    def _part(self, files: Sequence[Stretch]) -> CorpusPart:
        return CorpusPart(self._samples, self.sample_rate, self.channels, files)


class Corpus(CorpusPart):
    """All recordings of a folder at one rate; `Corpus.build` makes it.

    Parameters
    ----------
    place : pathlib.Path
        Folder of decoded sound.

    Attributes
    ----------
    key : str
        Digest of the recordings' names and contents, of rate and channels.
    rejected : tuple of (str, str)
        Files that cannot be used, relative to the folder of recordings, and why.

    Raises
    ------
    MediaError
        If the folder is damaged.
    """

    def __init__(self, place: Path) -> None:
        index: dict[str, Any] = json.loads((place / INDEX).read_text())
        files = [Stretch(**file) for file in index["files"]]
        super().__init__(place / SAMPLES, index["sample_rate"], index["channels"], files)
        self.key: str = index["key"]
        self.rejected = tuple((str(path), str(problem)) for path, problem in index["rejected"])
        if self._samples.stat().st_size != self.n_samples * self.channels * DTYPE.itemsize:
            raise MediaError("is damaged", "delete this folder of decoded sound, which is made again then", place)

    @classmethod
    def build(
        cls,
        folder: str | os.PathLike[str],
        cache: str | os.PathLike[str],
        *,
        sample_rate: int,
        channels: int = 1,
        minimum: float = 10.0,
        files: Sequence[Path] | None = None,
        progress: Progress = SILENT,
    ) -> Self:
        """Decode a folder of recordings, or find that this was done before.

        Parameters
        ----------
        folder : str or os.PathLike
            Recordings of any format, rate and length, in any depth (see `find_recordings`).
        cache : str or os.PathLike
            Folder for the decoded sound, 2 bytes per sample; made where it does not exist. Recordings with the same
            names and contents as before are not decoded again. What was decoded of others stays there.
        sample_rate : int
            Rate wanted, in Hz.
        channels : {1, 2}
            Channels wanted.
        minimum : float
            Seconds of sound that there must be.
        files : sequence of Path, optional
            The files to take, somewhere below the folder, in place of all that lie there.
        progress : Progress
            Who watches.

        Returns
        -------
        Corpus
            The sound. Files that break while they are decoded are among the rejected, and none of their sound is used.

        Raises
        ------
        MediaError
            If there is no such folder, no sound in it or too little, or the cache cannot be written or is damaged.
        ParameterError
            If rate or channels cannot be made.
        """
        if channels not in (1, 2) or sample_rate < 1:
            problem = f"sound of {channels} channels at {sample_rate} Hz cannot be made"
            raise ParameterError(problem, "ask for 1 or 2 channels and a positive rate")
        root, place = Path(folder), Path(cache)
        files = find_sound_files(root, leave_out=place) if files is None else files
        if not files:
            require_sound(root, 0, 0, (), minimum)
        try:
            place.mkdir(parents=True, exist_ok=True)
            names = file_digests(files, root, place)
            recipe = [_FORMAT, sample_rate, channels, sorted(names.items())]
            key = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
            target = place / key[:16]
            if not target.is_dir():
                found = find_recordings(root, minimum=minimum, leave_out=place, files=files, progress=progress)
                with WorkFolder(target) as work:
                    made = decode(found, root, work.path / SAMPLES, sample_rate, channels, progress)
                    head = {"key": key, "sample_rate": sample_rate, "channels": channels}
                    write_json(work.path / INDEX, head | asdict(made))
                    if not target.is_dir():  # another process may have been faster
                        work.path.rename(target)
            corpus = cls(target)
        except OSError as error:
            remedy = "make room, or name another folder for it"
            raise MediaError(f"cannot hold the decoded sound ({reason(error)})", remedy, cache) from error
        require_sound(root, corpus.duration, len(corpus.files), corpus.rejected, minimum)
        log.debug("%s: %.0f s in %d files, in %s", folder, corpus.duration, len(corpus.files), target)
        return corpus
