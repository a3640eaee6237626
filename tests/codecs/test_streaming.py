"""Block by block gives what the whole sound gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fabricate import babble, random_encodec
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.codecs import decode, encode, load_codec
from giblet.errors import CodecError

SETTINGS = settings(max_examples=8, deadline=None)


@pytest.fixture(scope="module")
def whole(tiny):
    from transformers import EncodecModel

    return EncodecModel.from_pretrained(tiny._spec.folder).eval()


def whole_codes(model, sound: np.ndarray, bandwidth: float) -> np.ndarray:
    with torch.no_grad():
        return model.encode(torch.from_numpy(sound)[None], bandwidth=bandwidth).audio_codes[0, 0].numpy()


def whole_sound(model, codes: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.decode(torch.from_numpy(codes.astype(np.int64))[None, None], [None]).audio_values[0].numpy()


def assert_equal_but_for_ties(model, sound: np.ndarray, codes: np.ndarray, expected: np.ndarray) -> None:
    """Where codes differ in a frame, the first two that do are equally near; later ones follow from that."""
    frames = np.flatnonzero((codes != expected).any(axis=0))
    assert len(frames) <= max(1, codes.shape[1] // 1000)
    with torch.no_grad():
        latents = model.encoder(torch.from_numpy(sound)[None])[0].T.numpy()
    entries = [layer.codebook.embed.numpy() for layer in model.quantizer.layers]
    for frame in frames:
        book = int((codes[:, frame] != expected[:, frame]).argmax())
        left = latents[frame] - sum(entries[q][codes[q, frame]] for q in range(book))
        ours, theirs = (np.sum((left - entries[book][row[book, frame]]) ** 2) for row in (codes, expected))
        assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize(
    "n_samples", [1, 100, 319, 320, 321, 1000, 2239, 2240, 30_719, 30_720, 30_721, 61_440, 200_123]
)
def test_codes_and_sound_equal_those_of_the_whole_file(tiny, whole, n_samples):
    sound = babble(n_samples)
    codes = encode(tiny, sound, 12.0)
    expected = whole_codes(whole, sound, 12.0)
    assert codes.data.shape == expected.shape
    assert_equal_but_for_ties(whole, sound, codes.data, expected)
    decoded = decode(tiny, codes)
    assert decoded.shape == sound.shape
    np.testing.assert_allclose(decoded, whole_sound(whole, codes.data)[:, :n_samples], atol=1e-5)


@SETTINGS
@given(cuts=st.lists(st.integers(0, 90_000), max_size=8), n_samples=st.integers(1, 90_000))
def test_the_blocks_do_not_matter(tiny, cuts, n_samples):
    sound = babble(n_samples)
    encoder = tiny.encoder(3.0)
    parts = [encoder.push(part) for part in np.split(sound, sorted(min(c, n_samples) for c in cuts), axis=1)]
    codes = np.concatenate([*parts, encoder.finish()], axis=1)
    assert np.array_equal(codes, encode(tiny, sound, 3.0).data)


@SETTINGS
@given(cuts=st.lists(st.integers(0, 300), max_size=6))
def test_decoding_does_not_depend_on_the_blocks(tiny, cuts):
    codes = np.random.default_rng(0).integers(0, 1024, (4, 300)).astype(np.int16)
    decoder = tiny.decoder(())
    parts = [decoder.push(part) for part in np.split(codes, sorted(cuts), axis=1)]
    sound = np.concatenate([*parts, decoder.finish()], axis=1)
    again = tiny.decoder(())
    np.testing.assert_array_equal(sound, np.concatenate([again.push(codes), again.finish()], axis=1))


@pytest.mark.parametrize(
    "config",
    [
        {"num_filters": 4, "hidden_size": 16, "num_residual_layers": 3, "dilation_growth_rate": 3},
        {"num_filters": 4, "hidden_size": 16, "use_conv_shortcut": False, "num_lstm_layers": 1},
        {"num_filters": 4, "hidden_size": 16, "upsampling_ratios": [5, 4, 3], "sampling_rate": 16_000},
        {"num_filters": 4, "hidden_size": 16, "pad_mode": "constant", "kernel_size": 5, "residual_kernel_size": 5},
    ],
)
def test_other_architectures_stream_too(config):
    model = random_encodec(target_bandwidths=[1.5, 6.0], **config)
    codec = load_codec(model, "cpu")
    assert codec._spec.streams
    sound = babble(70_001)
    codes = encode(codec, sound, 6.0)
    assert (codes.data != whole_codes(model, sound, 6.0)).mean() <= 1e-3
    np.testing.assert_allclose(decode(codec, codes), whole_sound(model, codes.data)[:, : sound.shape[1]], atol=1e-4)


def test_a_model_that_cannot_stream_takes_the_whole_sound():
    model = random_encodec(num_filters=4, hidden_size=16, use_causal_conv=False)
    codec = load_codec(model, "cpu")
    sound = babble(40_000)
    codes = encode(codec, sound, 1.5)
    assert np.array_equal(codes.data, whole_codes(model, sound, 1.5))
    np.testing.assert_allclose(decode(codec, codes), whole_sound(model, codes.data)[:, :40_000], atol=1e-5)


@pytest.mark.slow
def test_the_full_size_architecture_agrees_in_all_32_codebooks():
    model = random_encodec()
    sound = babble(24_000 * 20)
    codes = encode(load_codec(model, "cpu"), sound, 24.0)
    assert codes.data.shape == (32, 1500)
    assert (codes.data != whole_codes(model, sound, 24.0)).mean() <= 1e-4


def test_autocast_around_it_changes_no_code(tiny):
    sound = babble(100_000)
    expected = encode(tiny, sound, 12.0).data
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert np.array_equal(encode(tiny, sound, 12.0).data, expected)


def test_a_model_in_training_stays_as_it_was():
    model = random_encodec(num_filters=2, hidden_size=8).half().train()
    codec = load_codec(model, "cpu")
    assert model.training
    assert all(parameter.requires_grad and parameter.dtype == torch.float16 for parameter in model.parameters())
    before = encode(codec, babble(20_000), 1.5).data
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert np.array_equal(encode(codec, babble(20_000), 1.5).data, before)


@pytest.mark.parametrize(
    "sound", [babble(1000)[0], babble(1000, 2), babble(1000) * np.nan, (babble(1000) * 3000).astype(np.int16)]
)
def test_what_is_no_sound_is_refused(tiny, sound):
    with pytest.raises(CodecError, match="sound"):
        encode(tiny, sound, 3.0)


def test_codes_of_no_codebook_are_refused(tiny):
    codes = encode(tiny, babble(1000), 3.0)
    with pytest.raises(CodecError, match="code 5000 is outside"):
        decode(tiny, replace(codes, data=np.full_like(codes.data, 5000)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_codes_of_the_processor(tiny):
    on_gpu = load_codec("tiny", "auto")
    assert on_gpu.device == "cuda"
    sound = babble(24_000 * 30)
    codes = encode(tiny, sound, 12.0)
    theirs = encode(on_gpu, sound, 12.0)
    assert (codes.data != theirs.data).mean() <= 1e-3
    np.testing.assert_allclose(decode(tiny, codes), decode(on_gpu, codes), atol=1e-4)
