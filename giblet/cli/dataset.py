"""``giblet dataset``: a study's stimuli and scans, brought together TR by TR."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giblet.cli.options import Force, Json, Scheduler, Slurm, Verbose, Workers, as_count
from giblet.cli.progress import Bar
from giblet.cli.workers import workers_of
from giblet.errors import GibletError, ParameterError, StoreError, printable

if TYPE_CHECKING:
    from giblet.data.multimodal.prepared import Prepared
    from giblet.data.study import Problem

app = typer.Typer(help="Bring a study's films, words and scans together, TR by TR.", no_args_is_help=True)

Source = Annotated[
    Path,
    typer.Argument(
        help="A study (a folder, BIDS, or a YAML file that describes one), or a dataset that was built of one.",
        show_default=False,
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        help="audio.codes, audio.latents, audio.mel, video.frames, text.word_rate; several with commas. By default "
        "what the study has files for.",
        show_default=False,
    ),
]
TR = Annotated[str | None, typer.Option(help="Repetition time, seconds; by default the scans'.", show_default=False)]
HRF = Annotated[
    str | None,
    typer.Option(help="Haemodynamic response: spm, glover, spm + derivative, ….", show_default=False),
]
Delays = Annotated[str | None, typer.Option(help="Delays in its stead, seconds, such as 2,4,6,8.", show_default=False)]
Filter = Annotated[
    str | None, typer.Option("--filter", help="mean, lanczos or last, for continuous features.", show_default=False)
]
Codec = Annotated[
    str | None,
    typer.Option("--codec", help="As for giblet extract; by default the study's.", show_default=False),
]
Bandwidth = Annotated[
    str | None, typer.Option("-b", "--bandwidth", metavar="KBPS", help="Kilobits per second.", show_default=False)
]


@app.command()
def build(
    study: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the dataset.", show_default=False)],
    features: Features = None,
    tr: TR = None,
    hrf: HRF = None,
    delays: Delays = None,
    method: Filter = None,
    codec: Codec = None,
    bandwidth: Bandwidth = None,
    max_trs: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="At most so many TRs of each run.", show_default=False)
    ] = None,
    frame_skip: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Every so-manieth picture.", show_default=False)
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    slurm: Slurm = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Build the dataset of STUDY, which MultimodalDataset then opens in a moment, without any model.

    Workers read several scans at once, and films.
    """
    from giblet.cluster import check_cluster
    from giblet.data.layouts import find_study
    from giblet.data.multimodal.settings import asked_settings

    asked = _asked(features, tr, hrf, delays, method, codec, bandwidth, max_trs, frame_skip)
    whose = as_count(workers, "--workers"), scheduler, slurm
    # Workers elsewhere know no relative names.
    found = find_study(study.absolute() if check_cluster(*whose) else study)
    settings = asked_settings(found, asked)
    found.raise_errors()
    _check_output(output, force)

    from giblet.data.multimodal.building import build as build_dataset
    from giblet.data.multimodal.building import cache_of

    with workers_of(whose) as run, Bar() as bar:
        prepared = build_dataset(found, settings, output, cache_of(found) / "stores", bar, force=force, run=run)
    typer.echo(json.dumps(_document(prepared)) if as_json else f"{printable(str(output))}: {_summary(prepared)}")


@app.command()
def info(dataset: Source, as_json: Json = False, verbose: Verbose = False) -> None:
    """Show what a dataset, or a study, holds."""
    from giblet.data.multimodal.prepared import is_prepared, read_prepared

    if is_prepared(dataset):
        prepared = read_prepared(dataset)
        if as_json:
            typer.echo(json.dumps(_document(prepared)))
        else:
            _show_dataset(prepared)
        return
    from giblet.data.layouts import find_study

    found = find_study(dataset)
    if as_json:
        runs = [{"subject": run.subject, "run": run.run, "bold": str(run.bold or "")} for run in found.runs]
        typer.echo(json.dumps({"study": found.name, "root": str(found.root), "runs": runs, "notes": found.notes}))
        return
    typer.echo(f"study     {printable(found.name)} in {printable(str(found.root))}")
    typer.echo(f"subjects  {', '.join(found.subjects)}")
    for run in found.runs:
        files = [path for path in (run.bold, run.stimulus, *run.annotations) if path is not None]
        typer.echo(f"  {run.name}: {', '.join(printable(path.name) for path in files)}")
    for note in found.notes:
        typer.echo(note)


@app.command()
def verify(study: Source, tr: TR = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """List all that is wrong with STUDY in one table; exit status 1 if anything stands in the way."""
    from giblet.data.layouts import find_study
    from giblet.data.multimodal.settings import asked_settings

    found = find_study(study)
    try:
        settings = asked_settings(found, {} if tr is None else {"tr": tr})
    except GibletError as error:
        raise ParameterError(error.problem, error.remedy, study) from error

    from giblet.data.multimodal.verifying import verify as look

    with Bar() as bar:
        problems = look(found, settings, bar)
    if as_json:
        typer.echo(json.dumps([vars(problem) for problem in problems]))
    else:
        _show_problems(problems, found.root)
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)


