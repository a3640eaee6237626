"""Layers of transformers models of sound, on windows that end at each row's end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.errors import ModelError, ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.models.finding import find_model
from giblet.features.models.hidden import Encoder, joined, rows
from giblet.features.models.layers import choose_layers
from giblet.features.models.preparing import PREPARATION, feature_extractor, preparation
from giblet.features.streams import FeatureContext, Output
from giblet.timeline import exact

if TYPE_CHECKING:
    import torch

# Seconds. Silence in front brings shorter windows, which only the first rows have, to this length: one step of a
# speech model hears 25 ms.
SHORTEST = Fraction(1, 20)
SHORTEST_STRIDE = Fraction(1, 1000)


class AudioModel:
    """Hidden states of a model of sound, causally: no row depends on sound after it.

    Row i, with the stride s, is what the model says at the end of the sound from (i + 1) s - window to (i + 1) s: the
    hidden states of its last time step that ends there. The model may look both ways within the window, which holds
    nothing later. At the beginning windows are as short as the sound heard so far, as in Vaidya, Jain and Huth (2022),
    "Self-supervised models of audio effectively explain human cortical responses to speech"; they are silent nowhere,
    but for those below 50 ms, which get silence in front. The last window ends with the sound. Each window is brought
    into the model's form by the model's own feature extractor, on its own.

    Parameters
    ----------
    request : FeatureRequest
        ``audio.hf:MODEL:LAYER`` with the options window and stride (s) and batch (windows run at once, which changes
        no value beyond rounding).
    context : FeatureContext
        Its device.

    Attributes
    ----------
    outputs, sample_rate, identity
        As in `giblet.features.streams.SoundFeature`; one output for each layer.

    Raises
    ------
    ModelError
        If the model cannot be had, or takes no sound.
    ParameterError
        If the model has no such layer, or an option cannot be.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        name, layer = request.parts
        self._window, self._stride, self._batch = _checked_options(request)
        self._spec = find_model(name)
        settings = preparation(self._spec, "sound")
        if (said := self._spec.part("audio_config", "audio_encoder").said_layers) is not None:
            choose_layers(layer, said)  # Answered at once, where importing transformers would take seconds.
        self.sample_rate = settings["sampling_rate"]
        self._n_window = math.ceil(self._window * self.sample_rate)
        self._encoder = Encoder(self._spec, "audio", ("input_values", "input_features"), context.device)
        self._extractor = feature_extractor(self._spec)
        # Whisper's extractor brings all windows to one length; where there is none, windows keep theirs.
        self._padded: int | None = getattr(self._extractor, "n_samples", None)
        if self._padded is not None and self._n_window > self._padded:
            longest = self._padded / self.sample_rate
            raise ParameterError(
                f"the window of {float(self._window):g} s is longer than the {longest:g} s that {name} hears at once",
                f"give @window={longest:g} or less",
            )
        shapes = self._shapes()
        self._layers = choose_layers(layer, len(shapes) - 1)
        fingerprint = self._spec.fingerprint(*PREPARATION)
        self.identity: Mapping[str, Any] = {"model": fingerprint}
        self.outputs: Sequence[Output] = [
            self._output(request.named(name, str(number)), number, shapes[number][-1], fingerprint)
            for number in self._layers
        ]
        self._heard = np.zeros(0, np.float32)  # The sound that rows to come still need.
        self._forgotten = 0  # Samples before it.
        self._row = 0

    def push(self, samples: np.ndarray) -> Sequence[np.ndarray]:
        """Take the next samples and return the rows that they complete, as `SoundFeature` says."""
        self._heard = np.concatenate([self._heard, np.asarray(samples, np.float32)])
        done = []
        while self._end(self._row + self._next_batch() - 1) <= self._total:
            done.append(self._run(self._next_batch()))
        return joined(self.outputs, done)

    def finish(self) -> Sequence[np.ndarray]:
        """Return the remaining rows, as `SoundFeature` says."""
        done = []
        while self._end(self._row) <= self._total:
            whole = sum(self._end(self._row + k) <= self._total for k in range(self._next_batch()))
            done.append(self._run(whole))
        if self._row * self._stride * self.sample_rate < self._total:
            done.append(self._run(1))
        return joined(self.outputs, done)

    @property
    def _total(self) -> int:
        return self._forgotten + len(self._heard)

    def _end(self, row: int) -> int:
        return math.ceil((row + 1) * self._stride * self.sample_rate)

    def _next_batch(self) -> int:
        # Batches hold what the model gets in one length, and the same windows however the sound comes in.
        return self._batch if self._padded is not None or self._end(self._row) >= self._n_window else 1

    def _run(self, n_rows: int) -> list[np.ndarray]:
        ends = [self._end(self._row + k) for k in range(n_rows)]
        windows = [self._sound(max(0, end - self._n_window), min(end, self._total)) for end in ends]
        self._row += n_rows
        needed = max(0, self._end(self._row) - self._n_window) - self._forgotten
        self._heard, self._forgotten = self._heard[max(0, needed) :], self._forgotten + min(needed, len(self._heard))
        inputs = self._prepared(windows)
        states = self._encoder.states(inputs, self._layers)
        last = [self._last_step(inputs, k, len(window), states[0].shape[1]) for k, window in enumerate(windows)]
        return [rows(state[range(n_rows), last], self._spec) for state in states]

    def _sound(self, begin: int, end: int) -> np.ndarray:
        sound = self._heard[begin - self._forgotten : end - self._forgotten]
        lacking = math.ceil(SHORTEST * self.sample_rate) - len(sound)
        return np.pad(sound, (lacking, 0)) if lacking > 0 else sound

    def _prepared(self, windows: list[np.ndarray]) -> Mapping[str, torch.Tensor]:
        return dict(self._extractor(windows, sampling_rate=self.sample_rate, return_tensors="pt"))

    def _last_step(self, inputs: Mapping[str, torch.Tensor], k: int, n_samples: int, n_steps: int) -> int:
        """Return which time step is the last that ends within window k of the batch, of so many samples."""
        if self._padded is not None:
            return max(0, n_samples * n_steps // self._padded - 1)
        mask = inputs.get("attention_mask")
        return n_steps - 1 if mask is None else max(0, int(mask[k].sum()) * n_steps // mask.shape[1] - 1)

    def _shapes(self) -> list[tuple[int, ...]]:
        inputs = self._prepared([np.zeros(self._n_window, np.float32)])
        given = inputs.get(self._encoder.input_name)
        if given is None or given.ndim != (2 if self._encoder.input_name == "input_values" else 3):
            shapes = []
        else:
            shapes = self._encoder.shapes(inputs)
        if not shapes or any(len(shape) != 3 or shape[1] == 0 for shape in shapes):
            raise ModelError(
                f"a model of type {self._spec.model_type!r} gives no states that follow each other in time",
                "name a model of speech or sound such as Whisper, wav2vec 2.0, HuBERT or WavLM",
                self._spec.folder,
            )
        return shapes

    def _output(self, name: str, layer: int, n_columns: int, fingerprint: str) -> Output:
        window, stride = float(self._window), float(self._stride)
        about = {
            "units": "activation",
            "definition": f"hidden states of layer {layer} at the last time step of the {window:g} s of sound that end "
            "with the row",
            "past": window,
            "future": 0.0,
            "window": window,
            "stride": stride,
            "model": self._spec.name,
            "model_type": self._spec.model_type,
            "layer": layer,
            "revision": self._spec.revision,
            "fingerprint": fingerprint,
        }
        columns = tuple(f"{name}.{column}" for column in range(n_columns))
        return Output(name, columns, 1 / self._stride, "continuous", about)


def _checked_options(request: FeatureRequest) -> tuple[Fraction, Fraction, int]:
    window, stride = (exact(request.option(name), f"the {name}") for name in ("window", "stride"))
    batch = request.option("batch")
    if stride < SHORTEST_STRIDE:
        raise ParameterError(f"the stride is {float(stride):g} s", "give 0.001 s or more, such as @stride=0.1")
    if window < max(stride, SHORTEST):
        least = float(max(stride, SHORTEST))
        raise ParameterError(f"the window is {float(window):g} s", f"give {least:g} s or more, no less than the stride")
    if batch < 1:
        raise ParameterError(f"the batch is {batch}", "give 1 or more, such as @batch=8")
    return window, stride, batch
