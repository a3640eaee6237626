"""What a service lets one request and all of them together take."""

from __future__ import annotations

import time
from dataclasses import dataclass

from giblet.errors import GibletError, ParameterError

UPLOADS_PER_JOB = 4
"""Requests that may arrive or wait for each one that is worked on; more are turned away."""


@dataclass(frozen=True)
class Limits:
    """Bounds of a service.

    Attributes
    ----------
    n_bytes : int
        Largest upload.
    seconds : float
        Longest sound, in seconds.
    at_once : int
        Requests that are worked on at once.
    upload_seconds : float
        Time that an upload may take.
    work_seconds : float
        Time that the work on one request may take.

    Raises
    ------
    ParameterError
        If one of them is not positive.
    """

    n_bytes: int = 64_000_000
    seconds: float = 600.0
    at_once: int = 2
    upload_seconds: float = 120.0
    work_seconds: float = 600.0

    def __post_init__(self) -> None:
        if not all(limit > 0 for limit in vars(self).values()):
            raise ParameterError("a limit of the service is not above 0", "give larger ones")


class TooMuchError(GibletError):
    """A request goes beyond a limit of the service."""


class TooSlowError(GibletError):
    """An upload takes too long."""


class BusyError(GibletError):
    """The service has all the work that it takes."""


class Watch:
    """Ends work that goes beyond the limits, whatever a file announced; a `giblet.progress.Progress`.

    Parameters
    ----------
    limits : Limits
        Of the service.

    Attributes
    ----------
    abandoned : bool
        Set when nobody waits for the result any more.
    """

    def __init__(self, limits: Limits) -> None:
        self.abandoned = False
        self._limits = limits
        self._end: float | None = None
        self._done = 0.0

    def begin(self, stage: str, total: float | None) -> None:
        """Start a stage of ``total`` seconds of sound."""
        self._end = self._end or time.monotonic() + self._limits.work_seconds
        self._done = 0.0
        self._check(total or 0.0, self._end)

    def advance(self, seconds: float) -> None:
        """Take note of seconds of sound."""
        self._done += seconds
        self._check(self._done, self._end or 0.0)

    def end(self) -> None:
        """Do nothing."""

    def beside(self) -> Watch:
        """Return this one, for all that is done counts."""
        return self

    def _check(self, seconds: float, end: float) -> None:
        if seconds > self._limits.seconds:
            raise TooMuchError(
                f"lasts longer than {self._limits.seconds:g} s", "send a shorter one, or use giblet codec"
            )
        if self.abandoned or time.monotonic() > end:
            raise TooMuchError(f"takes longer than {self._limits.work_seconds:g} s", "send a shorter one")
