"""A stretch of sound for the page: what is heard, and its spectrogram."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet.metrics.engine import SILENCE
from giblet.report.axes import Axis
from giblet.report.figures import Picture
from giblet.report.raster import heat_image
from giblet.spectral import MelStream

COLUMNS, BANDS = 1000, 96
# Decibels below the loudest moment of all clips that still have a colour.
RANGE = 80.0
# Frequencies that are written beside a spectrogram, Hz.
NAMED = ((250, "250 Hz"), (1000, "1 kHz"), (4000, "4 kHz"))
# Bytes of all sounds together, by which the length of clips is chosen where nobody did. Half a page may be pictures.
ROOM = 5_000_000
# What lossless compression leaves of 16-bit sound, and what writing it as text costs.
_KEPT = 0.6 * 4 / 3
LONGEST, SHORTEST = 30.0, 5.0


@dataclass(frozen=True)
class Clip:
    """A stretch of sound.

    Attributes
    ----------
    key, title : str
        Name within the page, of letters, digits, ``.`` and ``-``; name for people.
    flac : str
        The sound, FLAC of 16 bits, as base64.
    power : ndarray of float32, shape (BANDS, n_columns)
        Mel power.
    sample_rate : int
        Hz.
    silent : bool
        Whether it stays below -60 dB of full scale.
    """

    key: str
    title: str
    flac: str
    power: np.ndarray
    sample_rate: int
    silent: bool


def clip_length(sample_rate: int, channels: int, n_clips: int) -> float:
    """Return how many seconds of ``n_clips`` sounds leave the page small enough to open at once."""
    per_second = sample_rate * channels * 2 * _KEPT * max(1, n_clips)
    return float(np.clip(ROOM / per_second, SHORTEST, LONGEST))


class Recorder:
    """Takes a stream of sound as a clip; what is held in memory is compressed.

    Parameters
    ----------
    sample_rate, channels, n_samples : int
        Hz, channels, and length of the clip.
    """

    def __init__(self, sample_rate: int, channels: int, n_samples: int) -> None:
        import soundfile

        n_fft = int(2 ** round(np.log2(sample_rate / 24)))
        hop = max(64, min(n_fft, n_samples // COLUMNS))
        self._rate, self._left, self._energy, self._size = sample_rate, n_samples, 0.0, channels * n_samples
        self._stream, self._image = MelStream(sample_rate, n_fft, hop, BANDS), _Columns(1 + n_samples // hop)
        self._buffer = io.BytesIO()
        self._file = soundfile.SoundFile(self._buffer, "w", sample_rate, channels, "PCM_16", format="FLAC")

    def add(self, block: np.ndarray) -> None:
        """Take float32 (channels, n); what exceeds -1 to 1 is clipped, as in a file, and more than fits is left."""
        wanted = block[:, : self._left]
        self._left -= wanted.shape[1]
        self._file.write(np.rint(wanted.T * 32768).clip(-32768, 32767).astype(np.int16))
        self._energy += float(np.square(wanted, dtype=np.float64).sum())
        self._image.add(self._stream.push(wanted.mean(axis=0)))

    def clip(self, key: str, title: str) -> Clip:
        """End the stream, with silence where the sound was too short; ``key`` and ``title`` as in `Clip`."""
        if self._left:
            self.add(np.zeros((self._file.channels, self._left), np.float32))
        self._file.close()
        self._image.add(self._stream.finish())
        flac = base64.b64encode(self._buffer.getvalue()).decode("ascii")
        return Clip(key, title, flac, self._image.mean(), self._rate, self._energy < SILENCE**2 * self._size)


class _Columns:
    """Averages frames of a stream, of which the number is known, to columns of a picture."""

    def __init__(self, n_frames: int) -> None:
        self._n_frames = n_frames
        self._total = np.zeros((BANDS, min(COLUMNS, n_frames)))
        self._counts = np.zeros(self._total.shape[1])
        self._seen = 0

    def add(self, frames: np.ndarray) -> None:
        wanted = frames[:, : max(0, self._n_frames - self._seen)]
        which = (self._seen + np.arange(wanted.shape[1])) * self._total.shape[1] // self._n_frames
        np.add.at(self._total.T, which, wanted.T)
        np.add.at(self._counts, which, 1)
        self._seen += wanted.shape[1]

    def mean(self) -> np.ndarray:
        return (self._total / np.maximum(self._counts, 1)).astype(np.float32)


def spectrograms(clips: Sequence[Clip], x: Axis, what: str) -> tuple[Picture, ...]:
    """Return the spectrograms of clips of the same time, on one scale of colours.

    Parameters
    ----------
    clips : sequence of Clip
        The sounds.
    x : Axis
        Their time.
    what : str
        Which stretch that is, for who does not see it.
    """
    from librosa import hz_to_mel

    loudest = max(max((float(clip.power.max(initial=0)) for clip in clips), default=0), 1e-10)
    pictures = []
    for clip in clips:
        decibels = 10 * np.log10(np.maximum(clip.power / loudest, 1e-20))
        top = hz_to_mel(clip.sample_rate / 2)
        rows = tuple((float(hz_to_mel(hz) / top), name) for hz, name in NAMED if hz < clip.sample_rate / 2)
        pictures.append(
            Picture(
                clip.title, f"Mel spectrogram of {what}: {clip.title}{', silent' if clip.silent else ''}.",
                heat_image(1 + decibels / RANGE), x, rows,
            )
        )  # fmt: skip
    return tuple(pictures)
