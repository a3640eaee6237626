"""What became of an extraction or a reconstruction, for whoever tells people."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from giblet.data.request import TRRequest
from giblet.data.sound import TOLERATED_SHORTFALL


@dataclass(frozen=True)
class Extraction:
    """What became of an extraction.

    Attributes
    ----------
    path : Path or str
        The store; text where it is a URL.
    hit : bool
        Whether it was there already or in the cache, made from the same film with the same settings.
    provenance : dict
        The store's provenance: film, sound, codec, view.
    """

    path: Path | str
    hit: bool
    provenance: dict[str, Any]

    @property
    def unused(self) -> float:
        """Seconds of sound after the last full TR, which is in no TR; 0 where silence fills it or nobody asked."""
        return float(max(Fraction(0), Fraction(self.provenance["duration"]) - self._end))

    @property
    def padding(self) -> float:
        """Seconds of silence that fill the last TR."""
        about = self.provenance
        return float(max(Fraction(0), Fraction(about["duration_with_padding"]) - Fraction(about["duration"])))

    @property
    def missing(self) -> float:
        """Seconds of sound that the film announces, that were asked for, and that it does not hold; 0 where a
        container may just have rounded.
        """
        sound, duration = self.provenance["sound"], Fraction(self.provenance["duration"])
        stop = TRRequest.from_dict(self.provenance["view"]).stop
        if (
            sound is None
            or not sound["ended"]
            or sound["announced_duration"] is None
            or (stop is not None and duration >= stop)
        ):
            return 0.0
        missing = sound["announced_duration"] - float(duration)
        return missing if missing > TOLERATED_SHORTFALL else 0.0

    @property
    def empty_packets(self) -> int:
        """Packets of length zero, which were skipped."""
        return int((self.provenance["sound"] or {}).get("empty_packets", 0))

    @property
    def corrupt_packets(self) -> int:
        """Packets that could not be decoded, which were skipped."""
        return int((self.provenance["sound"] or {}).get("corrupt_packets", 0))

    @property
    def has_latents(self) -> bool:
        """Whether latents were stored, and not only what they can be made from."""
        return "audio.latents" in self.provenance["features"]

    @property
    def _end(self) -> Fraction:
        view = TRRequest.from_dict(self.provenance["view"])
        return view.start + view.tr * int(self.provenance["n_trs"])


@dataclass(frozen=True)
class Reconstruction:
    """What became of a reconstruction.

    Attributes
    ----------
    path : Path
        The sound, or the film.
    seconds : float
        Length of the sound.
    picture_seconds : float or None
        Length of the picture, where the result is a film.
    """

    path: Path
    seconds: float
    picture_seconds: float | None = None

    @property
    def difference(self) -> float:
        """Seconds by which the picture lasts longer than the sound, negative where it is shorter; 0 where that is how
        films are, or there is no picture.
        """
        difference = 0.0 if self.picture_seconds is None else self.picture_seconds - self.seconds
        return difference if abs(difference) > TOLERATED_SHORTFALL else 0.0
