"""How frequent words are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.errors import MissingExtraError, ParameterError
from giblet.features.series import FeatureSeries
from giblet.features.words import Words, check_moment

if TYPE_CHECKING:
    from giblet.annotations import Annotations
    from giblet.features.asking import FeatureRequest
    from giblet.features.streams import FeatureContext

# So many unknown words are named.
_NAMED = 5


class WordFrequency:
    """Maker of ``text.frequency``: at each word, an impulse as high as its Zipf frequency.

    The Zipf frequency (van Heuven et al., 2014, Quarterly Journal of Experimental Psychology 67) is the base-10
    logarithm of how often a word occurs in 10⁹ words: *the* 7.7, *house* 5.6. It is looked up in wordfreq's lists,
    without regard to case and to punctuation around the word; words that are not in them count 0 and are noted.

    Parameters
    ----------
    request : FeatureRequest
        With the options ``at`` and ``language``, a code such as ``en``.
    context : FeatureContext
        Not needed.

    Attributes
    ----------
    identity : mapping
        The version of wordfreq, whose lists differ.
    notes : tuple of str
        What is to be said about the last series, one sentence each.

    Raises
    ------
    MissingExtraError
        If wordfreq is not installed.
    ParameterError
        If ``at`` is no moment, or wordfreq has no list for the language.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        self.name = request.name
        self.at = check_moment(request.option("at"))
        self.language = request.option("language")
        self.notes: tuple[str, ...] = ()
        try:
            from wordfreq import available_languages
        except ImportError as error:
            raise MissingExtraError("text.frequency", "text") from error
        languages = sorted(available_languages())
        if self.language not in languages:
            raise ParameterError(
                f"there are no frequencies for the language {self.language!r}", f"choose from {', '.join(languages)}"
            )
        self.identity: Mapping[str, Any] = {"wordfreq": version("wordfreq")}

    def series(self, annotations: Annotations, until: float) -> list[tuple[str, FeatureSeries]]:
        """Return the impulses, of shape (n_words, 1), as `giblet.features.streams.WordFeature` says."""
        words = Words.of(annotations, self.at)
        zipf = np.array([self._zipf(word) for word in words.texts], np.float32)
        unknown = Counter(word for word, value in zip(words.texts, zipf, strict=True) if value == 0)
        self.notes = ()
        if unknown:
            named = ", ".join(repr(word) for word, _ in unknown.most_common(_NAMED))
            self.notes = (
                f"{unknown.total()} of {len(words)} words are not in wordfreq's list of {self.language!r} and count 0 "
                f"({named}{', …' if len(unknown) > _NAMED else ''})",
            )
        return [(self.name, words.series(zipf[:, None], (self.name,)))]

    def _zipf(self, word: str) -> float:
        from wordfreq import zipf_frequency

        try:
            return zipf_frequency(word, self.language)
        except ModuleNotFoundError as error:
            raise ParameterError(
                f"words of the language {self.language!r} cannot be told apart without the package {error.name}",
                "pip install 'wordfreq[cjk]'",
            ) from error
