"""Codebooks that begin where the encoder already is."""

import itertools

import pytest
import torch

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.quantizer import ResidualQuantizer
from giblet.training.apcodec.config import APCodecModelSection, APCodecQuantizerConfig
from giblet.training.apcodec.start import set_codebooks
from giblet.training.apcodec.trainee import APCodecTrainee

SIZES = {"n_fft": 64, "window": 64, "hop": 16, "ratio": 2, "width": 8, "depth": 1, "inner": 8, "reduced": 4}
BOOKS = {"latent_dim": 6, "codebook_dim": 6, "codebook_size": 16, "n_codebooks": 3}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clustered(n):
    """Latents (1, 6, n) around 16 directions."""
    centres = 3 * torch.randn(16, 6, generator=seeded(7))
    chosen = centres[torch.randint(16, (n,), generator=seeded(8))]
    return (chosen + 0.05 * torch.randn(n, 6, generator=seeded(9))).t()[None]


def left_over(quantizer, latents, n_codebooks):
    with torch.no_grad():
        return float((quantizer.decode(quantizer.encode(latents, n_codebooks)) - latents).square().mean())


@pytest.mark.parametrize("codebook_dim", [6, 4, 9])
def test_codebooks_lie_where_the_latents_are(codebook_dim):
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(APCodecConfig(**SIZES, **(BOOKS | {"codebook_dim": codebook_dim})))
    latents = clustered(800)
    before = left_over(quantizer, latents, 3)
    set_codebooks(quantizer, latents, seeded())
    after = [left_over(quantizer, latents, n) for n in (1, 2, 3)]
    assert after == sorted(after, reverse=True)
    assert after[2] < 0.1 * before
    if codebook_dim >= 6:
        assert after[0] < 0.3 * float(latents.var())
    again = ResidualQuantizer(APCodecConfig(**SIZES, **(BOOKS | {"codebook_dim": codebook_dim})))
    set_codebooks(again, latents, seeded())
    assert torch.equal(quantizer.encode(latents), again.encode(latents))


def test_a_spare_number_lets_codes_tell_lengths_apart():
    direction = torch.nn.functional.normalize(torch.randn(6, generator=seeded(7)), dim=0)
    latents = (torch.linspace(1, 8, 16).repeat_interleave(20) * direction[:, None])[None]
    left = {}
    for codebook_dim in (6, 7):
        torch.manual_seed(0)
        quantizer = ResidualQuantizer(APCodecConfig(**SIZES, **(BOOKS | {"codebook_dim": codebook_dim})))
        set_codebooks(quantizer, latents, seeded())
        left[codebook_dim] = left_over(quantizer, latents, 1)
    assert left[7] < 0.05 * left[6]


def test_there_are_no_codes_before_the_start_and_a_resumed_run_knows():
    model = APCodecModelSection(**SIZES, **BOOKS)
    trainee, resumed = (APCodecTrainee(model, APCodecQuantizerConfig(start=5), 0, "cpu") for _ in range(2))
    sound = 0.1 * torch.randn(2, 1, 1584, generator=seeded())
    assert not trainee.quantizes
    assert trainee.reconstruct(sound, 0).penalties == {}
    trainee.start_quantizer(0.1 * torch.randn(2, 1, 1584, generator=seeded(i)) for i in itertools.count())
    resumed.model.load_state_dict(trainee.model.state_dict())
    for each in (trainee, resumed):
        assert each.quantizes
        assert set(each.reconstruct(sound, 5).penalties) == {"codebook", "commitment"}
    assert APCodecTrainee(model, APCodecQuantizerConfig(), 0, "cpu").quantizes
