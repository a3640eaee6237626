"""How good the BOLD of a dataset is: per target, and as a glass brain where targets have places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet.bold import isc, read_space
from giblet.bold.grids import Regions, Voxels
from giblet.data.multimodal.prepared import Prepared, Scan
from giblet.report.axes import value_axis
from giblet.report.brains import VOLUMES_ONLY, Brain, glass_brains, median
from giblet.report.figures import Mark, Plot, boxes

# Targets that are listed one by one; more are shown as a histogram.
MOST_LISTED = 60
# Targets whose time courses are compared at once.
_AT_ONCE = 4096
_BINS = 40


@dataclass(frozen=True)
class Target:
    """A target of a dataset.

    Attributes
    ----------
    name : str
        Of the region, or the voxel.
    tsnr, isc : float
        Means over scans, and over subjects and runs; nan where there is none.
    lowest, highest : float
        Of `isc`, over subjects and runs.
    """

    name: str
    tsnr: float
    isc: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class BoldQuality:
    """What the page says of a dataset's BOLD.

    Attributes
    ----------
    n_targets : int
        Targets of every scan.
    targets : tuple of Target
        One by one, where they are few.
    histograms : tuple of Plot
        Otherwise.
    medians : dict of str to float
        Median over targets of ``tSNR`` and ``ISC``; nan where there is none.
    brains : tuple of Brain
        Where targets have places in a volume.
    remarks : tuple of str
        What is not shown, and why; a sentence each.
    """

    n_targets: int
    targets: tuple[Target, ...]
    histograms: tuple[Plot, ...]
    medians: dict[str, float]
    brains: tuple[Brain, ...]
    remarks: tuple[str, ...]


def bold_quality(prepared: Prepared) -> BoldQuality | None:
    """Return how good the BOLD of a dataset is, or None where it has none.

    Parameters
    ----------
    prepared : Prepared
        The dataset.

    Raises
    ------
    StoreError, BoldError
        If its files are damaged.
    """
    scans = [scan for scan in prepared.scans if scan.bold is not None]
    if not scans:
        return None
    names = prepared.document(str(scans[0].targets))["names"]
    remarks = []
    ratios = _ratios(prepared, scans, len(names))
    if ratios is None:
        remarks.append("There is no tSNR, for an earlier giblet built this dataset: build it again.")
    elif not np.nanmax(np.abs(ratios), initial=0) > 1:
        remarks.append(
            "The means of the time courses were taken out before giblet read them, so their tSNR says little."
        )
    correlations = _correlations(prepared, scans)
    if correlations is None:
        remarks.append("There is no ISC, which takes two subjects with signal who saw the same at the same times.")
    nothing = np.full(len(names), np.nan)
    ratio = nothing if ratios is None else ratios
    mean, low, high = (nothing,) * 3 if correlations is None else _summed(correlations)
    few = len(names) <= MOST_LISTED
    targets = tuple(
        Target(*values) for values in zip(names, *(x.tolist() for x in (ratio, mean, low, high)), strict=True)
    )
    maps = {
        title: values
        for title, values in (("tSNR", ratio), ("Leave-one-out ISC, r", mean))
        if np.isfinite(values).any()
    }
    brains, why = _brains(prepared, scans[0], maps)
    return BoldQuality(
        len(names), targets if few else (), () if few else tuple(_histogram(*item) for item in maps.items()),
        {"tSNR": median(ratio), "ISC": median(mean)}, brains, (*remarks, *why),
    )  # fmt: skip


def _ratios(prepared: Prepared, scans: Sequence[Scan], n_targets: int) -> np.ndarray | None:
    """Return each target's mean tSNR over the scans in which it has a signal."""
    total, counts = np.zeros(n_targets), np.zeros(n_targets)
    for scan in scans:
        if scan.tsnr is None:
            return None
        values = prepared.array(scan.tsnr)
        there = np.isfinite(values) & (values != 0)
        total += np.where(there, values, 0)
        counts += there
    return np.divide(total, counts, out=np.full(n_targets, np.nan), where=counts > 0)


def _correlations(prepared: Prepared, scans: Sequence[Scan]) -> np.ndarray | None:
    """Return the ISC of all subjects in all runs that two or more saw together, (n, n_targets)."""
    groups: dict[tuple[str, int], list[Scan]] = {}
    for scan in scans:
        if prepared.array(str(scan.used)).any():
            groups.setdefault((scan.run, scan.stimulus), []).append(scan)
    found = []
    for group in groups.values():
        if len({scan.subject for scan in group}) < 2:
            continue
        n_trs = min(scan.n_trs for scan in group)
        # Volumes that one of them lost count for nobody.
        used = np.logical_and.reduce([prepared.array(str(scan.used))[:n_trs] for scan in group])
        if used.sum() < 3:
            continue
        runs = [prepared.array(str(scan.bold)) for scan in group]
        parts = [
            isc([np.asarray(run[:n_trs, first : first + _AT_ONCE])[used] for run in runs])
            for first in range(0, runs[0].shape[1], _AT_ONCE)
        ]
        found.append(np.concatenate(parts, axis=1))
    return np.concatenate(found) if found else None


def _summed(correlations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, least and greatest of each target over whoever has a value."""
    there = np.isfinite(correlations)
    counts = there.sum(axis=0)
    none = counts == 0
    total = np.where(there, correlations, 0).sum(axis=0, dtype=np.float64)
    mean = np.divide(total, counts, out=np.full(len(counts), np.nan), where=~none)
    low = np.where(none, np.nan, np.where(there, correlations, np.inf).min(axis=0))
    high = np.where(none, np.nan, np.where(there, correlations, -np.inf).max(axis=0))
    return mean, low, high


def _histogram(title: str, values: np.ndarray) -> Plot:
    known = values[np.isfinite(values)]
    counts, edges = np.histogram(known, _BINS)
    x, y = value_axis(float(edges[0]), float(edges[-1]), 6), value_axis(0, int(counts.max()))
    path = boxes(x, y, zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True))
    low, middle, high = np.quantile(known, [0.05, 0.5, 0.95])
    alt = f"{title} of {len(known)} targets: median {middle:.2f}, 90 % of them from {low:.2f} to {high:.2f}."
    return Plot(f"{title}: targets by value", alt, x, y, (Mark(path, "histogram"),))


def _brains(prepared: Prepared, scan: Scan, maps: dict[str, np.ndarray]) -> tuple[tuple[Brain, ...], tuple[str, ...]]:
    if scan.space is None:
        return (), ()
    space = read_space(prepared.folder / scan.space)
    if not isinstance(space, (Voxels, Regions)):
        return (), (VOLUMES_ONLY,)
    return glass_brains((title, space.to_image(np.nan_to_num(values)), values) for title, values in maps.items())


def valid_targets(prepared: Prepared, scan: Scan) -> tuple[int, int]:
    """Return how many targets of a scan hold a signal, and how many there are."""
    described = prepared.document(str(scan.targets))
    return len(described["valid"]), len(described["names"])
