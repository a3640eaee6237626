"""What is known of an EnCodec in transformers' format before its weights are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet.codecs.spec import CodecSpec
from giblet.codecs.weights import SAFETENSORS, SETTINGS, weight_shapes
from giblet.errors import CodecError
from giblet.timeline import FrameLayout

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
class EncodecSpec(CodecSpec):
    """What is known of an EnCodec before its weights are read."""

    kind = "encodec"
    settings = SETTINGS

    @classmethod
    def read(cls, folder: Path, config: dict[str, Any], name: str, source: str) -> EncodecSpec:
        """Take the config.json of a folder.

        Raises
        ------
        CodecError
            If it describes no EnCodec, or weights are missing or damaged.
        """
        if not any((folder / weights).is_file() for weights in WEIGHTS):
            raise CodecError(f"has no {WEIGHTS[0]}", "save the model again, with its weights", path=folder)
        spec = cls(name, source, folder, DEFAULTS | config)
        try:
            spec.to_dict()
        except (TypeError, ValueError, ZeroDivisionError, IndexError):
            raise CodecError(
                "its config.json holds values that fit no EnCodec", "save the model again", folder
            ) from None
        if (folder / SAFETENSORS).is_file():
            weight_shapes(folder / SAFETENSORS)
        return spec

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

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """The file of its weights that is read."""
        files = () if self.folder is None else tuple(self.folder / file for file in WEIGHTS)
        return tuple(file for file in files if file.is_file())[:1]
