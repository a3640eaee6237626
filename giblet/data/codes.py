"""Codes of a sound into a store: its arrays, and what it says about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from giblet.codecs import Segment
from giblet.features import latents
from giblet.store import StoreWriter
from giblet.timeline import FrameLayout


class CodeStream(Protocol):
    """Codes that come block by block."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield int16 blocks (n_codebooks, k)."""

    @property
    def segments(self) -> Sequence[Segment]:
        """Segments of all codes, known when all blocks were taken."""


def put_codes(
    store: StoreWriter,
    blocks: CodeStream,
    layout: FrameLayout,
    n_codebooks: int,
    books: np.ndarray | None = None,
    *,
    keep_latents: bool = False,
) -> int:
    """Write codes and their frame grids.

    Parameters
    ----------
    store : StoreWriter
        The store.
    blocks : CodeStream
        The codes.
    layout : FrameLayout
        Where frames lie in time.
    n_codebooks : int
        Codebooks used.
    books : ndarray of float32, shape (n_codebooks, codebook_size, dim), optional
        The code vectors; without them the store has no latents.
    keep_latents : bool
        Whether to write the latents too, which needs the code vectors.

    Returns
    -------
    int
        Frames written.
    """
    arrays = CodeArrays(store, layout, n_codebooks, books, keep_latents=keep_latents)
    for block in blocks:
        arrays.append(block)
    return arrays.close(blocks.segments)


class CodeArrays:
    """The arrays of codes, written block by block (see `put_codes` for the parameters)."""

    def __init__(
        self,
        store: StoreWriter,
        layout: FrameLayout,
        n_codebooks: int,
        books: np.ndarray | None = None,
        *,
        keep_latents: bool = False,
    ) -> None:
        self._store, self._layout, self._books = store, layout, books
        self._codes = store.create(
            "codes", ("codebook", "frame"), (n_codebooks, 0), np.int16, append_dim="frame",
            attrs={"feature": "audio.codes", "kind": "categorical"},
        )  # fmt: skip
        self._latents = None
        if books is not None:
            store.put("codebooks", ("codebook", "entry", "latent"), books, {"long_name": "code vectors"})
            if keep_latents:
                self._latents = store.create(
                    "latents", ("frame", "latent"), (0, books.shape[2]), np.float32, append_dim="frame",
                    attrs={"feature": "audio.latents", "kind": "continuous"},
                )  # fmt: skip

    def append(self, block: np.ndarray) -> None:
        """Add codes int16 (n_codebooks, k)."""
        self._codes.append(block)
        if self._latents is not None and self._books is not None:
            self._latents.append(latents(block, self._books))

    def close(self, segments: Sequence[Segment]) -> int:
        """Write where the frames lie in time, and return how many there are."""
        starts = [s.start + np.arange(s.n_frames, dtype=np.int64) * self._layout.hop for s in segments]
        put = self._store.put
        put(
            "time", ("frame",), np.concatenate(starts) / self._layout.sample_rate,
            {"units": "s", "long_name": "start of the frame on the film's clock"},
        )  # fmt: skip
        put("segment_start", ("segment",), np.array([s.start for s in segments], np.int64), {"units": "samples"})
        put("segment_frames", ("segment",), np.array([s.n_frames for s in segments], np.int64))
        if segments[0].scale is not None:
            put("segment_scale", ("segment",), np.array([s.scale for s in segments], np.float32))
        return sum(segment.n_frames for segment in segments)


def describe_codec(
    name: str,
    source: str | None,
    fingerprint: str | None,
    layout: FrameLayout,
    channels: int | None,
    codebook_size: int,
    bandwidth: float,
    codebooks: Mapping[float, int],
) -> dict[str, Any]:
    """Return what a store says about the codec of its codes.

    Parameters
    ----------
    name, source, fingerprint, layout, channels, codebook_size
        As in `giblet.codecs.base.Codec`; None where it is not known.
    bandwidth : float
        Of the codes, kilobits per second.
    codebooks : mapping of float to int
        Number of codebooks by bandwidth, up to that one.

    Returns
    -------
    dict
        JSON types.
    """
    return {
        "name": name,
        "source": source,
        "fingerprint": fingerprint,
        "sample_rate": layout.sample_rate,
        "hop": layout.hop,
        "segment": layout.segment,
        "stride": layout.stride,
        "channels": channels,
        "codebook_size": codebook_size,
        "bandwidth": bandwidth,
        "codebooks": {f"{kbps:g}": number for kbps, number in codebooks.items()},
    }
