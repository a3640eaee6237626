"""Sound to log amplitude and phase, and back."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from giblet.codecs.apcodec.config import APCodecConfig

# Added to amplitudes, so that silence has a logarithm.
FLOOR = 1e-5


class Spectrum(NamedTuple):
    """The short-time spectrum of a sound in both of its forms.

    Attributes
    ----------
    log_amplitude, phase, real, imaginary : Tensor, float32, shape (batch, n_fft // 2 + 1, frames)
        Frame j is centred at sample j · hop. The phase lies in [-π, π].
    """

    log_amplitude: Tensor
    phase: Tensor
    real: Tensor
    imaginary: Tensor


def analyse(sound: Tensor, config: APCodecConfig) -> Spectrum:
    """Return the short-time spectrum of a sound, differentiable.

    Parameters
    ----------
    sound : Tensor, float32, shape (batch, n_samples)
        At least one sample. Its ends are reflected; a sound too short for that is followed by silence first.
    config : APCodecConfig
        The transform.

    Returns
    -------
    Spectrum
        ``n_samples // hop + 1`` frames.
    """
    n_frames = sound.shape[-1] // config.hop + 1
    missing = config.n_fft // 2 + 1 - sound.shape[-1]
    if missing > 0:
        sound = functional.pad(sound, (0, missing))
    middle = config.n_fft // 2
    spectrum = transform(functional.pad(sound[:, None], (middle, middle), "reflect")[:, 0], config)
    return Spectrum(*(form[..., :n_frames] for form in spectrum))


def transform(sound: Tensor, config: APCodecConfig) -> Spectrum:
    """Return the spectra of a sound whose ends have been continued: frame j begins at sample j · hop."""
    spectrum = torch.stft(
        sound, config.n_fft, config.hop, config.window, window_of(config, sound), center=False, return_complex=True
    )
    return Spectrum(
        torch.log(spectrum.abs() + FLOOR), torch.angle(spectrum), spectrum.real.contiguous(), spectrum.imag.contiguous()
    )


def synthesise(log_amplitude: Tensor, phase: Tensor, config: APCodecConfig, length: int | None = None) -> Tensor:
    """Return the sound of a short-time spectrum, differentiable.

    Parameters
    ----------
    log_amplitude, phase : Tensor, float32, shape (batch, n_fft // 2 + 1, frames)
        As in `Spectrum`.
    config : APCodecConfig
        The transform.
    length : int, optional
        Samples to return: up to a hop behind the middle of the last frame its window still says what the sound was.
        By default the sound ends in the middle of the last frame.

    Returns
    -------
    Tensor, float32, shape (batch, length)
        By default ``(frames - 1) · hop`` samples.
    """
    spectrum = torch.polar(log_amplitude.exp(), phase)
    return torch.istft(
        spectrum, config.n_fft, config.hop, config.window, window_of(config, log_amplitude), center=True, length=length
    )


def window_of(config: APCodecConfig, like: Tensor) -> Tensor:
    """Return the window of the transform, of the type of a tensor; its first value is 0."""
    return torch.hann_window(config.window, dtype=like.dtype, device=like.device)
