"""What a training run of an EnCodec is told, as validated values."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from giblet.training.config import (
    CodecTrainingConfig,
    Count,
    Decay,
    ModelSection,
    NotNegative,
    Positive,
    QuantizerSection,
    Section,
    Steps,
)


class ModelConfig(ModelSection):
    """The codec: a transformers `EncodecModel` of any size.

    Attributes
    ----------
    kind : {"encodec"}
        Of codec.
    sample_rate : int
        Hz.
    channels : int
        1 or 2.
    causal : bool
        Whether no output depends on later input, so that the codec streams.
    normalize : bool
        Whether each segment is divided by its RMS, which travels with the codes; together with ``segment``.
    segment : float or None
        Seconds per segment, with 1 % overlap, as in EnCodec's 48 kHz model; None for a whole stream.
    filters : int
        Channels after the first convolution; each stride doubles them.
    strides : tuple of int
        Downsampling of the encoder, first to last; their product is the hop in samples.
    latent_dim : int
        Size of a code vector.
    lstm_layers : int
        Layers of the LSTM in the encoder and in the decoder.
    residual_layers : int
        Residual blocks per stride.
    codebook_size : int
        Entries of a codebook.
    bandwidths : tuple of float
        Kilobits per second that the codec shall offer, ascending.
    """

    kind: Literal["encodec"] = "encodec"
    sample_rate: Literal[16_000, 24_000, 48_000] = 24_000
    channels: Literal[1, 2] = 1
    causal: bool = True
    normalize: bool = False
    segment: Annotated[float, Field(ge=0.1)] | None = None
    filters: Annotated[int, Field(ge=2)] = 32
    strides: tuple[Count, ...] = (2, 4, 5, 8)
    latent_dim: Count = 128
    lstm_layers: Count = 2
    residual_layers: Count = 1
    codebook_size: Annotated[int, Field(ge=2, le=32_768)] = 1024
    bandwidths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.5, 3.0, 6.0, 12.0, 24.0)

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return math.prod(self.strides)

    @property
    def frame_hop(self) -> int:
        """Samples per frame of codes."""
        return self.hop

    def n_codebooks(self, bandwidth: float) -> int:
        """Return the codebooks of a bandwidth in kbps, as transformers counts them."""
        return int(1000 * bandwidth / (math.ceil(self.sample_rate / self.hop) * math.log2(self.codebook_size)))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.sample_rate % self.hop:
            raise ValueError(f"strides {list(self.strides)} multiply to {self.hop}, no divisor of {self.sample_rate}")
        if self.codebook_size & (self.codebook_size - 1):
            raise ValueError(f"codebook_size {self.codebook_size} is no power of 2")
        for bandwidth in self.bandwidths:
            if self.n_codebooks(bandwidth) < 1:
                raise ValueError(f"bandwidth {bandwidth:g} kbps is less than one codebook")
        books = [self.n_codebooks(bandwidth) for bandwidth in self.bandwidths]
        if books != sorted(set(books)):
            raise ValueError(f"bandwidths {list(self.bandwidths)} kbps do not ascend by whole codebooks")
        if self.normalize != (self.segment is not None):
            raise ValueError("normalize and segment go together: give both or neither")
        if self.normalize and self.causal:
            raise ValueError("a model that normalises whole segments cannot be causal")
        return self


class QuantizerConfig(QuantizerSection):
    """How codebooks learn.

    Attributes
    ----------
    start : int
        Steps without quantiser before k-means sets the codebooks.
    decay : float
        Of the moving averages.
    replace_below : float
        Entries used less than this share of an even use are replaced.
    """

    start: Steps = 1000
    decay: Decay = 0.99
    replace_below: Decay = 0.1


class LossConfig(Section):
    """Weights of the losses; 0 switches one off.

    Attributes
    ----------
    waveform, mel, stft, commitment : float
        Weights.
    mel_windows, stft_windows : tuple of int
        Window lengths in samples.
    n_mels : int
        Mel bands of the longest window.
    overlap : int
        Steps per window of both: 4 is usual, 2 takes half the time.
    mel_linear, mel_log_l1, mel_log_l2 : float
        Parts of the mel loss.
    log_floor : (float, float)
        Floor of the logarithms at the start and at the end of its descent: a high one eases the start.
    log_floor_steps : int
        Steps of the descent.
    balancer : bool
        Whether weights are shares of the gradient (EnCodec's balancer) instead of factors of the losses.
    """

    waveform: NotNegative = 0.1
    mel: NotNegative = 1.0
    stft: NotNegative = 0.0
    commitment: NotNegative = 1.0
    mel_windows: tuple[Count, ...] = (32, 64, 128, 256, 512, 1024, 2048)
    stft_windows: tuple[Count, ...] = (512, 1024, 2048)
    n_mels: Count = 64
    overlap: Literal[2, 4, 8] = 4
    mel_linear: NotNegative = 1.0
    mel_log_l1: NotNegative = 0.0
    mel_log_l2: NotNegative = 1.0
    log_floor: tuple[Positive, Positive] = (1e-2, 1e-5)
    log_floor_steps: Steps = 10_000
    balancer: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.waveform + self.mel + self.stft:
            raise ValueError("waveform, mel and stft are all 0, so nothing is learnt")
        if self.mel and not self.mel_linear + self.mel_log_l1 + self.mel_log_l2:
            raise ValueError("all parts of the mel loss are 0")
        for name, windows in (("mel", self.mel_windows), ("stft", self.stft_windows)):
            if getattr(self, name) and not windows:
                raise ValueError(f"{name}_windows names no window")
            for window in windows:
                if window % (2 * self.overlap):
                    raise ValueError(f"a window of {window} samples is no multiple of {2 * self.overlap}")
        return self


class TrainingConfig(CodecTrainingConfig):
    """A whole training run of an EnCodec.

    Attributes
    ----------
    learns : {"all", "decoder"}
        What changes. With ``"decoder"``, encoder and codebooks stay those of ``start_from``: a sound keeps its codes.
    model, quantizer, losses
        EnCodec's sections; all else as in `CodecTrainingConfig`.
    """

    learns: Literal["all", "decoder"] = "all"
    model: ModelConfig = ModelConfig()
    quantizer: QuantizerConfig = QuantizerConfig()
    losses: LossConfig = LossConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.learns == "decoder" and (self.start_from is None or self.quantizer.start):
            raise ValueError("a decoder learns from codes: give start_from, and 0 for quantizer.start")
        if self.model.segment is not None and self.data.crop != self.model.segment:
            raise ValueError(
                f"data.crop is {self.data.crop:g} s and model.segment, which is normalised, {self.model.segment:g} s"
            )
        return self

    @property
    def validation_seconds(self) -> float:
        """A segment where there are any, for a model with segments is used a segment at a time."""
        return self.model.segment or super().validation_seconds
