"""From names of features to what makes them, for one film."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.data.request import TRRequest
from giblet.data.sound import look_at_sound
from giblet.data.stored import BUILT_IN_PARTS
from giblet.errors import MediaError, ParameterError
from giblet.features import FeatureContext, FeatureRequest, PictureFeature, SoundFeature, WordFeature, ask_features
from giblet.media import AudioReader
from giblet.media.pictures import PictureReader, picture_duration
from giblet.media.probe import probe
from giblet.store import file_digest

if TYPE_CHECKING:
    from giblet.annotations import Annotations

CODES, LATENTS, MEL = "audio.codes", "audio.latents", "audio.mel"
BUILT_IN = tuple(BUILT_IN_PARTS)
"""Features of sound that extraction makes itself."""


@dataclass(frozen=True)
class Annotated:
    """Where the words of a film are written down.

    Attributes
    ----------
    files : tuple of pathlib.Path
        As `giblet.annotations.read_annotations` takes them, on the film's clock.
    tier, sheet : str or None
        Which part of them.
    """

    files: tuple[Path, ...] = ()
    tier: str | None = None
    sheet: str | None = None

    @classmethod
    def asked(
        cls, files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], tier: str | None, sheet: str | None
    ) -> Annotated:
        """Return the same for a file, or several, as people name them."""
        listed = [files] if isinstance(files, (str, os.PathLike)) else files
        return cls(tuple(Path(file) for file in listed), tier, sheet)

    def read(self) -> Annotations:
        """Return what the files hold, together.

        Raises
        ------
        AnnotationError
            If one cannot be read.
        """
        import pandas as pd

        from giblet.annotations import Annotations, read_annotations

        # A scene whose text is blank may be described in other columns.
        found = [read_annotations(file, tier=self.tier, sheet=self.sheet, keep_empty=True) for file in self.files]
        if len(found) == 1:
            return found[0]
        table = pd.concat([each.table for each in found]).sort_values("onset", kind="stable", ignore_index=True)
        notes = tuple(f"{Path(each.path).name}: {note}" for each in found for note in each.notes)
        return Annotations(table, ", ".join(each.path for each in found), notes)

    def decisive(self) -> dict[str, Any]:
        """Return what decides the events, for a key."""
        digests = [file_digest(file) for file in self.files]
        return {"annotations": digests, "tier": self.tier, "sheet": self.sheet}


@dataclass(frozen=True)
class Plan:
    """Everything that was asked of a film.

    Attributes
    ----------
    names : tuple of str
        Features by their one name, in the registry's order.
    sound : dict of str to SoundFeature
        Makers besides codec and mel spectrogram, by the request's name.
    pictures : dict of str to PictureFeature
        The same of pictures.
    words : dict of str to WordFeature
        The same of words.
    """

    names: tuple[str, ...]
    sound: dict[str, SoundFeature]
    pictures: dict[str, PictureFeature]
    words: dict[str, WordFeature]

    @property
    def codes(self) -> bool:
        """Whether a codec is needed."""
        return bool({CODES, LATENTS} & set(self.names))

    @property
    def mel(self) -> bool:
        """Whether the mel spectrogram is wanted."""
        return MEL in self.names

    @property
    def needs_sound(self) -> bool:
        """Whether the film must have sound."""
        return self.codes or self.mel or bool(self.sound)

    def decisive(self) -> dict[str, Any]:
        """Return what decides the values of features besides their names, for a key; nothing for codes and mel."""
        makers: dict[str, Any] = {**self.sound, **self.pictures, **self.words}
        identity = {name: dict(maker.identity) for name, maker in makers.items()}
        return {"identity": identity} if identity else {}


def split_requests(requests: Iterable[FeatureRequest]) -> dict[str, list[FeatureRequest]]:
    """Return requests by what they are made of: ``"built-in"``, ``"sound"``, ``"pictures"``, ``"words"``."""
    split: dict[str, list[FeatureRequest]] = {"built-in": [], "sound": [], "pictures": [], "words": []}
    for request in requests:
        split["built-in" if request.feature.name in BUILT_IN else request.feature.source].append(request)
    return split


def plan_features(
    features: str | Iterable[str], film: str | os.PathLike[str] | None = None, device: str = "auto"
) -> Plan:
    """Prepare features; checks all options, loads no weights.

    Parameters
    ----------
    features : str or iterable of str
        Names (see `giblet.features.ask_features`).
    film : str or os.PathLike, optional
        The film; opened for the rate of its pictures where features of pictures are wanted.
    device : str
        For models.

    Returns
    -------
    Plan
        What makes each of them.

    Raises
    ------
    ParameterError, MissingExtraError
        If a name or an option cannot be used, or an extra is not installed.
    MediaError
        If features of pictures are wanted and the film has none.
    """
    requests = ask_features(features)
    split = split_requests(requests)
    context = FeatureContext(device)
    if split["pictures"]:
        if film is None:
            raise ParameterError(f"{split['pictures'][0].name} needs a film", "name one")
        with PictureReader(film) as reader:
            rate = reader.rate
        stream = probe(film).pictures[0]
        size = None if stream.width is None or stream.height is None else (stream.width, stream.height)
        context = FeatureContext(device, rate, size)
    made = {
        source: {request.name: request.feature.make(request, context) for request in split[source]}
        for source in ("sound", "pictures", "words")
    }
    return Plan(tuple(request.name for request in requests), made["sound"], made["pictures"], made["words"])


def look_at_stimulus(
    film: str | os.PathLike[str], request: TRRequest, features: str | Iterable[str], track: int | None = None
) -> None:
    """Raise early what reading a film would raise late: its sound, or pictures, are missing or fill no TR.

    Parameters
    ----------
    film : str or os.PathLike
        Film or sound file.
    request : TRRequest
        The TRs wanted.
    features : str or iterable of str
        Names.
    track : int, optional
        Audio track.

    Raises
    ------
    MediaError, AlignmentError, ParameterError
        If the features cannot be had.
    """
    split = split_requests(ask_features(features))
    if split["built-in"] or split["sound"]:
        look_at_sound(film, request, track)
    if split["pictures"] and not probe(film).pictures:
        raise MediaError(
            f"has no moving pictures, which {split['pictures'][0].name} needs", "give a film, or other features", film
        )


def film_length(film: str | os.PathLike[str]) -> Fraction:
    """Return how long a film lasts of which no sound is needed: as long as its pictures, or its sound without them.

    Raises
    ------
    MediaError
        If it has neither.
    """
    media = probe(film)
    if media.pictures:
        return picture_duration(film)
    if not media.audio:
        raise MediaError("has neither sound nor moving pictures", "give a film or a recording", film)
    with AudioReader(film) as reader:
        for _ in reader:
            pass
        return reader.placed
