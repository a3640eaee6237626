"""TR arrays back to codes, and codes to sound files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from giblet.alignment import NativeFrames, join_windows
from giblet.codecs import Codec, Codes, Segment, check_codes, decode_blocks
from giblet.data.metadata import TRRows
from giblet.errors import CodecError, MediaError, ParameterError
from giblet.media import SoundWriter
from giblet.progress import SILENT, Progress, stage
from giblet.store import is_url, refuse_inside_store
from giblet.timeline import FrameLayout, TRGrid, whole
from giblet.workfolder import check_place, reason


def unflatten(features: np.ndarray, n_codebooks: int | None, n_columns: int) -> np.ndarray:
    """Return flat codes as one (n_codebooks, n_columns) array per TR.

    Parameters
    ----------
    features : ndarray of integers, shape (n_trs, n_codebooks · n_columns)
        Codes, codebook by codebook within a TR.
    n_codebooks : int, optional
        Codebooks; default what the width gives.
    n_columns : int
        Columns per TR.

    Returns
    -------
    ndarray of integers, shape (n_trs, n_codebooks, n_columns)
        The same codes.

    Raises
    ------
    ParameterError
        If the width does not divide so.
    """
    width = features.shape[1]
    n_columns = whole(n_columns, "the number of columns")
    books = width // max(n_columns, 1) if n_codebooks is None else whole(n_codebooks, "the number of codebooks")
    if books < 1 or books * n_columns != width:
        raise ParameterError(
            f"flat codes of width {width} are not {books} codebooks of {n_columns} frames",
            "give n_codebooks and frames_per_tr as they were made",
        )
    return features.reshape(len(features), books, n_columns)


def rows_from_zero(layout: FrameLayout, n_trs: int, n_columns: int, grid: TRGrid) -> TRRows:
    """Assume what metadata would say: the array begins at TR 0 of the film.

    Parameters
    ----------
    layout : FrameLayout
        Where frames lie in time.
    n_trs, n_columns : int
        Shape of the features.
    grid : TRGrid
        Gives the TR.

    Returns
    -------
    TRRows
        Bounds and frames of each TR.

    Raises
    ------
    ParameterError
        If no frame policy gives so many columns at this TR.
    """
    frames = layout.frame_rate * grid.tr
    if n_columns not in (int(frames), -(-frames.numerator // frames.denominator)):
        raise ParameterError(
            f"the features have {n_columns} columns, and a TR of {float(grid.tr):g} s has {float(frames):g} frames",
            "set the TR that the features were made with, or give their metadata",
        )
    bounds = [(grid.bound(i, layout.sample_rate), grid.bound(i + 1, layout.sample_rate)) for i in range(n_trs)]
    n_frames = [min(n_columns, len(layout.between(*bound))) for bound in bounds]
    return TRRows(bounds, n_frames, segments={})


def codes_from_trs(features: np.ndarray, rows: TRRows, codec: Codec) -> tuple[Codes, int, int]:
    """Put TR arrays of codes back into one sequence.

    Parameters
    ----------
    features : ndarray of integers, shape (n_trs, n_codebooks, n_columns)
        The codes.
    rows : TRRows
        Their times.
    codec : Codec
        The codec that made them.

    Returns
    -------
    codes : Codes
        The sequence, on a clock of its own that begins with its first frame.
    lead : int
        Samples from the first TR's start to the first frame (negative: the sequence begins before the TR).
    n_samples : int
        Samples from the first TR's start to the last one's end.

    Raises
    ------
    CodecError, AlignmentError
        If the features are no codes of this codec, or do not fit their times.
    """
    features = check_codes(features, codec.codebook_size, codec.n_codebooks(), codec.name)
    layout = codec.layout
    joined = join_windows(features, layout, rows.bounds, rows.n_frames)
    origin = int(layout.starts(joined.indices[:1])[0])
    segments = _segments(joined, rows, layout)
    data = joined.values
    if layout.frames_per_segment is not None:
        # Only the last segments of a film are shorter than the layout has them.
        there = [np.arange(s.n_frames) + i * layout.frames_per_segment for i, s in enumerate(segments)]
        data = data[:, np.concatenate(there)]
    length = joined.stop - origin
    return Codes(data, segments, layout, length), origin - joined.first, joined.stop - joined.first


def _segments(joined: NativeFrames, rows: TRRows, layout: FrameLayout) -> tuple[Segment, ...]:
    size = layout.frames_per_segment
    if size is None or layout.stride is None:
        scale, _ = rows.segments.get(0, (None, 0))
        return (Segment(0, joined.values.shape[1], scale),)
    numbers = np.unique(joined.indices // size)
    if rows.segments and not rows.segments.keys() >= set(numbers.tolist()):
        raise CodecError("the metadata lacks the loudness of some segments", "give the metadata with its scales")
    known = [rows.segments.get(int(number), (None, size)) for number in numbers]
    return tuple(Segment(i * layout.stride, n_frames, scale) for i, (scale, n_frames) in enumerate(known))


def placed(blocks: Iterable[np.ndarray], lead: int, n_samples: int, channels: int) -> Iterator[np.ndarray]:
    """Shift and cut a stream of sound.

    Parameters
    ----------
    blocks : iterable of ndarray of float32, shape (channels, n)
        The sound.
    lead : int
        Samples of silence in front; negative: samples to leave out.
    n_samples : int
        Samples wanted in all; a shorter sound is filled up with silence.
    channels : int
        Channels of the sound.

    Yields
    ------
    ndarray of float32, shape (channels, n)
        Exactly ``n_samples`` samples in all.
    """
    left = n_samples
    if lead > 0:
        yield np.zeros((channels, min(lead, left)), np.float32)
        left -= min(lead, left)
    skip = max(0, -lead)
    for given in blocks:
        block = given[:, skip : skip + left]
        skip -= min(skip, given.shape[1])
        left -= block.shape[1]
        if block.shape[1]:
            yield block
        if not left:
            return
    if left:
        yield np.zeros((channels, left), np.float32)


@contextmanager
def explained(output: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of the file system into a MediaError about ``output``."""
    try:
        yield
    except OSError as error:
        raise MediaError(f"cannot be written ({reason(error)})", "choose another place", output) from error


