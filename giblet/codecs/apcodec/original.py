"""The files of APCodec's authors: their config.json, and where their checkpoints lie."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.errors import CodecError

# What the networks are made of; widths, depth and codebooks stand in the authors' code.
_CHANNELS = ("AMP_Encoder_channel", "PHA_Encoder_channel", "AMP_Decoder_channel", "PHA_Decoder_channel")
_KERNELS = (
    "AMP_Encoder_output_downconv_kernel_size", "PHA_Encoder_output_downconv_kernel_size",
    "latent_output_conv_kernel_size", "latent_input_conv_kernel_size", "AMP_Decoder_output_conv_kernel_size",
    "PHA_Decoder_output_R_conv_kernel_size", "PHA_Decoder_output_I_conv_kernel_size",
)  # fmt: skip
_UP_KERNELS = ("AMP_Decoder_input_upconv_kernel_size", "PHA_Decoder_input_upconv_kernel_size")
_SIZES = {
    "sampling_rate": "sample_rate", "n_fft": "n_fft", "win_size": "window", "hop_size": "hop", "ratio": "ratio",
    "latent_dim": "latent_dim",
}  # fmt: skip
NETWORK_KEYS = frozenset((*_CHANNELS, *_KERNELS, *_UP_KERNELS, *_SIZES))
"""Keys that say what the networks are."""
TRAINING_KEYS = frozenset((
    "input_training_wav_list", "input_validation_wav_list", "test_input_wavs_dir", "test_wav_output_dir",
    "batch_size", "learning_rate", "adam_b1", "adam_b2", "lr_decay", "seed", "training_epochs", "stdout_interval",
    "checkpoint_interval", "summary_interval", "validation_interval", "checkpoint_path",
    "checkpoint_file_load_Encoder", "checkpoint_file_load_Decoder", "segment_size", "num_mels", "num_mels_for_loss",
    "num_workers",
))  # fmt: skip
"""Keys that say what to do with them."""
_DEAD = re.compile(r"(AMP|PHA)_(Encoder|Decoder)_(resblock_(kernel|dilation)_sizes|input_conv_kernel_size)")


def is_original(config: dict[str, Any]) -> bool:
    """Tell whether a config.json is one of APCodec's authors."""
    return "model_type" not in config and _CHANNELS[0] in config


def config_of(config: dict[str, Any]) -> tuple[APCodecConfig, tuple[str, ...]]:
    """Take the sizes from a config.json of APCodec's authors.

    Parameters
    ----------
    config : dict
        What it says.

    Returns
    -------
    sizes : APCodecConfig
        Of the networks.
    notes : tuple of str
        Which of its keys mean nothing, without full stops.

    Raises
    ------
    CodecError
        If a key is missing, or the networks are such as giblet does not build.
    """
    missing = sorted(NETWORK_KEYS - config.keys())
    if missing:
        raise CodecError(f"{missing[0]} is missing", "give the config.json that the model was trained with")
    standard = APCodecConfig()
    channels = config[_CHANNELS[0]]
    odd = [key for key in _CHANNELS if config[key] != channels or not isinstance(channels, int) or channels % 2]
    odd += [key for key in _KERNELS if config[key] != standard.kernel]
    odd += [key for key in _UP_KERNELS if config[key] != 2 * _number(config["ratio"])]
    if odd:
        raise CodecError(
            f"{odd[0]} is {config[odd[0]]!r}",
            f"giblet knows branches of one even number of channels, kernels of {standard.kernel}, and upsampling "
            "kernels of twice the ratio",
        )
    sizes = {ours: config[theirs] for theirs, ours in _SIZES.items()}
    return APCodecConfig(**sizes, reduced=channels // 2, codebook_dim=config["latent_dim"]), notes_on(config)


def notes_on(config: dict[str, Any]) -> tuple[str, ...]:
    """Return which keys of a config.json of APCodec's authors mean nothing, without full stops."""
    others = sorted(config.keys() - NETWORK_KEYS - TRAINING_KEYS)
    dead = [key for key in others if _DEAD.fullmatch(key)]
    unknown = [key for key in others if not _DEAD.fullmatch(key)]
    notes = []
    if dead:
        notes.append(f"config.json has keys that change nothing, in the authors' program neither: {', '.join(dead)}")
    if unknown:
        notes.append(f"config.json has keys that APCodec does not know, which are passed over: {', '.join(unknown)}")
    return tuple(notes)


def find_checkpoints(folder: Path, config: dict[str, Any]) -> tuple[Path, Path]:
    """Find the checkpoints of encoder and decoder.

    Parameters
    ----------
    folder : Path
        Where the config.json lies.
    config : dict
        What it says. The files that it names count, seen from the folder or lying in it; else the newest ones in the
        folder or in its ``checkpoint_path``.

    Returns
    -------
    encoder, decoder : Path
        Files.

    Raises
    ------
    CodecError
        If there are none.
    """
    found = []
    for part in ("Encoder", "Decoder"):
        named = config.get(f"checkpoint_file_load_{part}")
        places = []
        if isinstance(named, str) and named:
            places = [folder / named, folder / os.path.basename(named)]  # noqa: PTH119 - any text may stand there
        home = config.get("checkpoint_path")
        for place in (folder, folder / home if isinstance(home, str) else folder):
            places += sorted(place.glob(f"{part.lower()}_[0-9]*"), reverse=True)
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            raise CodecError(
                f"has no checkpoint of the {part.lower()}",
                f"put {part.lower()}_XXXXXXXX beside config.json, or name it there in checkpoint_file_load_{part}",
                folder,
            )
        found.append(there)
    return found[0], found[1]


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
