"""EnCodec in giblet against transformers' whole-file call, in one run.

    python benchmarks/encode.py [--film FILM] [--seconds 60] [--threads 2] [--repeats 3]

The model has the full-size architecture with random weights, and noise in its codebooks so that its codes differ. Both
sides have it in memory, are warmed up, and take turns on the same sound; figures are medians. With a film, the way from
the file to a store is timed as well.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import EncodecConfig, EncodecModel

from giblet.codecs import Codes, Segment, decode, encode, load_codec
from giblet.data import extract


def main() -> None:
    """Print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--film", type=Path)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--bandwidth", type=float, default=24.0)
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    model = full_size_model()
    codec = load_codec(model, "cpu")
    sound = some_sound(asked.seconds * 24_000)
    print(
        f"full-size EnCodec, {asked.seconds} s of sound, {asked.bandwidth:g} kbps, {asked.threads} threads, float32\n"
    )
    print("| what | transformers, whole file | giblet, in blocks | ratio | equal |")
    print("| --- | --- | --- | --- | --- |")

    def theirs() -> np.ndarray:
        with torch.inference_mode():
            return model.encode(torch.from_numpy(sound)[None], bandwidth=asked.bandwidth).audio_codes[0, 0].numpy()

    slow, fast, codes, ours = race(theirs, lambda: encode(codec, sound, asked.bandwidth), asked.repeats)
    same = float((codes == ours.data).mean())
    row("encode", asked.seconds, slow, fast, f"{100 * same:.4f} % of codes")

    stacked = torch.from_numpy(codes.astype(np.int64))[None, None]

    def their_sound() -> np.ndarray:
        with torch.inference_mode():
            return model.decode(stacked, [None]).audio_values[0].numpy()

    given = Codes(codes.astype(np.int16), (Segment(0, codes.shape[1]),), codec.layout, sound.shape[1])
    slow, fast, whole, blocks = race(their_sound, lambda: decode(codec, given), asked.repeats)
    error = float(np.abs(whole[:, : sound.shape[1]] - blocks).max() / np.abs(whole).max())
    row("decode", asked.seconds, slow, fast, f"within {error:.1e} of the peak")

    if asked.film is not None:
        taken, seconds = end_to_end(asked.film, codec, asked.repeats)
        print(f"\n{asked.film.name}, file to store at 3 kbps: {seconds:.1f} s of film in {taken:.2f} s, ", end="")
        print(f"{seconds / taken:.1f} × real time")


def full_size_model() -> EncodecModel:
    """Return an untrained EnCodec of the published size."""
    torch.manual_seed(0)
    model = EncodecModel(EncodecConfig()).eval()
    for layer in model.quantizer.layers:
        layer.codebook.embed.normal_()
    return model


def some_sound(n_samples: int) -> np.ndarray:
    """Return a glide in noise of changing level, float32 (1, n_samples)."""
    t = np.arange(n_samples) / 24_000
    noise = np.random.default_rng(0).standard_normal(n_samples) * (0.05 + 0.05 * np.sin(3 * t))
    return (0.2 * np.sin(2 * np.pi * (200 * t + 20 * t**2)) + noise).astype(np.float32)[None]


def race(first: Callable[[], Any], second: Callable[[], Any], repeats: int) -> tuple[float, float, Any, Any]:
    """Return the median seconds of two calls that take turns after one warm-up each, and what they returned."""
    results = first(), second()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for call, taken in zip((first, second), times, strict=True):
            began = time.perf_counter()
            call()
            taken.append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1]), *results


def row(what: str, seconds: float, slow: float, fast: float, equal: str) -> None:
    """Print one line of the table."""
    print(
        f"| {what} | {slow:.2f} s, {seconds / slow:.1f} × real time | {fast:.2f} s, {seconds / fast:.1f} × real time "
        f"| {slow / fast:.2f} | {equal} |",
        flush=True,
    )


def end_to_end(film: Path, codec: Any, repeats: int) -> tuple[float, float]:
    """Return the median seconds from film to store, and the film's length."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats):
            began = time.perf_counter()
            done = extract(film, Path(folder, str(number)), codec=codec, cache=False)
            times.append(time.perf_counter() - began)
    return statistics.median(times), done.provenance["sound"]["duration"]


if __name__ == "__main__":
    main()
