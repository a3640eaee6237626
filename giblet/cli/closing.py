"""The line that closes an extraction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.errors import printable

if TYPE_CHECKING:
    from giblet.data import Extraction


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
        Shapes, duration, offset and gaps, frames per TR, what is missing, left out or skipped, each where there is one.
    """
    about = done.provenance
    tr = Fraction(about["view"]["tr"])
    parts = [f"{printable(film.name)} → {printable(str(done.path))}"]
    framed = _framed(done)
    for rate, features in framed.items():
        frames = rate * tr
        shapes = " and ".join(f"{name} {(about['n_trs'], rows, int(frames))}" for name, rows in features.items())
        spare = "" if frames.denominator == 1 else f" ({float(frames):g} on average, the odd one dropped)"
        parts.append(f"{shapes} at TR {float(tr):g} s, {int(frames)} frames per TR{spare}")
    parts += _series(about)
    parts += [note.rstrip(".") for note in about.get("annotations", {}).get("notes", ())]
    if about["sound"] is None:
        parts.append(f"{float(Fraction(about['duration'])):.3f} s of film")
    else:
        parts += _sound(done)
    frame = 1 / min(framed, default=Fraction(25))
    if done.unused > frame:
        parts.append(f"the last {done.unused:.2f} s are no full TR and left out (--incomplete pad keeps them)")
    if done.padding > frame:
        parts.append(f"the last TR ends with {done.padding:.2f} s of silence")
    parts.append("was there already" if done.hit else f"{speed:.{0 if speed >= 10 else 1}f} × real time")
    return "; ".join(parts)


def _framed(done: Extraction) -> dict[Fraction, dict[str, int]]:
    """Return the features that a TR holds frames of, and their numbers of rows, by frames per second."""
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


def _series(about: dict[str, Any]) -> Iterator[str]:
    """Say of each series how wide it is and how many rows it has per second."""
    for name, series in about.get("series", {}).items():
        columns = series["columns"]
        width = columns if isinstance(columns, int) else len(columns)
        rate = "" if series["rate"] is None else f" at {float(Fraction(series['rate'])):.4g} Hz"
        held = f", the last {_counted(series['held'], 'row')} of the last picture" if "held" in series else ""
        yield f"{printable(name)} {'pictures' if series['kind'] == 'pictures' else f'× {width}'}{rate}{held}"


def _sound(done: Extraction) -> Iterator[str]:
    """Say how the sound lies on the film's clock, and what of it is missing or was skipped."""
    sound = done.provenance["sound"]
    yield f"{sound['duration']:.3f} s of sound"
    yield f"sound {_signed(sound['offset'])} the first picture" if sound["picture_start"] is not None else "no picture"
    gaps = sound["gaps"]
    yield f"{_counted(len(gaps), 'gap')} mended ({listed_gaps(gaps)})" if gaps else "no gaps"
    if sound["n_tracks"] > 1:
        yield f"track {sound['track']} of {sound['n_tracks']} (--audio-track chooses)"
    if sound["source_channels"] > 2:
        yield f"{sound['source_channels']} channels mixed down"
    for number, kind in ((done.empty_packets, "empty"), (done.corrupt_packets, "damaged")):
        if number:
            yield f"{_counted(number, f'{kind} packet')} skipped"
    if done.missing:
        tr = Fraction(done.provenance["view"]["tr"])
        yield (
            f"{done.missing:.2f} s ({done.missing / tr:.1f} TRs) of the {sound['announced_duration']:.2f} s that the "
            "file announces are missing"
        )


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
