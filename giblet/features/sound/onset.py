"""Onset strength: how much louder the bands of a sound have become."""

from __future__ import annotations

import numpy as np

from giblet.errors import ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.sound.rows import FRAME_RATE, HOP_LENGTH, N_FFT, SAMPLE_RATE, RowStream
from giblet.features.streams import FeatureContext, Output
from giblet.spectral.mel import SMALLEST_POWER, MelStream, power_to_db

N_MELS = 128
# Frames by which librosa moves onsets, so that a frame counts from where it is heard in full; and one for the lag.
SHIFT = N_FFT // 2 // HOP_LENGTH + 1
QUIETEST = 10 * np.log10(SMALLEST_POWER)


class Onset(RowStream):
    """Spectral flux: rises of the mel bands from frame to frame in dB, averaged over the bands.

    That is `librosa.onset.onset_strength` (Böck & Widmer 2013, DAFx), except that what counts as silence is not
    80 dB below the loudest moment of the whole sound, but a level of its own.

    Parameters
    ----------
    request : FeatureRequest
        Option ``floor``: dB of mel power, relative to 1, below which bands count as silent.
    context : FeatureContext
        Not used.

    Raises
    ------
    ParameterError
        If the floor is below librosa's smallest power, -100 dB, or no number.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        self._floor = request.option("floor")
        if not QUIETEST <= self._floor <= -QUIETEST:
            raise ParameterError(
                f"{request.feature.name} was asked for with a floor of {self._floor:g} dB",
                f"give one from {QUIETEST:g} to {-QUIETEST:g}, such as @floor={request.feature.options['floor']:g}",
            )
        about = {
            "units": "dB",
            "definition": "mean over 128 mel bands of how much each rose since the frame before, falls counting as 0",
            "floor_db": self._floor,
            "past": (SHIFT * HOP_LENGTH + N_FFT / 2) / SAMPLE_RATE,
            "future": 0.0,
        }
        super().__init__(Output(request.name, ("onset",), FRAME_RATE, about=about))
        self._mel = MelStream(SAMPLE_RATE, N_FFT, HOP_LENGTH, N_MELS)
        self._before: np.ndarray | None = None

    def _block(self, samples: np.ndarray) -> np.ndarray:
        return self._rises(self._mel.push(samples))

    def _end(self) -> np.ndarray:
        return self._rises(self._mel.finish())

    def _rises(self, mel: np.ndarray) -> np.ndarray:
        decibels = power_to_db(mel, 1.0, top_db=-self._floor)
        if not decibels.shape[1]:
            return np.empty((0, 1))
        if self._before is None:
            # Nothing rises before or in the first frame, which becomes row SHIFT - 1.
            first, self._before = np.zeros((SHIFT - 1, 1)), decibels[:, :1]
        else:
            first = np.empty((0, 1))
        rises = np.diff(decibels, axis=1, prepend=self._before)
        self._before = decibels[:, -1:]
        return np.concatenate((first, np.maximum(rises, 0).mean(axis=0)[:, None]))
