"""Layers of language models at words, against transformers called by hand."""

from __future__ import annotations

import shutil
from functools import cache

import numpy as np
import pytest
from language import CORPUS, annotated, made

from giblet.errors import GibletError, ModelError, ParameterError

WORDS = " ".join(CORPUS).split()


def said(words):
    return annotated(words, np.arange(len(words)) * 0.4, [0.3] * len(words))


@cache
def loaded(folder):
    from transformers import AutoModel, AutoTokenizer

    return AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def by_hand(folder, words, n_before, layer, pooled="mean"):
    """The tokens of a word are those that the text with it has more than the text without, but for a blank alone."""
    import torch

    (model, tokenizer), rows = loaded(folder), []
    for number in range(len(words)):
        given = words[max(0, number - n_before) : number + 1]
        ids = tokenizer(" ".join(given), return_tensors="pt")
        before = len(tokenizer(" ".join(given[:-1]))["input_ids"])
        with torch.no_grad():
            states = model(**ids, output_hidden_states=True).hidden_states[layer][0]
        special = tokenizer.num_special_tokens_to_add()
        numbers = range(before - special // 2, len(states) - special // 2)
        own = states[[number for number in numbers if tokenizer.decode(ids["input_ids"][0, number]).strip()]]
        rows.append((own.mean(0) if pooled == "mean" else own[-1]).numpy())
    return np.array(rows)


@pytest.mark.parametrize("model", ["gpt2", "bert"])
@pytest.mark.parametrize(
    ("options", "n_before", "pooled"), [("@context=3", 3, "mean"), ("@context=0@tokens=last", 0, "last")]
)
def test_as_by_hand(request, model, options, n_before, pooled):
    folder = request.getfixturevalue(model)
    (name, series), (second, _) = made(f"text.hf:{folder}:1+-1{options}@batch=5").series(said(WORDS), 30)
    assert name == f"text.hf:{folder}:1@batch=5{options}"
    assert second.split("@")[0].endswith(":3" if model == "gpt2" else ":2")
    assert (series.kind, series.values.shape, series.values.dtype) == ("event", (len(WORDS), 16), np.float32)
    assert series.names[15] == f"{name}.15"
    np.testing.assert_allclose(series.times, np.arange(len(WORDS)) * 0.4 + 0.3)
    np.testing.assert_allclose(series.values, by_hand(folder, WORDS, n_before, 1, pooled), atol=2e-6)
    # Words of several tokens are among them.
    assert not np.allclose(series.values, by_hand(folder, WORDS, n_before, 1, "mean" if pooled == "last" else "last"))


@pytest.mark.parametrize("model", ["gpt2", "bert"])
def test_no_row_knows_later_words(request, model):
    feature = made(f"text.hf:{request.getfixturevalue(model)}:-1@context=6")
    whole = feature.series(said(WORDS), 30)[0][1].values
    changed = feature.series(said(WORDS[:9] + ["umbrella"] * 8), 30)[0][1].values
    np.testing.assert_allclose(changed[:9], whole[:9], atol=2e-6)
    assert np.abs(changed[9] - whole[9]).max() > 1e-3
    # Nor words further back than the context reaches.
    later = feature.series(said(["umbrella"] * 4 + WORDS[4:]), 30)[0][1].values
    np.testing.assert_allclose(later[10:], whole[10:], atol=2e-6)
    assert np.abs(later[9] - whole[9]).max() > 1e-5


def test_batches_do_not_matter(bert):
    one, many = (made(f"text.hf:{bert}:all@batch={batch}").series(said(WORDS), 30) for batch in (1, 16))
    assert len(one) == len(many) == 3
    for (_, alone), (_, together) in zip(one, many, strict=True):
        np.testing.assert_allclose(alone.values, together.values, atol=2e-6)


def test_a_context_longer_than_the_model_takes_loses_its_first_words(gpt2):
    words, (_, tokenizer) = WORDS * 3, loaded(gpt2)
    fits = max(n for n in range(len(words)) if len(tokenizer(" ".join(words[len(words) - 1 - n :]))["input_ids"]) <= 48)
    assert 3 < fits < len(words) - 1
    rows = made(f"text.hf:{gpt2}:-1@context=1000").series(said(words), 30)[0][1].values
    np.testing.assert_allclose(rows[-1], by_hand(gpt2, words[-1 - fits :], fits, -1)[-1], atol=2e-6)


def test_an_encoder_of_two_and_words_that_are_no_tokens(bert, tmp_path):
    import torch
    from transformers import T5Config, T5Model

    torch.manual_seed(0)
    config = T5Config(vocab_size=120, d_model=16, d_kv=4, d_ff=16, num_layers=2, num_heads=2)
    T5Model(config).save_pretrained(tmp_path)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bert / file, tmp_path)
    feature = made(f"text.hf:{tmp_path}:2@context=2")
    series = feature.series(said(["the", "\u200b", "letter"]), 5)[0][1]
    assert series.values.any(axis=1).tolist() == [True, False, True]
    assert feature.notes == ("words that are no tokens to the model count 0: 1 (such as '\\u200b')",)


