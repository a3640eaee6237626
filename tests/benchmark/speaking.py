"""Sounds that pass for speech and for music, and results made by hand."""

from __future__ import annotations

import dataclasses

import numpy as np

from giblet.benchmark import BenchmarkFile, BenchmarkRun, Drift, Method, Quality
from giblet.benchmark.summary import interval
from giblet.metrics import MEASURES, SegmentScore

RATE = 24_000


def syllables(seconds: float, seed: int = 0) -> np.ndarray:
    """Harmonics under a gliding voice, strong and weak four times a second, a hiss between: float32 (n,)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    pitch = 130 + 40 * np.sin(2 * np.pi * 0.9 * t + seed) + 15 * np.sin(2 * np.pi * 2.3 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    loud = np.repeat(rng.uniform(0.4, 1, int(seconds * 4) + 1), RATE // 4)[:n]
    opening = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) ** 0.7 * loud
    hiss = rng.standard_normal(n) * np.clip(-np.sin(2 * np.pi * 4 * t), 0, 1) ** 3
    return (0.15 * voice * opening + 0.02 * hiss).astype(np.float32)


def chords(seconds: float) -> np.ndarray:
    """Held triads with a soft onset every two seconds: float32 (n,)."""
    t = np.arange(round(seconds * RATE)) / RATE
    root = 220 * 2 ** (np.array([0, 5, 7, 3])[(t // 2).astype(int) % 4] / 12)
    phase = 2 * np.pi * np.cumsum(root) / RATE
    tones = sum(np.sin(ratio * k * phase) / k for ratio in (1, 1.25, 1.5) for k in (1, 2, 3))
    return (0.1 * tones * (1 - 0.4 * np.exp(-((t % 2) * 8)))).astype(np.float32)


def scores(quality: float, n: int = 6, file: str = "a.wav", **about) -> list[SegmentScore]:
    """Segments whose measures all are about ``quality``, 0 to 1."""
    values = {name: quality if m.higher_is_better else 10 * (1 - quality) for name, m in MEASURES.items()}
    moved = {name: [value + 0.01 * i for i in range(n)] for name, value in values.items()}
    return [
        SegmentScore(
            file, "tiny", 6.0, 10.0 * i, 10.0, drift_ms=0.1 * i, **{name: moved[name][i] for name in MEASURES}, **about
        )
        for i in range(n)
    ]


def run_of(segments: list[SegmentScore], growth: float | None = 0.5, **changed) -> BenchmarkRun:
    """A run of one file by one method that has these segments."""
    method = Method("6kbps", "tiny 6 kbps", "tiny", 6.0, 8)
    measures = tuple(MEASURES)
    quality = Quality(
        method.key, {name: interval(name, [segments]) for name in measures}, len(segments), 0, 0, 6000.0, 50.0, 60.0,
        Drift(0.0, growth, growth, 5.0, 55.0, len(segments)), None,
    )  # fmt: skip
    file = BenchmarkFile(segments[0].file, "a.wav", "0" * 64, 60.0, 1, 16_000, 0.0, None, (quality,))
    run = BenchmarkRun(
        giblet="0.1.0", created="2026-01-01T00:00:00+00:00", codec={"name": "tiny", "fingerprint": "f"}, mel=None,
        settings={"segment": 10.0, "listen": 0.0}, machine={}, versions={}, measures=measures, methods=(method,),
        files=(file,), overall=(dataclasses.replace(quality, drift=None),), skipped=(), warnings=(),
        scores=tuple(segments),
    )  # fmt: skip
    return dataclasses.replace(run, **changed)


def written(run: BenchmarkRun, folder) -> None:
    """Write a run as the benchmark does."""
    folder.mkdir()
    run.segments().to_csv(folder / "segments.csv", index=False)
    (folder / "results.json").write_text(run.to_json(), encoding="utf-8")
