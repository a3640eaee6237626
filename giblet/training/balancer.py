"""EnCodec's balancer: losses of any scale share the gradient at the decoder's output by their weights."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from giblet.errors import ParameterError

logger = logging.getLogger(__name__)

# Keeps the division finite for a loss whose gradient has been 0 so far.
LEAST_NORM = 1e-12


class Balancer:
    """Scale the gradient of every loss by its running norm, so that weights are shares of the whole.

    With g_i the gradient of loss i at the model's output, the model gets the gradient
    sum_i total_norm * w_i / sum_j(w_j) * g_i / mean(|g_i|), the mean being a running one over the steps and the
    weights w_j those of the losses present in this step.

    Parameters
    ----------
    weights : mapping of str to float
        Weight of each loss by name; positive.
    total_norm : float
        What the norm of the whole gradient is near.
    ema : float
        Decay of the running means, below 1; corrected for their start.
    per_item : bool
        Take the norm of each batch item's gradient and average, instead of the norm over the batch.

    Raises
    ------
    ParameterError
        If a parameter has no meaning.

    References
    ----------
    Défossez, Copet, Synnaeve and Adi (2022), High Fidelity Neural Audio Compression, section 3.4.
    """

    def __init__(
        self, weights: Mapping[str, float], total_norm: float = 1.0, ema: float = 0.999, *, per_item: bool = True
    ) -> None:
        for name, weight in weights.items():
            if not weight > 0:
                raise ParameterError(f"loss {name} has weight {weight}", "give a positive weight, or leave it out")
        if not total_norm > 0:
            raise ParameterError(f"total_norm is {total_norm}", "give a positive one, such as 1")
        if not 0 <= ema < 1:
            raise ParameterError(f"ema is {ema}", "give a decay from 0 to below 1, such as 0.999")
        self.weights = dict(weights)
        self.total_norm = total_norm
        self.ema = ema
        self.per_item = per_item
        self._sums: dict[str, float] = {}
        self._counts: dict[str, float] = {}

    def backward(self, losses: Mapping[str, Tensor], output: Tensor, beside: Tensor | None = None) -> dict[str, float]:
        """Give the model the balanced gradient of several losses of its output.

        Parameters
        ----------
        losses : mapping of str to Tensor, shape ()
            Losses that depend on the model through `output` only. A loss of the weights may be absent.
        output : Tensor of float32, shape (batch, ...)
            What the model gave.
        beside : Tensor, shape (), optional
            A loss that reaches the model by another way, such as the quantiser's commitment: its gradient is added
            as it is, in the same pass through the model.

        Returns
        -------
        dict of str to float
            Norm of each loss's gradient at the output, before it was scaled.

        Raises
        ------
        ParameterError
            If a loss has no weight, or none is given.
        FloatingPointError
            If a gradient is not finite; nothing has been changed then.
        """
        unknown = sorted(losses.keys() - self.weights.keys())
        if unknown or not losses:
            raise ParameterError(
                f"the balancer has no weight for {', '.join(unknown)}" if unknown else "no loss is given to balance",
                f"give losses among {', '.join(sorted(self.weights))}",
            )
        gradients = {name: torch.autograd.grad(loss, output, retain_graph=True)[0] for name, loss in losses.items()}
        # One transfer from the device for all of them.
        norms = dict(zip(gradients, torch.stack([self._norm(g) for g in gradients.values()]).tolist(), strict=True))
        for name, norm in norms.items():
            if not math.isfinite(norm):
                raise FloatingPointError(f"the gradient of the loss {name} is not finite")
        total_weight = sum(self.weights[name] for name in norms)
        balanced = torch.zeros_like(output)
        for name, norm in norms.items():
            share = self.total_norm * self.weights[name] / total_weight
            balanced.add_(gradients[name], alpha=share / (self._running(name, norm) + LEAST_NORM))
        if beside is None:
            torch.autograd.backward([output], [balanced])
        else:
            torch.autograd.backward([output, beside], [balanced, torch.ones_like(beside)])
        logger.debug("gradient norms %s at an output of shape %s", norms, tuple(output.shape))
        return norms

    def state_dict(self) -> dict[str, Any]:
        """Return the running means, to go on with exactly."""
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with running means.

        Parameters
        ----------
        state : mapping
            What `state_dict` gave.
        """
        self._sums = dict(state["sums"])
        self._counts = dict(state["counts"])

    def _norm(self, gradient: Tensor) -> Tensor:
        if self.per_item:
            return torch.linalg.vector_norm(gradient.flatten(1), dim=1).mean()
        return torch.linalg.vector_norm(gradient)

    def _running(self, name: str, norm: float) -> float:
        self._sums[name] = self.ema * self._sums.get(name, 0.0) + norm
        self._counts[name] = self.ema * self._counts.get(name, 0.0) + 1
        return self._sums[name] / self._counts[name]
