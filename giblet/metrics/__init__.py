"""How alike two sounds are."""

from giblet.metrics.engine import Pair, available_measures, cut, rms, score
from giblet.metrics.music import is_music
from giblet.metrics.pool import ScorePool
from giblet.metrics.scores import (
    MEASURES,
    Measure,
    SegmentScore,
    bandwidth_table,
    file_table,
    json_value,
    records,
    score_table,
)
from giblet.metrics.signal import si_sdr, snr
from giblet.metrics.spectral import log_spectral_distance, mel_distance
from giblet.metrics.speech import pesq, stoi
from giblet.metrics.timing import delay

__all__ = [
    "MEASURES",
    "Measure",
    "Pair",
    "ScorePool",
    "SegmentScore",
    "available_measures",
    "bandwidth_table",
    "cut",
    "delay",
    "file_table",
    "is_music",
    "json_value",
    "log_spectral_distance",
    "mel_distance",
    "pesq",
    "records",
    "rms",
    "score",
    "score_table",
    "si_sdr",
    "snr",
    "stoi",
]
