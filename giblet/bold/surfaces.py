"""GIFTI: vertices of one hemisphere or both."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giblet.bold.damage import check_file, readable
from giblet.bold.names import ending
from giblet.bold.publishing import published
from giblet.bold.repetition import HeaderTR
from giblet.bold.spaces import Space
from giblet.errors import BoldError, ParameterError

_SIDES = (("hemi-L", "hemi-R"), (".L.", ".R."), ("lh.", "rh."))
"""How names of files say the hemisphere: BIDS, Connectome Workbench, FreeSurfer."""
_STRUCTURES = ("CortexLeft", "CortexRight")
_NO_SERIES = frozenset({1002, 1008, 1009})
"""Codes of NIfTI for labels, points and triangles."""
_OTHER = "giblet.other_hemisphere"


@dataclass(frozen=True, eq=False)
class Surface(Space):
    """The vertices of a hemisphere, or of the left and then the right one.

    Attributes
    ----------
    structures : tuple of str
        ``"CortexLeft"``, ``"CortexRight"``, or empty text where nothing says which; one or two.
    n_vertices : tuple of int
        Vertices of each.
    """

    structures: tuple[str, ...]
    n_vertices: tuple[int, ...]

    @property
    def n_targets(self) -> int:
        """Number of vertices."""
        return sum(self.n_vertices)

    def endings(self, series: bool) -> tuple[str, ...]:
        """GIFTI; workbench wants ``.func.gii`` for series."""
        return (".gii",)

    def map_name(self, stem: str) -> str:
        """Name the left hemisphere where there are both."""
        return super().map_name(stem if len(self.structures) == 1 else f"{stem}_hemi-L")

    def difference(self, other: Space) -> str | None:
        """Compare hemispheres and numbers of vertices."""
        if not isinstance(other, Surface):
            return "kind"
        if self.n_vertices != other.n_vertices:
            return f"number of vertices: {other.n_vertices} and not {self.n_vertices}"
        return None if self.structures == other.structures else f"hemisphere: {other.structures}"

    def template(self) -> Any:
        """Return a map of zeros; of both hemispheres, each file says that there is another."""
        images = self.to_image(np.zeros(self.n_targets, np.float32))
        for image in images if isinstance(images, tuple) else ():
            image.meta[_OTHER] = "1"
        return images

    def _image(self, values: np.ndarray, series: bool) -> Any:
        parts = np.split(values, np.cumsum(self.n_vertices)[:-1], axis=1)
        images = tuple(self._hemisphere(*part, series) for part in zip(self.structures, parts, strict=True))
        return images if len(images) > 1 else images[0]

    def _hemisphere(self, structure: str, values: np.ndarray, series: bool) -> Any:
        from nibabel import gifti

        intent = "NIFTI_INTENT_TIME_SERIES" if series else "NIFTI_INTENT_NONE"
        arrays = [gifti.GiftiDataArray(row, intent=intent, datatype="NIFTI_TYPE_FLOAT32") for row in values]
        if series and self.tr is not None:
            # The standard has no unit for it; a sidecar is what readers trust.
            arrays[0].meta["TimeStep"] = str(float(self.tr))
        meta = gifti.GiftiMetaData({"AnatomicalStructurePrimary": structure} if structure else {})
        return gifti.GiftiImage(meta=meta, darrays=arrays)

    def _write(self, image: Any, path: str | os.PathLike[str], force: bool) -> None:
        if len(self.structures) == 1:
            super()._write(image, path, force)
            return
        # Both are complete before the first appears.
        with published(_side(path, 0), force=force) as left, published(_side(path, 1), force=force) as right:
            for part, temporary in zip(image, (left, right), strict=True):
                part.to_filename(temporary)


class SurfaceFile:
    """A GIFTI file with the time courses of vertices, or the pair of both hemispheres.

    Parameters
    ----------
    path : str or os.PathLike
        The file, or one of the pair.
    surface : {"one", "both"}
        Whether to read the other hemisphere too, whose name differs by ``hemi-L``/``hemi-R`` or as Workbench or
        FreeSurfer write it.

    Attributes
    ----------
    path : str
        As given.
    n_volumes : int
        Volumes.
    header : HeaderTR
        What the file says of its TR; its unit is not defined, so that it is never believed alone.
    space : Surface
        Its places.

    Raises
    ------
    BoldError
        If it is no GIFTI file of a series, damaged, or the other hemisphere is missing or does not fit.
    """

    def __init__(self, path: str | os.PathLike[str], surface: str = "one") -> None:
        if surface not in ("one", "both"):
            raise ParameterError(f"surface is {surface!r}", "choose one or both")
        self.path = os.fspath(path)
        files = [path] if surface == "one" else [_side(path, 0), _side(path, 1)]
        hemispheres = [_load(file) for file in files]
        if len({len(values) for _, values, _ in hemispheres}) > 1:
            raise BoldError("has another number of volumes than the other hemisphere", "export both again", path)
        self._values = [values for _, values, _ in hemispheres]
        self.n_volumes = len(self._values[0])
        self.header = hemispheres[0][2]
        self.space = Surface(
            None, tuple(structure for structure, _, _ in hemispheres), tuple(v.shape[1] for v in self._values)
        )

    def read(self) -> np.ndarray:
        """Return the values, float32 of shape (n_volumes, n_vertices)."""
        return self._values[0] if len(self._values) == 1 else np.hstack(self._values)


def _load(path: str | os.PathLike[str]) -> tuple[str, np.ndarray, HeaderTR]:
    import nibabel

    with readable(path):
        image = nibabel.load(path)
        if not isinstance(image, nibabel.GiftiImage):
            raise BoldError("is no GIFTI file", "give a .func.gii", path)
        if any(array.intent in _NO_SERIES for array in image.darrays):
            raise BoldError("holds a mesh or labels and no series", "give the .func.gii of the run", path)
        arrays = [array.data for array in image.darrays]
        if len(arrays) == 1 and arrays[0].ndim == 2:
            # All volumes in one array, a column each.
            arrays = list(arrays[0].T)
        if len(arrays) < 2 or any(array.ndim != 1 for array in arrays) or len({array.size for array in arrays}) > 1:
            raise BoldError("holds no series of values on vertices", "give a .func.gii with one array a volume", path)
        values = np.array(arrays, np.float32)
        step = image.darrays[0].meta.get("TimeStep")
        header = HeaderTR("the header says nothing", None, "nobody says it")
        if step is not None:
            header = HeaderTR.read(float(step), "")
        structure = image.meta.get("AnatomicalStructurePrimary", "") or _structure(path)
    return structure, values, header


def surface_of(path: str | os.PathLike[str], image: Any) -> Surface:
    """Return the space of a template.

    Parameters
    ----------
    path : str or os.PathLike
        Its file.
    image : nibabel.GiftiImage
        What the file holds.

    Returns
    -------
    Surface
        Of both hemispheres if the template has another file.

    Raises
    ------
    BoldError
        If that file is missing.
    """
    import nibabel

    images = [image]
    if _OTHER in image.meta:
        files = [_side(path, 0), _side(path, 1)]
        for file in files:
            check_file(file)
        images = [nibabel.load(file) for file in files]
    structures = tuple(part.meta.get("AnatomicalStructurePrimary", "") for part in images)
    return Surface(None, structures, tuple(part.darrays[0].data.size for part in images))


def _side(path: str | os.PathLike[str], side: int) -> Path:
    name = Path(path).name
    found = _mark(name)
    if found is None:
        raise BoldError(
            "does not say its hemisphere", f"name it with hemi-L or hemi-R, as in x_hemi-L_bold{ending(path)}", path
        )
    start, mark, marks = found
    return Path(path).with_name(name[:start] + marks[side] + name[start + len(mark) :])


def _structure(path: str | os.PathLike[str]) -> str:
    found = _mark(Path(path).name)
    return "" if found is None else _STRUCTURES[found[2].index(found[1])]


def _mark(name: str) -> tuple[int, str, tuple[str, str]] | None:
    for marks in _SIDES:
        for mark in marks:
            # A mark that begins with a letter opens a part of the name.
            found = re.search((r"(?<![A-Za-z])" if mark[0].isalpha() else "") + re.escape(mark), name)
            if found:
                return found.start(), mark, marks
    return None
