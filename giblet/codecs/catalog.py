"""Finding codecs and reading their parameters, without loading them."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet.codecs.hub import hub_answers
from giblet.codecs.weights import SAFETENSORS, weight_shapes
from giblet.errors import CodecError, ParameterError
from giblet.timeline import FrameLayout

PRETRAINED = Path(__file__).parent / "pretrained"
WEIGHTS = (SAFETENSORS, "pytorch_model.bin")

# What transformers' EncodecConfig assumes where a config.json is silent.
DEFAULTS: dict[str, Any] = {
    "sampling_rate": 24_000,
    "audio_channels": 1,
    "target_bandwidths": [1.5, 3.0, 6.0, 12.0, 24.0],
    "upsampling_ratios": [8, 5, 4, 2],
    "codebook_size": 1024,
    "normalize": False,
    "chunk_length_s": None,
    "overlap": None,
    "use_causal_conv": True,
    "norm_type": "weight_norm",
    "trim_right_ratio": 1.0,
    "pad_mode": "reflect",
    "dilation_growth_rate": 2,
}


@dataclass(frozen=True)
class CodecSpec:
    """What is known of an EnCodec before its weights are read.

    Attributes
    ----------
    name : str
        What people call it.
    source : str or None
        What loads it again; None for a model that is in memory only.
    folder : Path or None
        Where its files lie; None for a model that is in memory only.
    config : dict
        The values of its config.json, defaults filled in.
    """

    name: str
    source: str | None
    folder: Path | None
    config: dict[str, Any]

    @property
    def channels(self) -> int:
        """Channels of its sound."""
        return int(self.config["audio_channels"])

    @property
    def codebook_size(self) -> int:
        """Entries of a codebook."""
        return int(self.config["codebook_size"])

    @property
    def bandwidths(self) -> tuple[float, ...]:
        """Kilobits per second, ascending."""
        # transformers builds as many codebooks as the last one listed needs.
        listed = [float(bandwidth) for bandwidth in self.config["target_bandwidths"]]
        return tuple(sorted(bandwidth for bandwidth in listed if bandwidth <= listed[-1]))

    @property
    def normalize(self) -> bool:
        """Whether segments are divided by their loudness."""
        return bool(self.config["normalize"])

    @property
    def streams(self) -> bool:
        """Whether it runs block by block with the codes of the whole sound."""
        return (
            bool(self.config["use_causal_conv"])
            and self.config["norm_type"] == "weight_norm"
            and self.config["trim_right_ratio"] == 1.0
            and self.config["chunk_length_s"] is None
            and not self.normalize
        )

    @property
    def layout(self) -> FrameLayout:
        """Sample rate and frame grid."""
        rate = int(self.config["sampling_rate"])
        hop = math.prod(self.config["upsampling_ratios"])
        if self.config["chunk_length_s"] is None:
            return FrameLayout(rate, hop)
        segment = int(self.config["chunk_length_s"] * rate)
        return FrameLayout(rate, hop, segment, max(1, int((1.0 - (self.config["overlap"] or 0.0)) * segment)))

    def n_codebooks(self, bandwidth: float | None = None) -> int:
        """Return the number of codebooks of a bandwidth.

        Parameters
        ----------
        bandwidth : float, optional
            Kilobits per second; default the largest.

        Returns
        -------
        int
            Codebooks.

        Raises
        ------
        CodecError
            If the codec does not offer the bandwidth.
        """
        bandwidth = self.bandwidths[-1] if bandwidth is None else as_bandwidth(bandwidth)
        if bandwidth not in self.bandwidths:
            offered = ", ".join(f"{b:g}" for b in self.bandwidths)
            raise CodecError(f"{self.name} has no bandwidth of {bandwidth:g} kbps", f"choose one of {offered}")
        per_codebook = math.log2(self.codebook_size) * math.ceil(self.layout.frame_rate)
        return max(1, int(bandwidth * 1000 // per_codebook))

    def to_dict(self) -> dict[str, Any]:
        """Return what a person wants to know, ready for JSON."""
        layout = self.layout
        return {
            "codec": self.name,
            "source": self.source,
            "sample_rate": layout.sample_rate,
            "channels": self.channels,
            "frame_rate": float(layout.frame_rate),
            "codebook_size": self.codebook_size,
            "codebooks": {f"{b:g}": self.n_codebooks(b) for b in self.bandwidths},
            "segment_seconds": None if layout.segment is None else layout.segment / layout.sample_rate,
            "streams": self.streams,
        }


def as_bandwidth(value: Any) -> float:
    """Return a bandwidth as a float.

    Parameters
    ----------
    value : number or str
        Kilobits per second.

    Returns
    -------
    float
        The same.

    Raises
    ------
    ParameterError
        If it is no number.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"the bandwidth is {value!r}", "give kilobits per second, such as 3") from None


