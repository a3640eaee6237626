"""What was shown and said, as one array per feature with a row for each TR."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from giblet.alignment import convolve, convolved_names, delayed, delayed_codes, hrf_peak, to_trs
from giblet.data.extraction import extract
from giblet.data.multimodal.prepared import FeatureArray
from giblet.data.multimodal.settings import FEATURES, DatasetSettings
from giblet.data.store import FeatureStore, open_store
from giblet.data.study import RunFiles
from giblet.errors import StudyError
from giblet.features import FeatureSeries
from giblet.media.probe import probe
from giblet.progress import Progress, stage
from giblet.timeline import TRGrid


@dataclass(frozen=True)
class StimulusFiles:
    """What a stimulus consists of: equal for all who saw the same.

    Attributes
    ----------
    film : pathlib.Path or None
        Film or sound.
    annotations : tuple of pathlib.Path
        On its clock.
    tr, start, sample_offset : fractions.Fraction
        The grid that it was seen on, seconds.
    """

    film: Path | None
    annotations: tuple[Path, ...]
    tr: Fraction
    start: Fraction
    sample_offset: Fraction

    @classmethod
    def of(cls, files: RunFiles, grid: TRGrid) -> StimulusFiles:
        """Return what a run showed on a grid."""
        return cls(files.stimulus, files.annotations, grid.tr, grid.start, grid.sample_offset)

    @property
    def name(self) -> str:
        """Name of the film, or of the annotations."""
        return self.film.name if self.film is not None else ", ".join(path.name for path in self.annotations)


def usual_features(files: RunFiles, settings: DatasetSettings) -> tuple[str, ...]:
    """Return the features that a run has files for.

    Parameters
    ----------
    files : RunFiles
        The run.
    settings : DatasetSettings
        Whether sound is given as codes.

    Returns
    -------
    tuple of str
        Their names.
    """
    names = []
    if files.stimulus is not None:
        film = probe(files.stimulus)
        names += ["audio.codes" if settings.use_encodec else "audio.mel"] if film.audio else []
        names += ["video.frames"] if film.pictures else []
    return (*names, *(["text.word_rate"] if files.annotations else []))


def write_stimulus(
    stimulus: StimulusFiles, grid: TRGrid, names: tuple[str, ...], settings: DatasetSettings,
    folder: Path, prefix: str, stores: Path, progress: Progress,
) -> tuple[tuple[FeatureArray, ...], str, tuple[str, ...]]:  # fmt: skip
    """Write the features of a stimulus.

    Parameters
    ----------
    stimulus : StimulusFiles
        What was shown.
    grid : TRGrid
        The TRs.
    names : tuple of str
        Features.
    settings : DatasetSettings
        How they come to TRs.
    folder, prefix : pathlib.Path, str
        Of the dataset, and of the names of files in it.
    stores : pathlib.Path
        Where features at native rate are kept.
    progress : Progress
        Who watches.

    Returns
    -------
    features : tuple of FeatureArray
        What was written.
    valid : str
        A file of bool (n_trs,): where all features know something.
    notes : tuple of str
        What was found, a sentence each.

    Raises
    ------
    StudyError
        If a feature needs a file that the study does not have.
    MediaError, CodecError, AnnotationError, AlignmentError
        If a file cannot be used.
    """
    maker = _Maker(stimulus, grid, settings, stores, progress)
    valid = np.ones(grid.n_trs, bool)
    features = []
    for name in names:
        file = f"{prefix}.{name}.npy"
        columns: tuple[str, ...] = ()
        if name == "video.frames":
            known = maker.pictures(folder / file)
        else:
            values, columns, known = maker.array(name)
            np.save(folder / file, values)
        valid &= known
        features.append(FeatureArray(name, FEATURES[name], columns, file, maker.stores.get(name)))
    file = f"{prefix}.valid.npy"
    np.save(folder / file, valid)
    return tuple(features), file, tuple(maker.notes)


class _Maker:
    """Makes the features of one stimulus; a film is extracted once for all of them."""

    def __init__(
        self, stimulus: StimulusFiles, grid: TRGrid, settings: DatasetSettings, stores: Path, progress: Progress
    ) -> None:
        self._stimulus, self._grid, self._settings = stimulus, grid, settings
        self._stores, self._progress = stores, progress
        self.notes: list[str] = []
        self.stores: dict[str, str] = {}
        # Categories and pictures are not convolved, they are shown later.
        peak = Fraction(0) if settings.hrf is None else Fraction(hrf_peak(settings.hrf)).limit_denominator(1000)
        self._delay = peak if settings.codes_delay is None else settings.codes_delay
        self._delays = [self._delay + delay for delay in settings.delays or (Fraction(0),)]

    def array(self, name: str) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
        """Return values (n_trs, …), names of columns, and where they are known."""
        if name == "audio.codes":
            return self._codes()
        series = self._words() if name == "text.word_rate" else self._sound(name)
        settings, grid = self._settings, self._grid
        if settings.hrf is not None:
            values = convolve(series, grid, settings.hrf).astype(np.float32)
            return values, convolved_names(series, settings.hrf), np.ones(grid.n_trs, bool)
        if series.kind == "continuous" and settings.filter is None and not settings.delays:
            return self._raw(name)
        values = to_trs(series, grid, settings.filter if series.kind == "continuous" else None).astype(np.float32)
        if not settings.delays:
            return values, series.names, np.ones(grid.n_trs, bool)
        values, known = delayed(values, settings.delays, grid.tr)
        names = [f"{name}.delay_{float(delay):g}" for delay in settings.delays for name in series.names]
        return values, tuple(names), known

    def pictures(self, file: Path) -> np.ndarray:
        """Write pictures uint8 (n_trs, frames, 90, 160, 3), and return where they are known."""
        from giblet.features.pictures import frames_per_tr

        film = self._film("video.frames")
        grid = self._grid
        readers = [
            frames_per_tr(film, TRGrid(grid.tr, grid.n_trs, grid.start - delay), frame_skip=self._settings.frame_skip)
            for delay in self._delays
        ]
        n_frames = readers[0].shape[1]
        shape = (grid.n_trs, len(readers) * n_frames, *readers[0].shape[2:])
        known = np.ones(grid.n_trs, bool)
        out = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
        seconds = float(grid.tr)
        with stage(self._progress, f"pictures of {film.name}", len(readers) * grid.n_trs * seconds):
            for i, reader in enumerate(readers):
                for tr, (frames, shown) in enumerate(reader):
                    out[tr, i * n_frames : (i + 1) * n_frames] = frames
                    known[tr] &= shown
                    self._progress.advance(seconds)
        out.flush()
        return known

    def _codes(self) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
        values, layout, indices = self._store("audio.codes").native("audio.codes", self._settings.bandwidth)
        parts = [delayed_codes(layout, indices, self._grid, delay) for delay in self._delays]
        known = np.logical_and.reduce([valid for _, valid in parts])
        return np.concatenate([windows.cut(values) for windows, _ in parts], axis=1).astype(np.int16), (), known

    def _raw(self, name: str) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
        store = self._store(name)
        values, layout, indices = store.native(name, self._settings.bandwidth)
        windows, known = delayed_codes(layout, indices, self._grid, 0)
        return windows.cut(values), (), known

    def _sound(self, name: str) -> FeatureSeries:
        return self._store(name).series(name, self._settings.bandwidth)

    def _words(self) -> FeatureSeries:
        from giblet.annotations import read_annotations
        from giblet.features.words import word_rate

        if not self._stimulus.annotations:
            raise StudyError("text.word_rate needs annotations", "name them in the study", self._stimulus.name)
        tier, sheet = self._settings.tier, self._settings.sheet
        found = [read_annotations(path, tier=tier, sheet=sheet) for path in self._stimulus.annotations]
        self.notes += [note for annotations in found for note in annotations.notes]
        return _merged([word_rate(annotations, at=self._settings.word_at) for annotations in found])

    def _store(self, name: str) -> FeatureStore:
        film = self._film(name)
        settings = self._settings
        details = [settings.codec, settings.bandwidth] if name != "audio.mel" else []
        key = json.dumps([str(film.resolve()), film.stat().st_size, film.stat().st_mtime_ns, name, *details])
        path = self._stores / f"{film.stem}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        # Latents are looked up from codes.
        wanted = "audio.mel" if name == "audio.mel" else "audio.codes"
        extract(
            film, path, tr=self._grid.tr, codec=settings.codec, bandwidth=settings.bandwidth, features=wanted,
            progress=self._progress,
        )  # fmt: skip
        self.stores[name] = str(path.absolute())
        return open_store(path)

    def _film(self, name: str) -> Path:
        if self._stimulus.film is None:
            raise StudyError(f"{name} needs a film or sound", "name it in the study", self._stimulus.name)
        return self._stimulus.film


def _merged(series: list[FeatureSeries]) -> FeatureSeries:
    if len(series) == 1:
        return series[0]
    times = np.concatenate([one.times for one in series])
    order = np.argsort(times, kind="stable")
    return FeatureSeries(
        np.concatenate([one.values for one in series])[order],
        times[order],
        series[0].names,
        series[0].kind,
        np.concatenate([one.durations for one in series])[order],
    )
