"""What makers of features are: they take a stimulus block by block and return rows of features.

A maker is called with a `FeatureRequest` and a `FeatureContext`. It checks all options at once, reads no more of a
model than its configuration (weights load with the first block), and returns a `SoundFeature`, a `PictureFeature` or
a `WordFeature`, whichever its source is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from giblet.annotations import Annotations
    from giblet.features.series import FeatureSeries


@dataclass(frozen=True)
class FeatureContext:
    """What a maker may want to know besides the request.

    Attributes
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, …, for models.
    picture_rate : fractions.Fraction or None
        Nominal pictures per second of the film, None without pictures.
    picture_size : tuple of (int, int) or None
        Width and height of the film's pictures, pixels.
    """

    device: str = "auto"
    picture_rate: Fraction | None = None
    picture_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Output:
    """A series that a stream of sound or pictures gives.

    Attributes
    ----------
    name : str
        The one name of the series, such as ``"audio.hf:openai/whisper-tiny:4"``.
    columns : tuple of str
        Names of its columns.
    rate : fractions.Fraction
        Rows per second. Row i stands for the film's time from i / rate to (i + 1) / rate.
    kind : {"continuous", "event", "pictures"}
        Events here are impulses at the beginnings of rows; most rows hold 0.
    about : mapping
        JSON types: units, definition, seconds before and after the row's own time that it depends on (``past``,
        ``future``), ….
    dtype : str
        Of the rows.
    shape : tuple of int
        Of a row that is a picture: height, width, channels; empty for rows of columns.
    """

    name: str
    columns: tuple[str, ...]
    rate: Fraction
    kind: str = "continuous"
    about: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    shape: tuple[int, ...] = ()


class SoundFeature(Protocol):
    """Features of a stream of sound.

    Attributes
    ----------
    outputs : sequence of Output
        The series it gives, in the order of what `push` returns.
    sample_rate : int
        Hz of the sound it takes, mono.
    identity : mapping
        JSON types: whatever decides the values besides the request's name, such as the hash of a model's weights.
    """

    outputs: Sequence[Output]
    sample_rate: int
    identity: Mapping[str, Any]

    def push(self, samples: np.ndarray) -> Sequence[np.ndarray]:
        """Take the next samples and return the rows that they complete.

        Parameters
        ----------
        samples : ndarray of float32, shape (n,)
            The first block begins at the film's time zero.

        Returns
        -------
        sequence of ndarray of float32, shape (k, n_columns)
            For each output; k may be 0. All values are finite.
        """

    def finish(self) -> Sequence[np.ndarray]:
        """Return the remaining rows: together, one for every i / rate that lies before the end of the sound."""


class PictureFeature(Protocol):
    """Features of a stream of pictures, evenly spaced in time.

    Attributes
    ----------
    outputs : sequence of Output
        As of sound.
    rate : fractions.Fraction
        Pictures wanted per second: picture i is what the film shows at (i + 1/2) / rate.
    size : tuple of (int, int) or None
        Width and height to which pictures are brought, pixels; None for their own size.
    identity : mapping
        As of sound.
    """

    outputs: Sequence[Output]
    rate: Fraction
    size: tuple[int, int] | None
    identity: Mapping[str, Any]

    def push(self, pictures: np.ndarray) -> Sequence[np.ndarray]:
        """Take the next pictures and return the rows that they complete.

        Parameters
        ----------
        pictures : ndarray of uint8, shape (n, height, width, 3)
            Red, green and blue.

        Returns
        -------
        sequence of ndarray of float32, shape (k, n_columns)
            As of sound.
        """

    def finish(self) -> Sequence[np.ndarray]:
        """Return the remaining rows, as of sound."""


class WordFeature(Protocol):
    """Features of annotations.

    After a call of `series`, an attribute ``notes``, where there is one, says what was found, one sentence each, and an
    attribute ``reach``, where there is one, how many seconds of the past and of the future a row knows of: rows that
    are farther apart than both together have nothing in common.

    Attributes
    ----------
    identity : mapping
        As of sound.
    """

    identity: Mapping[str, Any]

    def series(self, annotations: Annotations, until: float) -> Sequence[tuple[str, FeatureSeries]]:
        """Return the feature of all annotations.

        Parameters
        ----------
        annotations : Annotations
            Events with texts, on the film's clock.
        until : float
            Seconds that the stimulus lasts, to which continuous series reach.

        Returns
        -------
        sequence of (str, FeatureSeries)
            Name and rows of each series.

        Raises
        ------
        AnnotationError
            If the annotations lack what the feature needs.
        """
