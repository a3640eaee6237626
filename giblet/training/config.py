"""What a training run of any codec is told, as validated values."""

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
DiscriminatorName = Literal["ms-stft", "multi-period", "multi-scale", "melgan", "multi-resolution"]


class Section(BaseModel):
    """A table of settings: nothing unknown, nothing infinite, nothing changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelSection(Section):
    """The size of a codec of any kind.

    Attributes
    ----------
    kind : str
        Which.
    sample_rate : int
        Hz.
    channels : int
        1 or 2.
    """

    kind: str
    sample_rate: int
    channels: int = 1

    @property
    def frame_hop(self) -> int:
        """Samples per frame of codes."""
        raise NotImplementedError

    def n_samples(self, n_frames: int) -> int:
        """Return the length of the sound that so many frames decode to."""
        return n_frames * self.frame_hop


class QuantizerSection(Section):
    """How codebooks of any kind learn.

    Attributes
    ----------
    start : int
        Steps without quantiser.
    """

    start: Steps = 0


class DataConfig(Section):
    """Which sound is trained on.

    Attributes
    ----------
    folder : Path or None
        Recordings of any format, in any depth.
    files, validation_files : Path or None
        Text files that list recordings, one path a line: those to train on in place of a folder, and those to validate
        with in place of a share.
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
    draw : {"sound", "files"}
        Whether long files are drawn from more often, or all files as often.
    weights : dict of str to float
        How much more often sound of files that match a pattern is drawn.
    """

    folder: Path | None = None
    files: Path | None = None
    validation_files: Path | None = None
    cache: Path | None = None
    crop: Positive = 1.0
    batch: Count = 16
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.02
    loudness: Positive | None = 0.1
    draw: Literal["sound", "files"] = "sound"
    weights: dict[str, NotNegative] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.folder is not None and self.files is not None:
            raise ValueError("folder and files both say what to train on: give one of them")
        return self


class AugmentationConfig(Section):
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


class AdversaryConfig(Section):
    """The adversarial phase.

    Attributes
    ----------
    discriminators : tuple of str
        Any of `DiscriminatorName`; none for no adversarial phase.
    sizes : dict
        Arguments per discriminator, such as ``{"ms-stft": {"width": 8}}``; see their classes.
    form : {"encodec", "hifi-gan"}
        EnCodec: means over discriminators and layers, features relative to their level. HiFi-GAN: sums, features as
        they are, and logits among them.
    weights : dict of str to float
        With HiFi-GAN's form, how much a discriminator counts; 1 where none is given.
    start : int
        Step at which they begin.
    kind : {"hinge", "least-squares"}
        Their loss.
    generator, feature_matching : float
        Weights.
    update_probability : float
        How often the discriminators are updated.
    weight_decay : float
        Of their optimiser, decoupled.
    """

    discriminators: tuple[DiscriminatorName, ...] = ()
    sizes: dict[str, dict[str, Any]] = {}
    form: Literal["encodec", "hifi-gan"] = "encodec"
    weights: dict[DiscriminatorName, NotNegative] = {}
    start: Steps = 0
    kind: Literal["hinge", "least-squares"] = "hinge"
    generator: NotNegative = 3.0
    feature_matching: NotNegative = 3.0
    update_probability: Share = 2 / 3
    weight_decay: NotNegative = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.weights and self.form == "encodec":
            raise ValueError("weights belong to the form hifi-gan: give that too")
        for name, sizes in self.sizes.items():
            if name not in self.discriminators:
                raise ValueError(f"sizes are given for {name}, which is not among the discriminators")
            if "channels" in sizes:
                raise ValueError(f"channels of {name} are those of the sound: width is its size")
        return self


class OptimizerConfig(Section):
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
    gamma : float
        Factor of the rate after every epoch.
    epoch : int
        Steps of an epoch.
    clip : float or None
        Largest norm of the gradient.
    """

    learning_rate: Positive = 3e-4
    betas: tuple[Decay, Decay] = (0.5, 0.9)
    weight_decay: NotNegative = 0.0
    warmup: Steps = 100
    decay: Share = 0.0
    gamma: Annotated[float, Field(gt=0, le=1)] = 1.0
    epoch: Count = 1000
    clip: Positive | None = None


class RunConfig(Section):
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
    folder : Path or None
        Where the run lies, if the command does not say it; None for ``runs/NAME``.
    """

    steps: Count = 100_000
    seed: Steps = 0
    device: str = "auto"
    threads: Count | None = None
    validate_every: Count = 1000
    checkpoint_every: Count = 1000
    log_every: Count = 50
    folder: Path | None = None


class CodecTrainingConfig(Section):
    """What training has in common, whatever the codec.

    Attributes
    ----------
    name : str
        Of the codec.
    start_from : str or None
        A folder of a codec of the same size, or the name of one, whose weights are the start.
    model : ModelSection
        The codec's size.
    data, augmentation, adversary, optimizer, run
        The sections.
    """

    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.-]+$")] = "codec"
    start_from: str | None = None
    model: ModelSection
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    quantizer: QuantizerSection
    losses: Section
    adversary: AdversaryConfig = AdversaryConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    run: RunConfig = RunConfig()

    @model_validator(mode="after")
    def _check_phases(self) -> Self:
        if self.quantizer.start >= self.run.steps:
            raise ValueError(f"quantizer.start {self.quantizer.start} is not before run.steps {self.run.steps}")
        if self.adversary.discriminators and self.adversary.start >= self.run.steps:
            raise ValueError(f"adversary.start {self.adversary.start} is not before run.steps {self.run.steps}")
        return self

    @property
    def crop_samples(self) -> int:
        """Samples of an item: whole frames."""
        n_samples = round(self.data.crop * self.model.sample_rate, 6)
        return self.model.n_samples(math.ceil(n_samples / self.model.frame_hop))

    @property
    def validation_seconds(self) -> float:
        """Length of an item of validation."""
        return 2.0
