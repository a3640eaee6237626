"""An APCodec: encoder, quantiser and decoder."""

from __future__ import annotations

from torch import Tensor, nn

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.network import SpectralDecoder, SpectralEncoder
from giblet.codecs.apcodec.quantizer import ResidualQuantizer
from giblet.codecs.apcodec.spectrum import analyse, synthesise


class APCodecModel(nn.Module):
    """The networks of an APCodec.

    Parameters
    ----------
    config : APCodecConfig
        Its sizes.

    References
    ----------
    Ai, Jiang, Lu, Du and Ling (2024), APCodec: A Neural Audio Codec with Parallel Amplitude and Phase Spectrum
    Encoding and Decoding.
    """

    def __init__(self, config: APCodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = SpectralEncoder(config)
        self.quantizer = ResidualQuantizer(config)
        self.decoder = SpectralDecoder(config)

    def encode(self, sound: Tensor, n_codebooks: int | None = None) -> Tensor:
        """Encode a whole sound.

        Parameters
        ----------
        sound : Tensor, float32, shape (batch, n_samples)
            At least one sample.
        n_codebooks : int, optional
            Codebooks to use; default all.

        Returns
        -------
        Tensor, int64, shape (batch, n_codebooks, n_samples // frame_hop + 1)
            Code i is centred at sample i · frame_hop.
        """
        return self.quantizer.encode(self.encoder(analyse(sound, self.config)), n_codebooks)

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes (batch, n_codebooks, frames) to sound, as `sound_of` does latents."""
        return self.sound_of(self.quantizer.decode(codes))

    def sound_of(self, latents: Tensor) -> Tensor:
        """Decode all latents of a sound.

        Parameters
        ----------
        latents : Tensor, float32, shape (batch, latent_dim, frames)
            Latents, quantised or not.

        Returns
        -------
        Tensor, float32, shape (batch, frames · frame_hop)
            The sound. The authors' decoder ends a hop of the spectra (40 samples) earlier.
        """
        spectrum = self.decoder(latents)
        n_samples = latents.shape[-1] * self.config.frame_hop
        return synthesise(spectrum.log_amplitude, spectrum.phase, self.config, length=n_samples)
