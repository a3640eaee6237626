"""Columns of feature spaces: what they are called, and which of them cannot be learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from giblet.errors import EncodingError

_NAMED = 6


def judge_columns(
    features: Mapping[str, np.ndarray], used: np.ndarray, columns: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Find columns of features that cannot be learnt from.

    Parameters
    ----------
    features : mapping of str to ndarray, each of shape (n_samples, dim)
        Feature spaces.
    used : ndarray of bool, shape (n_samples,)
        Rows that count.
    columns : mapping of str to tuple of str
        Names of columns.

    Returns
    -------
    broken, constant : tuple of str
        Columns with values that are no numbers, and columns that never change.
    twins : tuple of (str, str)
        Columns that are equal to one before them, and that one.
    """
    broken, constant, twins = [], [], []
    seen: dict[bytes, str] = {}
    for space, values in features.items():
        part = values[used].astype(np.float64)
        finite, changing = np.isfinite(part).all(axis=0), (part != part[:1]).any(axis=0)
        for i in range(part.shape[1]):
            name = column_name(space, i, columns)
            if not finite[i]:
                broken.append(name)
            elif not changing[i]:
                constant.append(name)
            else:
                first = seen.setdefault(part[:, i].tobytes(), name)
                if first is not name:
                    twins.append((name, first))
    return tuple(broken), tuple(constant), tuple(twins)


def column_name(space: str, number: int, columns: Mapping[str, tuple[str, ...]]) -> str:
    """Return what a column of a feature space is called in messages."""
    names = columns.get(space, ())
    if len(names) <= number:
        return f"{space}[{number}]"
    return names[number] if names[number].startswith(space) else f"{space}[{names[number]}]"


def listed(names: Iterable[Any]) -> str:
    """Return names for a sentence, the first few of many."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more


def without_useless(
    name: str, features: Mapping[str, np.ndarray], used: np.ndarray, columns: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]], list[str]]:
    """Leave out columns that never change or are there twice, as some of a model's latents, and say so.

    Parameters
    ----------
    name : str
        Of the subject, for messages.
    features, used, columns
        As in `judge_columns`.

    Returns
    -------
    features : dict of str to ndarray
        What is left of each space.
    columns : dict of str to tuple of str
        The names of what is left.
    notes : list of str
        What was left out, a sentence for each space.

    Raises
    ------
    EncodingError
        If nothing is left of a space.
    """
    left, names, notes = {}, {}, []
    _, constant, twins = judge_columns(features, used, columns)
    useless = {*constant, *(twin for twin, _ in twins)}
    for space, values in features.items():
        labels = [column_name(space, i, columns) for i in range(values.shape[1])]
        keep = [i for i, label in enumerate(labels) if label not in useless]
        gone = [label for label in labels if label in useless]
        if not keep:
            why = "never changes" if gone[0] in constant else "is there twice"
            raise EncodingError(f"{name}: {listed(gone)} {why}", "leave it out, for it can predict nothing of its own")
        if gone:
            notes.append(
                f"{space}: {len(gone)} columns never change or are there twice and are left out: {listed(gone)}."
            )
        left[space] = values[:, keep] if gone else values
        names[space] = tuple(columns[space][i] for i in keep) if columns.get(space) else tuple(str(i) for i in keep)
    return left, names, notes
