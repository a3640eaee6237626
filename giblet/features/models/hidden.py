"""Hidden states of a model's encoder, its weights loaded when they are first asked for."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.codecs.loading import check_device
from giblet.errors import ModelError
from giblet.features.models.finding import ModelSpec
from giblet.features.models.loading import load_model, outline
from giblet.features.streams import Output
from giblet.kept import kept

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)


class Encoder:
    """The encoder of a model for one modality, run without gradients.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    modality : {"audio", "image"}
        Which of its encoders is meant, where it has several.
    takes : sequence of str
        Names that transformers may give to what the encoder takes, such as ``"input_values"``.
    device : str
        As in `giblet.features.models.load_model`.

    Attributes
    ----------
    input_name : str
        What the encoder takes, of ``takes``.
    outline : transformers.PreTrainedModel
        The encoder without its weights.

    Raises
    ------
    ModelError
        If transformers cannot build the model, or it takes something else.
    ParameterError
        If the device is unknown.
    """

    def __init__(self, spec: ModelSpec, modality: str, takes: Sequence[str], device: str) -> None:
        check_device(device)
        self._spec, self._modality, self._device = spec, modality, device
        self.outline = outline(spec, self._part)
        self.input_name = str(getattr(self.outline, "main_input_name", ""))
        if self.input_name not in takes:
            raise ModelError(
                f"a model of type {spec.model_type!r} takes {self.input_name}, not {' or '.join(takes)}",
                f"name a model that encodes {'sound' if modality == 'audio' else 'pictures'}",
                spec.folder,
            )
        self._accepted = set(inspect.signature(self.outline.forward).parameters)
        self._loaded: Any = None

    def shapes(self, inputs: Mapping[str, torch.Tensor]) -> list[tuple[int, ...]]:
        """Return the shapes of all hidden states for inputs of a shape, without loading weights.

        Parameters
        ----------
        inputs : mapping of str to tensor
            As in `states`; the values do not matter.

        Returns
        -------
        list of tuple of int
            One for each layer, from 0 on.

        Raises
        ------
        ModelError
            If the encoder does not take inputs of this shape.
        """
        import torch

        try:
            with torch.no_grad():
                given = {self.input_name: inputs[self.input_name].to("meta")}
                states = self.outline(**given, output_hidden_states=True).hidden_states
            return [tuple(state.shape) for state in states]
        except Exception as error:  # Models refuse inputs by errors of many types.
            log.debug("%s does not run", self._spec.name, exc_info=True)
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise ModelError(
                f"the model does not take what is given to it ({type(error).__name__}: {reason})",
                "see whether preprocessor_config.json and config.json belong together",
                self._spec.folder,
            ) from error

    def states(self, inputs: Mapping[str, torch.Tensor], layers: Sequence[int]) -> list[torch.Tensor]:
        """Run the encoder.

        Parameters
        ----------
        inputs : mapping of str to tensor
            What the model's own feature extractor or image processor gives; what the encoder does not accept is left
            out.
        layers : sequence of int
            Which hidden states to return.

        Returns
        -------
        list of tensor
            On the device.

        Raises
        ------
        ModelError
            If the weights cannot be loaded, or the device's memory does not suffice.
        """
        import torch

        if self._loaded is None:
            self._loaded = kept(
                "encoder", self._spec.folder, (self._modality, self._device),
                lambda: load_model(self._spec, self._device, self._part),
            )  # fmt: skip
        device = self._loaded.device
        given = {name: value.to(device) for name, value in inputs.items() if name in self._accepted}
        try:
            with torch.inference_mode():
                states = self._loaded(**given, output_hidden_states=True).hidden_states
        except torch.cuda.OutOfMemoryError as error:
            raise ModelError(
                f"{self._spec.name} does not fit into the memory of {device}",
                "ask for a smaller @batch, or use the cpu",
            ) from error
        return [states[layer] for layer in layers]

    def _part(self, model: PreTrainedModel) -> Any:
        part = model.get_encoder(modality=self._modality)
        if part is model and getattr(model.config, "is_encoder_decoder", False):
            return model.get_encoder()
        return part


def rows(states: torch.Tensor, spec: ModelSpec) -> np.ndarray:
    """Return hidden states, one row each, as an array that is known to be finite.

    Parameters
    ----------
    states : tensor, shape (n, n_columns)
        On any device.
    spec : ModelSpec
        Whose they are.

    Returns
    -------
    ndarray of float32, shape (n, n_columns)
        The same.

    Raises
    ------
    ModelError
        If a value is no finite number.
    """
    values: np.ndarray = states.float().cpu().numpy()
    if not np.isfinite(values).all():
        raise ModelError("gives values that are no finite numbers", "download or train the model again", spec.folder)
    return values


def joined(outputs: Sequence[Output], parts: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Return the rows of each output, none where there are no parts.

    Parameters
    ----------
    outputs : sequence of Output
        The outputs.
    parts : sequence of sequence of ndarray of float32, shape (n, n_columns)
        Rows of each output, one part after the other.

    Returns
    -------
    list of ndarray of float32, shape (n, n_columns)
        For each output.
    """
    return [
        np.concatenate([np.zeros((0, len(output.columns)), np.float32), *(part[k] for part in parts)])
        for k, output in enumerate(outputs)
    ]
