"""``giblet benchmark``: what films and sounds keep of themselves as features."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giblet.cli.options import Codec, Device, Force, Json, Scheduler, Slurm, Verbose, Workers, as_count
from giblet.cli.progress import Bar
from giblet.cli.workers import Asked, workers_of
from giblet.errors import ParameterError, printable
from giblet.jobs import cores

if TYPE_CHECKING:
    from rich.table import Table

    from giblet.benchmark import BenchmarkRun, Comparison, Interval

# How the command ends when quality fell; 2 is for what cannot be used.
FELL = 1


def command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Films, sound files, or folders of them.", metavar="FILM|SOUND...", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder for the result.", metavar="DIR", show_default=False),
    ] = None,
    codec: Codec = "facebook/encodec_24khz",
    bandwidths: Annotated[
        str | None,
        typer.Option(
            "-b", "--bandwidths", help="Kilobits per second, several with commas; default all.", show_default=False
        ),
    ] = None,
    mel: Annotated[
        bool, typer.Option("--mel", help="Measure the mel spectrogram with Griffin-Lim beside the codec.")
    ] = False,
    segment: Annotated[float, typer.Option(help="Seconds measured at a time, 1 to 30.")] = 10.0,
    listen: Annotated[
        float, typer.Option(help="Seconds of each sound that are kept to be listened to; 0 for none.")
    ] = 60.0,
    against: Annotated[
        Path | None,
        typer.Option(
            help="An earlier benchmark to compare with: exit 1 if quality fell. Without files, what is in --output is "
            "compared.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            help="By how much a file's mean may fall in --against: stoi 0.01, estoi 0.02, pesq_wb and pesq_nb 0.1, "
            "si_sdr and snr 0.5 dB, log_spectral_distance 0.3 dB, mel_distance 0.2 dB, drift_ms 5.",
            metavar="NAME=VALUE",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    jobs: Annotated[
        int | None, typer.Option(help="Processes that measure; default one per core.", show_default=False)
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    slurm: Slurm = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Turn films and sounds into features and back, and measure what is left, segment by segment.

    STOI, PESQ, SI-SDR, SNR, spectral distances, drift, bit rate and speed at each bandwidth, with 95 % intervals.
    Silence is left out and counted, music is marked. A run that was stopped goes on when it is called again. Workers
    measure several recordings at once; the speeds are then those of a machine that is shared.
    """
    from giblet.benchmark import BenchmarkRun, compare, tolerances

    if output is None:
        raise ParameterError("there is no folder for the result", "name one with --output (-o)")
    tolerated = tolerances(tolerance or [])
    if tolerance and against is None:
        raise ParameterError("--tolerance says how to compare, and there is nothing to compare with", "give --against")
    if not files and against is None:
        raise ParameterError("no file is named", "name a film or a sound, or two benchmarks with --against")
    earlier = None if against is None else BenchmarkRun.load(against)
    if files:
        from giblet.report import write_report

        asked = as_count(workers, "--workers"), scheduler, slurm
        run = _measure(files, output, codec, bandwidths, mel, segment, listen, device, jobs, force, asked)
        page = write_report(output, output / "report.html", force=True)
    else:
        run = BenchmarkRun.load(output)
    comparison = None if earlier is None else compare(earlier, run, tolerated)
    if as_json:
        document = run.to_dict() | ({} if comparison is None else {"comparison": comparison.to_dict()})
        typer.echo(json.dumps(document, allow_nan=False))
    else:
        if files:
            _show(run)
            typer.echo(f"written         {printable(str(output))}, and its page {printable(str(page))}")
        if comparison is not None:
            _show_comparison(comparison)
    if comparison is not None and comparison.fell:
        raise typer.Exit(FELL)


