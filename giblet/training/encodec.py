"""EnCodec as something that can be trained."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from transformers import EncodecConfig, EncodecFeatureExtractor, EncodecModel, PreTrainedConfig

from giblet.codecs.catalog import find_codec
from giblet.codecs.loading import load_model
from giblet.codecs.weights import SETTINGS
from giblet.errors import ParameterError
from giblet.training.checkpoints import replace_file, write_json
from giblet.training.encodec_config import ModelConfig, QuantizerConfig
from giblet.training.network import run_network
from giblet.training.quantizer import ResidualQuantizerTrainer
from giblet.training.trainee import Reconstruction

# k-means sees so many latents per entry.
_LATENTS_PER_ENTRY = 10
# Of ordinary recordings, full scale being 1.
_EXPECTED_RMS = 0.1


class EncodecTrainee:
    """A transformers `EncodecModel` and its learning quantiser.

    Parameters
    ----------
    settings : ModelConfig
        Its size.
    quantizer : QuantizerConfig
        How codebooks learn.
    seed : int
        Of the random weights and of all later choices.
    device : str
        Where it runs.
    decoder_only : bool, optional
        Whether encoder and codebooks stay as they are.
    """

    def __init__(
        self, settings: ModelConfig, quantizer: QuantizerConfig, seed: int, device: str, decoder_only: bool = False
    ) -> None:
        self.settings = settings
        self.device = device
        self._decoder_only = decoder_only
        self._seed = seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = EncodecModel(encodec_config(settings)).to(device)
        _spread(self.model)
        for layer in self.model.quantizer.layers:
            layer.codebook.inited.zero_()
        self._quantizer = ResidualQuantizerTrainer(self.model.quantizer, quantizer.decay, quantizer.replace_below)
        self.bandwidths = settings.bandwidths
        self._choices = torch.tensor([settings.n_codebooks(b) for b in settings.bandwidths])

    @property
    def quantizes(self) -> bool:
        """Whether the codebooks have been set."""
        return all(bool(layer.codebook.inited) for layer in self.model.quantizer.layers)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Iterate over what the optimiser changes."""
        if not self._decoder_only:
            yield from self.model.encoder.parameters()
        yield from self.model.decoder.parameters()

    def latents_for_start(self) -> int:
        """Return how many latents `start_quantizer` wants."""
        return _LATENTS_PER_ENTRY * self.settings.codebook_size

    def start(self, sounds: Iterator[Tensor]) -> None:
        """Nothing of an EnCodec depends on sound before its first step."""

    @torch.no_grad()
    def start_quantizer(self, sounds: Iterator[Tensor]) -> None:
        """Set the codebooks by k-means.

        Parameters
        ----------
        sounds : iterator of Tensor, float32, shape (batch, channels, samples)
            Read until there are enough latents.
        """
        latents: list[Tensor] = []
        while sum(map(len, latents)) < self.latents_for_start():
            sound, _ = self._normalized(next(sounds).to(self.device))
            latents.append(run_network(self.model.encoder, sound).permute(0, 2, 1).flatten(0, 1))
        self._quantizer.start(torch.cat(latents)[: self.latents_for_start()], self._generator(-1))

    def reconstruct(self, sound: Tensor, step: int) -> Reconstruction:
        """Encode and decode a batch for training, at a random bandwidth per item.

        Parameters
        ----------
        sound : Tensor, float32, shape (batch, channels, samples)
            Whole frames.
        step : int
            Decides what is random.

        Returns
        -------
        Reconstruction
            Sound, and the commitment where codes are in use.
        """
        normalized, scale = self._normalized(sound)
        with torch.set_grad_enabled(not self._decoder_only):
            latents = run_network(self.model.encoder, normalized)
        penalties = {}
        if self.quantizes:
            generator = self._generator(step)
            pick = torch.randint(len(self._choices), (len(sound),), generator=generator)
            n_codebooks = self._choices[pick].to(self.device)
            quantized = self._quantizer(latents, n_codebooks, None if self._decoder_only else generator)
            latents = quantized.latents
            if not self._decoder_only:
                penalties = {"commitment": quantized.commitment}
        return Reconstruction(run_network(self.model.decoder, latents)[..., : sound.shape[-1]] * scale, penalties)

    @torch.no_grad()
    def at_bandwidth(self, sound: Tensor, bandwidth: float | None) -> Reconstruction:
        """Encode and decode at one bandwidth in kbps, or without codes for None."""
        normalized, scale = self._normalized(sound)
        latents = run_network(self.model.encoder, normalized)
        penalties = {}
        if bandwidth is not None:
            n_codebooks = torch.full((len(sound),), self.settings.n_codebooks(bandwidth), device=self.device)
            quantized = self._quantizer(latents, n_codebooks)
            latents, penalties = quantized.latents, {"commitment": quantized.commitment}
        return Reconstruction(run_network(self.model.decoder, latents)[..., : sound.shape[-1]] * scale, penalties)

    def load(self, source: str) -> None:
        """Start from the weights of a trained codec of the same size.

        Parameters
        ----------
        source : str
            A folder saved by transformers, or the name of a codec.

        Raises
        ------
        CodecError
            If there is none.
        ParameterError
            If its size differs.
        """
        spec = find_codec(source)
        ours = self.model.config.to_dict()
        other = [name for name in SETTINGS if json.dumps(spec.config.get(name)) != json.dumps(ours.get(name))]
        start = load_model(spec)
        theirs = start.state_dict()
        shapes = {key: value.shape for key, value in self.model.state_dict().items()}
        if other or shapes != {key: value.shape for key, value in theirs.items()}:
            what = f"{other[0]} is {spec.config.get(other[0])} there" if other else "its layers have other sizes"
            raise ParameterError(f"is no start for the settings' model: {what}", "make them equal", spec.folder)
        self.model.load_state_dict(theirs)
        for layer in self.model.quantizer.layers:
            codebook = layer.codebook
            codebook.inited.fill_(bool(codebook.embed.any()))
            if not codebook.cluster_size.any():
                # Files for use leave the averages out: begin with an even use of every entry.
                codebook.cluster_size.fill_(1.0)
                codebook.embed_avg.copy_(codebook.embed)

    def save(self, folder: Path) -> None:
        """Write the model in transformers' format; what was there is replaced file by file.

        Parameters
        ----------
        folder : Path
            Created where it is absent.
        """
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {key: value.detach().cpu().contiguous() for key, value in self.model.state_dict().items()}
        weights = save(tensors, metadata={"format": "pt"})
        replace_file(folder / "model.safetensors", lambda path: path.write_bytes(weights))
        # All that EnCodec has of its own, also where it is a default today; not what every model has.
        config = self.model.config.to_dict()
        common = PreTrainedConfig().to_dict().keys() - {"model_type", "transformers_version"}
        config = {name: value for name, value in config.items() if name not in common}
        write_json(folder / "config.json", config | {"architectures": ["EncodecModel"], "dtype": "float32"})
        extractor = EncodecFeatureExtractor(
            feature_size=self.settings.channels,
            sampling_rate=self.settings.sample_rate,
            chunk_length_s=self.settings.segment,
            overlap=self.model.config.overlap,
        )
        write_json(folder / "preprocessor_config.json", extractor.to_dict())

    def _normalized(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        if not self.settings.normalize:
            return sound, sound.new_ones(())
        scale = sound.mean(1, keepdim=True).square().mean(2, keepdim=True).sqrt() + 1e-8
        return sound / scale, scale

    def _generator(self, step: int) -> torch.Generator:
        # A choice depends on seed and step alone, so a resumed run chooses as an uninterrupted one.
        return torch.Generator().manual_seed((self._seed * 1_000_003 + step + 1) % 2**63)


def encodec_config(settings: ModelConfig) -> EncodecConfig:
    """Return transformers' configuration of a model.

    Parameters
    ----------
    settings : ModelConfig
        Its size.

    Returns
    -------
    transformers.EncodecConfig
        The same in transformers' words.
    """
    return EncodecConfig(
        target_bandwidths=[float(b) for b in settings.bandwidths],
        sampling_rate=settings.sample_rate,
        audio_channels=settings.channels,
        normalize=settings.normalize,
        chunk_length_s=settings.segment,
        overlap=None if settings.segment is None else 0.01,
        hidden_size=settings.latent_dim,
        codebook_dim=settings.latent_dim,
        num_filters=settings.filters,
        num_residual_layers=settings.residual_layers,
        upsampling_ratios=list(reversed(settings.strides)),
        norm_type="time_group_norm" if settings.normalize else "weight_norm",
        use_causal_conv=settings.causal,
        num_lstm_layers=settings.lstm_layers,
        codebook_size=settings.codebook_size,
    )


@torch.no_grad()
def _spread(model: Any) -> None:
    """Scale initial weights so that the variance of the sound passes through all layers.

    With torch's own initialisation it shrinks to a third in every layer, until biases are all that the decoder hears,
    and a small model spends its first thousands of steps on making noise.
    """
    for module in model.modules():
        if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            # torch's own weights give a third of the variance; in a transposed convolution they are meant for its
            # outputs' number, and only every stride-th of them meets an input.
            spread = module.stride[0] / 2 if isinstance(module, nn.ConvTranspose1d) else 1
            _gain(module).mul_(math.sqrt(3 * spread))
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    for block in model.modules():
        if type(block).__name__ == "EncodecResnetBlock" and not isinstance(block.shortcut, nn.Identity):
            # Two branches are added, each with the variance of the whole.
            for conv in (block.shortcut.conv, block.block[-1].conv):
                _gain(conv).div_(math.sqrt(2))
    # Sound is quieter than what activations are made for, unless it is normalised.
    loudness = 1.0 if model.config.normalize else _EXPECTED_RMS
    _gain(model.encoder.layers[0].conv).div_(loudness)
    _gain(model.decoder.layers[-1].conv).mul_(loudness)


def _gain(conv: nn.Module) -> Tensor:
    if hasattr(conv, "parametrizations"):
        return conv.parametrizations.weight.original0  # type: ignore[union-attr, return-value]
    return conv.weight  # type: ignore[return-value]
