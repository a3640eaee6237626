"""MelGAN's multi-scale discriminator."""

from __future__ import annotations

import math

from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from giblet.training.discriminators.base import ConvStack, PooledStacks

SLOPE = 0.2
STRIDE = 4
MOST_CHANNELS = 1024


class MelGANDiscriminator(PooledStacks):
    """Strided convolutions in groups of 4 channels where the width is a power of 2, along the sound at several rates.

    Parameters
    ----------
    scales : int
        Number of rates, each half the one before.
    width : int
        Channels of the first layer; every strided layer has 4 times those of the one before, at most 1024.
    n_strided : int
        Number of layers with stride 4.

    References
    ----------
    Kumar et al. (2019), MelGAN: Generative Adversarial Networks for Conditional Waveform Synthesis, section 2.2.
    """

    def __init__(self, scales: int = 3, width: int = 16, n_strided: int = 4) -> None:
        pool = nn.AvgPool1d(4, 2, padding=1, count_include_pad=False)
        super().__init__((_stack(width, n_strided) for _ in range(scales)), pool)


def _stack(width: int, n_strided: int) -> ConvStack:
    layers = [weight_norm(nn.Conv1d(1, width, 15, padding=7, padding_mode="reflect"))]
    n_in = width
    for _ in range(n_strided):
        n_out = min(STRIDE * n_in, MOST_CHANNELS)
        groups = math.gcd(max(n_in // 4, 1), n_in, n_out)
        layers.append(weight_norm(nn.Conv1d(n_in, n_out, 10 * STRIDE + 1, STRIDE, 5 * STRIDE, groups=groups)))
        n_in = n_out
    n_out = min(2 * n_in, MOST_CHANNELS)
    layers += [weight_norm(nn.Conv1d(n_in, n_out, 5, padding=2)), weight_norm(nn.Conv1d(n_out, 1, 3, padding=1))]
    return ConvStack(layers, SLOPE)
