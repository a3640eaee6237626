"""Film to mel spectrogram, in decibels below the loudest moment of its sound."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet.data.request import TRRequest
from giblet.data.sound import TRSound
from giblet.errors import ParameterError
from giblet.progress import SILENT, Progress, stage
from giblet.spectral import MelStream, mel_to_magnitude, power_to_db
from giblet.timeline import FrameLayout, whole


@dataclass(frozen=True)
class MelSettings:
    """How a mel spectrogram is made.

    Attributes
    ----------
    sample_rate : int
        Hz.
    n_mels : int
        Bands.
    n_fft, hop_length : int
        Window and step, samples.
    """

    sample_rate: int = 22_050
    n_mels: int = 2048
    n_fft: int = 4096
    hop_length: int = 512

    def __post_init__(self) -> None:
        for name in ("sample_rate", "n_mels", "n_fft", "hop_length"):
            value = whole(getattr(self, name), name)
            if value < 1:
                raise ParameterError(f"{name} is {value}", "give 1 or more")
            object.__setattr__(self, name, value)

    @property
    def layout(self) -> FrameLayout:
        """Where its frames lie: frame j is centred at sample j·hop_length."""
        return FrameLayout(self.sample_rate, self.hop_length)


class FilmMel:
    """An iterable of float32 blocks (n_mels, k) of a film's mel spectrogram, dB.

    The film is read twice: for the loudest moment of the whole sound, which is 0 dB and the same however few TRs are
    wanted, and for the values, which go down to −80 dB.

    Parameters
    ----------
    path : str or os.PathLike
        Film or sound file.
    settings : MelSettings
        The spectrogram.
    request : TRRequest
        The TRs wanted.
    track : int, optional
        Audio track, counted from 0.
    picture_clock : bool
        Whether time zero is the first picture or the first sound.
    progress : Progress
        Told of the seconds done.

    Attributes
    ----------
    sound : TRSound
        Where the values come from; knows grid and clock once all blocks were taken.
    reference : float
        Power at 0 dB, known once the first block was taken.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: MelSettings,
        request: TRRequest,
        *,
        track: int | None = None,
        picture_clock: bool = True,
        progress: Progress = SILENT,
    ) -> None:
        self.settings = settings
        self.n_frames = 0
        self.reference = 0.0
        everything = TRRequest.asked(tr=request.tr, partial=True)
        self.progress = progress
        self._whole = self._sound(path, everything, track, picture_clock)
        self.sound = self._sound(path, request, track, picture_clock)

    def _sound(
        self, path: str | os.PathLike[str], request: TRRequest, track: int | None, picture_clock: bool
    ) -> TRSound:
        window = self.settings.n_fft
        return TRSound(
            path,
            request,
            self.settings.sample_rate,
            1,
            lambda stop: stop + window,
            track=track,
            picture_clock=picture_clock,
        )

    def __iter__(self) -> Iterator[np.ndarray]:
        powers = self._powers(self._whole, "looking for the loudest moment")
        self.reference = max((float(power.max(initial=0)) for power in powers), default=0.0)
        for power in self._powers(self.sound, "analysing"):
            self.n_frames += power.shape[1]
            yield power_to_db(power, self.reference)

    def _powers(self, sound: TRSound, doing: str) -> Iterator[np.ndarray]:
        settings = self.settings
        stream = MelStream(settings.sample_rate, settings.n_fft, settings.hop_length, settings.n_mels)
        with stage(self.progress, f"{doing} in {Path(sound.path).name}", sound.total):
            for block in sound:
                yield stream.push(block[0])
                self.progress.advance(block.shape[1] / settings.sample_rate)
            if sound.ended:
                yield stream.finish()

    def collect(self) -> np.ndarray:
        """Take all blocks into memory, float32 (n_mels, n_frames)."""
        return np.concatenate(list(self), axis=1)


def reference_for_level(values: np.ndarray, settings: MelSettings, rms: float = 0.1) -> float:
    """Return the power at 0 dB that gives a mel spectrogram of unknown level a usual one.

    Parameters
    ----------
    values : ndarray of float32, shape (n_mels, n_frames)
        dB.
    settings : MelSettings
        How it was made.
    rms : float
        Wanted root mean square of the loudest frame's sound.

    Returns
    -------
    float
        Power.
    """
    loudest = int(np.argmax(np.sum(10.0 ** (values / 10.0), axis=0)))
    power = np.power(np.float32(10), values[:, loudest : loudest + 1] / 10, dtype=np.float32)
    magnitude = mel_to_magnitude(power, settings.sample_rate, settings.n_fft)
    # Parseval, and 3/8: the mean square of a Hann window.
    mean_square = 2 * float(np.sum(magnitude.astype(np.float64) ** 2)) / (0.375 * settings.n_fft**2)
    return rms**2 / max(mean_square, 1e-20)
