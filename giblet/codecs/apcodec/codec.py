"""APCodec behind giblet's one interface to codecs."""

from __future__ import annotations

import numpy as np
from torch import nn
from torch.nn.utils import parametrize

from giblet.codecs.apcodec.chunks import ChunkedEngine
from giblet.codecs.apcodec.model import APCodecModel
from giblet.codecs.apcodec.spec import APCodecSpec
from giblet.codecs.apcodec.streaming import StreamingEngine
from giblet.codecs.base import Decoder
from giblet.codecs.codes import Segment
from giblet.codecs.loaded import LoadedCodec


class APCodecCodec(LoadedCodec):
    """An APCodec of any size (see `giblet.codecs.base.Codec` for the attributes).

    Frame i is centred at sample i · hop, so a sound of n samples has n // hop + 1 frames.

    Parameters
    ----------
    model : APCodecModel
        The networks; they are set to evaluation, moved to ``device``, and their weight norm is folded in.
    spec : APCodecSpec
        Its name and parameters.
    device : str
        ``"cpu"``, ``"cuda"`` or another torch device.

    References
    ----------
    Ai, Jiang, Lu, Du and Ling (2024), APCodec: A Neural Audio Codec with Parallel Amplitude and Phase Spectrum
    Encoding and Decoding.
    """

    def __init__(self, model: APCodecModel, spec: APCodecSpec, device: str = "cpu") -> None:
        model = model.eval().requires_grad_(False).to(device)
        super().__init__(model, spec, device)
        _fold(model)
        self._codebooks = model.quantizer.codebooks().cpu().numpy()
        self._engine = StreamingEngine(model) if model.config.streaming else ChunkedEngine(model)

    def codebooks(self, n_codebooks: int | None = None) -> np.ndarray:
        """Return the code vectors, projected to the space of the latents.

        Returns
        -------
        ndarray of float32, shape (n_codebooks, codebook_size, dim)
            What entry k of codebook q adds to a latent.
        """
        return self._codebooks[:n_codebooks].copy()

    def decoder(self, segments: tuple[Segment, ...]) -> Decoder:
        """Start to decode codes that lie in ``segments``."""
        return self._engine.decoder(segments)

    def samples_for(self, stop: int) -> int:
        """Return the samples after which the codes of frames that start before ``stop`` no longer change."""
        return self._engine.samples_for(stop)

    def latents_to_sound(self, latents: np.ndarray) -> np.ndarray:
        """Decode latents, such as no codes need stand for: averages, or what was predicted.

        Parameters
        ----------
        latents : ndarray of float, shape (n_frames, dim)
            What the decoder sees, frame by frame (`giblet.features.latents`).

        Returns
        -------
        ndarray of float32, shape (1, n_frames · hop)
            Their sound.

        Raises
        ------
        CodecError
            If they have another shape or are no finite numbers.
        """
        return self._sound_of(latents, self._codebooks.shape[2])


def _fold(model: nn.Module) -> None:
    """Keep normed weights as they are used; torch's own way changes all copies of a model."""
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            weight = module.weight.detach()  # type: ignore[operator]
            del module.parametrizations
            module.__class__ = type(module).__bases__[0]
            module.register_parameter("weight", nn.Parameter(weight, requires_grad=False))
