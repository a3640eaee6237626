"""What the sources of a run say of its TR, and which to believe."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from giblet.bold.sidecar import Sidecar
from giblet.errors import BoldError, ParameterError
from giblet.timeline import Seconds, exact

SHORTEST, LONGEST = Fraction(1, 5), Fraction(10)
"""Seconds between which a TR is believed without asking."""
LONGEST_ASKED = 60
"""Seconds above which a TR that somebody asks for is taken for milliseconds."""
TINY, HUGE = 1e-9, 1e9
"""Numbers between which one can be a time at all."""
ROUNDING = Fraction(1, 10_000)
"""Seconds by which two sources may differ: they were rounded."""
SECONDS = {"sec": Fraction(1), "second": Fraction(1), "msec": Fraction(1, 1000), "usec": Fraction(1, 10**6)}


@dataclass(frozen=True)
class HeaderTR:
    """What the header of an image says.

    Attributes
    ----------
    text : str
        For a person.
    tr : fractions.Fraction or None
        Repetition time, seconds, as if in seconds where the unit is missing; None where the number can be no time.
    doubt : str
        Why it is not to be believed alone; empty where it is.
    """

    text: str
    tr: Fraction | None
    doubt: str

    @classmethod
    def read(cls, number: Any, unit: str) -> HeaderTR:
        """Judge number and unit of a header.

        Parameters
        ----------
        number : float32 or float
            Of the time axis.
        unit : str
            As nibabel names it.

        Returns
        -------
        HeaderTR
            Believable only between 0.2 and 10 s with a unit; 1 exactly is what software writes for want of knowledge.
        """
        text = f"the header says {number} {unit}" if unit in SECONDS else f"the header says {number} without a unit"
        if not TINY <= number <= HUGE:
            return cls(text, None, "that is no time")
        # A float32 that prints as 1.35 means that.
        tr = exact(str(number)) * SECONDS.get(unit, 1)
        if unit not in SECONDS:
            return cls(text, tr, "its unit is not known")
        if not SHORTEST <= tr <= LONGEST:
            return cls(text, tr, "that is no usual TR")
        return cls(text, tr, "1 s is what software writes that does not know it" if tr == 1 else "")


def settle_tr(
    path: str | os.PathLike[str], asked: Seconds | None, sidecar: Sidecar, header: HeaderTR | None
) -> tuple[Fraction | None, list[str]]:
    """Decide on the TR of a run.

    A sidecar goes before a doubtful header. Where two plausible sources differ, a third that agrees with one of them
    decides.

    Parameters
    ----------
    path : str or os.PathLike
        The file, for the message of an error.
    asked : number or str, optional
        What the caller says, seconds.
    sidecar : Sidecar
        What stands beside the file.
    header : HeaderTR, optional
        What its header says; None for a file that cannot say it.

    Returns
    -------
    tr : fractions.Fraction or None
        Seconds; None if nobody says anything and the file has no header.
    notes : list of str
        Who was not believed.

    Raises
    ------
    BoldError
        If the TR is missing, doubtful or disputed; the message says what each source says, and asks.
    ParameterError
        If what is asked for is no TR.
    """
    wish = None if asked is None else exact(asked, "the TR")
    if wish is not None and not 0 < wish <= LONGEST_ASKED:
        raise ParameterError(f"the TR is {float(wish):g} s", f"give seconds, above 0 and at most {LONGEST_ASKED}")
    beside = sidecar.tr
    trusted = None if header is None or header.doubt else header.tr
    others = [tr for tr in (beside, trusted) if tr is not None]
    if wish is not None:
        # The caller has the last word where somebody says the same, or nobody else has anything to say.
        if others and all(_differ(wish, other) for other in others):
            raise _in_doubt(path, wish, sidecar, header, "they differ")
        chosen = wish
    elif beside is not None and not SHORTEST <= beside <= LONGEST:
        raise _in_doubt(path, wish, sidecar, header, "that is no usual TR")
    elif beside is not None and trusted is not None and _differ(beside, trusted):
        raise _in_doubt(path, wish, sidecar, header, "they differ")
    elif others:
        chosen = others[0]
    elif header is None:
        return None, []
    else:
        raise _in_doubt(path, wish, sidecar, header, header.doubt)
    heard = (beside, None if header is None else header.tr)
    if not any(other is not None and _differ(chosen, other) for other in heard):
        return chosen, []
    return chosen, [f"The TR is {float(chosen):g} s, although {_says(None, sidecar, header)}."]


def _differ(one: Fraction, other: Fraction) -> bool:
    return abs(one - other) > ROUNDING


def _says(wish: Fraction | None, sidecar: Sidecar, header: HeaderTR | None) -> str:
    parts = [] if wish is None else [f"you say {float(wish):g} s"]
    parts.append("no sidecar says it" if sidecar.tr is None else f"{sidecar.name} says {float(sidecar.tr):g} s")
    return ", ".join([*parts, *([] if header is None else [header.text])])


def _in_doubt(
    path: str | os.PathLike[str], wish: Fraction | None, sidecar: Sidecar, header: HeaderTR | None, why: str
) -> BoldError:
    if wish is None:
        remedy = "give the TR in seconds (tr=) as the scanner's protocol has it"
    else:
        remedy = f"leave tr= out, or, if you are right, write your RepetitionTime into {sidecar.name}"
    return BoldError(f"its TR is in doubt: {_says(wish, sidecar, header)} ({why})", remedy, path)
