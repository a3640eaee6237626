"""``giblet fit``: does the feature predict the brain?"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giblet.cli.options import Force, Json, Verbose, as_count
from giblet.cli.progress import Bar
from giblet.errors import MissingExtraError, ParameterError, printable

if TYPE_CHECKING:
    from rich.table import Table

    from giblet.encoding.plan import Plan
    from giblet.encoding.scores import Scores

DEVICES = {"auto": "auto", "cpu": "numpy", "cuda": "torch_cuda"}
_FEW = 24


def command(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A study (a folder, BIDS, or a YAML file that describes one), or a dataset that was built of one.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.", show_default=False)],
    features: Annotated[
        str | None,
        typer.Option(
            help="Feature spaces, with commas: audio.latents,audio.power,text.word_rate. By default the study's, or "
            "the power of its sound and the rate of its words.",
            show_default=False,
        ),
    ] = None,
    subjects: Annotated[
        str | None, typer.Option(help="Names or numbers, with commas; by default all.", show_default=False)
    ] = None,
    group: Annotated[bool, typer.Option("--group", help="The mean of the subjects in their stead.")] = False,
    delays: Annotated[
        str | None, typer.Option(help="Seconds, with commas; by default 2,4,6,8.", show_default=False)
    ] = None,
    hrf: Annotated[
        str | None,
        typer.Option(help="A haemodynamic response in place of delays: spm, glover, ….", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(help="banded, a regularisation for each feature space, or ridge.")] = "banded",
    folds: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER",
            help="Contiguous blocks held out one by one; by default each run, or 5 blocks of a single one.",
            show_default=False,
        ),
    ] = None,
    gap: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS", help="Left out around them; by default what the model reaches.", show_default=False
        ),
    ] = None,
    high_pass: Annotated[
        str, typer.Option(metavar="HZ", help="Slower drifts are regressed out of BOLD; none for none.")
    ] = "1/128",
    unique: Annotated[bool, typer.Option("--unique", help="Fit without each feature space, too.")] = False,
    null: Annotated[
        str, typer.Option(help="blocks of predictions change places, shifts of features and new fits, or none.")
    ] = "blocks",
    permutations: Annotated[str, typer.Option(metavar="NUMBER", help="How many; of shifts at the most.")] = "1000",
    mixtures: Annotated[
        str, typer.Option(metavar="NUMBER", help="Mixtures of feature spaces that banded ridge tries.")
    ] = "100",
    seed: Annotated[str, typer.Option(metavar="NUMBER", help="The same seed gives the same results.")] = "0",
    targets_at_once: Annotated[
        str, typer.Option(metavar="NUMBER", help="Fewer targets at once take less memory.")
    ] = "20000",
    tr: Annotated[
        str | None, typer.Option(help="Repetition time, seconds; by default the scans'.", show_default=False)
    ] = None,
    codec: Annotated[
        str | None, typer.Option("--codec", help="As for giblet extract; by default the study's.", show_default=False)
    ] = None,
    bandwidth: Annotated[
        str | None, typer.Option("-b", "--bandwidth", metavar="KBPS", help="Kilobits per second.", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto (CUDA where there is one), cpu or cuda.")] = "auto",
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Fit features to the BOLD of DATASET and judge them on what the model never saw."""
    if device not in DEVICES:
        raise ParameterError(f"there is no device {device!r}", f"choose from {', '.join(DEVICES)}")
    from giblet.encoding.plan import Plan

    plan = Plan(
        delays=None if delays is None else tuple(delays.split(",")),
        hrf=hrf,
        model=model,
        n_iter=as_count(mixtures, "--mixtures") or 0,
        n_blocks=as_count(folds, "--folds"),
        gap=gap,
        unique=unique,
        null=null,
        permutations=as_count(permutations, "--permutations") or 0,
        random_state=as_count(seed, "--seed") or 0,
        backend=DEVICES[device],
        targets_at_once=as_count(targets_at_once, "--targets-at-once") or 0,
    )
    asked = {"tr": tr, "codec": codec, "bandwidth": bandwidth}
    settings: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    _check(dataset, output, features, high_pass, settings, force)

    from giblet.encoding.fitting import each_fit
    from giblet.encoding.saving import save_scores
    from giblet.report.fit_figures import write_figures

    chosen: str | list[str | int] = "all"
    if subjects is not None:
        # A number finds the name that it is in.
        chosen = [int(one) if re.fullmatch("[1-9][0-9]*", one) else one for one in subjects.split(",")]
    with Bar() as bar:
        settings["high_pass"] = None if high_pass == "none" else high_pass
        fits = each_fit(dataset, plan, features, chosen, group, bar, **settings)
        kept: list[Scores] = []
        summary = save_scores(
            _few(fits, kept), output, _about(dataset, features, plan, high_pass), force=force, finish=write_figures
        )
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        _show(summary, kept)
        typer.echo(printable(str(output)))


