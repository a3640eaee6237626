"""What is known of a codec before its weights are read."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from giblet.errors import CodecError, ParameterError
from giblet.timeline import FrameLayout


@dataclass(frozen=True)
class CodecSpec(ABC):
    """What is known of a codec before its weights are read; one class for each kind of codec.

    Attributes
    ----------
    kind : str
        What its config.json calls such models.
    settings : tuple of str
        Keys of `config` that change codes or sound without changing the shape of a weight.
    name : str
        What people call it.
    source : str or None
        What loads it again; None for a model that is in memory only.
    folder : Path or None
        Where its files lie; None for a model that is in memory only.
    config : dict
        The values of its config.json, defaults filled in.
    notes : tuple of str
        What a user should know, without full stops.
    """

    kind: ClassVar[str]
    settings: ClassVar[tuple[str, ...]]

    name: str
    source: str | None
    folder: Path | None
    config: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    @abstractmethod
    def channels(self) -> int:
        """Channels of its sound."""

    @property
    @abstractmethod
    def codebook_size(self) -> int:
        """Entries of a codebook."""

    @property
    @abstractmethod
    def bandwidths(self) -> tuple[float, ...]:
        """Kilobits per second, ascending."""

    @property
    @abstractmethod
    def normalize(self) -> bool:
        """Whether segments are divided by their loudness."""

    @property
    @abstractmethod
    def streams(self) -> bool:
        """Whether it runs block by block with the codes of the whole sound."""

    @property
    @abstractmethod
    def layout(self) -> FrameLayout:
        """Sample rate and frame grid."""

    @property
    @abstractmethod
    def weight_files(self) -> tuple[Path, ...]:
        """The files of its weights."""

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
        about = {
            "codec": self.name,
            "source": self.source,
            "model_type": self.kind,
            "sample_rate": layout.sample_rate,
            "channels": self.channels,
            "frame_rate": float(layout.frame_rate),
            "codebook_size": self.codebook_size,
            "codebooks": {f"{b:g}": self.n_codebooks(b) for b in self.bandwidths},
            "segment_seconds": None if layout.segment is None else layout.segment / layout.sample_rate,
            "streams": self.streams,
        }
        return about | ({"notes": list(self.notes)} if self.notes else {})


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


def usual_bandwidth(offered: Sequence[float], asked: Any, usual: float) -> float:
    """Return the bandwidth to use where perhaps none was asked for.

    Parameters
    ----------
    offered : sequence of float
        What a codec offers, kilobits per second, ascending.
    asked : number, str or None
        What was asked for, returned as it is.
    usual : float
        What is meant otherwise, where the codec offers it; else its largest.

    Returns
    -------
    float
        Kilobits per second.

    Raises
    ------
    ParameterError
        If what was asked for is no number.
    """
    if asked is not None:
        return as_bandwidth(asked)
    return usual if usual in offered else offered[-1]
