"""How close an APCodec in chunks comes to the whole clip, by the length of a chunk.

    python benchmarks/apcodec_chunks.py talk.wav music.flac --codec FOLDER

Takes some seconds of each recording, one behind the other as one clip. Without --codec the networks are untrained, and
their blocks weigh channels by their norms as strongly as they can: factors drawn with a standard deviation of 1.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from giblet.codecs import find_codec
from giblet.codecs.apcodec.checkpoints import load_model
from giblet.codecs.apcodec.chunks import ChunkedEngine
from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.model import APCodecModel
from giblet.media import AudioReader


def untrained() -> APCodecModel:
    """Return networks of a quarter of the authors' width that use many entries and weigh strongly."""
    torch.manual_seed(0)
    model = APCodecModel(APCodecConfig(width=64, inner=128, reduced=32))
    for name, weight in model.named_parameters():
        if name.endswith(("gamma", "beta")):
            torch.nn.init.normal_(weight)
        elif name.endswith("contract.weight"):
            torch.nn.init.normal_(weight, std=0.3)
        elif name.startswith("encoder.join.parametrizations.weight.original0"):
            weight.data *= 5
        elif name.startswith(("encoder.join.bias", "quantizer")) and name.endswith("bias"):
            torch.nn.init.zeros_(weight)
    return model


def clip(paths: list[str], seconds: float, rate: int) -> np.ndarray:
    """Return the beginnings of recordings, one behind the other, float32 (1, n_samples)."""
    parts = []
    for path in paths:
        with AudioReader(path, channels=1, sample_rate=rate) as reader:
            parts.append(reader.read().data[:, : round(seconds * rate)])
    return np.concatenate(parts, axis=1)


def decibels(reference: np.ndarray, other: np.ndarray) -> float:
    """Return how far one sound is from another."""
    return float(10 * np.log10(np.square(reference).sum() / (np.square(reference - other).sum() + 1e-30)))


@torch.no_grad()
def main() -> None:
    """Print a row for each length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--codec")
    parser.add_argument("--each", type=float, default=5.0, help="seconds of each recording")
    parser.add_argument("--chunks", type=float, nargs="+", default=[0.5, 1, 2, 5, 10], help="seconds")
    asked = parser.parse_args()
    model = (untrained() if asked.codec is None else load_model(find_codec(asked.codec))).eval()
    sound = clip(asked.recordings, asked.each, model.config.sample_rate)
    whole = model.encode(torch.from_numpy(sound))
    heard, codes = model.decode(whole).numpy(), whole[0].numpy()
    print(f"{sound.shape[1] / model.config.sample_rate:.1f} s; entries used: {[len(np.unique(row)) for row in codes]}")
    print("chunk   codes that agree, by codebook   sound of the same codes")
    for seconds in asked.chunks:
        engine = ChunkedEngine(model, seconds)
        encoder, decoder = engine.encoder(len(codes)), engine.decoder(())
        found = np.concatenate([encoder.push(sound), encoder.finish()], axis=1)
        again = np.concatenate([decoder.push(codes.astype(np.int16)), decoder.finish()], axis=1)
        agree = "  ".join(f"{share:.1%}" for share in (found == codes).mean(axis=1))
        print(f"{seconds:4g} s  {agree:30}  {decibels(heard, again):.1f} dB", flush=True)


if __name__ == "__main__":
    main()
