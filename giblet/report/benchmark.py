"""What the page says of a benchmark: quality by bandwidth, file and time, with its sounds."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet.benchmark import BenchmarkFile, BenchmarkRun, Interval, Method, Quality
from giblet.metrics import MEASURES, SegmentScore
from giblet.report.axes import Axis, log_axis, time_axis, value_axis
from giblet.report.clips import Clip, Recorder, clip_length, spectrograms
from giblet.report.figures import HIGH, WIDE, Mark, Picture, Plot, bars, dots, line
from giblet.report.findings import Finding

# Files whose sounds still fit, where nobody says how long they are.
MOST_HEARD = 4
_SHADES = 6


@dataclass(frozen=True)
class Cell:
    """A mean in a table.

    Attributes
    ----------
    interval : Interval
        The mean, its 95 % interval, and the segments it is of.
    digits : int
        After the point.
    reason : str
        Why there is no mean.
    """

    interval: Interval
    digits: int
    reason: str


@dataclass(frozen=True)
class Row:
    """A method in a table.

    Attributes
    ----------
    method : Method
        Which.
    quality : Quality
        All that is known of it.
    cells : tuple of Cell
        One for each measure.
    """

    method: Method
    quality: Quality
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class FileView:
    """A file of the benchmark, as the page shows it.

    Attributes
    ----------
    file : BenchmarkFile
        What is known of it.
    rows : tuple of Row
        By method.
    plots : tuple of Plot
        Measures over time.
    clips : tuple of Clip
        What is heard of it.
    pictures : tuple of Picture
        Their spectrograms.
    seconds : float
        How long they are.
    """

    file: BenchmarkFile
    rows: tuple[Row, ...]
    plots: tuple[Plot, ...]
    clips: tuple[Clip, ...]
    pictures: tuple[Picture, ...]
    seconds: float


def benchmark_page(path: str | os.PathLike[str], listen: float | None) -> dict[str, Any]:
    """Gather what the page of a benchmark says.

    Parameters
    ----------
    path : str or os.PathLike
        Its folder.
    listen : float or None
        Seconds of each sound, 0 for none; None for as many as fit.

    Returns
    -------
    dict
        Values for the template.

    Raises
    ------
    FormatError
        If the benchmark is damaged.
    """
    run = BenchmarkRun.load(path)
    heard = [file for file in run.files if file.sound][: MOST_HEARD if listen is None else None]
    if listen is None:
        listen = clip_length(
            run.codec.get("sample_rate", 24_000), run.codec.get("channels", 1), len(heard) * (len(run.methods) + 1)
        )
    if listen == 0:
        heard = []
    by_method = {method.key: [score for f in run.files for score in run.of(f.file, method)] for method in run.methods}
    first = run.methods[0].key
    return {
        "title": f"What {run.codec['name']} keeps",
        "sections": (
            ("bandwidth", "Quality by bandwidth"), *((f"file-{i}", file.name) for i, file in enumerate(run.files, 1)),
        ),
        "run": run,
        "measures": [MEASURES[name] for name in run.measures],
        "findings": [
            *(Finding(f"{Path(one.file).name} was not measured: {one.reason}.", True) for one in run.skipped),
            *map(Finding, run.warnings),
        ],
        "seconds_in_all": sum(file.duration for file in run.files),
        "overall": [_row(run, q, by_method[q.method]) for q in run.overall],
        "counts": next(q for q in run.overall if q.method == first),
        "plots": [_over_bandwidth(run, name) for name in run.measures],
        "methods": [(method.title, shade(run.methods, method)) for method in run.methods],
        "files": [_file(run, file, listen if file in heard else 0.0) for file in run.files],
        "provenance": {
            "giblet": run.giblet, "created": run.created, "codec": run.codec, "mel": run.mel,
            "settings": run.settings, "machine": run.machine, "libraries": run.versions,
        },
    }  # fmt: skip


def shade(methods: Sequence[Method], method: Method) -> str:
    """Return the class by which a method is drawn: the larger the bandwidth, the stronger."""
    coded = [m.key for m in methods if m.bandwidth is not None]
    if method.key not in coded:
        return "other"
    place = coded.index(method.key) / max(1, len(coded) - 1) if len(coded) > 1 else 1.0
    return f"s{round(place * (_SHADES - 1))}"


def _row(run: BenchmarkRun, quality: Quality, scores: Sequence[SegmentScore]) -> Row:
    method = next(m for m in run.methods if m.key == quality.method)
    cells = tuple(
        Cell(quality.measures[name], MEASURES[name].digits, why_missing(name, quality, scores)) for name in run.measures
    )
    return Row(method, quality, cells)


def why_missing(measure: str, quality: Quality, scores: Sequence[SegmentScore]) -> str:
    """Return why a measure has no mean.

    Parameters
    ----------
    measure : str
        Its name.
    quality : Quality
        Of the method.
    scores : sequence of SegmentScore
        The segments of which the mean would be.
    """
    if quality.n_silent == quality.n_segments:
        return "all segments are silent"
    if MEASURES[measure].speech_only and quality.n_music + quality.n_silent == quality.n_segments:
        return "all that is not silent is marked as music, of which this measure says little"
    given = Counter(
        reason.strip() for score in scores for name, _, reason in
        (part.strip().partition(":") for part in score.missing.split(";")) if name == measure
    )  # fmt: skip
    return given.most_common(1)[0][0] if given else "no segment has a value"


def _title(measure: str) -> str:
    about = MEASURES[measure]
    return f"{about.title}{f', {about.unit}' if about.unit else ''} {'↑' if about.higher_is_better else '↓'}"


def _over_bandwidth(run: BenchmarkRun, measure: str) -> Plot | None:
    """Return a measure by bandwidth with its intervals, and mel as a level; None where nothing was measured."""
    pairs = zip(run.methods, run.overall, strict=True)
    known = [(m, q.measures[measure]) for m, q in pairs if q.measures[measure].mean is not None]
    coded = [(m.bandwidth, i) for m, i in known if m.bandwidth is not None]
    if not coded:
        return None
    values = [v for _, i in known for v in (i.mean, i.low, i.high) if v is not None]
    rates = [float(kbps) for kbps, _ in coded]
    x, y = log_axis(rates, rates), value_axis(min(values), max(values))
    means = [(kbps, float(i.mean)) for kbps, (_, i) in zip(rates, coded, strict=True) if i.mean is not None]
    marks = [Mark(line(x, y, means), "line thin"), Mark(dots(x, y, means), "dots")]
    whiskers = [
        (kbps, i.low, i.high)
        for kbps, (_, i) in zip(rates, coded, strict=True)
        if i.low is not None and i.high is not None
    ]
    marks.insert(0, Mark(bars(x, y, whiskers), "whiskers"))
    said = [f"{kbps:g} kbps {mean:.{MEASURES[measure].digits}f}" for kbps, mean in means]
    for method, interval in known:
        if method.bandwidth is None and interval.mean is not None:
            level = f"M0 {HIGH * (1 - y.place(interval.mean)):.1f}H{WIDE}"
            marks.insert(0, Mark(level, "line other", method.title))
            said.append(f"{method.title} {interval.mean:.{MEASURES[measure].digits}f}")
    return Plot(_title(measure), f"{MEASURES[measure].title} by bandwidth: {', '.join(said)}.", x, y, tuple(marks))


def _file(run: BenchmarkRun, file: BenchmarkFile, listen: float) -> FileView:
    scores = {method.key: run.of(file.file, method) for method in run.methods}
    rows = tuple(_row(run, quality, scores[quality.method]) for quality in file.qualities)
    x = time_axis(0.0, file.duration)
    over = [_over_time(run, name, file, scores, x) for name in run.measures]
    clips = _clips(run, file, listen) if listen else ()
    seconds = min(listen, file.duration, run.settings["listen"])
    pictures = spectrograms(clips, time_axis(0.0, seconds), f"the first {seconds:.1f} s of {file.name}")
    return FileView(file, rows, tuple(plot for plot in over if plot), clips, pictures, seconds)


def _over_time(
    run: BenchmarkRun, measure: str, file: BenchmarkFile, scores: dict[str, tuple[SegmentScore, ...]], x: Axis
) -> Plot | None:
    """Return a measure by segment and method; None where no segment has a value."""
    values = [v for part in scores.values() for s in part if math.isfinite(v := getattr(s, measure))]
    if not values:
        return None
    y = value_axis(min(values), max(values), 3)
    first = scores[run.methods[0].key]
    marks = [
        Mark(_stretches(x, [s for s in first if s.music and not s.silent]), "music", "marked as music"),
        Mark(_stretches(x, [s for s in first if s.silent]), "silent", "silent, left out"),
    ]
    for method in run.methods:
        points = [(s.start + s.duration / 2, getattr(s, measure)) for s in scores[method.key]]
        kind = shade(run.methods, method)
        marks.append(Mark(line(x, y, points), f"line {kind}", method.title))
        marks.append(Mark(dots(x, y, _alone(points)), f"dots {kind}", method.title))
    alt = (
        f"{MEASURES[measure].title} of {file.name} over time, {len(first)} segments, {len(run.methods)} methods: from "
        f"{min(values):.{MEASURES[measure].digits}f} to {max(values):.{MEASURES[measure].digits}f}."
    )
    return Plot(_title(measure), alt, x, y, tuple(mark for mark in marks if mark.path))


def _alone(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return points that no line reaches, for neither neighbour has a value."""
    there = [False, *(math.isfinite(value) for _, value in points), False]
    return [point for i, point in enumerate(points, 1) if there[i] and not there[i - 1] and not there[i + 1]]


