"""Rebuild the built-in codec ``tiny`` and its language model: fetch recordings, train, write the files that ship.

    python data/build_tiny_codec.py WORK [--set NAME=VALUE ...]

WORK gets the recordings (1.5 GB to download), the run and the result, ``WORK/tiny``. What is there is not done again,
and an interrupted training goes on. The settings are giblet/training/configs/tiny.yaml.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save

# The language model needs fewer recordings than the codec.
LM_PACKAGES = (
    "speech/asterisk-core-sounds-*", "speech/festvox-ru", "speech/gcompris-sound-en", "speech/gcompris-sound-fr",
    "music/wesnoth-1.16-music",
)  # fmt: skip
# What only training uses; leaving it out halves the file.
TRAINING_BUFFERS = ("embed_avg", "cluster_size", "inited")


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    recordings, run, result = asked.work / "recordings", asked.work / "run", asked.work / "tiny"
    here = Path(__file__).parent
    subprocess.run([sys.executable, here / "fetch_recordings.py", recordings], check=True)
    # A third of the recordings is music, which needs less.
    overrides = [part for value in ('data.weights={"music/*": 0.5}', *asked.set) for part in ("--set", value)]
    subprocess.run(
        [sys.executable, "-m", "giblet", "train", "tiny", "--data", recordings, "-o", run, *overrides], check=True
    )
    shrink(run / "model", result)
    train_language_model(result, recordings, asked.work)
    size = (result / "model.safetensors").stat().st_size
    print(f"{result}: {size / 1e6:.1f} MB; measure it with giblet evaluate {result} --data FOLDER")


def train_language_model(codec: Path, recordings: Path, work: Path) -> None:
    """Train the language model of the finished codec, and put it into its folder."""
    some, run = work / "lm_recordings", work / "lm_run"
    for pattern in LM_PACKAGES:
        for package in recordings.glob(pattern):
            link = some / package.relative_to(recordings)
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to(package.resolve())
    settings = ("run.steps=5000", "run.threads=1", "optimizer.decay=0.6")
    overrides = [part for value in settings for part in ("--set", value)]
    subprocess.run(
        [sys.executable, "-m", "giblet", "train", codec, "--lm", "--data", some, "-o", run, *overrides], check=True
    )
    shutil.copytree(run / "model", codec / "lm", dirs_exist_ok=True)


def shrink(model: Path, result: Path) -> None:
    """Write a model as float16, without what only training uses."""
    result.mkdir(parents=True, exist_ok=True)
    tensors = {
        key: value.to(torch.float16) if value.is_floating_point() else value
        for key, value in load_file(model / "model.safetensors").items()
        if not key.endswith(TRAINING_BUFFERS)
    }
    (result / "model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))
    for name in ("config.json", "preprocessor_config.json"):
        (result / name).write_text((model / name).read_text())


if __name__ == "__main__":
    main()
