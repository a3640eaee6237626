"""Columns of a sheet → one text for each of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.errors import AnnotationError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = "; "


def combined_texts(
    table: pd.DataFrame, columns: Sequence[str], separator: str = SEPARATOR, path: str | None = None
) -> pd.Series:
    """Join the texts of several columns, row by row.

    Parameters
    ----------
    table : pandas.DataFrame
        The table.
    columns : sequence of str
        Which columns, in the order in which they are joined; blanks around names do not matter.
    separator : str
        What stands between two texts.
    path : str, optional
        The file that the table is from, for the messages.

    Returns
    -------
    pandas.Series of object
        A text for each row, under the table's index; cells that are empty are left out, and where all are, it is NaN.

    Raises
    ------
    ParameterError
        If no column is named.
    AnnotationError
        If the table lacks one.
    """
    import pandas as pd

    if isinstance(columns, str) or not list(columns):
        raise ParameterError(f"the columns of texts are {columns!r}", "give a list of one or more names")
    there = {str(name).strip(): name for name in table.columns}
    lacking = [name for name in columns if str(name).strip() not in there]
    if lacking:
        raise AnnotationError(
            f"there is no column {', '.join(map(repr, lacking))}", f"choose from {', '.join(map(repr, there))}", path
        )
    cells = [table[there[str(name).strip()]] for name in columns]
    joined = [separator.join(text for text in map(_text, row) if text) for row in zip(*cells, strict=True)]
    return pd.Series([text or np.nan for text in joined], index=table.index, dtype=object)


def _text(cell: Any) -> str:
    import pandas as pd

    # A cell of a list or an array has no one truth about being missing.
    return "" if pd.api.types.is_scalar(cell) and pd.isna(cell) else " ".join(str(cell).split())
