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
from giblet.data.multimodal.settings import DatasetSettings
from giblet.data.plan import BUILT_IN, Annotated, split_requests
from giblet.data.series_arrays import array_name
from giblet.data.store import FeatureStore, open_store
from giblet.data.study import RunFiles
from giblet.errors import StudyError
from giblet.features import FeatureContext, FeatureRequest, FeatureSeries, WordFeature, ask_features
from giblet.media.probe import probe
from giblet.progress import Progress, stage
from giblet.timeline import TRGrid

FRAMES = "video.frames"


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
    maker = _Maker(stimulus, grid, names, settings, stores, progress)
    valid = np.ones(grid.n_trs, bool)
    features = []
    for name, kind in maker.features:
        file = f"{prefix}.{array_name(name)}.npy"
        columns: tuple[str, ...] = ()
        if kind == "pictures":
            known = maker.pictures(folder / file)
        else:
            values, columns, known = maker.array(name)
            np.save(folder / file, values)
        valid &= known
        features.append(FeatureArray(name, kind, columns, file, maker.stores.get(name), *maker.reach(name)))
    file = f"{prefix}.valid.npy"
    np.save(folder / file, valid)
    return tuple(features), file, tuple(maker.notes)


def native_series(
    stimulus: StimulusFiles, grid: TRGrid, name: str, settings: DatasetSettings, stores: Path, progress: Progress
) -> FeatureSeries:
    """Return a feature of a stimulus at its own rate.

    Parameters
    ----------
    stimulus, grid, settings, stores, progress
        As in `write_stimulus`.
    name : str
        Of the feature; of several that a name stands for, such as layers of a model, the first is returned.

    Returns
    -------
    FeatureSeries
        The whole of it, on the stimulus' clock.

    Raises
    ------
    StudyError, MediaError, CodecError, AnnotationError
        As in `write_stimulus`.
    """
    maker = _Maker(stimulus, grid, (name,), settings, stores, progress)
    return maker.series(maker.features[0][0])


