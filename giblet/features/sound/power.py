"""Power of sound: its mean square."""

from __future__ import annotations

import numpy as np

from giblet.features.asking import FeatureRequest
from giblet.features.sound.rows import RowMeans, RowStream, asked_rate
from giblet.features.streams import FeatureContext, Output


class Power(RowStream):
    """Mean square of the samples of each row's own interval.

    Parameters
    ----------
    request : FeatureRequest
        Option ``rate``: rows per second.
    context : FeatureContext
        Not used.

    Raises
    ------
    ParameterError
        If the rate is none.
    """

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        rate = asked_rate(request)
        about = {
            "units": "full scale squared",
            "definition": "mean square of the samples in the row's own interval",
            "past": 0.0,
            "future": 0.0,
        }
        super().__init__(Output(request.name, ("power",), rate, about=about))
        self._means = RowMeans(rate, 1)

    def _block(self, samples: np.ndarray) -> np.ndarray:
        return self._means.push(samples[:, None].astype(np.float64) ** 2)

    def _end(self) -> np.ndarray:
        return self._means.finish()
