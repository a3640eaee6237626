"""Training that begins with amplitudes passed on."""

import copy
import itertools

import pytest
import torch

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.model import APCodecModel
from giblet.codecs.apcodec.spectrum import Spectrum
from giblet.training.apcodec.config import APCodecModelSection, APCodecQuantizerConfig, APCodecTrainingConfig
from giblet.training.apcodec.linear import principal_components, start_linear
from giblet.training.apcodec.losses import mel_slope
from giblet.training.apcodec.trainee import APCodecTrainee

SIZES = {"n_fft": 128, "window": 128, "hop": 32, "width": 48, "depth": 2, "inner": 32, "reduced": 16, "latent_dim": 16}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def envelopes(n_components=4, seed=3):
    """Log amplitudes (4, 65, 200) that few components change slowly, about a mean far from 0."""
    shapes = torch.randn(65, n_components, generator=seeded(1))
    courses = torch.randn(4, n_components, 50, generator=seeded(seed)).repeat_interleave(4, 2)
    strength = torch.tensor([4.0, 1.0, 0.7, 0.5])[:n_components, None]
    return -7 + torch.linspace(1, -1, 65)[:, None] + shapes @ (strength * courses)


def lost(model, log_amplitude):
    """The share of the variation that the decoder does not say, amid phases that say nothing."""
    phase = 6 * torch.rand(log_amplitude.shape, generator=seeded(5)) - 3
    with torch.no_grad():
        found = model.decoder(model.encoder(Spectrum(log_amplitude, phase, phase, phase))).log_amplitude
    inner = slice(20, -20)
    left = (found - log_amplitude)[..., inner].square().mean()
    return float(left / (log_amplitude - log_amplitude.mean((0, 2), keepdim=True))[..., inner].square().mean())


@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize("streaming", [False, True])
def test_amplitudes_pass_from_the_first_step(ratio, streaming):
    torch.manual_seed(0)
    model = APCodecModel(APCodecConfig(**SIZES, ratio=ratio, streaming=streaming))
    assert lost(model, envelopes(seed=4)) > 1
    start_linear(model, envelopes(), torch.ones(65))
    assert lost(model, envelopes(seed=4)) < 0.1


def test_what_has_no_component_is_lost():
    torch.manual_seed(0)
    model = APCodecModel(APCodecConfig(**SIZES, ratio=2))
    start_linear(model, envelopes(), torch.ones(65))
    other = -7 + torch.randn(4, 65, 200, generator=seeded(6))
    assert lost(model, other) > 0.7


def test_frequencies_that_count_more_are_kept():
    rare = torch.randn(2, 65, 400, generator=seeded())
    rare[:, :10] *= 0.5
    for scale in (torch.ones(65), torch.where(torch.arange(65) < 10, 10.0, 1.0)):
        parts = principal_components(rare, scale, 10, 2, 16)
        low = float(parts.of_spectra[:10].square().sum())
        assert (low > 9.5) if scale[0] > 1 else (low < 2)


def test_components_are_orthonormal_and_the_largest_is_first():
    parts = principal_components(envelopes(), torch.ones(65), 4, 2, 6)
    torch.testing.assert_close(parts.of_spectra.T @ parts.of_spectra, torch.eye(4), atol=1e-5, rtol=0)
    groups = parts.of_groups.flatten(0, 1)
    torch.testing.assert_close(groups.T @ groups, torch.eye(6), atol=1e-5, rtol=0)
    spread = ((envelopes().transpose(1, 2) - parts.mean) @ parts.of_spectra).flatten(0, 1).std(0)
    assert spread.tolist() == sorted(spread.tolist(), reverse=True)
    assert parts.swing == pytest.approx(float(spread[0]), rel=1e-4)


def test_every_weight_can_still_learn():
    torch.manual_seed(0)
    model = APCodecModel(APCodecConfig(**SIZES, ratio=2))
    start_linear(model, envelopes(), torch.ones(65))
    optimizer = torch.optim.SGD(model.parameters(), 1e-6)
    log_amplitude = envelopes(seed=4)
    phase = 6 * torch.rand(log_amplitude.shape, generator=seeded(5)) - 3
    # In the first step, blocks add nothing, and so only their last layer learns.
    for _ in range(2):
        optimizer.zero_grad()
        found = model.decoder(model.encoder(Spectrum(log_amplitude, phase, phase, phase)))
        ((found.log_amplitude - log_amplitude).square().mean() + found.phase.square().mean()).backward()
        optimizer.step()
    for name, parameter in model.named_parameters():
        if not name.startswith("quantizer"):
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


def sounds():
    return (0.1 * torch.randn(4, 1, 32_000, generator=seeded(i)).cumsum(2).sin() for i in itertools.count())


def test_a_trainee_does_so_where_it_is_asked_to_and_two_do_the_same():
    model = APCodecModelSection(**SIZES, ratio=2)
    quantizer = APCodecQuantizerConfig(start=5)
    plain, *asked = (APCodecTrainee(model, quantizer, 0, "cpu", linear_start=i > 0) for i in range(3))
    before = copy.deepcopy(plain.model.state_dict())
    for trainee in (plain, *asked):
        trainee.start(sounds())
    assert all(torch.equal(before[name], value) for name, value in plain.model.state_dict().items())
    first, second = (trainee.model.state_dict() for trainee in asked)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    sound = next(sounds())[..., : 32 * 99]
    target = plain.at_bandwidth(sound, None).reference.log_amplitude
    slope = mel_slope(48_000, 128)
    errors = [
        float((slope * (trainee.at_bandwidth(sound, None).spectrum.log_amplitude - target)).square().mean())
        for trainee in (plain, asked[0])
    ]
    assert errors[1] < 0.3 * errors[0]


def test_a_kernel_that_sees_too_few_spectra_is_refused():
    with pytest.raises(ValueError, match="at least 2 · model.ratio - 1, 15"):
        APCodecTrainingConfig(linear_start=True)
    assert APCodecTrainingConfig(linear_start=True, model={"kind": "apcodec", "kernel": 15}).linear_start
