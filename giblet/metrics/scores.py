"""The one form in which quality is kept: a score per segment and bandwidth, and tables of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measure:
    """What a person must know of a measure.

    Attributes
    ----------
    title : str
        Its name in tables.
    unit : str
        Its unit; empty for a pure number.
    higher_is_better : bool
        Which way is good.
    digits : int
        Digits after the point that mean something.
    speech_only : bool
        Whether it is made for speech, and says little of music.
    """

    title: str
    unit: str
    higher_is_better: bool
    digits: int
    speech_only: bool = False


MEASURES = {
    "stoi": Measure("STOI", "", True, 3, speech_only=True),
    "estoi": Measure("ESTOI", "", True, 3, speech_only=True),
    "pesq_wb": Measure("PESQ wb", "MOS", True, 2, speech_only=True),
    "pesq_nb": Measure("PESQ nb", "MOS", True, 2, speech_only=True),
    "si_sdr": Measure("SI-SDR", "dB", True, 1),
    "snr": Measure("SNR", "dB", True, 1),
    "log_spectral_distance": Measure("LSD", "dB", False, 1),
    "mel_distance": Measure("mel", "dB", False, 2),
}


@dataclass(frozen=True)
class SegmentScore:
    """How well a segment of sound survived.

    Attributes
    ----------
    file : str
        The recording.
    method : str
        What the sound went through: the name of a codec.
    bandwidth : float or None
        Kilobits per second; None where the method has none.
    start, duration : float
        Seconds, from the beginning of the recording.
    silent : bool
        Whether the reference is silent there, so that nothing was measured.
    music : bool
        Whether the reference is marked as music there (`giblet.metrics.is_music`), of which STOI and PESQ say little.
    stoi, estoi : float
        Intelligibility and its extended variant, about 0 to 1.
    pesq_wb, pesq_nb : float
        Mean opinion score in wide and in narrow band, about 1 to 4.6.
    si_sdr, snr : float
        dB.
    log_spectral_distance, mel_distance : float
        dB.
    drift_ms : float
        By how much the sound comes later than the reference (`giblet.metrics.delay`), milliseconds.
    missing : str
        Which measures are not defined here, and why: ``"stoi: …; pesq_wb: …"``.

    Notes
    -----
    A measure that is not defined on a segment, or was not taken, is nan.
    """

    file: str
    method: str
    bandwidth: float | None
    start: float
    duration: float
    silent: bool = False
    music: bool = False
    stoi: float = math.nan
    estoi: float = math.nan
    pesq_wb: float = math.nan
    pesq_nb: float = math.nan
    si_sdr: float = math.nan
    snr: float = math.nan
    log_spectral_distance: float = math.nan
    mel_distance: float = math.nan
    drift_ms: float = math.nan
    missing: str = ""


def score_table(scores: Iterable[SegmentScore]) -> pd.DataFrame:
    """Return scores as a table.

    Parameters
    ----------
    scores : iterable of SegmentScore
        Scores in any order.

    Returns
    -------
    pandas.DataFrame
        One row per segment and bandwidth, one column per attribute of `SegmentScore`.
    """
    import pandas as pd

    columns = [field.name for field in dataclasses.fields(SegmentScore)]
    table = pd.DataFrame([dataclasses.astuple(score) for score in scores], columns=columns)
    kinds: dict[str, type] = {"bandwidth": float, "silent": bool, "music": bool}
    return table.astype(kinds | dict.fromkeys([*MEASURES, "drift_ms"], float))


def file_table(scores: Iterable[SegmentScore]) -> pd.DataFrame:
    """Average the segments of each file.

    Parameters
    ----------
    scores : iterable of SegmentScore
        Scores in any order.

    Returns
    -------
    pandas.DataFrame
        One row per method, bandwidth and file: ``method``, ``bandwidth``, ``file``, ``seconds`` and ``n_segments`` in
        all, ``n_silent`` of them left out, and the mean of each measure over the segments where it is defined.
    """
    table = score_table(scores)
    groups = table.groupby(["method", "bandwidth", "file"], sort=False, dropna=False)
    counts = groups.agg(seconds=("duration", "sum"), n_segments=("start", "size"), n_silent=("silent", "sum"))
    return counts.join(groups[list(MEASURES)].mean()).reset_index()


def bandwidth_table(scores: Iterable[SegmentScore]) -> pd.DataFrame:
    """Average the files at each bandwidth, so that each file counts the same.

    Parameters
    ----------
    scores : iterable of SegmentScore
        Scores in any order.

    Returns
    -------
    pandas.DataFrame
        One row per method and bandwidth: ``method``, ``bandwidth``, ``n_files``, ``seconds``, ``n_segments``,
        ``n_silent``, and the mean of each measure over the files where it is defined.
    """
    table = file_table(scores)
    groups = table.groupby(["method", "bandwidth"], sort=False, dropna=False)
    totals = {name: (name, "sum") for name in ("seconds", "n_segments", "n_silent")}
    counts = groups.agg(n_files=("file", "size"), **totals)
    return counts.join(groups[list(MEASURES)].mean()).reset_index()


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON can hold them.

    Parameters
    ----------
    table : pandas.DataFrame
        Any of the tables here.

    Returns
    -------
    list of dict
        One per row; None stands for a value that is not there.
    """
    return json_value(table.to_dict("records"))


def json_value(value: Any) -> Any:
    """Replace, at any depth, what JSON has no word for: nan and infinity become None.

    Parameters
    ----------
    value : object
        Dictionaries, lists and tuples of plain values.

    Returns
    -------
    object
        The same, with lists for tuples.
    """
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
