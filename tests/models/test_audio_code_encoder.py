"""Codes of a TR as one vector."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.features import latents
from giblet.models import AudioCodeEncoder


def made(n_codebooks=3, codebook_size=16, dim=8, **options) -> AudioCodeEncoder:
    torch.manual_seed(0)
    return AudioCodeEncoder(n_codebooks, codebook_size, dim, channels=16, **options).eval()


def codes_of(*shape: int, size: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, size, shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("frames", [1, 2, 54, 112, 113, 225])
def test_the_frames_of_any_tr_become_one_vector(frames):
    out = made()(codes_of(4, 3, frames))
    assert (out.shape, out.dtype) == ((4, 8), torch.float32)
    assert torch.isfinite(out).all()
    assert len(torch.unique(out, dim=0)) == 4


def test_windows_of_trs_are_encoded_one_by_one():
    encoder, codes = made(), codes_of(2, 5, 3, 20)
    out = encoder(codes)
    assert out.shape == (2, 5, 8)
    torch.testing.assert_close(out[1, 3], encoder(codes[1, 3]))


@pytest.mark.parametrize("code_vectors", [None, np.random.default_rng(0).normal(size=(3, 16, 5))])
def test_every_parameter_has_a_gradient(code_vectors):
    encoder = made(code_vectors=code_vectors).train()
    encoder(codes_of(64, 3, 30)).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad.reshape(len(parameter), -1).abs().sum(dim=1) > 0).all(), name


def test_the_order_of_frames_counts_near_and_far():
    encoder, codes = made(), codes_of(1, 3, 200)
    swapped = codes.clone()
    swapped[..., [60, 61]] = codes[..., [61, 60]]
    halves = codes.roll(100, dims=-1)
    for other in (codes.flip(-1), swapped, halves):
        assert (encoder(other) - encoder(codes)).abs().max() > 1e-4


def test_a_code_means_another_thing_in_another_codebook():
    encoder, codes = made(), codes_of(1, 3, 20)
    assert (encoder(codes.roll(1, dims=1)) - encoder(codes)).abs().max() > 1e-3


@settings(max_examples=25)
@given(n=st.integers(1, 40), before=st.integers(0, 9), after=st.integers(0, 30), fill=st.sampled_from([-1, 0, 7, 999]))
def test_padding_changes_nothing(n, before, after, fill):
    encoder, codes = made(), codes_of(2, 3, n)
    padded = torch.full((2, 3, before + n + after), fill)
    padded[..., before : before + n] = codes
    mask = torch.zeros(2, before + n + after, dtype=torch.bool)
    mask[:, before : before + n] = True
    torch.testing.assert_close(encoder(padded, mask), encoder(codes), atol=1e-5, rtol=1e-5)


def test_nothing_to_encode_is_one_finite_vector():
    encoder, nothing = made(), torch.zeros(2, 9, dtype=torch.bool)
    out = encoder(codes_of(2, 3, 9), nothing)
    assert torch.isfinite(out).all()
    torch.testing.assert_close(out[0], out[1])


def test_it_begins_with_the_latents_of_the_codec():
    vectors = np.random.default_rng(0).normal(size=(3, 16, 5)).astype(np.float32)
    codes = codes_of(1, 3, 11)
    embedded = made(code_vectors=vectors)._embedded(codes)[0]
    np.testing.assert_allclose(embedded.detach(), latents(codes[0].numpy(), vectors), atol=1e-6)


def test_its_state_comes_back_without_unpickling():
    encoder, file = made(), io.BytesIO()
    torch.save(encoder.state_dict(), file)
    file.seek(0)
    other = AudioCodeEncoder(3, 16, 8, channels=16).eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(codes_of(2, 3, 30)), encoder(codes_of(2, 3, 30)))


def test_it_learns_which_of_two_codes_comes_first():
    encoder = AudioCodeEncoder(2, 16, 1, channels=16, n_layers=2, heads=2)
    torch.manual_seed(1)
    optimiser = torch.optim.Adam(encoder.parameters(), 3e-3)

    def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        codes = codes_of(64, 2, 40, seed=seed) % 14
        rng = np.random.default_rng(seed)
        first, second = rng.integers(0, 20, 64), rng.integers(20, 40, 64)
        answer = torch.from_numpy(rng.integers(0, 2, 64))
        rows = torch.arange(64)
        codes[rows, 0, first], codes[rows, 0, second] = 14 + answer, 15 - answer
        return codes, answer.float()

    for step in range(150):
        codes, answer = batch(step)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(encoder(codes)[:, 0], answer)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    codes, answer = batch(10_000)
    assert ((encoder.eval()(codes)[:, 0] > 0) == answer.bool()).float().mean() > 0.9


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        (torch.zeros(2, 4, 9, dtype=torch.int64), r"give int64 of shape \(\.\.\., 3, frames\)"),
        (torch.zeros(2, 3, 9), "type torch.float32"),
        (torch.zeros(2, 3, 0, dtype=torch.int64), "one frame or more"),
        (torch.zeros(9, dtype=torch.int64), "one frame or more"),
        (torch.full((2, 3, 9), 16), "codes range from 16 to 16, and a codebook has 16 entries"),
        (torch.full((2, 3, 9), -1), "mask frames that are padding"),
    ],
)
def test_codes_that_do_not_fit(codes, told):
    with pytest.raises(ParameterError, match=told):
        made()(codes)


def test_sizes_that_do_not_fit():
    with pytest.raises(ParameterError, match="a multiple of the heads"):
        AudioCodeEncoder(3, 16, 8, channels=10, heads=4)
    with pytest.raises(ParameterError, match="sizes of 1 or more"):
        AudioCodeEncoder(0, 16, 8)
    with pytest.raises(ParameterError, match=r"give \(3, 16, any\)"):
        made(code_vectors=np.zeros((2, 16, 5)))
    with pytest.raises(ParameterError, match=r"give \(2, 9\)"):
        made()(codes_of(2, 3, 9), torch.ones(2, 8, dtype=torch.bool))
