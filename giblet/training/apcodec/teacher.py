"""A trained APCodec from which another learns: knowledge distillation.

What a streaming codec has to make of the past alone, its teacher made of the whole clip, with the same layers. So their
spectra, their latents, and what their branches say before the last layers can be compared one by one.

References
----------
Ai, Jiang, Lu, Du and Ling (2024), APCodec: A Neural Audio Codec with Parallel Amplitude and Phase Spectrum Encoding and
Decoding (a streaming codec learns from one that is not); Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a
Neural Network; Romero et al. (2015), FitNets (features as well as outputs).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.model import APCodecModel
from giblet.codecs.apcodec.spectrum import Spectrum
from giblet.errors import ParameterError
from giblet.training.apcodec.config import APCodecTeacherSection
from giblet.training.apcodec.losses import phase_losses

# What must be equal for a term to have a meaning: spectra always, the others where they are compared.
_SPECTRA = ("sample_rate", "n_fft", "window", "hop")
_TERMS = {"features": ("width",), "latents": ("ratio", "latent_dim")}


@dataclass
class Answer:
    """What an APCodec made of a batch, on all the ways where a teacher looks.

    Attributes
    ----------
    features : list of Tensor, shape (batch, frames, width)
        What each branch says before its last layer: amplitude and phase, of the encoder and of the decoder.
    latents : Tensor, shape (batch, latent_dim, frames)
        Before the quantiser.
    spectrum : Spectrum
        The decoder's.
    """

    features: list[Tensor]
    latents: Tensor
    spectrum: Spectrum


@contextmanager
def features_of(model: APCodecModel) -> Iterator[list[Tensor]]:
    """Collect the features that a model makes meanwhile, as `Answer` has them."""
    found: list[Tensor] = []
    branches = (model.encoder.amplitude, model.encoder.phase, model.decoder.amplitude, model.decoder.phase)
    hooks = [
        branch.stack.final_norm.register_forward_hook(lambda module, given, made: found.append(made))
        for branch in branches
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


class Teacher:
    """An APCodec that knows, and does not change.

    Parameters
    ----------
    model : APCodecModel
        The codec, on the device where sound will be; it is set to evaluation and frozen.
    settings : APCodecTeacherSection
        Weights of what is compared; a 0 leaves it out.
    sizes : APCodecConfig
        The student's.

    Raises
    ------
    ParameterError
        If the two cannot be compared.
    """

    def __init__(self, model: APCodecModel, settings: APCodecTeacherSection, sizes: APCodecConfig) -> None:
        self.model = model.eval().requires_grad_(False)
        self._settings = settings
        names = list(_SPECTRA)
        names += [name for term, needed in _TERMS.items() if getattr(settings, term) for name in needed]
        for name in names:
            theirs, ours = getattr(model.config, name), getattr(sizes, name)
            if theirs != ours:
                term = next((term for term, needed in _TERMS.items() if name in needed), None)
                also = f", or set teacher.{term} to 0" if term else ""
                raise ParameterError(
                    f"the teacher's {name} is {theirs}, and the model's {ours}",
                    f"make them equal{also}",
                    settings.codec,
                )

    @torch.no_grad()
    def answer(self, spectrum: Spectrum) -> Answer:
        """Encode and decode spectra with all codebooks."""
        with features_of(self.model) as features:
            latents = self.model.encoder(spectrum)
            decoded = self.model.decoder(self.model.quantizer(latents).latents)
        return Answer(features, latents, decoded)

    def lessons(self, spectrum: Spectrum, given: Answer) -> dict[str, Tensor]:
        """Compare a student's answer with the teacher's.

        Parameters
        ----------
        spectrum : Spectrum
            Of the sound that both were asked about.
        given : Answer
            The student's.

        Returns
        -------
        dict of str to Tensor
            A scalar each: ``teacher_features`` and ``teacher_latents``, squared differences as shares of the
            teacher's own square; ``teacher_amplitude``, the mean squared difference of log amplitudes;
            ``teacher_phase``, the sum of the three distances of phases on their circle.
        """
        settings, right = self._settings, self.answer(spectrum)
        found = {}
        if settings.features:
            pairs = zip(given.features, right.features, strict=True)
            found["teacher_features"] = torch.stack([_share(*pair) for pair in pairs]).mean()
        if settings.latents:
            found["teacher_latents"] = _share(given.latents, right.latents)
        if settings.amplitude:
            found["teacher_amplitude"] = functional.mse_loss(given.spectrum.log_amplitude, right.spectrum.log_amplitude)
        if settings.phase:
            distances = phase_losses(given.spectrum.phase - right.spectrum.phase)
            found["teacher_phase"] = torch.stack(distances).sum()
        return found


def load_teacher(settings: APCodecTeacherSection, sizes: APCodecConfig, device: str) -> Teacher:
    """Load the codec that settings name as a teacher.

    Parameters
    ----------
    settings : APCodecTeacherSection
        Which, and what is compared.
    sizes : APCodecConfig
        The student's.
    device : str
        Where sound will be.

    Returns
    -------
    Teacher
        Ready.

    Raises
    ------
    CodecError
        If there is no such codec, or its weights cannot be read.
    ParameterError
        If it is no APCodec that hears the whole clip, or cannot be compared with the student.
    """
    from giblet.codecs.apcodec.checkpoints import load_model
    from giblet.codecs.apcodec.spec import APCodecSpec
    from giblet.codecs.catalog import find_codec

    spec = find_codec(settings.codec)
    if not isinstance(spec, APCodecSpec):
        raise ParameterError("the teacher is no APCodec", "name one with teacher.codec", settings.codec)
    if spec.sizes.streaming:
        raise ParameterError(
            "the teacher streams itself, and knows no more than a student", "name one that does not", settings.codec
        )
    return Teacher(load_model(spec).to(device), settings, sizes)


def _share(given: Tensor, right: Tensor) -> Tensor:
    return functional.mse_loss(given, right) / right.square().mean()
