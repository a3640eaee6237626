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
from giblet.media.track import OpenTrack
from giblet.progress import SILENT, Progress, stage
from giblet.spectral import MelStream, mel_to_magnitude, power_to_db, relative_db
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
    """An iterable of float32 blocks (n_mels, k) of a film's mel spectrogram, dB above a power of 1.

    The loudest moment of the whole sound, however few TRs are wanted, is known once all blocks were taken; `relative`
    then gives decibels below it.

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
    source : OpenTrack, optional
        The track, opened for several: for as many more as `readers` says.
    progress : Progress
        Told of the seconds done.

    Attributes
    ----------
    sound : TRSound
        Where the values come from; knows grid and clock once all blocks were taken.
    reference : float
        Power of the loudest moment, known at the end.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: MelSettings,
        request: TRRequest,
        *,
        track: int | None = None,
        picture_clock: bool = True,
        source: OpenTrack | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.settings = settings
        self.n_frames = 0
        self.reference = 0.0
        self.progress = progress

        def sound(wanted: TRRequest) -> TRSound:
            return TRSound(
                path, wanted, settings.sample_rate, 1, lambda stop: stop + settings.n_fft,
                track=track, picture_clock=picture_clock, source=source,
            )  # fmt: skip

        self.sound = sound(request)
        everything = TRRequest.asked(tr=request.tr, partial=True)
        self._whole = sound(everything) if self.readers(request) > 1 else None

    @staticmethod
    def readers(request: TRRequest) -> int:
        """Return how many readers of the track it needs: one more for the rest of the film if less is wanted."""
        return 1 if request.max_trs is None else 2

    def __iter__(self) -> Iterator[np.ndarray]:
        rest = iter(()) if self._whole is None else self._powers(self._whole)
        longest = self.sound if self._whole is None else self._whole
        with stage(self.progress, f"audio.mel of {Path(self.sound.path).name}", longest.total):
            for power in self._powers(self.sound):
                self._listen(power, self._whole is None)
                self.n_frames += power.shape[1]
                yield power_to_db(power, 1.0, np.inf)
                self._listen(next(rest, None), True)
            for power in rest:
                self._listen(power, True)

    def _powers(self, sound: TRSound) -> Iterator[np.ndarray]:
        settings = self.settings
        stream = MelStream(settings.sample_rate, settings.n_fft, settings.hop_length, settings.n_mels)
        for block in sound:
            yield stream.push(block[0])
        if sound.ended:
            yield stream.finish()

    def _listen(self, power: np.ndarray | None, advance: bool) -> None:
        if power is not None:
            self.reference = max(self.reference, float(power.max(initial=0)))
            if advance:
                self.progress.advance(power.shape[1] * self.settings.hop_length / self.settings.sample_rate)

    def relative(self, values: np.ndarray) -> np.ndarray:
        """Return values as decibels below the loudest moment of the sound, which is 0 dB, down to −80 dB.

        Parameters
        ----------
        values : ndarray of float32
            What was yielded.

        Returns
        -------
        ndarray of float32
            The same shape.
        """
        return relative_db(values, self.reference)

    def collect(self) -> np.ndarray:
        """Take all blocks into memory, float32 (n_mels, n_frames), relative to the loudest moment."""
        return self.relative(np.concatenate(list(self), axis=1))


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
