"""What people import: features of films on fMRI volumes."""

from giblet.data.audio import AudioProcessor
from giblet.data.extraction import Extraction, extract
from giblet.data.reconstruction import reconstruct
from giblet.data.store import FeatureStore, open_store

__all__ = ["AudioProcessor", "Extraction", "FeatureStore", "extract", "open_store", "reconstruct"]
