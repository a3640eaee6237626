"""Does the feature predict the brain? Encoding models, judged on what they never saw."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from giblet.encoding.decoding import Decoded, decode_latents, latent_bins
    from giblet.encoding.fitting import fit
    from giblet.encoding.folds import Fold, inner_folds, make_folds
    from giblet.encoding.intelligibility import SoundScore, score_sound
    from giblet.encoding.model import EncodingModel
    from giblet.encoding.problem import EncodingProblem
    from giblet.encoding.rendering import decode_sound
    from giblet.encoding.scores import Scores
    from giblet.encoding.simulation import SimulatedBold, simulate_bold
    from giblet.encoding.studies import problems_of

__all__ = [
    "Decoded",
    "EncodingModel",
    "EncodingProblem",
    "Fold",
    "Scores",
    "SimulatedBold",
    "SoundScore",
    "decode_latents",
    "decode_sound",
    "fit",
    "inner_folds",
    "latent_bins",
    "make_folds",
    "problems_of",
    "score_sound",
    "simulate_bold",
]

_HOMES = {
    "Decoded": "decoding",
    "EncodingModel": "model",
    "EncodingProblem": "problem",
    "Fold": "folds",
    "Scores": "scores",
    "SimulatedBold": "simulation",
    "SoundScore": "intelligibility",
    "decode_latents": "decoding",
    "decode_sound": "rendering",
    "fit": "fitting",
    "inner_folds": "folds",
    "latent_bins": "decoding",
    "make_folds": "folds",
    "problems_of": "studies",
    "score_sound": "intelligibility",
    "simulate_bold": "simulation",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: what the command line says about an option needs neither models nor films.
    if name in _HOMES:
        return getattr(import_module(f"giblet.encoding.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'giblet.encoding' has no attribute {name!r}")
