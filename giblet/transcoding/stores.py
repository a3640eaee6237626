"""Codes from a store to a container and back, without the codec that made them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import giblet
from giblet.codecs import Codec, CodecSpec, Segment
from giblet.codecs.catalog import is_built_in
from giblet.data.codes import describe_codec, put_codes
from giblet.data.rebuild import make_folder
from giblet.data.request import TRRequest
from giblet.data.store import FeatureStore, open_store
from giblet.errors import CodecError, StoreError
from giblet.formats import CodeHeader, CodeModel, Container, create_container, open_container
from giblet.formats.header import ENCODEC_LAYOUTS
from giblet.progress import SILENT, Progress, stage
from giblet.store import StoreWriter, check_output, content_key, file_digest
from giblet.timeline import Seconds, TRGrid
from giblet.transcoding.blocks import BlockCutter
from giblet.transcoding.models import (
    META,
    check_maker,
    container_name,
    find_maker,
    language_model,
    lm_source,
    loaded,
    reading_model,
    with_model,
)  # fmt: skip
from giblet.transcoding.names import CODE_ENDINGS, check_place_of
from giblet.transcoding.result import Transcoding


def store_to_codes(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    bandwidth: float | None = None,
    *,
    lm: Any = False,
    force: bool = False,
    progress: Progress = SILENT,
) -> Transcoding:
    """Write the codes of a store as a container, at flat memory.

    Parameters
    ----------
    path : str or os.PathLike
        A store with codes.
    output : str or os.PathLike
        An .ecdc, .nac or .txt file.
    bandwidth : float, optional
        Kilobits per second, at most that of the store.
    lm : bool, str, os.PathLike or CodeModel
        Whether to code with a language model, as in `sound_to_codes`.
    force : bool
        Replace a file that is there.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Transcoding
        What was written. Where the store ends before its film does, the last segment of a codec with segments is cut
        where the next one would begin.

    Raises
    ------
    StoreError, CodecError, MediaError, ParameterError, FormatError
        If the store, the language model or the output cannot be used. Nothing is left behind then.
    """
    store = open_store(path)
    header, segments = _described(store, bandwidth)
    check_place_of(output, path, CODE_ENDINGS, force)
    model = language_model(lm, header, store.provenance["codec"]["source"], path)
    cut, left = BlockCutter(), header.n_frames or 0
    rate = header.layout.frame_rate
    with (
        create_container(output, with_model(header, model), model, force) as writer,
        stage(progress, f"reading {Path(path).name}", float(left / rate)),
    ):
        for codes in store.code_blocks(bandwidth):
            for block in cut(codes[:, :left], segments):
                writer.write(block)
            left -= min(left, codes.shape[1])
            progress.advance(float(codes.shape[1] / rate))
        writer.finish()
    return Transcoding(Path(output), writer.header)


def _described(store: FeatureStore, bandwidth: float | None) -> tuple[CodeHeader, Sequence[Segment]]:
    """Return what a container says about the codes of a store, and their segments."""
    layout, segments, about = store.layout, list(store.segments), store.provenance
    made_by = about["codec"]
    header = CodeHeader(
        container_name(made_by["name"]), layout, store.n_codebooks(bandwidth), made_by["codebook_size"],
        segments[0].scale is not None, about["codes"]["n_samples"], about["codes"]["n_frames"],
        codec_fingerprint=made_by["fingerprint"],
    )  # fmt: skip
    if layout.stride is not None and not header.is_consistent():
        # Extraction ended with a full segment, and a container would have the one that begins inside it too.
        last = segments[-1]
        length = min(header.longest, last.start + layout.stride)
        segments[-1] = replace(last, n_frames=-(-(length - last.start) // layout.hop))
        header = replace(header, length=length, n_frames=sum(segment.n_frames for segment in segments))
    if not header.is_consistent():
        raise StoreError("holds codes that no sound has", "extract it again", store.path)
    return header, segments


def codes_to_store(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    codec: Any = None,
    lm: Any = None,
    tr: Seconds = 1.5,
    force: bool = False,
    progress: Progress = SILENT,
) -> Transcoding:
    """Write the codes of a container as a store that `giblet.open_store` opens, at flat memory.

    Parameters
    ----------
    path : str or os.PathLike
        An .ecdc file, a .nac file, or a text of acomp.
    output : str or os.PathLike
        Directory of the store.
    codec : str, os.PathLike, transformers.EncodecModel or Codec, optional
        The codec that made the codes. With it, the store has the code vectors too, and so latents.
    lm : str, os.PathLike or CodeModel, optional
        The language model that coded them, if one did, as in `codes_to_sound`.
    tr : float or str
        Repetition time of the store's default view, seconds.
    force : bool
        Replace another store at ``output``.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Transcoding
        What was written.

    Raises
    ------
    FormatError, CodecError, StoreError, ParameterError
        If the container, its codec or the output cannot be used. Nothing is left behind then.
    """
    container = open_container(path)
    header = container.header
    request = TRRequest.asked(tr=tr)
    check_output(output, force)
    made_by = _maker(header, codec, path)
    source = lm_source(header, codec, path) if header.entropy_coded else None
    blocks = _ContainerCodes(container, reading_model(header, lm, source, path), progress)
    books = None
    if codec is not None:
        ready = loaded(find_maker(header, codec, path))
        check_maker(ready, header, path)
        books = ready.codebooks(header.n_codebooks)
    length, rate = header.longest, header.layout.sample_rate
    duration = Fraction(length, rate)
    film = {"name": Path(path).name, "sha256": file_digest(path), "bytes": Path(path).stat().st_size}
    make_folder(output)
    with StoreWriter(output, force=force) as store:
        n_frames = put_codes(store, blocks, header.layout, header.n_codebooks, books)
        store.attrs["giblet"] = giblet.__version__
        provenance = {
            "giblet": giblet.__version__,
            "film": film,
            "features": ["audio.codes"],
            "view": request.to_dict(),
            "codec": made_by,
            "codes": {"n_samples": length, "n_heard": length, "n_frames": n_frames},
            "sound": {"source_rate": rate, "offset": 0.0, "duration": float(duration)},
            "duration": str(duration),
            "duration_with_padding": str(duration),
            "n_trs": TRGrid.covering(duration, request.tr, request.start).n_trs,
        }
        store.commit(provenance, content_key(container=film["sha256"], view=request.to_dict()))
    return Transcoding(Path(output), replace(header, length=length, n_frames=n_frames))


def _maker(header: CodeHeader, codec: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what the store says about the codec, which need not be there."""
    name, source, channels, books = header.codec, None, None, {header.bandwidth: header.n_codebooks}
    found = find_maker(header, codec, path) if codec is not None else _built_in(header)
    if found is not None:
        name, source, channels = found.name, found.source, found.channels
        books = {b: found.n_codebooks(b) for b in found.bandwidths if found.n_codebooks(b) <= header.n_codebooks}
    elif header.codec in ENCODEC_LAYOUTS:
        name = source = META + header.codec
    bandwidth = max(books, default=header.bandwidth)
    if books.get(bandwidth) != header.n_codebooks:
        raise CodecError(
            f"it has {header.n_codebooks} codebooks, and no bandwidth of {name} has so many",
            "encode the sound again with a bandwidth of the codec",
            path,
        )
    return describe_codec(
        name, source, header.codec_fingerprint, header.layout, channels, header.codebook_size, bandwidth, books
    )


def _built_in(header: CodeHeader) -> CodecSpec | Codec | None:
    """Return the built-in codec that made codes, if it is one of this giblet."""
    try:
        return find_maker(header) if is_built_in(header.codec) else None
    except CodecError:
        return None


class _ContainerCodes:
    """The codes of a container as `put_codes` takes them."""

    def __init__(self, container: Container, model: CodeModel | None, progress: Progress) -> None:
        self.segments: list[Segment] = []
        self._container, self._model, self._progress = container, model, progress

    def __iter__(self) -> Iterator[np.ndarray]:
        layout = self._container.header.layout
        rate = layout.frame_rate
        total = float((self._container.header.n_frames or 0) / rate)
        with stage(self._progress, f"reading {Path(self._container.path).name}", total):
            for block in self._container.blocks(self._model):
                if block.segment == len(self.segments):
                    self.segments.append(Segment(block.segment * (layout.stride or 0), 0, block.scale))
                last = self.segments[-1]
                self.segments[-1] = replace(last, n_frames=last.n_frames + block.codes.shape[1])
                yield block.codes
                self._progress.advance(float(block.codes.shape[1] / rate))