def _stretches(x: Axis, scores: Sequence[SegmentScore]) -> str:
    spans = [(WIDE * x.place(s.start), WIDE * x.place(s.start + s.duration)) for s in scores]
    return "".join(f"M{a:.1f} 0H{b:.1f}V{HIGH}H{a:.1f}Z" for a, b in spans)


def _clips(run: BenchmarkRun, file: BenchmarkFile, listen: float) -> tuple[Clip, ...]:
    titles = {method.key: method.title for method in run.methods}
    named = [("source", "Source", file.sound), *((q.method, titles[q.method], q.sound) for q in file.qualities)]
    folder = run.folder
    assert folder is not None
    return tuple(_clip(folder / sound, key, title, listen) for key, title, sound in named if sound is not None)


def _clip(path: Path, key: str, title: str, listen: float) -> Clip:
    import soundfile

    from giblet.errors import FormatError

    try:
        with soundfile.SoundFile(path) as file:
            n_samples = max(1, min(file.frames, round(listen * file.samplerate)))
            recorder = Recorder(file.samplerate, file.channels, n_samples)
            for block in file.blocks(file.samplerate, frames=n_samples, dtype="float32", always_2d=True):
                recorder.add(block.T)
    except soundfile.LibsndfileError as error:
        raise FormatError("is damaged", "measure again", path) from error
    return recorder.clip(key, title)
