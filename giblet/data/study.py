"""A study as files: who was scanned in which run, what was shown, and when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from giblet.errors import StudyError, printable


@dataclass(frozen=True)
class Problem:
    """Something about a study's files that its owner should mend, or know.

    Attributes
    ----------
    path : str
        The file or folder concerned.
    problem, remedy : str
        As in `giblet.errors.GibletError`: what is wrong and what to do, without a full stop.
    severity : {"error", "warning"}
        Whether the run cannot be used like this, or can but may mean something else than its owner thinks.
    """

    path: str
    problem: str
    remedy: str
    severity: Literal["error", "warning"] = "error"

    def __post_init__(self) -> None:
        # Names and values in files may hold anything, such as orders to a terminal.
        for name in ("problem", "remedy"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.problem}; {self.remedy}."


@dataclass(frozen=True)
class RunFiles:
    """The files of one scan, and how its volumes lie in time.

    Attributes
    ----------
    subject, run : str
        Names; together they are unique in a study.
    bold : pathlib.Path or None
        Image, surface or table of the scan; None where there are features only.
    mask, atlas, confounds : pathlib.Path or None
        Which voxels count; which region each belongs to; columns of what else moves the signal.
    stimulus : pathlib.Path or None
        Film or sound.
    annotations : tuple of pathlib.Path
        Words, scenes and the like, on the stimulus' clock.
    events : pathlib.Path or None
        BIDS events, whose times count from the first stored volume: `onset` later than on the stimulus' clock.
    tr : fractions.Fraction or None
        Repetition time that the study or a sidecar states, seconds; None leaves it to the header.
    dropped : int
        Volumes that were cut off in front and that `onset` still counts.
    onset : fractions.Fraction
        When the stimulus began, seconds after the first volume: the first dropped one, or with ``dropped=0``, which is
        how BIDS counts, the first stored one. Negative: before it.
    sample_offset : fractions.Fraction or None
        Time within a TR that volumes show, seconds: what slice timing was corrected to. None where unknown.
    sidecar : mapping or None
        What BIDS sidecars, inherited ones too, state of the scan's times and was found to make sense: RepetitionTime,
        StartTime, SliceTiming, SliceTimingCorrected; None leaves it to the file beside the scan.
    options : mapping
        How to read the BOLD: columns, smoothing, detrending, …, by the names that `giblet.bold.read_bold` has.
    """

    subject: str
    run: str
    bold: Path | None = None
    mask: Path | None = None
    atlas: Path | None = None
    confounds: Path | None = None
    stimulus: Path | None = None
    annotations: tuple[Path, ...] = ()
    events: Path | None = None
    tr: Fraction | None = None
    dropped: int = 0
    onset: Fraction = Fraction(0)
    sample_offset: Fraction | None = None
    sidecar: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def name(self) -> str:
        """Subject and run, for messages."""
        return f"subject {self.subject}, run {self.run}"

    @property
    def bold_arguments(self) -> dict[str, Any]:
        """What `giblet.bold.read_bold` is to be told besides the file: a dict of its arguments."""
        arguments = {
            "mask": self.mask,
            "atlas": self.atlas,
            "confounds": self.confounds,
            "tr": self.tr,
            "sidecar": self.sidecar,
        }
        stated = (self.sidecar or {}).get("StartTime")
        if self.tr and self.sample_offset is not None and self.sample_offset != stated:
            arguments["slice_time_ref"] = self.sample_offset / self.tr
        given = {name: value for name, value in arguments.items() if value is not None}
        return {**given, "dropped": self.dropped, **self.options}

    def start(self, tr: Fraction) -> Fraction:
        """Return when the first stored volume began on the stimulus' clock: ``dropped * tr - onset``, seconds.

        Parameters
        ----------
        tr : fractions.Fraction
            Repetition time, seconds; that of the header where `tr` is None.

        Returns
        -------
        fractions.Fraction
            `TRGrid.start`.
        """
        return self.dropped * tr - self.onset


@dataclass(frozen=True)
class Study:
    """What was found of a study, before any of its data is read.

    Attributes
    ----------
    name : str
        Name of the study.
    root : pathlib.Path
        Folder that its files lie in.
    runs : tuple of RunFiles
        Subject by subject, in natural order.
    settings : mapping
        Settings of the dataset that the study states (features, hrf, delays, codec, …), by their names in
        docs/studies.md; empty where the layout has none.
    notes : tuple of str
        Choices that were made on the way, a sentence each.
    problems : tuple of Problem
        What was found to be wrong, errors first.
    """

    name: str
    root: Path
    runs: tuple[RunFiles, ...]
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", tuple(sorted(self.runs, key=lambda run: natural(run.subject, run.run))))
        # The same finding of several runs, such as a film that they share, is told once.
        problems = sorted(dict.fromkeys(self.problems), key=lambda problem: problem.severity != "error")
        object.__setattr__(self, "problems", tuple(problems))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of all subjects, in natural order."""
        return tuple(dict.fromkeys(run.subject for run in self.runs))

    def raise_errors(self) -> None:
        """Raise the first problem that stands in the way of using the study.

        Raises
        ------
        StudyError
            If there is one; the message says how many there are.
        """
        errors = [problem for problem in self.problems if problem.severity == "error"]
        if errors:
            first, *others = errors
            more = f" (and {len(others)} more; giblet dataset verify lists them)" if others else ""
            raise StudyError(f"{first.problem}{more}", first.remedy, first.path)


def natural(*names: str) -> tuple[tuple[tuple[int, str], ...], ...]:
    """Return what sorts names as people count: s2 before s10.

    Parameters
    ----------
    *names : str
        Names, the most important first.

    Returns
    -------
    tuple
        A key for sorting.
    """
    return tuple((*map(_counted, re.split(r"([0-9]+)", name)), (0, name)) for name in names)


def _counted(part: str) -> tuple[int, str]:
    # More digits are a larger number, once zeros in front are gone.
    digits = part.lstrip("0")
    return (len(digits), digits) if part.isdecimal() else (0, part)