class _Maker:
    """Makes the features of one stimulus; a film is decoded once for all of them.

    Parameters
    ----------
    stimulus, grid, settings, stores, progress
        As in `write_stimulus`.
    names : tuple of str
        Features as they were asked for; one of several layers becomes several.

    Attributes
    ----------
    features : list of (str, str)
        Name and kind of everything that there is, in the order of the names.
    stores : dict of str to str
        The store of each feature of a film.
    notes : list of str
        What was found.
    """

    def __init__(
        self, stimulus: StimulusFiles, grid: TRGrid, names: tuple[str, ...], settings: DatasetSettings,
        stores: Path, progress: Progress,
    ) -> None:  # fmt: skip
        self._stimulus, self._grid, self._settings = stimulus, grid, settings
        self._progress = progress
        self.notes: list[str] = []
        self.stores: dict[str, str] = {}
        # Categories and pictures are not convolved, they are shown later.
        peak = Fraction(0) if settings.hrf is None else Fraction(hrf_peak(settings.hrf)).limit_denominator(1000)
        self._delay = peak if settings.codes_delay is None else settings.codes_delay
        self._delays = [self._delay + delay for delay in settings.delays or (Fraction(0),)]
        split = split_requests(ask_features(names))
        shown = [request.name for request in split["pictures"] if request.feature.name == FRAMES]
        stored = [
            request.name
            for source in ("built-in", "sound", "pictures")
            for request in split[source]
            if request.name not in shown
        ]
        self._words = self._written(split["words"])
        self._store = self._extracted(stored, stores) if stored else None
        self.features = [
            *((name, self._opened.kind(name)) for name in self._kept(stored)),
            *((name, "pictures") for name in shown),
            *((name, series.kind) for name, series in self._words.items()),
        ]

    def array(self, name: str) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
        """Return values (n_trs, …), names of columns, and where they are known."""
        if name == "audio.codes":
            return self._codes()
        series, settings, grid = self.series(name), self._settings, self._grid
        if settings.hrf is not None:
            values = convolve(series, grid, settings.hrf).astype(np.float32)
            return values, convolved_names(series, settings.hrf), np.ones(grid.n_trs, bool)
        raw = series.kind == "continuous" and settings.filter is None and not settings.delays
        if raw and name not in self._words:
            return self._raw(name)
        values = to_trs(series, grid, settings.filter if series.kind == "continuous" else None).astype(np.float32)
        if not settings.delays:
            return values, series.names, np.ones(grid.n_trs, bool)
        values, known = delayed(values, settings.delays, grid.tr)
        names = [f"{column}.delay_{float(delay):g}" for delay in settings.delays for column in series.names]
        return values, tuple(names), known

    def reach(self, name: str) -> tuple[float, float]:
        """Return the seconds around a row's own time that it depends on; what a codec remembers is not counted."""
        if name in self._words:
            return self._reaches[name]
        if name == "audio.mel":
            mel = self._opened.provenance["mel"]
            half = mel["n_fft"] / 2
            return half / mel["sample_rate"], max(0.0, half - mel["hop_length"]) / mel["sample_rate"]
        if name in (*BUILT_IN, FRAMES):
            return 0.0, 0.0
        about = self._opened.about(name)
        return float(about.get("past", 0)), float(about.get("future", 0))

    def series(self, name: str) -> FeatureSeries:
        """Return a feature at its own rate."""
        return self._words[name] if name in self._words else self._opened.series(name, self._settings.bandwidth)

    def pictures(self, file: Path) -> np.ndarray:
        """Write pictures uint8 (n_trs, frames, 90, 160, 3), and return where they are known."""
        from giblet.features.pictures import frames_per_tr

        film = self._film(FRAMES)
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
        values, layout, indices = self._opened.native("audio.codes", self._settings.bandwidth)
        parts = [delayed_codes(layout, indices, self._grid, delay) for delay in self._delays]
        known = np.logical_and.reduce([valid for _, valid in parts])
        return np.concatenate([windows.cut(values) for windows, _ in parts], axis=1).astype(np.int16), (), known

    def _raw(self, name: str) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
        values, layout, indices = self._opened.native(name, self._settings.bandwidth)
        windows, known = delayed_codes(layout, indices, self._grid, 0)
        return windows.cut(values), (), known

    def _written(self, requests: list[FeatureRequest]) -> dict[str, FeatureSeries]:
        """Return the features of words."""
        if not requests:
            return {}
        stimulus, settings, until = self._stimulus, self._settings, float(self._grid.edges[-1])
        if not stimulus.annotations:
            raise StudyError(f"{requests[0].name} needs annotations", "name them in the study", stimulus.name)
        found = Annotated(stimulus.annotations, settings.tier, settings.sheet).read()
        self.notes += found.notes
        made: dict[str, FeatureSeries] = {}
        self._reaches: dict[str, tuple[float, float]] = {}
        for request in requests:
            feature = self._word_feature(request)
            with stage(self._progress, f"{request.name} of {stimulus.name}", None):
                series = dict(feature.series(found, until))
            made |= series
            self._reaches |= dict.fromkeys(series, getattr(feature, "reach", (0.0, 0.0)))
            self.notes += getattr(feature, "notes", ())
        return made

    def _word_feature(self, request: FeatureRequest) -> WordFeature:
        # The study's own moment of a word counts where the name of the feature says nothing else.
        options = dict(request.options or {})
        if options.get("at") == request.feature.options.get("at", ""):
            options["at"] = self._settings.word_at
        asked = FeatureRequest(request.feature, request.parts, options)
        feature: WordFeature = request.feature.make(asked, FeatureContext())
        return feature

    def _extracted(self, names: list[str], stores: Path) -> FeatureStore:
        film, settings = self._film(names[0]), self._settings
        # Latents are looked up from codes.
        wanted = list(dict.fromkeys("audio.codes" if name == "audio.latents" else name for name in names))
        details = [settings.codec, settings.bandwidth] if "audio.codes" in wanted else []
        state = film.stat()
        about = [str(film.resolve()), state.st_size, state.st_mtime_ns, str(self._grid.tr), *wanted, *details]
        key = json.dumps(about)
        path = stores / f"{film.stem}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        extract(
            film, path, tr=self._grid.tr, codec=settings.codec, bandwidth=settings.bandwidth, features=wanted,
            progress=self._progress,
        )  # fmt: skip
        store = open_store(path)
        kept = [*store.features, "audio.latents"]
        self.stores = dict.fromkeys(kept, str(path.absolute()))
        return store

    def _kept(self, asked: list[str]) -> list[str]:
        """Return the features in the store that were asked for, by which its codes may be there for the latents."""
        if self._store is None:
            return []
        others = [name for name in self._store.features if name not in BUILT_IN]
        return [name for name in BUILT_IN if name in asked] + others

    @property
    def _opened(self) -> FeatureStore:
        if self._store is None:
            raise StudyError("has no features of a film", "ask for some", self._stimulus.name)
        return self._store

    def _film(self, name: str) -> Path:
        if self._stimulus.film is None:
            raise StudyError(f"{name} needs a film or sound", "name it in the study", self._stimulus.name)
        return self._stimulus.film
