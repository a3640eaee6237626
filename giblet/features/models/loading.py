"""Models of transformers: loaded when they are needed, from safe files only."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from giblet.codecs.loading import pick_device, quiet_transformers
from giblet.errors import ModelError
from giblet.features.models.finding import ModelSpec

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

# Weights of heads and of training that no hidden state depends on; checkpoints may lack them.
_UNUSED = re.compile(r"(^|\.)(pooler|masked_spec_embed|mask_token|position_ids)(\.|$)")


def whole(model: PreTrainedModel) -> Any:
    """Return the model: the part that is wanted where a model is one encoder."""
    return model


def outline(spec: ModelSpec, part: Callable[[PreTrainedModel], Any] = whole) -> Any:
    """Build a model without weights, to see what it takes and what shapes it gives.

    Parameters
    ----------
    spec : ModelSpec
        From `giblet.features.models.finding.find_model`.
    part : callable
        Returns the part wanted of a model, such as its encoder.

    Returns
    -------
    transformers.PreTrainedModel
        The part, on torch's device ``"meta"``, in eval mode: run on tensors without values it gives tensors without
        values.

    Raises
    ------
    ModelError
        If transformers does not know the model, or knows it only with code from elsewhere, which giblet does not run.
    """
    import torch
    from transformers import AutoConfig, AutoModel

    try:
        with quiet_transformers(), torch.device("meta"):
            config = AutoConfig.from_pretrained(str(spec.folder), local_files_only=True, trust_remote_code=False)
            return part(AutoModel.from_config(config, trust_remote_code=False).eval())
    except Exception as error:  # A configuration can be wrong in as many ways as there are models.
        log.debug("outlining %s failed", spec.name, exc_info=True)
        raise ModelError(
            f"the installed transformers cannot build a model of type {spec.model_type!r} ({type(error).__name__})",
            "check its config.json, or name a model that transformers runs without code of its own",
            spec.folder,
        ) from error


def load_model(spec: ModelSpec, device: str = "auto", part: Callable[[PreTrainedModel], Any] = whole) -> Any:
    """Load a model, or a part of it.

    Parameters
    ----------
    spec : ModelSpec
        From `giblet.features.models.finding.find_model`.
    device : str
        ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
    part : callable
        Returns the part wanted of a model; the rest is not kept.

    Returns
    -------
    transformers.PreTrainedModel
        The part in eval mode, float32, on the device.

    Raises
    ------
    ModelError
        If the weights cannot be read or are not all there.
    ParameterError
        If the device is unknown or absent.
    """
    device = pick_device(device)
    import torch
    from transformers import AutoModel

    try:
        with quiet_transformers():
            model, report = AutoModel.from_pretrained(
                str(spec.folder),
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # Damaged files make transformers, safetensors and torch raise errors of many types.
        log.debug("loading %s failed", spec.name, exc_info=True)
        raise ModelError(
            f"the weights cannot be read ({type(error).__name__})", "save or download the model again", spec.folder
        ) from error
    wanted = part(model)
    own = _prefix(model, wanted)
    lacking = sorted(
        name
        for name in (*report["missing_keys"], *(str(key[0]) for key in report.get("mismatched_keys", ())))
        if name.startswith(own) and not _UNUSED.search(name)
    )
    if lacking:
        raise ModelError(
            f"{len(lacking)} weights are missing or misshapen, the first {lacking[0]}",
            "save or download the model again, complete",
            spec.folder,
        )
    return wanted.eval().requires_grad_(False).to(device)


def _prefix(model: nn.Module, part: nn.Module) -> str:
    name = next(name for name, module in model.named_modules() if module is part)
    return f"{name}." if name else ""
