"""Codes, a model of them and files of them, for tests."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np

from giblet.formats import CodeHeader, as_blocks, encodec_header, quantised_cdf, write_container
from giblet.formats.bits import pack
from giblet.formats.ecdc import EcdcWriter
from giblet.formats.source import ByteSource
from giblet.timeline import FrameLayout

OWN = CodeHeader("böse name", FrameLayout(16_000, 320), 5, codebook_size=700)
OWN_SEGMENTED = CodeHeader("own", FrameLayout(8_000, 100, 1_000, 900), 3, codebook_size=33, normalized=True)


def some_codes(header, length, seed=0):
    """Return codes and segments that a sound of so many samples may have."""
    rng = np.random.default_rng(seed)
    frames = list(replace(header, length=length).segment_frames())
    codes = rng.integers(0, header.codebook_size, (header.n_codebooks, sum(frames))).astype(np.int16)
    scales = rng.random(len(frames)).astype(np.float32).tolist()
    return codes, [(n, scale if header.normalized else None) for n, scale in zip(frames, scales, strict=True)]


def write(path, header, length, seed=0, model=None):
    """Write a file of such codes, and return what was written."""
    codes, segments = some_codes(header, length, seed)
    written = write_container(path, replace(header, length=length), as_blocks(codes, segments), model)
    return codes, segments, written


def ecdc_bytes(header, length, codes, segments, model=None):
    file = io.BytesIO()
    with EcdcWriter(file, replace(header, length=length), model=model) as writer:
        for block in as_blocks(codes, segments):
            writer.write(block)
        writer.finish()
    return file.getvalue()


def source_of(data):
    return ByteSource(io.BytesIO(data), "some.file")


class ToyModel:
    """Expects each code to be near the one before and the one below."""

    n_codebooks = 16

    def __init__(self, n_entries=1024, sharpness=0.01):
        self.n_entries = n_entries
        self.sharpness = sharpness

    def start(self, n_codebooks):
        return ToyState(self, n_codebooks)


class ToyState:
    def __init__(self, model, n_codebooks):
        self.model = model
        self.before = np.zeros(n_codebooks, np.int64)

    def cdf(self, below):
        expected = self.before[len(below)] + sum(below)
        distance = np.abs(np.arange(self.model.n_entries) - expected % self.model.n_entries)
        weights = np.exp(-distance * self.model.sharpness).astype(np.float32)
        return quantised_cdf(weights / weights.sum())

    def push(self, frame):
        self.before = frame

    def intervals(self, frames):
        low, high = np.zeros((2, *frames.shape), np.int64)
        for t, frame in enumerate(frames.T.astype(np.int64)):
            for q, code in enumerate(frame):
                cdf = self.cdf(frame[:q])
                low[q, t], high[q, t] = cdf[code - 1] if code else 0, cdf[code]
            self.push(frame)
        return low, high


def by_kind(folder, kind):
    """Write one file of a kind and return its path."""
    path = folder / f"x.{kind.partition('-')[0]}"
    if path.suffix == ".txt":
        write(path, encodec_header("encodec_48khz" if "48" in kind else "encodec_24khz", 2), 100_000)
    elif "original" in kind:
        codes = np.random.default_rng(0).integers(0, 1024, 6 * 150)
        path.write_bytes(b"NAC\0\0\0\0\x04\x03null" + pack(codes, 10))
    elif "own" in kind:
        write(path, OWN_SEGMENTED, 5_000)
    elif "lm" in kind:
        write(path, encodec_header("encodec_24khz", 2), 10_000, model=ToyModel(sharpness=0.1))
    else:
        write(path, encodec_header("encodec_48khz" if "48" in kind else "encodec_24khz", 4), 60_000)
    return path


KINDS = (
    "ecdc-24",
    "ecdc-48",
    "ecdc-lm",
    "ecdc-own",
    "nac-24",
    "nac-48",
    "nac-own",
    "nac-original",
    "txt-24",
    "txt-48",
)