def make_folder(output: str | os.PathLike[str]) -> None:
    """Make the folder that a file is to lie in; behind a URL there is none to make.

    Parameters
    ----------
    output : str or os.PathLike
        The file.

    Raises
    ------
    MediaError
        If that cannot be done.
    """
    if is_url(output):
        return
    with explained(output):
        Path(output).parent.mkdir(parents=True, exist_ok=True)


def check_output(output: str | os.PathLike[str]) -> None:
    """Raise at once what writing a file would raise because of its place.

    Parameters
    ----------
    output : str or os.PathLike
        The file; folders above it need not exist yet.

    Raises
    ------
    MediaError
        If nothing can be written there.
    StoreError
        If it lies inside a store.
    """
    refuse_inside_store(output)
    with explained(output):
        check_place(Path(output).absolute())


def write_sound(
    blocks: Iterable[np.ndarray],
    output: str | os.PathLike[str],
    sample_rate: int,
    channels: int,
    *,
    force: bool = False,
    progress: Progress = SILENT,
    total: float | None = None,
) -> None:
    """Write a stream of sound to a file that is there complete or not at all.

    Parameters
    ----------
    blocks : iterable of ndarray of float32, shape (channels, n)
        The sound.
    output : str or os.PathLike
        A .wav or .flac file.
    sample_rate, channels : int
        Of the sound.
    force : bool
        Replace a file that is there.
    progress : Progress
        Told of the seconds done.
    total : float, optional
        Seconds in all.

    Raises
    ------
    MediaError, StoreError
        If the file cannot be written, or lies inside a store.
    """
    check_output(output)
    make_folder(output)
    with SoundWriter(output, sample_rate, channels, force=force) as writer, stage(progress, "decoding", total):
        for block in blocks:
            writer.write(block)
            progress.advance(block.shape[1] / sample_rate)


def sound_of(codec: Codec, features: np.ndarray, rows: TRRows) -> tuple[Iterator[np.ndarray], int]:
    """Decode TR arrays of codes.

    Parameters
    ----------
    codec : Codec
        The codec that made them.
    features : ndarray of integers, shape (n_trs, n_codebooks, n_columns)
        The codes.
    rows : TRRows
        Their times.

    Returns
    -------
    blocks : iterator of ndarray of float32, shape (channels, n)
        The sound, from the start of the first TR to the end of the last.
    n_samples : int
        Its length.

    Raises
    ------
    CodecError, AlignmentError
        If the features are no codes of this codec, or do not fit their times.
    """
    codes, lead, n_samples = codes_from_trs(features, rows, codec)
    return placed(decode_blocks(codec, codes), lead, n_samples, codec.channels), n_samples
