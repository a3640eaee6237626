"""How good a codec in training is on sound that it is not trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from giblet.training.config import TrainingConfig
from giblet.training.corpus import CorpusPart
from giblet.training.crops import Crops
from giblet.training.encodec import EncodecTrainee
from giblet.training.losses import MelLoss

# Enough for a stable figure, little enough to be done in seconds.
_ITEMS = 24
_SECONDS = 2.0
_EXAMPLES = 4


class Validation:
    """The same crops every time.

    Parameters
    ----------
    part : CorpusPart
        Sound that is not trained on.
    config : TrainingConfig
        Of the run.
    device : str
        Where the codec is.

    Attributes
    ----------
    mel_distance : dict of str to float
        The last result: by bandwidth such as ``"3 kbps"``, the mean absolute difference of log10 mel bands (see
        `MelLoss`); before there are codebooks, one for ``"no codes"``.
    examples : dict of str to Tensor
        Sounds (channels, samples) to listen to.
    """

    def __init__(self, part: CorpusPart, config: TrainingConfig, device: str) -> None:
        model = config.model
        # A model with segments is used a segment at a time.
        n_samples = round((model.segment or _SECONDS) * model.sample_rate) // model.hop * model.hop
        crops = Crops(part, n_samples, config.run.seed + 1, loudness_rms=config.data.loudness)
        self._sound = torch.from_numpy(np.ascontiguousarray(crops.batch(0, _ITEMS)))
        self._bandwidths = model.bandwidths
        self._device = device
        self._distance = MelLoss(model.sample_rate, (512, 2048), linear=0, log_l1=1, log_l2=0, log_floor=1e-4).to(
            device
        )
        self.mel_distance: dict[str, float] = {}
        self.examples: dict[str, Tensor] = {}

    @torch.no_grad()
    def run(self, trainee: EncodecTrainee) -> dict[str, float]:
        """Measure a codec.

        Parameters
        ----------
        trainee : EncodecTrainee
            The codec.

        Returns
        -------
        dict of str to float
            Mel distance by bandwidth.
        """
        self.examples = {f"{i}/original": self._sound[i] for i in range(_EXAMPLES)}
        self.mel_distance = {}
        for bandwidth in self._bandwidths if trainee.quantizes else (None,):
            name = "no codes" if bandwidth is None else f"{bandwidth:g} kbps"
            distances = []
            for first in range(0, _ITEMS, _EXAMPLES):
                sound = self._sound[first : first + _EXAMPLES].to(self._device)
                decoded = trainee.at_bandwidth(sound, bandwidth)
                distances.append(float(self._distance(sound, decoded)))
                if not first:
                    self.examples |= {f"{i}/{name}": item.cpu() for i, item in enumerate(decoded)}
            self.mel_distance[name] = float(np.mean(distances))
        return self.mel_distance
