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


def untrained_language_model(folder, n_codebooks: int) -> None:
    """Put a small language model that learned nothing into the folder of a codec."""
    from giblet.codecs import find_codec, load_codec
    from giblet.codecs.lm import Shape, save_model
    from giblet.codecs.lm.network import Network

    codec = load_codec(folder, "cpu")
    shape = Shape(n_codebooks, codec.codebook_size, width=8, channels=12, layers=2, head=10)
    arrays = Network(shape, codec.codebooks(n_codebooks)).whole_numbers()
    save_model(folder / "lm", shape, arrays, find_codec(folder).name, codec.fingerprint, {})


def babble(n_samples: int, channels: int = 1) -> np.ndarray:
    """Noise with a changing level and a glide in it."""
    rng = np.random.default_rng(n_samples)
    t = np.arange(n_samples) / 24_000
    glide = 0.2 * np.sin(2 * np.pi * (200 * t + 60 * t**2))
    noise = rng.standard_normal((channels, n_samples)) * (0.05 + 0.05 * np.sin(5 * t))
    return (glide + noise).astype(np.float32)


class CountingCodec:
    """A codec whose codes and sound say which frame they are: what is heard at a moment can be looked up.

    Codebook 0 counts frames in thousands, codebook 1 within; a frame's sound is its number modulo 16,384, as a
    constant that 16-bit files hold exactly.
    """

    turn = 2**14

    name = source = "counting"
    fingerprint = "0" * 64
    channels = 1
    bandwidths = (1.5,)
    codebook_size = 1024
    n_parameters = 0

    def __init__(self, sample_rate: int = 2400, hop: int = 32) -> None:
        from giblet.timeline import FrameLayout

        self.layout = FrameLayout(sample_rate, hop)

    def n_codebooks(self, bandwidth: float | None = None) -> int:
        return 2

    def encoder(self, bandwidth: float):
        raise NotImplementedError("tests write its codes themselves")

    def numbers(self, n_frames: int) -> np.ndarray:
        frames = np.arange(n_frames)
        return np.stack([frames // 1000, frames % 1000]).astype(np.int16)

    def decoder(self, segments):
        return self

    def push(self, codes: np.ndarray) -> np.ndarray:
        number = codes[0].astype(np.int64) * 1000 + codes[1]
        return np.repeat(number[None] % self.turn / 2**15, self.layout.hop, axis=1).astype(np.float32)

    def finish(self) -> np.ndarray:
        return np.empty((1, 0), np.float32)

    def heard(self, samples: np.ndarray) -> np.ndarray:
        """Return the frame number that each sample belongs to, modulo `turn`."""
        return np.round(samples * 2**15).astype(np.int64)


def lag(reference: np.ndarray, other: np.ndarray, most: int) -> int:
    """Return by how many samples ``other`` comes later, by cross-correlation."""
    from scipy.signal import correlate

    n = min(len(reference), len(other))
    product = correlate(other[:n], reference[:n], method="fft")
    middle = n - 1
    return int(np.argmax(product[middle - most : middle + most + 1])) - most


SMALL_APCODEC = {
    "width": 16, "depth": 2, "inner": 32, "kernel": 7, "reduced": 8, "latent_dim": 8, "codebook_dim": 8,
    "codebook_size": 64,
}  # fmt: skip


def random_apcodec(seed: int = 0, response: float = 1.0, **config):
    """Return an untrained APCodec whose blocks weigh channels by their norm, as strongly as ``response`` says."""
    import torch

    from giblet.codecs.apcodec.config import APCodecConfig
    from giblet.codecs.apcodec.model import APCodecModel

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = APCodecModel(APCodecConfig(**SMALL_APCODEC | config)).eval()
        for name, weight in model.named_parameters():
            if name.endswith(("gamma", "beta")):
                torch.nn.init.normal_(weight, std=response)
            elif name.endswith("contract.weight"):
                # As loud as what goes past the block.
                torch.nn.init.normal_(weight, std=0.3)
            elif name.startswith("encoder.join.parametrizations.weight.original0"):
                # Latents that reach all entries.
                weight.data *= 5
            elif name.startswith(("encoder.join.bias", "quantizer")) and name.endswith("bias"):
                torch.nn.init.zeros_(weight)
    return model
