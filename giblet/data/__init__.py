"""What people import: features of films on fMRI volumes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from giblet.data.audio import AudioProcessor
    from giblet.data.dataset import MultimodalDataset
    from giblet.data.extraction import extract
    from giblet.data.feature_study import FeatureStudy, open_study
    from giblet.data.fmri import FMRIProcessor
    from giblet.data.layouts import find_study
    from giblet.data.outcome import Extraction, Reconstruction
    from giblet.data.reconstruction import reconstruct
    from giblet.data.store import FeatureStore, open_store
    from giblet.data.study import RunFiles, Study
    from giblet.data.text import TextProcessor
    from giblet.data.video import VideoProcessor

__all__ = [
    "AudioProcessor",
    "Extraction",
    "FMRIProcessor",
    "FeatureStore",
    "FeatureStudy",
    "MultimodalDataset",
    "Reconstruction",
    "RunFiles",
    "Study",
    "TextProcessor",
    "VideoProcessor",
    "extract",
    "find_study",
    "open_store",
    "open_study",
    "reconstruct",
]

_HOMES = {
    "AudioProcessor": "audio",
    "Extraction": "outcome",
    "FMRIProcessor": "fmri",
    "FeatureStore": "store",
    "FeatureStudy": "feature_study",
    "MultimodalDataset": "dataset",
    "Reconstruction": "outcome",
    "RunFiles": "study",
    "Study": "study",
    "TextProcessor": "text",
    "VideoProcessor": "video",
    "extract": "extraction",
    "find_study": "layouts",
    "open_store": "store",
    "open_study": "feature_study",
    "reconstruct": "reconstruction",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: what the command line says about a setting needs no decoder of films.
    if name in _HOMES:
        return getattr(import_module(f"giblet.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'giblet.data' has no attribute {name!r}")
