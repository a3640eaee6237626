"""Pitch of sound, by pYIN."""

from __future__ import annotations

import numpy as np

from giblet.errors import ParameterError
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

# Frames decoded together, and how many of them at either end only help to decide about those between: 4 s and 1 s.
DECODED = 172
CONTEXT = 43


class Pitch(RowStream):
    """Fundamental frequency and voicing by pYIN (Mauch & Dixon 2014, ICASSP), of `librosa.pyin`.

    What pYIN thinks likely of a frame depends on the frame alone, and so do the probabilities of voicing here; only
    then a Viterbi search chooses the likeliest course of pitch through all of a sound. Here it runs over 4 s at a time,
    with 1 s more at either side, which is longer than the search remembers where one pitch or none is clearly likely.

    Parameters
    ----------
    request : FeatureRequest
        Options ``fmin`` and ``fmax``: Hz between which pitch is sought.
    context : FeatureContext
        Not used.

    Raises
    ------
    ParameterError
        If pitch cannot be sought between these frequencies.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        self._fmin, self._fmax = float(request.option("fmin")), float(request.option("fmax"))
        # Two periods fit into a frame, and pYIN's steps of pitch, 10 semitones at most, into the range.
        lowest, highest = -(-SAMPLE_RATE // (N_FFT // 2)), SAMPLE_RATE / 2
        if not (lowest <= self._fmin and 2 * self._fmin <= self._fmax <= highest):
            raise ParameterError(
                f"{request.feature.name} was asked for from {self._fmin:g} to {self._fmax:g} Hz",
                f"give fmin of {lowest} Hz or more, and fmax of at least its double, up to {highest:g} Hz",
            )
        about = {
            "units": ["Hz", "0 or 1", "probability"],
            "definition": "pYIN: fundamental frequency, 0 where unvoiced; whether voiced; how probably voiced",
            # The end of a sound is decoded in one go with what comes before.
            "past": FRAME_PAST + float((DECODED + 2 * CONTEXT) / FRAME_RATE),
            "future": FRAME_FUTURE + float((DECODED + CONTEXT) / FRAME_RATE),
        }
        super().__init__(Output(request.name, ("f0", "voiced", "voiced_prob"), FRAME_RATE, about=about))
        # Begins with the frame that is _before frames earlier than the next one to be given.
        self._sound = np.zeros(N_FFT // 2, np.float32)
        self._before = 0

    def _block(self, samples: np.ndarray) -> np.ndarray:
        self._sound = np.concatenate((self._sound, samples))
        rows = [np.empty((0, 3))]
        while self._n_frames() >= self._before + DECODED + CONTEXT:
            rows.append(self._decoded(self._before + DECODED + CONTEXT)[self._before :][:DECODED])
            passed = self._before + DECODED - CONTEXT
            self._sound = self._sound[passed * HOP_LENGTH :]
            self._before = CONTEXT
        return np.concatenate(rows)

    def _end(self) -> np.ndarray:
        rows = self._block(np.zeros(N_FFT // 2, np.float32))
        return np.concatenate((rows, self._decoded(self._n_frames())[self._before :]))

    def _n_frames(self) -> int:
        return max(0, 1 + (len(self._sound) - N_FFT) // HOP_LENGTH)

    def _decoded(self, n_frames: int) -> np.ndarray:
        """Return frequency, voicing and its probability of the first frames, (n_frames, 3)."""
        from librosa import pyin

        found = pyin(
            self._sound[: (n_frames - 1) * HOP_LENGTH + N_FFT],
            fmin=self._fmin,
            fmax=self._fmax,
            sr=SAMPLE_RATE,
            frame_length=N_FFT,
            hop_length=HOP_LENGTH,
            fill_na=0.0,
            center=False,
        )
        return np.stack(found, axis=1)
