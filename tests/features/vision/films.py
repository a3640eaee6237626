"""Films of known pictures, and what features make of films."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from giblet.features import FeatureContext, ask_features
from giblet.media.pictures import PictureReader, picture_duration
from giblet.media.sampling import PictureSampler, Sampling


def write_pictures(
    path: Path,
    pictures: Iterable[np.ndarray],
    rate: int | Fraction = 25,
    times: Iterable[float | Fraction] | None = None,
) -> Path:
    """Write pictures of shape (height, width, 3), without a loss, to be shown at a rate or at times in seconds."""
    tick = Fraction(1, 90000)
    with av.open(path, "w") as container:
        stream = None
        moments = (Fraction(k) / rate for k in range(10**6)) if times is None else iter(times)
        for picture, moment in zip(pictures, moments, strict=False):
            if stream is None:
                height, width = picture.shape[:2]
                stream = container.add_stream("ffv1", rate=rate, width=width, height=height, pix_fmt="bgr0")
                stream.codec_context.time_base = tick
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(Fraction(moment) / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def maker(name: str, rate: float | Fraction | None = 25):
    """Return what makes a feature of films at a rate."""
    (request,) = ask_features(name)
    return request.feature.load()(request, FeatureContext(picture_rate=None if rate is None else Fraction(rate)))


def rows_of(made, *blocks: np.ndarray) -> np.ndarray:
    """Return the rows of the only output, of pictures in blocks."""
    return np.concatenate([*(made.push(block)[0] for block in blocks), made.finish()[0]])


def feature_of(film: Path, name: str, end: float | Fraction | None = None) -> np.ndarray:
    """Return the rows of a feature of a film, to the film's end by default."""
    with PictureReader(film) as reader:
        made = maker(name, reader.rate)
    until = picture_duration(film) if end is None else Fraction(end)
    return rows_of(made, *(block for _, block in PictureSampler(film, [Sampling(made.rate, made.size)], until)))
