"""EnCodec's multi-scale STFT discriminator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from giblet.errors import ParameterError
from giblet.training.discriminators.base import ConvStack, Judgement

SLOPE = 0.2


class MultiScaleSTFTDiscriminator(nn.Module):
    """Convolutions over time and frequency of complex spectra, one stack per window length.

    Parameters
    ----------
    channels : int
        Channels of the sound; the real and imaginary parts of all of them are seen together.
    windows : sequence of int
        Window lengths in samples, each a multiple of 4; a step is a quarter of it.
    width : int
        Channels of every layer.
    kernel : (int, int)
        Kernel over time and frequency.
    dilations : sequence of int
        Dilation over time of the layers that halve the frequencies.

    Raises
    ------
    ParameterError
        If a window is not a positive multiple of 4.

    References
    ----------
    Défossez, Copet, Synnaeve and Adi (2022), High Fidelity Neural Audio Compression, section 3.4; the 3 × 3 layer
    before the last one is in the authors' implementation.
    """

    def __init__(
        self,
        channels: int = 1,
        windows: Sequence[int] = (2048, 1024, 512, 256, 128),
        width: int = 32,
        kernel: tuple[int, int] = (3, 8),
        dilations: Sequence[int] = (1, 2, 4),
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_STFTDiscriminator(channels, w, width, kernel, dilations) for w in windows)

    def forward(self, sound: Tensor) -> Judgement:
        """Judge a sound.

        Parameters
        ----------
        sound : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1], at least as long as the longest window.

        Returns
        -------
        list of Tensor, each of shape (batch, 1, frames, frequencies)
            Logits.
        list of list of Tensor, each of shape (batch, width, frames, frequencies)
            Features of the layers of each window's stack.

        Raises
        ------
        ParameterError
            If the sound is shorter than a window.
        """
        judgements = [scale(sound) for scale in self.scales]
        return [logits for logits, _ in judgements], [features for _, features in judgements]


class _STFTDiscriminator(nn.Module):
    window: Tensor

    def __init__(
        self, channels: int, window: int, width: int, kernel: tuple[int, int], dilations: Sequence[int]
    ) -> None:
        super().__init__()
        if window < 4 or window % 4:
            raise ParameterError(f"a discriminator has a window of {window} samples", "give multiples of 4")
        hann = torch.hann_window(window, dtype=torch.float64)
        # Of unit energy: white noise of standard deviation s has spectra near s.
        self.register_buffer("window", (hann / hann.square().sum().sqrt()).float(), persistent=False)
        layers = [_conv(2 * channels, width, kernel)]
        layers += [_conv(width, width, kernel, stride=(1, 2), dilation=dilation) for dilation in dilations]
        layers += [_conv(width, width, (3, 3)), _conv(width, 1, (3, 3))]
        self.stack = ConvStack(layers, SLOPE)

    def forward(self, sound: Tensor) -> tuple[Tensor, list[Tensor]]:
        length = len(self.window)
        n_samples = sound.shape[-1]
        if n_samples < length:
            raise ParameterError(
                f"a discriminator with a window of {length} samples cannot judge {n_samples} samples",
                "train on longer segments, or leave out its long windows",
            )
        frames = sound.to(self.window.dtype).unfold(-1, length, length // 4) * self.window
        spectrum = torch.view_as_real(torch.fft.rfft(frames))
        # (batch, channels, time, frequency, part) to (batch, part and channel, time, frequency)
        spectrum = spectrum.permute(0, 4, 1, 2, 3).flatten(1, 2)
        return self.stack(spectrum)


def _conv(
    n_in: int, n_out: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1), dilation: int = 1
) -> nn.Module:
    padding = ((kernel[0] - 1) * dilation // 2, (kernel[1] - 1) // 2)
    return weight_norm(nn.Conv2d(n_in, n_out, kernel, stride, padding, dilation=(dilation, 1)))
