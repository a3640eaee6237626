"""What a training step of an APCodec is judged by, and how its gradient is made."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.training.apcodec.config import APCodecLossConfig
from giblet.training.apcodec.losses import consistency, log_mel, mel_bank, mel_slope, phase_losses
from giblet.training.apcodec.spectra import parts
from giblet.training.apcodec.trainee import SpectralReconstruction
from giblet.training.losses import MelLoss
from giblet.training.schedule import geometric
from giblet.training.trainee import Reconstruction

_NO_WEIGHTS = {"mel_weighted", "n_mels", "mel_windows", "log_floor", "log_floor_steps"}


class APCodecObjective:
    """Losses of decoded spectra and of the sound that they become, weighted.

    Parameters
    ----------
    settings : APCodecLossConfig
        Weights, also of the codec's penalties.
    sizes : APCodecConfig
        The codec's.
    adversarial : dict of str to float
        Weights of further losses that `backward` will be given.
    device : str
        Where the sound is.
    """

    def __init__(
        self, settings: APCodecLossConfig, sizes: APCodecConfig, adversarial: dict[str, float], device: str
    ) -> None:
        self._sizes = sizes
        self._settings = settings
        self._weights = settings.model_dump(exclude=_NO_WEIGHTS) | adversarial
        slope = mel_slope(sizes.sample_rate, sizes.n_fft).to(device)
        self._slope = slope if settings.mel_weighted else torch.ones_like(slope)
        self._bank = mel_bank(sizes.sample_rate, sizes.n_fft, settings.n_mels).to(device)
        self._multi_mel = MelLoss(sizes.sample_rate, settings.mel_windows, overlap=2, linear=1, log_l1=1, log_l2=0).to(
            device
        )

    def losses(self, reference: Tensor, made: Reconstruction, step: int) -> dict[str, Tensor]:
        """Compare spectra and sound.

        Parameters
        ----------
        reference : Tensor, float32, shape (batch, 1, samples)
            The sound; what is compared is its spectrum, which the trainee had to make.
        made : SpectralReconstruction
            What became of it.
        step : int
            Decides the floor of the logarithms of `multi_mel`.

        Returns
        -------
        dict of str to Tensor
            A scalar each.
        """
        made = cast(SpectralReconstruction, made)
        target, found = made.reference, made.spectrum
        real, imaginary = parts(made.sound[:, 0], self._sizes)
        phase, group_delay, time_difference = phase_losses(found.phase - target.phase, self._slope)
        with torch.no_grad():
            target_mel = log_mel(target.real, target.imaginary, self._bank)
        mel = log_mel(real, imaginary, self._bank)
        losses = {
            "amplitude": (self._slope * (found.log_amplitude - target.log_amplitude)).square().mean(),
            "phase": phase,
            "group_delay": group_delay,
            "time_difference": time_difference,
            "consistency": consistency(found.real, found.imaginary, real, imaginary),
            "real": functional.l1_loss(found.real, target.real),
            "imaginary": functional.l1_loss(found.imaginary, target.imaginary),
            "mel_l1": functional.l1_loss(mel, target_mel),
            "mel_l2": functional.mse_loss(mel, target_mel),
        }
        if self._weights["waveform"]:
            losses["waveform"] = functional.l1_loss(made.sound, reference)
        if self._weights["multi_mel"]:
            settings = self._settings
            self._multi_mel.log_floor = geometric(settings.log_floor, step, settings.log_floor_steps)
            losses["multi_mel"] = self._multi_mel(reference, made.sound)
        return {name: loss for name, loss in losses.items() if self._weights[name]}

    def backward(self, losses: dict[str, Tensor], made: Reconstruction) -> None:
        """Add the gradient of everything to the parameters.

        Parameters
        ----------
        losses : dict of str to Tensor
            Of spectra and sound, adversarial ones included.
        made : Reconstruction
            What the losses came from, with its penalties.
        """
        everything = losses | made.penalties
        torch.stack([self._weights[name] * loss for name, loss in everything.items()]).sum().backward()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
