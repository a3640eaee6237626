"""What became of sound or codes, for whoever tells people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from giblet.formats import CodeHeader

LIMIT = 0.99
"""Loudest sample that is written, of 1; as Meta's tool has it."""


@dataclass(frozen=True)
class Transcoding:
    """What was made.

    Attributes
    ----------
    path : Path
        The file, or the store.
    header : CodeHeader
        What there is to know about the codes that were read or written, complete.
    peak : float or None
        Loudest sample that the codec gave; None where no sound was made.
    gain : float
        What the sound was multiplied by.
    """

    path: Path
    header: CodeHeader
    peak: float | None = None
    gain: float = 1.0

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.header.longest / self.header.layout.sample_rate

    @property
    def clipped(self) -> bool:
        """Whether samples were cut at `LIMIT`."""
        return self.peak is not None and self.peak * self.gain > LIMIT * (1 + 1e-6)
