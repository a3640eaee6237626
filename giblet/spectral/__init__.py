"""Spectra of sound and the way back: the one STFT, mel power, decibels, Griffin-Lim; knows nothing but arrays."""

from giblet.spectral.griffin_lim import mel_to_audio
from giblet.spectral.mel import MelStream, mel_to_magnitude, power_to_db, relative_db

__all__ = ["MelStream", "mel_to_audio", "mel_to_magnitude", "power_to_db", "relative_db"]
