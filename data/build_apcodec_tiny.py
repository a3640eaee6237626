"""Rebuild the built-in codec ``apcodec-tiny``: fetch recordings, choose among them, train, write the files that ship.

    python data/build_apcodec_tiny.py WORK [--export] [--set NAME=VALUE ...]

WORK gets the recordings (1.5 GB to download), what of them is trained on and what is held out, the run and the result,
``WORK/apcodec-tiny``. What is there is not done again, and an interrupted training goes on. With ``--export`` the run
is taken as it is, and only the result is written. The settings are giblet/training/configs/apcodec-tiny.yaml.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save

LEAST_BANDWIDTH = 10_000
"""Hz; a package whose recordings mostly end lower would teach little of 48 kHz."""
MUSIC = ("wesnoth-1.16-music",)
"""Two hours; music needs less than speech."""
HELD_OUT = tuple(f"gcompris-sound-{language}" for language in ("cs", "el", "fi", "ptbr", "tr"))
"""Voices that are never trained on."""


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--export", action="store_true", help="only write the result of the run as it is")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    run, result = asked.work / "run", asked.work / "apcodec-tiny"
    if not asked.export:
        recordings = asked.work / "recordings"
        subprocess.run([sys.executable, Path(__file__).with_name("fetch_recordings.py"), recordings], check=True)
        choose(recordings, asked.work / "wide", asked.work / "held_out")
        overrides = [part for value in asked.set for part in ("--set", value)]
        command = ["-m", "giblet", "train", "apcodec-tiny", "--data", asked.work / "wide", "-o", run, *overrides]
        subprocess.run([sys.executable, *command], check=True)
    shrink(run / "model", result)
    size = (result / "model.safetensors").stat().st_size
    print(f"{result}: {size / 1e6:.1f} MB; measure it with giblet evaluate {result} --data {asked.work / 'held_out'}")


def choose(recordings: Path, wide: Path, held_out: Path) -> None:
    """Link the packages of wide recordings to where they are trained on, or held out."""
    with (recordings / "SOURCES.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        package, kind = row["package"], row["kind"]
        if float(row["bandwidth_hz"]) < LEAST_BANDWIDTH or (kind == "music" and package not in MUSIC):
            continue
        link = (held_out if package in HELD_OUT else wide) / kind / package
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to((recordings / kind / package).resolve())


def shrink(model: Path, result: Path) -> None:
    """Write a model as float16."""
    result.mkdir(parents=True, exist_ok=True)
    tensors = {key: value.to(torch.float16) for key, value in load_file(model / "model.safetensors").items()}
    (result / "model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))
    # At 6 kbps alone, so that nobody gets fewer codebooks without having asked.
    config = json.loads((model / "config.json").read_text())
    config["bandwidths"] = config["bandwidths"][-1:]
    (result / "config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
