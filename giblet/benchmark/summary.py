"""From the scores of segments to what is said of files and methods."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from giblet.benchmark.interval import FEWEST, block_bootstrap
from giblet.benchmark.result import BenchmarkFile, Drift, Interval, Method, Quality
from giblet.metrics import MEASURES, SegmentScore

# Segments at either end of a file whose delays are taken together.
ENDS = 3
# Milliseconds of drift that a person might notice, and that shift a feature by more than a frame.
NOTICED = 20.0
# Seconds that a container may announce and not hold.
ROUNDING = 1.0


def interval(measure: str, files: Iterable[Sequence[SegmentScore]]) -> Interval:
    """Return the mean of a measure with its interval, over the segments that it is made for.

    Parameters
    ----------
    measure : str
        Name out of `giblet.metrics.MEASURES`.
    files : iterable of sequence of SegmentScore
        Per file, its segments in time.

    Returns
    -------
    Interval
        As `giblet.benchmark.interval.block_bootstrap`.
    """
    only = MEASURES[measure].speech_only
    return block_bootstrap([
        [getattr(s, measure) for s in scores if not s.silent and not (only and s.music)] for scores in files
    ])  # fmt: skip


def drift(scores: Sequence[SegmentScore]) -> Drift:
    """Return by how much a reconstruction is late at the beginning and at the end.

    Parameters
    ----------
    scores : sequence of SegmentScore
        The segments of one file in time.
    """
    known = [(s.start + s.duration / 2, s.drift_ms) for s in scores if math.isfinite(s.drift_ms)]
    if not known:
        return Drift(None, None, None, None, None, 0)
    at_once = min(ENDS, max(1, len(known) // 2))
    (begin_at, begin), (end_at, end) = (
        tuple(map(statistics.median, zip(*part, strict=True))) for part in (known[:at_once], known[-at_once:])
    )
    return Drift(begin, end, end - begin if len(known) > 1 else None, begin_at, end_at, len(known))


def overall(method: Method, files: Sequence[BenchmarkFile], scores: Sequence[Sequence[SegmentScore]]) -> Quality:
    """Return what is said of a method over all files.

    Parameters
    ----------
    method : Method
        The method.
    files : sequence of BenchmarkFile
        The files.
    scores : sequence of sequence of SegmentScore
        The segments of each file by this method.
    """
    parts = [next(q for q in file.qualities if q.method == method.key) for file in files]
    seconds = [file.duration for file in files]
    total = sum(seconds)
    return Quality(
        method=method.key,
        measures={name: interval(name, scores) for name in parts[0].measures},
        n_segments=sum(part.n_segments for part in parts),
        n_silent=sum(part.n_silent for part in parts),
        n_music=sum(part.n_music for part in parts),
        bits_per_second=sum(p.bits_per_second * s for p, s in zip(parts, seconds, strict=True)) / total,
        encode_real_time_factor=total / sum(s / p.encode_real_time_factor for p, s in zip(parts, seconds, strict=True)),
        decode_real_time_factor=total / sum(s / p.decode_real_time_factor for p, s in zip(parts, seconds, strict=True)),
        drift=None,
        sound=None,
    )


def warnings_about(
    files: Sequence[BenchmarkFile],
    methods: Sequence[Method],
    scores: Sequence[SegmentScore],
    measures: Sequence[str],
    channels: int,
    lost: Sequence[tuple[str, float, int]],
) -> tuple[str, ...]:
    """Return what to know before the figures are used, a sentence each.

    Parameters
    ----------
    files, methods, scores, measures
        Of the run.
    channels : int
        Of the codec.
    lost : sequence of (str, float, int)
        Per file its name, the seconds that it announces and does not hold, and the packets that were damaged.
    """
    said = [*_about_files(lost), *(sentence for file in files for sentence in _about_segments(file))]
    music = sum(file.qualities[0].n_music for file in files)
    if music:
        segments = sum(file.qualities[0].n_segments for file in files)
        said.append(
            f"{music} of {_counted(segments, 'segment')} {'is' if music == 1 else 'are'} marked as music: STOI and "
            "PESQ are made for speech, and their means leave these out."
        )
    if not {"pesq_wb", "pesq_nb"} <= set(measures):
        said.append("PESQ is missing: install giblet[pesq], with a C compiler.")
    if channels > 1:
        said.append(f"Measured on the mean of the {channels} channels.")
    said += _about_missing(scores, measures)
    titles = {method.key: method.title for method in methods}
    for file in files:
        for quality in file.qualities:
            grown = quality.drift.growth_ms if quality.drift else None
            if grown is not None and abs(grown) > NOTICED:
                said.append(
                    f"{file.name} by {titles[quality.method]} drifts: from its beginning to its end it comes "
                    f"{abs(grown):.0f} ms {'later' if grown > 0 else 'earlier'}."
                )
    return tuple(said)


def _about_files(lost: Sequence[tuple[str, float, int]]) -> Iterable[str]:
    for name, missing, corrupt in lost:
        if missing > ROUNDING:
            yield f"{name} announces {missing:.1f} s more sound than it holds; what is there was measured."
        if corrupt:
            yield f"{name} has {_counted(corrupt, 'damaged packet')}, which were skipped; the file may be incomplete."


def _about_segments(file: BenchmarkFile) -> Iterable[str]:
    about = file.qualities[0]
    heard = about.n_segments - about.n_silent
    if not heard:
        yield f"{file.name} is silent throughout, below -60 dB of full scale, so nothing was measured on it."
    elif about.n_music == heard:
        yield (
            f"{file.name} has no means of STOI and PESQ: all of it that is not silent is marked as music, of which "
            "they say little; their values stand in segments.csv."
        )
    if 0 < heard < FEWEST:
        yield f"{file.name} has {_counted(heard, 'segment')} with sound, too few for intervals."


def _about_missing(scores: Sequence[SegmentScore], measures: Sequence[str]) -> Iterable[str]:
    heard = [score for score in scores if not score.silent]
    for name in measures:
        undefined = sum(math.isnan(getattr(score, name)) for score in heard)
        if undefined:
            yield (
                f"{MEASURES[name].title} is not defined on {undefined} of {len(heard)} scores; the column missing of "
                "segments.csv says why."
            )


def _counted(number: int, what: str) -> str:
    return f"{number} {what if number == 1 else what + 's'}"
