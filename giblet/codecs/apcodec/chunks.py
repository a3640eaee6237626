"""The base APCodec in chunks, at flat memory.

Its layers look a few latents to either side, and its blocks weigh channels by their norm over the whole clip. A sound
of one chunk is coded as one clip, exactly as its authors do it. A longer one is cut at whole multiples of a chunk; each
chunk is coded together with a margin that holds all that its layers look at, so that nothing but the norms, which are
then those of the chunk, can tell it from the whole. The last chunk begins early enough to be as long as the others.

Where chunks meet, the sound fades from one to the next: behind its end, half a margin of a chunk's sound is as good as
the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.codes import Segment
from giblet.codecs.encodec.causal import exact_inference

CHUNK_SECONDS = 10


def reach(config: APCodecConfig) -> int:
    """Return how many latents to either side encoder or decoder looks at, at most."""
    side = config.kernel // 2
    # Of spectra: what a window overlaps, the layers of a branch, and the convolution at its end.
    spectra = -(-config.window // (2 * config.hop)) + (config.depth + 2) * side
    # Of latents: a convolution, and the two neighbours among which upsampling spreads.
    return -(-spectra // config.ratio) + side + 2


@dataclass(frozen=True)
class Window:
    """Which latents are computed at once.

    Attributes
    ----------
    first, stop : int
        All of them, [first, stop).
    begin, end : int
        Those that count, [begin, end).
    """

    first: int
    stop: int
    begin: int
    end: int


class Windows:
    """Cuts a stream of latents, or of the samples that they stand for, into chunks.

    Parameters
    ----------
    size, margin : int
        Latents of a chunk and of its margin.

    Attributes
    ----------
    done : int
        Latents that counted so far.
    """

    def __init__(self, size: int, margin: int) -> None:
        self.size, self.margin = size, margin
        self.done = 0

    @property
    def kept(self) -> int:
        """The first latent that a later window can begin with."""
        return max(0, self.done - self.size - 2 * self.margin)

    def ready(self, there: int) -> Iterator[Window]:
        """Take the windows that lie within the first ``there`` latents, of more to come."""
        while there >= self.done + self.size + self.margin:
            end = self.done + self.size
            window = Window(max(0, self.done - self.margin), end + self.margin, self.done, end)
            self.done = end
            yield window

    def rest(self, total: int) -> Iterator[Window]:
        """Take the window that ends a sound of ``total`` latents."""
        if total > self.done:
            first = max(0, min(self.done - self.margin, total - self.size - 2 * self.margin))
            window = Window(first, total, self.done, total)
            self.done = total
            yield window


class ChunkedEngine:
    """A base APCodec run chunk by chunk.

    Parameters
    ----------
    model : APCodecModel
        On the device where it shall run.
    chunk_seconds : float
        Length of a chunk.
    """

    def __init__(self, model: Any, chunk_seconds: float = CHUNK_SECONDS) -> None:
        self.model = model
        self.config: APCodecConfig = model.config
        self.device = next(model.parameters()).device
        self.margin = 2 * reach(self.config)
        self.size = max(self.margin, round(chunk_seconds * self.config.frame_rate))

    def encoder(self, n_codebooks: int) -> ChunkedEncoder:
        """Start to encode."""
        return ChunkedEncoder(self, n_codebooks)

    def decoder(self, segments: tuple[Segment, ...]) -> ChunkedDecoder:
        """Start to decode."""
        return ChunkedDecoder(self)

    def latents_to_sound(self, latents: Tensor) -> np.ndarray:
        """Decode (n_frames, latent_dim) latents to float32 samples (1, n_frames·hop)."""
        decoder = ChunkedDecoder(self)
        parts = [decoder.take(part) for part in latents.t().split(self.size, dim=1)]
        return np.concatenate([*parts, decoder.finish()], axis=1)

    def samples_for(self, stop: int) -> int:
        """Return the samples after which the codes that begin before sample ``stop`` no longer change."""
        n_chunks = -(-stop // (self.size * self.config.frame_hop))
        return (n_chunks * self.size + self.margin) * self.config.frame_hop


class ChunkedEncoder:
    """One sound on its way to codes (see `giblet.codecs.base.Encoder`)."""

    def __init__(self, engine: ChunkedEngine, n_codebooks: int) -> None:
        self.engine = engine
        self.n_codebooks = n_codebooks
        self.windows = Windows(engine.size, engine.margin)
        self.waiting: list[np.ndarray] = []
        # The sample with which the waiting ones begin, and that with which they end.
        self.origin = self.n_samples = 0

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The one segment there is."""
        return (Segment(0, self.windows.done),)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Encode as many whole chunks as there are."""
        self.waiting.append(samples)
        self.n_samples += samples.shape[1]
        return self._run(self.windows.ready(self.n_samples // self.engine.config.frame_hop))

    def finish(self) -> np.ndarray:
        """Encode what is left."""
        return self._run(self.windows.rest(self.engine.config.n_frames(self.n_samples)))

    def _run(self, windows: Iterator[Window]) -> np.ndarray:
        engine, hop = self.engine, self.engine.config.frame_hop
        done = [np.empty((self.n_codebooks, 0), np.int16)]
        for window in windows:
            self.waiting = [np.concatenate(self.waiting, axis=1)]
            sound = self.waiting[0][:, window.first * hop - self.origin : window.stop * hop - self.origin]
            x = torch.from_numpy(np.ascontiguousarray(sound)).to(engine.device)
            with exact_inference(engine.device.type):
                codes = engine.model.encode(x, self.n_codebooks)[0].to(torch.int16).cpu().numpy()
            done.append(codes[:, window.begin - window.first : window.end - window.first])
            self.waiting = [self.waiting[0][:, self.windows.kept * hop - self.origin :]]
            self.origin = self.windows.kept * hop
        return np.concatenate(done, axis=1)


class ChunkedDecoder:
    """One sequence of codes on its way to sound (see `giblet.codecs.base.Decoder`)."""

    def __init__(self, engine: ChunkedEngine) -> None:
        self.engine = engine
        self.windows = Windows(engine.size, engine.margin)
        self.waiting: list[Tensor] = []
        # The latent with which the waiting ones begin, and that with which they end.
        self.origin = self.n_latents = 0
        # What the last chunk would go on with.
        self.fading: np.ndarray | None = None

    def push(self, codes: np.ndarray) -> np.ndarray:
        """Decode as many whole chunks as there are."""
        engine = self.engine
        if not codes.shape[1]:
            return np.empty((1, 0), np.float32)
        x = torch.from_numpy(codes.astype(np.int64))[None].to(engine.device)
        with exact_inference(engine.device.type):
            return self.take(engine.model.quantizer.decode(x)[0])

    def take(self, latents: Tensor) -> np.ndarray:
        """Decode as many whole chunks as there are of (latent_dim, n) latents."""
        self.waiting.append(latents)
        self.n_latents += latents.shape[1]
        return self._run(self.windows.ready(self.n_latents))

    def finish(self) -> np.ndarray:
        """Decode what is left."""
        return self._run(self.windows.rest(self.n_latents))

    def _run(self, windows: Iterator[Window]) -> np.ndarray:
        engine, hop = self.engine, self.engine.config.frame_hop
        done = [np.empty((1, 0), np.float32)]
        for window in windows:
            self.waiting = [torch.cat(self.waiting, dim=1)]
            latents = self.waiting[0][:, window.first - self.origin : window.stop - self.origin]
            with exact_inference(engine.device.type):
                sound = engine.model.sound_of(latents[None]).cpu().numpy()
            begin, end = (window.begin - window.first) * hop, (window.end - window.first) * hop
            done.append(self._faded(sound[:, begin:end]))
            self.fading = sound[:, end : end + engine.margin // 2 * hop]
            self.waiting = [self.waiting[0][:, self.windows.kept - self.origin :]]
            self.origin = self.windows.kept
        return np.concatenate(done, axis=1)

    def _faded(self, sound: np.ndarray) -> np.ndarray:
        if self.fading is None:
            return sound
        n = self.fading.shape[1]
        ramp = (np.arange(n, dtype=np.float32) + 0.5) / n
        return np.concatenate([ramp * sound[:, :n] + (1 - ramp) * self.fading, sound[:, n:]], axis=1)
