"""UnivNet's multi-resolution discriminator, as APCodec has it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from giblet.errors import ParameterError
from giblet.training.discriminators.base import ConvStack, Judgement

SLOPE = 0.1
# Kernel over frequency and time, and stride over both, of each layer but the last.
LAYERS = (((7, 5), (2, 2)), ((5, 3), (2, 1)), ((5, 3), (2, 2)), ((3, 3), (2, 1)), ((3, 3), (2, 2)))


class MultiResolutionDiscriminator(nn.Module):
    """Convolutions over frequency and time of magnitudes, one stack per resolution.

    Parameters
    ----------
    resolutions : sequence of (int, int, int)
        Length of the transform, step, and length of the window, which is rectangular, in samples.
    width : int
        Channels of every layer.

    Raises
    ------
    ParameterError
        If a resolution is none.

    References
    ----------
    Jang, Lim, Yoon, Kim and Kim (2021), UnivNet: A Neural Vocoder with Multi-Resolution Spectrogram Discriminators for
    High-Fidelity Waveform Generation; Ai, Jiang, Lu, Du and Ling (2024), APCodec, for the resolutions.
    """

    def __init__(
        self,
        resolutions: Sequence[tuple[int, int, int]] = ((512, 20, 160), (1024, 40, 320), (2048, 80, 640)),
        width: int = 64,
    ) -> None:
        super().__init__()
        for n_fft, step, window in resolutions:
            if not (step > 0 and 0 < window <= n_fft):
                raise ParameterError(
                    f"a discriminator has the resolution {(n_fft, step, window)}",
                    "give transform, step and window, which is no longer than the transform",
                )
        self.resolutions = tuple(map(tuple, resolutions))
        self.stacks = nn.ModuleList(_stack(width) for _ in resolutions)

    def forward(self, sound: Tensor) -> Judgement:
        """Judge a sound.

        Parameters
        ----------
        sound : Tensor of float32, shape (batch, channels, samples)
            Sound in [-1, 1], longer than half the longest transform; each channel is judged by itself.

        Returns
        -------
        list of Tensor, each of shape (batch * channels, 1, frequencies, frames)
            Logits.
        list of list of Tensor, each of shape (batch * channels, width, frequencies, frames)
            Features of the layers of each resolution's stack.
        """
        sound = sound.flatten(0, 1)
        logits, features = [], []
        for (n_fft, step, window), stack in zip(self.resolutions, self.stacks, strict=True):
            ones = torch.ones(window, dtype=sound.dtype, device=sound.device)
            spectrum = torch.stft(sound, n_fft, step, window, ones, center=True, return_complex=True)
            judged, seen = stack(spectrum.abs()[:, None])
            logits.append(judged)
            features.append(seen)
        return logits, features


def _stack(width: int) -> ConvStack:
    layers = [_conv(width if i else 1, width, kernel, stride) for i, (kernel, stride) in enumerate(LAYERS)]
    return ConvStack([*layers, _conv(width, 1, (3, 3))], SLOPE)


def _conv(n_in: int, n_out: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> nn.Module:
    return weight_norm(nn.Conv2d(n_in, n_out, kernel, stride, (kernel[0] // 2, kernel[1] // 2)))
