"""How good a codec is on recordings."""

from giblet.codecs.quality.evaluation import Evaluation
from giblet.codecs.quality.recordings import sound_files
from giblet.codecs.quality.run import check_settings, evaluate_codec
from giblet.codecs.quality.usage import BandwidthUse

__all__ = ["BandwidthUse", "Evaluation", "check_settings", "evaluate_codec", "sound_files"]
