"""Film to codes, at flat memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from giblet.codecs import Codec, Codes, Segment
from giblet.data.request import TRRequest
from giblet.data.sound import TRSound
from giblet.media.track import OpenTrack
from giblet.progress import SILENT, Progress, stage
from giblet.timeline import FrameLayout

log = logging.getLogger(__name__)


class FilmCodes:
    """An iterable of int16 blocks (n_codebooks, k): the codes of a film's sound.

    Parameters
    ----------
    path : str or os.PathLike
        Film or sound file.
    codec : Codec
        The codec.
    bandwidth : float
        Kilobits per second.
    request : TRRequest
        The TRs wanted. The codec always starts at the film's time zero, so a later start changes no code.
    track : int, optional
        Audio track, counted from 0.
    picture_clock : bool
        Whether time zero is the first picture or the first sound.
    source : OpenTrack, optional
        The track, opened for several.
    progress : Progress
        Told of the seconds done.

    Attributes
    ----------
    sound : TRSound
        Where the codes come from; knows grid and clock once all blocks were taken.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        codec: Codec,
        bandwidth: float,
        request: TRRequest,
        *,
        track: int | None = None,
        picture_clock: bool = True,
        source: OpenTrack | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.layout = codec.layout
        self.encoder = codec.encoder(bandwidth)
        self.sound = TRSound(
            path,
            request,
            codec.layout.sample_rate,
            codec.channels,
            lambda stop: samples_for(codec.layout, stop),
            track=track,
            picture_clock=picture_clock,
            source=source,
        )
        self.progress = progress
        self.n_frames = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        with stage(self.progress, f"encoding {Path(self.sound.path).name}", self.sound.total):
            for samples in self.sound:
                yield self._count(self.encoder.push(samples))
                self.progress.advance(samples.shape[1] / self.layout.sample_rate)
            # Where the film goes on, its last whole segment was coded already; the rest belongs to the next one.
            if self.sound.ended or self.layout.segment is None:
                yield self._count(self.encoder.finish())
        log.debug("%d frames of codes from %d samples", self.n_frames, self.sound.n_samples)

    def _count(self, codes: np.ndarray) -> np.ndarray:
        self.n_frames += codes.shape[1]
        return codes

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Segments of all codes, known at the end."""
        return self.encoder.segments

    @property
    def length(self) -> int:
        """Samples coded, padding included, known at the end."""
        return self.sound.n_samples + self.sound.n_padding

    def collect(self) -> Codes:
        """Take all blocks into memory."""
        blocks = list(self)
        return Codes(np.concatenate(blocks, axis=1), self.segments, self.layout, self.length)


def samples_for(layout: FrameLayout, stop: int) -> int:
    """Return how many samples the frames need that start before ``stop``.

    Parameters
    ----------
    layout : FrameLayout
        The codec's frames.
    stop : int
        Sample number.

    Returns
    -------
    int
        Samples after which the codes of those frames no longer change.
    """
    if layout.segment is None or layout.stride is None:
        return -(-stop // layout.hop) * layout.hop
    return (stop - 1) // layout.stride * layout.stride + layout.segment
