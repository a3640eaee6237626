"""APCodec behind the interface of codecs: any sound, any length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fabricate import babble, random_apcodec
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.codecs import Codes, decode, encode, load_codec, look_at_codec
from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.model import APCodecModel
from giblet.errors import CodecError
from giblet.features.latents import latents


def test_the_sizes_of_the_authors():
    model = APCodecModel(APCodecConfig())
    counts = [sum(weight.numel() for weight in part.parameters()) for part in (model.encoder, model.quantizer)]
    assert sum(counts) == 6_893_120  # "6.9 M", the quantiser among them.
    assert sum(weight.numel() for weight in model.decoder.parameters()) == 10_232_582  # "10.2 M"
    assert model.config.bandwidth == 6.0
    assert (model.config.frame_hop, model.config.frame_rate) == (320, 150)


@settings(max_examples=25)
@given(length=st.integers(1, 4000))
def test_every_sample_comes_back_whatever_the_length(codec, length):
    sound = babble(length)
    codes = encode(codec, sound, codec.bandwidths[-1])
    assert codes.data.shape == (4, length // 320 + 1)
    decoded = decode(codec, codes)
    assert decoded.shape == (1, length)
    assert np.isfinite(decoded).all()


def test_the_last_samples_behind_the_authors_decoder_are_as_good_as_the_others(networks):
    # Of 319 samples behind the last frame, 39 lie behind the middle of its last spectrum.
    from giblet.codecs.apcodec.spectrum import analyse, synthesise

    sound = torch.from_numpy(babble(3519))
    spectrum = analyse(sound, networks.config)
    heard = synthesise(spectrum.log_amplitude, spectrum.phase, networks.config, length=3519)
    assert 3519 - (spectrum.phase.shape[-1] - 1) * 40 == 39
    assert (heard - sound)[:, -39:].abs().max() < 1e-3


@pytest.mark.parametrize(
    "sound",
    [np.zeros((1, 5000), np.float32), 50 * babble(5000), np.ones((1, 5000), np.float32), 1e-30 * babble(5000)],
    ids=["silence", "clipping", "constant", "denormal"],
)
def test_sounds_at_the_edge(codec, sound):
    decoded = decode(codec, encode(codec, sound.astype(np.float32), codec.bandwidths[-1]))
    assert np.isfinite(decoded).all()


def test_no_sound_has_no_codes(codec):
    codes = encode(codec, np.empty((1, 0), np.float32), codec.bandwidths[-1])
    assert codes.data.shape == (4, 0)
    assert decode(codec, codes).shape == (1, 0)


def test_a_short_clip_is_coded_as_the_authors_would(codec, networks):
    sound = babble(10_000)
    with torch.no_grad():
        codes = networks.encode(torch.from_numpy(sound))
        decoded = networks.decode(codes)
    found = encode(codec, sound, codec.bandwidths[-1])
    assert (found.data == codes[0].numpy()).all()
    np.testing.assert_allclose(decode(codec, found), decoded[:, :10_000], atol=1e-5)


def test_latents_sound_as_their_codes(codec):
    codes = encode(codec, babble(9_000), codec.bandwidths[-1])
    by_latents = codec.latents_to_sound(latents(codes.data, codec.codebooks()))
    assert by_latents.shape == (1, codes.data.shape[1] * 320)
    np.testing.assert_allclose(by_latents[:, :9_000], decode(codec, codes), atol=1e-4)
    assert codec.latents_to_sound(np.empty((0, 8), np.float32)).shape == (1, 0)
    for wrong in (np.zeros((3, 9), np.float32), np.full((3, 8), np.nan), np.zeros((3, 8), np.int64)):
        with pytest.raises(CodecError, match=r"give finite numbers of shape \(n_frames, 8\)"):
            codec.latents_to_sound(wrong)


def test_what_does_not_fit_is_refused(codec):
    with pytest.raises(CodecError, match="no bandwidth of 3 kbps; choose one of 3.6"):
        codec.encoder(3.0)
    with pytest.raises(CodecError, match=r"\(1, n_samples\)"):
        encode(codec, babble(1000, 2), codec.bandwidths[-1])
    codes = encode(codec, babble(1000), codec.bandwidths[-1])
    with pytest.raises(CodecError, match="outside 0…63"):
        decode(codec, Codes(codes.data + np.int16(64), codes.segments, codes.layout, codes.length))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"kernel": 6}, "kernel is even, 6"),
        ({"ratio": 5}, "ratio is odd"),
        ({"window": 2048}, "longer than n_fft"),
        ({"hop": 200}, "more than half a window"),
        ({"width": 0}, "width is 0; give a whole number above 0"),
        ({"depth": 1.5}, "depth is 1.5"),
        ({"streaming": 1}, "streaming is 1; say true or false"),
        ({"codebook_size": 65_536}, "codebook_size is 65536"),
    ],
)
def test_sizes_that_contradict_each_other(sizes, message):
    with pytest.raises(CodecError, match=message):
        APCodecConfig(**sizes)


def test_a_model_in_memory_stays_as_it_is():
    model = random_apcodec(seed=3).half()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    known = look_at_codec(model)
    codec = load_codec(model, "cpu")
    assert (known.bandwidths, known.layout) == (codec.bandwidths, codec.layout)
    assert (codec.source, codec.fingerprint) == (None, load_codec(model, "cpu").fingerprint)
    assert codec.fingerprint != load_codec(random_apcodec(seed=4), "cpu").fingerprint
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(
        torch.equal(after[name], weight) and after[name].dtype == torch.float16 for name, weight in before.items()
    )
    # Also its layers work on.
    assert model.float().quantizer.layers[0].project_in(torch.zeros(1, 8, 2)).shape == (1, 8, 2)
