"""Codes of a sound into a store: its arrays, and what it says about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from giblet.codecs import Segment
from giblet.features import KINDS, latents
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
    codes = store.create(
        "codes", ("codebook", "frame"), (n_codebooks, 0), np.int16, append_dim="frame",
        attrs={"feature": "audio.codes", "kind": KINDS["audio.codes"]},
    )  # fmt: skip
    vectors = None
    if books is not None:
        store.put("codebooks", ("codebook", "entry", "latent"), books, {"long_name": "code vectors"})
        if keep_latents:
            vectors = store.create(
                "latents", ("frame", "latent"), (0, books.shape[2]), np.float32, append_dim="frame",
                attrs={"feature": "audio.latents", "kind": KINDS["audio.latents"]},
            )  # fmt: skip
    for block in blocks:
        codes.append(block)
        if vectors is not None and books is not None:
            vectors.append(latents(block, books))
    segments = blocks.segments
    starts = [s.start + np.arange(s.n_frames, dtype=np.int64) * layout.hop for s in segments]
    store.put(
        "time", ("frame",), np.concatenate(starts) / layout.sample_rate,
        {"units": "s", "long_name": "start of the frame on the film's clock"},
    )  # fmt: skip
    store.put("segment_start", ("segment",), np.array([s.start for s in segments], np.int64), {"units": "samples"})
    store.put("segment_frames", ("segment",), np.array([s.n_frames for s in segments], np.int64))
    if segments[0].scale is not None:
        store.put("segment_scale", ("segment",), np.array([s.scale for s in segments], np.float32))
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
