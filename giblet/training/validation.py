"""How good a codec in training is on sound that it is not trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from giblet.training.adversary import Adversary
from giblet.training.config import CodecTrainingConfig
from giblet.training.corpus import CorpusPart
from giblet.training.crops import Crops
from giblet.training.losses import MelLoss
from giblet.training.runlog import Means
from giblet.training.trainee import Objective, Trainee

# Enough for a stable figure, little enough to be done in seconds.
_ITEMS = 24
_EXAMPLES = 4


class Validation:
    """The same crops every time.

    Parameters
    ----------
    part : CorpusPart
        Sound that is not trained on.
    config : CodecTrainingConfig
        Of the run.
    device : str
        Where the codec is.

    Attributes
    ----------
    mel_distance : dict of str to float
        The last result: by bandwidth such as ``"3 kbps"``, the mean absolute difference of log10 mel bands (see
        `MelLoss`); before there are codebooks, one for ``"no codes"``.
    losses : dict of str to float
        All losses of the last result at the highest bandwidth, by name.
    examples : dict of str to Tensor
        Sounds (channels, samples) to listen to.
    """

    def __init__(self, part: CorpusPart, config: CodecTrainingConfig, device: str) -> None:
        model = config.model
        n_samples = model.n_samples(round(config.validation_seconds * model.sample_rate) // model.frame_hop)
        crops = Crops(part, n_samples, config.run.seed + 1, loudness_rms=config.data.loudness)
        self._sound = torch.from_numpy(np.ascontiguousarray(crops.batch(0, _ITEMS)))
        self._adversary_start = config.adversary.start
        self._device = device
        self._distance = MelLoss(model.sample_rate, (512, 2048), linear=0, log_l1=1, log_l2=0, log_floor=1e-4).to(
            device
        )
        self.mel_distance: dict[str, float] = {}
        self.losses: dict[str, float] = {}
        self.examples: dict[str, Tensor] = {}

    @torch.no_grad()
    def run(self, trainee: Trainee, objective: Objective, adversary: Adversary | None, step: int) -> dict[str, float]:
        """Measure a codec.

        Parameters
        ----------
        trainee : Trainee
            The codec.
        objective : Objective
            Its losses.
        adversary : Adversary or None
            More of them, once it has begun.
        step : int
            Steps done.

        Returns
        -------
        dict of str to float
            Mel distance by bandwidth.
        """
        self.examples = {f"{i}/original": self._sound[i] for i in range(_EXAMPLES)}
        self.mel_distance = {}
        losses = Means()
        for bandwidth in trainee.bandwidths if trainee.quantizes else (None,):
            name = "no codes" if bandwidth is None else f"{bandwidth:g} kbps"
            distances = []
            for first in range(0, _ITEMS, _EXAMPLES):
                sound = self._sound[first : first + _EXAMPLES].to(self._device)
                made = trainee.at_bandwidth(sound, bandwidth)
                distances.append(float(self._distance(sound, made.sound)))
                if not first:
                    self.examples |= {f"{i}/{name}": item.cpu() for i, item in enumerate(made.sound)}
                if bandwidth in (None, trainee.bandwidths[-1]):
                    found = objective.losses(sound, made, step) | made.penalties
                    if adversary is not None and step >= self._adversary_start:
                        found |= adversary.losses(sound, made.sound)
                    losses.add({key: float(value) for key, value in found.items()})
            self.mel_distance[name] = float(np.mean(distances))
        self.losses = losses.take()
        return self.mel_distance
