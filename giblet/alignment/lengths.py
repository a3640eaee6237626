"""Which volumes a stimulus and its scan have in common."""

from __future__ import annotations

from fractions import Fraction

from giblet.errors import AlignmentError, ParameterError
from giblet.timeline import Seconds, TRGrid, exact, whole

# Seconds by which a window may outlast the stimulus: times in files are rounded.
_ROUNDING = Fraction(1, 10**6)


def reconcile(
    grid: TRGrid, stimulus_duration: Seconds, n_volumes: int, trim: tuple[int, int] = (0, 0)
) -> tuple[TRGrid, tuple[str, ...]]:
    """Keep the volumes that both the scan and the stimulus have.

    The rule: a volume counts if the scan has it and the stimulus covers its whole window [start + i·tr,
    start + (i + 1)·tr); of those, `trim` are left out at the beginning and at the end. What is left out is still there
    for the haemodynamic response of the volumes that stay: only volumes go, no part of the stimulus.

    Parameters
    ----------
    grid : TRGrid
        The run's volumes on the stimulus' clock, where volume 0 is the first that the BOLD file holds.
    stimulus_duration : real number or str
        Seconds.
    n_volumes : int
        Volumes of the BOLD file.
    trim : tuple of (int, int)
        Volumes to leave out at the beginning and at the end.

    Returns
    -------
    grid : TRGrid
        The volumes that stay; the first is number ``(new.start - old.start) / tr`` of the file.
    report : tuple of str
        What was left out and why, a sentence each; empty if nothing was.

    Raises
    ------
    AlignmentError
        If no volume stays.
    ParameterError
        If a number cannot be used.
    """
    duration, volumes = exact(stimulus_duration, "stimulus_duration"), whole(n_volumes, "n_volumes")
    head, tail = (whole(count, "trim") for count in trim)
    if duration < 0 or min(head, tail, volumes) < 0:
        raise ParameterError(
            f"duration {float(duration):g} s, {volumes} volumes, trim {head}, {tail}", "give numbers of 0 or more"
        )
    report, tr = [], grid.tr
    there = min(volumes, grid.n_trs)
    if volumes < grid.n_trs:
        report.append(f"The scan has {_volumes(volumes)} where {grid.n_trs} were expected.")
    elif volumes > grid.n_trs:
        report.append(_left_out(volumes - grid.n_trs, "end", "no more were expected"))
    before = _ceil(-grid.start / tr - _ROUNDING / tr)
    after = int((duration - grid.start + _ROUNDING) // tr)
    first, stop = max(0, before), min(there, after)
    if first + head >= stop - tail:
        raise AlignmentError(
            f"no volume is left: the stimulus lasts from 0 to {float(duration):g} s, its clock gives the scan's "
            f"{_volumes(there)} the time from {float(grid.start):g} to {float(grid.start + there * tr):g} s, and "
            f"{head} and {tail} volumes are to be trimmed",
            "correct the onset of the stimulus, or trim less",
        )
    if first:
        report.append(_left_out(first, "beginning", "the stimulus had not begun"))
    if there > stop:
        report.append(_left_out(there - stop, "end", "the stimulus was over"))
    unseen = duration - (grid.start + there * tr)
    if unseen >= tr:
        report.append(f"The stimulus goes on for {float(unseen):g} s after the last volume; nothing is known of that.")
    if grid.start > 0:
        report.append(f"The stimulus began {float(grid.start):g} s before the first volume.")
    report += [_left_out(count, at, "as asked") for count, at in ((head, "beginning"), (tail, "end")) if count]
    return grid.part(first + head, stop - tail - first - head), tuple(report)


def _ceil(number: Fraction) -> int:
    return -(-number.numerator // number.denominator)


def _left_out(count: int, at: str, why: str) -> str:
    return f"{_volumes(count)} at the {at} {'is' if count == 1 else 'are'} left out: {why}."


def _volumes(count: int) -> str:
    return f"{count} volume" if count == 1 else f"{count} volumes"
