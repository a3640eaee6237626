"""What the trainer asks of a codec that it trains, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn


@dataclass
class Reconstruction:
    """What a codec in training made of a batch.

    Attributes
    ----------
    sound : Tensor, float32, shape (batch, channels, samples)
        The decoded sound.
    penalties : dict of str to Tensor
        Losses inside the codec, scalars.
    """

    sound: Tensor
    penalties: dict[str, Tensor]


class Trainee(Protocol):
    """A codec in training.

    Attributes
    ----------
    bandwidths : tuple of float
        Kilobits per second that it offers, ascending.
    """

    bandwidths: tuple[float, ...]

    @property
    def model(self) -> nn.Module:
        """All its weights, and what else a resumed run needs."""

    @property
    def quantizes(self) -> bool:
        """Whether codes are in use."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Iterate over what the optimiser changes."""

    def start(self, sounds: Iterator[Tensor]) -> None:
        """Fit what is untrained to as many sounds (batch, channels, samples) as that takes, before the first step."""

    def start_quantizer(self, sounds: Iterator[Tensor]) -> None:
        """Begin to use codes, after as many sounds (batch, channels, samples) as it takes to set the codebooks."""

    def reconstruct(self, sound: Tensor, step: int) -> Reconstruction:
        """Encode and decode a batch (batch, channels, samples) of whole frames, differentiable; the step decides what
        is random.
        """

    def at_bandwidth(self, sound: Tensor, bandwidth: float | None) -> Reconstruction:
        """Encode and decode at one bandwidth in kbps, or without codes for None, changing nothing; no gradient."""

    def load(self, source: str) -> None:
        """Start from the weights of a trained codec of the same size."""

    def save(self, folder: Path) -> None:
        """Write a folder that `giblet.codecs.load_codec` takes; what was there is replaced file by file."""


class Objective(Protocol):
    """What a training step is judged by, and how its gradient is made."""

    def losses(self, reference: Tensor, made: Reconstruction, step: int) -> dict[str, Tensor]:
        """Compare sound (batch, channels, samples) with what was made of it: a scalar by name."""

    def backward(self, losses: dict[str, Tensor], made: Reconstruction) -> None:
        """Add the gradient of all losses, adversarial ones included, and of the penalties to the parameters.

        Raises
        ------
        FloatingPointError
            If a gradient at the sound is NaN or infinite; nothing has been changed then.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