@app.command()
def export(
    dataset: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the derivative.", show_default=False)],
    bids: Annotated[bool, typer.Option("--bids", help="As a BIDS derivative, the one format there is.")] = True,
    task: Annotated[str | None, typer.Option(help="Name of what was watched.", show_default=False)] = None,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Write the features of DATASET as a BIDS derivative, with design matrices for nilearn."""
    from giblet.data.multimodal.building import find_prepared
    from giblet.data.multimodal.exporting import export as write

    with Bar() as bar:
        prepared = find_prepared(dataset, {}, progress=bar)
    typer.echo(printable(str(write(prepared, output, task=task, force=force))))


def _asked(
    features: str | None, tr: str | None, hrf: str | None, delays: str | None, method: str | None,
    codec: str | None, bandwidth: str | None, max_trs: str | None, frame_skip: str | None,
) -> dict[str, Any]:  # fmt: skip
    given = {
        "features": features,
        "tr": tr,
        "hrf": hrf,
        "apply_hrf": None if hrf is None else True,
        "delays": None if delays is None else tuple(delays.split(",")),
        "filter": method,
        "codec": codec,
        "bandwidth": bandwidth,
        "max_trs": as_count(max_trs, "--max-trs"),
        "frame_skip": as_count(frame_skip, "--frame-skip"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _check_output(output: Path, force: bool) -> None:
    from giblet.data.multimodal.prepared import is_prepared

    if not output.exists():
        return
    if not is_prepared(output):
        raise StoreError("is there already and is no dataset", "choose another output", output)
    if not force:
        raise StoreError("is there already", "choose another output, or replace it with --force", output)


def _summary(prepared: Prepared) -> str:
    subjects = len({scan.subject for scan in prepared.scans})
    runs = len({scan.run for scan in prepared.scans})
    n_trs = sum(scan.n_trs for scan in prepared.scans)
    features = ", ".join(feature.name for feature in prepared.stimuli[0].features)
    grid = prepared.stimuli[0].grid
    return (
        f"{_counted(subjects, 'subject')}, {_counted(runs, 'run')}, {_counted(n_trs, 'TR')} of {float(grid.tr):g} s; "
        f"{features}"
    )


def _document(prepared: Prepared) -> dict[str, Any]:
    return {
        "dataset": str(prepared.folder),
        "study": prepared.name,
        "settings": prepared.settings.to_dict(),
        "features": {f.name: f.kind for f in prepared.stimuli[0].features},
        "scans": [
            {"subject": s.subject, "run": s.run, "n_trs": s.n_trs, "first_volume": s.first_volume, "notes": s.notes}
            for s in prepared.scans
        ],
        "notes": prepared.notes,
    }


def _show_dataset(prepared: Prepared) -> None:
    typer.echo(f"dataset   {printable(str(prepared.folder))}: {_summary(prepared)}")
    for stimulus in prepared.stimuli:
        grid = stimulus.grid
        valid = int(prepared.array(stimulus.valid).sum())
        typer.echo(
            f"stimulus  {printable(stimulus.name)}: {grid.n_trs} TRs from {float(grid.start):g} s on, {valid} of them "
            "with all features"
        )
        for feature in stimulus.features:
            typer.echo(f"  {feature.name} {prepared.array(feature.file).shape[1:]} {feature.kind}")
    for scan in prepared.scans:
        bold = "no BOLD" if scan.bold is None else f"{prepared.array(scan.bold).shape[1]} targets"
        typer.echo(f"scan      subject {scan.subject}, run {scan.run}: {scan.n_trs} TRs, {bold}")
        for note in scan.notes:
            typer.echo(f"  {note}")
    for note in prepared.notes:
        typer.echo(note)


def _show_problems(problems: tuple[Problem, ...], root: Path) -> None:
    if not problems:
        typer.echo("nothing is wrong")
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("", "file", "what was found", "what to do", box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    # What is so for every subject is told once.
    files: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        path = Path(problem.path)
        name = printable(str(path.relative_to(root) if path.is_relative_to(root) else path))
        files.setdefault((problem.severity, problem.problem, problem.remedy), []).append(name)
    for (severity, found, remedy), names in files.items():
        more = "" if len(names) == 1 else f" and {_counted(len(names) - 1, 'other')}"
        table.add_row(severity, names[0] + more, found, remedy)
    Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False).print(table)
    errors = sum(problem.severity == "error" for problem in problems)
    typer.echo(f"{_counted(errors, 'error')}, {_counted(len(problems) - errors, 'warning')}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what if number == 1 else what + 's'}"
