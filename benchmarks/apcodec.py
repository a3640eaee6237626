"""What an APCodec learnt, how fast it is, and how it sounds.

    python benchmarks/apcodec.py losses RUN
    python benchmarks/apcodec.py speed [SETTINGS] [--set NAME=VALUE ...] [--seconds 10] [--threads 2] [--repeats 3]
    python benchmarks/apcodec.py quality FILES ... [--codec NAME ...] [--bandwidth 6] [--max-seconds 12]

``losses`` reads the log of a run. ``speed`` times an APCodec against an EnCodec of as many parameters that makes as
many frames of codes a second of the same sound; both are transformers' and giblet's whole-file networks with random
weights, and take turns. ``quality`` puts the same files through codecs of any rate, and measures all at 48 kHz.
"""

from __future__ import annotations

import argparse
import bisect
import csv
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from transformers import EncodecConfig, EncodecModel

from giblet.codecs import decode, encode, load_codec
from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.model import APCodecModel
from giblet.codecs.base import Codec
from giblet.codecs.quality import sound_files
from giblet.media import AudioReader
from giblet.metrics import Pair, cut, rms, score

RATE = 48_000
MEASURES = ("stoi", "estoi", "pesq_wb", "mel_distance")
HIGH = 12_000
"""Hz above which a codec of 24 kHz has nothing."""


def main() -> None:
    """Do one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    losses = kinds.add_parser("losses")
    losses.add_argument("run", type=Path)
    speed = kinds.add_parser("speed")
    speed.add_argument("settings", nargs="?", default="apcodec-48khz")
    speed.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    speed.add_argument("--seconds", type=float, default=10)
    speed.add_argument("--threads", type=int, default=2)
    speed.add_argument("--repeats", type=int, default=3)
    quality = kinds.add_parser("quality")
    quality.add_argument("files", nargs="+")
    quality.add_argument("--codec", action="append", default=[])
    quality.add_argument("--bandwidth", type=float, default=6.0)
    quality.add_argument("--max-seconds", type=float, default=12.0)
    quality.add_argument("--loudness", type=float, default=0.06)
    asked = parser.parse_args()
    if asked.kind == "losses":
        print_losses(asked.run)
    elif asked.kind == "speed":
        print_speed(asked)
    else:
        print_quality(asked)


def loss_table(run: Path) -> dict[str, tuple[float, float]]:
    """Return the first and the last figure of every name in a run's log, validation included."""
    figures: dict[str, tuple[float, float]] = {}
    with (run / "log.csv").open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            value = float(line["value"])
            figures[line["name"]] = (figures.get(line["name"], (value,))[0], value)
    return figures


def print_losses(run: Path) -> None:
    """Print a run's log as a table."""
    print("| term | start | end |\n| --- | --- | --- |")
    for name, (first, last) in loss_table(run).items():
        print(f"| {name} | {first:.4g} | {last:.4g} |")


@dataclass(frozen=True)
class Speed:
    """Seconds of sound a second."""

    name: str
    parameters: int
    encode: float
    decode: float


def print_speed(asked: argparse.Namespace) -> None:
    """Time both and print a table."""
    from giblet.training.configfile import read_config

    torch.set_num_threads(asked.threads)
    sizes = read_config(asked.settings, tuple(asked.set)).model.sizes  # type: ignore[union-attr]
    ours, theirs = compare_speed(sizes, asked.seconds, asked.repeats)
    print(
        f"{asked.seconds:g} s of sound at {sizes.sample_rate} Hz, {sizes.bandwidth:g} kbps, {asked.threads} threads\n"
    )
    print("| codec | parameters | encode, × real time | decode, × real time |\n| --- | --- | --- | --- |")
    for row in (ours, theirs):
        print(f"| {row.name} | {row.parameters / 1e6:.2f} M | {row.encode:.1f} | {row.decode:.1f} |")
    print(f"| ratio | | {ours.encode / theirs.encode:.2f} | {ours.decode / theirs.decode:.2f} |")


def compare_speed(sizes: APCodecConfig, seconds: float, repeats: int) -> tuple[Speed, Speed]:
    """Return the speed of an APCodec and of its equal, medians of calls that take turns."""
    torch.manual_seed(0)
    ours = APCodecModel(sizes).eval()
    theirs = equal_encodec(sizes, n_parameters(ours))
    sound = 0.1 * torch.randn(1, round(seconds * sizes.sample_rate))
    kbps = theirs.config.target_bandwidths[-1]
    with torch.inference_mode():
        codes, other = ours.encode(sound), theirs.encode(sound[None], bandwidth=kbps).audio_codes
        calls: dict[str, Callable[[], Any]] = {
            "our encode": lambda: ours.encode(sound),
            "their encode": lambda: theirs.encode(sound[None], bandwidth=kbps),
            "our decode": lambda: ours.decode(codes),
            "their decode": lambda: theirs.decode(other, [None]),
        }
        times = race(calls, repeats)
    rate = {name: seconds / taken for name, taken in times.items()}
    return (
        Speed("APCodec", n_parameters(ours), rate["our encode"], rate["our decode"]),
        Speed("EnCodec", n_parameters(theirs), rate["their encode"], rate["their decode"]),
    )


