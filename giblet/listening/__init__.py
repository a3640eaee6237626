"""Listening tests: how good features sound to people, after ITU-R BS.1534-3 (MUSHRA)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from giblet.listening.making import ListeningTest, make_test
    from giblet.listening.scoring import Scores, Summary, score, write_scores

__all__ = ["ListeningTest", "Scores", "Summary", "make_test", "score", "write_scores"]

_MAKING = ("ListeningTest", "make_test")


def __getattr__(name: str) -> Any:
    # Looked up on first use: scoring needs neither codecs nor media.
    if name in __all__:
        return getattr(import_module(f"{__name__}.{'making' if name in _MAKING else 'scoring'}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
