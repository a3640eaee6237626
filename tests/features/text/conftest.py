"""Models of language that are small and untrained."""

from __future__ import annotations

import pytest
from language import CORPUS, take_minilm


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


@pytest.fixture
def one_minilm(monkeypatch):
    """The model of sentences that the extra brings, loaded once for all."""
    return take_minilm(monkeypatch)
