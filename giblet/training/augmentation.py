"""Random changes to crops, so that a codec meets more than its recordings hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from giblet.errors import ParameterError

if TYPE_CHECKING:
    from giblet.training.crops import Crops

Sound = npt.NDArray[np.float32]

# A second voice is as loud as the first or weaker, by so many decibels at most.
_WEAKEST_DB = 15.0


class Augmentation:
    """Mix crops with each other, add noise, and change their level, in this order.

    Values drawn from a range are drawn evenly in decibels. Whatever would exceed full scale is scaled down to it.

    Parameters
    ----------
    gain_db : (float, float)
        Range of the change of level, in dB.
    mix_probability : float
        Share of crops to which another of the batch is added, equally loud or up to 15 dB weaker; the sum gets the
        level that the crop had.
    noise_probability : float
        Share of crops to which noise is added.
    snr_db : (float, float)
        Range of the ratio of the crop's mean power to that of the noise, in dB.
    noise : Crops, optional
        Recorded noise, of the same length and channels; by default white and pink noise by turns.

    Raises
    ------
    ParameterError
        If a probability is not between 0 and 1, or a range ends before it begins.
    """

    def __init__(
        self,
        gain_db: tuple[float, float] = (-12.0, 3.0),
        mix_probability: float = 0.0,
        noise_probability: float = 0.0,
        snr_db: tuple[float, float] = (0.0, 30.0),
        noise: Crops | None = None,
    ) -> None:
        for name, share in (("mix", mix_probability), ("noise", noise_probability)):
            if not 0 <= share <= 1:
                raise ParameterError(f"{share} is no probability of {name}", "give a number between 0 and 1")
        for name, (low, high) in (("gain", gain_db), ("signal-to-noise ratio", snr_db)):
            if not low <= high:
                raise ParameterError(f"a {name} from {low} to {high} dB is no range", "give the lower value first")
        self._gain = gain_db
        self._mix = mix_probability
        self._noise = noise_probability
        self._snr = snr_db
        self._recorded = noise

    def __call__(self, sound: Sound, rng: np.random.Generator) -> Sound:
        """Return a changed copy of a batch.

        Parameters
        ----------
        sound : numpy.ndarray, shape (batch, channels, n_samples), float32
            Crops.
        rng : numpy.random.Generator
            All chance comes from here.

        Returns
        -------
        numpy.ndarray, shape (batch, channels, n_samples), float32
            The same, changed, in [-1, 1].
        """
        changed = sound.copy()
        size = len(sound)
        for item in np.flatnonzero(rng.random(size) < self._mix):
            other = (item + rng.integers(1, max(2, size))) % size
            changed[item] = mixed(sound[item], sound[other], float(rng.uniform(0, _WEAKEST_DB)))
        for item in np.flatnonzero(rng.random(size) < self._noise):
            changed[item] = with_noise(
                changed[item], self._noise_like(changed[item], rng), float(rng.uniform(*self._snr))
            )
        changed *= amplitude(rng.uniform(*self._gain, size=(size, 1, 1))).astype(np.float32)
        peak = np.abs(changed).max(axis=(1, 2), keepdims=True, initial=0)
        return changed / np.maximum(peak, 1)

    def _noise_like(self, sound: Sound, rng: np.random.Generator) -> Sound:
        if self._recorded is not None:
            return self._recorded.batch(int(rng.integers(2**31)), 1)[0]
        white = rng.standard_normal(sound.shape, np.float32)
        return white if rng.random() < 0.5 else pink(white)


def mixed(sound: Sound, other: Sound, weaker_db: float) -> Sound:
    """Add one sound to another, so much weaker in RMS, and give the sum the level of the first.

    Where one of them is silent, the first comes back as it is.
    """
    level, its_level = _rms(sound), _rms(other)
    if not level or not its_level:
        return sound.copy()
    total = sound + other * np.float32(level / its_level * amplitude(-weaker_db))
    return total * np.float32(level / max(_rms(total), 1e-12))


def with_noise(sound: Sound, noise: Sound, snr_db: float) -> Sound:
    """Add noise at a ratio of mean powers, in dB; silence stays silent.

    Parameters
    ----------
    sound, noise : numpy.ndarray, shape (channels, n_samples), float32
        The sound, and noise of any level.
    snr_db : float
        10·log10 of the sound's mean square over the noise's.

    Returns
    -------
    numpy.ndarray, shape (channels, n_samples), float32
        The sum.
    """
    level = _rms(noise)
    return sound + noise * np.float32(_rms(sound) / level * amplitude(-snr_db)) if level else sound.copy()


def pink(white: Sound) -> Sound:
    """Give white noise a power that falls with frequency as 1/f, along the last axis."""
    spectrum = np.fft.rfft(white, axis=-1)
    slope = np.zeros(spectrum.shape[-1])
    slope[1:] = np.arange(1, spectrum.shape[-1]) ** -0.5
    return np.fft.irfft(spectrum * slope, white.shape[-1], axis=-1).astype(np.float32)


def amplitude(decibels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the factor of amplitude for a change of level in dB."""
    return 10.0 ** (np.asarray(decibels, np.float64) / 20)


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if sound.size else 0.0
