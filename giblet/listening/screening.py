"""Which listeners' ratings are to be believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from giblet.listening.anchors import MID_ANCHOR, REFERENCE
from giblet.listening.results import Answers

LIMIT = 90.0
"""Ratings of the hidden reference are not to lie below, nor those of the mid anchor above."""
MOST_PERCENT = 15
"""Of the trials in which they may all the same."""


@dataclass(frozen=True)
class Exclusion:
    """A listener whose ratings do not count.

    Attributes
    ----------
    listener, path : str
        Name, and file.
    reasons : tuple of str
        What was found.
    """

    listener: str
    path: str
    reasons: tuple[str, ...]


def screen(everyone: Iterable[Answers]) -> list[Exclusion]:
    """Find the listeners that ITU-R BS.1534-3 excludes after a test.

    Parameters
    ----------
    everyone : iterable of Answers
        Of all listeners.

    Returns
    -------
    list of Exclusion
        Who rated the hidden reference below 90 in more than 15 % of the trials, or the 7 kHz anchor above 90 in more
        than 15 % of those that have it.
    """
    found = []
    for answers in everyone:
        checks = (
            (f"the hidden reference below {LIMIT:g}", [r < LIMIT for r in answers.of(REFERENCE)]),
            (f"{MID_ANCHOR} above {LIMIT:g}", [r > LIMIT for r in answers.of(MID_ANCHOR)]),
        )
        reasons = tuple(
            f"rated {what} in {sum(fails)} of {len(fails)} {'trial' if len(fails) == 1 else 'trials'}"
            for what, fails in checks
            if 100 * sum(fails) > MOST_PERCENT * len(fails)
        )
        if reasons:
            found.append(Exclusion(answers.listener, answers.path, reasons))
    return found
