"""Discrete codes with their time base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from giblet.errors import CodecError
from giblet.timeline import FrameLayout


@dataclass(frozen=True)
class Segment:
    """A stretch of sound that a codec coded on a frame grid of its own.

    Attributes
    ----------
    start : int
        First sample.
    n_frames : int
        Frames that belong to it.
    scale : float or None
        Loudness by which the decoded segment is multiplied; None where the codec does not normalise.
    """

    start: int
    n_frames: int
    scale: float | None = None


@dataclass(frozen=True)
class Codes:
    """The codes of one sound at the codec's own rate.

    Attributes
    ----------
    data : ndarray of int16, shape (n_codebooks, n_frames)
        Indices into the codebooks: category labels, not quantities. The frames of all segments in their order.
    segments : tuple of Segment
        The frame grids; one that begins at 0 for a causal codec.
    layout : FrameLayout
        Where frames lie in time.
    length : int
        Samples that were coded.
    """

    data: np.ndarray
    segments: tuple[Segment, ...]
    layout: FrameLayout
    length: int

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or self.data.dtype != np.int16:
            raise CodecError(
                f"codes have shape {self.data.shape} and type {self.data.dtype}",
                "give an int16 array (n_codebooks, n_frames)",
            )
        if sum(segment.n_frames for segment in self.segments) != self.data.shape[1]:
            raise CodecError(
                f"{self.data.shape[1]} frames of codes do not match their segments",
                "give the segments that belong to these codes",
            )

    @property
    def indices(self) -> np.ndarray:
        """Frame index of each column in the layout, ndarray of int64, shape (n_frames,)."""
        step = self.layout.frames_per_segment or 0
        return np.concatenate(
            [np.arange(segment.n_frames) + i * step for i, segment in enumerate(self.segments)]
            or [np.empty(0, np.int64)]
        ).astype(np.int64)


def check_codes(codes: np.ndarray, codebook_size: int, n_codebooks: int, codec: str) -> np.ndarray:
    """Return codes as int16 after making sure that a codec can decode them.

    Parameters
    ----------
    codes : ndarray of integers, shape (..., n_codebooks, n_frames)
        What came from outside.
    codebook_size : int
        Entries of a codebook.
    n_codebooks : int
        Codebooks that the codec has.
    codec : str
        Its name, for the message.

    Returns
    -------
    ndarray of int16
        The same codes.

    Raises
    ------
    CodecError
        If a value is no entry, there are too many codebooks, or the values are no integers.
    """
    codes = np.asarray(codes)
    if codes.ndim < 2:
        raise CodecError(f"codes have shape {codes.shape}", "give (..., n_codebooks, n_frames)")
    if codes.dtype.kind not in "iu":
        raise CodecError(f"codes have the type {codes.dtype}", "give integers, as encoding returned them")
    if not 1 <= codes.shape[-2] <= n_codebooks:
        raise CodecError(
            f"the codes have {codes.shape[-2]} codebooks, and {codec} has {n_codebooks}",
            "decode them with the codec that made them",
        )
    if codes.size and (codes.min() < 0 or codes.max() >= codebook_size):
        worst = codes.min() if codes.min() < 0 else codes.max()
        raise CodecError(
            f"code {worst} is outside 0…{codebook_size - 1}, the entries of {codec}",
            "decode codes as they were encoded, without scaling or averaging them",
        )
    return codes.astype(np.int16)
