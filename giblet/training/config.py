"""What a training run is told, as validated values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Steps = Annotated[int, Field(ge=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelConfig(_Section):
    """The codec: a transformers `EncodecModel` of any size.

    Attributes
    ----------
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


class DataConfig(_Section):
    """Which sound is trained on.

    Attributes
    ----------
    folder : Path or None
        Recordings of any format, in any depth.
    cache : Path or None
        Where the decoded sound is kept; None for the run's own folder.
    crop : float
        Seconds per item; rounded up to whole frames.
    batch : int
        Items per step.
    validation_share : float
        Share of the sound, in whole files, that is kept for validation.
    loudness : float or None
        RMS that each crop is brought to; None leaves the recordings' own level.
    weights : dict of str to float
        How much more often sound of files that match a pattern is drawn.
    """

    folder: Path | None = None
    cache: Path | None = None
    crop: Positive = 1.0
    batch: Count = 16
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.02
    loudness: Positive | None = 0.1
    weights: dict[str, NotNegative] = {}


class AugmentationConfig(_Section):
    """What is done to crops.

    Attributes
    ----------
    gain : (float, float)
        Decibels, drawn evenly between the two.
    mixing : float
        Share of crops that are mixed with another.
    noise : float
        Share of crops that get noise.
    snr : (float, float)
        Signal-to-noise ratio in decibels, drawn evenly between the two.
    noise_folder : Path or None
        Recordings of noise; None for white and pink noise.
    """

    gain: tuple[float, float] = (-12.0, 3.0)
    mixing: Share = 0.0
    noise: Share = 0.0
    snr: tuple[float, float] = (0.0, 30.0)
    noise_folder: Path | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, (low, high) in (("gain", self.gain), ("snr", self.snr)):
            if low > high:
                raise ValueError(f"{name} goes from {low:g} to {high:g}: give the lower value first")
        return self


class QuantizerConfig(_Section):
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


class LossConfig(_Section):
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


class AdversaryConfig(_Section):
    """The adversarial phase.

    Attributes
    ----------
    discriminators : tuple of str
        Any of ``ms-stft``, ``multi-period``, ``multi-scale``, ``melgan``; none for no adversarial phase.
    sizes : dict
        Arguments per discriminator, such as ``{"ms-stft": {"width": 8}}``; see their classes.
    start : int
        Step at which they begin.
    kind : {"hinge", "least-squares"}
        Their loss.
    generator, feature_matching : float
        Weights.
    update_probability : float
        How often the discriminators are updated.
    """

    discriminators: tuple[Literal["ms-stft", "multi-period", "multi-scale", "melgan"], ...] = ()
    sizes: dict[str, dict[str, Any]] = {}
    start: Steps = 0
    kind: Literal["hinge", "least-squares"] = "hinge"
    generator: NotNegative = 3.0
    feature_matching: NotNegative = 3.0
    update_probability: Share = 2 / 3

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, sizes in self.sizes.items():
            if name not in self.discriminators:
                raise ValueError(f"sizes are given for {name}, which is not among the discriminators")
            if "channels" in sizes:
                raise ValueError(f"channels of {name} are those of the sound: width is its size")
        return self


class OptimizerConfig(_Section):
    """AdamW and its learning rate.

    Attributes
    ----------
    learning_rate : float
        At its highest.
    betas : (float, float)
        Of Adam.
    weight_decay : float
        Decoupled.
    warmup : int
        Steps of linear rise.
    decay : float
        Share of the run, at its end, over which the rate falls to zero along a half cosine; 0 for a constant rate.
    clip : float or None
        Largest norm of the gradient.
    """

    learning_rate: Positive = 3e-4
    betas: tuple[Decay, Decay] = (0.5, 0.9)
    weight_decay: NotNegative = 0.0
    warmup: Steps = 100
    decay: Share = 0.0
    clip: Positive | None = None


class RunConfig(_Section):
    """The run itself.

    Attributes
    ----------
    steps : int
        In all.
    seed : int
        Everything random follows from it.
    device : str
        ``auto``, ``cpu``, ``cuda``, ….
    threads : int or None
        Of the processor; None for all.
    validate_every, checkpoint_every, log_every : int
        Steps.
    """

    steps: Count = 100_000
    seed: Steps = 0
    device: str = "auto"
    threads: Count | None = None
    validate_every: Count = 1000
    checkpoint_every: Count = 1000
    log_every: Count = 50


class TrainingConfig(_Section):
    """A whole training run.

    Attributes
    ----------
    name : str
        Of the codec.
    start_from : str or None
        A folder saved by transformers, or the name of a codec, whose weights are the start.
    learns : {"all", "decoder"}
        What changes. With ``"decoder"``, encoder and codebooks stay those of ``start_from``: a sound keeps its codes.
    model, data, augmentation, quantizer, losses, adversary, optimizer, run
        The sections.
    """

    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.-]+$")] = "codec"
    start_from: str | None = None
    learns: Literal["all", "decoder"] = "all"
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    quantizer: QuantizerConfig = QuantizerConfig()
    losses: LossConfig = LossConfig()
    adversary: AdversaryConfig = AdversaryConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    run: RunConfig = RunConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.quantizer.start >= self.run.steps:
            raise ValueError(f"quantizer.start {self.quantizer.start} is not before run.steps {self.run.steps}")
        if self.learns == "decoder" and (self.start_from is None or self.quantizer.start):
            raise ValueError("a decoder learns from codes: give start_from, and 0 for quantizer.start")
        if self.adversary.discriminators and self.adversary.start >= self.run.steps:
            raise ValueError(f"adversary.start {self.adversary.start} is not before run.steps {self.run.steps}")
        if self.model.segment is not None and self.data.crop != self.model.segment:
            raise ValueError(
                f"data.crop is {self.data.crop:g} s and model.segment, which is normalised, {self.model.segment:g} s"
            )
        return self

    @property
    def crop_samples(self) -> int:
        """Samples of an item: whole frames."""
        return math.ceil(round(self.data.crop * self.model.sample_rate, 6) / self.model.hop) * self.model.hop
