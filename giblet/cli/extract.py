"""``giblet extract``: films to stores."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from giblet.cli.closing import closing_line
from giblet.cli.options import (
    Bandwidth,
    CacheFolder,
    Codec,
    Device,
    Force,
    NoCache,
    Scheduler,
    Slurm,
    Verbose,
    Workers,
    as_cache,
    as_count,
)
from giblet.cli.progress import Bar
from giblet.errors import AlignmentError, MediaError, ParameterError, StoreError


def command(
    films: Annotated[
        list[Path],
        typer.Argument(help="Films or sound files; folders of them, and patterns in quotes.", show_default=False),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            help="The store, also a URL such as s3://bucket/talk. For several films a folder, with a store in it for "
            "each: a/talk.mp4 gives OUTPUT/talk, and in a folder a that was named OUTPUT/talk, too.",
            show_default=False,
        ),
    ],
    tr: Annotated[str, typer.Option(help="Repetition time, seconds; also a fraction such as 4/3.")] = "1.5",
    codec: Codec = "facebook/encodec_24khz",
    bandwidth: Bandwidth = None,
    features: Annotated[
        str, typer.Option(help="What to extract, several with commas; giblet features lists what there is.")
    ] = "audio.codes",
    annotations: Annotated[
        list[Path] | None,
        typer.Option(help="The film's words, for features of text; may be repeated.", show_default=False),
    ] = None,
    tier: Annotated[str | None, typer.Option(help="Tier of a TextGrid.", show_default=False)] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.", show_default=False)] = None,
    device: Device = "auto",
    max_trs: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="At most so many TRs.", show_default=False)
    ] = None,
    start: Annotated[str, typer.Option(help="Start of the first TR on the film's clock, seconds.")] = "0",
    audio_track: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER", help="Sound track, counted from 0 (giblet info lists them).", show_default=False
        ),
    ] = None,
    incomplete: Annotated[str, typer.Option(help="A last TR that is not full: drop, or pad with silence.")] = "drop",
    partial: Annotated[
        bool, typer.Option("--partial", help="Take what is there of a sound that ends before its film does.")
    ] = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    slurm: Slurm = None,
    force: Force = False,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one document a line for several films.")] = False,
    verbose: Verbose = False,
) -> None:
    """Extract features of FILMS into a store: exact in time, in blocks of flat memory.

    One film: the store is OUTPUT itself. Several films: OUTPUT is a folder with one store for each. A folder, a pattern
    or an option for workers makes it a study: one film that fails stops no other, the exit status is 1 then, and the
    same command does what is missing.
    """
    from giblet.cli.study import extract_study, is_study
    from giblet.data.checks import check_file, check_settings
    from giblet.data.request import TRRequest
    from giblet.store import as_place

    trs, track = as_count(max_trs, "--max-trs"), as_count(audio_track, "--audio-track")
    settings: dict[str, Any] = {
        "tr": tr, "codec": codec, "bandwidth": bandwidth, "features": features, "annotations": annotations or (),
        "tier": tier, "sheet": sheet, "device": device, "max_trs": trs, "start": start, "audio_track": track,
        "incomplete": incomplete, "partial": partial, "force": force, "cache": as_cache(cache, no_cache),
    }  # fmt: skip
    asked = as_count(workers, "--workers"), scheduler, slurm
    if is_study(films, asked):
        extract_study(films, output, settings, asked, as_json)
        return
    # Whatever is wrong with the names or is wrong for every film is said once, before any work.
    films = list(dict.fromkeys(films))
    stores = _stores(films, as_place(output))
    request = TRRequest.asked(tr=tr, start=start, max_trs=trs, incomplete=incomplete, partial=partial)
    if _complain(films, check_file):
        raise typer.Exit(2)
    settings["bandwidth"], _ = check_settings(features, request, codec, bandwidth, device)

    from giblet.data.extraction import extract

    def extract_one(film: Path) -> None:
        with Bar() as bar:
            done = extract(film, stores[film], **settings, progress=bar)
        if as_json:
            typer.echo(json.dumps({"store": str(stores[film]), "hit": done.hit, **done.provenance}))
        else:
            typer.echo(closing_line(film, done, bar.speed))

    if _complain(films, extract_one):
        raise typer.Exit(2)


def _complain(films: Sequence[Path], work: Callable[[Path], None]) -> bool:
    """Do something with every film, say what is wrong with which, and return whether anything was.

    What is wrong with the codec or a setting is so for every film, and ends it.
    """
    failed = False
    for film in films:
        try:
            work(film)
        except (MediaError, AlignmentError, StoreError) as error:
            sys.stderr.write(f"giblet: {error}\n")
            failed = True
    return failed


def _stores(films: Sequence[Path], output: Path | str) -> dict[Path, Path | str]:
    from giblet.store import join

    if len(films) == 1:
        return {films[0]: output}
    if isinstance(output, Path) and output.exists() and not output.is_dir():
        raise ParameterError(
            "is a file, and several films need a folder for their stores", "choose another output", output
        )
    stems = [film.stem for film in films]
    names = [film.stem if stems.count(film.stem) == 1 else film.name for film in films]
    for film, name in zip(films, names, strict=True):
        if names.count(name) > 1:
            raise ParameterError(
                f"several of the films are named {name}", "extract them one by one, each to its own output", film
            )
    return {film: join(output, name) for film, name in zip(films, names, strict=True)}
