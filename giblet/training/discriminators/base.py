"""What all discriminators share: stacks of convolutions whose layers are seen from outside."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

# Logits of each sub-discriminator, and the features of each of its layers.
Judgement = tuple[list[Tensor], list[list[Tensor]]]


class ConvStack(nn.Module):
    """Convolutions, each but the last followed by a leaky ReLU.

    Parameters
    ----------
    layers : iterable of Module
        The last one gives the logits.
    slope : float
        Of the leaky ReLU below 0.
    """

    def __init__(self, layers: Iterable[nn.Module], slope: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.slope = slope

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits and what the layers before them gave."""
        *hidden, last = self.layers
        features = []
        for layer in hidden:
            x = F.leaky_relu(layer(x), self.slope)
            features.append(x)
        return last(x), features


class PooledStacks(nn.Module):
    """One stack for the sound itself, the next ones for it at half the rate of the one before.

    Parameters
    ----------
    stacks : iterable of ConvStack
        From the full rate downwards; each takes (batch, 1, samples).
    pool : Module
        Halves the rate.
    """

    def __init__(self, stacks: Iterable[ConvStack], pool: nn.Module) -> None:
        super().__init__()
        self.stacks = nn.ModuleList(stacks)
        self.pool = pool

    def forward(self, sound: Tensor) -> Judgement:
        """Judge a sound.

        Parameters
        ----------
        sound : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1]; each channel is judged by itself.

        Returns
        -------
        list of Tensor, each of shape (batch * channels, 1, positions)
            Logits.
        list of list of Tensor, each of shape (batch * channels, width, positions)
            Features of the layers of each stack.
        """
        sound = one_channel(sound)
        logits, features = [], []
        for i, stack in enumerate(self.stacks):
            if i:
                sound = self.pool(sound)
            judged, seen = stack(sound)
            logits.append(judged)
            features.append(seen)
        return logits, features


def one_channel(sound: Tensor) -> Tensor:
    """Fold the channels of (batch, channels, samples) into the batch: (batch * channels, 1, samples)."""
    return sound.flatten(0, 1)[:, None]
