"""Which codec, and which language model, codes belong to."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from giblet.codecs import Codec, CodecSpec, find_codec, load_codec, load_spec
from giblet.codecs.catalog import is_built_in
from giblet.codecs.loading import check_device
from giblet.codecs.weights import file_fingerprint
from giblet.errors import CodecError
from giblet.formats import CodeHeader, CodeModel
from giblet.formats.header import ENCODEC_LAYOUTS
from giblet.formats.nac import NEURAL_AUDIO_CODEC

META = "facebook/"
"""Whose models Meta's containers name without saying whose they are."""


def container_name(codec: str) -> str:
    """Return what containers call a codec.

    Parameters
    ----------
    codec : str
        Its name in giblet.

    Returns
    -------
    str
        ``encodec_24khz`` for ``facebook/encodec_24khz``, as Meta's tool has it; the last part of a path.
    """
    plain = codec.removeprefix(META)
    if plain in ENCODEC_LAYOUTS:
        return plain
    return Path(codec).name if codec.startswith(("/", ".", "~")) else codec


def find(codec: Any, device: str = "auto") -> CodecSpec | Codec:
    """Return what can be known of a codec at once: its files, or itself if it is loaded.

    Parameters
    ----------
    codec : str, os.PathLike, transformers.EncodecModel, CodecSpec or Codec
        As in `giblet.codecs.load_codec`, or what this function returned.
    device : str
        As in `giblet.codecs.load_codec`.

    Returns
    -------
    CodecSpec or Codec
        Both know name, source, grid and codebooks.

    Raises
    ------
    CodecError, ParameterError
        If there is no such codec or device.
    """
    check_device(device)
    if isinstance(codec, CodecSpec):
        return codec
    return find_codec(codec) if isinstance(codec, (str, os.PathLike)) else load_codec(codec, device)


def loaded(found: CodecSpec | Codec, device: str = "auto") -> Codec:
    """Return a codec that `find` found, ready to use."""
    return load_spec(found, device) if isinstance(found, CodecSpec) else found


def header_of(found: CodecSpec | Codec, bandwidth: float, length: int | None = None) -> CodeHeader:
    """Return the header of a container for what a codec makes of a sound.

    Parameters
    ----------
    found : CodecSpec or Codec
        The codec.
    bandwidth : float
        Kilobits per second.
    length : int, optional
        Samples of the sound.

    Returns
    -------
    CodeHeader
        With the fingerprint of a codec that is loaded.

    Raises
    ------
    CodecError
        If the codec does not offer the bandwidth.
    """
    return CodeHeader(
        container_name(found.name), found.layout, found.n_codebooks(bandwidth), found.codebook_size, found.normalize,
        length,
        codec_fingerprint=None if isinstance(found, CodecSpec) else found.fingerprint,
    )  # fmt: skip


def find_maker(
    header: CodeHeader, codec: Any = None, path: str | os.PathLike[str] | None = None, device: str = "auto"
) -> CodecSpec | Codec:
    """Find the codec that made codes.

    A name in a file never leads to a folder or to the hub, but for Meta's two models and the built-in codecs.

    Parameters
    ----------
    header : CodeHeader
        What the container says.
    codec : optional
        Where the codec lies, as in `find`; default what the header leads to.
    path : str or os.PathLike, optional
        The container, for messages.
    device : str
        As in `giblet.codecs.load_codec`.

    Returns
    -------
    CodecSpec or Codec
        The codec, compared with the header as far as its files tell.

    Raises
    ------
    CodecError
        If it cannot be had, or is not the one that made the codes.
    """
    if codec is not None:
        found = find(codec, device)
    elif header.codec in ENCODEC_LAYOUTS:
        found = find(META + header.codec, device)
    elif is_built_in(header.codec):
        found = find(header.codec, device)
    elif header.codec == NEURAL_AUDIO_CODEC:
        raise CodecError(
            "was made by Neural Audio Codec, whose weights are not public, so it cannot be heard",
            "look at it with giblet info, or convert its codes",
            path,
        )
    else:
        raise CodecError(f"was made by a codec called {header.codec!r}", "say with --codec where that lies", path)
    check_maker(found, header, path)
    return found


