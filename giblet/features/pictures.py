"""The pictures of a film, a fixed number for each fMRI volume."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from giblet.errors import ParameterError
from giblet.media.pictures import PictureReader
from giblet.media.sampling import Shown
from giblet.timeline import TRGrid, whole


class TRFrames:
    """Pictures of a film at evenly spaced moments of each TR.

    A TR is divided into equal parts, as many as it has frames, and each frame is the picture that the film shows in the
    middle of its part: the last one whose time stamp is not later. So a film at 25 pictures/s gives each of its
    pictures once to TRs of 2 s with 50 frames, and a film whose rate varies gives what a viewer saw. Iterating reads
    the film once, holding one TR in memory.

    Parameters
    ----------
    film : str or os.PathLike
        The film.
    grid : TRGrid
        The TRs on the film's clock.
    size : tuple of (int, int)
        Width and height of the frames, pixels; pictures are stretched to it whatever their aspect.
    frame_skip : int
        Take as many frames as every so manieth picture of the film's nominal rate gives in full.
    frames : int, optional
        Frames per TR, instead of what `frame_skip` gives.

    Attributes
    ----------
    shape : tuple of int
        (n_trs, n_frames, height, width, 3), of the whole.
    reader : PictureReader
        Reads the film; its report is complete after the last TR.

    Raises
    ------
    MediaError
        If the film cannot be read or has no moving pictures.
    ParameterError
        If a parameter has a value that cannot be used.
    """

    def __init__(
        self,
        film: str | os.PathLike[str],
        grid: TRGrid,
        size: tuple[int, int] = (160, 90),
        frame_skip: int = 1,
        frames: int | None = None,
    ) -> None:
        self.size = check_frames(size, frame_skip, frames)
        self.grid = grid
        self.reader = PictureReader(film)
        n_frames = frames or max(1, int(grid.tr * self.reader.rate / frame_skip))
        self.shape = (grid.n_trs, n_frames, self.size[1], self.size[0], 3)

    def __iter__(self) -> Iterator[tuple[np.ndarray, bool]]:
        """Yield the TRs one after the other.

        Yields
        ------
        frames : ndarray of uint8, shape (n_frames, height, width, 3)
            The frames of a TR, black where the film shows nothing.
        valid : bool
            Whether the film shows a picture at all of its moments.

        Raises
        ------
        MediaError
            If no picture can be decoded, or time stamps jump by more than an hour.
        """
        with self.reader:
            shown = Shown(self.reader)
            for index in range(self.grid.n_trs):
                frames, valid = np.zeros(self.shape[1:], np.uint8), True
                for frame, moment in zip(frames, self._moments(index), strict=True):
                    shown.move(moment)
                    if shown.is_shown:
                        frame[:] = shown.rgb(self.size)
                    else:
                        valid = False
                yield frames, valid

    def _moments(self, index: int) -> list[Fraction]:
        """Return the moments of a TR, seconds on the film's clock."""
        begin, _ = self.grid.window(index)
        half = self.grid.tr / (2 * self.shape[1])
        return [begin + (2 * number + 1) * half for number in range(self.shape[1])]

    def write(self, out: np.ndarray) -> np.ndarray:
        """Read all TRs into an array, which may be memory-mapped.

        Parameters
        ----------
        out : ndarray of uint8, shape as the attribute `shape`
            Where to put the frames.

        Returns
        -------
        ndarray of bool, shape (n_trs,)
            Which TRs are valid.

        Raises
        ------
        ParameterError
            If the array has another shape or type.
        MediaError
            As in iterating.
        """
        if out.shape != self.shape or out.dtype != np.uint8:
            raise ParameterError(f"the array is {out.dtype} {out.shape}", f"give one of uint8 {self.shape}")
        valid = np.zeros(self.grid.n_trs, bool)
        for index, (frames, whole_tr) in enumerate(self):
            out[index], valid[index] = frames, whole_tr
        return valid


def frames_per_tr(
    film: str | os.PathLike[str],
    grid: TRGrid,
    size: tuple[int, int] = (160, 90),
    frame_skip: int = 1,
    frames: int | None = None,
) -> TRFrames:
    """Return the pictures of a film at evenly spaced moments of each TR (see `TRFrames` for all of it).

    Examples
    --------
    >>> grid = TRGrid(Fraction(3, 2), 10)
    >>> for pictures, valid in frames_per_tr("data/sample_stimulus.mp4", grid, frame_skip=5):
    ...     pass
    >>> pictures.shape, pictures.dtype
    ((7, 90, 160, 3), dtype('uint8'))
    """
    return TRFrames(film, grid, size, frame_skip, frames)


def check_frames(size: tuple[int, int], frame_skip: int = 1, frames: int | None = None) -> tuple[int, int]:
    """Raise `ParameterError` unless frames of such a kind can be made; return the size as two ints."""
    try:
        width, height = (whole(length, "a side of the frames") for length in size)
    except (TypeError, ValueError):
        raise ParameterError(f"the size is {size!r}", "give width and height, such as (160, 90)") from None
    if not (1 <= width <= 8192 and 1 <= height <= 8192):
        raise ParameterError(f"the size is {width} × {height}", "give width and height from 1 to 8192 pixels")
    for name, number in (("frame_skip", frame_skip), ("the number of frames", 1 if frames is None else frames)):
        if whole(number, name) < 1:
            raise ParameterError(f"{name} is {number}", "give 1 or more")
    return width, height
