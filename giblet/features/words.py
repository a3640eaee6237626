"""Words as events: that there is one, and how long it lasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.errors import AnnotationError, ParameterError
from giblet.features.series import FeatureSeries

if TYPE_CHECKING:
    from giblet.annotations import Annotations
    from giblet.features.asking import FeatureRequest
    from giblet.features.streams import FeatureContext

# Share of a word's time that has passed at the moment that stands for it.
MOMENTS = {"onset": 0.0, "midpoint": 0.5, "offset": 1.0}


@dataclass(frozen=True)
class Words:
    """The words of annotations, one by one, ascending by the moment that stands for each.

    Attributes
    ----------
    texts : tuple of str, length n_words
        As written, with their punctuation.
    times : ndarray of float64, shape (n_words,)
        The moments, seconds on the stimulus' clock.
    durations : ndarray of float64, shape (n_words,)
        How long each lasts, seconds; 0 where nothing says so.
    """

    texts: tuple[str, ...]
    times: np.ndarray
    durations: np.ndarray

    @classmethod
    def of(cls, annotations: Annotations, at: str = "offset") -> Words:
        """Take annotations apart into words.

        Parameters
        ----------
        annotations : Annotations
            Events with texts; words are what blanks separate. The words of a text of several, such as a subtitle or
            the description of a scene, share its time evenly.
        at : {"offset", "onset", "midpoint"}
            Which moment of a word stands for it.

        Returns
        -------
        Words
            None if there are no events.

        Raises
        ------
        ParameterError
            If `at` is something else.
        AnnotationError
            If there are events and none has a text.
        """
        share = MOMENTS[check_moment(at)]
        table = annotations.table
        split = [text.split() for text in table["text"]]
        texts = [word for words in split for word in words]
        if len(table) and not texts:
            raise AnnotationError(
                "none of its events has a text", "name the column of words by columns={'text': ...}", annotations.path
            )
        counts = np.array([len(words) for words in split], np.int64)
        # The number of each word within its text, from 0.
        numbers = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        onsets, durations = (np.repeat(table[name].to_numpy(float), counts) for name in ("onset", "duration"))
        times = onsets + (numbers + share) / np.repeat(counts, counts) * durations
        order = np.argsort(times, kind="stable")
        return cls(tuple(texts[k] for k in order), times[order], (durations / np.repeat(counts, counts))[order])

    def __len__(self) -> int:
        return len(self.texts)

    def series(self, values: np.ndarray, names: Sequence[str]) -> FeatureSeries:
        """Return impulses at the words' moments.

        Parameters
        ----------
        values : ndarray of float32, shape (n_words, dim)
            Their heights.
        names : sequence of str, length dim
            What the columns are.

        Returns
        -------
        FeatureSeries
            Kind ``"event"``, durations 0.
        """
        return FeatureSeries(values, self.times, tuple(names), "event", np.zeros(len(self)))


def check_moment(at: str) -> str:
    """Return the name of a moment if it is one.

    Raises
    ------
    ParameterError
        If it is none.
    """
    if at not in MOMENTS:
        raise ParameterError(f"at is {at!r}", f"choose from {', '.join(MOMENTS)}")
    return at


def word_rate(annotations: Annotations, at: str = "offset") -> FeatureSeries:
    """Return an impulse of 1 for every word.

    Summed over a TR, impulses count words; convolved with an HRF they are the word-rate regressor of Brennan et al.
    (2016, Brain and Language 157), who take the ends of words.

    Parameters
    ----------
    annotations, at : Annotations, {"offset", "onset", "midpoint"}
        As in `Words.of`.

    Returns
    -------
    FeatureSeries
        Kind ``"event"``: values float32 of shape (n_words, 1), all 1, times ascending, durations 0.

    Raises
    ------
    ParameterError, AnnotationError
        As `Words.of`.
    """
    words = Words.of(annotations, at)
    return words.series(np.ones((len(words), 1), np.float32), ("text.word_rate",))


class WordRate:
    """Maker of ``text.word_rate`` (see `word_rate`).

    Parameters
    ----------
    request : FeatureRequest
        With the option ``at``.
    context : FeatureContext
        Not needed.

    Raises
    ------
    ParameterError
        If ``at`` is no moment.
    """

    identity: Mapping[str, Any] = {}

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        self.name = request.name
        self.at = check_moment(request.option("at"))

    def series(self, annotations: Annotations, until: float) -> list[tuple[str, FeatureSeries]]:
        """Return the impulses, of shape (n_words, 1), as `giblet.features.streams.WordFeature` says."""
        return [(self.name, replace(word_rate(annotations, self.at), names=(self.name,)))]


class WordDuration:
    """Maker of ``text.duration``: at each word, an impulse as high as the word lasts in seconds.

    Parameters
    ----------
    request : FeatureRequest
        With the option ``at``.
    context : FeatureContext
        Not needed.

    Raises
    ------
    ParameterError
        If ``at`` is no moment.
    """

    identity: Mapping[str, Any] = {}

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        self.name = request.name
        self.at = check_moment(request.option("at"))

    def series(self, annotations: Annotations, until: float) -> list[tuple[str, FeatureSeries]]:
        """Return the impulses, of shape (n_words, 1), as `giblet.features.streams.WordFeature` says.

        Raises
        ------
        AnnotationError
            If no word has a duration.
        """
        words = Words.of(annotations, self.at)
        if len(words) and not words.durations.any():
            raise AnnotationError(
                "nothing in it says how long words last",
                "give their ends, in a column offset or duration, or as intervals of a TextGrid",
                annotations.path,
            )
        return [(self.name, words.series(words.durations[:, None].astype(np.float32), (self.name,)))]
