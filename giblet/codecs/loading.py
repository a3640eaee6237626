"""Loading codecs."""

from __future__ import annotations

import copy
import importlib.metadata
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.spec import APCodecSpec
from giblet.codecs.catalog import DEFAULTS, CodecSpec, find_codec
from giblet.codecs.encodec.spec import EncodecSpec
from giblet.codecs.weights import TRAINING_BUFFERS
from giblet.errors import CodecError, ParameterError
from giblet.kept import kept

if TYPE_CHECKING:
    import numpy as np
    from transformers import EncodecModel

    from giblet.codecs.base import Codec

log = logging.getLogger(__name__)

_META = {
    "mono": "facebook/encodec_24khz",
    "stereo": "facebook/encodec_48khz",
    "encodec_24khz": "facebook/encodec_24khz",
    "encodec_48khz": "facebook/encodec_48khz",
}
DEVICES = re.compile(r"auto|cpu|cuda(:\d{1,3})?|mps")


def load_codec(codec: Any, device: str = "auto") -> Codec:
    """Load a codec, ready to use.

    Parameters
    ----------
    codec : str, os.PathLike, transformers.EncodecModel, APCodecModel or Codec
        ``"tiny"``, a folder saved by transformers or giblet, one with config.json and checkpoints of APCodec's
        authors, the name of a model on the Hugging Face hub, a model in memory, or a loaded codec (returned as it is).
    device : str
        ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.

    Returns
    -------
    Codec
        The codec.

    Raises
    ------
    CodecError
        If the codec cannot be had or its weights do not fit.
    ParameterError
        If the device is unknown or absent.
    """
    check_device(device)
    known = look_at_codec(codec)
    if not isinstance(known, CodecSpec):
        return known
    if known.folder is not None:
        return load_spec(known, device)
    # A copy, for the caller's model may still be in training, or in half precision.
    return _with_model(copy.deepcopy(codec).float(), known, pick_device(device))


def look_at_codec(codec: Any) -> CodecSpec | Codec:
    """Return what is known of a codec without loading it.

    Parameters
    ----------
    codec : str, os.PathLike, transformers.EncodecModel, APCodecModel or Codec
        As in `load_codec`.

    Returns
    -------
    CodecSpec or Codec
        A loaded codec as it is; of any other its parameters.

    Raises
    ------
    CodecError
        If there is no such codec.
    """
    if isinstance(codec, (str, os.PathLike)):
        return find_codec(codec)
    if hasattr(codec, "layout") and hasattr(codec, "encoder"):
        return cast("Codec", codec)
    config = getattr(codec, "config", None)
    if getattr(config, "model_type", None) == EncodecSpec.kind:
        return EncodecSpec(codec.config.name_or_path or "EncodecModel", None, None, DEFAULTS | codec.config.to_dict())
    if isinstance(config, APCodecConfig):
        return APCodecSpec("APCodecModel", None, None, config.to_dict())
    raise CodecError(
        f"{type(codec).__name__} is no codec", "give a name, a folder, a transformers EncodecModel or an APCodecModel"
    )


def _with_model(model: Any, spec: CodecSpec, device: str) -> Codec:
    if isinstance(spec, APCodecSpec):
        from giblet.codecs.apcodec.codec import APCodecCodec

        return APCodecCodec(model, spec, device)
    from giblet.codecs.encodec.codec import EncodecCodec

    return EncodecCodec(model, spec, device)


def load_spec(spec: CodecSpec, device: str = "auto") -> Codec:
    """Load a codec whose files are known.

    Parameters
    ----------
    spec : CodecSpec
        From `giblet.codecs.catalog.find_codec`.
    device : str
        As in `load_codec`.

    Returns
    -------
    Codec
        The codec.

    Raises
    ------
    CodecError
        If the weights cannot be read or do not fit.
    ParameterError
        If the device is unknown or absent.
    """
    # Before transformers, which takes seconds to load.
    device = pick_device(device)
    return cast(
        "Codec", kept("codec", spec.folder, (spec.name, device), lambda: _with_model(_load(spec), spec, device))
    )


