"""Folders that hold a language model: config.json with its sizes, model.safetensors with its whole numbers."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from giblet.codecs.lm.own import OwnModel
from giblet.codecs.lm.shape import Arrays, Shape
from giblet.codecs.weights import SAFETENSORS, weight_shapes
from giblet.errors import CodecError

log = logging.getLogger(__name__)

CONFIG = "config.json"
KIND = "giblet-language-model"
_VERSION = 1

_MOST_BYTES = 1 << 30


def save_model(
    folder: Path, shape: Shape, arrays: Arrays, codec: str, codec_fingerprint: str,
    about: dict[str, Any],
) -> None:  # fmt: skip
    """Write a language model.

    Parameters
    ----------
    folder : Path
        Made where it does not exist; a model that lies there is replaced.
    shape : Shape
        Its sizes.
    arrays : dict of str to ndarray
        As ``shape.arrays()`` names them.
    codec : str
        Name of the codec whose codes it knows.
    codec_fingerprint : str
        Of that codec (`giblet.codecs.base.Codec.fingerprint`).
    about : dict
        What a person wants to know, ready for JSON.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": KIND,
        "version": _VERSION,
        "codec": codec,
        "codec_fingerprint": codec_fingerprint,
        "shape": asdict(shape),
        "about": about,
    }
    weights, text = folder / f".{SAFETENSORS}", folder / f".{CONFIG}"
    save_file(arrays, weights)
    text.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights.replace(folder / SAFETENSORS)
    text.replace(folder / CONFIG)


def read_config(folder: Path) -> dict[str, Any]:
    """Read what the config.json of a language model says.

    Parameters
    ----------
    folder : Path
        From `save_model`.

    Returns
    -------
    dict
        ``codec``, ``codec_fingerprint``, ``shape`` and ``about``.

    Raises
    ------
    CodecError
        If there is none, or it is of another kind or version.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CodecError(f"has no {CONFIG}", "name a folder with a language model", folder) from None
    except OSError as error:
        raise CodecError(f"cannot be read ({error.strerror})", "check the file and its permissions", path) from None
    except (ValueError, RecursionError):
        raise CodecError("is damaged", "train or copy the language model again", path) from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != KIND:
        raise CodecError(f"holds a model of type {kind!r}", "name a folder with a language model", folder)
    if config.get("version") != _VERSION:
        raise CodecError("is of another version", "use the giblet that made it, or train it again", folder)
    return config


def read_model(folder: Path, codec_fingerprint: str | None = None) -> OwnModel:
    """Read a language model.

    Parameters
    ----------
    folder : Path
        From `save_model`.
    codec_fingerprint : str, optional
        Of the codec whose codes shall be coded.

    Returns
    -------
    OwnModel
        The model.

    Raises
    ------
    CodecError
        If it is damaged, lacks an array or has too many, or was made for another codec.
    """
    from safetensors.numpy import load_file

    config = read_config(folder)
    if codec_fingerprint is not None and config.get("codec_fingerprint") != codec_fingerprint:
        raise CodecError(
            f"is a language model of the codec {config.get('codec')!r} or of another version of it",
            "code without it, or train one for this codec",
            folder,
        )
    shape = _shape(config, folder)
    wanted = shape.arrays()
    weights = folder / SAFETENSORS
    # Sizes first: what a header announces is not believed before it is what the model needs.
    there = weight_shapes(weights)
    if there != {name: sizes for name, (_, sizes) in wanted.items()}:
        differing = sorted(set(there) ^ set(wanted)) or sorted(n for n in there if there[n] != wanted[n][1])
        raise CodecError(f"its arrays do not fit, such as {differing[0]}", "train or copy it again", weights)
    arrays = load_file(weights)
    for name, (kind, _) in wanted.items():
        if arrays[name].dtype != np.dtype(kind):
            raise CodecError(f"{name} is {arrays[name].dtype} and not {kind}", "train or copy it again", weights)
    try:
        model = OwnModel(shape, arrays)
    except CodecError as error:
        raise CodecError(error.problem, error.remedy, weights) from None
    log.debug("language model %s: %s", folder, shape)
    return model


def _shape(config: dict[str, Any], folder: Path) -> Shape:
    unfit = CodecError(f"its {CONFIG} holds sizes that fit no model", "train or copy it again", folder)
    sizes = config.get("shape")
    names = Shape.__dataclass_fields__
    if not isinstance(sizes, dict) or sizes.keys() != names.keys():
        raise unfit
    most = {"n_codebooks": 128, "n_entries": 32_768, "layers": 12}
    for name, size in sizes.items():
        if type(size) is not int or not 1 <= size <= most.get(name, 4096):
            raise unfit
    shape = Shape(**sizes)
    if sum(math.prod(size) for _, size in shape.arrays().values()) > _MOST_BYTES:
        raise unfit
    return shape
