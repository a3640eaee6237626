"""``giblet check-alignment``: whether BOLD follows its stimulus when it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giblet.cli.options import Force, Json, Verbose
from giblet.cli.progress import Bar
from giblet.errors import ParameterError, printable

if TYPE_CHECKING:
    from giblet.encoding.curve import LagCurve
    from giblet.encoding.time_check import TimeCheck

# Rows that a curve is printed in, and columns of its bars.
_ROWS, _WIDTH = 21, 40


def command(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A study (a folder, BIDS, or a YAML file that describes one), or a dataset that was built of one.",
            show_default=False,
        ),
    ],
    feature: Annotated[
        str | None,
        typer.Option(
            help="One of a single column: text.word_rate, audio.envelope, audio.power, …. By default the rate of "
            "words, or the envelope where there are none.",
            show_default=False,
        ),
    ] = None,
    max_lag: Annotated[str, typer.Option(metavar="SECONDS", help="The largest lag to either side.")] = "10",
    step: Annotated[str, typer.Option(metavar="NUMBER", help="From one lag to the next, in TRs.")] = "0.25",
    hrf: Annotated[str, typer.Option(help="Haemodynamic response: spm or glover.")] = "spm",
    high_pass: Annotated[
        str, typer.Option(metavar="HZ", help="Slower drifts are taken out of BOLD and feature; none for none.")
    ] = "1/128",
    subjects: Annotated[
        str | None, typer.Option(help="Names or numbers, with commas; by default all.", show_default=False)
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="Regions or voxels that count, several with commas; default all, or of many those that subjects "
            "share.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="All curves as .tsv, or everything as .json.", show_default=False),
    ] = None,
    force: Force = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Sweep the lag between the stimulus and the BOLD of DATASET, in fractions of a TR.

    Says of the group, and of each subject, whether the times are right, off by so much, or whether that cannot be told.
    Exit status 1 if they are off.
    """
    settings = _settings(max_lag, step, hrf, high_pass)
    _check(dataset, feature)
    publication = None
    if output is not None:
        from giblet.media.publishing import Publication

        if output.suffix.lower() not in (".tsv", ".json"):
            raise ParameterError(f"the ending of {printable(output.name)} is unknown", "name a .tsv or .json file")
        publication = Publication(output, force)

    from giblet.encoding.time_check import check_alignment

    with Bar() as bar:
        found = check_alignment(
            dataset, feature, "all" if subjects is None else subjects.split(","),
            targets=None if targets is None else targets.split(","), progress=bar, **settings,
        )  # fmt: skip
    if publication is not None:
        with publication:
            _write(found, publication.temporary)
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        _show(found)
        if output is not None:
            typer.echo(f"written  {printable(str(output))}")
    if found.curves[0].verdict == "off":
        raise typer.Exit(1)


def _settings(max_lag: str, step: str, hrf: str, high_pass: str) -> dict[str, Any]:
    from giblet.alignment import check_hrf
    from giblet.timeline import exact

    return {
        "max_lag": exact(max_lag, "--max-lag"),
        "step": exact(step, "--step"),
        "hrf": check_hrf(hrf),
        "high_pass": None if high_pass == "none" else exact(high_pass, "--high-pass"),
    }


def _check(dataset: Path, feature: str | None) -> None:
    """Say what is wrong before anything is read."""
    from giblet.data.layouts import find_study
    from giblet.data.multimodal.prepared import is_prepared
    from giblet.features import ask_features

    if feature is not None:
        ask_features(feature)
    if not is_prepared(dataset):
        find_study(dataset).raise_errors()


def _write(found: TimeCheck, path: Path) -> None:
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
        return
    import pandas as pd

    table = pd.concat([curve.to_table() for curve in found.curves])
    table.to_csv(path, sep="\t", index=False, float_format="%.6g")


def _show(found: TimeCheck) -> None:
    from giblet.encoding.verdict import REFERENCE

    first = found.curves[0]
    typer.echo(
        f"{printable(found.study)}: {first.feature}, convolved with {first.hrf}, against the BOLD of "
        f"{len(found.subjects)} subject{'s' if len(found.subjects) > 1 else ''}; mean r over {first.n_targets} "
        f"target{'s' if first.n_targets > 1 else ''}"
    )
    _draw(first)
    for curve in found.curves:
        typer.echo(printable(curve.sentence))
    typer.echo(REFERENCE)
    for note in dict.fromkeys([*first.notes, *found.notes]):
        typer.echo(printable(note))


def _draw(curve: LagCurve) -> None:
    """Print r by lag: every so-manieth one, and always the peak."""
    peak, middle = int(curve.r.argmax()), len(curve.lags) // 2
    every = -(-len(curve.lags) // _ROWS)
    highest = max(float(curve.r.max()), 1e-9)
    typer.echo("   lag/s       r     95 % of draws")
    for i, (lag, r, low, high) in enumerate(zip(curve.lags, curve.r, curve.low, curve.high, strict=True)):
        if (i - middle) % every and i != peak:
            continue
        bar = "█" * round(_WIDTH * max(0.0, r) / highest)
        typer.echo(f"{lag:+8.3f}  {r:+.3f}  {low:+.3f} … {high:+.3f}  {bar}{' ◂ peak' if i == peak else ''}")
