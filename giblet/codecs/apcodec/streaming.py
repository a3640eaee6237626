"""The streaming APCodec, block by block at flat memory."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.layers import CodeBooks, State, StreamingDecoderNetwork, StreamingEncoderNetwork
from giblet.codecs.apcodec.model import APCodecModel
from giblet.codecs.apcodec.spectrum import transform, window_of
from giblet.codecs.codes import Segment
from giblet.codecs.encodec.causal import exact_inference

# Matrix products of so many latents are as fast as any larger ones; a GPU wants more at once.
LATENTS_AT_ONCE = {"cpu": 48, "cuda": 1500}


class StreamingEngine:
    """A streaming APCodec's networks as streams.

    Codes and sound come in blocks of as many latents, wherever the input was cut, so the cuts change nothing.

    Parameters
    ----------
    model : APCodecModel
        A streaming one, on the device where it shall run.
    latents_at_once : int, optional
        Latents of a block; 1 for the lowest latency. Default: what is fast on the device.
    """

    def __init__(self, model: APCodecModel, latents_at_once: int | None = None) -> None:
        self.config = model.config
        self.device = next(model.parameters()).device
        self.latents_at_once = latents_at_once or LATENTS_AT_ONCE.get(self.device.type, 48)
        with torch.no_grad():
            self.encoder_network = StreamingEncoderNetwork(model.encoder)
            self.decoder_network = StreamingDecoderNetwork(model.decoder)
            self.codebooks = CodeBooks(model.quantizer)

    @property
    def latency(self) -> int:
        """Samples by which sound that goes through comes later."""
        assert self.config.latency is not None
        return self.config.latency + (self.latents_at_once - 1) * self.config.frame_hop

    def encoder(self, n_codebooks: int) -> StreamingEncoder:
        """Start to encode."""
        return StreamingEncoder(self, n_codebooks)

    def decoder(self, segments: tuple[Segment, ...]) -> StreamingDecoder:
        """Start to decode."""
        return StreamingDecoder(self)

    def latents_to_sound(self, latents: Tensor) -> np.ndarray:
        """Decode (n_frames, latent_dim) latents to float32 samples (1, n_frames · frame_hop)."""
        decoder = StreamingDecoder(self)
        parts = [decoder.run(part) for part in latents.split(self.latents_at_once)]
        return np.concatenate([*parts, decoder.finish()], axis=1)

    def samples_for(self, stop: int) -> int:
        """Return the samples after which the codes that begin before sample ``stop`` no longer change."""
        n_blocks = -(-stop // (self.latents_at_once * self.config.frame_hop))
        return (n_blocks * self.latents_at_once * self.config.ratio - 1) * self.config.hop + self.config.reach[1]


class StreamingEncoder:
    """One sound on its way to codes (see `giblet.codecs.base.Encoder`)."""

    def __init__(self, engine: StreamingEngine, n_codebooks: int) -> None:
        config = engine.config
        self.engine = engine
        self.n_codebooks = n_codebooks
        self.state: State = {}
        # Samples from the one before the first transform that is not yet made; at first, those of the sound.
        self.waiting = np.empty((1, 0), np.float32)
        self.n_samples = 0
        self.n_spectra = 0
        self.n_frames = 0
        self.margin = config.n_fft // 2 + 1
        self.before, self.after = config.reach

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The one segment there is."""
        return (Segment(0, self.n_frames),)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Encode as many whole blocks as there are."""
        self.waiting = np.concatenate([self.waiting, samples], axis=1)
        self.n_samples += samples.shape[1]
        config = self.engine.config
        n_spectra = config.ratio * self.engine.latents_at_once
        done = []
        while self.n_samples >= (self.n_spectra + n_spectra - 1) * config.hop + self.after:
            done.append(self._run(n_spectra))
        return self._join(done)

    def finish(self) -> np.ndarray:
        """Encode what is left, the sound's end reflected as the model does it."""
        config = self.engine.config
        n_spectra = self.n_samples // config.hop + 1 - self.n_spectra
        if not self.n_samples:
            return self._join([])
        silence = max(0, self.margin - self.n_samples)
        self.waiting = np.pad(np.pad(self.waiting, ((0, 0), (0, silence))), ((0, 0), (0, self.after)), "reflect")
        return self._join([self._run(n_spectra)])

    def _run(self, n_spectra: int) -> np.ndarray:
        engine, config = self.engine, self.engine.config
        if not self.n_spectra:
            # Nothing before the first window is looked at, and nothing behind the last.
            silence = np.zeros((1, self.margin - self.before), np.float32)
            self.waiting = np.concatenate([silence, self.waiting[:, self.before : 0 : -1], self.waiting], axis=1)
        length = (n_spectra - 1) * config.hop
        seen = torch.from_numpy(self.waiting[:, 1 : self.margin + length + self.after + 1]).to(engine.device)
        with exact_inference(engine.device.type):
            padded = functional.pad(seen, (0, length + config.n_fft - seen.shape[1]))
            latents = engine.encoder_network(transform(padded, config), self.state)
            codes = engine.codebooks.encode(latents, self.n_codebooks)
        self.waiting = self.waiting[:, n_spectra * config.hop :]
        self.n_spectra += n_spectra
        self.n_frames += len(latents)
        return codes.to(torch.int16).cpu().numpy()

    def _join(self, blocks: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.empty((self.n_codebooks, 0), np.int16), *blocks], axis=1)


