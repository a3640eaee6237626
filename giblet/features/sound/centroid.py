"""Spectral centroid: the mean frequency of sound."""

from __future__ import annotations

import numpy as np

from giblet.features.asking import FeatureRequest
from giblet.features.sound.rows import (
    FRAME_FUTURE,
    FRAME_PAST,
    FRAME_RATE,
    HOP_LENGTH,
    N_FFT,
    SAMPLE_RATE,
    RowStream,
)
from giblet.features.streams import FeatureContext, Output
from giblet.spectral.stft import FrameStream, hann


class Centroid(RowStream):
    """Mean frequency of each frame's magnitude spectrum, as `librosa.feature.spectral_centroid` gives it.

    Parameters
    ----------
    request : FeatureRequest
        There are no options.
    context : FeatureContext
        Not used.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        about = {
            "units": "Hz",
            "definition": "mean of the frequencies of the row's frame, weighted by their magnitudes; 0 in silence",
            "past": FRAME_PAST,
            "future": FRAME_FUTURE,
        }
        super().__init__(Output(request.name, ("centroid",), FRAME_RATE, about=about))
        self._frames = FrameStream(N_FFT, HOP_LENGTH)
        self._window = hann(N_FFT)
        self._frequencies = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)

    def _block(self, samples: np.ndarray) -> np.ndarray:
        return self._centroids(self._frames.push(samples))

    def _end(self) -> np.ndarray:
        return self._centroids(self._frames.finish())

    def _centroids(self, frames: np.ndarray) -> np.ndarray:
        from scipy.fft import rfft

        magnitude = np.abs(rfft(frames * self._window))
        total = magnitude.sum(axis=1, keepdims=True)
        weighted = (magnitude @ self._frequencies)[:, None]
        return np.divide(weighted, total, out=np.zeros_like(total), where=total > np.finfo(np.float32).tiny)
