"""What all codecs share once their networks are in memory."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from torch import Tensor

from giblet.codecs.base import Encoder
from giblet.codecs.spec import CodecSpec
from giblet.codecs.weights import digest
from giblet.errors import CodecError

log = logging.getLogger(__name__)


class LoadedCodec:
    """A codec whose engine runs its networks (see `giblet.codecs.base.Codec` for the attributes).

    Parameters
    ----------
    model : torch.nn.Module
        The networks, as they were loaded.
    spec : CodecSpec
        Their name and parameters.
    device : str
        Where they are.
    """

    _engine: Any

    def __init__(self, model: Any, spec: CodecSpec, device: str) -> None:
        self.name = spec.name
        self.source = spec.source
        self.channels = spec.channels
        self.layout = spec.layout
        self.bandwidths = spec.bandwidths
        self.codebook_size = spec.codebook_size
        self.normalize = spec.normalize
        self.device = device
        self.fingerprint = fingerprint(model, spec.config, spec.settings)
        self.n_parameters = sum(parameter.numel() for parameter in model.parameters())
        self._spec = spec
        log.debug("codec %s on %s: %d parameters", self.name, device, self.n_parameters)

    def n_codebooks(self, bandwidth: float | None = None) -> int:
        """Return the number of codebooks of a bandwidth in kbps, or of the largest.

        Raises
        ------
        CodecError
            If the codec does not offer the bandwidth.
        """
        return self._spec.n_codebooks(bandwidth)

    def encoder(self, bandwidth: float) -> Encoder:
        """Start to encode a sound at a bandwidth in kbps.

        Raises
        ------
        CodecError
            If the codec does not offer the bandwidth.
        """
        encoder: Encoder = self._engine.encoder(self.n_codebooks(bandwidth))
        return encoder

    def _sound_of(self, latents: np.ndarray, dim: int) -> np.ndarray:
        """Decode (n_frames, dim) latents after making sure that they are such."""
        rows = np.asarray(latents)
        if rows.ndim != 2 or rows.shape[1] != dim or rows.dtype.kind != "f" or not np.isfinite(rows).all():
            raise CodecError(
                f"latents have the shape {rows.shape} and type {rows.dtype}, or are not all finite",
                f"give finite numbers of shape (n_frames, {dim}) for {self.name}",
            )
        if not len(rows):
            return np.empty((self.channels, 0), np.float32)
        given: Tensor = torch.from_numpy(np.ascontiguousarray(rows, np.float32)).to(self.device)
        sound: np.ndarray = self._engine.latents_to_sound(given)
        return sound


def fingerprint(model: Any, config: dict[str, Any], settings: tuple[str, ...]) -> str:
    """Return the SHA-256 of a model's weights and of how it uses them, independent of the file they came from.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    config : dict
        Its configuration.
    settings : tuple of str
        The keys of the configuration that count.

    Returns
    -------
    str
        Hexadecimal digest over settings, names, shapes and float32 values, without buffers that only training uses.
    """
    weights = sorted(model.state_dict().items())
    return digest(
        config, ((name, tensor.detach().to("cpu", torch.float32).numpy()) for name, tensor in weights), settings
    )
