"""Adversarial losses and feature matching, a mean over all discriminators that judge, or a weighted sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from giblet.errors import ParameterError

AdversarialKind = Literal["hinge", "least-squares"]
# Keeps feature matching finite where a layer is silent.
LEAST_LEVEL = 1e-5


def discriminator_loss(
    real_logits: Sequence[Tensor],
    fake_logits: Sequence[Tensor],
    kind: AdversarialKind = "hinge",
    weights: Sequence[float] | None = None,
) -> Tensor:
    """Return what discriminators minimise: to be above 1 (hinge) or at 1 on real sound, below -1 or at 0 on made sound.

    Parameters
    ----------
    real_logits, fake_logits : sequence of Tensor
        One per discriminator, of any shape; those of made sound come from sound without a gradient.
    kind : {"hinge", "least-squares"}
        max(0, 1 - D(real)) + max(0, 1 + D(made)), as in EnCodec, or (1 - D(real))² + D(made)², as in HiFi-GAN.
    weights : sequence of float, optional
        One per discriminator, for a weighted sum; by default the loss is a mean.

    Returns
    -------
    Tensor, shape ()
        The loss.

    Raises
    ------
    ParameterError
        If the kind is unknown.

    References
    ----------
    Défossez, Copet, Synnaeve and Adi (2022), High Fidelity Neural Audio Compression, section 3.4; Kong, Kim and Bae
    (2020), HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech Synthesis.
    """
    _check_kind(kind)
    pairs = zip(real_logits, fake_logits, strict=True)
    if kind == "hinge":
        return _combined([F.relu(1 - real).mean() + F.relu(1 + fake).mean() for real, fake in pairs], weights)
    return _combined([(1 - real).square().mean() + fake.square().mean() for real, fake in pairs], weights)


def generator_loss(
    fake_logits: Sequence[Tensor], kind: AdversarialKind = "hinge", weights: Sequence[float] | None = None
) -> Tensor:
    """Return what the codec minimises: made sound shall be judged as real.

    Parameters
    ----------
    fake_logits : sequence of Tensor
        Logits of made sound, one per discriminator, of any shape.
    kind : {"hinge", "least-squares"}
        max(0, 1 - D(made)), as in EnCodec, or (1 - D(made))², as in HiFi-GAN.
    weights : sequence of float, optional
        One per discriminator, for a weighted sum; by default the loss is a mean.

    Returns
    -------
    Tensor, shape ()
        The loss.

    Raises
    ------
    ParameterError
        If the kind is unknown.
    """
    _check_kind(kind)
    if kind == "hinge":
        return _combined([F.relu(1 - fake).mean() for fake in fake_logits], weights)
    return _combined([(1 - fake).square().mean() for fake in fake_logits], weights)


def feature_matching(
    real_features: Sequence[Sequence[Tensor]],
    fake_features: Sequence[Sequence[Tensor]],
    weights: Sequence[float] | None = None,
) -> Tensor:
    """Return how far the discriminators' features of made sound are from those of real sound.

    Parameters
    ----------
    real_features, fake_features : sequence of sequence of Tensor
        Per discriminator and layer, of any shape. The real ones get no gradient.
    weights : sequence of float, optional
        One per discriminator, for HiFi-GAN's loss; by default it is EnCodec's.

    Returns
    -------
    Tensor, shape ()
        EnCodec: mean absolute difference relative to the mean absolute real feature, a mean over layers and
        discriminators. HiFi-GAN: mean absolute difference, summed over layers and, weighted, over discriminators.

    References
    ----------
    Défossez, Copet, Synnaeve and Adi (2022), High Fidelity Neural Audio Compression, section 3.4; Kong, Kim and Bae
    (2020), HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech Synthesis, section 2.4.
    """
    pairs = [list(zip(real, fake, strict=True)) for real, fake in zip(real_features, fake_features, strict=True)]
    if weights is None:
        return _combined([_combined([_relative_difference(*layers) for layers in pair]) for pair in pairs])
    return _combined(
        [torch.stack([F.l1_loss(fake, real.detach()) for real, fake in pair]).sum() for pair in pairs], weights
    )


def _relative_difference(real: Tensor, fake: Tensor) -> Tensor:
    real = real.detach()
    return F.l1_loss(fake, real) / real.abs().mean().clamp_min(LEAST_LEVEL)


def _combined(losses: list[Tensor], weights: Sequence[float] | None = None) -> Tensor:
    stacked = torch.stack(losses)
    return stacked.mean() if weights is None else (stacked * stacked.new_tensor(weights)).sum()


def _check_kind(kind: str) -> None:
    kinds = get_args(AdversarialKind)
    if kind not in kinds:
        raise ParameterError(f"there is no adversarial loss {kind!r}", f"choose one of {', '.join(kinds)}")
