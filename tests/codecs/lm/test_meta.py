"""Meta's language model, with random weights."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from giblet.codecs.lm import load_language_model, load_meta_model
from giblet.codecs.lm.attention import Attention, Trial
from giblet.codecs.lm.meta import MetaModel, MetaNetwork, past_frames
from giblet.errors import CodecError
from giblet.formats.arithmetic import quantised_cdf

CODES = np.random.default_rng(0).integers(0, 1024, (3, 12))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return MetaNetwork(3).eval()


def named(folder: Path, state, name="lm") -> Path:
    """Save a state under a name that holds its digest."""
    path = folder / "new.th"
    torch.save(state, path)
    return path.rename(folder / f"{name}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.th")


def whole_sequence(network, codes, past):
    """Return probabilities (n_codebooks, time, 1024) computed over all of time at once."""
    index = torch.from_numpy(np.concatenate([np.zeros_like(codes[:, :1]), codes[:, :-1] + 1], 1))
    x = sum(network.emb[k](row) for k, row in enumerate(index))
    n = len(x)
    angle = torch.arange(n)[:, None] / 10_000 ** (torch.arange(100) / 99)
    x = network.transformer.norm_in(x) + torch.cat([angle.cos(), angle.sin()], 1)
    # A zero vector stands in front; each frame sees itself and so many before.
    distance = torch.arange(1, n + 1)[:, None] - torch.arange(n + 1)
    seen = (distance >= 0) & (distance <= past)
    for layer in network.transformer.layers:
        a, keys = layer.self_attn, torch.cat([torch.zeros(1, 200), x])
        q, k, v = (
            functional.linear(source, w, b).view(-1, 8, 25).transpose(0, 1)
            for source, w, b in zip((x, keys, keys), a.in_proj_weight.chunk(3), a.in_proj_bias.chunk(3), strict=True)
        )
        weights = (q @ k.mT / 5).masked_fill(~seen, -torch.inf).softmax(-1)
        x = layer.norm1(x + a.out_proj((weights @ v).transpose(0, 1).reshape(n, 200)))
        x = layer.norm2(x + layer.linear2(functional.gelu(layer.linear1(x))))
    return torch.stack([network.linears[k](x).softmax(-1) for k in range(len(codes))]).detach().numpy()


@pytest.mark.parametrize("past", [262, 4])
def test_frame_by_frame_it_is_the_transformer_over_the_whole_sequence(network, past):
    expected = quantised_cdf(whole_sequence(network, CODES, past))
    state = MetaModel(network, past, "").start(3)
    for t, frame in enumerate(CODES.T):
        for q in range(3):
            np.testing.assert_allclose(state.cdf(frame[:q]), expected[q, t], rtol=1e-5, atol=100)
        state.push(frame)
    other = quantised_cdf(whole_sequence(network, CODES, past + 1))
    assert np.abs(other - expected).max() > 1000 or past > CODES.shape[1]


def test_writers_and_readers_get_the_same(network, models):
    model = MetaModel(network, 5, "")
    low, high = models.stepped(model.start(3), CODES)
    state = model.start(3)
    found = [state.intervals(CODES[:, i:j]) for i, j in ((0, 1), (1, 1), (1, 12))]
    np.testing.assert_array_equal(np.concatenate([block[0] for block in found], 1), low)
    np.testing.assert_array_equal(np.concatenate([block[1] for block in found], 1), high)


def test_what_is_kept_of_the_past_changes_no_bit(network, monkeypatch):
    codes = np.tile(CODES, 3)
    kept = MetaModel(network, 20, "").start(3).intervals(codes)
    monkeypatch.setattr("giblet.codecs.lm.meta.trial", lambda longest: lambda n: False)
    anew = MetaModel(network, 20, "").start(3).intervals(codes)
    np.testing.assert_array_equal(kept, anew)


def test_a_past_that_would_round_otherwise_is_not_used(monkeypatch):
    exact = Attention.attend
    wrong = lambda *args: exact(*args) * (1 + 1e-6 * (args[2].shape[3] % 2))  # noqa: E731
    monkeypatch.setattr(Attention, "attend", wrong)
    tried = Trial(20)
    assert not any(tried(n) for n in range(3, 22, 2))
    monkeypatch.setattr(Attention, "attend", exact)
    project = Attention.project
    monkeypatch.setattr(Attention, "project", lambda self, x: project(self, x) * (1 + 1e-6 * (x.shape[1] > 1)))
    tried = Trial(20)
    assert not any(tried(n) for n in range(2, 22))


def test_the_number_of_threads_makes_no_difference_and_is_left_as_it_was(network):
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(MetaModel(network, 262, "").start(2).intervals(CODES[:2]))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])


def test_more_codebooks_than_it_knows_are_refused(network):
    for n_codebooks in (0, 4):
        with pytest.raises(CodecError, match="codes 1 to 3 codebooks"):
            MetaModel(network, 262, "").start(n_codebooks)


def test_the_past_is_three_and_a_half_seconds():
    assert (past_frames(75), past_frames(150)) == (262, 525)


@pytest.mark.slow
def test_a_checkpoint_is_loaded_from_a_path_and_from_torch_hubs_cache(tmp_path, monkeypatch):
    torch.manual_seed(0)
    network = MetaNetwork(16).eval()
    path = named(tmp_path, network.state_dict())
    model = load_meta_model("encodec_48khz", path)
    assert (model.n_codebooks, model.n_entries, model.past_frames) == (16, 1024, 525)
    assert model.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()
    expected = MetaModel(network, 525, "").start(2).intervals(CODES[:2])
    np.testing.assert_array_equal(model.start(2).intervals(CODES[:2]), expected)
    for codec in ("encodec_48khz", "facebook/encodec_48khz"):
        assert load_language_model(codec, path).fingerprint == model.fingerprint
    with pytest.raises(CodecError, match="holds no language model of encodec_24khz"):
        load_meta_model("encodec_24khz", path)
    # Under the published name it is found, and found to be something else.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "encodec_lm_48khz-7add9fc3.th"
    cached.parent.mkdir(parents=True)
    path.rename(cached)
    with pytest.raises(CodecError, match="is not what its name says"):
        load_language_model("encodec_48khz")


def test_an_absent_checkpoint_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(CodecError) as caught:
        load_language_model("encodec_24khz")
    message = str(caught.value)
    assert str(tmp_path / "hub" / "checkpoints" / "encodec_lm_24khz-1608e3c0.th") in message
    assert "download https://" in message
    assert "name the file" in message
    with pytest.raises(CodecError, match="Meta has no language model for 'tiny'"):
        load_meta_model("tiny")


def test_a_name_without_digest_is_refused(tmp_path):
    with pytest.raises(CodecError, match="first 8 digits of its SHA-256"):
        load_meta_model("encodec_24khz", tmp_path / "encodec_lm_24khz.th")


class Harmful:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.parametrize(
    "state",
    [[], {}, {"emb.0.weight": 3}, {"emb.0.weight": torch.zeros(1025, 200)}, torch.zeros(3)],
    ids=range(5),
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, state):
    with pytest.raises(CodecError, match="holds no language model"):
        load_meta_model("encodec_48khz", named(tmp_path, state))


def test_a_checkpoint_with_wrong_weights_is_refused(tmp_path):
    with torch.device("meta"):
        shapes = {name: weight.shape for name, weight in MetaNetwork(16).state_dict().items()}
    # One stored number each, however large they claim to be.
    state = {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}
    for change in (
        {"emb.0.weight": torch.zeros(()).expand(1026, 200)},
        {"emb.0.weight": torch.zeros((), dtype=torch.float64).expand(1025, 200)},
        {"emb.0.weight": torch.full((), torch.nan).expand(1025, 200)},
        {"more": torch.zeros(1)},
    ):
        with pytest.raises(CodecError, match="holds no language model"):
            load_meta_model("encodec_48khz", named(tmp_path, state | change))
    assert load_meta_model("encodec_48khz", named(tmp_path, state)).n_codebooks == 16


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a checkpoint" * 100], ids=range(3))
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / f"x-{hashlib.sha256(content).hexdigest()[:8]}.th"
    path.write_bytes(content)
    with pytest.raises(CodecError, match="holds no language model"):
        load_meta_model("encodec_24khz", path)


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    trace = tmp_path / "trace"
    for content in (pickle.dumps(Harmful(trace), protocol=2), None):
        path = tmp_path / "new.th"
        if content is None:
            torch.save({"emb.0.weight": Harmful(trace)}, path)
        else:
            path.write_bytes(content)
        path = path.rename(tmp_path / f"x-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.th")
        with pytest.raises(CodecError, match="holds no language model"):
            load_meta_model("encodec_24khz", path)
    assert not trace.exists()
