"""Adversarial losses against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from giblet.errors import ParameterError
from giblet.training.adversarial import discriminator_loss, feature_matching, generator_loss

# Two discriminators with logits of different shape, so that a mean over all logits would be another number.
REAL = [torch.tensor([2.0, 0.5, -1.0, 1.0]), torch.tensor([[3.0]])]
FAKE = [torch.tensor([-2.0, 0.0, 1.0, -0.5]), torch.tensor([[0.25]])]


def test_hinge_of_the_discriminators() -> None:
    # First: real 0, .5, 2, 0 and made 0, 1, 2, .5; second: real 0 and made 1.25.
    assert discriminator_loss(REAL, FAKE, "hinge").item() == pytest.approx(((2.5 / 4 + 3.5 / 4) + 1.25) / 2)


def test_hinge_of_the_codec() -> None:
    # 3, 1, 0, 1.5 and .75.
    assert generator_loss(FAKE, "hinge").item() == pytest.approx((5.5 / 4 + 0.75) / 2)


def test_least_squares_of_the_discriminators() -> None:
    # First: real 1, .25, 4, 0 and made 4, 0, 1, .25; second: real 4 and made .0625.
    assert discriminator_loss(REAL, FAKE, "least-squares").item() == pytest.approx(((5.25 + 5.25) / 4 + 4.0625) / 2)


def test_least_squares_of_the_codec() -> None:
    # 9, 1, 0, 2.25 and .5625.
    assert generator_loss(FAKE, "least-squares").item() == pytest.approx((12.25 / 4 + 0.5625) / 2)


@pytest.mark.parametrize("kind", ["hinge", "least-squares"])
def test_discriminators_and_codec_pull_apart(kind: str) -> None:
    real, fake = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    (discriminator_loss([real], [fake], kind) + 0.0).backward()
    # Going down the gradient raises the logits of real sound, and does not raise those of made sound.
    assert (real.grad < 0).all()
    assert (fake.grad >= 0).all()
    codec = torch.zeros(3, requires_grad=True)
    generator_loss([codec], kind).backward()
    assert (codec.grad < 0).all()


def test_feature_matching_is_relative_and_a_mean_of_means() -> None:
    real = [[torch.tensor([1.0, -3.0]), torch.tensor([10.0])], [torch.tensor([4.0])]]
    fake = [[torch.tensor([2.0, -3.0]), torch.tensor([15.0])], [torch.tensor([1.0])]]
    # Relative differences .5 / 2 and 5 / 10 of the first discriminator, 3 / 4 of the second.
    assert feature_matching(real, fake).item() == pytest.approx(((0.25 + 0.5) / 2 + 0.75) / 2)
    assert feature_matching(real, real).item() == 0


def test_only_made_sound_learns_from_features() -> None:
    real, fake = torch.ones(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    feature_matching([[real]], [[fake]]).backward()
    assert real.grad is None
    assert (fake.grad < 0).all()


def test_features_that_are_all_zero_give_a_finite_loss() -> None:
    fake = torch.zeros(4, requires_grad=True)
    loss = feature_matching([[torch.zeros(4)]], [[fake + 1e-3]])
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(fake.grad).all()


def test_unknown_kinds_are_refused() -> None:
    for make in (lambda: discriminator_loss(REAL, FAKE, "wasserstein"), lambda: generator_loss(FAKE, "wasserstein")):
        with pytest.raises(ParameterError, match="hinge, least-squares"):
            make()


def test_the_number_of_discriminators_must_agree() -> None:
    with pytest.raises(ValueError, match="shorter"):
        discriminator_loss(REAL, FAKE[:1])


def test_with_weights_losses_are_hifi_gans_sums() -> None:
    assert discriminator_loss(REAL, FAKE, "hinge", [1.0, 0.1]).item() == pytest.approx(2.5 / 4 + 3.5 / 4 + 0.125)
    assert generator_loss(FAKE, "hinge", [1.0, 0.1]).item() == pytest.approx(5.5 / 4 + 0.075)
    real = [[torch.tensor([1.0, -3.0]), torch.tensor([10.0])], [torch.tensor([4.0])]]
    fake = [[torch.tensor([2.0, -3.0]), torch.tensor([15.0])], [torch.tensor([1.0])]]
    # Differences .5 and 5 of the first discriminator's layers, 3 of the second's.
    assert feature_matching(real, fake, [1.0, 0.1]).item() == pytest.approx(0.5 + 5 + 0.3)
