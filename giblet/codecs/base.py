"""What every codec offers to the rest of giblet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from giblet.codecs.codes import Codes, Segment, check_codes
from giblet.errors import CodecError
from giblet.timeline import FrameLayout


class Encoder(Protocol):
    """Turns one sound into codes, block by block."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Segments coded so far; complete after `finish`."""

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take float32 (channels, n) and return the int16 codes (n_codebooks, k) that are certain by now, k ≥ 0."""

    def finish(self) -> np.ndarray:
        """End the sound and return its last codes, int16 (n_codebooks, k)."""


class Decoder(Protocol):
    """Turns one sequence of codes into sound, block by block."""

    def push(self, codes: np.ndarray) -> np.ndarray:
        """Take int16 (n_codebooks, k) and return the float32 samples (channels, n) that are certain by now."""

    def finish(self) -> np.ndarray:
        """End the sequence and return its last samples, float32 (channels, n)."""


class Codec(Protocol):
    """A codec, ready to use.

    Attributes
    ----------
    name : str
        What people call it.
    source : str or None
        What loads it again: a hub name, a folder, or a built-in name; None for a model that is in memory only.
    fingerprint : str
        SHA-256 of its weights: codes of one codec are nothing to another.
    channels : int
        Channels of its sound.
    layout : FrameLayout
        Its sample rate and frame grid.
    bandwidths : tuple of float
        Kilobits per second it offers, ascending.
    codebook_size : int
        Entries of a codebook.
    normalize : bool
        Whether it divides each segment by its loudness, which travels with the codes.
    """

    name: str
    source: str | None
    fingerprint: str
    channels: int
    layout: FrameLayout
    bandwidths: tuple[float, ...]
    codebook_size: int
    normalize: bool

    def n_codebooks(self, bandwidth: float | None = None) -> int:
        """Return the codebooks of a bandwidth in kbps, or of the largest."""

    def codebooks(self, n_codebooks: int | None = None) -> np.ndarray:
        """Return the code vectors, float32 (n_codebooks, codebook_size, dim)."""

    def encoder(self, bandwidth: float) -> Encoder:
        """Start to encode a sound."""

    def decoder(self, segments: tuple[Segment, ...]) -> Decoder:
        """Start to decode codes that lie in ``segments``."""

    def samples_for(self, stop: int) -> int:
        """Return the samples after which the codes of frames that start before ``stop`` no longer change."""

    def latents_to_sound(self, latents: np.ndarray) -> np.ndarray:
        """Decode (n_frames, dim) latents, such as no codes stand for, to float32 (channels, n_frames·hop)."""


def encode(codec: Codec, samples: np.ndarray, bandwidth: float) -> Codes:
    """Encode one sound that is in memory.

    Parameters
    ----------
    codec : Codec
        The codec.
    samples : ndarray of float32, shape (channels, n_samples)
        Sound at the codec's rate.
    bandwidth : float
        Kilobits per second.

    Returns
    -------
    Codes
        Its codes.

    Raises
    ------
    CodecError
        If the samples are no such sound, or the codec does not offer the bandwidth.
    """
    samples = np.asarray(samples)
    if samples.ndim != 2 or len(samples) != codec.channels or samples.dtype.kind != "f":
        raise CodecError(
            f"sound has shape {samples.shape} and type {samples.dtype}",
            f"give float32 of shape ({codec.channels}, n_samples), between -1 and 1",
        )
    if not np.isfinite(samples).all():
        raise CodecError("the sound holds NaN or infinite values", "mend it first")
    samples = samples.astype(np.float32, copy=False)
    encoder = codec.encoder(bandwidth)
    blocks = [encoder.push(samples), encoder.finish()]
    return Codes(np.concatenate(blocks, axis=1), encoder.segments, codec.layout, samples.shape[-1])


def decode_blocks(codec: Codec, codes: Codes, frames_at_once: int = 96) -> Iterator[np.ndarray]:
    """Decode codes at flat memory.

    Parameters
    ----------
    codec : Codec
        The codec that made the codes.
    codes : Codes
        What to decode.
    frames_at_once : int
        Frames per step.

    Yields
    ------
    ndarray of float32, shape (channels, n)
        Blocks of sound, ``codes.length`` samples in all.

    Raises
    ------
    CodecError
        If a value is no entry of the codec's codebooks, or there are more codebooks than it has.
    """
    check_codes(codes.data, codec.codebook_size, codec.n_codebooks(), codec.name)
    decoder = codec.decoder(codes.segments)
    left = codes.length
    for block in _decoded(decoder, codes.data, frames_at_once):
        if block.shape[1] and left:
            yield block[:, :left]
            left -= min(left, block.shape[1])


def _decoded(decoder: Decoder, data: np.ndarray, frames_at_once: int) -> Iterable[np.ndarray]:
    for first in range(0, data.shape[1], frames_at_once):
        yield decoder.push(data[:, first : first + frames_at_once])
    yield decoder.finish()


def decode(codec: Codec, codes: Codes) -> np.ndarray:
    """Decode codes into memory.

    Parameters
    ----------
    codec : Codec
        The codec that made the codes.
    codes : Codes
        What to decode.

    Returns
    -------
    ndarray of float32, shape (channels, codes.length)
        The sound.
    """
    return np.concatenate([*decode_blocks(codec, codes), np.empty((codec.channels, 0), np.float32)], axis=1)
