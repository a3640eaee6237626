"""Where in the brain targets lie: what turns their values back into an image."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from giblet.bold.publishing import published
from giblet.errors import BoldError, ParameterError


@dataclass(frozen=True, eq=False)
class Space(ABC):
    """The places of targets, in the order of the columns of `TimeCourses.values`.

    Attributes
    ----------
    tr : fractions.Fraction or None
        Repetition time that images of several volumes are given, seconds.
    """

    tr: Fraction | None

    @property
    @abstractmethod
    def n_targets(self) -> int:
        """Number of targets."""

    @abstractmethod
    def endings(self, series: bool) -> tuple[str, ...]:
        """Return the endings that files of this kind may have, for a series of volumes or one map."""

    def map_name(self, stem: str) -> str:
        """Return the name of a file that `save` takes for one map; of a pair of files, that of the first."""
        return stem + self.endings(series=False)[0]

    @abstractmethod
    def difference(self, other: Space) -> str | None:
        """Say in what another space differs, or return None where columns mean the same places."""

    @abstractmethod
    def _image(self, values: np.ndarray, series: bool) -> Any:
        """Return the image of values, float32 (n, n_targets); with ``series`` of volumes that follow each other."""

    @abstractmethod
    def template(self) -> Any:
        """Return an image that says where the targets lie; `read_space` makes the same space of its file."""

    def to_image(self, values: np.ndarray) -> Any:
        """Turn values of the targets into an image.

        Parameters
        ----------
        values : ndarray, shape (n_targets,) or (n, n_targets)
            One map, or a series of n volumes.

        Returns
        -------
        nibabel image
            Of the kind that the time courses were read from, float32; 0 outside the targets.

        Raises
        ------
        ParameterError
            If the values are not those of the targets.
        """
        values = np.asarray(values)
        if values.ndim not in (1, 2) or values.shape[-1] != self.n_targets:
            raise ParameterError(
                f"values of shape {values.shape} are not those of {self.n_targets} targets",
                f"give an array of shape ({self.n_targets},) or (n, {self.n_targets})",
            )
        return self._image(np.atleast_2d(values).astype(np.float32, copy=False), values.ndim == 2)

    def save(self, values: np.ndarray, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write values of the targets as an image, complete or not at all.

        Parameters
        ----------
        values : ndarray, shape (n_targets,) or (n, n_targets)
            One map, or a series of n volumes.
        path : str or os.PathLike
            Name of the file, with the ending of its kind (``.nii.gz``, ``.dtseries.nii``, ``.func.gii``, …).
        force : bool
            Whether to replace a file of that name.

        Raises
        ------
        BoldError
            If the ending is another kind's, the name is taken or cannot be written to.
        ParameterError
            If the values are not those of the targets.
        """
        self._check_ending(path, np.ndim(values) == 2)
        self._write(self.to_image(values), path, force)

    def save_template(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write where the targets lie, for `read_space`.

        Parameters
        ----------
        path : str or os.PathLike
            Name of the file.
        force : bool
            Whether to replace a file of that name.

        Raises
        ------
        BoldError
            As in `save`.
        """
        self._check_ending(path, series=False)
        self._write(self.template(), path, force)

    def _check_ending(self, path: str | os.PathLike[str], series: bool) -> None:
        endings = self.endings(series)
        if not os.fspath(path).endswith(endings):
            raise BoldError("has the ending of another kind", f"let the name end in {' or '.join(endings)}", path)

    def _write(self, image: Any, path: str | os.PathLike[str], force: bool) -> None:
        with published(path, force=force) as temporary:
            image.to_filename(temporary)


def check_alike(spaces: Mapping[str, Space | None]) -> None:
    """Raise unless the columns of all time courses mean the same places.

    Parameters
    ----------
    spaces : mapping of str to Space or None
        Spaces by the name of their file or subject; None, for a table, is like no image.

    Raises
    ------
    BoldError
        Naming the first that differs from the one before all others, and in what.
    """
    (first, model), *others = spaces.items() if spaces else [("", None)]
    for name, space in others:
        if space is None or model is None:
            what = None if space is model else "one is a table and one an image"
        else:
            what = model.difference(space)
        if what:
            raise BoldError(
                f"differs from {first} in its {what}" if space and model else f"differs from {first}: {what}",
                "bring all subjects into one space first, or use them one by one",
                name,
            )
