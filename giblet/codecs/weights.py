"""Files of weights, read without torch: whether they are whole, what they hold, whose they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.errors import CodecError

if TYPE_CHECKING:
    import numpy as np

    from giblet.codecs.spec import CodecSpec

# Where transformers' save_pretrained puts them.
SAFETENSORS = "model.safetensors"

# Buffers that only training uses; two files of one codec may differ in them.
TRAINING_BUFFERS = ("embed_avg", "cluster_size", "inited")

# What of an EnCodec changes codes or sound without changing the shape of a weight.
SETTINGS = (
    "sampling_rate", "normalize", "chunk_length_s", "overlap", "upsampling_ratios", "use_causal_conv", "pad_mode",
    "norm_type", "trim_right_ratio", "dilation_growth_rate",
)  # fmt: skip

# Files from before torch 2.1 name the two parts of a normed weight otherwise; transformers renames them as it loads.
_RENAMED = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}
# What NumPy reads and turns into float32 as torch does.
_FLOATS = {"F16", "F32", "F64"}


def weight_shapes(weights: Path) -> dict[str, tuple[int, ...]]:
    """Return which arrays a file of weights holds, as far as its header says.

    Parameters
    ----------
    weights : Path
        A safetensors file. Only its header is read.

    Returns
    -------
    dict of str to tuple of int
        Shape of each array.

    Raises
    ------
    CodecError
        If the header makes no sense, or the file is shorter or longer than the header says.
    """
    from safetensors import safe_open

    try:
        with safe_open(weights, framework="numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except Exception as error:  # safetensors has an error type of its own for each kind of damage.
        reason = getattr(error, "strerror", None) or str(error).rpartition("header: ")[2]
        raise CodecError(
            f"the weights cannot be read ({reason})", "save or download the model again", weights
        ) from error


def file_fingerprint(spec: CodecSpec) -> str | None:
    """Return the fingerprint that a codec will have once it is loaded, without loading it.

    Parameters
    ----------
    spec : CodecSpec
        From `giblet.codecs.catalog.find_codec`.

    Returns
    -------
    str or None
        What `giblet.codecs.base.Codec.fingerprint` will be; None where only loading can tell.

    Raises
    ------
    CodecError
        If the weights cannot be read.
    """
    weights = None if spec.folder is None else spec.folder / SAFETENSORS
    if weights is None or not weights.is_file():
        return None
    state = weights.stat()
    config = json.dumps({name: spec.config.get(name) for name in spec.settings})
    now = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return _file_fingerprint(weights, now, config, spec.settings)


# Of one codec for many films it is wanted once for each.
@lru_cache(maxsize=8)
def _file_fingerprint(weights: Path, state: tuple[int, ...], config: str, settings: tuple[str, ...]) -> str | None:
    from safetensors import safe_open

    weight_shapes(weights)
    with safe_open(weights, framework="numpy") as file:
        names = list(file.keys())
        if {file.get_slice(name).get_dtype() for name in names} - _FLOATS:
            return None
        arrays = ((_loaded_name(name), file.get_tensor(name)) for name in sorted(names, key=_loaded_name))
        return digest(json.loads(config), arrays, settings)


def digest(
    config: dict[str, Any], weights: Iterable[tuple[str, np.ndarray]], settings: tuple[str, ...] = SETTINGS
) -> str:
    """Return the SHA-256 of weights and of how they are used, independent of the file they came from.

    Parameters
    ----------
    config : dict
        A codec's configuration.
    weights : iterable of (str, ndarray)
        Its weights and buffers, sorted by name; those that only training uses are passed over.
    settings : tuple of str
        The keys of the configuration that count; default those of an EnCodec.

    Returns
    -------
    str
        Hexadecimal digest over settings, names, shapes and float32 values.
    """
    import numpy as np

    sha = hashlib.sha256(json.dumps([config.get(name) for name in settings]).encode())
    for name, values in weights:
        if not name.endswith(TRAINING_BUFFERS):
            sha.update(f"{name}{values.shape}".encode())
            sha.update(np.ascontiguousarray(values, np.float32).tobytes())
    return sha.hexdigest()


def _loaded_name(name: str) -> str:
    head, dot, last = name.rpartition(".")
    return f"{head}{dot}{_RENAMED.get(last, last)}"
