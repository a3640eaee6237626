"""Training of APCodecs (Ai et al., 2024)."""
