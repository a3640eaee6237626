"""Features at their native rate."""

from giblet.features.asking import FeatureRequest, ask_features
from giblet.features.latents import latents, nearest_codes
from giblet.features.registry import ENTRY_POINTS, Feature, known_features
from giblet.features.series import ON_A_BOUNDARY, SERIES_KINDS, FeatureSeries
from giblet.features.streams import FeatureContext, Output, PictureFeature, SoundFeature, WordFeature

__all__ = [
    "ENTRY_POINTS",
    "ON_A_BOUNDARY",
    "SERIES_KINDS",
    "Feature",
    "FeatureContext",
    "FeatureRequest",
    "FeatureSeries",
    "Output",
    "PictureFeature",
    "SoundFeature",
    "WordFeature",
    "ask_features",
    "known_features",
    "latents",
    "nearest_codes",
]