def _measure(
    files: list[Path],
    output: Path,
    codec: str,
    bandwidths: str | None,
    mel: bool,
    segment: float,
    listen: float,
    device: str,
    jobs: int | None,
    force: bool,
    asked: Asked,
) -> BenchmarkRun:
    from giblet.benchmark import Elsewhere, check_output, check_settings, run_benchmark
    from giblet.cluster import check_cluster
    from giblet.codecs import as_bandwidth, find_codec, load_spec
    from giblet.codecs.loading import check_device
    from giblet.codecs.quality import sound_files

    # Whatever can be said about a name or a setting is said before the codec is loaded.
    several = check_cluster(*asked)
    processes = cores() if jobs is None else jobs
    check_settings(segment, listen, processes)
    check_device(device)
    check_output(output, force)
    found = sound_files(files)
    spec = find_codec(codec)
    chosen = spec.bandwidths if bandwidths is None else tuple(as_bandwidth(b) for b in bandwidths.split(","))
    for bandwidth in chosen:
        spec.n_codebooks(bandwidth)
    try:
        with workers_of(asked) as runner, Bar() as bar:
            run = run_benchmark(
                found, output, load_spec(spec, device), chosen, mel=mel, segment=segment, listen=listen,
                jobs=1 if several else processes, force=force, progress=bar,
                elsewhere=Elsewhere(runner, spec, device) if several else None,
            )  # fmt: skip
    except (KeyboardInterrupt, SystemExit):
        sys.stderr.write("giblet: what was measured is kept; the same command goes on from there\n")
        raise
    for skipped in run.skipped:
        sys.stderr.write(f"giblet: {printable(skipped.file)}: {skipped.reason}; skipped.\n")
    return run


def _show(run: BenchmarkRun) -> None:
    from giblet.metrics import MEASURES

    seconds = sum(file.duration for file in run.files)
    about = run.overall[0]
    names = f"{len(run.files)} file{'' if len(run.files) == 1 else 's'}"
    typer.echo(
        f"{printable(run.codec['name'])} on {names}, {seconds:.1f} s of sound in {about.n_segments} segments: "
        f"{about.n_silent} silent and left out, {about.n_music} music"
    )
    headings = [f"{MEASURES[m].title}\n{_unit(m)}" for m in run.measures]
    shown = _table("", "kbit/s\ncounted", *headings, "drift\nms", "encode\n× real", "decode\n× real")
    for method, quality in zip(run.methods, run.overall, strict=True):
        grown = [
            q.drift.growth_ms
            for file in run.files
            for q in file.qualities
            if q.method == method.key and q.drift is not None and q.drift.growth_ms is not None
        ]
        shown.add_row(
            printable(method.title),
            f"{quality.bits_per_second / 1000:.2f}",
            *(_cell(quality.measures[name], MEASURES[name].digits) for name in run.measures),
            f"{max(grown, key=abs):.1f}" if grown else "–",
            f"{quality.encode_real_time_factor:.0f}",
            f"{quality.decode_real_time_factor:.0f}",
        )
    _print(shown)
    for sentence in run.warnings:
        typer.echo(printable(sentence))


def _show_comparison(comparison: Comparison) -> None:
    from giblet.metrics import MEASURES

    names = list(dict.fromkeys(change.measure for change in comparison.changes))
    shown = _table("", "", *(f"{MEASURES[n].title}\n{_unit(n)}" if n in MEASURES else "drift\nms ↓" for n in names))
    for file, method in dict.fromkeys((change.file, change.method) for change in comparison.changes):
        row = {c.measure: c for c in comparison.changes if (c.file, c.method) == (file, method)}
        digits = [MEASURES[name].digits if name in MEASURES else 1 for name in names]
        shown.add_row(
            printable(file),
            printable(method),
            *(
                f"{_figure(c.before, d)}\n{_figure(c.after, d)}{' !' if c.fell else ''}" if (c := row.get(n)) else "–"
                for n, d in zip(names, digits, strict=True)
            ),
        )
    _print(shown)
    for note in comparison.notes:
        typer.echo(printable(note))
    if not comparison.fell:
        typer.echo("quality did not fall beyond tolerance")
        return
    for change in comparison.fell:
        lost = f", {change.n_lost} of its segments have no value any more" if change.n_lost else ""
        typer.echo(
            f"fell: {printable(change.file)}, {printable(change.method)}: {change.measure} "
            f"{_figure(change.before, 3)} → {_figure(change.after, 3)}, tolerance "
            f"{comparison.tolerances[change.measure]:g}{lost}"
        )


def _cell(value: Interval, digits: int) -> str:
    if value.low is None or value.high is None:
        return _figure(value.mean, digits)
    return f"{_figure(value.mean, digits)}\n{value.low:.{digits}f}…{value.high:.{digits}f}"


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _unit(measure: str) -> str:
    from giblet.metrics import MEASURES

    return f"{MEASURES[measure].unit} {'↑' if MEASURES[measure].higher_is_better else '↓'}".strip()


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    for heading in headings:
        shown.add_column(heading, justify="right", no_wrap=True)
    return shown


def _print(table: Table) -> None:
    from rich.console import Console

    # Where the output is no terminal, rich would cut the table at 80 columns.
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)
