"""All code vectors of a codec."""

from __future__ import annotations

import numpy as np
import pytest
from fabricate import STEREO_CONFIG, random_encodec

from giblet.codecs import get_codebooks


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
    from giblet.features import latents

    books = get_codebooks("tiny")
    codes = np.random.default_rng(0).integers(0, 1024, (16, 5)).astype(np.int16)
    expected = sum(books[level][codes[level]] for level in range(16))
    np.testing.assert_allclose(latents(codes, tiny.codebooks()), expected, atol=1e-5)
