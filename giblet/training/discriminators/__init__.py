"""Discriminators for adversarial training: sound in, logits and the features of every layer out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from giblet.errors import ParameterError
from giblet.training.discriminators.base import Judgement
from giblet.training.discriminators.melgan import MelGANDiscriminator
from giblet.training.discriminators.msstft import MultiScaleSTFTDiscriminator
from giblet.training.discriminators.periods import MultiPeriodDiscriminator
from giblet.training.discriminators.resolutions import MultiResolutionDiscriminator
from giblet.training.discriminators.scales import MultiScaleDiscriminator

__all__ = ["DISCRIMINATORS", "Discriminators", "Judgement", "build_discriminator"]

DISCRIMINATORS: dict[str, type[nn.Module]] = {
    "ms-stft": MultiScaleSTFTDiscriminator,
    "multi-period": MultiPeriodDiscriminator,
    "multi-scale": MultiScaleDiscriminator,
    "melgan": MelGANDiscriminator,
    "multi-resolution": MultiResolutionDiscriminator,
}


class Discriminators(nn.Module):
    """Several discriminators that judge the same sound.

    Parameters
    ----------
    members : iterable of Module
        What `build_discriminator` gave.
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, sound: Tensor) -> Judgement:
        """Judge a sound.

        Parameters
        ----------
        sound : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1].

        Returns
        -------
        list of Tensor
            Logits of all sub-discriminators of all members.
        list of list of Tensor
            Features of the layers of each of them.
        """
        logits: list[Tensor] = []
        features: list[list[Tensor]] = []
        for member in self.members:
            judged, seen = member(sound)
            logits += judged
            features += seen
        return logits, features


def build_discriminator(name: str, channels: int = 1, **sizes: Any) -> nn.Module:
    """Make a discriminator, untrained.

    Parameters
    ----------
    name : {"ms-stft", "multi-period", "multi-scale", "melgan", "multi-resolution"}
        EnCodec's, HiFi-GAN's two, MelGAN's, APCodec's.
    channels : int
        Channels of the sound. Only ms-stft sees them together; the others judge each by itself.
    **sizes : int or sequence of int
        Arguments of its class that differ from the published sizes, such as width=8.

    Returns
    -------
    Module
        From sound of shape (batch, channels, samples) to a list of logits and a list of lists of features.

    Raises
    ------
    ParameterError
        If the name or a size is unknown.
    """
    if name not in DISCRIMINATORS:
        raise ParameterError(f"there is no discriminator {name!r}", f"choose one of {', '.join(DISCRIMINATORS)}")
    kind = DISCRIMINATORS[name]
    known = set(inspect.signature(kind).parameters)
    unknown = sorted(sizes.keys() - known | sizes.keys() & {"channels"})
    if unknown:
        raise ParameterError(
            f"the discriminator {name} has no size {', '.join(unknown)}",
            f"choose among {', '.join(sorted(known - {'channels'}))}",
        )
    return kind(**sizes, **({"channels": channels} if "channels" in known else {}))
