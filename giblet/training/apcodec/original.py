"""The config.json of APCodec's authors as settings of a run."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.original import TRAINING_KEYS, config_of
from giblet.errors import CodecError, ParameterError

log = logging.getLogger(__name__)

# What giblet's own loader and log do otherwise, and what is for use, not for training.
_UNUSED = frozenset((
    "num_workers", "stdout_interval", "test_input_wavs_dir", "test_wav_output_dir", "checkpoint_file_load_Encoder",
    "checkpoint_file_load_Decoder",
))  # fmt: skip
_LISTS = ("input_training_wav_list", "input_validation_wav_list")
_NUMBERS = TRAINING_KEYS - _UNUSED - {*_LISTS, "checkpoint_path"}


def newest_checkpoints(folder: Path) -> dict[str, Path]:
    """Find the newest checkpoint of each part.

    Parameters
    ----------
    folder : Path
        Where they lie.

    Returns
    -------
    dict of str to Path
        Those of ``encoder``, ``decoder`` and ``do`` that are there, such as ``encoder_00005000``.
    """
    found = {part: sorted(folder.glob(f"{part}_[0-9]*")) for part in ("encoder", "decoder", "do")}
    return {part: paths[-1] for part, paths in found.items() if paths}


def settings_of(config: dict[str, Any], path: Path) -> dict[str, Any]:
    """Say in giblet's words what a config.json of APCodec's authors asks for.

    Keys that mean nothing, or nothing for training with giblet, are named in a warning.

    Parameters
    ----------
    config : dict
        What it says.
    path : Path
        The file; names in it are seen from its folder, where the authors' program runs.

    Returns
    -------
    dict
        Values for `giblet.training.configfile.check_config`.

    Raises
    ------
    ParameterError
        If a key is missing or has no meaning, or the networks are such as giblet does not build.
    MediaError
        If a list of recordings cannot be read, or names files that are not there.
    """
    # Late, for it loads what decodes sound, which other settings need not wait for.
    from giblet.training.recordings import read_list

    missing = sorted((_NUMBERS | {*_LISTS, "checkpoint_path"}) - config.keys())
    if missing:
        raise ParameterError(f"{missing[0]} is missing", "give the whole config.json of an APCodec", path)
    wrong = sorted(key for key in _NUMBERS if not _is_number(config[key]))
    wrong += [key for key in (*_LISTS, "checkpoint_path") if not isinstance(config[key], str) or not config[key]]
    if wrong:
        raise ParameterError(f"{wrong[0]} is {config[wrong[0]]!r}", "correct it", path)
    try:
        sizes, notes = config_of(config)
    except CodecError as error:
        raise ParameterError(error.problem, error.remedy, path) from error
    _check(config, sizes, path)
    folder = path.absolute().parent
    training, validation = (folder / config[key] for key in _LISTS)
    read_list(validation)
    # The authors' loader takes a crop of every file in an epoch, and leaves an incomplete last batch out.
    epoch = max(1, int(len(read_list(training)) // max(1, config["batch_size"])))
    home = folder / config["checkpoint_path"]
    unused = sorted(config.keys() & _UNUSED)
    for note in (*notes, *([f"keys that training with giblet has no use for: {', '.join(unused)}"] if unused else [])):
        log.warning("%s: %s", path, note)
    return {
        "name": "apcodec",
        "start_from": str(home) if newest_checkpoints(home).keys() >= {"encoder", "decoder", "do"} else None,
        "original_checkpoints": True,
        "model": {"kind": "apcodec"} | sizes.to_dict(),
        "data": {
            "files": str(training),
            "validation_files": str(validation),
            "crop": config["segment_size"] / sizes.sample_rate,
            "batch": config["batch_size"],
            "draw": "files",
        },
        "losses": {"n_mels": config["num_mels"]},
        "optimizer": {
            "learning_rate": config["learning_rate"],
            "betas": [config["adam_b1"], config["adam_b2"]],
            "gamma": config["lr_decay"],
            "epoch": epoch,
        },
        "run": {
            "steps": config["training_epochs"] * epoch,
            "seed": config["seed"],
            "validate_every": config["validation_interval"],
            "checkpoint_every": config["checkpoint_interval"],
            "log_every": config["summary_interval"],
            "folder": str(home),
        },
    }


def _check(config: dict[str, Any], sizes: APCodecConfig, path: Path) -> None:
    if config["num_mels"] != config["num_mels_for_loss"]:
        raise ParameterError(
            f"num_mels is {config['num_mels']} and num_mels_for_loss {config['num_mels_for_loss']}",
            "give both the same, for one is compared with the other",
            path,
        )
    if (config["segment_size"] + sizes.hop) % sizes.frame_hop:
        raise ParameterError(
            f"segment_size is {config['segment_size']}, whose spectra are no whole number of latents",
            f"give a multiple of {sizes.frame_hop} less {sizes.hop}, such as {25 * sizes.frame_hop - sizes.hop}",
            path,
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
