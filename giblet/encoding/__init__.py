"""Does the feature predict the brain? Encoding models, judged on what they never saw."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from giblet.encoding.fitting import fit
    from giblet.encoding.folds import Fold, inner_folds, make_folds
    from giblet.encoding.model import EncodingModel
    from giblet.encoding.problem import EncodingProblem
    from giblet.encoding.scores import Scores
    from giblet.encoding.studies import problems_of

__all__ = [
    "EncodingModel",
    "EncodingProblem",
    "Fold",
    "Scores",
    "fit",
    "inner_folds",
    "make_folds",
    "problems_of",
]

_HOMES = {
    "EncodingModel": "model",
    "EncodingProblem": "problem",
    "Fold": "folds",
    "Scores": "scores",
    "fit": "fitting",
    "inner_folds": "folds",
    "make_folds": "folds",
    "problems_of": "studies",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: what the command line says about an option needs neither models nor films.
    if name in _HOMES:
        return getattr(import_module(f"giblet.encoding.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'giblet.encoding' has no attribute {name!r}")
