"""Checkpoints as the program of APCodec's authors writes and reads them: networks, discriminators, optimisers."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from giblet.codecs.apcodec.checkpoints import original_name
from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.model import APCodecModel
from giblet.errors import CodecError
from giblet.training.adversary import Adversary
from giblet.training.apcodec.config import APCodecTrainingConfig
from giblet.training.checkpoints import replace_file, write_json

log = logging.getLogger(__name__)

# The order of the authors' modules, in which their optimiser counts parameters.
_ORDER = [
    *("latent_input_conv", "AMP_Decoder_upsample_input_conv", "PHA_Decoder_upsample_input_conv"),
    *("embed_logamp", "embed_pha", "norm_logamp", "norm_pha", "convnext_logamp", "convnext_pha"),
    *("final_layer_norm_logamp", "final_layer_norm_pha", "out_logamp", "out_pha"),
    *("AMP_Encoder_downsample_output_conv", "PHA_Encoder_downsample_output_conv", "latent_output_conv", "quantizer"),
    *("AMP_Decoder_output_conv", "PHA_Decoder_output_R_conv", "PHA_Decoder_output_I_conv"),
    *("dwconv", "norm", "pwconv1", "grn", "pwconv2", "in_proj", "out_proj", "codebook", "convs", "conv_post"),
    # Weights before biases, but where weight norm has put its two parts behind.
    *("gamma", "beta", "weight", "bias", "weight_g", "weight_v"),
]
_JUDGES = {"mpd": "multi-period", "mrd": "multi-resolution"}


def write_checkpoints(
    folder: Path,
    step: int,
    config: APCodecTrainingConfig,
    model: APCodecModel,
    optimizer: torch.optim.Optimizer,
    adversary: Adversary | None,
) -> None:
    """Write ``encoder_XXXXXXXX``, ``decoder_XXXXXXXX``, ``do_XXXXXXXX`` and config.json.

    Parameters
    ----------
    folder : Path
        Where to.
    step : int
        Steps done.
    config : APCodecTrainingConfig
        Of the run.
    model : APCodecModel
        The networks.
    optimizer : Optimizer
        Theirs.
    adversary : Adversary or None
        Where there is one, with both of APCodec's discriminators, ``do_XXXXXXXX`` is written too.
    """
    weights = {original_name(name): tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    for part in ("encoder", "decoder"):
        _write(folder / f"{part}_{step:08d}", {part: _part(weights, part)})
    if adversary is not None and set(config.adversary.discriminators) == set(_JUDGES.values()):
        names = _judge_names(config, adversary)
        judges = {names[name]: value.detach().cpu().clone() for name, value in _normed(adversary.discriminators)}
        state: dict[str, Any] = {part: _part(judges, part) for part in _JUDGES}
        # Steps are counted from 0 there, and the next one is what comes after the one that is written.
        state |= {"steps": step - 1, "epoch": (step - 1) // config.optimizer.epoch}
        state["optim_g"] = _exported(optimizer, model, {name: original_name(name) for name, _ in _normed(model)})
        state["optim_d"] = _exported(adversary.optimizer, adversary.discriminators, names)
        _write(folder / f"do_{step:08d}", state)
    write_json(folder / "config.json", _config(config))


def read_training_state(
    path: Path,
    config: APCodecTrainingConfig,
    model: APCodecModel,
    optimizer: torch.optim.Optimizer,
    adversary: Adversary | None,
) -> int:
    """Take discriminators and optimisers from a ``do_XXXXXXXX``.

    Parameters
    ----------
    path : Path
        The file. Nothing in it is ever run.
    config : APCodecTrainingConfig
        Of the run.
    model : APCodecModel
        The networks, which have their weights already.
    optimizer : Optimizer
        Theirs.
    adversary : Adversary or None
        What takes part in the run.

    Returns
    -------
    int
        Steps done.

    Raises
    ------
    CodecError
        If the file is damaged, or does not fit.
    """
    misfit = CodecError("does not fit the settings", "give checkpoint and config.json of one training", path)
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Damaged files make torch raise errors of many types.
        log.debug("loading %s failed", path, exc_info=True)
        raise CodecError(
            f"the checkpoint cannot be read ({type(error).__name__})", "save it again, or remove it", path
        ) from error
    try:
        names = {name: original_name(name) for name, _ in _normed(model)}
        _import(optimizer, state["optim_g"], model, names)
        if adversary is not None and set(config.adversary.discriminators) == set(_JUDGES.values()):
            names = _judge_names(config, adversary)
            judges = {f"{part}.{name}": value for part in _JUDGES for name, value in state[part].items()}
            adversary.discriminators.load_state_dict({ours: judges[theirs] for ours, theirs in names.items()})
            _import(adversary.optimizer, state["optim_d"], adversary.discriminators, names)
        return int(state["steps"]) + 1
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        raise misfit from error


def _write(path: Path, content: dict[str, Any]) -> None:
    replace_file(path, lambda place: torch.save(content, place))


def _part(weights: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    names = _ordered(name for name in weights if name.startswith(f"{part}."))
    return {name.removeprefix(f"{part}."): weights[name] for name in names}


def _ordered(names: Iterable[str]) -> list[str]:
    """Sort as the authors' optimisers do: encoder, then decoder; spectra's judges, then periods'."""

    def place(name: str) -> list[int]:
        part, *rest = name.split(".")
        return [["encoder", "decoder", "mrd", "mpd"].index(part)] + [
            int(each) if each.isdigit() else _ORDER.index(each) if each in _ORDER else 0 for each in rest
        ]

    return sorted(names, key=place)


