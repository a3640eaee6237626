"""How alike two sounds are."""

from giblet.metrics.speech import pesq, stoi

__all__ = ["pesq", "stoi"]
