"""APCodec's encoder and decoder: spectra to latents and back, amplitude and phase beside each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from giblet.codecs.apcodec.blocks import Stack, normed_conv, normed_upsample
from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.spectrum import Spectrum


class EncoderBranch(nn.Module):
    """Amplitudes, or phases, to their share of the latents."""

    def __init__(self, config: APCodecConfig) -> None:
        super().__init__()
        self.stack = _stack(config, config.n_bins)
        self.down = normed_conv(
            2 * config.reduced, config.reduced, config.kernel, config.ratio, streaming=config.streaming
        )

    def forward(self, x: Tensor) -> Tensor:
        """Run (batch, n_bins, frames) to (batch, reduced, ceil(frames / ratio))."""
        return self.down(self.stack(x))


class SpectralEncoder(nn.Module):
    """Spectra to latents.

    Parameters
    ----------
    config : APCodecConfig
        Its sizes.
    """

    def __init__(self, config: APCodecConfig) -> None:
        super().__init__()
        self.amplitude = EncoderBranch(config)
        self.phase = EncoderBranch(config)
        self.join = normed_conv(2 * config.reduced, config.latent_dim, config.kernel, streaming=config.streaming)

    def forward(self, spectrum: Spectrum) -> Tensor:
        """Encode spectra.

        Parameters
        ----------
        spectrum : Spectrum
            Of (batch, n_bins, frames); only log amplitude and phase are looked at.

        Returns
        -------
        Tensor, shape (batch, latent_dim, ceil(frames / ratio))
            Latents, each centred on the first of its ``ratio`` spectra; where it streams, made of the spectra up to
            the last of them.
        """
        both = self.amplitude(spectrum.log_amplitude), self.phase(spectrum.phase)
        return self.join(torch.cat(both, dim=1))


class DecoderBranch(nn.Module):
    """Latents to what amplitudes, or phases, are made of."""

    def __init__(self, config: APCodecConfig) -> None:
        super().__init__()
        channels = 2 * config.reduced
        self.up = normed_upsample(channels, channels, config.ratio, streaming=config.streaming)
        self.stack = _stack(config, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Run (batch, 2 · reduced, frames) to (batch, 2 · reduced, frames · ratio)."""
        return self.stack(self.up(x))


class SpectralDecoder(nn.Module):
    """Latents to spectra.

    Parameters
    ----------
    config : APCodecConfig
        Its sizes.
    """

    def __init__(self, config: APCodecConfig) -> None:
        super().__init__()
        channels, kernel, streaming = 2 * config.reduced, config.kernel, config.streaming
        self.split = normed_conv(config.latent_dim, channels, kernel, streaming=streaming)
        self.amplitude = DecoderBranch(config)
        self.phase = DecoderBranch(config)
        self.to_amplitude = normed_conv(channels, config.n_bins, kernel, streaming=streaming)
        self.to_real = normed_conv(channels, config.n_bins, kernel, streaming=streaming)
        self.to_imaginary = normed_conv(channels, config.n_bins, kernel, streaming=streaming)

    def forward(self, latents: Tensor) -> Spectrum:
        """Decode latents.

        Parameters
        ----------
        latents : Tensor, shape (batch, latent_dim, frames)
            Latents, quantised or not.

        Returns
        -------
        Spectrum
            Of (batch, n_bins, frames · ratio).
        """
        x = self.split(latents)
        log_amplitude = self.to_amplitude(self.amplitude(x))
        x = self.phase(x)
        # The lengths of these two say nothing; their angle is the phase, wrapped by itself.
        phase = torch.atan2(self.to_imaginary(x), self.to_real(x))
        amplitude = log_amplitude.exp()
        return Spectrum(log_amplitude, phase, amplitude * phase.cos(), amplitude * phase.sin())


def _stack(config: APCodecConfig, n_in: int) -> Stack:
    return Stack(
        n_in, 2 * config.reduced, config.width, config.inner, config.depth, config.kernel, streaming=config.streaming
    )
