"""`TextProcessor`: what people wrote down beside a film → one row per fMRI volume."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.alignment import to_trs
from giblet.annotations import read_annotations
from giblet.data.request import TRRequest
from giblet.data.scenes import SceneLayout, event_times, nearest
from giblet.data.video import tr_times
from giblet.errors import AlignmentError, AnnotationError, ParameterError
from giblet.features.text.combining import SEPARATOR, combined_texts
from giblet.features.text.sentences import MINILM, SentenceModel
from giblet.features.words import check_moment, word_rate
from giblet.timeline import Seconds, TRGrid, whole

if TYPE_CHECKING:
    import pandas as pd

WORDS = "words"
COLUMNS = ("Scene Details - A Level", "Name - All", "Location")
"""What describes a scene in the sheet of the film Sherlock (Chen et al., 2017, Nature Neuroscience 20)."""


class TextProcessor:
    """Turns annotations into features per TR: the number of words, or embeddings of what goes on, and back to texts.

    Parameters
    ----------
    model_name : str or os.PathLike
        Model of sentence-transformers: ``"minilm"``, which the extra ``text`` brings with it, a folder, or a name on
        the Hugging Face hub.
    tr : float
        Repetition time, seconds. A float means the decimal that it prints as.
    aggregation : {"mean", "first", "last", "max"}
        Mode ``"average"``: what becomes of several texts in a TR: their mean, weighted by for how long each goes on;
        the one that began first or last; the largest value in each column.
    gap_fill : {"forward_fill", "zero", "interpolate"}
        What stands in TRs in which nothing goes on: the row before, 0, or the line between the rows on both sides.
        Before the first text stands 0.
    device : str, optional
        ``"cpu"``, ``"cuda"``, …; by default CUDA where there is one.
    temporal_mode : {"concatenate", "average"}
        Whether a TR holds the embeddings of its texts side by side, or one.
    max_annotations_per_tr : int
        Mode ``"concatenate"``: room for so many, padded with 0; of more texts, those that began last.
    temporal_window : float
        A TR holds what goes on in the last so many TRs before its end; 1 is the TR itself.
    at : {"offset", "onset", "midpoint"}
        The moment of a word that counts, where words are counted.
    **options
        Further arguments of `giblet.annotations.read_annotations`: tier, sheet, columns, clock_start, ….

    Attributes
    ----------
    model_name, tr, device, at, options
        As given.
    layout : SceneLayout
        The other parameters.

    Raises
    ------
    ParameterError
        If a parameter has a value that cannot be used.

    Examples
    --------
    >>> features, metadata = TextProcessor().annotations_to_features("data/sample_stimulus_words.csv", n_trs=20)
    >>> features.shape, int(features.sum())
    ((20, 1), 60)
    """

    def __init__(
        self,
        model_name: str | os.PathLike[str] = MINILM,
        tr: Seconds = 1.5,
        aggregation: str = "mean",
        gap_fill: str = "forward_fill",
        device: str | None = None,
        temporal_mode: str = "concatenate",
        max_annotations_per_tr: int = 3,
        temporal_window: Seconds = 1.0,
        *,
        at: str = "offset",
        **options: Any,
    ) -> None:
        if not isinstance(model_name, (str, os.PathLike)):
            raise ParameterError(f"model_name is {model_name!r}", "give a name or a folder; the TR is called tr")
        TRRequest.asked(tr=tr)
        self.layout = SceneLayout(aggregation, gap_fill, temporal_mode, max_annotations_per_tr, temporal_window)
        self.model_name = model_name
        self.tr = tr
        self.device = device
        self.at = check_moment(at)
        self.options = options
        self._model: SentenceModel | None = None
        self._known: dict[str, np.ndarray] = {}

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
        table = read_annotations(path, **self.options)
        begins = table.table["onset"].to_numpy(float)
        ends = begins + table.table["duration"].to_numpy(float)
        grid = self._grid(ends, n_trs, start, path)
        counted = to_trs(word_rate(table, at=self.at), grid).astype(np.float32)
        texts = table.table["text"].to_numpy(str)
        edges = grid.edges
        inside = [(begins < stop) & (ends > first) for first, stop in itertools.pairwise(edges)]
        return counted, tr_times(grid).assign(encoding_mode=WORDS, text=[" ".join(texts[chosen]) for chosen in inside])

    def load_annotations(self, xlsx_path: str | os.PathLike[str]) -> pd.DataFrame:
        """Read annotations.

        Parameters
        ----------
        xlsx_path : str or os.PathLike
            A sheet, or any other file that `giblet.annotations.read_annotations` takes.

        Returns
        -------
        pandas.DataFrame
            One row per event, ascending: onset and duration (seconds on the film's clock, which goes on where that of
            the sheet restarts), text, the file's other columns with blanks around their names taken away, and
            Start Time (s) and End Time (s), the same times under the names that they have in the sheet of Sherlock.

        Raises
        ------
        AnnotationError, ParameterError
            As `read_annotations`.
        """
        table = read_annotations(xlsx_path, **{"keep_empty": True, **self.options}).table
        ends = table["onset"] + table["duration"]
        table = table.assign(**{"Start Time (s)": table["onset"], "End Time (s)": ends})
        table.attrs["path"] = os.fspath(xlsx_path)
        return table

    def combine_text_columns(
        self, annotations: pd.DataFrame, text_columns: Sequence[str] | None = None, separator: str = SEPARATOR
    ) -> pd.Series:
        """Join the texts of several columns, row by row.

        Parameters
        ----------
        annotations : pandas.DataFrame
            Such as `load_annotations` returns.
        text_columns : sequence of str, optional
            Which columns; by default those of `COLUMNS` that there are, or else ``text``.
        separator : str
            What stands between two texts.

        Returns
        -------
        pandas.Series of object
            A text for each row; empty cells are left out, and where all are empty, it is NaN.

        Raises
        ------
        AnnotationError
            If a column is missing.
        """
        if text_columns is None:
            there = {str(name).strip() for name in annotations.columns}
            text_columns = [name for name in COLUMNS if name in there] or ["text"]
        return combined_texts(annotations, text_columns, separator, annotations.attrs.get("path"))

    def annotations_to_embeddings(
        self,
        xlsx_path: str | os.PathLike[str],
        n_trs: int | None = None,
        text_columns: Sequence[str] | None = None,
        *,
        start: Seconds = 0,
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Turn annotations into embeddings, one row per TR.

        Parameters
        ----------
        xlsx_path : str or os.PathLike
            As in `load_annotations`.
        n_trs : int, optional
            Number of TRs; by default as many as the last event fills or begins.
        text_columns : sequence of str, optional
            As in `combine_text_columns`.
        start : number of seconds
            Start of the first TR on the film's clock.

        Returns
        -------
        embeddings : ndarray of float32, shape (n_trs, dim) or (n_trs, max_annotations_per_tr * dim)
            The rows, in mode ``"average"`` or ``"concatenate"``.
        metadata : pandas.DataFrame
            As `align_to_trs`, with ``metadata.attrs["texts"]``: the text of each row of the annotations, None where it
            has none.

        Raises
        ------
        AnnotationError, ParameterError, AlignmentError
            As `load_annotations` and `align_to_trs`.
        MissingExtraError, ModelError
            If the model cannot be had.
        """
        self._ready()
        annotations = self.load_annotations(xlsx_path)
        texts = self.combine_text_columns(annotations, text_columns)
        said = texts.notna()
        if not said.any():
            raise AnnotationError("none of its events has a text", "choose other text_columns", xlsx_path)
        grid = self._grid((annotations["onset"] + annotations["duration"]).to_numpy(float), n_trs, start, xlsx_path)
        vectors = self._vectors(texts[said].tolist())
        rows, metadata = self.align_to_trs(annotations[said], vectors, grid.n_trs, start=start)
        metadata.attrs["texts"] = texts.where(said, None).tolist()
        return rows, metadata

    def align_to_trs(
        self, annotations: pd.DataFrame, embeddings: np.ndarray, n_trs: int | None = None, *, start: Seconds = 0
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Bring an embedding of each event to TRs.

        Parameters
        ----------
        annotations : pandas.DataFrame
            Events with their times: onset and duration, or under other usual names, such as Start Time (s) and
            End Time (s).
        embeddings : ndarray, shape (n_events, dim)
            Their embeddings.
        n_trs, start : int, number of seconds
            As in `annotations_to_embeddings`.

        Returns
        -------
        rows : ndarray of float32, shape (n_trs, dim) or (n_trs, max_annotations_per_tr * dim)
            The rows, in mode ``"average"`` or ``"concatenate"``.
        metadata : pandas.DataFrame
            One row per TR: tr_index; start_time and end_time (seconds); n_segments_contributing, how many events the
            row holds, 0 where a gap was filled; segment_indices, a list of which, as the index of `annotations` calls
            them.

        Raises
        ------
        AnnotationError
            If the annotations have no column of onsets.
        AlignmentError
            If there is not one embedding of finite numbers for each event, times are missing, or no event lies behind
            the start and no number of TRs is given.
        """
        vectors = np.asarray(embeddings, np.float32)
        if vectors.ndim != 2 or len(vectors) != len(annotations):
            raise AlignmentError(
                f"there are {len(annotations)} events and embeddings of shape {vectors.shape}",
                "give embeddings of shape (n_events, dim)",
            )
        onsets, durations = event_times(annotations)
        if not all(np.isfinite(numbers).all() for numbers in (vectors, onsets, durations)) or (durations < 0).any():
            raise AlignmentError("an embedding or a time is missing", "leave such events out")
        grid = self._grid(onsets + durations, n_trs, start, None)
        order = np.argsort(onsets, kind="stable")
        rows, members = self.layout.rows(vectors[order], onsets[order], durations[order], grid)
        labels = annotations.index.to_numpy()[order]
        return rows, tr_times(grid).assign(
            n_segments_contributing=[len(numbers) for numbers in members],
            segment_indices=[labels[numbers].tolist() for numbers in members],
        )

    def embeddings_to_text(
        self, embeddings: np.ndarray, metadata: pd.DataFrame, top_k: int = 1
    ) -> list[str] | list[list[str]]:
        """Find the texts whose embeddings are nearest by cosine.

        Parameters
        ----------
        embeddings : ndarray, shape (n, dim) or (n, blocks * dim)
            Rows as `annotations_to_embeddings` gives them, or predictions of them. Of embeddings side by side each
            that is not 0 is looked up, and the nearest of all they find counts.
        metadata : pandas.DataFrame
            As it came with them; its ``attrs["texts"]`` holds the texts to choose from.
        top_k : int
            How many texts are wanted for each row.

        Returns
        -------
        list of str, or list of list of str
            The text for each row, ``""`` for a row of zeros; for a `top_k` above 1 the texts, the nearest first.

        Raises
        ------
        ParameterError
            If the shape or `top_k` does not fit, or the metadata hold no texts.
        """
        texts = [text for text in dict.fromkeys(metadata.attrs.get("texts", ())) if text is not None]
        if not texts:
            raise ParameterError(
                "the metadata hold no texts", 'give those of annotations_to_embeddings, or set metadata.attrs["texts"]'
            )
        if whole(top_k, "top_k") < 1:
            raise ParameterError(f"top_k is {top_k}", "ask for 1 text or more")
        vectors, rows = self._vectors(texts), np.asarray(embeddings, np.float32)
        if rows.ndim != 2 or rows.shape[1] % vectors.shape[1] or not rows.shape[1]:
            raise ParameterError(
                f"embeddings have the shape {rows.shape}", f"give rows of {vectors.shape[1]} columns, or a multiple"
            )
        if not np.isfinite(rows).all():
            raise ParameterError("embeddings hold numbers that are not finite", "leave such rows out")
        found = [[texts[k] for k in numbers] for numbers in nearest(rows, vectors, top_k)]
        return [one[0] if one else "" for one in found] if top_k == 1 else found

    def get_embedding_info(self) -> dict[str, Any]:
        """Return what the embeddings are, in JSON types; loads the model.

        Returns
        -------
        dict
            model_name; embedding_dim, of one text; output_dim, columns of a TR; tr, seconds; aggregation, gap_fill,
            temporal_mode, max_annotations_per_tr, temporal_window and device, as given.
        """
        dim = self._ready().dim()
        return {
            "model_name": os.fspath(self.model_name),
            "embedding_dim": dim,
            "output_dim": dim * self.layout.blocks,
            "tr": float(self.tr),
            "aggregation": self.layout.aggregation,
            "gap_fill": self.layout.gap_fill,
            "temporal_mode": self.layout.mode,
            "max_annotations_per_tr": self.layout.most,
            "temporal_window": float(self.layout.window),
            "device": self.device or "auto",
        }

    def _grid(self, ends: np.ndarray, n_trs: int | None, start: Seconds, path: str | os.PathLike[str] | None) -> TRGrid:
        """Return the TRs that are wanted, by default those that events reach into."""
        request = TRRequest.asked(tr=self.tr, start=start, max_trs=n_trs)
        if n_trs is None:
            n_trs = int(np.ceil((ends.max(initial=0) - float(request.start)) / float(request.tr)))
            if n_trs < 1:
                raise AlignmentError("holds nothing from the first TR on", "give an earlier start, or n_trs", path)
        return TRGrid(request.tr, n_trs, request.start)

    def _ready(self) -> SentenceModel:
        if self._model is None:
            self._model = SentenceModel(self.model_name, self.device or "auto")
        return self._model

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Return the embeddings of texts, each encoded once in the processor's life."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        encoded = self._ready().encode(new)
        self._known.update(zip(new, encoded, strict=True))
        return np.array([self._known[text] for text in texts], np.float32).reshape(-1, encoded.shape[1])
