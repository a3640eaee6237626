"""EnCodec models that see a whole segment at once: the 48 kHz stereo model, and others that are not causal."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from giblet.codecs.codes import Segment
from giblet.codecs.encodec.causal import exact_inference
from giblet.timeline import FrameLayout


class SegmentedEngine:
    """An EnCodec run segment by segment, the last ones unpadded as in Meta's own implementation.

    A model without segments gets its whole sound as one: its memory then grows with the length.

    Parameters
    ----------
    model : transformers.EncodecModel
        On the device where it shall run.
    layout : FrameLayout
        Its segments.
    """

    def __init__(self, model: Any, layout: FrameLayout) -> None:
        self.model = model
        self.layout = layout
        self.channels: int = model.config.audio_channels
        self.device = next(model.parameters()).device

    def encoder(self, n_codebooks: int) -> SegmentedEncoder:
        """Start to encode."""
        return SegmentedEncoder(self, n_codebooks)

    def decoder(self, segments: tuple[Segment, ...]) -> SegmentedDecoder:
        """Start to decode."""
        return SegmentedDecoder(self, segments)

    def latents_to_sound(self, latents: Tensor) -> np.ndarray:
        """Decode (n_frames, dim) latents of a model without segments to float32 samples (channels, n_frames·hop)."""
        with exact_inference(self.device.type):
            return self.model.decoder(latents.t()[None])[0].cpu().numpy()

    def encode_segment(self, samples: np.ndarray, n_codebooks: int) -> tuple[np.ndarray, float | None]:
        """Encode (channels, n) samples to int16 codes (n_codebooks, k) and their scale."""
        x = torch.from_numpy(np.ascontiguousarray(samples))[None].to(self.device)
        with exact_inference(self.device.type):
            codes, scale = self.model._encode_frame(x, None)
        return codes[0, :n_codebooks].to(torch.int16).cpu().numpy(), None if scale is None else float(scale)

    def decode_segment(self, codes: np.ndarray, scale: float | None) -> np.ndarray:
        """Decode int16 codes (n_codebooks, k) to float32 samples (channels, k·hop)."""
        x = torch.from_numpy(codes.astype(np.int64))[None].to(self.device)
        loudness = None if scale is None else torch.tensor([[scale]], dtype=torch.float32, device=self.device)
        with exact_inference(self.device.type):
            return self.model._decode_frame(x, loudness)[0].cpu().numpy()


class SegmentedEncoder:
    """One sound on its way to codes (see `giblet.codecs.base.Encoder`)."""

    def __init__(self, engine: SegmentedEngine, n_codebooks: int) -> None:
        self.engine = engine
        self.n_codebooks = n_codebooks
        self.waiting = np.empty((engine.channels, 0), np.float32)
        self.start = 0
        self.done: list[Segment] = []

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Segments coded so far."""
        return tuple(self.done)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Encode as many full segments as there are."""
        self.waiting = np.concatenate([self.waiting, samples], axis=1)
        length = self.engine.layout.segment
        blocks = []
        while length is not None and self.waiting.shape[1] >= length:
            blocks.append(self._run(self.waiting[:, :length]))
        return self._join(blocks)

    def finish(self) -> np.ndarray:
        """Encode the short segments at the end."""
        blocks = []
        while self.waiting.shape[1]:
            blocks.append(self._run(self.waiting))
        return self._join(blocks)

    def _run(self, samples: np.ndarray) -> np.ndarray:
        codes, scale = self.engine.encode_segment(samples, self.n_codebooks)
        self.done.append(Segment(self.start, codes.shape[1], scale))
        step = self.engine.layout.stride or samples.shape[1]
        self.start += step
        self.waiting = self.waiting[:, step:]
        return codes

    def _join(self, blocks: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.empty((self.n_codebooks, 0), np.int16), *blocks], axis=1)


class SegmentedDecoder:
    """One sequence of codes on its way to sound: overlap-add with triangular weights.

    Parameters
    ----------
    engine : SegmentedEngine
        The model.
    segments : tuple of Segment
        To which segments the codes belong.
    """

    def __init__(self, engine: SegmentedEngine, segments: tuple[Segment, ...]) -> None:
        self.engine = engine
        self.segments = segments
        self.next = 0
        self.waiting: np.ndarray | None = None
        self.sum = np.zeros((engine.channels, 0), np.float32)
        self.weight_sum = np.zeros(0, np.float32)
        self.weight: np.ndarray | None = None

    def push(self, codes: np.ndarray) -> np.ndarray:
        """Decode as many whole segments as there are; what a later one overlaps waits."""
        self.waiting = codes if self.waiting is None else np.concatenate([self.waiting, codes], axis=1)
        done = []
        while self.next < len(self.segments) and self.waiting.shape[1] >= self.segments[self.next].n_frames:
            segment = self.segments[self.next]
            sound = self.engine.decode_segment(self.waiting[:, : segment.n_frames], segment.scale)
            self.waiting = self.waiting[:, segment.n_frames :]
            self.next += 1
            self._add(sound)
            if self.next < len(self.segments):
                done.append(self._take(self.segments[self.next].start - segment.start))
        return np.concatenate([np.empty((self.engine.channels, 0), np.float32), *done], axis=1)

    def finish(self) -> np.ndarray:
        """Return what was still open to overlap."""
        return self._take(self.sum.shape[1])

    def _add(self, sound: np.ndarray) -> None:
        if self.weight is None:
            ramp = np.linspace(0, 1, sound.shape[1] + 2, dtype=np.float32)[1:-1]
            self.weight = np.float32(0.5) - np.abs(ramp - np.float32(0.5))
        n = sound.shape[1]
        missing = max(0, n - self.sum.shape[1])
        self.sum = np.pad(self.sum, ((0, 0), (0, missing)))
        self.weight_sum = np.pad(self.weight_sum, (0, missing))
        self.sum[:, :n] += self.weight[:n] * sound
        self.weight_sum[:n] += self.weight[:n]

    def _take(self, n: int) -> np.ndarray:
        out = self.sum[:, :n] / self.weight_sum[:n]
        self.sum, self.weight_sum = self.sum[:, n:], self.weight_sum[n:]
        return out
