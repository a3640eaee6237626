"""What the training of a language model is told, as validated values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from giblet.training.config import Count, NotNegative, OptimizerConfig, Positive, RunConfig, Share, Steps


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LanguageModelSizes(_Section):
    """Sizes of the model (see `giblet.codecs.lm.shape.Shape`).

    Attributes
    ----------
    width : int
        Size of a code vector; bytes of the model are about codebooks × entries × width.
    channels : int
        Of the convolutions over time.
    layers : int
        Convolutions; each doubles what is seen of the past: 2**layers frames.
    head : int
        Hidden units per codebook.
    """

    width: Annotated[int, Field(ge=1, le=1024)] = 64
    channels: Annotated[int, Field(ge=1, le=2048)] = 96
    layers: Annotated[int, Field(ge=1, le=12)] = 5
    head: Annotated[int, Field(ge=1, le=4096)] = 128


class CodesConfig(_Section):
    """Which codes are learnt.

    Attributes
    ----------
    folder : Path or None
        Recordings of any format, in any depth.
    cache : Path or None
        Where decoded sound and codes are kept; None for the run's own folder.
    bandwidth : float or None
        Kilobits per second that are coded at most; None for the codec's largest.
    frames : int
        Per item.
    batch : int
        Items per step.
    validation_share : float
        Share of the sound, in whole files, that is kept for validation.
    weights : dict of str to float
        How much more often codes of files that match a pattern are drawn.
    """

    folder: Path | None = None
    cache: Path | None = None
    bandwidth: Positive | None = None
    frames: Count = 128
    batch: Count = 8
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.05
    weights: dict[str, NotNegative] = {}


class _Optimizer(OptimizerConfig):
    learning_rate: Positive = 8e-3
    betas: tuple[Share, Share] = (0.9, 0.98)
    warmup: Steps = 20
    clip: Positive | None = 1.0


class _Run(RunConfig):
    steps: Count = 5000
    validate_every: Count = 500
    checkpoint_every: Count = 500


class LanguageModelConfig(_Section):
    """A whole training run of a language model.

    Attributes
    ----------
    codec : str
        Whose codes are learnt: what `giblet.codecs.load_codec` takes.
    model : LanguageModelSizes
        The model.
    data : CodesConfig
        What it learns.
    optimizer : OptimizerConfig
        AdamW and its learning rate; by default 8e-3, for the code vectors begin near their place.
    run : RunConfig
        The run itself.
    """

    codec: str = "tiny"
    model: LanguageModelSizes = LanguageModelSizes()
    data: CodesConfig = CodesConfig()
    optimizer: _Optimizer = _Optimizer()
    run: _Run = _Run()
