"""Which TRs of a film are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from giblet.errors import AlignmentError, ParameterError
from giblet.timeline import Seconds, TRGrid, exact, whole

# Seconds; more is a mistake of unit.
LONGEST_TR = 3600
# Sound is encoded in packets, so that it ends up to so many seconds after its film; no TR begins there.
ROUNDING = Fraction(1, 50)


@dataclass(frozen=True)
class TRRequest:
    """The TRs that someone asks for, before the length of the film is known.

    Attributes
    ----------
    tr : fractions.Fraction
        Repetition time, seconds.
    start : fractions.Fraction
        Start of the first TR on the film's clock, seconds, 0 or later.
    max_trs : int or None
        At most so many TRs.
    incomplete : {"drop", "pad"}
        A last TR that the sound does not fill is left out, or silence fills it.
    partial : bool
        Take what is there of a sound that ends before its film does.
    """

    tr: Fraction = Fraction(3, 2)
    start: Fraction = Fraction(0)
    max_trs: int | None = None
    incomplete: str = "drop"
    partial: bool = False

    def __post_init__(self) -> None:
        if self.tr <= 0:
            raise ParameterError(f"the TR is {float(self.tr):g} s", "give a repetition time above 0 s, such as 1.5")
        if self.tr > LONGEST_TR:
            raise ParameterError(f"the TR is {float(self.tr):g} s", "give it in seconds, such as 1.5")
        if self.start < 0:
            raise ParameterError(
                f"the first TR would start {float(-self.start):g} s before the film",
                "give a start of 0 s or later; TRs before the film hold no sound",
            )
        if self.max_trs is not None:
            object.__setattr__(self, "max_trs", whole(self.max_trs, "the number of TRs"))
        if self.max_trs is not None and self.max_trs < 1:
            raise ParameterError(f"the number of TRs is {self.max_trs}", "ask for 1 or more")
        if self.incomplete not in ("drop", "pad"):
            raise ParameterError(f"incomplete is {self.incomplete!r}", "choose drop or pad")

    @classmethod
    def asked(
        cls,
        tr: Seconds,
        start: Seconds = 0,
        max_trs: int | None = None,
        incomplete: str = "drop",
        partial: bool = False,
    ) -> TRRequest:
        """Return the request for times as people write them (see the class for the parameters).

        Raises
        ------
        ParameterError
            If a value cannot be used.
        """
        return cls(exact(tr, "the TR"), exact(start, "the start"), max_trs, incomplete, partial)

    @property
    def stop(self) -> Fraction | None:
        """End of the last wanted TR, seconds, or None for the end of the film."""
        return None if self.max_trs is None else self.start + self.max_trs * self.tr

    def grid(self, duration: Fraction, path: str, what: str = "its sound lasts") -> TRGrid:
        """Return the windows that a sound fills, or pictures.

        Parameters
        ----------
        duration : fractions.Fraction
            Length of the sound, seconds.
        path, what : str
            The film, and what lasts so long, for the message.

        Returns
        -------
        TRGrid
            At least one window.

        Raises
        ------
        AlignmentError
            If the sound fills none.
        """
        grid = TRGrid.covering(duration, self.tr, self.start, max_trs=self.max_trs)
        if self.incomplete == "pad":
            begun = TRGrid.covering(duration - ROUNDING, self.tr, self.start, max_trs=self.max_trs, partial=True)
            grid = max(grid, begun, key=lambda candidate: candidate.n_trs)
        if grid.n_trs:
            return grid
        if duration <= self.start:
            raise AlignmentError(
                f"{what} {float(duration):.2f} s and the first TR would start at {float(self.start):g} s",
                "give an earlier start",
                path,
            )
        raise AlignmentError(
            f"{what} {float(duration - self.start):.2f} s from the first TR on, less than one TR of "
            f"{float(self.tr):g} s",
            "give a longer clip, a shorter TR, or fill the TR with silence by --incomplete pad (incomplete='pad')",
            path,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the request in JSON types, times as exact text."""
        return {
            "tr": str(self.tr),
            "start": str(self.start),
            "max_trs": self.max_trs,
            "incomplete": self.incomplete,
            "partial": self.partial,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TRRequest:
        """Return the request that `to_dict` described."""
        return cls.asked(**values)
