"""All code vectors of a codec."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fabricate import STEREO_CONFIG, random_encodec

from giblet.codecs import Codes, Segment, decode, get_codebooks, load_codec
from giblet.errors import CodecError, ParameterError
from giblet.features import latents, nearest_codes


@pytest.mark.parametrize(
    ("kind", "name", "shape"),
    [("mono", "encodec_24khz", (32, 1024, 128)), ("stereo", "encodec_48khz", (16, 1024, 128))],
)
def test_metas_models_by_the_words_of_acomp(monkeypatch, tmp_path, kind, name, shape):
    config = {} if kind == "mono" else STEREO_CONFIG
    model = random_encodec(**config | {"num_filters": 2, "hidden_size": 128, "num_lstm_layers": 1})
    model.save_pretrained(tmp_path / name)
    monkeypatch.setattr("giblet.codecs.catalog._hub_folder", lambda asked: tmp_path / asked.removeprefix("facebook/"))
    books = get_codebooks(kind)
    assert (books.shape, books.dtype) == (shape, np.float32)
    assert np.array_equal(books, get_codebooks(name))
    assert np.array_equal(books[3], model.quantizer.layers[3].codebook.embed.numpy())


def test_a_code_stands_for_its_vector(tiny):
    books = get_codebooks("tiny")
    codes = np.random.default_rng(0).integers(0, 1024, (16, 5)).astype(np.int16)
    expected = sum(books[level][codes[level]] for level in range(16))
    np.testing.assert_allclose(latents(codes, tiny.codebooks()), expected, atol=1e-5)


def test_nearest_codes_are_those_of_the_codec(tiny):
    vectors = np.random.default_rng(0).normal(0, 2, (5000, 64)).astype(np.float32)
    ours = nearest_codes(vectors, tiny.codebooks())
    theirs = tiny._engine.quantizer.encode(torch.from_numpy(vectors), 16)
    assert (ours.shape, ours.dtype) == ((16, 5000), np.int16)
    # Rounding decides between entries that are equally near; later levels follow from that.
    differing = np.flatnonzero((ours != theirs).any(axis=0))
    assert len(differing) < 50
    for frame in differing:
        level = int((ours[:, frame] != theirs[:, frame]).argmax())
        left = vectors[frame] - latents(ours[:level, frame : frame + 1], tiny.codebooks())[0]
        near = [np.square(left - tiny.codebooks()[level, row[level, frame]]).sum() for row in (ours, theirs)]
        assert near[0] == pytest.approx(near[1], rel=1e-4)
    with pytest.raises(ParameterError, match="do not fit together"):
        nearest_codes(vectors[:, :3], tiny.codebooks())


def test_more_codebooks_come_nearer(tiny):
    vectors = np.random.default_rng(1).normal(0, 2, (200, 64)).astype(np.float32)
    books = tiny.codebooks()
    codes = nearest_codes(vectors, books)
    assert np.array_equal(nearest_codes(vectors, books[:3]), codes[:3])
    away = [np.square(vectors - latents(codes[:n], books)).mean() for n in (1, 4, 16)]
    assert away[0] > away[1] > away[2]


@pytest.mark.parametrize("n_frames", [1, 3, 96, 900])
def test_the_latents_of_codes_sound_as_the_codes_do(tiny, n_frames):
    data = np.random.default_rng(n_frames).integers(0, 1024, (16, n_frames)).astype(np.int16)
    sound = decode(tiny, Codes(data, (Segment(0, n_frames),), tiny.layout, n_frames * 320))
    np.testing.assert_array_equal(tiny.latents_to_sound(latents(data, tiny.codebooks())), sound)


def test_latents_of_a_model_that_sees_all_at_once():
    codec = load_codec(random_encodec(num_filters=2, hidden_size=8, use_causal_conv=False), "cpu")
    data = np.random.default_rng(0).integers(0, 1024, (32, 20)).astype(np.int16)
    sound = decode(codec, Codes(data, (Segment(0, 20),), codec.layout, 20 * 320))
    np.testing.assert_allclose(codec.latents_to_sound(latents(data, codec.codebooks())), sound, atol=1e-5)


def test_latents_that_no_codec_can_decode(tiny, stereo):
    assert tiny.latents_to_sound(np.empty((0, 64))).shape == (1, 0)
    for wrong in (np.zeros((4, 63)), np.zeros(64), np.zeros((4, 64), int), np.full((4, 64), np.nan)):
        with pytest.raises(CodecError, match=r"give finite numbers of shape \(n_frames, 64\)"):
            tiny.latents_to_sound(wrong)
    with pytest.raises(CodecError, match="a loudness that latents do not tell"):
        stereo.latents_to_sound(np.zeros((4, 16)))
