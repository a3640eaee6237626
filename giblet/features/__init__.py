"""Features at their native rate."""

from giblet.features.kinds import KINDS, check_features
from giblet.features.latents import latents

__all__ = ["KINDS", "check_features", "latents"]
