"""EnCodec behind giblet's one interface to codecs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from giblet.codecs.base import Decoder
from giblet.codecs.codes import Segment
from giblet.codecs.encodec.causal import CausalEngine
from giblet.codecs.encodec.segmented import SegmentedEngine
from giblet.codecs.loaded import LoadedCodec
from giblet.codecs.spec import CodecSpec
from giblet.errors import CodecError


class EncodecCodec(LoadedCodec):
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
        super().__init__(model, spec, device)
        self._embeddings = [layer.codebook.embed for layer in model.quantizer.layers]
        self._engine = CausalEngine(model) if spec.streams else SegmentedEngine(model, spec.layout)

    def codebooks(self, n_codebooks: int | None = None) -> np.ndarray:
        """Return the code vectors.

        Returns
        -------
        ndarray of float32, shape (n_codebooks, codebook_size, dim)
            Entry k of codebook q.
        """
        return torch.stack(self._embeddings[:n_codebooks]).float().cpu().numpy()

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
        return self._sound_of(latents, self._embeddings[0].shape[1])
