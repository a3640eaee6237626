"""`TextProcessor`: what people wrote down beside a film → one row per fMRI volume."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.alignment import to_trs
from giblet.annotations import read_annotations
from giblet.data.request import TRRequest
from giblet.data.video import tr_times
from giblet.errors import AlignmentError
from giblet.features.words import word_rate
from giblet.timeline import Seconds, TRGrid

if TYPE_CHECKING:
    import pandas as pd

WORDS = "words"


class TextProcessor:
    """Turns annotations into features per TR: the number of words.

    Parameters
    ----------
    tr : float
        Repetition time, seconds. A float means the decimal that it prints as.
    at : {"offset", "onset", "midpoint"}
        The moment of a word that counts.
    **options
        Further arguments of `giblet.annotations.read_annotations`: tier, sheet, columns, clock_start, ….

    Attributes
    ----------
    tr, at, options
        As given.

    Examples
    --------
    >>> features, metadata = TextProcessor().annotations_to_features("data/sample_stimulus_words.csv", n_trs=20)
    >>> features.shape, int(features.sum())
    ((20, 1), 60)
    """

    def __init__(self, tr: Seconds = 1.5, at: str = "offset", **options: Any) -> None:
        TRRequest.asked(tr=tr)
        self.tr = tr
        self.at = at
        self.options = options

    def annotations_to_features(
        self, path: str | os.PathLike[str], n_trs: int | None = None, *, start: Seconds = 0
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Count the words of each TR.

        Parameters
        ----------
        path : str or os.PathLike
            TextGrid, subtitles, table or sheet.
        n_trs : int, optional
            Number of TRs; by default as many as the last word fills or begins.
        start : number of seconds
            Start of the first TR on the annotations' clock.

        Returns
        -------
        features : ndarray of float32, shape (n_trs, 1)
            Words.
        metadata : pandas.DataFrame
            One row per TR: tr_index; start_time and end_time (seconds); encoding_mode, always ``"words"``; text, the
            annotations that last into the TR.

        Raises
        ------
        AnnotationError, ParameterError
            As `read_annotations`.
        AlignmentError
            If nothing is annotated from the first TR on and no number of TRs is given.
        """
        request = TRRequest.asked(tr=self.tr, start=start, max_trs=n_trs)
        table = read_annotations(path, **self.options)
        begins = table.table["onset"].to_numpy(float)
        ends = begins + table.table["duration"].to_numpy(float)
        if n_trs is None:
            n_trs = int(np.ceil((ends.max(initial=0) - float(request.start)) / float(request.tr)))
            if n_trs < 1:
                raise AlignmentError("holds nothing from the first TR on", "give an earlier start, or n_trs", path)
        grid = TRGrid(request.tr, n_trs, request.start)
        counted = to_trs(word_rate(table, at=self.at), grid).astype(np.float32)
        texts = table.table["text"].to_numpy(str)
        edges = grid.edges
        inside = [(begins < stop) & (ends > first) for first, stop in itertools.pairwise(edges)]
        return counted, tr_times(grid).assign(encoding_mode=WORDS, text=[" ".join(texts[chosen]) for chosen in inside])
