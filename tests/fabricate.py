"""Sounds and models that several tests make."""

from __future__ import annotations

import numpy as np

STEREO_CONFIG = {
    "target_bandwidths": [3.0, 6.0, 12.0, 24.0],
    "sampling_rate": 48_000,
    "audio_channels": 2,
    "normalize": True,
    "chunk_length_s": 1.0,
    "overlap": 0.01,
    "norm_type": "time_group_norm",
    "use_causal_conv": False,
    "num_filters": 4,
    "hidden_size": 16,
}


def random_encodec(**config):
    """Return an untrained transformers EnCodec whose codebooks hold noise, so that its codes differ."""
    import torch
    from transformers import EncodecConfig, EncodecModel

    torch.manual_seed(0)
    model = EncodecModel(EncodecConfig(**config)).eval()
    for layer in model.quantizer.layers:
        layer.codebook.embed.normal_()
    return model


def babble(n_samples: int, channels: int = 1) -> np.ndarray:
    """Noise with a changing level and a glide in it."""
    rng = np.random.default_rng(n_samples)
    t = np.arange(n_samples) / 24_000
    glide = 0.2 * np.sin(2 * np.pi * (200 * t + 60 * t**2))
    noise = rng.standard_normal((channels, n_samples)) * (0.05 + 0.05 * np.sin(5 * t))
    return (glide + noise).astype(np.float32)
