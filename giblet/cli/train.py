"""``giblet train``: a codec, or a language model over the codes of one, from recordings."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giblet.cli.options import Verbose
from giblet.cli.progress import Bar
from giblet.errors import ParameterError, printable
from giblet.workfolder import check_place, reason

if TYPE_CHECKING:
    from giblet.training.corpus import Corpus
    from giblet.training.lm import LanguageModelResult, LanguageModelTrainer
    from giblet.training.trainer import Trainer, TrainingResult


def command(
    config: Annotated[
        str,
        typer.Argument(
            help="Settings, a YAML file; or the built-in minutes, tiny, speech-16khz, base-24khz, stereo-48khz, "
            "apcodec-tiny or apcodec-48khz; or a config.json of APCodec's authors. With --lm, YAML or a codec.",
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
            help="Folder of the run; one that has begun goes on. By default the settings' run.folder, or runs/NAME.",
            show_default=False,
        ),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Replace a setting, such as run.steps=100.", show_default=False
        ),
    ] = None,
    lm: Annotated[
        bool, typer.Option("--lm", help="Train a language model over a codec's codes, which packs them tighter.")
    ] = False,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda, ….", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    verbose: Verbose = False,
) -> None:
    """Train a codec from the recordings in a folder; model in the run's folder is then a codec for every command.

    With --lm, train a language model over the codes of a codec: giblet train tiny --lm --data DIR.

    Ctrl-C stops; the same command goes on from the last checkpoint, exactly as if it had not been stopped.
    """
    if data is not None and not data.is_dir():
        raise ParameterError("there is no such folder of recordings", "check its name", data)
    for package in ("pydantic", "tensorboard"):
        if importlib.util.find_spec(package) is None:
            raise ParameterError(f"training needs the package {package}", "install giblet[train]")
    overrides = [*(override or ())]
    overrides += [f"data.folder={json.dumps(str(data.resolve()))}"] if data is not None else []
    overrides += [f"run.device={json.dumps(device)}"] if device is not None else []
    train = _train_language_model if lm else _train_codec
    typer.echo(train(config, tuple(overrides), output, as_json))


def _train_codec(config: str, overrides: tuple[str, ...], output: Path | None, as_json: bool) -> str:
    from giblet.training.configfile import read_config

    settings = read_config(config, overrides)
    folder = _folder(
        settings.data.folder or settings.data.files, output or settings.run.folder or Path("runs", settings.name)
    )

    from giblet.training.trainer import Trainer

    with Bar() as bar:
        trainer = Trainer(settings, folder, bar)
        _say_what_is_there(trainer.corpus, trainer.held_out, trainer.step, quiet=as_json)
        _say_what_is_skipped(trainer.rejected)
        result = trainer.run(None if as_json else _say_validation)
    return json.dumps(_document(trainer, result)) if as_json else closing_line(result)


def _train_language_model(config: str, overrides: tuple[str, ...], output: Path | None, as_json: bool) -> str:
    from giblet.codecs.catalog import find_codec
    from giblet.training.configfile import read_lm_config

    settings = read_lm_config(config, overrides)
    name = Path(find_codec(settings.codec).name).name
    folder = _folder(settings.data.folder, output or settings.run.folder or Path("runs", f"{name}-lm"))

    from giblet.training.lm import LanguageModelTrainer

    with Bar() as bar:
        trainer = LanguageModelTrainer(settings, folder, bar)
        _say_what_is_there(trainer.corpus, trainer.held_out, trainer.step, quiet=as_json)
        _say_what_is_skipped(trainer.corpus.rejected)
        result = trainer.run()
    return json.dumps(_lm_document(trainer, result)) if as_json else lm_closing_line(result)


def _folder(recordings: Path | None, folder: Path) -> Path:
    """Return the folder of a run after making sure that it can begin."""
    if recordings is None:
        raise ParameterError("there is no folder of recordings", "give one with --data DIR")
    try:
        check_place(folder / "model")
    except OSError as error:
        raise ParameterError(f"cannot be written ({reason(error)})", "choose another output", folder) from error
    return folder


def _say_what_is_there(corpus: Corpus, held_out: float, step: int, *, quiet: bool) -> None:
    if not quiet:
        typer.echo(
            f"{corpus.duration / 60:.1f} minutes of sound in {len(corpus.files)} files, "
            f"{held_out / 60:.1f} of them held out for validation"
        )
        if step:
            typer.echo(f"goes on from step {step}")


def _say_what_is_skipped(rejected: Iterable[tuple[str, str]]) -> None:
    for path, why in rejected:
        sys.stderr.write(f"giblet: {printable(str(path))} is skipped: {why}\n")


def _say_validation(step: int, mel_distance: dict[str, float]) -> None:
    typer.echo(f"step {step}: mel distance on held-out sound {_listed(mel_distance)}")


def _listed(mel_distance: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in mel_distance.items())


def _run_document(corpus: Corpus, result: TrainingResult | LanguageModelResult) -> dict[str, object]:
    return {
        "model": str(result.folder / "model"),
        "files": len(corpus.files),
        "minutes": corpus.duration / 60,
        "skipped": [list(pair) for pair in corpus.rejected],
        "steps": result.steps,
        "first_step": result.first_step,
        "seconds": result.seconds,
    }


def _document(trainer: Trainer, result: TrainingResult) -> dict[str, object]:
    return _run_document(trainer.corpus, result) | {
        "sound_seconds": result.sound_seconds,
        "waiting": result.waiting,
        "mel_distance": result.mel_distance,
        "first_mel_distance": result.first_mel_distance,
        "losses": result.losses,
        "first_losses": result.first_losses,
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


def _lm_document(trainer: LanguageModelTrainer, result: LanguageModelResult) -> dict[str, object]:
    return _run_document(trainer.corpus, result) | {
        "n_frames": result.n_frames,
        "bits_per_code": {f"{bandwidth:g}": bits for bandwidth, bits in result.bits.items()},
        "saving": {f"{bandwidth:g}": share for bandwidth, share in result.saving.items()},
    }


def lm_closing_line(result: LanguageModelResult) -> str:
    """Say what a language model's run gave.

    Parameters
    ----------
    result : LanguageModelResult
        How it ended.

    Returns
    -------
    str
        Where the model lies, how to use it, steps, and the share of the bits that it saves on held-out sound.
    """
    saving = ", ".join(f"{share:.1%} at {bandwidth:g} kbps" for bandwidth, share in result.saving.items())
    return (
        f"{printable(str(result.folder / 'model'))}: {result.steps} steps; saves {saving} of held-out sound; "
        "move it into the codec's folder, as lm, for giblet codec --lm to find it"
    )
