"""Words as events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from giblet.errors import ParameterError
from giblet.features.series import FeatureSeries

if TYPE_CHECKING:
    from giblet.annotations import Annotations

# Share of a word's time that has passed at the moment that stands for it.
MOMENTS = {"onset": 0.0, "midpoint": 0.5, "offset": 1.0}


def word_rate(annotations: Annotations, at: str = "offset") -> FeatureSeries:
    """Return an impulse of 1 for every word.

    Summed over a TR, impulses count words; convolved with an HRF they are the word-rate regressor of Brennan et al.
    (2016, Brain and Language 157), who take the ends of words. The words of a text of several, such as a subtitle or
    the description of a scene, share its time evenly.

    Parameters
    ----------
    annotations : Annotations
        Events with texts; words are what blanks separate.
    at : {"offset", "onset", "midpoint"}
        Which moment of a word its impulse stands at.

    Returns
    -------
    FeatureSeries
        Kind ``"event"``: values float32 of shape (n_words, 1), all 1, times ascending, durations 0.

    Raises
    ------
    ParameterError
        If `at` is something else.
    """
    if at not in MOMENTS:
        raise ParameterError(f"at is {at!r}", f"choose from {', '.join(MOMENTS)}")
    table = annotations.table
    counts = np.array([len(text.split()) for text in table["text"]], np.int64)
    # The number of each word within its text, from 0.
    numbers = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    passed = (numbers + MOMENTS[at]) / np.repeat(counts, counts)
    onsets, durations = (np.repeat(table[name].to_numpy(float), counts) for name in ("onset", "duration"))
    times = np.sort(onsets + passed * durations)
    return FeatureSeries(
        values=np.ones((len(times), 1), np.float32),
        times=times,
        names=("text.word_rate",),
        kind="event",
        durations=np.zeros(len(times)),
    )