def equal_encodec(sizes: APCodecConfig, wanted: int) -> EncodecModel:
    """Return the EnCodec with the nearest number of parameters, and the rate, frames and bits of an APCodec."""

    def config(filters: int) -> EncodecConfig:
        return EncodecConfig(
            sampling_rate=sizes.sample_rate, audio_channels=1, num_filters=filters, hidden_size=sizes.latent_dim,
            codebook_size=sizes.codebook_size, codebook_dim=sizes.latent_dim, target_bandwidths=[sizes.bandwidth],
        )  # fmt: skip

    def size(filters: int) -> int:
        with torch.device("meta"):
            return n_parameters(EncodecModel(config(filters)))

    if sizes.frame_hop != config(2).hop_length:
        raise SystemExit(f"EnCodec has a frame every {config(2).hop_length} samples, not every {sizes.frame_hop}")
    above = bisect.bisect_left(range(2, 256), wanted, key=size) + 2
    model = EncodecModel(config(min((above - 1, above), key=lambda filters: abs(size(filters) - wanted)))).eval()
    for layer in model.quantizer.layers:
        layer.codebook.embed.normal_()
    return model


def n_parameters(model: torch.nn.Module) -> int:
    """Return the values of a model, codebooks included."""
    buffers = [value for name, value in model.named_buffers() if name.endswith("codebook.embed")]
    return sum(value.numel() for value in (*model.parameters(), *buffers))


def race(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median seconds of calls that take turns, after one warm-up each."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(taken) for name, taken in times.items()}


def print_quality(asked: argparse.Namespace) -> None:
    """Measure the codecs on the files and print a table of each file and of the means."""
    codecs = [load_codec(name, "cpu") for name in asked.codec or ["apcodec-tiny", "tiny"]]
    print(f"| file | codec | {' | '.join(MEASURES)} | energy above {HIGH // 1000} kHz |")
    print(f"| --- | --- |{' --- |' * (len(MEASURES) + 1)}")
    rows: dict[str, list[dict[str, float]]] = {}
    for path in sound_files(asked.files):
        sound = read(path, RATE, asked.max_seconds)
        sound *= np.float32(asked.loudness / max(rms(sound), 1e-9))
        print(f"| {path.name} | none |{' |' * len(MEASURES)} {high_share(sound):.2e} |", flush=True)
        for codec in codecs:
            found = measure(codec, sound, asked.bandwidth)
            rows.setdefault(codec.name, []).append(found)
            print_row(path.name, codec.name, found)
    for name, found in rows.items():
        means = {key: float(np.nanmean([row[key] for row in found])) for key in found[0]}
        print_row(f"mean of {len(found)}", name, means)


def print_row(file: str, codec: str, found: dict[str, float]) -> None:
    """Print one line of the table of quality."""
    values = " | ".join(f"{found[name]:.3f}" for name in MEASURES)
    print(f"| {file} | {codec} | {values} | {found['high_share']:.2e} |", flush=True)


def measure(codec: Codec, sound: np.ndarray, bandwidth: float) -> dict[str, float]:
    """Return what becomes of a sound in a codec of any rate: giblet's measures at 48 kHz, and energy above 12 kHz."""
    rate = codec.layout.sample_rate
    given = resampled(sound, RATE, rate)
    again = decode(codec, encode(codec, np.repeat(given[None], codec.channels, 0), bandwidth)).mean(0)
    heard = resampled(again, rate, RATE)[: len(sound)]
    heard = np.pad(heard, (0, len(sound) - len(heard)))
    scores = [score(part, MEASURES) for part in cut(Pair(sound, heard, RATE), 12.0)]
    found = {name: mean_of(getattr(part, name) for part in scores) for name in MEASURES}
    return found | {"high_share": high_share(heard)}


def mean_of(values: Iterator[float]) -> float:
    """Return the mean of the values that are defined, NaN of none."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def high_share(sound: np.ndarray) -> float:
    """Return the share of a sound's energy at 48 kHz that lies above 12 kHz."""
    energy = np.abs(np.fft.rfft(sound.astype(np.float64))) ** 2
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float(energy[frequency > HIGH].sum() / max(energy.sum(), 1e-30))


def resampled(sound: Sequence[float] | np.ndarray, rate: int, other: int) -> np.ndarray:
    """Return a sound at another rate."""
    return np.asarray(sound if rate == other else soxr.resample(sound, rate, other, "VHQ"), np.float32)


def read(path: Path, rate: int, max_seconds: float) -> np.ndarray:
    """Return the beginning of a file, one channel."""
    with AudioReader(path, channels=1, sample_rate=rate, picture_clock=False) as reader:
        blocks: list[np.ndarray] = []
        for block in reader:
            blocks.append(block[0])
            if sum(map(len, blocks)) >= max_seconds * rate:
                break
    return np.concatenate(blocks)[: round(max_seconds * rate)]


if __name__ == "__main__":
    main()
