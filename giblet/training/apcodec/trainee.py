"""APCodec as something that can be trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from giblet.codecs.apcodec.checkpoints import load_model, save_model
from giblet.codecs.apcodec.model import APCodecModel
from giblet.codecs.apcodec.spec import APCodecSpec
from giblet.codecs.apcodec.spectrum import Spectrum, analyse, synthesise
from giblet.codecs.catalog import CodecSpec, find_codec
from giblet.errors import ParameterError
from giblet.training.apcodec.config import APCodecModelSection, APCodecQuantizerConfig
from giblet.training.apcodec.linear import start_linear
from giblet.training.apcodec.losses import mel_slope
from giblet.training.apcodec.original import newest_checkpoints
from giblet.training.apcodec.start import set_codebooks
from giblet.training.apcodec.teacher import Answer, Teacher, features_of
from giblet.training.trainee import Reconstruction

LATENTS_PER_ENTRY = 30
"""That codebooks are set from."""
START_SECONDS = 200
"""Of sound that principal components are taken of."""


@dataclass
class SpectralReconstruction(Reconstruction):
    """What an APCodec in training made of a batch.

    Attributes
    ----------
    reference : Spectrum
        Of the sound that came; no gradient.
    spectrum : Spectrum
        What the decoder made, of the same shape.
    """

    reference: Spectrum
    spectrum: Spectrum


class APCodecTrainee:
    """An `APCodecModel` in training.

    Parameters
    ----------
    settings : APCodecModelSection
        Its size.
    quantizer : APCodecQuantizerConfig
        How codebooks learn.
    seed : int
        Of the random weights and of all later choices.
    device : str
        Where it runs.
    teacher : Teacher, optional
        Whom it learns from; what is left to learn is told among the penalties.
    linear_start : bool
        Whether `start` sets weights.
    """

    def __init__(
        self,
        settings: APCodecModelSection,
        quantizer: APCodecQuantizerConfig,
        seed: int,
        device: str,
        teacher: Teacher | None = None,
        *,
        linear_start: bool = False,
    ) -> None:
        self._sizes = settings.sizes
        self._quantizer = quantizer
        self._teacher = teacher
        self._linear_start = linear_start
        self._seed = seed
        self._device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = APCodecModel(self._sizes).to(device)
        if quantizer.start:
            for entries in self._entries():
                torch.nn.init.zeros_(entries)
        self.bandwidths = self._sizes.bandwidths[0 if quantizer.dropout else -1 :]

    @property
    def quantizes(self) -> bool:
        """Whether codes are in use: entries that have not begun to learn are all 0."""
        return all(bool(entries.any()) for entries in self._entries())

    def _entries(self) -> list[Tensor]:
        return [parameter for name, parameter in self.model.quantizer.named_parameters() if "entries" in name]

    def parameters(self) -> Iterator[nn.Parameter]:
        """Iterate over what the optimiser changes."""
        return self.model.parameters()

    @torch.no_grad()
    def start(self, sounds: Iterator[Tensor]) -> None:
        """Let amplitudes pass from the first step, where asked for; sounds (batch, 1, samples) are of one length."""
        if not self._linear_start:
            return
        found: list[Tensor] = []
        while sum(part.numel() for part in found) < START_SECONDS * self._sizes.sample_rate:
            found.append(next(sounds))
        log_amplitude = torch.cat([analyse(sound[:, 0].to(self._device), self._sizes).log_amplitude for sound in found])
        slope = mel_slope(self._sizes.sample_rate, self._sizes.n_fft)[:, 0]
        start_linear(self.model, log_amplitude, slope.to(self._device))

    @torch.no_grad()
    def start_quantizer(self, sounds: Iterator[Tensor]) -> None:
        """Set the codebooks from the latents of sounds (batch, 1, samples), `LATENTS_PER_ENTRY` an entry."""
        found: list[Tensor] = []
        while sum(part.shape[0] * part.shape[2] for part in found) < LATENTS_PER_ENTRY * self._sizes.codebook_size:
            sound = next(sounds).to(self._device)
            found.append(self.model.encoder(analyse(sound[:, 0], self._sizes)))
        set_codebooks(self.model.quantizer, torch.cat(found), torch.Generator().manual_seed(self._seed))

    def reconstruct(self, sound: Tensor, step: int) -> SpectralReconstruction:
        """Encode and decode a batch for training.

        Parameters
        ----------
        sound : Tensor, float32, shape (batch, 1, samples)
            Whole frames, a hop of the spectra short: as many spectra as the decoder makes.
        step : int
            Decides how many codebooks take part, where that is random.

        Returns
        -------
        SpectralReconstruction
            Sound, spectra, and the quantiser's penalties.
        """
        if not self.quantizes:
            return self._reconstruct(sound, None)
        n_codebooks = self._sizes.n_codebooks
        # A choice depends on seed and step alone, so a resumed run chooses as an uninterrupted one.
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + step + 1) % 2**63)
        if torch.rand((), generator=generator) < self._quantizer.dropout:
            n_codebooks = int(torch.randint(n_codebooks, (), generator=generator)) + 1
        return self._reconstruct(sound, n_codebooks)

    @torch.no_grad()
    def at_bandwidth(self, sound: Tensor, bandwidth: float | None) -> SpectralReconstruction:
        """Encode and decode at one bandwidth in kbps, or without codes for None."""
        return self._reconstruct(sound, None if bandwidth is None else self._sizes.bandwidths.index(bandwidth) + 1)

    def _reconstruct(self, sound: Tensor, n_codebooks: int | None) -> SpectralReconstruction:
        with torch.no_grad():
            reference = analyse(sound[:, 0], self._sizes)
        penalties = {}
        with features_of(self.model) as features:
            encoded = latents = self.model.encoder(reference)
            if n_codebooks is not None:
                quantized = self.model.quantizer(latents, n_codebooks)
                latents = quantized.latents
                penalties = {"codebook": quantized.codebook_loss, "commitment": quantized.commitment_loss}
            spectrum = self.model.decoder(latents)
        if self._teacher is not None:
            penalties |= self._teacher.lessons(reference, Answer(features, encoded, spectrum))
        decoded = synthesise(spectrum.log_amplitude, spectrum.phase, self._sizes)
        return SpectralReconstruction(decoded[:, None], penalties, reference, spectrum)

    def load(self, source: str) -> None:
        """Start from the weights of a trained codec of the same size.

        Parameters
        ----------
        source : str
            A folder of giblet's, one of checkpoints as APCodec's authors write them, of which the newest count, or the
            name of a codec.

        Raises
        ------
        CodecError
            If there is none, or it is damaged.
        ParameterError
            If it is another kind of codec, or its size differs.
        """
        found = newest_checkpoints(Path(source))
        spec: CodecSpec
        if found.keys() >= {"encoder", "decoder"}:
            originals = found["encoder"], found["decoder"]
            spec = APCodecSpec(source, source, Path(source), self._sizes.to_dict(), originals=originals)
        else:
            spec = find_codec(source)
        if not isinstance(spec, APCodecSpec):
            raise ParameterError("is no APCodec, which the settings ask for", "name one in start_from", spec.folder)
        theirs, ours = spec.sizes.to_dict(), self._sizes.to_dict()
        # Streaming or not, weights are the same.
        other = [name for name, value in ours.items() if theirs[name] != value and name != "streaming"]
        if other:
            raise ParameterError(
                f"is no start for the settings' model: {other[0]} is {theirs[other[0]]} there",
                "make them equal",
                spec.folder,
            )
        self.model.load_state_dict(load_model(spec).state_dict())

    def save(self, folder: Path) -> None:
        """Write the model in giblet's format; what was there is replaced file by file.

        Parameters
        ----------
        folder : Path
            Created where it is absent.
        """
        save_model(self.model, folder, self.bandwidths)
