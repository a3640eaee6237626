"""What an APCodec is judged by: amplitudes, phases on their circle, spectra, and mel bands.

Spectra have the shape (batch, frequencies, frames). All losses are means, and scalars.

References
----------
Ai, Jiang, Lu, Du and Ling (2024), APCodec: A Neural Audio Codec with Parallel Amplitude and Phase Spectrum Encoding and
Decoding, section III; Ai and Ling (2023), Neural Speech Phase Prediction based on Parallel Estimation Architecture and
Anti-Wrapping Losses.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from giblet.spectral.mel import mel_filters

# Under the root of a magnitude, and the least band, as in the authors' implementation.
POWER_FLOOR = 1e-9
LEAST_BAND = 1e-5


def anti_wrapped(angle: Tensor) -> Tensor:
    """Return how far an angle is from 0 on the circle.

    Parameters
    ----------
    angle : Tensor
        Radians, unwrapped.

    Returns
    -------
    Tensor
        |x - 2π round(x / 2π)|, between 0 and π, with period 2π; its gradient is 1 or -1, away from the nearest whole
        turn.
    """
    return (angle - 2 * math.pi * torch.round(angle / (2 * math.pi))).abs()


def phase_losses(difference: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return what a difference of phases costs.

    Parameters
    ----------
    difference : Tensor, shape (batch, frequencies, frames)
        Between two phases, radians.
    weights : Tensor, shape (frequencies, 1), optional
        What each frequency counts; by default all count alike.

    Returns
    -------
    phase, group_delay, time_difference : Tensor, shape ()
        Mean distance from 0 on the circle of the difference, of its steps along frequency, and along time. The first
        frequency, or frame, is a step from 0, as in the authors' implementation.
    """
    along_frequency = torch.diff(difference, dim=1, prepend=torch.zeros_like(difference[:, :1]))
    along_time = torch.diff(difference, dim=2, prepend=torch.zeros_like(difference[:, :, :1]))
    distances = (anti_wrapped(steps) for steps in (difference, along_frequency, along_time))
    phase, group_delay, time_difference = (
        (distance if weights is None else weights * distance).mean() for distance in distances
    )
    return phase, group_delay, time_difference


def mel_slope(sample_rate: int, n_fft: int) -> Tensor:
    """Return how finely hearing resolves each frequency of a spectrum.

    Parameters
    ----------
    sample_rate, n_fft : int
        Of the spectrum.

    Returns
    -------
    Tensor, float32, shape (n_fft // 2 + 1, 1)
        The slope of the mel scale of O'Shaughnessy (1987), over its mean: 1 / (1 + f / 700 Hz) but for a factor.
    """
    slope = 1 / (1 + torch.linspace(0, sample_rate / 2, n_fft // 2 + 1) / 700)
    return (slope / slope.mean())[:, None]


def consistency(real: Tensor, imaginary: Tensor, other_real: Tensor, other_imaginary: Tensor) -> Tensor:
    """Return the mean squared distance of two spectra, each given by its parts."""
    return functional.mse_loss(real, other_real) + functional.mse_loss(imaginary, other_imaginary)


def mel_bank(sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Return librosa's mel filters, float32 of shape (n_mels, n_fft // 2 + 1)."""
    return torch.from_numpy(mel_filters(sample_rate, n_fft, n_mels).toarray())


def log_mel(real: Tensor, imaginary: Tensor, bank: Tensor) -> Tensor:
    """Return the natural logarithm of mel bands.

    Parameters
    ----------
    real, imaginary : Tensor, shape (batch, frequencies, frames)
        Parts of a spectrum.
    bank : Tensor, shape (bands, frequencies)
        Filters.

    Returns
    -------
    Tensor, shape (batch, bands, frames)
        Logarithms of filtered magnitudes, none below that of 1e-5.
    """
    magnitude = (real.square() + imaginary.square() + POWER_FLOOR).sqrt()
    return (bank @ magnitude).clamp_min(LEAST_BAND).log()
