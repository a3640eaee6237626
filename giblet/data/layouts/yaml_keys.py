"""The keys of a study's YAML file, and what their values may be."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from giblet.errors import ParameterError
from giblet.timeline import exact


@dataclass(frozen=True)
class Key:
    """A key of the file.

    Attributes
    ----------
    read : callable
        Turns a value into what the study holds; raises ValueError with what to write instead.
    meaning : str
        For people, without a full stop.
    """

    read: Callable[[Any], Any]
    meaning: str


def shown(value: Any) -> str:
    """Return a value for a message, cut short."""
    return reprlib.repr(value)[:60]


def _name(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("text, in quotes where it reads like something else")


def _seconds(value: Any) -> Fraction:
    if not isinstance(value, bool) and isinstance(value, str | int | float):
        try:
            return exact(value)
        except ParameterError:
            pass
    raise ValueError("seconds, such as 1.5 or 4/3")


def _number(value: Any) -> float:
    try:
        return float(_seconds(value))
    except ValueError:
        raise ValueError("a number") from None


def _exact(value: Any) -> Fraction:
    try:
        return _seconds(value)
    except ValueError:
        raise ValueError("a number, such as 0.01 or 1/128") from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number from 0")
    return value


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _list_of(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def several(value: Any) -> tuple[Any, ...]:
        return tuple(map(read, value if isinstance(value, list) else [value]))

    return several


def _ends(value: Any) -> tuple[int, int]:
    counts = _list_of(_whole)(value)
    if len(counts) != 2:
        raise ValueError("two whole numbers, such as [3, 0]")
    return counts[0], counts[1]


def _splits(value: Any) -> dict[str, float | tuple[str, ...]]:
    expected = "a share or a list of names for each split, such as {train: 0.8, test: 0.2}"
    if not isinstance(value, dict) or not value:
        raise ValueError(expected)
    splits: dict[str, float | tuple[str, ...]] = {}
    for name, part in value.items():
        splits[_name(name)] = _list_of(_name)(part) if isinstance(part, list) else _number(part)
    shares = [part for part in splits.values() if isinstance(part, float)]
    if shares and (len(shares) < len(splits) or min(shares) <= 0 or sum(shares) > 1 + 1e-9):
        raise ValueError(f"{expected}; shares are above 0 and not more than 1 together")
    return splits


COMPUTED_MASKS = ("epi", "background")
"""Masks that are no file."""

FILES = {
    "bold": Key(_name, "image, surface or table of each run"),
    "mask": Key(_name, "image of the voxels that count; epi or background computes it"),
    "atlas": Key(_name, "image of regions, averaged"),
    "confounds": Key(_name, "table of what else moves the signal"),
    "stimulus": Key(_name, "film or sound"),
    "annotations": Key(_list_of(_name), "one or more files of words or scenes, on the stimulus' clock"),
}
"""Files of a run."""

TIMES = {
    "tr": Key(_seconds, "repetition time, s; without it the header's or sidecar's"),
    "dropped": Key(_whole, "volumes that were cut off in front"),
    "onset": Key(_seconds, "when the stimulus began, s after the first volume, dropped ones counted"),
    "sample_offset": Key(_seconds, "time within a TR that volumes show, s (StartTime; slice_time_ref · TR)"),
}
"""Times of a run."""

OPTIONS = {
    "columns": Key(_list_of(_name), "which columns of a table; or names of all, from left to right, if it has none"),
    "variable": Key(_name, "which matrix of a .mat file"),
    "transposed": Key(_yes_or_no, "whether a table has volumes from left to right"),
    "surface": Key(_name, "one hemisphere or both of a GIFTI pair"),
    "labels": Key(_name, "table of an atlas' names"),
    "smoothing": Key(_number, "full width at half maximum, mm"),
    "detrend": Key(_yes_or_no, "whether to take out a straight line"),
    "high_pass": Key(_exact, "lowest frequency that is kept, Hz, such as 1/128"),
    "confound_columns": Key(_list_of(_name), "which confounds to take out"),
    "strategy": Key(_list_of(_name), "which ones of fMRIPrep, as nilearn's load_confounds names them"),
}
"""How to read the BOLD of a run, by the names that `giblet.bold.read_bold` has."""

PER_RUN = {**FILES, **TIMES, **OPTIONS}
"""What may stand at the top, for all, or for a subject or run."""

SETTINGS = {
    "features": Key(_list_of(_name), "features, such as audio.latents or text.word_rate"),
    "codec": Key(_name, "codec of audio features"),
    "bandwidth": Key(_number, "its bandwidth, kbps"),
    "filter": Key(_name, "how continuous features reach the TRs: mean, lanczos or last"),
    "hrf": Key(_name, "haemodynamic response: spm, glover, spm + derivative, …"),
    "delays": Key(_list_of(_number), "delays in its stead, s"),
    "codes_delay": Key(_number, "delay of codes in its stead, s"),
    "trim": Key(_ends, "volumes left out at the beginning and at the end"),
    "max_trs": Key(_whole, "at most so many volumes of each run"),
    "normalize_fmri": Key(_yes_or_no, "whether BOLD is z-scored per subject and run"),
    "splits": Key(_splits, "shares of each run, or names of runs or subjects, in each split"),
    "split_by": Key(_name, "what splits are made of: blocks, run or subject"),
    "gap": Key(_seconds, "time left out between splits, s"),
    "mode": Key(_name, "per_subject or cross_subject"),
    "frame_skip": Key(_whole, "frames of the film passed over for each one taken"),
    "tier": Key(_name, "tier of a TextGrid that holds the words"),
    "sheet": Key(_name, "sheet of an xlsx that holds the annotations"),
    "cache": Key(_name, "folder, from root, where its datasets and features are kept; without it cache"),
}
"""Settings of the dataset."""

BIDS = {
    "bids": Key(_name, "BIDS dataset or derivative whose runs to take instead of naming files"),
    "task": Key(_name, "its task"),
    "session": Key(_name, "its session"),
    "space": Key(_name, "its space"),
    "resolution": Key(_name, "its resolution"),
    "desc": Key(_name, "its desc"),
}
"""Which scans of a BIDS dataset are meant."""

STUDY = {
    "name": Key(_name, "name of the study; without it the file's"),
    "root": Key(_name, "folder that paths count from; without it the file's; ${NAME} is an environment variable"),
    "subjects": Key(lambda value: value, "names, or a table of names with what differs; without it found by bold"),
    "runs": Key(lambda value: value, "the same for runs; without it found by bold, else one run named 1"),
}
"""What and who; read by `giblet.data.layouts.yaml_study`."""

TOP = {**STUDY, **BIDS, **PER_RUN, **SETTINGS}
"""All keys that may stand at the top."""


def names_of(value: Any, what: str) -> dict[str, dict[Any, Any]]:
    """Return names with what is said of each.

    Parameters
    ----------
    value : object
        A list of names, one name, or a table with a table or nothing for each.
    what : str
        ``subjects`` or ``runs``, for the message.

    Returns
    -------
    dict
        From name to table.

    Raises
    ------
    ValueError
        If it is something else; the message says what to write.
    """
    expected = f"a list of {what}, or a table with a table for each"
    if isinstance(value, dict):
        if not all(table is None or isinstance(table, dict) for table in value.values()):
            raise ValueError(expected)
        return {_name(name): table or {} for name, table in value.items()}
    names = [_name(name) for name in (value if isinstance(value, list) else [value])]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"each of the {what} once ({twice[0]} is there twice)")
    return {name: {} for name in names}
