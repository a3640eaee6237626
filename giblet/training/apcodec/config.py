"""What a training run of an APCodec is told, as validated values; the defaults are its authors'."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.errors import CodecError
from giblet.training.config import (
    AdversaryConfig,
    AugmentationConfig,
    CodecTrainingConfig,
    Count,
    DataConfig,
    Decay,
    DiscriminatorName,
    ModelSection,
    NotNegative,
    OptimizerConfig,
    Positive,
    QuantizerSection,
    Section,
    Share,
    Steps,
)

_SIZES = APCodecConfig()
# What stands in the program of APCodec's authors, and not in their config.json.
_THEIR_SIZES = ("width", "depth", "inner", "kernel", "n_codebooks", "codebook_size", "streaming")


class APCodecModelSection(ModelSection):
    """The codec's sizes.

    Attributes
    ----------
    kind : {"apcodec"}
        Of codec.
    sample_rate, n_fft, window, hop, width, depth, inner, kernel, reduced, latent_dim, ratio, n_codebooks, \
codebook_size, codebook_dim, streaming
        As in `giblet.codecs.apcodec.config.APCodecConfig`.
    """

    kind: Literal["apcodec"] = "apcodec"
    sample_rate: Count = _SIZES.sample_rate
    channels: Literal[1] = 1
    n_fft: Count = _SIZES.n_fft
    window: Count = _SIZES.window
    hop: Count = _SIZES.hop
    width: Count = _SIZES.width
    depth: Count = _SIZES.depth
    inner: Count = _SIZES.inner
    kernel: Count = _SIZES.kernel
    reduced: Count = _SIZES.reduced
    latent_dim: Count = _SIZES.latent_dim
    ratio: Count = _SIZES.ratio
    n_codebooks: Count = _SIZES.n_codebooks
    codebook_size: Count = _SIZES.codebook_size
    codebook_dim: Count = _SIZES.codebook_dim
    streaming: bool = _SIZES.streaming

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            sizes = self.sizes
        except CodecError as error:
            raise ValueError(f"{error.problem}: {error.remedy}") from error
        if sizes.sample_rate % sizes.frame_hop:
            raise ValueError(f"hop and ratio multiply to {sizes.frame_hop}, no divisor of {sizes.sample_rate}")
        return self

    @property
    def sizes(self) -> APCodecConfig:
        """The same as the codec itself has them."""
        return APCodecConfig(**{field.name: getattr(self, field.name) for field in fields(APCodecConfig)})

    @property
    def frame_hop(self) -> int:
        """Samples per frame of codes."""
        return self.hop * self.ratio

    def n_samples(self, n_frames: int) -> int:
        """Return the length of the sound whose spectra so many frames decode to: its last one lies at its end."""
        return n_frames * self.frame_hop - self.hop


class APCodecDataConfig(DataConfig):
    """Which sound is trained on: items of 7,960 samples at the recordings' own level."""

    crop: Positive = 0.1658
    loudness: Positive | None = None


class APCodecAugmentationConfig(AugmentationConfig):
    """What is done to crops: nothing."""

    gain: tuple[float, float] = (0.0, 0.0)


class APCodecQuantizerConfig(QuantizerSection):
    """How codebooks learn: by gradient.

    Attributes
    ----------
    start : int
        Steps without quantiser before k-means sets the codebooks; 0 leaves them to learn from where they are.
    dropout : float
        Share of steps at a random number of codebooks, so that the codec serves every bandwidth; 0 for the highest
        only.
    """

    start: Steps = 0
    dropout: Share = 0.0


class APCodecLossConfig(Section):
    """Factors of the losses; 0 switches one off.

    Attributes
    ----------
    amplitude : float
        Mean squared difference of log amplitudes.
    phase, group_delay, time_difference : float
        Mean distance on the circle of phases, of their differences along frequency, and along time.
    consistency : float
        Mean squared distance of the decoder's spectrum from that of the sound it becomes.
    real, imaginary : float
        Mean absolute difference of the parts of the spectrum.
    mel_l1, mel_l2 : float
        Mean absolute, and squared, difference of log mel bands.
    codebook, commitment : float
        Of the entries from what they stand for, and the other way round.
    mel_weighted : bool
        Whether differences of log amplitudes and phases are multiplied by the slope of the mel scale, so that the low
        frequencies that speech is understood by count most; not among what the authors do.
    n_mels : int
        Mel bands.
    waveform : float
        Mean absolute difference of samples; not among the authors' losses.
    multi_mel : float
        Mean absolute difference of mel bands, and of their decimal logarithms, at several resolutions; not among the
        authors' losses either.
    mel_windows : tuple of int
        Window lengths of the last, in samples.
    log_floor : (float, float)
        Floor of its logarithms at the start and at the end of its descent: a high one eases the start.
    log_floor_steps : int
        Steps of the descent.
    """

    amplitude: NotNegative = 45.0
    phase: NotNegative = 100.0
    group_delay: NotNegative = 100.0
    time_difference: NotNegative = 100.0
    consistency: NotNegative = 20.0
    real: NotNegative = 45.0
    imaginary: NotNegative = 45.0
    mel_l1: NotNegative = 45.0
    mel_l2: NotNegative = 45.0
    codebook: NotNegative = 10.0
    commitment: NotNegative = 2.5
    mel_weighted: bool = False
    n_mels: Count = 80
    waveform: NotNegative = 0.0
    multi_mel: NotNegative = 0.0
    mel_windows: tuple[Count, ...] = (128, 256, 512, 1024, 2048)
    log_floor: tuple[Positive, Positive] = (1e-2, 1e-4)
    log_floor_steps: Steps = 10_000

    @model_validator(mode="after")
    def _check(self) -> Self:
        mel = self.mel_l1 + self.mel_l2 + self.multi_mel
        if not self.amplitude + self.consistency + self.real + self.imaginary + self.waveform + mel:
            raise ValueError("all losses that hear amplitudes are 0, so none are learnt")
        return self


