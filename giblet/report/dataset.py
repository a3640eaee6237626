"""What the page says of a dataset: who saw what, how it was aligned, what is missing, and how good the BOLD is."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from giblet.data.multimodal.prepared import FeatureArray, Prepared, Scan, Stimulus, read_prepared
from giblet.data.multimodal.rows import Source, sources, split_rows
from giblet.data.multimodal.splits import DEFAULT, WAYS, Splitting
from giblet.report.axes import Axis, value_axis
from giblet.report.bold import bold_quality, valid_targets
from giblet.report.figures import Lane, Lanes, Span
from giblet.report.findings import Finding

# Scans that are drawn; a study may have hundreds.
MOST_DRAWN = 60
_STATES = ("good", "censored", "unknown")
_KEY = (
    ("good", "known and used"),
    ("censored", "volume censored or without signal"),
    ("unknown", "features not known"),
)
_PARTS = 4


@dataclass(frozen=True)
class ScanView:
    """A scan, as the page shows it.

    Attributes
    ----------
    scan : Scan
        What is known of it.
    stimulus : Stimulus
        What was shown.
    start : float
        Of its first TR on the stimulus' clock, seconds.
    usable, censored, unknown : int
        TRs where all is known; whose volume is not used; of which a feature knows nothing. A TR may be both.
    targets : tuple of (int, int) or None
        Targets with a signal, and all; None without BOLD.
    """

    scan: Scan
    stimulus: Stimulus
    start: float
    usable: int
    censored: int
    unknown: int
    targets: tuple[int, int] | None


def dataset_page(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Gather what the page of a dataset says.

    Parameters
    ----------
    path : str or os.PathLike
        Its folder.

    Returns
    -------
    dict
        Values for the template.

    Raises
    ------
    StoreError, BoldError, ParameterError
        If the dataset is damaged.
    """
    prepared = read_prepared(path)
    scans = [_scan(prepared, scan) for scan in prepared.scans]
    grid = prepared.stimuli[0].grid
    splitting, gap = _splitting(prepared)
    splits = list(_splits(prepared, splitting, gap))
    empty = [
        Finding(f"The split {split['name']} is empty, so that nothing can be drawn from it.", serious=True)
        for split in splits
        if not split["samples"]
    ]
    return {
        "title": prepared.name,
        "sections": (
            ("scans", "Scans"), ("alignment", "Alignment"), ("features", "Features"), ("splits", "Splits"),
            ("bold", "BOLD"),
        ),
        "prepared": prepared,
        "grid": grid,
        "subjects": list(dict.fromkeys(scan.subject for scan in prepared.scans)),
        "runs": list(dict.fromkeys(scan.run for scan in prepared.scans)),
        "n_trs": sum(scan.n_trs for scan in prepared.scans),
        "findings": [*map(Finding, prepared.notes), *_losses(scans), *empty],
        "scans": scans,
        "lanes": _lanes(prepared, scans[:MOST_DRAWN]),
        "n_drawn": min(len(scans), MOST_DRAWN),
        "splitting": splitting,
        "gap": gap,
        "splits": splits,
        "split_lanes": _split_lanes(prepared, splitting, gap),
        "features": [_feature(prepared, f, s) for s in prepared.stimuli for f in s.features],
        "bold": bold_quality(prepared),
        "settings": prepared.settings.to_dict(),
    }  # fmt: skip


