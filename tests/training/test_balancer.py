"""The balancer against its formula in numpy, and what it promises."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from giblet.errors import ParameterError
from giblet.training.balancer import Balancer


class ByFormula:
    """The same arithmetic on arrays: running sums and counts as sums over all steps so far."""

    def __init__(self, weights: dict[str, float], total_norm: float, ema: float, per_item: bool) -> None:
        self.weights, self.total_norm, self.ema, self.per_item = weights, total_norm, ema, per_item
        self.seen: dict[str, list[float]] = {}

    def step(self, gradients: dict[str, np.ndarray]) -> np.ndarray:
        total = sum(self.weights[name] for name in gradients)
        result = 0.0
        for name, gradient in gradients.items():
            norm = np.mean([np.linalg.norm(g) for g in gradient]) if self.per_item else np.linalg.norm(gradient)
            norms = self.seen.setdefault(name, [])
            norms.append(norm)
            decays = self.ema ** np.arange(len(norms))[::-1]
            mean = np.sum(decays * norms) / np.sum(decays)
            result = result + self.total_norm * self.weights[name] / total * gradient / mean
        return result


def losses_of(output: torch.Tensor, scale: float = 1.0) -> dict[str, torch.Tensor]:
    """Two losses whose gradients differ in size by orders of magnitude."""
    return {"small": 1e-4 * scale * output.pow(4).mean(), "large": 1e3 * output[..., ::2].abs().mean()}


def gradients_of(output: torch.Tensor, scale: float = 1.0) -> dict[str, np.ndarray]:
    return {k: torch.autograd.grad(v, output)[0].numpy() for k, v in losses_of(output, scale).items()}


def a_model(seed: int = 0) -> torch.nn.Linear:
    torch.manual_seed(seed)
    return torch.nn.Linear(6, 10)


def inputs(step: int) -> torch.Tensor:
    return torch.randn(4, 1, 6, generator=torch.Generator().manual_seed(step))


@pytest.mark.parametrize("per_item", [True, False])
def test_the_gradient_is_that_of_the_formula(per_item: bool) -> None:
    weights = {"small": 3.0, "large": 1.0}
    balancer = Balancer(weights, total_norm=2.0, ema=0.9, per_item=per_item)
    formula = ByFormula(weights, 2.0, 0.9, per_item)
    for step in range(12):
        output = inputs(step).requires_grad_()
        scale = 1.0 + step
        norms = balancer.backward(losses_of(output, scale), output)
        gradients = gradients_of(output, scale)
        np.testing.assert_allclose(output.grad, formula.step(gradients), rtol=1e-5)
        assert norms == pytest.approx({name: formula.seen[name][-1] for name in weights}, rel=1e-5)


def test_shares_are_the_weights_whatever_the_losses_scale() -> None:
    output = inputs(0).requires_grad_()
    Balancer({"small": 3.0, "large": 1.0}).backward(losses_of(output), output)
    rescaled = inputs(0).requires_grad_()
    Balancer({"small": 3.0, "large": 1.0}).backward(losses_of(rescaled, 1e3), rescaled)
    torch.testing.assert_close(output.grad, rescaled.grad)

    alone = inputs(0).requires_grad_()
    Balancer({"small": 3.0, "large": 1.0}).backward({"small": losses_of(alone)["small"]}, alone)
    assert alone.grad.flatten(1).norm(dim=1).mean().item() == pytest.approx(1.0)


def test_the_first_steps_are_not_biased_towards_zero() -> None:
    balancer = Balancer({"small": 1.0}, ema=0.999)
    for _ in range(3):
        output = inputs(0).requires_grad_()
        balancer.backward({"small": losses_of(output)["small"]}, output)
        assert output.grad.flatten(1).norm(dim=1).mean().item() == pytest.approx(1.0)


def test_the_gradient_goes_through_the_model() -> None:
    model, same = a_model(), a_model()
    output = model(inputs(0))
    Balancer({"small": 1.0, "large": 1.0}).backward(losses_of(output), output)
    leaf = same(inputs(0)).detach().requires_grad_()
    Balancer({"small": 1.0, "large": 1.0}).backward(losses_of(leaf), leaf)
    same(inputs(0)).backward(leaf.grad)
    torch.testing.assert_close(model.weight.grad, same.weight.grad)


def test_a_loss_beside_is_added_as_it_is() -> None:
    model, apart = a_model(), a_model()
    output = model(inputs(0))
    Balancer({"large": 1.0}).backward({"large": losses_of(output)["large"]}, output, 7 * model.weight.square().sum())
    output = apart(inputs(0))
    Balancer({"large": 1.0}).backward({"large": losses_of(output)["large"]}, output)
    torch.testing.assert_close(model.weight.grad, apart.weight.grad + 14 * apart.weight.detach())


def test_training_goes_on_exactly_from_a_state() -> None:
    def run(balancer: Balancer, steps: range) -> torch.Tensor:
        for step in steps:
            output = inputs(step).requires_grad_()
            balancer.backward(losses_of(output, 1.0 + step), output)
        return output.grad

    weights = {"small": 1.0, "large": 2.0}
    whole = Balancer(weights)
    first = Balancer(weights)
    run(first, range(5))
    state = copy.deepcopy(first.state_dict())
    run(first, range(5, 6))
    second = Balancer(weights)
    second.load_state_dict(state)
    expected = run(whole, range(9))
    assert torch.equal(run(second, range(5, 9)), expected)
    assert not torch.equal(run(Balancer(weights), range(5, 9)), expected)


def test_a_loss_at_its_minimum_is_no_trouble() -> None:
    output = torch.zeros(2, 1, 5, requires_grad=True)
    norms = Balancer({"small": 1.0}).backward({"small": output.pow(4).mean()}, output)
    assert norms == {"small": 0.0}
    assert not output.grad.any()


def test_a_gradient_that_is_not_finite_names_its_loss_and_changes_nothing() -> None:
    balancer = Balancer({"small": 1.0, "large": 1.0})
    output = inputs(0).requires_grad_()
    balancer.backward(losses_of(output), output)
    state = copy.deepcopy(balancer.state_dict())
    output = inputs(1).requires_grad_()
    losses = losses_of(output)
    losses["large"] = (output - output.detach()).abs().sum().sqrt()
    with pytest.raises(FloatingPointError, match="large"):
        balancer.backward(losses, output)
    assert output.grad is None
    assert balancer.state_dict() == state


def test_losses_without_weight_are_refused() -> None:
    output = inputs(0).requires_grad_()
    with pytest.raises(ParameterError, match="no weight for large"):
        Balancer({"small": 1.0}).backward(losses_of(output), output)
    with pytest.raises(ParameterError, match="no loss"):
        Balancer({"small": 1.0}).backward({}, output)


@pytest.mark.parametrize(
    ("options", "names"),
    [({"weights": {"mel": 0.0}}, "mel"), ({"total_norm": 0.0}, "total_norm"), ({"ema": 1.0}, "ema is 1")],
)
def test_parameters_without_a_meaning_are_refused(options: dict, names: str) -> None:
    with pytest.raises(ParameterError, match=names):
        Balancer(**{"weights": {"mel": 1.0}, **options})
