"""The codes of a corpus, encoded once, and random stretches of them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from giblet.codecs.base import Codec
from giblet.errors import MediaError, ParameterError
from giblet.progress import SILENT, Progress, stage
from giblet.training.corpus import Corpus, CorpusPart
from giblet.training.crops import generator
from giblet.training.decoded import Stretch, write_json
from giblet.workfolder import WorkFolder, reason

log = logging.getLogger(__name__)

Batch = npt.NDArray[np.int64]

_CODES, _INDEX = "codes.i16", "index.json"
_DTYPE = np.dtype("<i2")
_FORMAT = 1
_BLOCK_SECONDS = 1.28
# What random numbers are for (see giblet.training.crops).
_DRAWING = 3


@dataclass(frozen=True)
class Frames:
    """Frames that follow one another.

    Attributes
    ----------
    path : str
        The file, relative to the folder of recordings.
    sample : int
        Where its first frame begins in the corpus, in samples.
    row : int
        Its first row in the file of codes.
    n_frames : int
        Length.
    """

    path: str
    sample: int
    row: int
    n_frames: int


class CodeCorpus:
    """The codes of a corpus, in a file that is read where it is needed; `CodeCorpus.build` makes it.

    Parameters
    ----------
    place : Path
        Folder of codes.

    Attributes
    ----------
    key : str
        Digest of recordings, codec and bandwidth.
    codes : ndarray of int16, shape (n_frames, n_codebooks)
        Mapped, not read.
    sequences : tuple of Frames
        What lies in it.
    hop : int
        Samples per frame.

    Raises
    ------
    MediaError
        If the folder is damaged.
    """

    def __init__(self, place: Path) -> None:
        index = json.loads((place / _INDEX).read_text())
        self.key: str = index["key"]
        self.hop: int = index["hop"]
        self.sequences = tuple(Frames(**sequence) for sequence in index["sequences"])
        shape = (sum(sequence.n_frames for sequence in self.sequences), index["n_codebooks"])
        if (place / _CODES).stat().st_size != shape[0] * shape[1] * _DTYPE.itemsize:
            raise MediaError("is damaged", "delete this folder of codes, which is made again then", place)
        self.codes = np.memmap(place / _CODES, _DTYPE, "r", shape=shape)

    @classmethod
    def build(cls, corpus: Corpus, codec: Codec, bandwidth: float, cache: Path, progress: Progress = SILENT) -> Self:
        """Encode a corpus, or find that this was done before.

        Parameters
        ----------
        corpus : Corpus
            Sound at the codec's rate.
        codec : Codec
            What encodes it.
        bandwidth : float
            Kilobits per second.
        cache : Path
            Folder for the codes, 2 bytes each; made where it does not exist.
        progress : Progress
            Who watches.

        Returns
        -------
        CodeCorpus
            The codes.

        Raises
        ------
        MediaError
            If the cache cannot be written or is damaged.
        """
        key = hashlib.sha256(json.dumps([_FORMAT, corpus.key, codec.fingerprint, bandwidth]).encode()).hexdigest()
        target = cache / f"codes-{key[:16]}"
        try:
            cache.mkdir(parents=True, exist_ok=True)
            if not target.is_dir():
                with WorkFolder(target) as work:
                    with (
                        stage(progress, "encoding recordings", corpus.duration),
                        (work.path / _CODES).open("wb") as out,
                    ):
                        sequences = _encode(corpus, codec, bandwidth, out, progress)
                    head = {"key": key, "hop": codec.layout.hop, "n_codebooks": codec.n_codebooks(bandwidth)}
                    write_json(work.path / _INDEX, head | {"sequences": [asdict(sequence) for sequence in sequences]})
                    if not target.is_dir():  # another process may have been faster
                        work.path.rename(target)
            return cls(target)
        except OSError as error:
            remedy = "make room, or name another folder for it"
            raise MediaError(f"cannot hold the codes ({reason(error)})", remedy, cache) from error

    def part(self, files: Sequence[Stretch], weights: Mapping[str, float] | None = None) -> CodePart:
        """Return the codes of some of the sound.

        Parameters
        ----------
        files : sequence of Stretch
            From a part of the corpus; a frame belongs to a stretch if it begins there.
        weights : mapping of str to float, optional
            How much more often those of some files are drawn, as in `giblet.training.crops.Crops`.

        Returns
        -------
        CodePart
            Their frames.

        Raises
        ------
        ParameterError
            If the weights leave nothing to draw.
        """
        there: dict[str, list[Frames]] = {}
        for sequence in self.sequences:
            there.setdefault(sequence.path, []).append(sequence)
        runs = []
        for file in files:
            for sequence in there.get(file.path, ()):
                first = max(0, -((sequence.sample - file.start) // self.hop))
                behind = -((sequence.sample - file.start - file.n_samples) // self.hop)
                length = min(sequence.n_frames, behind) - first
                if length > 0:
                    runs.append(Frames(file.path, sequence.sample, sequence.row + first, length))
        return CodePart(self.codes, runs, weights or {})


class CodePart:
    """Some of the frames of a corpus of codes.

    Parameters
    ----------
    codes : ndarray of int16, shape (n_frames, n_codebooks)
        All of them.
    runs : sequence of Frames
        What belongs to the part.
    weights : mapping of str to float
        How much more often those of some files are drawn.

    Raises
    ------
    ParameterError
        If the weights leave nothing to draw.
    """

    def __init__(self, codes: npt.NDArray[np.int16], runs: Sequence[Frames], weights: Mapping[str, float]) -> None:
        self.codes = codes
        self.runs = tuple(runs)
        self._lengths = np.array([run.n_frames for run in runs], np.int64)
        self._ends = np.cumsum(self._lengths)
        self._rows = np.array([run.row for run in runs], np.int64)
        mass = np.cumsum(self._lengths * np.array([_weight(run.path, weights) for run in runs]))
        if not (len(mass) and mass[-1] > 0):
            raise ParameterError("the weights leave no sound to draw", "give positive weights to some of the files")
        self._cumulated = mass / mass[-1]

    def counts(self, n_entries: int) -> npt.NDArray[np.int64]:
        """Return how often each entry occurs, int64 (n_codebooks, n_entries)."""
        found = np.zeros((self.codes.shape[1], n_entries), np.int64)
        for run in self.runs:
            for codebook, codes in zip(found, self.codes[run.row : run.row + run.n_frames].T, strict=True):
                codebook += np.bincount(codes, minlength=n_entries)
        return found

    def draw(self, seed: int, step: int, size: int, length: int) -> tuple[Batch, Batch]:
        """Return random stretches; the runs follow one another as in one long row that ends where it begins.

        Parameters
        ----------
        seed, step : int
            What they follow from.
        size : int
            Stretches.
        length : int
            Frames of each, after the one in front.

        Returns
        -------
        codes : ndarray of int64, shape (size, n_codebooks, 1 + length)
            The first frame is the one before the stretch.
        sequence : ndarray of int64, shape (size, 1 + length)
            Which run each frame belongs to.
        """
        rng = generator(seed, _DRAWING, step)
        chosen = np.searchsorted(self._cumulated, rng.random(size), side="right")
        offset = (rng.random(size) * self._lengths[chosen]).astype(np.int64)
        first = self._ends[chosen] - self._lengths[chosen] + offset
        rounds, place = np.divmod(first[:, None] + np.arange(-1, length), self._ends[-1])
        run = np.searchsorted(self._ends, place, side="right")
        rows = self._rows[run] + place - (self._ends[run] - self._lengths[run])
        codes = np.asarray(self.codes[rows.ravel()], np.int64).reshape(size, length + 1, -1)
        return codes.transpose(0, 2, 1), run + rounds * len(self.runs)


def _weight(path: str, weights: Mapping[str, float]) -> float:
    return next((weight for pattern, weight in weights.items() if fnmatchcase(path, pattern)), 1.0)


def _encode(corpus: CorpusPart, codec: Codec, bandwidth: float, out: BinaryIO, progress: Progress) -> list[Frames]:
    found: list[Frames] = []
    row, block = 0, round(_BLOCK_SECONDS * corpus.sample_rate)
    for number, file in enumerate(corpus.files):
        encoder = codec.encoder(bandwidth)
        for offset in range(0, file.n_samples, block):
            sound = corpus.sound(number, offset, block)
            out.write(encoder.push(sound).T.astype(_DTYPE).tobytes())
            progress.advance(sound.shape[1] / corpus.sample_rate)
        out.write(encoder.finish().T.astype(_DTYPE).tobytes())
        for segment in encoder.segments:
            found.append(Frames(file.path, file.start + segment.start, row, segment.n_frames))
            row += segment.n_frames
    return found
