"""Hidden states of language models at each word, given the words before it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.codecs.loading import check_device, quiet_transformers
from giblet.errors import AnnotationError, ModelError, ParameterError
from giblet.features.models.finding import ModelSpec, find_model
from giblet.features.models.layers import choose_layers
from giblet.features.models.loading import load_model
from giblet.features.words import MOMENTS, Words, check_moment
from giblet.kept import kept

if TYPE_CHECKING:
    from giblet.annotations import Annotations
    from giblet.features.asking import FeatureRequest
    from giblet.features.series import FeatureSeries
    from giblet.features.streams import FeatureContext

log = logging.getLogger(__name__)

# Files of tokens, of which a folder has at least one, and others that decide how texts become tokens.
_VOCABULARIES = (
    "tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
)  # fmt: skip
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
POOLING = ("mean", "last")


class LanguageModel:
    """Maker of ``text.hf:MODEL:LAYER``: what a layer of a language model holds at each word.

    For each word the model is given that word and a stated number of words before it, separated by blanks, and nothing
    that comes later, whether its layers look back only (GPT-2) or both ways (BERT). The row is the mean over the tokens
    that hold any letter of the word, or the last of them.

    Parameters
    ----------
    request : FeatureRequest
        With the parts MODEL (a folder saved by transformers with its tokenizer, or a name on the hub) and LAYER (see
        `giblet.features.models.layers.choose_layers`), and the options ``context``, how many words before each the
        model is given; ``at``, the moment that stands for a word; ``tokens``, ``"mean"`` or ``"last"``; ``batch``, how
        many words are worked on at once.
    context : FeatureContext
        With the device.

    Attributes
    ----------
    identity : mapping
        Fingerprint of the model and its tokenizer.
    notes : tuple of str
        What is to be said about the last series, one sentence each.
    reach : tuple of float
        Seconds of the past and the future that its rows know of.

    Raises
    ------
    ModelError
        If there is no such model.
    ParameterError
        If an option has a value that cannot be used, or the model has no such layer.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        self.request = request
        self.at = check_moment(request.option("at"))
        self.context, self.batch, self.tokens = (request.option(name) for name in ("context", "batch", "tokens"))
        if self.context < 0:
            raise ParameterError(f"the context is {self.context} words", "give 0 or more")
        if self.batch < 1:
            raise ParameterError(f"the batch is {self.batch} words", "give 1 or more")
        if self.tokens not in POOLING:
            raise ParameterError(f"tokens is {self.tokens!r}", f"choose from {', '.join(POOLING)}")
        check_device(context.device)
        self.device = context.device
        self.spec = find_model(request.parts[0])
        # Without one, transformers makes a tokenizer that knows no token.
        if not any((self.spec.folder / name).is_file() for name in _VOCABULARIES):
            raise ModelError("has no tokenizer.json", "save its tokenizer into the folder", self.spec.folder)
        self.layers = choose_layers(request.parts[1], self.spec.n_layers)
        self.identity = {"model": self.spec.fingerprint(*_VOCABULARIES, *_SETTINGS)}
        self.notes: tuple[str, ...] = ()
        self.reach = (0.0, 0.0)
        self._loaded: tuple[Any, Any] | None = None

    def series(self, annotations: Annotations, until: float) -> list[tuple[str, FeatureSeries]]:
        """Return the rows of each layer, of shape (n_words, dim), as `giblet.features.streams.WordFeature` says.

        Raises
        ------
        AnnotationError
            If no event has a text, or a word is longer than what the model takes.
        ModelError
            If the weights or the tokenizer cannot be read, or are of no language model.
        """
        words = Words.of(annotations, self.at)
        values = np.zeros((len(self.layers), len(words), self.spec.hidden_size), np.float32)
        self.notes, silent = (), []
        for first in range(0, len(words), self.batch):
            numbers = range(first, min(first + self.batch, len(words)))
            tokens = [self._tokens(words.texts, number, annotations.path) for number in numbers]
            states = self._states([ids for ids, _ in tokens])
            for row, (number, (_, own)) in enumerate(zip(numbers, tokens, strict=True)):
                if own.size:
                    values[:, number] = states[:, row, own].mean(axis=1)
                else:
                    silent.append(words.texts[number])
        self.reach = _reach(words, self.at, self.context)
        if silent:
            self.notes = (f"words that are no tokens to the model count 0: {len(silent)} (such as {silent[0]!r})",)
        series = []
        for layer, rows in zip(self.layers, values, strict=True):
            name = self.request.named(self.request.parts[0], str(layer))
            series.append((name, words.series(rows, [f"{name}.{column}" for column in range(rows.shape[1])])))
        return series

    def _tokens(self, texts: Sequence[str], number: int, path: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the tokens of a word with its context, and which of them are the word's own."""
        tokenizer, model = self._ready()
        longest = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None) or np.inf)
        for first in range(max(0, number - self.context), number + 1):
            text = " ".join(texts[first : number + 1])
            encoded = tokenizer(text, return_offsets_mapping=True, verbose=False)
            if len(encoded["input_ids"]) <= longest:
                spans = np.array(encoded["offset_mapping"], np.int64).reshape(-1, 2)
                begins = len(text) - len(texts[number])
                # A token may begin with the blank before the word; marks of begin and end are of no length.
                own = np.flatnonzero((spans[:, 1] > begins) & (spans[:, 1] > spans[:, 0]))
                return np.array(encoded["input_ids"], np.int64), own[-1:] if self.tokens == "last" else own
        raise AnnotationError(
            f"the word {texts[number][:40]!r} alone is more than the {longest} tokens that the model takes",
            "correct it, or check which column holds words",
            path,
        )

    def _states(self, ids: Sequence[np.ndarray]) -> np.ndarray:
        """Return the hidden states of the wanted layers, of shape (n_layers, n_texts, n_tokens, dim)."""
        import torch

        tokenizer, model = self._ready()
        longest = max(1, *map(len, ids))
        padded = np.full((len(ids), longest), tokenizer.pad_token_id or 0)
        mask = np.zeros((len(ids), longest), np.int64)
        for row, one in enumerate(ids):
            padded[row, : len(one)], mask[row, : len(one)] = one, 1
        if padded.max(initial=0) >= model.get_input_embeddings().weight.shape[0]:
            raise ModelError("its tokenizer is of another model", "save its own into the folder", self.spec.folder)
        with torch.inference_mode():
            states = model(
                input_ids=torch.from_numpy(padded).to(model.device),
                attention_mask=torch.from_numpy(mask).to(model.device),
                output_hidden_states=True,
            ).hidden_states
            wanted = torch.stack([states[layer] for layer in self.layers]).float().cpu().numpy()
        if not np.isfinite(wanted[:, mask == 1]).all():
            raise ModelError("gives numbers that are not finite", "save or download the model again", self.spec.folder)
        return wanted

    def _ready(self) -> tuple[Any, Any]:
        if self._loaded is None:
            self._loaded = kept(
                "language model", self.spec.folder, self.device,
                lambda: (_tokenizer(self.spec), load_model(self.spec, self.device, _encoder)),
            )  # fmt: skip
            if "input_ids" not in inspect.signature(self._loaded[1].forward).parameters:
                raise ModelError("takes no text", "name a language model", self.spec.folder)
        return self._loaded


def _reach(words: Words, at: str, context: int) -> tuple[float, float]:
    """Return how long before its moment the context of a word begins, and how long after it the word ends, at most."""
    if not len(words):
        return 0.0, 0.0
    begins = words.times - MOMENTS[at] * words.durations
    first = np.maximum(np.arange(len(words)) - context, 0)
    return float((words.times - begins[first]).max()), float(((1 - MOMENTS[at]) * words.durations).max())


def _encoder(model: Any) -> Any:
    return model.get_encoder() if model.config.is_encoder_decoder else model


def _tokenizer(spec: ModelSpec) -> Any:
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(str(spec.folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # Files can be wrong in as many ways as there are tokenizers.
        log.debug("loading the tokenizer of %s failed", spec.name, exc_info=True)
        raise ModelError(
            f"its tokenizer cannot be loaded ({type(error).__name__})",
            "save it again, or name a language model",
            spec.folder,
        ) from error
    if not tokenizer.is_fast:
        raise ModelError("its tokenizer does not say where in a text its tokens lie", "name another model", spec.folder)
    return tokenizer