def lm_source(header: CodeHeader, codec: Any = None, path: str | os.PathLike[str] | None = None) -> str | None:
    """Return what loads the language model of codes, as `find_maker`, but without asking the hub for Meta's codecs."""
    if codec is None and header.codec in ENCODEC_LAYOUTS:
        return header.codec
    return find_maker(header, codec, path).source


def check_maker(found: CodecSpec | Codec, header: CodeHeader, path: str | os.PathLike[str] | None = None) -> None:
    """Raise unless a codec is the one that made codes.

    Parameters
    ----------
    found : CodecSpec or Codec
        The codec.
    header : CodeHeader
        Of the codes.
    path : str or os.PathLike, optional
        The container, for the message.

    Raises
    ------
    CodecError
        If weights, name or grid are others.
    """
    made, remedy = f"its codes were made by {header.codec}", "give the codec that made them with --codec"
    fingerprint = file_fingerprint(found) if isinstance(found, CodecSpec) else found.fingerprint
    if header.codec_fingerprint is not None and fingerprint not in (None, header.codec_fingerprint):
        raise CodecError(
            f"{made} with weights {header.codec_fingerprint[:12]}, and {found.name} has weights {fingerprint[:12]}",
            remedy,
            path,
        )
    # Meta's containers tell no weights, and tiny has the grid of its 24 kHz model.
    if header.codec_fingerprint is None and container_name(found.name) != header.codec:
        where = f", in a folder called {header.codec}" if header.codec in ENCODEC_LAYOUTS else ""
        raise CodecError(f"{made}, and not by {found.name}", remedy + where, path)
    grid = (found.layout, found.codebook_size, found.normalize)
    if grid != (header.layout, header.codebook_size, header.normalized) or header.n_codebooks > found.n_codebooks():
        raise CodecError(f"{made}, and such codes {found.name} does not know", remedy, path)


def language_model(
    lm: Any, header: CodeHeader, source: str | None, path: str | os.PathLike[str] | None = None
) -> CodeModel | None:
    """Return the language model to code with.

    Parameters
    ----------
    lm : bool, str, os.PathLike, CodeModel or None
        True for the one that belongs to the codec, where it lies, or a loaded one; False or None for none.
    header : CodeHeader
        What is to be coded.
    source : str or None
        What loads the codec.
    path : str or os.PathLike, optional
        The file concerned, for messages.

    Returns
    -------
    CodeModel or None
        The model.

    Raises
    ------
    CodecError
        If the codec has none.
    """
    if lm is None or lm is False:
        return None
    if not (lm is True or isinstance(lm, (str, os.PathLike))):
        model: CodeModel = lm
        return model
    from giblet.codecs.lm import load_language_model

    codec = header.codec if header.codec in ENCODEC_LAYOUTS else source
    if codec is None:
        raise CodecError(
            f"where the language model of {header.codec} lies is not known", "name its codec with --codec", path
        )
    return load_language_model(codec, None if lm is True else lm)


def with_model(header: CodeHeader, model: CodeModel | None) -> CodeHeader:
    """Return a header that says which language model codes; Meta's containers never say it of Meta's models."""
    fingerprint = getattr(model, "fingerprint", None)
    if model is None or (header.codec in ENCODEC_LAYOUTS and type(model).__name__ == "MetaModel"):
        fingerprint = None
    return replace(header, model_fingerprint=fingerprint)


def reading_model(header: CodeHeader, lm: Any, source: str | None, path: str | os.PathLike[str]) -> CodeModel | None:
    """Return the language model that a container needs to be read, None where it needs none.

    Parameters
    ----------
    header : CodeHeader
        What the container says.
    lm : str, os.PathLike, CodeModel or None
        Where the model lies, or a loaded one; default the one that belongs to the codec.
    source : str or None
        What loads the codec.
    path : str or os.PathLike
        The container, for messages.

    Returns
    -------
    CodeModel or None
        The model.

    Raises
    ------
    CodecError
        If it cannot be had, or is not the one that wrote the container.
    """
    if not header.entropy_coded:
        return None
    model = language_model(True if lm in (None, False) else lm, header, source, path)
    fingerprint = getattr(model, "fingerprint", None)
    if header.model_fingerprint is not None and fingerprint != header.model_fingerprint:
        raise CodecError(
            f"its codes were coded with the language model {header.model_fingerprint[:12]}, and this is "
            f"{str(fingerprint)[:12]}",
            "give the codec with the language model that wrote it",
            path,
        )
    return model
