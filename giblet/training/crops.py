"""Random stretches of a corpus, the same for the same seed and step, prepared while the last ones are trained on."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from giblet.errors import ParameterError
from giblet.training.augmentation import Augmentation
from giblet.training.corpus import CorpusPart

log = logging.getLogger(__name__)

Batch = npt.NDArray[np.float32]

# A crop below the first level, or so far below its file's level, is a pause: another is drawn, so many times at most.
_SILENCE = 1e-3
_PAUSE = 0.1
_DRAWS = 8
# Silence that was drawn after all is not made loud.
_MOST_GAIN = 100.0

# What random numbers are for; they differ even where seed and step are the same.
_CROPPING, _AUGMENTING = 1, 2


def generator(seed: int, purpose: int, step: int) -> np.random.Generator:
    """Return the random numbers of a step, which may be negative."""
    return np.random.default_rng([seed, purpose, 2 * step if step >= 0 else -2 * step - 1])


class Crops:
    """Batches of random crops.

    A crop begins anywhere in the corpus with equal chance, so that long files are drawn from more often. A file that
    is shorter than a crop is followed by zeros. Crops that are (nearly) silent are drawn again a few times.

    Parameters
    ----------
    corpus : CorpusPart
        Sound to crop.
    length : int
        Samples of a crop.
    seed : int
        Not negative; with the step it decides which crops are drawn.
    loudness_rms : float, optional
        RMS that each crop is brought to, except that its peak stays within 1; by default it keeps its level.
    weights : mapping of str to float, optional
        How much more often the sound of some files is drawn: by shell pattern of their path, relative to the folder of
        recordings. The first pattern that matches counts, other files weigh 1.
    evenly : bool
        Whether all files are drawn from as often, however long they are.

    Raises
    ------
    ParameterError
        If a value cannot be used, or the weights leave nothing to draw.
    """

    def __init__(
        self,
        corpus: CorpusPart,
        length: int,
        seed: int,
        *,
        loudness_rms: float | None = None,
        weights: Mapping[str, float] | None = None,
        evenly: bool = False,
    ) -> None:
        if length < 1 or seed < 0 or (loudness_rms is not None and not loudness_rms > 0):
            problem = f"crops of {length} samples with seed {seed} and loudness {loudness_rms} cannot be drawn"
            raise ParameterError(problem, "give a positive length and loudness, and a seed from 0 on")
        self.corpus = corpus
        self.length = length
        self.seed = seed
        self._loudness = loudness_rms
        mass = [(1 if evenly else file.n_samples) * _weight(file.path, weights or {}) for file in corpus.files]
        if not sum(mass) > 0 or min(mass) < 0:
            raise ParameterError("the weights leave no sound to draw", "give positive weights to some of the files")
        self._cumulated = np.cumsum(mass) / sum(mass)

    def batch(self, step: int, size: int) -> Batch:
        """Return the crops of a step.

        Parameters
        ----------
        step : int
            Any whole number; the same gives the same crops, in whatever order steps are asked for.
        size : int
            Number of crops.

        Returns
        -------
        numpy.ndarray, shape (size, channels, length), float32
            In [-1, 1].
        """
        rng = generator(self.seed, _CROPPING, step)
        crops = np.zeros((size, self.corpus.channels, self.length), np.float32)
        for crop in crops:
            drawn, rms = self._draw(rng)
            gain = 1.0
            if self._loudness is not None and rms > 0:
                gain = min(self._loudness / rms, _MOST_GAIN, 1 / float(np.abs(drawn).max()))
            crop[:, : drawn.shape[1]] = drawn * np.float32(gain)
        return crops

    def _draw(self, rng: np.random.Generator) -> tuple[Batch, float]:
        """Return a crop without its padding, and its RMS."""
        best = np.zeros((self.corpus.channels, 0), np.float32)
        loudest = -1.0
        for _ in range(_DRAWS):
            number = int(
                np.searchsorted(self._cumulated, rng.random(), side="right").clip(max=len(self._cumulated) - 1)
            )
            file = self.corpus.files[number]
            offset = int(rng.integers(max(0, file.n_samples - self.length) + 1))
            crop = self.corpus.sound(number, offset, self.length)
            rms = float(np.sqrt(np.mean(np.square(crop, dtype=np.float64))))
            if rms > loudest:
                best, loudest = crop, rms
            if rms > max(_SILENCE, _PAUSE * file.rms):
                return crop, rms
        return best, loudest


def _weight(path: str, weights: Mapping[str, float]) -> float:
    return next((weight for pattern, weight in weights.items() if fnmatchcase(path, pattern)), 1.0)


class Loader:
    """An endless iterator over steps and their crops, which another thread prepares.

    Parameters
    ----------
    crops : Crops
        Where batches come from.
    augmentation : Augmentation or None
        What is done to them.
    batch_size : int
        Crops in a batch.
    first_step : int
        Step to begin with; each is as it would be had all before been asked for.
    ahead : int
        Batches to prepare in advance.

    Attributes
    ----------
    waited : float
        Seconds spent so far on waiting for batches that were not ready.

    Examples
    --------
    >>> with Loader(crops, None, 16, first_step=0) as loader:  # doctest: +SKIP
    ...     for step, sound in loader:
    ...         train(sound)
    """

    def __init__(
        self, crops: Crops, augmentation: Augmentation | None, batch_size: int, first_step: int, ahead: int = 4
    ) -> None:
        self.waited = 0.0
        self._prepare = partial(prepare, crops, augmentation, batch_size)
        self._next = first_step
        self._thread = ThreadPoolExecutor(1, "crops")
        self._waiting: deque[Future[Batch]] = deque()
        for step in range(first_step, first_step + max(1, ahead)):
            self._waiting.append(self._thread.submit(self._prepare, step))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop preparing batches; there are no more."""
        self._waiting.clear()
        self._thread.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        return self

    def __next__(self) -> tuple[int, Tensor]:
        """Return the next step and its sound, float32 of shape (batch_size, channels, length).

        Raises
        ------
        Exception
            Whatever went wrong while the batch was prepared.
        """
        if not self._waiting:
            raise StopIteration
        began = time.perf_counter()
        sound = self._waiting.popleft().result()
        self.waited += time.perf_counter() - began
        step = self._next
        self._next += 1
        self._waiting.append(self._thread.submit(self._prepare, self._next + len(self._waiting)))
        return step, torch.from_numpy(sound)


def prepare(crops: Crops, augmentation: Augmentation | None, size: int, step: int) -> Batch:
    """Return the batch of a step, augmented.

    Parameters
    ----------
    crops : Crops
        Where sound comes from.
    augmentation : Augmentation or None
        What is done to it.
    size : int
        Crops of the batch.
    step : int
        Decides, with the seed of the crops, everything random.

    Returns
    -------
    numpy.ndarray, shape (size, channels, length), float32
        In [-1, 1].
    """
    sound = crops.batch(step, size)
    return sound if augmentation is None else augmentation(sound, generator(crops.seed, _AUGMENTING, step))
