"""How fast a codec trains: seconds of sound a second, forward and backward, against transformers' own layout.

    python benchmarks/train.py [SETTINGS] [--set NAME=VALUE ...]

Both use the same weights and the same losses; they differ in the memory layout of the convolutions
(`giblet.training.network`). Random sound, in memory; medians of the steps after the first two, taking turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from giblet.training import encodec
from giblet.training.config import TrainingConfig
from giblet.training.configfile import read_config
from giblet.training.encodec import EncodecTrainee
from giblet.training.network import run_network
from giblet.training.objective import Objective

LAYOUTS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "transformers": lambda network, x: network(x),
    "giblet": run_network,
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="?", default="tiny")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = read_config(options.settings, tuple(options.set))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in LAYOUTS}
    trainee = prepared(config)
    for step in range(options.steps):
        for name, layout in LAYOUTS.items():
            encodec.run_network = layout
            times[name].append(one_step(config, trainee, step))
    seconds = config.data.batch * config.crop_samples / config.model.sample_rate
    n_values = sum(parameter.numel() for parameter in trainee.parameters())
    print(f"{config.name}: {n_values / 1e6:.2f} M values, batches of {seconds:.2f} s, {options.threads} threads")
    print(f"{'layout':14}{'forward':>12}{'backward':>12}{'both':>12}   seconds of sound a second")
    both = {}
    for name, rows in times.items():
        forward, backward = (statistics.median(column) for column in zip(*rows[2:], strict=True))
        both[name] = seconds / (forward + backward)
        print(f"{name:14}{seconds / forward:12.1f}{seconds / backward:12.1f}{both[name]:12.1f}")
    print(f"ratio {both['giblet'] / both['transformers']:.2f}")


def prepared(config: TrainingConfig) -> EncodecTrainee:
    """Return a model that quantises, as in most of a run."""
    trainee = EncodecTrainee(config.model, config.quantizer, config.run.seed, "cpu")
    for layer in trainee.model.quantizer.layers:
        layer.codebook.embed.normal_()
        layer.codebook.embed_avg.copy_(layer.codebook.embed)
        layer.codebook.cluster_size.fill_(1)
        layer.codebook.inited.fill_(1)
    return trainee


def one_step(config: TrainingConfig, trainee: EncodecTrainee, step: int) -> tuple[float, float]:
    """Return the seconds of a forward and a backward pass."""
    torch.manual_seed(step)
    sound = 0.1 * torch.randn(config.data.batch, config.model.channels, config.crop_samples)
    objective = Objective(config.losses, config.model.sample_rate, {}, "cpu")
    began = time.perf_counter()
    made = trainee.reconstruct(sound, step)
    losses = objective.losses(sound, made.sound, step)
    between = time.perf_counter()
    objective.backward(losses, made.penalties, made.sound)
    return between - began, time.perf_counter() - between


if __name__ == "__main__":
    main()
