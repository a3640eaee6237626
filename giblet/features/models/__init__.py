"""Features that are hidden states of transformers models."""

from giblet.features.models.finding import ModelSpec, find_model
from giblet.features.models.layers import choose_layers
from giblet.features.models.loading import load_model, outline

__all__ = ["ModelSpec", "choose_layers", "find_model", "load_model", "outline"]
