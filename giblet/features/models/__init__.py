"""Features that are hidden states of transformers models."""
