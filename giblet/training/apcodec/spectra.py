"""The short-time spectrum of decoded sound, with a gradient that is finite in silence."""

from __future__ import annotations

import torch
from torch import Tensor

from giblet.codecs.apcodec.config import APCodecConfig


def parts(sound: Tensor, sizes: APCodecConfig) -> tuple[Tensor, Tensor]:
    """Return real and imaginary part of the spectrum that `giblet.codecs.apcodec.spectrum.analyse` makes.

    Parameters
    ----------
    sound : Tensor, float32, shape (batch, n_samples)
        Longer than half a transform.
    sizes : APCodecConfig
        The transform.

    Returns
    -------
    real, imaginary : Tensor, float32, shape (batch, n_bins, n_samples // hop + 1)
        Neither logarithm nor angle is taken, whose gradients silence makes infinite.
    """
    window = torch.hann_window(sizes.window, dtype=sound.dtype, device=sound.device)
    spectrum = torch.stft(sound, sizes.n_fft, sizes.hop, sizes.window, window, center=True, return_complex=True)
    return spectrum.real, spectrum.imag