def test_no_words(bert):
    ((_, series),) = made(f"text.hf:{bert}:1").series(annotated([], [], []), 5)
    assert (series.kind, series.values.shape) == ("event", (0, 16))
    with pytest.raises(GibletError, match=r"words.csv: none of its events has a text; name the column of words"):
        made(f"text.hf:{bert}:1").series(annotated([""], [0], [1]), 5)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (":9", "the model has no layer 9"),
        (":1@context=-1", "the context is -1 words"),
        (":1@batch=0", "the batch is 0 words"),
        (":1@tokens=first", "tokens is 'first'"),
        (":1@at=middle", "at is 'middle'; choose from onset, midpoint, offset"),
    ],
)
def test_options_that_cannot_be(bert, part, told):
    with pytest.raises(ParameterError, match=told):
        made(f"text.hf:{bert}{part}")


def test_models_that_are_none(gpt2, tmp_path):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    with pytest.raises(ModelError, match="there is no such folder"):
        made(f"text.hf:{tmp_path}/nothing:1")
    for file in ("config.json", "model.safetensors"):
        shutil.copy(gpt2 / file, tmp_path)
    with pytest.raises(ModelError, match=r"has no tokenizer.json; save its tokenizer into the folder"):
        made(f"text.hf:{tmp_path}:1")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="its tokenizer cannot be loaded"):
        made(f"text.hf:{tmp_path}:1").series(said(WORDS), 5)
    large = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"the": 400, "?": 1}, unk_token="?")))
    large.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="its tokenizer is of another model"):
        made(f"text.hf:{tmp_path}:1").series(said(["the"]), 5)
    with pytest.raises(GibletError, match=r"words.csv: the word 'ababab.*alone is more than the 48 tokens"):
        made(f"text.hf:{gpt2}:1").series(said(["ab" * 100]), 5)


def test_another_tokenizer_is_another_feature(gpt2, tmp_path):
    shutil.copytree(gpt2, tmp_path, dirs_exist_ok=True)
    assert made(f"text.hf:{tmp_path}:1").identity == made(f"text.hf:{gpt2}:1").identity
    with (tmp_path / "tokenizer.json").open("a") as file:
        file.write(" ")
    assert made(f"text.hf:{tmp_path}:1").identity != made(f"text.hf:{gpt2}:1").identity


def test_it_says_how_far_back_its_words_reach(gpt2):
    feature = made(f"text.hf:{gpt2}:1@context=2@at=onset")
    feature.series(annotated(WORDS[:5], np.array([0.0, 1, 2, 6, 7]), [0.3, 0.3, 0.3, 0.5, 0.3]), 30)
    # The word at 6 s, and that at 7 s, know of the one at 1 s, and at 2 s; the longest word ends .5 s after its onset.
    assert feature.reach == pytest.approx((5, 0.5))
