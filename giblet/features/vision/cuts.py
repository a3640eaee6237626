"""Cuts from one shot to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from giblet.errors import ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.streams import FeatureContext, Output
from giblet.features.vision.rates import film_rate


class Cuts:
    """An impulse of 1 at the first picture of every shot but the film's first: a `PictureFeature`.

    Neighbouring pictures are compared by PySceneDetect's ``ContentDetector``: the mean change of hue, saturation and
    value of their pixels, which at a cut is at least the threshold. Cuts that follow each other within 15 pictures are
    one. Wide pictures are first brought to 256 pixels, as PySceneDetect does by itself, so that the cuts are those that
    its ``detect`` finds in the file.

    Parameters
    ----------
    request : FeatureRequest
        Its option ``threshold`` is the change, above 0 and up to 255.
    context : FeatureContext
        Knows the film's rate.

    Raises
    ------
    ParameterError
        If the threshold cannot be used, or there is no film.
    """

    # Pictures of their own size: the change between them depends on how they are scaled.
    size = None

    def __init__(self, request: FeatureRequest, context: FeatureContext) -> None:
        from scenedetect import ContentDetector, __version__

        threshold = request.option("threshold")
        if not 0 < threshold <= 255:
            raise ParameterError(
                f"the threshold of cuts is {threshold:g}", "give one above 0 and up to 255, such as 27"
            )
        self.rate = film_rate(request, context)
        self.identity = {"scenedetect": __version__}
        self._detector = ContentDetector(threshold=threshold)
        self._held = self._detector.event_buffer_length
        about = {
            "units": "cuts",
            "definition": "1 at the first picture of a shot that PySceneDetect's ContentDetector finds with the "
            f"threshold {threshold:g}",
            "past": float(self._held / self.rate),
            "future": float(self._held / self.rate),
        }
        self.outputs = (Output(request.name, (request.feature.name,), self.rate, "event", about),)
        self._n_given = 0
        self._impulses: list[float] = []

    def push(self, pictures: npt.NDArray[np.uint8]) -> Sequence[npt.NDArray[np.float32]]:
        """Return the rows that no later picture can change, shape (k, 1)."""
        from scenedetect import FrameTimecode

        for picture in pictures:
            moment = FrameTimecode(self._n_given + len(self._impulses), self.rate)
            self._impulses.append(0.0)
            for cut in self._detector.process_frame(moment, _compared(picture)):
                self._impulses[cut.frame_num - self._n_given] = 1.0
        return (self._given(max(0, len(self._impulses) - self._held)),)

    def finish(self) -> Sequence[npt.NDArray[np.float32]]:
        """Return the remaining rows."""
        return (self._given(len(self._impulses)),)

    def _given(self, number: int) -> npt.NDArray[np.float32]:
        rows = np.array(self._impulses[:number], np.float32).reshape(-1, 1)
        del self._impulses[:number]
        self._n_given += number
        return rows


def _compared(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a picture as PySceneDetect hands it to detectors: blue, green and red, at most 256 wide."""
    import cv2
    from scenedetect.scene_manager import compute_downscale_factor

    blue_first = np.ascontiguousarray(picture[..., ::-1])
    height, width = picture.shape[:2]
    factor = compute_downscale_factor(max(width, height))
    if factor <= 1:
        return blue_first
    size = max(1, round(width / factor)), max(1, round(height / factor))
    return cv2.resize(blue_first, size, interpolation=cv2.INTER_LINEAR)
