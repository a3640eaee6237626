"""Layers of transformers models of pictures and of moving pictures."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.errors import ModelError, ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.models.finding import find_model
from giblet.features.models.hidden import Encoder, joined, rows
from giblet.features.models.layers import choose_layers
from giblet.features.models.preparing import PREPARATION, image_processor, preparation
from giblet.features.streams import FeatureContext, Output
from giblet.timeline import exact

if TYPE_CHECKING:
    import torch

POOLS = ("cls", "mean")
# Pictures per second, more than films have.
FASTEST = 240
# Seconds between the pictures of a clip.
LONGEST_STEP = 60

# Weights by which models put tokens of their own before those of the picture, the first of them for all of it.
_WHOLE = ("cls_token", "class_embedding")
_OTHERS = ("distillation_token", "register_tokens")


class VideoModel:
    """Hidden states of a model of pictures, or of clips that end with the row's picture.

    A model of pictures sees, for row i, what the film shows in the middle of the row. A model of clips sees as many
    pictures as its configuration says, ``step`` seconds apart, the last of them the last of those that fall into the
    row; before the film's first picture, clips hold the first. No row depends on later pictures. The states of all
    positions become one row: that of the token for the whole picture (pool ``cls``), or else, where there is no such
    token or for the pool ``mean``, the mean over the positions of picture and clip. Pictures are brought into the
    model's form by its own image processor, with Pillow.

    Parameters
    ----------
    request : FeatureRequest
        ``video.hf:MODEL:LAYER`` with the options rate (rows per second, 0 for the film's own), step (s), pool and batch
        (pictures or clips run at once, which changes no value beyond rounding).
    context : FeatureContext
        Its device and picture rate.

    Attributes
    ----------
    outputs, rate, size, identity
        As in `giblet.features.streams.PictureFeature`; one output for each layer.

    Raises
    ------
    ModelError
        If the model cannot be had, or takes no pictures.
    ParameterError
        If the model has no such layer, or an option cannot be.
    """

    size: tuple[int, int] | None = None

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        name, layer = request.parts
        self._pool, self._batch = request.option("pool"), request.option("batch")
        if self._pool not in POOLS:
            raise ParameterError(f"the pool is {self._pool!r}", f"choose from {' and '.join(POOLS)}")
        if self._batch < 1:
            raise ParameterError(f"the batch is {self._batch}", "give 1 or more, such as @batch=8")
        per_second = _checked_rate(request, context)
        self._spec = find_model(name)
        preparation(self._spec, "pictures")
        if (said := self._spec.part("vision_config").said_layers) is not None:
            choose_layers(layer, said)  # Answered at once, where importing transformers would take seconds.
        self._encoder = Encoder(self._spec, "image", ("pixel_values",), context.device)
        self._processor = image_processor(self._spec)
        n_frames = getattr(self._encoder.outline.config, "num_frames", None)
        self._n_frames: int | None = n_frames if isinstance(n_frames, int) else None
        self.rate, self._per_row, self._apart = self._clock(request, per_second)
        self._n_own = self._own_tokens()
        shapes = self._shapes()
        self._layers = choose_layers(layer, len(shapes) - 1)
        fingerprint = self._spec.fingerprint(*PREPARATION)
        self.identity: Mapping[str, Any] = {"model": fingerprint}
        self.outputs: Sequence[Output] = [
            self._output(request.named(name, str(number)), number, per_second, shapes[number], fingerprint)
            for number in self._layers
        ]
        # What clips to come still need, the latest last.
        self._seen: deque[torch.Tensor] = deque(maxlen=(self._n_frames or 1) * self._apart)
        self._n_seen = 0
        self._waiting: list[torch.Tensor] = []

    def push(self, pictures: np.ndarray) -> Sequence[np.ndarray]:
        """Take the next pictures and return the rows that they complete, as `PictureFeature` says."""
        done = []
        for picture in pictures:
            self._seen.append(self._prepared([picture])[0])
            self._n_seen += 1
            if self._n_seen % self._per_row == 0:
                self._waiting.append(self._clip())
            if len(self._waiting) == self._batch:
                done.append(self._run())
        return joined(self.outputs, done)

    def finish(self) -> Sequence[np.ndarray]:
        """Return the remaining rows, as `PictureFeature` says."""
        if self._n_seen % self._per_row:
            self._waiting.append(self._clip())
        return joined(self.outputs, [self._run()] if self._waiting else [])

    def _clip(self) -> torch.Tensor:
        """Return what the model gets for the row that ends with the latest picture."""
        import torch

        if self._n_frames is None:
            return self._seen[-1]
        latest = len(self._seen) - 1
        places = [max(0, latest - k * self._apart) for k in reversed(range(self._n_frames))]
        return torch.stack([self._seen[place] for place in places])

    def _run(self) -> list[np.ndarray]:
        import torch

        inputs = {"pixel_values": torch.stack(self._waiting)}
        self._waiting = []
        return [rows(self._pooled(state), self._spec) for state in self._encoder.states(inputs, self._layers)]

    def _pooled(self, state: torch.Tensor) -> torch.Tensor:
        # Maps have no tokens, even where later layers have.
        if self._n_own and state.ndim == 3:
            return state[:, 0] if self._pool == "cls" else state[:, self._n_own :].mean(dim=1)
        return state.mean(dim=_positions(tuple(state.shape)))

    def _prepared(self, pictures: list[np.ndarray]) -> torch.Tensor:
        # Processors of clips take the list for one clip, and give it a dimension of its own.
        values = self._processor(pictures, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
        return values.reshape(-1, *values.shape[-3:])

    def _own_tokens(self) -> int:
        """Return how many tokens come before those of the picture's positions."""
        tokens = {name.rpartition(".")[2]: weight for name, weight in self._encoder.outline.named_parameters()}
        if not any(name in tokens for name in _WHOLE):
            return 0
        return 1 + sum(tokens[name].shape[-2] for name in _OTHERS if name in tokens)

    def _clock(self, request: FeatureRequest, per_second: Fraction) -> tuple[Fraction, int, int]:
        """Return pictures per second, pictures per row, and by how many pictures those of a clip are apart."""
        step = exact(request.option("step"), "the step")
        if self._n_frames is None:
            if request.option("step") != request.feature.options["step"]:
                raise ParameterError(f"{self._spec.name} is a model of single pictures", "leave @step out")
            return per_second, 1, 1
        if not Fraction(1, FASTEST) <= step <= LONGEST_STEP:
            raise ParameterError(f"the step is {float(step):g} s", f"give seconds from 1/{FASTEST} to {LONGEST_STEP}")
        # The slowest clock that ticks at the ends of rows and at the pictures of a clip.
        rate = Fraction(
            math.lcm(per_second.numerator, step.denominator), math.gcd(per_second.denominator, step.numerator)
        )
        if rate > FASTEST:
            raise ParameterError(
                f"{float(per_second):g} rows per second and steps of {float(step):g} s have no common clock",
                f"give a step that is a whole part or multiple of a row, such as @step={float(1 / per_second):g}",
            )
        return rate, int(rate / per_second), int(rate * step)

    def _shapes(self) -> list[tuple[int, ...]]:
        import torch

        blank = self._prepared([np.full((90, 160, 3), 128, np.uint8)])
        if self._n_frames is not None:
            blank = torch.stack([blank[0]] * self._n_frames)[None]
        shapes = self._encoder.shapes({"pixel_values": blank})
        if not shapes or any(len(shape) not in (3, 4) or shape[0] != 1 for shape in shapes):
            raise ModelError(
                f"a model of type {self._spec.model_type!r} gives no states of a picture's positions",
                "name a model of pictures such as ViT, DINOv2, CLIP, ResNet or VideoMAE",
                self._spec.folder,
            )
        return shapes

    def _output(self, name: str, layer: int, per_second: Fraction, shape: tuple[int, ...], fingerprint: str) -> Output:
        n_frames, step = self._n_frames or 1, Fraction(self._apart) / self.rate
        seen = "the picture in the middle of the row"
        if self._n_frames is not None:
            seen = f"the {n_frames} pictures, {float(step):g} s apart, that end with the row"
        of_whole = self._n_own and len(shape) == 3 and self._pool == "cls"
        about = {
            "units": "activation",
            "definition": f"hidden states of layer {layer} for {seen}: "
            f"{'the token of the whole' if of_whole else 'the mean over positions'}",
            "past": float((n_frames - 1) * step + 1 / (2 * self.rate)),
            "future": 0.0,
            "frames": n_frames,
            "step": None if self._n_frames is None else float(step),
            "model": self._spec.name,
            "model_type": self._spec.model_type,
            "layer": layer,
            "revision": self._spec.revision,
            "fingerprint": fingerprint,
        }
        n_columns = next(length for axis, length in enumerate(shape) if axis not in (0, *_positions(shape)))
        return Output(name, tuple(f"{name}.{k}" for k in range(n_columns)), per_second, "continuous", about)


def _positions(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return which axes of hidden states are positions: those of maps are square."""
    if len(shape) == 3:
        return (1,)
    return (1, 2) if shape[1] == shape[2] != shape[3] else (2, 3)


def _checked_rate(request: FeatureRequest, context: FeatureContext) -> Fraction:
    rate = exact(request.option("rate"), "the rate")
    if rate == 0 and context.picture_rate is not None:
        rate = Fraction(context.picture_rate)
    if not 0 < rate <= FASTEST:
        raise ParameterError(
            f"the rate is {float(rate):g} rows per second", f"give more than 0 and at most {FASTEST}, such as @rate=2"
        )
    return rate
