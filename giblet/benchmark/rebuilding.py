"""What each method makes of a source: blocks of sound, and the time that they took."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import soxr

from giblet.codecs import Codec, Codes, decode_blocks
from giblet.data.mel import FilmMel, MelSettings
from giblet.data.rebuild import placed
from giblet.data.request import TRRequest
from giblet.errors import CodecError
from giblet.spectral import mel_to_audio, relative_db

T = TypeVar("T")


class Stopwatch:
    """Counts the seconds that an iterable takes to give its items.

    Attributes
    ----------
    seconds : float
        So far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, items: Iterable[T]) -> Iterator[T]:
        """Pass the items on."""
        iterator = iter(items)
        while True:
            began = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - began
            yield item


class Rebuilding(ABC):
    """A reconstruction under way: an iterable of float32 blocks (channels, n) at the codec's rate.

    Attributes
    ----------
    channels : int
        Channels of the blocks.
    n_bits : int
        Bits that were spent; known at the end.
    encode_seconds, decode_seconds : float
        Seconds of computing; known at the end.
    """

    channels: int
    n_bits: int
    encode_seconds: float
    decode_seconds: float

    @abstractmethod
    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the sound."""


class FromCodes(Rebuilding):
    """Sound from the codes of one bandwidth.

    Parameters
    ----------
    codec : Codec
        The codec.
    codes : Codes
        What to decode.
    encode_seconds : float
        What encoding took.
    """

    def __init__(self, codec: Codec, codes: Codes, encode_seconds: float) -> None:
        self.channels = codec.channels
        self.encode_seconds = encode_seconds
        self.decode_seconds = 0.0
        self.n_bits = round(codes.data.size * float(np.log2(codec.codebook_size)))
        self._codec, self._codes = codec, codes

    def __iter__(self) -> Iterator[np.ndarray]:
        watch = Stopwatch()
        for block in watch(decode_blocks(self._codec, self._codes)):
            if not np.isfinite(block).all():
                raise CodecError(
                    f"{self._codec.name} decodes to values that are no numbers", "train it again, or load other weights"
                )
            yield block
            self.decode_seconds = watch.seconds


class FromMel(Rebuilding):
    """Sound from a mel spectrogram, its phases found by Griffin-Lim.

    Its bits are those of float32 values without compression, and its time of encoding includes reading the file twice.

    Parameters
    ----------
    path : str or os.PathLike
        The film or sound file.
    settings : MelSettings
        The spectrogram.
    sample_rate : int
        Hz wanted.
    n_samples : int
        Samples wanted.
    """

    def __init__(self, path: str | os.PathLike[str], settings: MelSettings, sample_rate: int, n_samples: int) -> None:
        self.channels = 1
        self.n_bits = 0
        self.encode_seconds = self.decode_seconds = 0.0
        self._loudest, self._film = (FilmMel(path, settings, TRRequest(partial=True)) for _ in range(2))
        self._settings, self._rate, self._n_samples = settings, sample_rate, n_samples

    def __iter__(self) -> Iterator[np.ndarray]:
        encoding, everything = Stopwatch(), Stopwatch()
        for block in everything(placed(self._sound(encoding), 0, self._n_samples, 1)):
            yield block
            self.encode_seconds = encoding.seconds
            self.decode_seconds = everything.seconds - encoding.seconds
        self.n_bits = self._film.n_frames * self._settings.n_mels * 32

    def _sound(self, encoding: Stopwatch) -> Iterator[np.ndarray]:
        settings = self._settings
        # What is 0 dB is known once all was read.
        for _ in encoding(self._loudest):
            pass
        reference = self._loudest.reference
        blocks = (relative_db(block, reference) for block in encoding(self._film))
        own = mel_to_audio(blocks, settings.sample_rate, settings.n_fft, settings.hop_length, reference=reference)
        stream = soxr.ResampleStream(settings.sample_rate, self._rate, 1, dtype="float32", quality="HQ")
        for block in own:
            yield stream.resample_chunk(block)[None]
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)[None]
