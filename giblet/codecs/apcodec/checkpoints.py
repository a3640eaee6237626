"""Files of APCodec's weights: giblet's folder, and the checkpoints of APCodec's authors."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from giblet.codecs.apcodec.model import APCodecModel
from giblet.codecs.apcodec.spec import APCodecSpec
from giblet.codecs.weights import SAFETENSORS
from giblet.errors import CodecError

log = logging.getLogger(__name__)

_IN_BLOCKS = {
    "depthwise": "dwconv", "expand": "pwconv1", "response": "grn", "contract": "pwconv2",
    "project_in": "in_proj", "project_out": "out_proj", "entries": "codebook",
}  # fmt: skip
_NORMED = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


def load_model(spec: APCodecSpec) -> APCodecModel:
    """Load the networks of an APCodec, complete.

    Parameters
    ----------
    spec : APCodecSpec
        From `giblet.codecs.catalog.find_codec`.

    Returns
    -------
    APCodecModel
        On the CPU, float32.

    Raises
    ------
    CodecError
        If the weights cannot be read or do not fit. Nothing in them is ever run.
    """
    # Without memory, and without the time that random weights take.
    with torch.device("meta"):
        model = APCodecModel(spec.sizes)
    weights: dict[str, Tensor] = {}
    if spec.originals:
        for part, path in zip(("encoder", "decoder"), spec.originals, strict=True):
            weights |= {f"{part}.{name}": tensor for name, tensor in _read_original(path, part).items()}
        names = {ours: original_name(ours) for ours in model.state_dict()}
    else:
        weights = _read_safetensors(spec.weight_files[0])
        names = {ours: ours for ours in model.state_dict()}
    shapes = {names[ours]: tensor.shape for ours, tensor in model.state_dict().items()}
    odd = sorted(name for name in shapes.keys() | weights.keys() if shapes.get(name) != _shape(weights.get(name)))
    if odd:
        raise CodecError(
            f"{len(odd)} weights are missing, misshapen or unknown, the first {odd[0]}",
            "give weights and config.json that belong together",
            spec.folder,
        )
    model.load_state_dict({ours: weights[theirs].float() for ours, theirs in names.items()}, assign=True)
    return model


def original_name(name: str) -> str:
    """Return what the authors' checkpoints call a weight.

    Parameters
    ----------
    name : str
        Its name in `APCodecModel`.

    Returns
    -------
    str
        ``encoder.`` or ``decoder.``, the checkpoint, and its name there; the quantiser lies with the encoder.
    """
    for prefix, theirs in _PREFIXES.items():
        if name.startswith(f"{prefix}."):
            name = theirs + name[len(prefix) :]
            break
    for ours, theirs in _NORMED.items():
        name = name.replace(ours, theirs)
    return ".".join(_IN_BLOCKS.get(part, part) for part in name.split("."))


def _prefixes() -> dict[str, str]:
    names = {
        "quantizer.layers": "encoder.quantizer.quantizers",
        "encoder.join": "encoder.latent_output_conv",
        "decoder.split": "decoder.latent_input_conv",
        "decoder.to_amplitude": "decoder.AMP_Decoder_output_conv",
        "decoder.to_real": "decoder.PHA_Decoder_output_R_conv",
        "decoder.to_imaginary": "decoder.PHA_Decoder_output_I_conv",
    }
    layers = {
        "embed": "embed",
        "norm": "norm",
        "blocks": "convnext",
        "final_norm": "final_layer_norm",
        "project": "out",
    }
    for branch, short, tag in (("amplitude", "logamp", "AMP"), ("phase", "pha", "PHA")):
        names[f"encoder.{branch}.down"] = f"encoder.{tag}_Encoder_downsample_output_conv"
        names[f"decoder.{branch}.up"] = f"decoder.{tag}_Decoder_upsample_input_conv"
        for part in ("encoder", "decoder"):
            for ours, theirs in layers.items():
                names[f"{part}.{branch}.stack.{ours}"] = f"{part}.{theirs}_{short}"
    return names


_PREFIXES = _prefixes()


def _read_original(path: Path, part: str) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Damaged files make torch raise errors of many types.
        log.debug("loading %s failed", path, exc_info=True)
        raise CodecError(
            f"the weights cannot be read ({type(error).__name__})", "save or download the checkpoint again", path
        ) from error
    weights = content.get(part) if isinstance(content, Mapping) else None
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise CodecError(f"holds no weights of an APCodec's {part}", f"name the checkpoint of the {part}", path)
    return dict(weights)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # safetensors has an error type of its own for each kind of damage.
        raise CodecError(
            f"the weights cannot be read ({type(error).__name__})", "save or download the model again", path
        ) from error


def _shape(tensor: Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape


def save_model(
    model: APCodecModel, folder: str | os.PathLike[str], bandwidths: tuple[float, ...] | None = None
) -> None:
    """Write an APCodec in giblet's format; what was there is replaced file by file.

    Parameters
    ----------
    model : APCodecModel
        The networks.
    folder : str or os.PathLike
        Created where it is absent.
    bandwidths : tuple of float, optional
        Kilobits per second that it was trained for; default that of all its codebooks.
    """
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {"model_type": APCodecSpec.kind} | model.config.to_dict()
    if bandwidths is not None:
        config["bandwidths"] = list(bandwidths)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    _replace(folder / SAFETENSORS, save(tensors, metadata={"format": "pt"}))
    _replace(folder / "config.json", f"{json.dumps(config, indent=2, sort_keys=True)}\n".encode())


def _replace(path: Path, content: bytes) -> None:
    hidden = path.with_name(f".{path.name}.new")
    hidden.write_bytes(content)
    hidden.replace(path)
