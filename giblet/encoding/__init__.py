"""Does the feature predict the brain? Encoding models, judged on what they never saw."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from giblet.encoding.ceiling import Ceiling
    from giblet.encoding.curve import LagCurve
    from giblet.encoding.decoding import Decoded, decode_latents, latent_bins
    from giblet.encoding.fitting import fit
    from giblet.encoding.folds import Fold, inner_folds, make_folds
    from giblet.encoding.intelligibility import SoundScore, score_sound
    from giblet.encoding.lag import lag_curve
    from giblet.encoding.model import EncodingModel
    from giblet.encoding.problem import EncodingProblem
    from giblet.encoding.rendering import decode_sound
    from giblet.encoding.scores import Scores
    from giblet.encoding.simulation import SimulatedBold, simulate_bold
    from giblet.encoding.studies import problems_of
    from giblet.encoding.study_ceilings import ceilings_of
    from giblet.encoding.time_check import check_alignment

__all__ = [
    "Ceiling",
    "Decoded",
    "EncodingModel",
    "EncodingProblem",
    "Fold",
    "LagCurve",
    "Scores",
    "SimulatedBold",
    "SoundScore",
    "ceilings_of",
    "check_alignment",
    "decode_latents",
    "decode_sound",
    "fit",
    "inner_folds",
    "lag_curve",
    "latent_bins",
    "make_folds",
    "problems_of",
    "score_sound",
    "simulate_bold",
]

_HOMES = {
    "Ceiling": "ceiling",
    "Decoded": "decoding",
    "EncodingModel": "model",
    "EncodingProblem": "problem",
    "Fold": "folds",
    "LagCurve": "curve",
    "Scores": "scores",
    "SimulatedBold": "simulation",
    "SoundScore": "intelligibility",
    "ceilings_of": "study_ceilings",
    "check_alignment": "time_check",
    "decode_latents": "decoding",
    "decode_sound": "rendering",
    "fit": "fitting",
    "inner_folds": "folds",
    "lag_curve": "lag",
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
