"""What the sentence or scene means that goes on: embeddings as a continuous series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from giblet.errors import AnnotationError, ParameterError
from giblet.features.series import FeatureSeries
from giblet.features.text.combining import combined_texts
from giblet.features.text.sentences import SentenceModel
from giblet.features.text.spreading import check_spreading, filled, known_for, spread
from giblet.timeline import exact

if TYPE_CHECKING:
    from giblet.annotations import Annotations
    from giblet.features.asking import FeatureRequest
    from giblet.features.streams import FeatureContext


class Embedding:
    """Maker of ``text.embedding:MODEL``: the embeddings of the sentences or scenes going on.

    Row i holds what goes on from i / rate to (i + 1) / rate. A text stands for all of its time, so that a row knows
    what is said until its text ends; where rows follow that nothing goes on in, the last text holds on, or as
    ``gap_fill`` says.

    Parameters
    ----------
    request : FeatureRequest
        With the part MODEL (see `giblet.features.text.sentences.SentenceModel`) and the options ``rate``, rows per
        second; ``columns``, names of columns to be joined, with ``+`` between them, instead of the text;
        ``aggregation`` and ``gap_fill`` (see `giblet.features.text.spreading`); ``normalize``, whether embeddings are
        brought to length 1.
    context : FeatureContext
        With the device.

    Attributes
    ----------
    identity : mapping
        Fingerprint of the model.
    notes : tuple of str
        What is to be said about the last series, one sentence each.
    reach : tuple of float
        Seconds of the past and the future that its rows know of.

    Raises
    ------
    MissingExtraError
        If sentence-transformers is not installed.
    ModelError
        If there is no such model.
    ParameterError
        If an option has a value that cannot be used.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        self.name = request.name
        self.rate = exact(request.option("rate"), "the rate")
        if self.rate <= 0:
            raise ParameterError(f"the rate is {float(self.rate):g} rows per second", "give a rate above 0")
        self.columns = [name.strip() for name in request.option("columns").split("+") if name.strip()]
        self.aggregation, self.gap_fill = request.option("aggregation"), request.option("gap_fill")
        check_spreading(self.aggregation, self.gap_fill)
        self.model = SentenceModel(request.parts[0], context.device, request.option("normalize"))
        self.identity = {"model": self.model.fingerprint()}
        self.notes: tuple[str, ...] = ()
        self.reach = (0.0, 0.0)

    def series(self, annotations: Annotations, until: float) -> list[tuple[str, FeatureSeries]]:
        """Return the rows, of shape (n, dim), as `giblet.features.streams.WordFeature` says.

        Raises
        ------
        AnnotationError
            If the annotations lack a column, or no event has a text.
        """
        table = annotations.table
        if self.columns:
            texts = combined_texts(table, self.columns, path=annotations.path).fillna("").tolist()
        else:
            texts = table["text"].tolist()
        said = np.array([bool(text.strip()) for text in texts], bool)
        if len(table) and not said.any():
            raise AnnotationError(
                "none of its events has a text", "name the columns of texts by @columns=NAME+NAME", annotations.path
            )
        self.model.cut = 0
        vectors = self.model.encode([text for text in texts if text.strip()])
        self.notes = ()
        if self.model.cut:
            self.notes = (f"texts longer than the model takes count by their beginnings: {self.model.cut}",)
        n_rows = max(0, math.ceil(exact(until, "until") * self.rate))
        edges = np.arange(n_rows + 1) * self.rate.denominator / self.rate.numerator
        onsets, durations = (table[name].to_numpy(float)[said] for name in ("onset", "duration"))
        self.reach = (known_for(onsets, durations, until, self.gap_fill), 0.0)
        rows, covered = spread(vectors, onsets, durations, edges[:-1], edges[1:], self.aggregation)
        names = [f"{self.name}.{column}" for column in range(vectors.shape[1])]
        return [(self.name, FeatureSeries.regular(filled(rows, covered, self.gap_fill), self.rate, names))]
