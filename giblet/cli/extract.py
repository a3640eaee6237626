"""``giblet extract``: films to stores."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giblet.cli.options import Bandwidth, Codec, Device, Force, Json, Output
from giblet.cli.progress import Bar
from giblet.errors import GibletError, ParameterError, printable

if TYPE_CHECKING:
    from giblet.data import Extraction


def command(
    films: Annotated[list[Path], typer.Argument(help="Films or sound files.", show_default=False)],
    output: Output,
    tr: Annotated[str, typer.Option(help="Repetition time, seconds; also a fraction such as 4/3.")] = "1.5",
    codec: Codec = "facebook/encodec_24khz",
    bandwidth: Bandwidth = 3.0,
    features: Annotated[str, typer.Option(help="audio.codes, audio.latents, audio.mel; several with commas.")] = (
        "audio.codes"
    ),
    device: Device = "auto",
    max_trs: Annotated[int | None, typer.Option(help="At most so many TRs.", show_default=False)] = None,
    start: Annotated[str, typer.Option(help="Start of the first TR on the film's clock, seconds.")] = "0",
    audio_track: Annotated[
        int | None, typer.Option(help="Sound track, counted from 0 (giblet info lists them).", show_default=False)
    ] = None,
    incomplete: Annotated[str, typer.Option(help="A last TR that is not full: drop, or pad with silence.")] = "drop",
    partial: Annotated[
        bool, typer.Option("--partial", help="Take what is there of a sound that ends before its film does.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Extract features of FILMS into a store: exact in time, in blocks of flat memory.

    One film: the store is OUTPUT itself. Several films: OUTPUT is a folder with one store for each.
    """
    failed = False
    films = list(dict.fromkeys(films))
    for film, store in zip(films, _stores(films, output), strict=True):
        try:
            with Bar() as bar:
                from giblet.data.extraction import extract

                done = extract(
                    film, store, tr=tr, codec=codec, bandwidth=bandwidth, features=features, device=device,
                    max_trs=max_trs, start=start, audio_track=audio_track, incomplete=incomplete, partial=partial,
                    force=force, progress=bar,
                )  # fmt: skip
        except GibletError as error:
            if len(films) == 1:
                raise
            sys.stderr.write(f"giblet: {error}\n")
            failed = True
            continue
        if as_json:
            typer.echo(json.dumps({"store": str(store), "hit": done.hit, **done.provenance}))
        else:
            typer.echo(closing_line(film, done, bar.speed))
    if failed:
        raise typer.Exit(2)


def _stores(films: Sequence[Path], output: Path) -> list[Path]:
    if len(films) == 1:
        return [output]
    stems = [film.stem for film in films]
    names = [film.stem if stems.count(film.stem) == 1 else film.name for film in films]
    for film, name in zip(films, names, strict=True):
        if names.count(name) > 1:
            raise ParameterError(
                f"several of the films are named {name}", "extract them one by one, each to its own output", film
            )
    return [output / name for name in names]


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
        Shape, duration, offset and gaps, frames per TR, each where there is one.
    """
    about = done.provenance
    sound, view = about["sound"], about["view"]
    tr = Fraction(view["tr"])
    parts = [f"{printable(film.name)} → {printable(str(done.path))}"]
    for kind, rate, rows in _series(about):
        frames = rate * tr
        shape = (about["n_trs"], rows, int(frames))
        spare = "" if frames.denominator == 1 else f" ({float(frames):g} on average, the odd one dropped)"
        parts.append(f"{kind} {shape} at TR {float(tr):g} s, {int(frames)} frames per TR{spare}")
    parts.append(f"{sound['duration']:.3f} s of sound")
    parts.append(
        f"sound {_signed(sound['offset'])} the first picture" if sound["picture_start"] is not None else "no picture"
    )
    parts.append(_gaps(sound["gaps"]))
    if sound["n_tracks"] > 1:
        parts.append(f"track {sound['track']} of {sound['n_tracks']} (--audio-track chooses)")
    if sound["source_channels"] > 2:
        parts.append(f"{sound['source_channels']} channels mixed down")
    if sound["corrupt_packets"]:
        parts.append(f"{sound['corrupt_packets']} damaged packets skipped")
    parts.append("was there already" if done.hit else f"{speed:.0f} × real time")
    return "; ".join(parts)


def _series(about: dict[str, Any]) -> list[tuple[str, Fraction, int]]:
    series = []
    if "codec" in about:
        codec = about["codec"]
        rate = Fraction(codec["sample_rate"], codec["hop"])
        series.append(("codes", rate, codec["codebooks"][f"{codec['bandwidth']:g}"]))
    if "mel" in about:
        series.append(
            ("mel", Fraction(about["mel"]["sample_rate"], about["mel"]["hop_length"]), about["mel"]["n_mels"])
        )
    return series


def _signed(offset: float) -> str:
    if not offset:
        return "starts with"
    return f"starts {abs(offset) * 1000:.1f} ms {'after' if offset > 0 else 'before'}"


def _gaps(gaps: list[list[float]]) -> str:
    if not gaps:
        return "no gaps"
    listed = ", ".join(f"{seconds:+.3f} s at {at:.2f} s" for at, seconds in gaps[:5])
    return f"{len(gaps)} gaps mended ({listed}{', …' if len(gaps) > 5 else ''})"
