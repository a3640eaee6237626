"""The causal EnCodec (24 kHz), at flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from giblet.codecs.codes import Segment
from giblet.codecs.encodec.quantizer import ResidualQuantizer
from giblet.codecs.encodec.streaming import State, StreamingNetwork

# Convolutions over 1–1.5 s stay in a processor's cache; a GPU wants more at once.
FRAMES_AT_ONCE = {"cpu": 96, "cuda": 1500}
# An LSTM has a fixed cost per call, which so many times as many frames make small.
CALLS_PER_BLOCK = {"cpu": 8, "cuda": 1}


@contextmanager
def exact_inference(device: str) -> Iterator[None]:
    """Switch off gradients, autocast, and the reduced precision that GPUs use by default in recurrent layers.

    A code is a decision, and rounding would change some.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast(device, enabled=False))
        if device == "cuda":
            stack.enter_context(torch.backends.cudnn.flags(enabled=True, allow_tf32=False))
        yield


class CausalEngine:
    """EnCodec's networks as streams.

    Parameters
    ----------
    model : transformers.EncodecModel
        Causal, weight-normalised, not normalising; on the device where it shall run.
    """

    def __init__(self, model: Any) -> None:
        config = model.config
        self.quantizer = ResidualQuantizer(model.quantizer)
        self.channels: int = config.audio_channels
        self.hop: int = config.hop_length
        self.device = self.quantizer.embeddings[0].device
        # The first block must be longer than the reflection at its left edge, whatever the kernels are.
        reach = max(config.kernel_size, config.last_kernel_size, 2)
        reach += config.residual_kernel_size * config.dilation_growth_rate ** (config.num_residual_layers - 1)
        at_once = max(reach, FRAMES_AT_ONCE.get(self.device.type, 96))
        self.frames_per_block = at_once * CALLS_PER_BLOCK.get(self.device.type, 1)
        self.encoder_network = StreamingNetwork(model.encoder, self.hop, at_once)
        self.decoder_network = StreamingNetwork(model.decoder, 1, at_once)

    def encoder(self, n_codebooks: int) -> CausalEncoder:
        """Start to encode."""
        return CausalEncoder(self, n_codebooks)

    def decoder(self, segments: tuple[Segment, ...]) -> CausalDecoder:
        """Start to decode."""
        return CausalDecoder(self)

    def latents_to_sound(self, latents: Tensor) -> np.ndarray:
        """Decode (n_frames, dim) latents to float32 samples (channels, n_frames·hop)."""
        state: State = {}
        with exact_inference(self.device.type):
            parts = [self.decoder_network(part, state) for part in latents.split(self.frames_per_block)]
        return torch.cat(parts).t().cpu().numpy()


class CausalEncoder:
    """One sound on its way to codes (see `giblet.codecs.base.Encoder`)."""

    def __init__(self, engine: CausalEngine, n_codebooks: int) -> None:
        self.engine = engine
        self.n_codebooks = n_codebooks
        self.state: State = {}
        self.waiting = np.empty((engine.channels, 0), np.float32)
        self.n_frames = 0

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The one segment there is."""
        return (Segment(0, self.n_frames),)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Encode as many whole blocks as there are."""
        self.waiting = np.concatenate([self.waiting, samples], axis=1)
        size = self.engine.frames_per_block * self.engine.hop
        n_blocks = self.waiting.shape[1] // size
        done = [self._run(self.waiting[:, i * size : (i + 1) * size], last=False) for i in range(n_blocks)]
        self.waiting = self.waiting[:, n_blocks * size :]
        return self._join(done)

    def finish(self) -> np.ndarray:
        """Encode what is left, its last frame completed as the model does it."""
        rest, self.waiting = self.waiting, self.waiting[:, :0]
        return self._join([self._run(rest, last=True)] if rest.shape[1] else [])

    def _run(self, samples: np.ndarray, *, last: bool) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(samples.T)).to(self.engine.device)
        with exact_inference(self.engine.device.type):
            latents = self.engine.encoder_network(x, self.state, last=last)
            codes = self.engine.quantizer.encode(latents, self.n_codebooks)
        self.n_frames += codes.shape[1]
        return codes

    def _join(self, blocks: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.empty((self.n_codebooks, 0), np.int16), *blocks], axis=1)


class CausalDecoder:
    """One sequence of codes on its way to sound (see `giblet.codecs.base.Decoder`)."""

    def __init__(self, engine: CausalEngine) -> None:
        self.engine = engine
        self.state: State = {}
        self.waiting: np.ndarray | None = None

    def push(self, codes: np.ndarray) -> np.ndarray:
        """Decode as many whole blocks as there are."""
        waiting = codes if self.waiting is None else np.concatenate([self.waiting, codes], axis=1)
        size = self.engine.frames_per_block
        n_blocks = waiting.shape[1] // size
        done = [self._run(waiting[:, i * size : (i + 1) * size]) for i in range(n_blocks)]
        self.waiting = waiting[:, n_blocks * size :]
        return self._join(done)

    def finish(self) -> np.ndarray:
        """Decode what is left."""
        rest, self.waiting = self.waiting, None
        return self._join([self._run(rest)] if rest is not None and rest.shape[1] else [])

    def _run(self, codes: np.ndarray) -> np.ndarray:
        with exact_inference(self.engine.device.type):
            latents = self.engine.quantizer.decode(codes)
            return self.engine.decoder_network(latents, self.state).t().cpu().numpy()

    def _join(self, blocks: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.empty((self.engine.channels, 0), np.float32), *blocks], axis=1)
