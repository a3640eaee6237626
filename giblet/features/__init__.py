"""Features at their native rate."""

from giblet.features.kinds import KINDS, check_features
from giblet.features.latents import latents
from giblet.features.series import ON_A_BOUNDARY, SERIES_KINDS, FeatureSeries

__all__ = ["KINDS", "ON_A_BOUNDARY", "SERIES_KINDS", "FeatureSeries", "check_features", "latents"]
