"""The adversarial phase: discriminators, and what they think of a codec."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from giblet.errors import ParameterError
from giblet.training.adversarial import discriminator_loss, feature_matching, generator_loss
from giblet.training.config import AdversaryConfig, OptimizerConfig
from giblet.training.discriminators import Discriminators, build_discriminator


class Adversary:
    """Discriminators that learn beside the codec.

    Parameters
    ----------
    settings : AdversaryConfig
        Which, and when.
    optimizer : OptimizerConfig
        Whose betas they share.
    channels : int
        Of the sound.
    seed : int
        Of the random weights and the updates.
    device : str
        Where the sound is.
    n_samples : int
        Of a crop.

    Attributes
    ----------
    discriminators : Module
        They.
    optimizer : Optimizer
        Theirs.

    Raises
    ------
    ParameterError
        If a discriminator cannot be built, or a crop is too short for it.
    """

    def __init__(
        self,
        settings: AdversaryConfig,
        optimizer: OptimizerConfig,
        channels: int,
        seed: int,
        device: str,
        n_samples: int,
    ) -> None:
        self._settings = settings
        self._seed = seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            built = [
                _built(name, channels, settings.sizes.get(name, {}), n_samples) for name in settings.discriminators
            ]
        self.discriminators: nn.Module = Discriminators(discriminator for discriminator, _ in built).to(device)
        self._weights = None
        if settings.form == "hifi-gan":
            names = zip(settings.discriminators, built, strict=True)
            self._weights = [settings.weights.get(name, 1.0) for name, (_, parts) in names for _ in range(parts)]
        self.optimizer = torch.optim.AdamW(
            self.discriminators.parameters(),
            lr=optimizer.learning_rate,
            betas=optimizer.betas,
            weight_decay=settings.weight_decay,
        )

    def losses(self, reference: Tensor, estimate: Tensor) -> dict[str, Tensor]:
        """Return what the codec should lower: ``generator`` and ``feature_matching``.

        Parameters
        ----------
        reference, estimate : Tensor, float32, shape (batch, channels, samples)
            Real and decoded sound.
        """
        self.discriminators.requires_grad_(False)
        with torch.no_grad():
            real_logits, real = self.discriminators(reference)
        logits, fake = self.discriminators(estimate)
        self.discriminators.requires_grad_(True)
        if self._settings.form == "hifi-gan":
            real, fake = _with_logits(real, real_logits), _with_logits(fake, logits)
        return {
            "generator": generator_loss(logits, self._settings.kind, self._weights),
            "feature_matching": feature_matching(real, fake, self._weights),
        }

    def update(self, reference: Tensor, estimate: Tensor, step: int, rate: float) -> dict[str, Tensor]:
        """Let the discriminators learn, with the probability of the settings.

        Parameters
        ----------
        reference, estimate : Tensor, float32, shape (batch, channels, samples)
            Real and decoded sound.
        step : int
            Decides whether this is a step of theirs.
        rate : float
            Learning rate of the step.

        Returns
        -------
        dict of str to Tensor
            Their loss and the norm of its gradient; nothing where they rested.

        Raises
        ------
        FloatingPointError
            If the gradient is NaN or infinite; nothing has been learnt then.
        """
        generator = torch.Generator().manual_seed((self._seed * 7_368_787 + step) % 2**63)
        if torch.rand((), generator=generator) >= self._settings.update_probability:
            return {}
        real, _ = self.discriminators(reference)
        fake, _ = self.discriminators(estimate.detach())
        loss = discriminator_loss(real, fake, self._settings.kind, self._weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.discriminators.parameters(), float("inf"))
        if not norm.isfinite():
            raise FloatingPointError("the discriminators' gradient is not finite")
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return {"discriminator": loss.detach(), "discriminator_gradient_norm": norm}

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"discriminators": self.discriminators.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.discriminators.load_state_dict(state["discriminators"])
        self.optimizer.load_state_dict(state["optimizer"])


def _with_logits(features: list[list[Tensor]], logits: list[Tensor]) -> list[list[Tensor]]:
    return [[*layers, last] for layers, last in zip(features, logits, strict=True)]


def _built(name: str, channels: int, sizes: dict[str, Any], n_samples: int) -> tuple[nn.Module, int]:
    """Return a discriminator, and of how many it consists."""
    try:
        discriminator = build_discriminator(name, channels, **sizes)
        with torch.no_grad():
            logits, _ = discriminator(torch.zeros(1, channels, n_samples))
    except (TypeError, ValueError, IndexError, RuntimeError, ZeroDivisionError) as error:
        raise ParameterError(
            f"the discriminator {name} of sizes {sizes} cannot judge crops of {n_samples} samples ({error})",
            "correct adversary.sizes, or give a longer data.crop",
        ) from error
    return discriminator, len(logits)
