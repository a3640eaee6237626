"""EnCodec behind giblet's one interface to codecs."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch

from giblet.codecs.base import Decoder, Encoder
from giblet.codecs.codes import Segment
from giblet.codecs.encodec.causal import CausalEngine
from giblet.codecs.encodec.segmented import SegmentedEngine
from giblet.codecs.spec import CodecSpec
from giblet.codecs.weights import SETTINGS, digest
from giblet.errors import CodecError

log = logging.getLogger(__name__)


class EncodecCodec:
    """A transformers EnCodec of any size (see `giblet.codecs.base.Codec` for the attributes).

    Parameters
    ----------
    model : transformers.EncodecModel
        The model; it is set to evaluation and moved to ``device``.
    spec : CodecSpec
        Its name and parameters.
    device : str
        ``"cpu"``, ``"cuda"`` or another torch device.

    Raises
    ------
    CodecError
        If the codebooks were never trained.

    References
    ----------
    Défossez, Copet, Synnaeve and Adi (2022), High Fidelity Neural Audio Compression.
    """

    def __init__(self, model: Any, spec: CodecSpec, device: str = "cpu") -> None:
        model = model.eval().requires_grad_(False).to(device)
        if not any(bool(layer.codebook.embed.any()) for layer in model.quantizer.layers):
            raise CodecError(
                f"all codebooks of {spec.name} are zero, so every code would be 0", "train it or load trained weights"
            )
        self.name = spec.name
        self.source = spec.source
        self.channels = spec.channels
        self.layout = spec.layout
        self.bandwidths = spec.bandwidths
        self.codebook_size = spec.codebook_size
        self.normalize = spec.normalize
        self.device = device
        self.fingerprint = fingerprint(model, spec.config)
        self.n_parameters = sum(parameter.numel() for parameter in model.parameters())
        self._spec = spec
        self._embeddings = [layer.codebook.embed for layer in model.quantizer.layers]
        self._engine = CausalEngine(model) if spec.streams else SegmentedEngine(model, spec.layout)
        log.debug(
            "codec %s on %s: %d parameters, %s", self.name, device, self.n_parameters, type(self._engine).__name__
        )

    def n_codebooks(self, bandwidth: float | None = None) -> int:
        """Return the number of codebooks of a bandwidth in kbps, or of the largest.

        Raises
        ------
        CodecError
            If the codec does not offer the bandwidth.
        """
        return self._spec.n_codebooks(bandwidth)

    def codebooks(self, n_codebooks: int | None = None) -> np.ndarray:
        """Return the code vectors.

        Returns
        -------
        ndarray of float32, shape (n_codebooks, codebook_size, dim)
            Entry k of codebook q.
        """
        return torch.stack(self._embeddings[:n_codebooks]).float().cpu().numpy()

    def encoder(self, bandwidth: float) -> Encoder:
        """Start to encode a sound at a bandwidth in kbps.

        Raises
        ------
        CodecError
            If the codec does not offer the bandwidth.
        """
        return self._engine.encoder(self.n_codebooks(bandwidth))

    def decoder(self, segments: tuple[Segment, ...]) -> Decoder:
        """Start to decode codes that lie in ``segments``.

        Raises
        ------
        CodecError
            If the codec needs the loudness of the segments and they have none.
        """
        if self.normalize and any(segment.scale is None for segment in segments):
            raise CodecError(
                f"{self.name} divides each segment by its loudness, and these codes come without",
                "give the metadata, or the store, that belongs to them",
            )
        return self._engine.decoder(segments)

    def samples_for(self, stop: int) -> int:
        """Return the samples after which the codes of frames that start before ``stop`` no longer change."""
        layout = self.layout
        if layout.segment is None or layout.stride is None:
            return -(-stop // layout.hop) * layout.hop
        return (stop - 1) // layout.stride * layout.stride + layout.segment

    def latents_to_sound(self, latents: np.ndarray) -> np.ndarray:
        """Decode latents, such as no codes need stand for: averages, or what was predicted.

        Parameters
        ----------
        latents : ndarray of float, shape (n_frames, dim)
            What the decoder sees, frame by frame (`giblet.features.latents`).

        Returns
        -------
        ndarray of float32, shape (channels, n_frames · hop)
            Their sound.

        Raises
        ------
        CodecError
            If they have another shape or are no finite numbers, or the codec cuts sound into segments of their own
            loudness, which latents do not tell.
        """
        if self.normalize or self.layout.segment is not None:
            raise CodecError(
                f"{self.name} cuts sound into segments, each with a loudness that latents do not tell",
                "take a codec of one grid of frames, such as facebook/encodec_24khz",
            )
        rows, dim = np.asarray(latents), self._embeddings[0].shape[1]
        if rows.ndim != 2 or rows.shape[1] != dim or rows.dtype.kind != "f" or not np.isfinite(rows).all():
            raise CodecError(
                f"latents have the shape {rows.shape} and type {rows.dtype}, or are not all finite",
                f"give finite numbers of shape (n_frames, {dim}) for {self.name}",
            )
        if not len(rows):
            return np.empty((self.channels, 0), np.float32)
        return self._engine.latents_to_sound(torch.from_numpy(np.ascontiguousarray(rows, np.float32)).to(self.device))


def fingerprint(model: Any, config: dict[str, Any], settings: tuple[str, ...] = SETTINGS) -> str:
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
