"""Language models over codes: how probable a code is after those before it, so that it takes fewer bits."""

from giblet.codecs.lm.checkpoints import META_CHECKPOINTS, MetaCheckpoint, load_meta_model
from giblet.codecs.lm.files import read_model, save_model
from giblet.codecs.lm.loading import load_language_model
from giblet.codecs.lm.own import OwnModel
from giblet.codecs.lm.shape import Shape

__all__ = [
    "META_CHECKPOINTS",
    "MetaCheckpoint",
    "OwnModel",
    "Shape",
    "load_language_model",
    "load_meta_model",
    "read_model",
    "save_model",
]
