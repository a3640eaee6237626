"""A dataset on disk: arrays that are mapped into memory, and one file that says what they are.

``manifest.json`` is written last and the folder is renamed into place, so a dataset is complete or not there. Features
of a stimulus are kept once for all who saw it at the same times; the BOLD of each scan is a file of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from giblet.data.multimodal.settings import DatasetSettings
from giblet.errors import StoreError
from giblet.timeline import TRGrid

MANIFEST = "manifest.json"
KIND = "giblet-dataset"
VERSION = 1
_MAKE_AGAIN = "build it again"


@dataclass(frozen=True)
class FeatureArray:
    """One feature of one stimulus, for each TR.

    Attributes
    ----------
    name : str
        As in `giblet.features.known_features`.
    kind : str
        What may be done with it.
    columns : tuple of str
        Names of its dimension where it has one besides TRs; else empty.
    file : str
        A .npy file in the dataset's folder, of shape (n_trs, …).
    store : str or None
        The store that holds it at its native rate, where it is a feature of a film.
    past, future : float
        Seconds around a row's own time that its values depend on at their own rate, as the window of a model; 0 in
        datasets of earlier versions.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    file: str
    store: str | None = None
    past: float = 0.0
    future: float = 0.0


@dataclass(frozen=True)
class Stimulus:
    """What was shown in one or more scans, on their grid.

    Attributes
    ----------
    name : str
        File that it came from.
    grid : TRGrid
        The longest of these scans' grids.
    features : tuple of FeatureArray
        What is known of it.
    valid : str
        A .npy file of bool (n_trs,): False where a feature knows nothing, as before the first delayed code.
    """

    name: str
    grid: TRGrid
    features: tuple[FeatureArray, ...]
    valid: str


@dataclass(frozen=True)
class Scan:
    """One run of one subject.

    Attributes
    ----------
    subject, run : str
        Names.
    stimulus : int
        Which of the dataset's stimuli was shown.
    n_trs : int
        TRs of this scan, the first ones of the stimulus' grid.
    first_volume : int
        Which stored volume they begin with.
    bold : str or None
        A .npy file of float32 (n_trs, n_targets); None without BOLD.
    used : str or None
        A .npy file of bool (n_trs,): False for censored volumes.
    targets : str or None
        A JSON file with the names of the targets and which of them hold a signal.
    space : str or None
        An image that says where the targets lie (see `giblet.bold.read_space`); None for tables.
    notes : tuple of str
        What was found and decided, a sentence each.
    tsnr : str or None
        A .npy file of float32 (n_targets,): the temporal signal-to-noise ratio of each target before anything was
        z-scored, over the volumes that are not censored. None without BOLD, and in datasets of earlier versions.
    """

    subject: str
    run: str
    stimulus: int
    n_trs: int
    first_volume: int
    bold: str | None
    used: str | None
    targets: str | None
    space: str | None
    notes: tuple[str, ...]
    tsnr: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A dataset's folder (`read_prepared` reads it).

    Attributes
    ----------
    folder : pathlib.Path
        Where it lies.
    name : str
        Of the study.
    settings : DatasetSettings
        What made its arrays.
    stimuli : tuple of Stimulus
        What was shown.
    scans : tuple of Scan
        Who saw it.
    defaults : mapping
        How the study's own file wants it split: split_by, splits, gap in seconds as text, mode.
    support : tuple of float
        Seconds of the past and of the future that filter, response and delays put into a sample's features.
    notes : tuple of str
        What was found in the study, a sentence each.
    """

    folder: Path
    name: str
    settings: DatasetSettings
    stimuli: tuple[Stimulus, ...]
    scans: tuple[Scan, ...]
    defaults: Mapping[str, Any]
    support: tuple[float, float]
    notes: tuple[str, ...]

    def reach(self, names: Collection[str] | None = None) -> tuple[float, float]:
        """Return the seconds of the past and of the future that a sample knows of its features, or of those named.

        `support`, and besides it what rows at their own rate depend on: the longest window among the features.
        """
        chosen = [f for stimulus in self.stimuli for f in stimulus.features if names is None or f.name in names]
        past, future = self.support
        return past + max((f.past for f in chosen), default=0), future + max((f.future for f in chosen), default=0)

    def array(self, file: str) -> np.ndarray:
        """Map an array of the dataset into memory.

        Parameters
        ----------
        file : str
            Its name.

        Returns
        -------
        ndarray
            Read where it is needed, and shared by all processes; the file stays what it is whatever is done to it.

        Raises
        ------
        StoreError
            If it is missing or damaged.
        """
        try:
            # Copy on write, for torch does not ask whether it may write. A plain array is quicker to index.
            return np.asarray(np.load(self.folder / file, mmap_mode="c", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"its array {file} is missing or damaged", _MAKE_AGAIN, self.folder) from error

    def document(self, file: str) -> Any:
        """Read a JSON file of the dataset.

        Raises
        ------
        StoreError
            If it is missing or damaged.
        """
        try:
            return json.loads((self.folder / file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"its file {file} is missing or damaged", _MAKE_AGAIN, self.folder) from error

    def write_manifest(self) -> None:
        """Write down what lies in the folder, as the last file of it."""
        values = {
            "kind": KIND,
            "version": VERSION,
            "name": self.name,
            "settings": self.settings.to_dict(),
            "stimuli": [asdict(stimulus) | {"grid": _grid_to_dict(stimulus.grid)} for stimulus in self.stimuli],
            "scans": [asdict(scan) for scan in self.scans],
            "defaults": dict(self.defaults),
            "support": list(self.support),
            "notes": list(self.notes),
        }
        (self.folder / MANIFEST).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def is_prepared(path: str | os.PathLike[str]) -> bool:
    """Tell whether a folder holds a dataset that was built."""
    try:
        values = json.loads(Path(path, MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.get("kind") == KIND


def read_prepared(path: str | os.PathLike[str]) -> Prepared:
    """Read what a dataset's folder holds; its arrays are mapped when they are needed.

    Parameters
    ----------
    path : str or os.PathLike
        The folder.

    Returns
    -------
    Prepared
        The dataset.

    Raises
    ------
    StoreError
        If it is none, of another version, or damaged.
    """
    folder = Path(path)
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if (values["kind"], values["version"]) != (KIND, VERSION):
            raise StoreError("was built by another version of giblet", _MAKE_AGAIN, path)
        return Prepared(
            folder,
            values["name"],
            DatasetSettings.from_dict(values["settings"]),
            tuple(_stimulus(stimulus) for stimulus in values["stimuli"]),
            tuple(Scan(**{**scan, "notes": tuple(scan["notes"])}) for scan in values["scans"]),
            values["defaults"],
            (float(values["support"][0]), float(values["support"][1])),
            tuple(values["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError("holds no dataset that can be read", _MAKE_AGAIN, path) from error


def _stimulus(values: Mapping[str, Any]) -> Stimulus:
    features = tuple(
        FeatureArray(**{**feature, "columns": tuple(feature["columns"])}) for feature in values["features"]
    )
    return Stimulus(values["name"], _grid_from_dict(values["grid"]), features, values["valid"])


def _grid_to_dict(grid: TRGrid) -> dict[str, Any]:
    return {
        "tr": str(grid.tr),
        "n_trs": grid.n_trs,
        "start": str(grid.start),
        "sample_offset": str(grid.sample_offset),
    }


def _grid_from_dict(values: Mapping[str, Any]) -> TRGrid:
    return TRGrid(Fraction(values["tr"]), values["n_trs"], Fraction(values["start"]), Fraction(values["sample_offset"]))
