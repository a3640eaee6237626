"""Sound in memory that knows its rate and its place in time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from giblet.errors import ParameterError


@dataclass(frozen=True, eq=False)
class AudioSamples:
    """A stretch of sound.

    Attributes
    ----------
    data : numpy.ndarray, shape (channels, n_samples), float32
        Sample values, of which full scale is from -1 to 1.
    sample_rate : int
        Samples per second and channel.
    start : fractions.Fraction
        When the first sample is heard, in seconds on the film's clock.

    Raises
    ------
    ParameterError
        If shape, dtype or rate are not of this kind.
    """

    data: npt.NDArray[np.float32]
    sample_rate: int
    start: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if not isinstance(self.data, np.ndarray) or self.data.dtype != np.float32 or self.data.ndim != 2:
            raise ParameterError("sound is not a float32 array of shape (channels, n_samples)", "convert it")
        if self.data.shape[0] == 0:
            raise ParameterError("sound has no channels", "give it at least one")
        if not isinstance(self.sample_rate, int) or self.sample_rate <= 0:
            raise ParameterError(f"the sample rate is {self.sample_rate!r}", "give it as a positive whole number")
        if not isinstance(self.start, Fraction | int):
            raise ParameterError(f"the start is {self.start!r}", "give it as a Fraction of seconds")

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.data.shape[0])

    @property
    def n_samples(self) -> int:
        """Number of samples per channel."""
        return int(self.data.shape[1])

    @property
    def duration(self) -> Fraction:
        """Length in seconds."""
        return Fraction(self.n_samples, self.sample_rate)
