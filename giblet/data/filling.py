"""A plan for a film → arrays in a store: sound decoded once, then pictures once, then words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.codecs import Codec
from giblet.data.codes import CodeArrays, describe_codec
from giblet.data.encoding import FilmCodes
from giblet.data.mel import FilmMel, MelSettings
from giblet.data.plan import LATENTS, Plan, film_length
from giblet.data.request import TRRequest
from giblet.data.series_arrays import SeriesWriter, put_series
from giblet.data.sound import TRSound
from giblet.data.streams import Consumer, FilmSeries, RowLimit, look_ahead, run_together
from giblet.features import PictureFeature
from giblet.media.sampling import PictureSampler, Sampling
from giblet.media.track import OpenTrack
from giblet.progress import Progress, stage
from giblet.store import StoreWriter
from giblet.timeline import TRGrid

if TYPE_CHECKING:
    from giblet.annotations import Annotations


class Filler:
    """Fills a store with the features of one film.

    Parameters
    ----------
    store : StoreWriter
        The store.
    film : str or os.PathLike
        Film or sound file.
    request : TRRequest
        The TRs wanted.
    track : int or None
        Audio track.
    progress : Progress
        Told of the seconds done.

    Attributes
    ----------
    provenance : dict
        What the store says about what was written so far, in JSON types.
    series : dict of str to dict
        The same of each series.
    """

    def __init__(
        self,
        store: StoreWriter,
        film: str | os.PathLike[str],
        request: TRRequest,
        track: int | None,
        progress: Progress,
    ) -> None:
        self.provenance: dict[str, Any] = {}
        self._store, self._film, self._request = store, film, request
        self._track, self._progress = track, progress
        self.series: dict[str, dict[str, Any]] = {}

    def fill(self, plan: Plan, codec: Codec | None, bandwidth: float, annotations: Annotations | None = None) -> None:
        """Write everything that a plan holds.

        Parameters
        ----------
        plan : Plan
            The features.
        codec : Codec or None
            Where codes are wanted.
        bandwidth : float
            Kilobits per second.
        annotations : Annotations or None
            Where features of words are wanted.

        Raises
        ------
        GibletError
            If the film or the annotations cannot be used.
        """
        if plan.needs_sound:
            self._fill_sound(plan, codec, bandwidth)
        else:
            self._keep_time(None, film_length(self._film))
        if plan.pictures:
            self._fill_pictures(list(plan.pictures.values()))
        if plan.words and annotations is not None:
            self._fill_words(plan, annotations)
        if self.series:
            self.provenance["series"] = self.series

    def _fill_sound(self, plan: Plan, codec: Codec | None, bandwidth: float) -> None:
        readers = (codec is not None) + len(plan.sound) + plan.mel * FilmMel.readers(self._request)
        film, request, track = self._film, self._request, self._track
        with OpenTrack(film, track, readers) as source:
            consumers: list[Consumer] = []
            finishing: list[Any] = []
            if codec is not None:
                codes = FilmCodes(
                    film, codec, bandwidth, request, track=track, source=source, progress=self._progress.beside()
                )
                arrays = CodeArrays(
                    self._store, codec.layout, codec.n_codebooks(bandwidth),
                    codec.codebooks(codec.n_codebooks(bandwidth)), keep_latents=LATENTS in plan.names,
                )  # fmt: skip
                consumers.append(Consumer(codes, arrays.append))
                finishing.append(lambda: self._end_codes(codes, arrays, codec, bandwidth))
            if plan.mel:
                mel = FilmMel(
                    film, MelSettings(), request, track=track, source=source, progress=self._progress.beside()
                )
                values = self._store.create(
                    "mel", ("mel_band", "mel_frame"), (mel.settings.n_mels, 0), np.float32, append_dim="mel_frame",
                    chunk=512, attrs={"feature": "audio.mel", "kind": "continuous", "units": "dB"},
                )  # fmt: skip
                consumers.append(Consumer(mel, values.append))
                finishing += [lambda: values.revise(mel.relative), lambda: self._end_mel(mel)]
            for feature in plan.sound.values():
                stream = FilmSeries(
                    film, feature, request, track=track, source=source, progress=self._progress.beside()
                )
                writers = [SeriesWriter(self._store, output, "sound") for output in feature.outputs]
                consumers.append(Consumer(stream, _appended(writers)))
                finishing.append(lambda writers=writers: self._end_series(writers))
            run_together(consumers)
            self._keep_time(consumers[0].stream.sound, consumers[0].stream.sound.duration)
            for finish in finishing:
                finish()

    def _fill_pictures(self, features: list[PictureFeature]) -> None:
        end = Fraction(self.provenance["duration_with_padding"])
        ahead = max(look_ahead(feature.outputs) for feature in features) if end == self._request.stop else 0
        wanted = [Sampling(feature.rate, feature.size) for feature in features]
        sampler = PictureSampler(self._film, wanted, end + ahead)
        writers = [[SeriesWriter(self._store, output, "pictures") for output in f.outputs] for f in features]
        limits = [RowLimit(feature.outputs) for feature in features]
        takers = [_appended(each) for each in writers]
        done = [0] * len(features)
        names = ", ".join(output.name for feature in features for output in feature.outputs[:1])
        progress = self._progress.beside()
        with stage(progress, f"{names} of {Path(self._film).name}", float(end)):
            for taker, pictures in sampler:
                takers[taker](limits[taker].cut(features[taker].push(pictures), end))
                before = min(n / feature.rate for n, feature in zip(done, features, strict=True))
                done[taker] += len(pictures)
                after = min(n / feature.rate for n, feature in zip(done, features, strict=True))
                progress.advance(float(after - before))
            for taker, limit, feature in zip(takers, limits, features, strict=True):
                taker(limit.cut(feature.finish(), end))
        for i, each in enumerate(writers):
            self._end_series(each, held=sampler.held[i])

    def _fill_words(self, plan: Plan, annotations: Annotations) -> None:
        until = float(Fraction(self.provenance["duration_with_padding"]))
        notes = list(annotations.notes)
        for name, feature in plan.words.items():
            progress = self._progress.beside()
            with stage(progress, name, until):
                for series, rows in feature.series(annotations, until):
                    self.series[series] = put_series(self._store, series, rows, dict(feature.identity))
                progress.advance(until)
            notes += getattr(feature, "notes", ())
        self.provenance["annotations"] = {"files": annotations.path, "notes": notes}

    def _end_codes(self, film: FilmCodes, arrays: CodeArrays, codec: Codec, bandwidth: float) -> None:
        n_frames = arrays.close(film.segments)
        self.provenance["codec"] = describe_codec(
            codec.name,
            codec.source,
            codec.fingerprint,
            codec.layout,
            codec.channels,
            codec.codebook_size,
            bandwidth,
            {b: codec.n_codebooks(b) for b in codec.bandwidths if b <= bandwidth},
        )
        self.provenance["codes"] = {"n_samples": film.length, "n_heard": film.sound.n_heard, "n_frames": n_frames}

    def _end_mel(self, film: FilmMel) -> None:
        settings = film.settings
        self._store.put(
            "mel_time", ("mel_frame",), np.arange(film.n_frames) * (settings.hop_length / settings.sample_rate),
            {"units": "s", "long_name": "centre of the frame on the film's clock"},
        )  # fmt: skip
        self.provenance["mel"] = {
            "sample_rate": settings.sample_rate,
            "n_mels": settings.n_mels,
            "n_fft": settings.n_fft,
            "hop_length": settings.hop_length,
            "reference": film.reference,
            "n_heard": film.sound.n_heard,
        }

    def _end_series(self, writers: Sequence[SeriesWriter], held: int = 0) -> None:
        for writer in writers:
            self.series[writer.output.name] = writer.close() | ({"held": held} if held else {})

    def _keep_time(self, sound: TRSound | None, duration: Fraction) -> None:
        """Keep what is the same for every feature of a film: its clock, how long it is, and its TRs."""
        if sound is None:
            grid: TRGrid = self._request.grid(duration, os.fspath(self._film), "it lasts")
            padded = grid.window(grid.n_trs)[0] > duration
            duration = duration if self._request.stop is None else min(duration, self._request.stop)
        else:
            grid, padded = sound.grid, bool(sound.n_padding)
        self.provenance |= {
            "sound": None if sound is None else sound.describe(),
            "duration": str(duration),
            "duration_with_padding": str(grid.window(grid.n_trs)[0] if padded else duration),
            "n_trs": grid.n_trs,
        }


def _appended(writers: Sequence[SeriesWriter]) -> Any:
    def append(blocks: Sequence[np.ndarray]) -> None:
        for writer, rows in zip(writers, blocks, strict=True):
            writer.append(rows)

    return append
