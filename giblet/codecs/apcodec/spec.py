"""What is known of an APCodec before its weights are read."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.original import config_of, find_checkpoints, is_original
from giblet.codecs.spec import CodecSpec
from giblet.codecs.weights import SAFETENSORS, weight_shapes
from giblet.errors import CodecError
from giblet.timeline import FrameLayout

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class APCodecSpec(CodecSpec):
    """What is known of an APCodec before its weights are read. As `CodecSpec`, and:

    Attributes
    ----------
    originals : tuple of Path
        The checkpoints of encoder and decoder, where they are its authors'; else empty.
    """

    originals: tuple[Path, ...] = ()

    kind = "apcodec"
    settings = tuple(field.name for field in fields(APCodecConfig))

    @classmethod
    def read(cls, folder: Path, config: dict[str, Any], name: str, source: str) -> APCodecSpec:
        """Take the config.json of a folder, giblet's or that of APCodec's authors.

        Raises
        ------
        CodecError
            If it describes no APCodec, or weights are missing or damaged.
        """
        try:
            if is_original(config):
                sizes, notes = config_of(config)
                _warn(str(folder), notes)
                return cls(name, source, folder, sizes.to_dict(), notes, find_checkpoints(folder, config))
            sizes = APCodecConfig.from_dict(config)
            spec = cls(name, source, folder, sizes.to_dict() | {"bandwidths": _offered(config, sizes)})
        except CodecError as error:
            if error.path is not None:
                raise
            raise CodecError(f"its config.json fits no APCodec: {error.problem}", error.remedy, folder) from None
        if not (folder / SAFETENSORS).is_file():
            raise CodecError(f"has no {SAFETENSORS}", "save the model again, with its weights", folder)
        weight_shapes(folder / SAFETENSORS)
        return spec

    @cached_property
    def sizes(self) -> APCodecConfig:
        """The sizes of its networks."""
        return APCodecConfig.from_dict(self.config)

    @property
    def channels(self) -> int:
        """Channels of its sound: it is mono."""
        return 1

    @property
    def codebook_size(self) -> int:
        """Entries of a codebook."""
        return self.sizes.codebook_size

    @property
    def bandwidths(self) -> tuple[float, ...]:
        """Kilobits per second, ascending: those it was trained for, which is all of its codebooks unless it says so."""
        return tuple(self.config.get("bandwidths", (self.sizes.bandwidth,)))

    @property
    def normalize(self) -> bool:
        """Whether segments are divided by their loudness: never."""
        return False

    @property
    def streams(self) -> bool:
        """Whether it runs block by block with the codes of the whole sound."""
        return self.sizes.streaming

    @property
    def layout(self) -> FrameLayout:
        """Sample rate and frame grid."""
        return FrameLayout(self.sizes.sample_rate, self.sizes.frame_hop)

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """The files of its weights."""
        return self.originals or (() if self.folder is None else (self.folder / SAFETENSORS,))

    def n_codebooks(self, bandwidth: float | None = None) -> int:
        """Return the number of codebooks of a bandwidth in kbps, by default the largest.

        Raises
        ------
        CodecError
            If the codec does not offer the bandwidth.
        """
        super().n_codebooks(bandwidth)
        return self.sizes.bandwidths.index(self.bandwidths[-1] if bandwidth is None else float(bandwidth)) + 1


def _offered(config: dict[str, Any], sizes: APCodecConfig) -> tuple[float, ...]:
    offered = config.get("bandwidths", [sizes.bandwidth])
    known = isinstance(offered, list) and all(isinstance(each, (int, float)) for each in offered)
    if not known or not offered or not set(offered) <= set(sizes.bandwidths):
        possible = ", ".join(f"{each:g}" for each in sizes.bandwidths)
        raise CodecError(f"bandwidths are {offered!r}", f"list some of {possible}")
    return tuple(sorted(map(float, offered)))


# A folder is looked at several times on the way to its codes; a user wants to be told once.
@lru_cache(maxsize=256)
def _warn(folder: str, notes: tuple[str, ...]) -> None:
    for note in notes:
        log.warning("%s: %s", folder, note)
