"""``giblet train``: a codec from recordings."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giblet.cli.options import Verbose
from giblet.cli.progress import Bar
from giblet.errors import ParameterError, printable
from giblet.workfolder import check_place, reason

if TYPE_CHECKING:
    from giblet.training.trainer import Trainer, TrainingResult


def command(
    config: Annotated[
        str,
        typer.Argument(
            help="Settings, a YAML file; or the built-in minutes, tiny, speech-16khz, base-24khz or stereo-48khz.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Recordings of any format.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder of the run; one that has begun goes on. By default runs/NAME, after the settings' name.",
            show_default=False,
        ),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Replace a setting, such as run.steps=100.", show_default=False
        ),
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda, ….", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    verbose: Verbose = False,
) -> None:
    """Train a codec from the recordings in a folder; model in the run's folder is then a codec for every command.

    Ctrl-C stops; the same command goes on from the last checkpoint, exactly as if it had not been stopped.
    """
    if data is not None and not data.is_dir():
        raise ParameterError("there is no such folder of recordings", "check its name", data)
    for package in ("pydantic", "tensorboard"):
        if importlib.util.find_spec(package) is None:
            raise ParameterError(f"training needs the package {package}", "install giblet[train]")
    from giblet.training.configfile import read_config

    overrides = list(override or ())
    overrides += [f"data.folder={json.dumps(str(data.resolve()))}"] if data is not None else []
    overrides += [f"run.device={json.dumps(device)}"] if device is not None else []
    settings = read_config(config, tuple(overrides))
    if settings.data.folder is None:
        raise ParameterError("there is no folder of recordings", "give one with --data DIR")
    folder = Path("runs", settings.name) if output is None else output
    try:
        check_place(folder / "model")
    except OSError as error:
        raise ParameterError(f"cannot be written ({reason(error)})", "choose another output", folder) from error

    from giblet.training.trainer import Trainer

    with Bar() as bar:
        trainer = Trainer(settings, folder, bar)
        _say_what_is_there(trainer, quiet=as_json)
        result = trainer.run(None if as_json else _say_validation)
    if as_json:
        typer.echo(json.dumps(_document(trainer, result)))
    else:
        typer.echo(closing_line(result))


def _say_what_is_there(trainer: Trainer, *, quiet: bool) -> None:
    corpus = trainer.corpus
    if not quiet:
        typer.echo(
            f"{corpus.duration / 60:.1f} minutes of sound in {len(corpus.files)} files, "
            f"{trainer.held_out / 60:.1f} of them held out for validation"
        )
        if trainer.step:
            typer.echo(f"goes on from step {trainer.step}")
    for path, why in (*corpus.rejected, *(trainer.noise.rejected if trainer.noise else ())):
        sys.stderr.write(f"giblet: {printable(str(path))} is skipped: {why}\n")


def _say_validation(step: int, mel_distance: dict[str, float]) -> None:
    typer.echo(f"step {step}: mel distance on held-out sound {_listed(mel_distance)}")


def _listed(mel_distance: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in mel_distance.items())


def _document(trainer: Trainer, result: TrainingResult) -> dict[str, object]:
    return {
        "model": str(result.folder / "model"),
        "files": len(trainer.corpus.files),
        "minutes": trainer.corpus.duration / 60,
        "skipped": [list(pair) for pair in trainer.corpus.rejected],
        "steps": result.steps,
        "first_step": result.first_step,
        "seconds": result.seconds,
        "sound_seconds": result.sound_seconds,
        "waiting": result.waiting,
        "mel_distance": result.mel_distance,
        "first_mel_distance": result.first_mel_distance,
    }


def closing_line(result: TrainingResult) -> str:
    """Say what a run gave.

    Parameters
    ----------
    result : TrainingResult
        How it ended.

    Returns
    -------
    str
        Where the codec lies, steps, speed, and how the mel distance fell.
    """
    speed = result.sound_seconds / max(result.seconds, 1e-9)
    parts = [
        f"{printable(str(result.folder / 'model'))}: {result.steps} steps",
        f"{speed:.0f} s of sound a second, {100 * result.waiting:.1f} % of the time waiting for it",
    ]
    if result.mel_distance:
        distances = f"{_listed(result.first_mel_distance)} before, {_listed(result.mel_distance)} now"
        parts.append(f"mel distance on held-out sound {distances}")
    return "; ".join(parts)
