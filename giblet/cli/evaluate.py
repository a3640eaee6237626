"""``giblet evaluate``: how good a codec is on recordings."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import giblet
from giblet.cli.options import Device, Force, Json, Verbose
from giblet.cli.progress import Bar
from giblet.errors import ParameterError, printable
from giblet.jobs import cores

if TYPE_CHECKING:
    from rich.table import Table

    from giblet.codecs.quality import BandwidthUse, Evaluation

ENDINGS = (".json", ".csv")


def command(
    codec: Annotated[
        str,
        typer.Argument(
            help="Hub name, the folder of a codec, or tiny or apcodec-tiny, which are built in.", show_default=False
        ),
    ],
    data: Annotated[
        list[Path], typer.Option("--data", help="Recordings, films, or folders of them.", show_default=False)
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(help="More of them, as after --data.", metavar="[FILE]...", show_default=False),
    ] = None,
    bandwidths: Annotated[
        str | None,
        typer.Option(
            "-b", "--bandwidths", help="Kilobits per second, several with commas; default all.", show_default=False
        ),
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Only the first so many seconds of each recording.", show_default=False)
    ] = None,
    segment: Annotated[float, typer.Option(help="Seconds measured at a time, 1 to 30.")] = 10.0,
    loudness: Annotated[
        float | None,
        typer.Option(
            help="Bring each recording to this root mean square first, such as 0.06; default as it is.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Everything as .json, or the segments as .csv.", show_default=False),
    ] = None,
    device: Device = "auto",
    jobs: Annotated[
        int | None, typer.Option(help="Processes that measure; default one per core.", show_default=False)
    ] = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Encode and decode recordings with CODEC at each bandwidth and measure what is left.

    Means over segments, then over files: STOI, PESQ, SI-SDR, SNR, spectral distances, use of the codebooks, bit rate
    and speed. Silent segments are left out and counted; files that cannot be read are listed and skipped.
    """
    from giblet.codecs import as_bandwidth, find_codec, load_spec
    from giblet.codecs.loading import check_device
    from giblet.codecs.quality import check_settings, evaluate_codec, sound_files
    from giblet.media.publishing import Publication

    # Whatever can be said about a name or a setting is said before the codec is loaded.
    processes = cores() if jobs is None else jobs
    check_settings(max_seconds, segment, loudness, processes)
    check_device(device)
    publication = None
    if output is not None:
        if output.suffix.lower() not in ENDINGS:
            raise ParameterError(f"the ending of {printable(output.name)} is unknown", "name a .json or .csv file")
        publication = Publication(output, force)
    files = sound_files([*data, *(more or [])])
    spec = find_codec(codec)
    chosen = spec.bandwidths if bandwidths is None else tuple(as_bandwidth(b) for b in bandwidths.split(","))
    for bandwidth in chosen:
        spec.n_codebooks(bandwidth)
    with Bar() as bar:
        result = evaluate_codec(
            load_spec(spec, device), files, chosen, max_seconds=max_seconds, segment=segment, loudness=loudness,
            jobs=processes, progress=bar,
        )  # fmt: skip
    for file, reason in result.skipped:
        sys.stderr.write(f"giblet: {printable(file)}: {reason}; skipped.\n")
    if publication is not None:
        with publication:
            _write(result, publication.temporary)
    if as_json:
        typer.echo(json.dumps(_document(result)))
    else:
        _show(result)
        if output is not None:
            typer.echo(f"written         {printable(str(output))}")


def _document(result: Evaluation) -> dict[str, Any]:
    return {"giblet": giblet.__version__} | result.to_dict()


def _write(result: Evaluation, path: Path) -> None:
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps(_document(result), indent=1) + "\n", encoding="utf-8")
    else:
        # Names of files that are no text in any encoding stay what they are.
        result.segments().to_csv(path, index=False, errors="surrogateescape")


def _show(result: Evaluation) -> None:
    from rich.console import Console

    table = result.bandwidths()
    first = table.iloc[0]
    files, segments = _counted(first["n_files"], "recording"), _counted(first["n_segments"], "segment")
    silent = f", {first['n_silent']} of them silent and left out" if first["n_silent"] else ""
    typer.echo(f"{printable(result.codec['name'])} on {files}, {first['seconds']:.1f} s of sound in {segments}{silent}")
    # Where the output is no terminal, rich would cut the table at 80 columns.
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(_quality(result))
    use = result.uses[-1]
    frames = _counted(use.n_frames, "frame")
    typer.echo(f"codebooks of {result.codec['codebook_size']} entries at {use.bandwidth:g} kbps, {frames} coded")
    console.print(_codebooks(use))
    for note in result.notes:
        typer.echo(note)


def _counted(number: int, what: str) -> str:
    return f"{number} {what if number == 1 else what + 's'}"


def _quality(result: Evaluation) -> Table:
    from giblet.metrics import MEASURES

    headings = [f"{m.title}\n{m.unit} {'↑' if m.higher_is_better else '↓'}" for m in MEASURES.values()]
    shown = _table("kbps", "kbit/s\ncounted", *headings, "encode\n× real", "decode\n× real")
    for row in result.bandwidths().to_dict("records"):
        shown.add_row(
            f"{row['bandwidth']:g}",
            f"{row['bits_per_second'] / 1000:.2f}",
            *(_figure(row[name], measure.digits) for name, measure in MEASURES.items()),
            f"{row['encode_real_time_factor']:.0f}",
            f"{row['decode_real_time_factor']:.0f}",
        )
    return shown


def _figure(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _codebooks(use: BandwidthUse) -> Table:
    shown = _table("codebook", "perplexity", "entries used")
    for number, (perplexity, used) in enumerate(zip(use.perplexity, use.used, strict=True), 1):
        shown.add_row(str(number), f"{perplexity:.0f}", f"{used:.0%}")
    return shown


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    for heading in headings:
        shown.add_column(heading, justify="right", no_wrap=True)
    return shown
