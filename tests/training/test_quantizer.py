"""The learning quantiser: what it learns, what it leaves alone, and that transformers reads the result."""

import pytest
import torch
from transformers import EncodecConfig, EncodecModel

from giblet.training.quantizer import ResidualQuantizerTrainer

DIM, SIZE = 8, 32


@pytest.fixture
def model():
    config = EncodecConfig(
        num_filters=2, hidden_size=DIM, codebook_dim=DIM, codebook_size=SIZE, num_lstm_layers=1,
        target_bandwidths=[0.375, 1.5],
    )  # fmt: skip
    return EncodecModel(config)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clustered(n, generator, spread=0.05):
    """Latents around 16 centres."""
    centres = 3 * torch.randn(16, DIM, generator=seeded(7))
    return centres[torch.randint(16, (n,), generator=generator)] + spread * torch.randn(n, DIM, generator=generator)


def started(model, **options):
    trainer = ResidualQuantizerTrainer(model.quantizer, **options)
    trainer.start(clustered(2000, seeded()), seeded(1))
    return trainer


def batch(n_items=4, frames=20, seed=2):
    return clustered(n_items * frames, seeded(seed)).view(n_items, frames, DIM).permute(0, 2, 1)


def test_k_means_finds_the_clusters(model):
    trainer = started(model)
    latents = batch()
    error = (trainer(latents, torch.full((4,), 1)).latents - latents).square().mean()
    # One codebook of 32 entries on 16 clusters: what is left is at most the spread within a cluster.
    assert error < 2 * 0.05**2


def test_each_codebook_lowers_the_error(model):
    trainer = started(model)
    latents = torch.randn(4, DIM, 50, generator=seeded(3))
    errors = [
        float((trainer(latents, torch.full((4,), n)).latents - latents).square().mean())
        for n in range(1, len(trainer.codebooks) + 1)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0]


def test_transformers_gives_the_same_codes_and_latents(model):
    trainer = started(model)
    latents = batch()
    found = trainer(latents, torch.full((4,), len(trainer.codebooks)))
    codes = model.quantizer.encode(latents)
    assert torch.equal(found.codes, codes)
    torch.testing.assert_close(found.latents, model.quantizer.decode(codes))


def test_items_use_as_many_codebooks_as_they_are_told(model):
    trainer = started(model)
    latents = batch(n_items=3)
    found = trainer(latents, torch.tensor([1, 4, 2]))
    used = (found.codes >= 0).all(2).sum(0)
    assert used.tolist() == [1, 4, 2]
    for item, n in enumerate((1, 4, 2)):
        alone = trainer(latents[item : item + 1], torch.tensor([n]))
        torch.testing.assert_close(found.latents[item], alone.latents[0])


def test_gradient_passes_straight_through_and_every_codebook_commits(model):
    trainer = started(model)
    latents = torch.randn(2, DIM, 30, generator=seeded(4)).requires_grad_()
    out = trainer(latents, torch.tensor([4, 4]))
    (out.latents * torch.arange(30.0)).sum().backward()
    torch.testing.assert_close(latents.grad, torch.arange(30.0).expand(2, DIM, 30))
    latents.grad = None
    out = trainer(latents, torch.tensor([4, 4]))
    out.commitment.backward()
    # Mean over codebooks of mean squares: the gradient is the sum of the residuals of all four, times 2 / (4 · n).
    left, total = latents.detach(), torch.zeros_like(latents)
    for codebook, index in zip(trainer.codebooks, out.codes, strict=False):
        left = left - codebook.embed[index].permute(0, 2, 1)
        total += left
    torch.testing.assert_close(latents.grad, total * 2 / (4 * latents.numel()), atol=1e-6, rtol=1e-4)


def test_without_a_generator_nothing_is_learnt(model):
    trainer = started(model)
    before = {key: value.clone() for key, value in model.quantizer.state_dict().items()}
    trainer(batch(), torch.full((4,), 4))
    assert all(torch.equal(before[key], value) for key, value in model.quantizer.state_dict().items())


def test_moving_averages_follow_a_change_of_the_latents(model):
    trainer = started(model, decay=0.9)
    moved = [batch(seed=seed) + 2.0 for seed in range(60)]
    before = trainer(moved[0], torch.full((4,), 1)).commitment
    for step, latents in enumerate(moved):
        trainer(latents, torch.full((4,), 1), seeded(step))
    assert trainer(moved[0], torch.full((4,), 1)).commitment < before / 20


def test_dead_entries_are_replaced_and_live_ones_are_not(model):
    trainer = started(model, replace_below=0.1)
    codebook = trainer.codebooks[0]
    codebook.embed[5] = codebook.embed_avg[5] = 1000.0
    codebook.cluster_size[5] = 0.0
    live = codebook.embed[int(codebook.cluster_size.argmax())].clone()
    latents = batch()
    trainer(latents, torch.full((4,), 1), seeded())
    vectors = latents.permute(0, 2, 1).reshape(-1, DIM)
    assert torch.cdist(codebook.embed[5:6], vectors).min() < 0.1
    assert torch.cdist(codebook.embed, live[None]).min() < 0.1


def test_choices_repeat_with_the_generator(model):
    results = []
    for _ in range(2):
        trainer = started(model, replace_below=1.0)
        trainer(batch(), torch.full((4,), 4), seeded(9))
        results.append([codebook.embed.clone() for codebook in trainer.codebooks])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_k_means_takes_fewer_latents_than_entries(model):
    trainer = ResidualQuantizerTrainer(model.quantizer)
    trainer.start(torch.randn(10, DIM), seeded())
    assert all(codebook.embed.isfinite().all() for codebook in trainer.codebooks)