def _load(spec: CodecSpec) -> Any:
    if not isinstance(spec, APCodecSpec):
        return load_model(spec)
    from giblet.codecs.apcodec.checkpoints import load_model as load_networks

    return load_networks(spec)


def get_codebooks(codec: Any, device: str = "auto") -> np.ndarray:
    """Return all code vectors of a codec.

    Parameters
    ----------
    codec : str, os.PathLike, transformers.EncodecModel or Codec
        ``"mono"`` or ``"encodec_24khz"`` for Meta's 24 kHz model, ``"stereo"`` or ``"encodec_48khz"`` for its 48 kHz
        model, or as in `load_codec`.
    device : str
        As in `load_codec`.

    Returns
    -------
    ndarray of float32, shape (n_codebooks, codebook_size, dim)
        Entry k of codebook q; (32, 1024, 128) for Meta's 24 kHz model and (16, 1024, 128) for its 48 kHz model.

    Raises
    ------
    CodecError, ParameterError
        As `load_codec`.
    """
    named = _META.get(codec, codec) if isinstance(codec, str) else codec
    return load_codec(named, device).codebooks()


def load_model(spec: CodecSpec) -> EncodecModel:
    """Load transformers' model of an EnCodec, complete.

    Parameters
    ----------
    spec : CodecSpec
        From `giblet.codecs.catalog.find_codec`.

    Returns
    -------
    transformers.EncodecModel
        On the CPU, float32.

    Raises
    ------
    CodecError
        If the weights cannot be read or do not fit, or are those of another kind of codec.
    """
    if not isinstance(spec, EncodecSpec):
        raise CodecError(f"holds a model of type {spec.kind!r}", "name a folder with an EnCodec", spec.folder)
    import torch
    from transformers import EncodecModel

    try:
        with quiet_transformers():
            model, report = EncodecModel.from_pretrained(
                str(spec.folder), dtype=torch.float32, local_files_only=True, output_loading_info=True
            )
    except Exception as error:  # Damaged files make transformers, safetensors and torch raise errors of many types.
        log.debug("loading %s failed", spec.source, exc_info=True)
        raise CodecError(
            f"the weights cannot be read ({type(error).__name__})", "save or download the model again", spec.folder
        ) from error
    lacking = sorted(key for key in report["missing_keys"] if not key.endswith(TRAINING_BUFFERS))
    lacking += sorted(map(str, report.get("mismatched_keys", ())))
    if lacking:
        raise CodecError(
            f"{len(lacking)} weights are missing or misshapen, the first {lacking[0]}",
            "save the model again, complete",
            spec.folder,
        )
    return model


def check_device(device: str) -> None:
    """Raise if a device cannot be, as far as is known without torch.

    Parameters
    ----------
    device : str
        As in `load_codec`.

    Raises
    ------
    ParameterError
        If there is no such name, or the installed torch knows no CUDA.
    """
    if DEVICES.fullmatch(device) is None:
        raise ParameterError(
            f"there is no device {device!r}", "use auto, cpu, cuda, cuda:N (the number of a GPU) or mps"
        )
    if device.startswith("cuda") and importlib.metadata.version("torch").endswith("+cpu"):
        raise ParameterError(
            f"the device {device!r} is not available, for torch was installed without CUDA", "use auto or cpu"
        )


def pick_device(device: str) -> str:
    """Return the torch device that a name stands for.

    Parameters
    ----------
    device : str
        As in `load_codec`.

    Returns
    -------
    str
        The device.

    Raises
    ------
    ParameterError
        If there is no such name, or the device is not there.
    """
    check_device(device)
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ParameterError(f"the device {device!r} is not available", "use auto or cpu") from None
    return device


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' progress bar and its report on absent training buffers from the users of a library."""
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
