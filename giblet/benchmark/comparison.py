"""Two benchmarks of the same files: whether quality fell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from giblet.benchmark.result import BenchmarkFile, BenchmarkRun, Method
from giblet.errors import ParameterError
from giblet.metrics import MEASURES, SegmentScore

DRIFT = "drift_ms"
# By how much a mean may fall: a judgement. Drift may grow by so many milliseconds.
TOLERANCES = {
    "stoi": 0.01,
    "estoi": 0.02,
    "pesq_wb": 0.1,
    "pesq_nb": 0.1,
    "si_sdr": 0.5,
    "snr": 0.5,
    "log_spectral_distance": 0.3,
    "mel_distance": 0.2,
    DRIFT: 5.0,
}


@dataclass(frozen=True)
class Change:
    """How one measure of one file by one method changed.

    Attributes
    ----------
    file, method : str
        Name of the file, title of the method.
    measure : str
        Name out of `giblet.metrics.MEASURES`, or ``"drift_ms"``: the growth of the delay, without its sign.
    before, after : float or None
        Means over the segments that have a value in both runs; None where there is none.
    n : int
        Segments that have a value in both.
    n_lost : int
        Segments that had a value before and have none now.
    fell : bool
        Whether quality fell beyond the tolerance, or is lost.
    """

    file: str
    method: str
    measure: str
    before: float | None
    after: float | None
    n: int
    n_lost: int
    fell: bool


@dataclass(frozen=True)
class Comparison:
    """Two runs, compared.

    Attributes
    ----------
    changes : tuple of Change
        By file, method and measure.
    tolerances : dict of str to float
        What was tolerated.
    notes : tuple of str
        What could not be compared, a sentence each.
    """

    changes: tuple[Change, ...]
    tolerances: dict[str, float]
    notes: tuple[str, ...]

    @property
    def fell(self) -> tuple[Change, ...]:
        """The changes for the worse beyond tolerance."""
        return tuple(change for change in self.changes if change.fell)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison in JSON types."""
        return asdict(self) | {"changes": [asdict(c) for c in self.changes], "fell": len(self.fell)}


def tolerances(changed: Iterable[str]) -> dict[str, float]:
    """Return the tolerances, some of them changed.

    Parameters
    ----------
    changed : iterable of str
        Such as ``"stoi=0.02"``, or several with commas.

    Raises
    ------
    ParameterError
        If there is no such measure, or a value is no number from 0 on.
    """
    known = dict(TOLERANCES)
    for item in (part.strip() for text in changed for part in text.split(",")):
        name, _, value = item.partition("=")
        if name not in known:
            raise ParameterError(f"there is no tolerance for {name!r}", f"name one of {', '.join(known)}")
        try:
            known[name] = float(value)
        except ValueError:
            known[name] = math.nan
        if not known[name] >= 0:
            raise ParameterError(f"the tolerance {item!r} is no number", f"write it as {name}={TOLERANCES[name]:g}")
    return known


def compare(before: BenchmarkRun, after: BenchmarkRun, tolerated: Mapping[str, float] = TOLERANCES) -> Comparison:
    """Compare two runs on the files and methods that both have.

    Files are the same if their bytes are; methods if their bandwidth is, whatever the codec is called, so that a codec
    can be compared with what it was before its training went on. Means are taken over the segments where both runs
    have a value; segments of music count for measures of speech only where a file holds nothing else.

    Parameters
    ----------
    before, after : BenchmarkRun
        The run that sets the standard, and the one that is judged.
    tolerated : mapping of str to float
        Per measure, by how much the mean of a file may fall.

    Returns
    -------
    Comparison
        All changes.

    Raises
    ------
    ParameterError
        If the runs have no file, method or measure in common, or segments of different lengths.
    """
    if before.settings.get("segment") != after.settings.get("segment"):
        raise ParameterError(
            f"the runs have segments of {before.settings.get('segment')} s and {after.settings.get('segment')} s",
            "measure both with the same --segment",
        )
    mine = {file.sha256: file for file in after.files}
    files = [(file, mine[file.sha256]) for file in before.files if file.sha256 in mine]
    now = {method.bandwidth: method for method in after.methods}
    methods = [(method, now[method.bandwidth]) for method in before.methods if method.bandwidth in now]
    measures = [name for name in before.measures if name in after.measures and name in MEASURES]
    for what, common in (("file", files), ("method", methods), ("measure", measures)):
        if not common:
            raise ParameterError(
                f"the two runs have no {what} in common", "measure the same files at the same bandwidths"
            )
    changes = tuple(
        change
        for first, second in files
        for old, new in methods
        for change in (
            *_changes(second, new, measures, before.of(first.file, old), after.of(second.file, new), tolerated),
            *_drift(second, new, _growth(first, old), _growth(second, new), tolerated[DRIFT]),
        )
    )
    return Comparison(changes, dict(tolerated), tuple(_notes(before, after, files, methods)))


def _changes(
    file: BenchmarkFile,
    method: Method,
    measures: Iterable[str],
    before: tuple[SegmentScore, ...],
    after: tuple[SegmentScore, ...],
    tolerated: Mapping[str, float],
) -> Iterable[Change]:
    pairs = [(old, new) for old, new in zip(before, after, strict=False) if not old.silent]
    speech = [(old, new) for old, new in pairs if not old.music] or pairs
    for name in measures:
        measure = MEASURES[name]
        values = [(getattr(o, name), getattr(n, name)) for o, n in (speech if measure.speech_only else pairs)]
        had = [(old, new) for old, new in values if math.isfinite(old)]
        both = [(old, new) for old, new in had if math.isfinite(new)]
        lost = len(had) - len(both)
        if not had:
            continue
        means = [sum(column) / len(both) for column in zip(*both, strict=True)] if both else [None, None]
        worse = 0.0
        if means[0] is not None and means[1] is not None:
            worse = means[0] - means[1] if measure.higher_is_better else means[1] - means[0]
        yield Change(
            file.name, method.title, name, means[0], means[1], len(both), lost, worse > tolerated[name] or lost > 0
        )


def _growth(file: BenchmarkFile, method: Method) -> float | None:
    quality = next(quality for quality in file.qualities if quality.method == method.key)
    growth = quality.drift.growth_ms if quality.drift else None
    return None if growth is None else abs(growth)


def _drift(
    file: BenchmarkFile, method: Method, before: float | None, after: float | None, tolerated: float
) -> Iterable[Change]:
    if before is not None:
        both = int(after is not None)
        fell = after is None or after - before > tolerated
        yield Change(file.name, method.title, DRIFT, before, after, both, 1 - both, fell)


def _notes(
    before: BenchmarkRun,
    after: BenchmarkRun,
    files: list[tuple[BenchmarkFile, BenchmarkFile]],
    methods: list[tuple[Method, Method]],
) -> Iterable[str]:
    for run, which in ((before, "earlier"), (after, "later")):
        left = len(run.files) - len(files)
        if left:
            yield f"{left} of the {which} run's files are not in the other one."
        lacking = [m.title for m in run.methods if m not in [pair[run is after] for pair in methods]]
        if lacking:
            yield f"Only the {which} run has {', '.join(lacking)}."
    lacking = [MEASURES[name].title for name in before.measures if name in MEASURES and name not in after.measures]
    if lacking:
        yield f"The later run lacks {', '.join(lacking)}."
    if before.codec.get("fingerprint") != after.codec.get("fingerprint"):
        yield f"The codecs have other weights: {before.codec.get('name')} before, {after.codec.get('name')} now."