class StreamingDecoder:
    """One sequence of codes on its way to sound (see `giblet.codecs.base.Decoder`)."""

    def __init__(self, engine: StreamingEngine) -> None:
        self.engine = engine
        self.state: State = {}
        self.synthesis = Synthesis(engine.config, engine.device)
        self.waiting: np.ndarray | None = None

    def push(self, codes: np.ndarray) -> np.ndarray:
        """Decode as many whole blocks as there are."""
        waiting = codes if self.waiting is None else np.concatenate([self.waiting, codes], axis=1)
        size = self.engine.latents_at_once
        n_blocks = waiting.shape[1] // size
        done = [self._decode(waiting[:, i * size : (i + 1) * size]) for i in range(n_blocks)]
        self.waiting = waiting[:, n_blocks * size :]
        return self._join(done)

    def finish(self) -> np.ndarray:
        """Decode what is left."""
        rest, self.waiting = self.waiting, None
        done = [self._decode(rest)] if rest is not None and rest.shape[1] else []
        return self._join([*done, self.synthesis.finish()[None].cpu().numpy()])

    def run(self, latents: Tensor) -> np.ndarray:
        """Decode the next latents (n, latent_dim) to the samples (1, m) that are certain by now."""
        with exact_inference(self.engine.device.type):
            log_amplitude, phase = self.engine.decoder_network(latents, self.state)
            return self.synthesis(log_amplitude, phase)[None].cpu().numpy()

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        indices = torch.from_numpy(codes.astype(np.int64)).to(self.engine.device)
        return self.run(self.engine.codebooks.decode(indices))

    def _join(self, blocks: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.empty((1, 0), np.float32), *blocks], axis=1)


class Synthesis:
    """Sound of spectra that come in blocks: the inverse transform, whose windows overlap.

    Parameters
    ----------
    config : APCodecConfig
        The transform.
    device : torch.device
        Where the spectra are.
    """

    def __init__(self, config: APCodecConfig, device: torch.device) -> None:
        self.config = config
        self.before, after = config.reach
        # What lies before the first sample is the reflected start.
        self.skip = self.before
        middle = config.n_fft // 2
        self.support = slice(middle - self.before, middle + after)
        # Of the last block, what later windows still add to: windowed sound, and squared windows.
        self.tail = torch.zeros(2, 0, device=device)
        self.window = window_of(config, self.tail)[1:]

    def __call__(self, log_amplitude: Tensor, phase: Tensor) -> Tensor:
        """Return the samples that are certain with the next spectra, (n, n_bins) each."""
        frames = torch.fft.irfft(torch.polar(log_amplitude.exp(), phase), self.config.n_fft)[:, self.support]
        windowed = torch.stack([frames * self.window, self.window.square().expand(frames.shape)])
        hop, n_samples = self.config.hop, len(frames) * self.config.hop
        length = n_samples - hop + len(self.window)
        sums = functional.fold(windowed.transpose(1, 2), (1, length), (1, len(self.window)), stride=(1, hop))[:, 0, 0]
        sums[:, : self.tail.shape[1]] += self.tail
        self.tail = sums[:, n_samples:].clone()
        certain = sums[:, min(self.skip, n_samples) : n_samples]
        self.skip = max(0, self.skip - n_samples)
        return certain[0] / certain[1]

    def finish(self) -> Tensor:
        """Return the samples up to a hop behind the middle of the last window."""
        rest = self.tail[:, self.skip : self.before]
        self.tail = self.tail[:, :0]
        return rest[0] / rest[1]