def _normed(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(module.named_parameters())


def _judge_names(config: APCodecTrainingConfig, adversary: Adversary) -> dict[str, str]:
    parts = {name: part for part, name in _JUDGES.items()}
    names = {}
    for name, _ in _normed(adversary.discriminators):
        found = re.fullmatch(r"members\.(\d+)\.stacks\.(\d+)\.layers\.(\d+)\.(.+)", name)
        assert found is not None
        member, stack, layer, rest = int(found[1]), found[2], int(found[3]), found[4]
        part = parts[config.adversary.discriminators[member]]
        last = len(adversary.discriminators.get_submodule(f"members.{member}.stacks.{stack}.layers")) - 1  # type: ignore[arg-type]
        where = "conv_post" if layer == last else f"convs.{layer}"
        names[name] = f"{part}.discriminators.{stack}.{where}.{_ENDS.get(rest, rest)}"
    return names


_ENDS = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


def _exported(optimizer: torch.optim.Optimizer, module: nn.Module, names: dict[str, str]) -> dict[str, Any]:
    """Return an optimiser's state with its parameters counted in the authors' order."""
    state = optimizer.state_dict()
    ours = {names[name]: i for i, (name, _) in enumerate(_normed(module))}
    order = _ordered(ours)
    there = {i: state["state"][ours[name]] for i, name in enumerate(order) if ours[name] in state["state"]}
    (group,) = state["param_groups"]
    return {"state": there, "param_groups": [group | {"params": list(range(len(order)))}]}


def _import(optimizer: torch.optim.Optimizer, state: dict[str, Any], module: nn.Module, names: dict[str, str]) -> None:
    """Take over the moments of an optimiser whose parameters are counted in the authors' order."""
    places = {name: i for i, name in enumerate(_ordered(names.values()))}
    moments = {}
    for i, (name, parameter) in enumerate(_normed(module)):
        found = state["state"].get(places[names[name]])
        if found is None:
            continue
        if found["exp_avg"].shape != parameter.shape or found["exp_avg_sq"].shape != parameter.shape:
            raise ValueError(name)
        step = torch.as_tensor(float(found["step"]))
        moments[i] = {"step": step, "exp_avg": found["exp_avg"], "exp_avg_sq": found["exp_avg_sq"]}
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})


def _config(config: APCodecTrainingConfig) -> dict[str, Any]:
    """Return what the authors' programs want to read beside their checkpoints, as far as it is known here."""
    sizes: APCodecConfig = config.model.sizes
    values: dict[str, Any] = {
        "sampling_rate": sizes.sample_rate, "n_fft": sizes.n_fft, "win_size": sizes.window, "hop_size": sizes.hop,
        "ratio": sizes.ratio, "latent_dim": sizes.latent_dim, "latent_output_conv_kernel_size": sizes.kernel,
        "latent_input_conv_kernel_size": sizes.kernel, "segment_size": config.crop_samples,
        "num_mels": config.losses.n_mels, "num_mels_for_loss": config.losses.n_mels, "batch_size": config.data.batch,
        "learning_rate": config.optimizer.learning_rate, "adam_b1": config.optimizer.betas[0],
        "adam_b2": config.optimizer.betas[1], "lr_decay": config.optimizer.gamma, "seed": config.run.seed,
        "training_epochs": config.run.steps // config.optimizer.epoch, "summary_interval": config.run.log_every,
        "checkpoint_interval": config.run.checkpoint_every, "validation_interval": config.run.validate_every,
        "checkpoint_path": ".",
    }  # fmt: skip
    for tag in ("AMP", "PHA"):
        values |= {f"{tag}_Encoder_channel": 2 * sizes.reduced, f"{tag}_Decoder_channel": 2 * sizes.reduced}
        values[f"{tag}_Encoder_output_downconv_kernel_size"] = sizes.kernel
        values[f"{tag}_Decoder_input_upconv_kernel_size"] = 2 * sizes.ratio
    ends = ("AMP_Decoder_output_conv", "PHA_Decoder_output_R_conv", "PHA_Decoder_output_I_conv")
    return values | {f"{end}_kernel_size": sizes.kernel for end in ends}