def _check(
    dataset: Path, output: Path, features: str | None, high_pass: str, settings: dict[str, Any], force: bool
) -> None:
    """Say what is wrong before anything is read."""
    from giblet.data.multimodal.prepared import is_prepared
    from giblet.data.multimodal.settings import asked_settings
    from giblet.encoding.saving import check_output
    from giblet.features import ask_features
    from giblet.timeline import exact

    if features is not None:
        ask_features(features)
    if high_pass != "none":
        exact(high_pass, "--high-pass")
    if importlib.util.find_spec("himalaya") is None:
        raise MissingExtraError("giblet fit", "encoding")
    if not is_prepared(dataset):
        from giblet.data.layouts import find_study

        study = find_study(dataset)
        asked_settings(study, settings)
        study.raise_errors()
    check_output(output, force)


def _few(fits: Iterator[Scores], kept: list[Scores]) -> Iterator[Scores]:
    """Keep scores of few targets, to be shown one by one."""
    for scores in fits:
        if len(scores.targets) <= _FEW:
            kept.append(scores)
        yield scores


def _about(dataset: Path, features: str | None, plan: Plan, high_pass: str) -> dict[str, Any]:
    import giblet

    return {
        "giblet": giblet.__version__,
        "dataset": str(dataset),
        "features": features,
        "high_pass": high_pass,
        "delays": None if plan.delays is None else [float(delay) for delay in plan.delays],
        "hrf": plan.hrf,
        "model": plan.model,
        "mixtures": plan.n_iter,
        "folds": plan.n_blocks,
        "gap": plan.gap,
        "unique": plan.unique,
        "null": plan.null,
        "permutations": plan.permutations,
        "seed": plan.random_state,
        "dtype": plan.dtype,
    }


def _show(summary: dict[str, Any], kept: list[Scores]) -> None:
    from rich.console import Console

    from giblet.encoding.tally import LEVEL

    # A table that is wider than the terminal is better wrapped by it than cut by rich.
    console = Console(width=1000, highlight=False, markup=False)
    spaces = list(summary["scores"][0]["r2_of_spaces"])
    shares = [f"of it\n{space}" for space in spaces] if len(spaces) > 1 else []
    shown = _table(
        "", "targets", "mean r", "ceiling", "reached", "mean R²", *shares, "best r", "at", f"q ≤ {LEVEL:g}",
        "smallest p",
    )  # fmt: skip
    for one in summary["scores"]:
        shown.add_row(
            one["name"],
            str(one["n_targets"] - one["n_without_signal"]),
            f"{one['mean_r']:.3f}",
            _figure("ceiling", one["mean_ceiling"]),
            _figure("reached", one["of_ceiling"]),
            f"{one['mean_r2']:.3f}",
            *(f"{one['r2_of_spaces'][space]:.3f}" for space in spaces if shares),
            f"{one['best_r']:.3f}",
            printable(one["best_target"]),
            "–" if one["n_discoveries"] is None else str(one["n_discoveries"]),
            "–" if one["smallest_p"] is None else f"{one['smallest_p']:.2g}",
        )
    console.print(shown)
    if len(kept) == 1 == len(summary["scores"]):
        console.print(_of_targets(kept[0]))
    said = [note for one in summary["scores"] for note in one["notes"]]
    for note in dict.fromkeys([*said, *(one["ceiling"] for one in summary["scores"])]):
        typer.echo(printable(note))


def _of_targets(scores: Scores) -> Table:
    maps = scores.maps()
    shown = _table("target", *maps)
    for i, target in enumerate(scores.targets):
        shown.add_row(printable(target), *(_figure(name, values[i]) for name, values in maps.items()))
    return shown


def _figure(name: str, value: float | None) -> str:
    if value is None or value != value:
        return "–"
    if name in ("of_ceiling", "reached"):
        return f"{value:.0%}"
    return f"{value:.4f}" if name in ("p", "q") else f"{value:.3f}"


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for i, heading in enumerate(headings):
        shown.add_column(heading, justify="left" if i == 0 else "right", no_wrap=True)
    return shown
