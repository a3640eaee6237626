"""Samples for models of the brain: sound, picture, text and BOLD of one moment."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from giblet.data.multimodal.building import find_prepared
from giblet.data.multimodal.prepared import FeatureArray
from giblet.data.multimodal.rows import Source, pick_subjects, sources, split_rows
from giblet.data.multimodal.splits import DEFAULT, WAYS, Splitting
from giblet.data.multimodal.statistics import FeatureStatistics, statistics
from giblet.errors import AlignmentError, ParameterError
from giblet.progress import SILENT, Progress
from giblet.timeline import Seconds, whole

if TYPE_CHECKING:
    import xarray as xr

MODES = ("per_subject", "cross_subject")
TRs = int | slice | np.ndarray
"""Which TRs of a run."""


class MultimodalDataset(Dataset[dict[str, Tensor]]):
    """Aligned samples of a study, one for each TR.

    A sample is a dict of tensors. Its features are called by their modality where there is one of it, else by their
    full names:

    ==================  ==========================================================================================
    ``audio``           ``audio.codes``: int64 (n_codebooks, frames). ``audio.latents`` and ``audio.mel``: float32
                        (dim,) where a filter or an HRF was applied, (dim, frames) raw.
    ``video``           ``video.frames``: uint8 (frames, 90, 160, 3)
    ``text``            ``text.word_rate``: float32 (1,)
    ``fmri``            float32 (n_targets,)
    ``subject_id``      int64: index into `subjects`; -1 for a mean over subjects
    ``run``             int64: index into `runs`
    ``tr_index``        int64: TR of the run, from 0
    ``time``            float64: start of the TR on the stimulus' clock, seconds
    ``valid``           bool: whether all of it is known and the volume is not censored
    ==================  ==========================================================================================

    Parameters
    ----------
    data_dir : str or os.PathLike
        A folder with a study, a YAML file that describes one, or what ``giblet dataset build`` made.
    subjects : "all", str, int or list of those
        Names, with or without ``sub-``.
    split : str or None
        Which part, by default ``"train"``, ``"val"`` or ``"test"``; None for all of it.
    apply_hrf : bool
        Whether the features are brought to the time of the BOLD by a haemodynamic response: continuous ones and events
        are convolved with it, codes and pictures are delayed by its peak.
    mode : {"per_subject", "cross_subject"}
        A sample for each subject and TR, or one for each TR with the mean BOLD of all subjects.
    tr : float or str, optional
        Repetition time, seconds; by default that of the scans, and 1.5 where there are none.
    max_trs : int, optional
        At most so many TRs of each run.
    use_encodec, encodec_bandwidth, codec, features, hrf, codes_delay, delays, filter, frame_skip, trim,
    normalize_fmri, word_at
        As in `giblet.data.multimodal.settings.DatasetSettings`; ``encodec_bandwidth`` is its bandwidth.
    normalize_features : bool
        Whether continuous features are z-scored by mean and standard deviation of the training split.
    split_by, splits, gap
        As in `giblet.data.multimodal.splits.Splitting`; the default gap covers what filter, HRF and delays reach.
    window : int
        Consecutive TRs of a sample; above 1, every tensor begins with that dimension.
    only_valid : bool
        Whether samples with anything that is not valid are left out.
    cache_dir : str or os.PathLike, optional
        Where built datasets are kept; by default ``cache`` in the study's folder, or the user's cache where that is
        read-only.
    progress : Progress
        Who watches a dataset being built.

    Attributes
    ----------
    subjects, runs : tuple of str
        Names, in the order of `subject_id` and `run`.
    settings : DatasetSettings
        What made its arrays.
    notes : tuple of str
        What was found and decided on the way, a sentence each.

    Raises
    ------
    StudyError, BoldError, AnnotationError, MediaError, CodecError, AlignmentError, ParameterError
        If files are missing or do not fit together, or a value cannot be used.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str],
        subjects: str | int | Sequence[str | int] = "all",
        split: str | None = None,
        *,
        apply_hrf: bool | None = None,
        mode: str | None = None,
        encodec_bandwidth: float | None = None,
        normalize_features: bool = False,
        split_by: str | None = None,
        splits: Mapping[str, Any] | None = None,
        gap: Seconds | None = None,
        window: int = 1,
        only_valid: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
        progress: Progress = SILENT,
        **settings: Any,
    ) -> None:
        if mode not in (None, *MODES):
            raise ParameterError(f"there is no mode {mode!r}", f"choose {' or '.join(MODES)}")
        if whole(window, "the window") < 1:
            raise ParameterError(f"the window is {window} TRs", "give 1 or more")
        asked = settings | {"apply_hrf": apply_hrf, "bandwidth": encodec_bandwidth}
        asked = {name: value for name, value in asked.items() if value is not None}
        self._prepared = find_prepared(data_dir, asked, cache_dir, progress)
        self.settings, self.notes = self._prepared.settings, self._prepared.notes
        # What the study's own file says counts where nothing else was asked for.
        stated = self._prepared.defaults
        self.mode = mode or stated.get("mode", MODES[0])
        self.splitting = Splitting.asked(
            split_by or stated.get("split_by", WAYS[0]),
            stated.get("splits", DEFAULT) if splits is None else splits,
            stated.get("gap") if gap is None else gap,
        )
        if split not in (None, *self.splitting.parts):
            raise ParameterError(
                f"there is no split {split!r}", f"choose from {', '.join(self.splitting.parts)}, or None for all"
            )
        self.window, self.split = window, split
        names = dict.fromkeys(scan.subject for scan in self._prepared.scans)
        self.subjects = pick_subjects(tuple(names), subjects)
        self._sources = sources(self._prepared, self.subjects, self.mode)
        self.runs = tuple(dict.fromkeys(source.run for source in self._sources))
        first = self._prepared.stimuli[self._sources[0].stimulus]
        gap_seconds = sum(self._prepared.reach()) if self.splitting.gap is None else self.splitting.gap
        self.gap = math.ceil(gap_seconds / first.grid.tr)
        self._rows = split_rows(self._sources, self.splitting, split, self.gap, window, only_valid)
        if not len(self._rows.first):
            raise AlignmentError(*self._emptiness(), self._prepared.name)
        self._keys = _keys(feature.name for feature in first.features)
        self._arrays: dict[str, np.ndarray] = {}
        self._statistics: dict[str, FeatureStatistics] | None = None
        self._scaling = self.get_feature_stats() if normalize_features else {}

    def _emptiness(self) -> tuple[str, str]:
        if self.split is None or self.splitting.by != "blocks":
            return f"no run has {self.window} TRs that follow each other and can be used", "give a smaller window"
        return (
            f"the split {self.split!r} is empty, for the runs are too short for the {self.gap} TRs between splits that "
            "filter, HRF and delays reach over",
            "give a smaller gap, other splits, or split_by='run' or 'subject'",
        )

    def __repr__(self) -> str:
        return (
            f"MultimodalDataset({self._prepared.name!r}: {len(self)} samples, {len(self.subjects)} subjects, "
            f"{len(self.runs)} runs, split {self.split}: {', '.join(self._keys.values())})"
        )

    def __getstate__(self) -> dict[str, Any]:
        # Mapped arrays would be copied into every worker; each maps them anew.
        return self.__dict__ | {"_arrays": {}}

    def __len__(self) -> int:
        return len(self._rows.first)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self._sample(index, copy=True)

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Tensor]]:
        # What a DataLoader calls: it copies samples into a batch at once, so that they need no memory of their own.
        return [self._sample(index, copy=False) for index in indices]

    def _sample(self, index: int, *, copy: bool) -> dict[str, Tensor]:
        number, first = int(self._rows.source[index]), int(self._rows.first[index])
        trs: int | slice = first if self.window == 1 else slice(first, first + self.window)
        return {name: torch.from_numpy(value) for name, value in self._values(number, trs, copy=copy).items()}

    def _values(self, number: int, trs: TRs, *, copy: bool = True) -> dict[str, np.ndarray]:
        """Return arrays of some TRs of a source; without ``copy`` perhaps views of the dataset."""
        source = self._sources[number]
        stimulus = self._prepared.stimuli[source.stimulus]
        values = {self._keys[feature.name]: self._feature(feature, trs, copy) for feature in stimulus.features}
        if self._prepared.scans[source.scans[0]].bold is not None:
            values["fmri"] = self._bold(source, trs, copy)
        index = np.arange(trs.start, trs.stop) if isinstance(trs, slice) else np.asarray(trs)
        subject = -1 if source.subject is None else self.subjects.index(source.subject)
        values["subject_id"] = np.full(index.shape, subject)
        values["run"] = np.full(index.shape, self.runs.index(source.run))
        values["tr_index"] = index
        values["time"] = np.asarray(float(stimulus.grid.start) + index * float(stimulus.grid.tr))
        values["valid"] = np.array(source.valid[trs])
        return values

    def _feature(self, feature: FeatureArray, trs: TRs, copy: bool) -> np.ndarray:
        whole = self._mapped(feature.file)
        values = whole[trs]
        if feature.kind == "categorical":
            return values.astype(np.int64)
        scaling = self._scaling.get(feature.name)
        if scaling is None:
            return np.array(values) if copy else values
        # Raw features end with their frames.
        spread = (Ellipsis, None) if whole.ndim == 3 else Ellipsis
        return (values - scaling.mean[spread]) / scaling.std[spread]

    def _bold(self, source: Source, trs: TRs, copy: bool) -> np.ndarray:
        files = [self._prepared.scans[scan].bold or "" for scan in source.scans]
        if len(files) == 1 and not copy:
            return self._mapped(files[0])[trs]
        total = np.array(self._mapped(files[0])[trs])
        for file in files[1:]:
            total += self._mapped(file)[trs]
        return total if len(files) == 1 else total / np.float32(len(files))

    def _mapped(self, file: str) -> np.ndarray:
        if file not in self._arrays:
            self._arrays[file] = self._prepared.array(file)
        return self._arrays[file]

    def get_batch(self, indices: Iterable[int]) -> dict[str, Tensor]:
        """Return several samples as one.

        Parameters
        ----------
        indices : iterable of int
            Which.

        Returns
        -------
        dict of str to Tensor
            As a sample; every tensor begins with a dimension of samples.
        """
        return default_collate([self[index] for index in indices])

    def get_subject_data(self, subject: str | int) -> dict[str, np.ndarray]:
        """Return all TRs of a subject that the split holds, run after run.

        Parameters
        ----------
        subject : str or int
            Name, or the number in it.

        Returns
        -------
        dict of str to ndarray
            As a sample of one TR; every array begins with a dimension of TRs.

        Raises
        ------
        ParameterError
            If there is no such subject, or samples are means over subjects.
        """
        if self.mode != "per_subject":
            raise ParameterError("samples are means over subjects", "use mode='per_subject'")
        (name,) = pick_subjects(self.subjects, [subject])
        parts = [self._values(i, self._trs(i)) for i, source in enumerate(self._sources) if source.subject == name]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def get_feature_stats(self) -> dict[str, FeatureStatistics]:
        """Return mean and standard deviation of the features over the first split, whatever this one is.

        Returns
        -------
        dict of str to FeatureStatistics
            For continuous features and events, by their full names.
        """
        if self._statistics is None:
            training = split_rows(self._sources, self.splitting, next(iter(self.splitting.parts)), self.gap)
            self._statistics = statistics(self._prepared, self._sources, training)
        return self._statistics

    def to_xarray(self) -> xr.Dataset:
        """Return all TRs of the split as labelled arrays, in memory.

        Returns
        -------
        xarray.Dataset
            Every feature and ``fmri`` with the dimension ``sample`` first; subject, run, tr_index, time and valid are
            its coordinates, and ``target`` names the columns of ``fmri``.
        """
        import xarray as xr

        parts = [self._values(i, self._trs(i)) for i in range(len(self._sources))]
        whole = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        subjects = [*self.subjects, "mean"]
        coords: dict[str, Any] = {
            "subject": ("sample", [subjects[i] for i in whole.pop("subject_id")]),
            "run": ("sample", [self.runs[i] for i in whole.pop("run")]),
            **{name: ("sample", whole.pop(name)) for name in ("tr_index", "time", "valid")},
        }
        data = {name: (_dims(name, value.ndim), value) for name, value in whole.items()}
        if "fmri" in whole:
            coords["target"] = list(self.targets)
        return xr.Dataset(data, coords, attrs={"study": self._prepared.name, "split": self.split or "all"})

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns of ``fmri``."""
        file = self._prepared.scans[self._sources[0].scans[0]].targets
        return () if file is None else tuple(self._prepared.document(file)["names"])

    def to_image(self, values: Any, subject: str | int | None = None) -> Any:
        """Turn values of the targets, such as predictions, into an image.

        Parameters
        ----------
        values : array-like, shape (n_targets,) or (n, n_targets)
            One map, or a series of volumes.
        subject : str or int, optional
            Whose space; default the first one's.

        Returns
        -------
        nibabel image
            Of the kind that the BOLD was read from.

        Raises
        ------
        ParameterError
            If the BOLD came from tables, or the values are not those of the targets.
        """
        name = self.subjects[0] if subject is None else pick_subjects(self.subjects, [subject])[0]
        file = next(scan.space for scan in self._prepared.scans if scan.subject == name)
        if file is None:
            raise ParameterError("the BOLD came from a table, which has no places", "keep the values as they are")
        from giblet.bold import read_space

        return read_space(self._prepared.folder / file).to_image(np.asarray(values))

    def _trs(self, number: int) -> np.ndarray:
        """Return the TRs of a source that the split holds."""
        first = self._rows.first[self._rows.source == number]
        return np.unique(first[:, None] + np.arange(self.window))


def _keys(names: Iterable[str]) -> dict[str, str]:
    """Return what each feature is called in a sample: its modality, if it is the only one of it."""
    names = tuple(names)
    modalities = [name.split(".")[0] for name in names]
    return {
        name: modality if modalities.count(modality) == 1 else name
        for name, modality in zip(names, modalities, strict=True)
    }


def _dims(name: str, n_dims: int) -> tuple[str, ...]:
    if name == "fmri":
        return ("sample", "target")
    return ("sample", *(f"{name}_{i}" for i in range(1, n_dims)))
