"""``giblet train``: a codec from recordings."""

from __future__ import annotations

import json
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
    try:
        from giblet.training.config import read_config
    except ImportError as error:
        raise ParameterError(f"training needs the package {error.name}", "install giblet[train]") from None

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
        if not as_json:
            _say_what_is_there(trainer)
        result = trainer.run()
    if as_json:
        typer.echo(json.dumps(_document(result)))
    else:
        typer.echo(closing_line(result))


def _say_what_is_there(trainer: Trainer) -> None:
    corpus = trainer.corpus
    typer.echo(f"{corpus.duration / 60:.1f} minutes of sound in {len(corpus.files)} files")
    for path, why in corpus.rejected:
        typer.echo(f"skipped {printable(str(path))}: {why}")


def _document(result: TrainingResult) -> dict[str, object]:
    return {
        "model": str(result.folder / "model"),
        "steps": result.steps,
        "first_step": result.first_step,
        "seconds": result.seconds,
        "sound_seconds": result.sound_seconds,
        "waiting": result.waiting,
        "mel_distance": {f"{bandwidth:g}": value for bandwidth, value in result.mel_distance.items()},
        "first_mel_distance": {f"{bandwidth:g}": value for bandwidth, value in result.first_mel_distance.items()},
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
        distances = ", ".join(
            f"{bandwidth:g} kbps {result.first_mel_distance[bandwidth]:.3f} → {value:.3f}"
            for bandwidth, value in result.mel_distance.items()
        )
        parts.append(f"mel distance on held-out sound {distances}")
    return "; ".join(parts)