def _states(prepared: Prepared, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Return of which TRs of a scan the features are known, and the volumes used, bool (n_trs,)."""
    known = prepared.array(prepared.stimuli[scan.stimulus].valid)[: scan.n_trs]
    used = np.ones(scan.n_trs, bool) if scan.used is None else prepared.array(scan.used)[: scan.n_trs]
    return known, used


def _scan(prepared: Prepared, scan: Scan) -> ScanView:
    known, used = _states(prepared, scan)
    stimulus = prepared.stimuli[scan.stimulus]
    return ScanView(
        scan, stimulus, float(stimulus.grid.start), int((known & used).sum()), int((~used).sum()), int((~known).sum()),
        None if scan.targets is None else valid_targets(prepared, scan),
    )  # fmt: skip


def _losses(scans: Sequence[ScanView]) -> Iterator[Finding]:
    for view in scans:
        name = f"Subject {view.scan.subject}, run {view.scan.run}"
        if view.censored == view.scan.n_trs:
            yield Finding(f"{name}: none of the volumes can be used.", serious=True)
        elif view.targets is not None and view.targets[0] < view.targets[1]:
            without = view.targets[1] - view.targets[0]
            yield Finding(f"{name}: {without} of {view.targets[1]} targets have no signal.")


def _lanes(prepared: Prepared, scans: Sequence[ScanView]) -> Lanes:
    longest = max(view.scan.n_trs for view in scans)
    x = _trs(longest)
    lanes = []
    for view in scans:
        known, used = _states(prepared, view.scan)
        state = np.where(~used, 1, np.where(~known, 2, 0))
        spans, first = [], 0
        for number, group in groupby(state.tolist()):
            n = len(list(group))
            spans.append(Span(first, first + n, _STATES[number], f"TRs {first} to {first + n - 1}"))
            first += n
        lanes.append(Lane(f"{view.scan.subject}, {view.scan.run}", tuple(spans)))
    there = {span.kind for lane in lanes for span in lane.spans}
    usable = sum(view.usable for view in scans)
    alt = f"TRs of {len(scans)} scans: {usable} of {sum(view.scan.n_trs for view in scans)} are known and used."
    return Lanes("TRs of each scan", alt, x, tuple(lanes), tuple((kind, text) for kind, text in _KEY if kind in there))


def _trs(longest: int) -> Axis:
    ticks = value_axis(0, longest, 5).ticks
    return Axis(0, longest, tuple((at, f"TR {label}" if at == 0 else label) for at, label in ticks if at <= longest))


def _splitting(prepared: Prepared) -> tuple[Splitting, int]:
    """Return how the dataset is divided where nobody says otherwise, and the TRs left out between blocks."""
    stated = prepared.defaults
    splitting = Splitting.asked(stated.get("split_by", WAYS[0]), stated.get("splits", DEFAULT), stated.get("gap"))
    seconds = sum(prepared.reach()) if splitting.gap is None else splitting.gap
    return splitting, math.ceil(seconds / prepared.stimuli[0].grid.tr)


def _sources(prepared: Prepared) -> tuple[Source, ...]:
    subjects = tuple(dict.fromkeys(scan.subject for scan in prepared.scans))
    return sources(prepared, subjects, "per_subject")


def _splits(prepared: Prepared, splitting: Splitting, gap: int) -> Iterator[dict[str, Any]]:
    """Yield the samples of each split, how many of them are valid, and whom they are of."""
    found = _sources(prepared)
    for name in splitting.parts:
        rows = split_rows(found, splitting, name, gap)
        valid = sum(int(found[i].valid[rows.first[rows.source == i]].sum()) for i in np.unique(rows.source))
        members = None
        if splitting.by != "blocks":
            whose = {"run": [s.run for s in found], "subject": [s.subject or "" for s in found]}[splitting.by]
            members = list(dict.fromkeys(whose[i] for i in np.unique(rows.source)))
        yield {"name": name, "samples": len(rows.first), "valid": valid, "members": members}


def _split_lanes(prepared: Prepared, splitting: Splitting, gap: int) -> Lanes | None:
    """Return which TRs of each run belong to which split, where blocks are divided; runs of one length once."""
    if splitting.by != "blocks":
        return None
    lengths: dict[int, list[str]] = {}
    for scan in prepared.scans:
        names = lengths.setdefault(scan.n_trs, [])
        if scan.run not in names:
            names.append(scan.run)
    lanes = []
    for n_trs, runs in list(lengths.items())[:MOST_DRAWN]:
        blocks = splitting.blocks(n_trs, gap)
        spans = [
            Span(trs.start, trs.stop, f"part{i % _PARTS}", f"{name}: TRs {trs.start} to {trs.stop - 1}")
            for i, (name, trs) in enumerate(blocks.items())
            if len(trs)
        ]
        more = f" and {len(runs) - 2} more" if len(runs) > 2 else ""
        lanes.append(Lane(", ".join(runs[:2]) + more, (Span(0, n_trs, "absent", "left out between splits"), *spans)))
    key = [(f"part{i % _PARTS}", name) for i, name in enumerate(splitting.parts)]
    alt = f"Splits of the runs in blocks: {', '.join(splitting.parts)}, {gap} TRs left out between them."
    return Lanes(
        "TRs of each run", alt, _trs(max(lengths)), tuple(lanes), (*key, ("absent", "left out between splits"))
    )


def _feature(prepared: Prepared, feature: FeatureArray, stimulus: Stimulus) -> dict[str, Any]:
    array = prepared.array(feature.file)
    return {
        "stimulus": stimulus.name, "name": feature.name, "kind": feature.kind, "shape": array.shape[1:],
        "n_trs": array.shape[0], "dtype": str(array.dtype), "columns": feature.columns,
    }  # fmt: skip
