"""The sizes of an APCodec."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

from giblet.errors import CodecError


@dataclass(frozen=True)
class APCodecConfig:
    """The sizes of an APCodec; the defaults are those of its authors.

    Attributes
    ----------
    sample_rate : int
        Samples per second of its sound, which is mono.
    n_fft, window, hop : int
        Length of the Fourier transform, of the Hann window in its middle, and from one spectrum to the next, samples.
    width, depth, inner : int
        Channels of a branch, its ConvNeXt blocks, and the channels inside a block.
    kernel : int
        Taps of every convolution but the one that makes a latent into spectra, odd.
    reduced : int
        Channels that each branch gives to the latents.
    latent_dim : int
        Numbers of a latent.
    ratio : int
        Spectra per latent, even.
    n_codebooks, codebook_size, codebook_dim : int
        Codebooks, entries of each, and numbers of an entry.
    streaming : bool
        Whether layers are causal and statistics those of a single spectrum, so that it runs block by block.

    Raises
    ------
    CodecError
        If sizes contradict each other.
    """

    sample_rate: int = 48_000
    n_fft: int = 1024
    window: int = 320
    hop: int = 40
    width: int = 256
    depth: int = 8
    inner: int = 512
    kernel: int = 7
    reduced: int = 128
    latent_dim: int = 32
    ratio: int = 8
    n_codebooks: int = 4
    codebook_size: int = 1024
    codebook_dim: int = 32
    streaming: bool = False

    def __post_init__(self) -> None:
        for name, value in self.to_dict().items():
            if name == "streaming":
                if not isinstance(value, bool):
                    raise CodecError(f"streaming is {value!r}", "say true or false")
            elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise CodecError(f"{name} is {value!r}", "give a whole number above 0")
        rules = {
            f"the window of {self.window} samples is longer than n_fft, {self.n_fft}": self.window > self.n_fft,
            f"n_fft is odd, {self.n_fft}": self.n_fft % 2,
            f"the hop of {self.hop} samples is more than half a window, {self.window}": 2 * self.hop > self.window,
            f"kernel is even, {self.kernel}": self.kernel % 2 == 0,
            f"ratio is odd, {self.ratio}": self.ratio % 2,
            f"codebook_size is {self.codebook_size}": not 2 <= self.codebook_size <= 1 << 15,
        }
        for problem, broken in rules.items():
            if broken:
                raise CodecError(
                    problem,
                    "let 2 · hop ≤ window ≤ n_fft, n_fft and ratio be even, kernel odd, codebooks of 2…32768 entries",
                )

    @property
    def n_bins(self) -> int:
        """Frequencies of a spectrum."""
        return self.n_fft // 2 + 1

    @property
    def frame_hop(self) -> int:
        """Samples from one latent to the next."""
        return self.hop * self.ratio

    @property
    def frame_rate(self) -> Fraction:
        """Latents per second."""
        return Fraction(self.sample_rate, self.frame_hop)

    @property
    def bandwidth(self) -> float:
        """Kilobits per second with all codebooks."""
        return self.bandwidths[-1]

    @property
    def bandwidths(self) -> tuple[float, ...]:
        """Kilobits per second with 1, 2, … codebooks."""
        one = math.log2(self.codebook_size) * self.frame_rate / 1000
        return tuple(float(n * one) for n in range(1, self.n_codebooks + 1))

    @property
    def reach(self) -> tuple[int, int]:
        """Samples that a window covers before the one in its middle, and from that one on."""
        # A window of Hann begins with a zero, which covers nothing.
        after = (self.n_fft - self.window) // 2 + self.window - self.n_fft // 2
        return self.window - 1 - after, after

    @property
    def latency(self) -> int | None:
        """Samples by which sound that went through comes later at best; None where that takes the whole sound.

        A decoded sample is certain when the last window that covers it is, which may be the first of a latent. That
        latent waits for the last of its ``ratio`` windows to be filled.
        """
        return (self.ratio - 1) * self.hop + self.window - 2 if self.streaming else None

    @property
    def latency_ms(self) -> float | None:
        """The same in milliseconds."""
        return None if self.latency is None else 1000 * self.latency / self.sample_rate

    def n_frames(self, n_samples: int) -> int:
        """Return the latents of a sound: one at its start and one every `frame_hop` samples; none of no sound."""
        return n_samples // self.frame_hop + 1 if n_samples else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> APCodecConfig:
        """Take the values of a config.json of giblet; keys that are no sizes are passed over.

        Raises
        ------
        CodecError
            If sizes contradict each other.
        """
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})
