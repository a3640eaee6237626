"""HiFi-GAN's multi-period discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.parametrizations import weight_norm

from giblet.errors import ParameterError
from giblet.training.discriminators.base import ConvStack, Judgement, one_channel

SLOPE = 0.1


class MultiPeriodDiscriminator(nn.Module):
    """Convolutions along every p-th sample, one stack per period p.

    Parameters
    ----------
    periods : sequence of int
        In samples; prime numbers see different samples together.
    width : int
        Channels of the first layer; those of the others are 4, 16, 32 and 32 times as many.

    Raises
    ------
    ParameterError
        If a period is below 1.

    References
    ----------
    Kong, Kim and Bae (2020), HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech
    Synthesis, section 2.3.
    """

    def __init__(self, periods: Sequence[int] = (2, 3, 5, 7, 11), width: int = 32) -> None:
        super().__init__()
        if min(periods) < 1:
            raise ParameterError(f"a discriminator has period {min(periods)}", "give periods of 1 sample or more")
        self.periods = tuple(periods)
        self.stacks = nn.ModuleList(_stack(width) for _ in periods)

    def forward(self, sound: Tensor) -> Judgement:
        """Judge a sound.

        Parameters
        ----------
        sound : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1]; each channel is judged by itself.

        Returns
        -------
        list of Tensor, each of shape (batch * channels, 1, positions, period)
            Logits.
        list of list of Tensor, each of shape (batch * channels, width, positions, period)
            Features of the layers of each period's stack.
        """
        sound = one_channel(sound)
        logits, features = [], []
        for period, stack in zip(self.periods, self.stacks, strict=True):
            whole = F.pad(sound, (0, -sound.shape[-1] % period), "reflect")
            judged, seen = stack(whole.unflatten(-1, (-1, period)))
            logits.append(judged)
            features.append(seen)
        return logits, features


def _stack(width: int) -> ConvStack:
    widths = [1, *(width * times for times in (1, 4, 16, 32))]
    layers = [_conv(n_in, n_out, 5, stride=3) for n_in, n_out in pairwise(widths)]
    layers += [_conv(widths[-1], widths[-1], 5), _conv(widths[-1], 1, 3)]
    return ConvStack(layers, SLOPE)


def _conv(n_in: int, n_out: int, kernel: int, stride: int = 1) -> nn.Module:
    return weight_norm(nn.Conv2d(n_in, n_out, (kernel, 1), (stride, 1), (kernel // 2, 0)))
