"""Latents of TRs as sound."""

from __future__ import annotations

import numpy as np

from giblet.codecs import Codec, Codes, Segment, decode
from giblet.errors import CodecError, EncodingError
from giblet.features import nearest_codes
from giblet.timeline import TRGrid

WAYS = ("latents", "codes")
BETWEEN = ("linear", "hold")
# A frame whose middle lies this close before a boundary, in parts of a TR, counts as on it: floats are rounded.
_ON_A_BOUNDARY = 1e-6


def decode_sound(
    latents: np.ndarray,
    grid: TRGrid,
    codec: Codec,
    *,
    by: str = "latents",
    between: str = "linear",
    n_codebooks: int | None = None,
) -> np.ndarray:
    """Make sound of latents that were averaged over TRs or parts of them, or predicted.

    They are brought to the codec's frames, and either go into its decoder as they are, or become the codes of the
    nearest code vectors first, codebook by codebook.

    Parameters
    ----------
    latents : ndarray, shape (n_trs, bins · dim)
        Consecutive TRs, as `giblet.encoding.latent_bins` arranges them; the number of parts of a TR follows from the
        codec.
    grid : TRGrid
        Their windows.
    codec : Codec
        The codec whose latents they are; of one grid of frames.
    by : {"latents", "codes"}
        Which way. Codes are what the decoder was trained on, and say no more than latents do.
    between : {"linear", "hold"}
        Between the middles of two parts, latents change linearly; or each part has one value, with a step to the next.
    n_codebooks : int, optional
        Codebooks for ``by="codes"``; by default as many as the codec has.

    Returns
    -------
    ndarray of float32, shape (channels, n_samples)
        Sound at the codec's rate: all samples from the beginning of the first window to the end of the last, counted
        on the stimulus' clock.

    Raises
    ------
    EncodingError
        If the latents are of another shape or hold what is no number, or a choice is unknown.
    CodecError
        If the codec cuts sound into segments.
    """
    if by not in WAYS or between not in BETWEEN:
        raise EncodingError(
            f"there is no way by={by!r}, between={between!r}", f"choose from {', '.join(WAYS)}; {', '.join(BETWEEN)}"
        )
    if codec.layout.segment is not None or codec.normalize:
        raise CodecError(
            f"{codec.name} cuts sound into segments, each with a loudness that latents do not tell",
            "take a codec of one grid of frames, such as facebook/encodec_24khz",
        )
    books = codec.codebooks(n_codebooks)
    rate, hop = codec.layout.sample_rate, codec.layout.hop
    begin, end = grid.bound(0, rate), grid.bound(grid.n_trs, rate)
    first, stop = begin // hop, -(-end // hop)
    frames = _at_frames(_parts(latents, grid, books.shape[2], codec.name), grid, first, stop, hop / rate, between)
    if by == "latents":
        sound = codec.latents_to_sound(frames)
    else:
        codes = nearest_codes(frames, books)
        sound = decode(codec, Codes(codes, (Segment(0, len(frames)),), codec.layout, len(frames) * hop))
    return sound[:, begin - first * hop :][:, : end - begin]


def _parts(latents: np.ndarray, grid: TRGrid, dim: int, codec: str) -> np.ndarray:
    """Return one row for each part of each TR."""
    rows = np.asarray(latents, np.float32)
    if rows.ndim != 2 or len(rows) != grid.n_trs or not rows.size or rows.shape[1] % dim:
        raise EncodingError(
            f"the latents have the shape {rows.shape}, for {grid.n_trs} TRs and {dim} latents of {codec}",
            f"give a row for each TR, of {dim} columns for each of its parts",
        )
    if not np.isfinite(rows).all():
        raise EncodingError(
            "the latents hold what is no number", "take the rows that were predicted (Decoded.stretches)"
        )
    return rows.reshape(-1, dim)


def _at_frames(parts: np.ndarray, grid: TRGrid, first: int, stop: int, frame: float, between: str) -> np.ndarray:
    """Return latents at the middle of each frame, (stop − first, dim); beyond the outer middles they stay."""
    length = float(grid.tr) * grid.n_trs / len(parts)
    place = ((np.arange(first, stop) + 0.5) * frame - float(grid.start)) / length + _ON_A_BOUNDARY
    if between == "hold":
        return parts[np.clip(place.astype(np.int64), 0, len(parts) - 1)]
    place = np.clip(place - 0.5, 0, len(parts) - 1)
    before = np.minimum(place.astype(np.int64), max(0, len(parts) - 2))
    share = (place - before).astype(np.float32)[:, None]
    return parts[before] * (1 - share) + parts[np.minimum(before + 1, len(parts) - 1)] * share
