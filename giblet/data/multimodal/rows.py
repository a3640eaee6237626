"""Which TRs of which scans are samples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from giblet.data.multimodal.prepared import Prepared
from giblet.data.multimodal.splits import Splitting
from giblet.errors import AlignmentError, ParameterError


@dataclass(frozen=True)
class Source:
    """A run as one subject, or all of them together, saw it.

    Attributes
    ----------
    subject : str or None
        Name; None for the mean over subjects.
    run : str
        Name.
    stimulus : int
        Which of the dataset's stimuli.
    scans : tuple of int
        Scans whose BOLD is averaged; one for one subject.
    n_trs : int
        TRs that all of them have.
    valid : ndarray of bool, shape (n_trs,)
        Where all is known and no volume is censored.
    """

    subject: str | None
    run: str
    stimulus: int
    scans: tuple[int, ...]
    n_trs: int
    valid: np.ndarray


@dataclass(frozen=True)
class Rows:
    """Samples, in order.

    Attributes
    ----------
    source : ndarray of int64, shape (n,)
        Which source each belongs to.
    first : ndarray of int64, shape (n,)
        Its first TR.
    """

    source: np.ndarray
    first: np.ndarray


def pick_subjects(names: Sequence[str], asked: str | int | Iterable[str | int]) -> tuple[str, ...]:
    """Return the subjects that were asked for, in the study's order.

    Parameters
    ----------
    names : sequence of str
        All that there are.
    asked : "all", str, int or iterable of those
        Names, with or without ``sub-``; or the number in a name.

    Returns
    -------
    tuple of str
        Their names.

    Raises
    ------
    ParameterError
        If there is no such subject, a number fits several, or none is asked for.
    """
    if asked == "all":
        return tuple(names)
    wanted = {_subject(names, one) for one in ([asked] if isinstance(asked, (str, int)) else asked)}
    if not wanted:
        raise ParameterError("no subject is asked for", f"choose from {', '.join(names)}, or say 'all'")
    return tuple(name for name in names if name in wanted)


def _subject(names: Sequence[str], asked: str | int) -> str:
    text = str(asked).removeprefix("sub-")
    if text in names:
        return text
    if isinstance(asked, int):
        found = [name for name in names if [int(digits) for digits in re.findall(r"\d+", name)] == [asked]]
        if len(found) == 1:
            return found[0]
    raise ParameterError(f"there is no subject {asked!r}", f"choose from {', '.join(names)}, or say 'all'")


def sources(prepared: Prepared, subjects: Sequence[str], mode: str) -> tuple[Source, ...]:
    """Return what samples are drawn from.

    Parameters
    ----------
    prepared : Prepared
        The dataset.
    subjects : sequence of str
        Who counts.
    mode : {"per_subject", "cross_subject"}
        Whether each subject is a source, or the mean of all.

    Returns
    -------
    tuple of Source
        Subject by subject and run by run; or run by run.

    Raises
    ------
    AlignmentError
        If scans that are to be averaged do not show the same.
    """
    scans = [i for i, scan in enumerate(prepared.scans) if scan.subject in subjects]
    if mode == "per_subject":
        return tuple(_source(prepared, (i,), prepared.scans[i].subject) for i in scans)
    runs: dict[str, list[int]] = {}
    for i in scans:
        runs.setdefault(prepared.scans[i].run, []).append(i)
    # A scan without any signal would pull the mean to 0.
    signal = {run: [i for i in together if _has_signal(prepared, i)] for run, together in runs.items()}
    return tuple(_source(prepared, tuple(signal[run] or together), None) for run, together in runs.items())


def _has_signal(prepared: Prepared, scan: int) -> bool:
    used = prepared.scans[scan].used
    return used is None or bool(prepared.array(used).any())


def _source(prepared: Prepared, scans: tuple[int, ...], subject: str | None) -> Source:
    first = prepared.scans[scans[0]]
    if any(prepared.scans[i].stimulus != first.stimulus for i in scans):
        raise AlignmentError(
            f"the subjects of run {first.run} did not see the same at the same times",
            "choose subjects who did, or mode='per_subject'",
            prepared.folder,
        )
    n_trs = min(prepared.scans[i].n_trs for i in scans)
    valid = np.array(prepared.array(prepared.stimuli[first.stimulus].valid)[:n_trs])
    for i in scans:
        used = prepared.scans[i].used
        if used is not None:
            valid &= prepared.array(used)[:n_trs]
    return Source(subject, first.run, first.stimulus, scans, n_trs, valid)


def split_rows(
    found: Sequence[Source],
    splitting: Splitting,
    split: str | None,
    gap: int,
    window: int = 1,
    only_valid: bool = False,
) -> Rows:
    """Return the samples of a split.

    Parameters
    ----------
    found : sequence of Source
        What they are drawn from.
    splitting : Splitting
        How the dataset is divided.
    split : str or None
        Which part; None for all.
    gap : int
        TRs left out between blocks.
    window : int
        Consecutive TRs of a sample.
    only_valid : bool
        Whether samples with a TR that is not valid are left out.

    Returns
    -------
    Rows
        The samples.
    """
    names = {"run": [s.run for s in found], "subject": [s.subject or "" for s in found]}
    chosen = None
    if split is not None and splitting.by != "blocks":
        chosen = splitting.members(tuple(dict.fromkeys(names[splitting.by])), split)
    source, first = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for i, one in enumerate(found):
        trs = range(one.n_trs)
        if chosen is not None:
            trs = trs if names[splitting.by][i] in chosen else range(0)
        elif split is not None:
            trs = splitting.blocks(one.n_trs, gap)[split]
        starts = np.arange(trs.start, max(trs.start, trs.stop - window + 1))
        if only_valid and len(starts):
            windows = np.lib.stride_tricks.sliding_window_view(one.valid, window)
            starts = starts[windows[starts].all(axis=1)]
        source.append(np.full(len(starts), i))
        first.append(starts)
    return Rows(np.concatenate(source), np.concatenate(first))