class APCodecAdversaryConfig(AdversaryConfig):
    """The adversarial phase, with HiFi-GAN's sums."""

    discriminators: tuple[DiscriminatorName, ...] = ("multi-period", "multi-resolution")
    form: Literal["encodec", "hifi-gan"] = "hifi-gan"
    weights: dict[DiscriminatorName, NotNegative] = Field(default={"multi-resolution": 0.1})
    generator: NotNegative = 1.0
    feature_matching: NotNegative = 1.0
    update_probability: Share = 1.0
    weight_decay: NotNegative = 0.01


class APCodecOptimizerConfig(OptimizerConfig):
    """AdamW and its learning rate, which falls by a thousandth an epoch."""

    learning_rate: Positive = 2e-4
    betas: tuple[Decay, Decay] = (0.8, 0.99)
    weight_decay: NotNegative = 0.01
    warmup: Steps = 0
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.999


class APCodecTeacherSection(Section):
    """A trained APCodec that the model shall come near to, and factors of how far it is from it; 0 switches one off.

    Attributes
    ----------
    codec : str
        A folder of an APCodec that does not stream, or the name of one.
    features : float
        Squared difference of what the branches say before their last layers, as a share of the teacher's.
    latents : float
        The same of the latents.
    amplitude : float
        Mean squared difference of the decoders' log amplitudes.
    phase : float
        Mean distance on the circle of the decoders' phases, and of their differences along frequency and time.
    """

    codec: str
    features: NotNegative = 10.0
    latents: NotNegative = 10.0
    amplitude: NotNegative = 45.0
    phase: NotNegative = 100.0

    @model_validator(mode="before")
    @classmethod
    def _name(cls, values: Any) -> Any:
        return {"codec": values} if isinstance(values, str) else values

    @property
    def weights(self) -> dict[str, float]:
        """Factors by the names of the losses."""
        return {f"teacher_{name}": weight for name, weight in self.model_dump(exclude={"codec"}).items()}


class APCodecTrainingConfig(CodecTrainingConfig):
    """A whole training run of an APCodec.

    Attributes
    ----------
    linear_start : bool
        Whether training begins with amplitudes passed on by principal components of the recordings rather than at
        random; not done by the authors.
    original_checkpoints : bool
        Whether every checkpoint is also written as the program of APCodec's authors does.
    teacher : APCodecTeacherSection or None
        Whom to learn from beside the sound; its codec alone is enough.
    model, data, augmentation, quantizer, losses, adversary, optimizer
        APCodec's sections; all else as in `CodecTrainingConfig`.
    """

    linear_start: bool = False
    original_checkpoints: bool = False
    model: APCodecModelSection = APCodecModelSection()
    data: APCodecDataConfig = APCodecDataConfig()
    augmentation: APCodecAugmentationConfig = APCodecAugmentationConfig()
    quantizer: APCodecQuantizerConfig = APCodecQuantizerConfig()
    losses: APCodecLossConfig = APCodecLossConfig()
    adversary: APCodecAdversaryConfig = APCodecAdversaryConfig()
    optimizer: APCodecOptimizerConfig = APCodecOptimizerConfig()
    teacher: APCodecTeacherSection | None = None

    @property
    def validation_seconds(self) -> float:
        """Half of what is usual, for spectra this dense take long."""
        return 1.0

    @model_validator(mode="after")
    def _check_linear_start(self) -> Self:
        least = 2 * self.model.ratio - 1
        if self.linear_start and self.model.kernel < least:
            raise ValueError(f"linear_start needs a model.kernel of at least 2 · model.ratio - 1, {least}")
        return self

    @model_validator(mode="after")
    def _check_checkpoints(self) -> Self:
        ours, theirs = self.model.sizes.to_dict(), _SIZES.to_dict()
        other = [name for name in _THEIR_SIZES if ours[name] != theirs[name]]
        if self.original_checkpoints and other:
            raise ValueError(f"original_checkpoints cannot say that model.{other[0]} is {ours[other[0]]}: say false")
        return self
