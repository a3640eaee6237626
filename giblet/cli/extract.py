"""``giblet extract``: films to stores."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giblet.cli.options import Bandwidth, Codec, Device, Force, Verbose, as_count
from giblet.cli.progress import Bar
from giblet.errors import AlignmentError, MediaError, ParameterError, StoreError, printable

if TYPE_CHECKING:
    from giblet.data import Extraction


def command(
    films: Annotated[list[Path], typer.Argument(help="Films or sound files.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The store. For several films a folder, with a store in it for each: a/talk.mp4 gives OUTPUT/talk.",
            show_default=False,
        ),
    ],
    tr: Annotated[str, typer.Option(help="Repetition time, seconds; also a fraction such as 4/3.")] = "1.5",
    codec: Codec = "facebook/encodec_24khz",
    bandwidth: Bandwidth = "3",
    features: Annotated[str, typer.Option(help="audio.codes, audio.latents, audio.mel; several with commas.")] = (
        "audio.codes"
    ),
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
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one document a line for several films.")] = False,
    verbose: Verbose = False,
) -> None:
    """Extract features of FILMS into a store: exact in time, in blocks of flat memory.

    One film: the store is OUTPUT itself. Several films: OUTPUT is a folder with one store for each.
    """
    from giblet.data.checks import check_file, check_settings
    from giblet.data.request import TRRequest
    from giblet.features import check_features

    # Whatever is wrong with the names or is wrong for every film is said once, before any work.
    films = list(dict.fromkeys(films))
    stores = _stores(films, output)
    trs, track = as_count(max_trs, "--max-trs"), as_count(audio_track, "--audio-track")
    request = TRRequest.asked(tr=tr, start=start, max_trs=trs, incomplete=incomplete, partial=partial)
    names = check_features(features)
    if _complain(films, check_file):
        raise typer.Exit(2)
    kbps, _ = check_settings(names, request, codec, bandwidth, device)

    from giblet.data.extraction import extract

    def extract_one(film: Path) -> None:
        store = stores[film]
        with Bar() as bar:
            done = extract(
                film, store, tr=tr, codec=codec, bandwidth=kbps, features=names, device=device, max_trs=trs,
                start=start, audio_track=track, incomplete=incomplete, partial=partial, force=force, progress=bar,
            )  # fmt: skip
        if as_json:
            typer.echo(json.dumps({"store": str(store), "hit": done.hit, **done.provenance}))
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


def _stores(films: Sequence[Path], output: Path) -> dict[Path, Path]:
    if len(films) == 1:
        return {films[0]: output}
    if output.exists() and not output.is_dir():
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
    return {film: output / name for film, name in zip(films, names, strict=True)}


def closing_line(film: Path, done: Extraction, speed: float) -> str:
    """Say what an extraction gave.

    Parameters
    ----------
    film : Path
        The film.
    done : Extraction
        The result.
    speed : float
        Seconds of film per second.

    Returns
    -------
    str
        Shape, duration, offset and gaps, frames per TR, what is missing, left out or skipped, each where there is one.
    """
    about = done.provenance
    sound, view = about["sound"], about["view"]
    tr = Fraction(view["tr"])
    parts = [f"{printable(film.name)} → {printable(str(done.path))}"]
    series = _series(done)
    for rate, features in series.items():
        frames = rate * tr
        shapes = " and ".join(f"{name} {(about['n_trs'], rows, int(frames))}" for name, rows in features.items())
        spare = "" if frames.denominator == 1 else f" ({float(frames):g} on average, the odd one dropped)"
        parts.append(f"{shapes} at TR {float(tr):g} s, {int(frames)} frames per TR{spare}")
    parts.append(f"{sound['duration']:.3f} s of sound")
    parts.append(
        f"sound {_signed(sound['offset'])} the first picture" if sound["picture_start"] is not None else "no picture"
    )
    gaps = sound["gaps"]
    parts.append(f"{_counted(len(gaps), 'gap')} mended ({listed_gaps(gaps)})" if gaps else "no gaps")
    if sound["n_tracks"] > 1:
        parts.append(f"track {sound['track']} of {sound['n_tracks']} (--audio-track chooses)")
    if sound["source_channels"] > 2:
        parts.append(f"{sound['source_channels']} channels mixed down")
    parts += [
        f"{_counted(number, f'{kind} packet')} skipped"
        for number, kind in ((done.empty_packets, "empty"), (done.corrupt_packets, "damaged"))
        if number
    ]
    if done.missing:
        parts.append(
            f"{done.missing:.2f} s ({done.missing / tr:.1f} TRs) of the {sound['announced_duration']:.2f} s that the "
            "file announces are missing"
        )
    frame = 1 / min(series)
    if done.unused > frame:
        parts.append(f"the last {done.unused:.2f} s are no full TR and left out (--incomplete pad keeps them)")
    if done.padding > frame:
        parts.append(f"the last TR ends with {done.padding:.2f} s of silence")
    parts.append("was there already" if done.hit else f"{speed:.0f} × real time")
    return "; ".join(parts)


def _series(done: Extraction) -> dict[Fraction, dict[str, int]]:
    """Return the features and their numbers of rows, by frames per second."""
    from giblet.store import read_manifest

    about = done.provenance
    series = {}
    if "codec" in about:
        codec = about["codec"]
        features = {"codes": codec["codebooks"][f"{codec['bandwidth']:g}"]}
        if done.has_latents:
            features["latents"] = read_manifest(done.path)["arrays"]["latents"]["shape"][1]
        series[Fraction(codec["sample_rate"], codec["hop"])] = features
    if "mel" in about:
        mel = about["mel"]
        series[Fraction(mel["sample_rate"], mel["hop_length"])] = {"mel": mel["n_mels"]}
    return series


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _signed(offset: float) -> str:
    if not offset:
        return "starts with"
    return f"starts {abs(offset) * 1000:.1f} ms {'after' if offset > 0 else 'before'}"


def listed_gaps(gaps: Sequence[Sequence[float]]) -> str:
    """Return where a sound was moved, in words.

    Parameters
    ----------
    gaps : sequence of (float, float)
        Film time and size of each correction, seconds, as `giblet.media.ClockReport` has them.

    Returns
    -------
    str
        The first five of them.
    """
    listed = ", ".join(f"{seconds:+.3f} s at {at:.2f} s" for at, seconds in gaps[:5])
    return f"{listed}, …" if len(gaps) > 5 else listed
