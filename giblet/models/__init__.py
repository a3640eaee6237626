"""Parts of neural networks that take what giblet serves."""

from giblet.models.audio_code_encoder import AudioCodeEncoder

__all__ = ["AudioCodeEncoder"]
