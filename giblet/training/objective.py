"""What a training step of an EnCodec is judged by, and how its gradient is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from giblet.training.balancer import Balancer
from giblet.training.encodec_config import LossConfig
from giblet.training.losses import MelLoss, StftLoss, WaveformLoss
from giblet.training.schedule import geometric
from giblet.training.trainee import Reconstruction


class EncodecObjective:
    """Losses of the decoded sound, weighted or balanced.

    Parameters
    ----------
    settings : LossConfig
        Weights and sizes.
    sample_rate : int
        Hz.
    adversarial : dict of str to float
        Weights of further losses that `backward` will be given.
    device : str
        Where the sound is.
    """

    def __init__(self, settings: LossConfig, sample_rate: int, adversarial: dict[str, float], device: str) -> None:
        self._settings = settings
        weights = {"waveform": settings.waveform, "mel": settings.mel, "stft": settings.stft} | adversarial
        self._weights = {name: weight for name, weight in weights.items() if weight}
        makers: dict[str, Callable[[], nn.Module]] = {
            "waveform": WaveformLoss,
            "mel": lambda: MelLoss(
                sample_rate,
                settings.mel_windows,
                settings.n_mels,
                overlap=settings.overlap,
                linear=settings.mel_linear,
                log_l1=settings.mel_log_l1,
                log_l2=settings.mel_log_l2,
            ),
            "stft": lambda: StftLoss(settings.stft_windows, overlap=settings.overlap),
        }
        self._losses = {name: make().to(device) for name, make in makers.items() if name in self._weights}
        self._balancer = Balancer(self._weights) if settings.balancer else None

    def losses(self, reference: Tensor, made: Reconstruction, step: int) -> dict[str, Tensor]:
        """Compare sound.

        Parameters
        ----------
        reference : Tensor, float32, shape (batch, channels, samples)
            The sound.
        made : Reconstruction
            What became of it.
        step : int
            Decides the floor of the logarithms.

        Returns
        -------
        dict of str to Tensor
            A scalar each.
        """
        floor = self.log_floor(step)
        for loss in self._losses.values():
            if isinstance(loss, (MelLoss, StftLoss)):
                loss.log_floor = floor
        return {name: loss(reference, made.sound) for name, loss in self._losses.items()}

    def log_floor(self, step: int) -> float:
        """Return the floor of the logarithms at a step: geometric from the first value to the last."""
        return geometric(self._settings.log_floor, step, self._settings.log_floor_steps)

    def backward(self, losses: dict[str, Tensor], made: Reconstruction) -> None:
        """Add the gradient of everything to the parameters.

        Parameters
        ----------
        losses : dict of str to Tensor
            Of the sound, adversarial ones included.
        made : Reconstruction
            What the losses came from; the balancer leaves its penalties alone.

        Raises
        ------
        FloatingPointError
            If a gradient at the sound is NaN or infinite; nothing has been changed then.
        """
        losses = {name: losses[name] for name in self._weights if name in losses}
        inside = [getattr(self._settings, name, 1.0) * penalty for name, penalty in made.penalties.items()]
        if self._balancer is not None:
            self._balancer.backward(losses, made.sound, torch.stack(inside).sum() if inside else None)
        else:
            torch.stack(inside + [self._weights[name] * loss for name, loss in losses.items()]).sum().backward()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {} if self._balancer is None else self._balancer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        if self._balancer is not None:
            self._balancer.load_state_dict(state)