def find_codec(source: str | os.PathLike[str]) -> CodecSpec:
    """Find a codec by name.

    Parameters
    ----------
    source : str or os.PathLike
        ``"tiny"``, a folder saved by transformers, or the name of a model on the Hugging Face hub.

    Returns
    -------
    CodecSpec
        Its parameters and where its files lie.

    Raises
    ------
    CodecError
        If there is no such codec, or it is none that giblet runs.
    """
    text = os.fspath(source)
    if is_built_in(text):
        return read_spec(PRETRAINED / text, name=text, source=text)
    try:
        folder = Path(text).expanduser().resolve()
        is_folder, is_there = folder.is_dir(), folder.exists()
    except (OSError, RuntimeError) as error:  # Names that no file system takes, and users that there are not.
        reason = getattr(error, "strerror", None) or error
        raise CodecError(f"cannot be looked for ({reason})", "check the name", path=text) from error
    if is_folder:
        return read_spec(folder, name=folder.name, source=str(folder))
    if is_there:
        raise CodecError("is no folder of a codec", f"name a folder with config.json and {WEIGHTS[0]}", path=text)
    no_folder = CodecError("there is no such folder", "check the name of the codec's folder", path=text)
    n_parts = len(Path(text).parts)
    if text.startswith((".", "/", "~")) or text.endswith("/") or n_parts > 2:
        raise no_folder
    if n_parts == 1:
        raise CodecError(
            f"there is no built-in codec and no folder {text!r}",
            "use --codec tiny, or name a folder saved by transformers, or a model of the hub as owner/name",
        )
    try:
        return read_spec(_hub_folder(text), name=text, source=text)
    except CodecError as error:
        # On the hub a codec is called owner/name; where owner is a folder here, a path was meant.
        raise no_folder if Path(text).parent.is_dir() else error from None


def is_built_in(name: str) -> bool:
    """Tell whether a codec of this name comes with giblet."""
    return name in (folder.name for folder in PRETRAINED.iterdir())


def read_spec(folder: Path, name: str, source: str) -> CodecSpec:
    """Read the parameters of a codec in transformers' format.

    Parameters
    ----------
    folder : Path
        Folder with config.json and the weights.
    name, source : str
        As in `CodecSpec`.

    Returns
    -------
    CodecSpec
        Its parameters.

    Raises
    ------
    CodecError
        If a file is missing, does not describe an EnCodec, or holds damaged weights.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CodecError("has no config.json", "name a folder saved by transformers", path=folder) from None
    except OSError as error:
        raise CodecError(
            f"its config.json cannot be read ({error.strerror})", "check the folder and its permissions", path=folder
        ) from None
    except (ValueError, RecursionError):
        raise CodecError("its config.json cannot be read", "save the model again", path=folder) from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "encodec":
        raise CodecError(f"holds a model of type {kind!r}", "name a folder with an EnCodec", path=folder)
    if not any((folder / weights).is_file() for weights in WEIGHTS):
        raise CodecError(f"has no {WEIGHTS[0]}", "save the model again, with its weights", path=folder)
    spec = CodecSpec(name, source, folder, DEFAULTS | config)
    try:
        spec.to_dict()
    except (TypeError, ValueError, ZeroDivisionError, IndexError):
        raise CodecError("its config.json holds values that fit no EnCodec", "save the model again", folder) from None
    if (folder / SAFETENSORS).is_file():
        weight_shapes(folder / SAFETENSORS)
    return spec


def _hub_folder(name: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    unavailable = CodecError(
        f"there is no folder {name!r} and no such codec in the local cache, and it could not be downloaded",
        "connect to the network once, or name a folder saved by transformers, or use --codec tiny",
    )
    # The hub's client takes long to load, so what can be said without it comes first.
    if not Path(HF_HUB_CACHE, f"models--{name.replace('/', '--')}").is_dir() and not hub_answers():
        raise unavailable
    from huggingface_hub import snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        for weights in WEIGHTS:
            cached = try_to_load_from_cache(name, weights)
            if isinstance(cached, str) and Path(cached).with_name("config.json").is_file():
                return Path(cached).parent
        if not hub_answers():
            raise unavailable
        return Path(snapshot_download(name, allow_patterns=["config.json", WEIGHTS[0]]))
    except (OSError, HFValidationError) as error:
        raise unavailable from error
