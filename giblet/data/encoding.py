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
        self._wanted = 0
        self._codec = codec
        self.sound = TRSound(
            path,
            request,
            codec.layout.sample_rate,
            codec.channels,
            self._reach,
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
            # Where the film goes on, its last whole segment or chunk was coded already; the rest belongs to the next.
            if self.sound.ended or self.n_frames < self._wanted:
                yield self._count(self.encoder.finish())
        log.debug("%d frames of codes from %d samples", self.n_frames, self.sound.n_samples)

    def _reach(self, stop: int) -> int:
        self._wanted = len(self.layout.between(0, stop)) if self.layout.segment is None else 0
        return self._codec.samples_for(stop)

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
        n_samples = self.sound.n_samples + self.sound.n_padding
        # A codec may have to look further than it codes.
        return n_samples if self.layout.segment is not None else min(n_samples, self.n_frames * self.layout.hop)

    def collect(self) -> Codes:
        """Take all blocks into memory."""
        blocks = list(self)
        return Codes(np.concatenate(blocks, axis=1), self.segments, self.layout, self.length)
