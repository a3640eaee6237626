"""`VideoProcessor`: pictures of a film → one array per fMRI volume."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from giblet.data.request import TRRequest
from giblet.errors import AlignmentError, ParameterError
from giblet.features.pictures import check_frames, frames_per_tr
from giblet.media.pictures import picture_duration
from giblet.media.publishing import Publication
from giblet.timeline import Seconds, TRGrid

if TYPE_CHECKING:
    import pandas as pd

FRAMES = "frames"


class VideoProcessor:
    """Turns the pictures of a film into frames per TR.

    Parameters
    ----------
    tr : float
        Repetition time, seconds. A float means the decimal that it prints as.
    size : tuple of (int, int)
        Width and height of the frames, pixels; pictures are stretched to it whatever their aspect.
    frame_skip : int
        Take as many frames as every so manieth picture of the film's nominal rate gives in full.
    frames : int, optional
        Frames per TR, instead of what `frame_skip` gives.

    Attributes
    ----------
    tr, size, frame_skip, frames
        As given.

    Raises
    ------
    ParameterError
        If a parameter has a value that cannot be used.

    Examples
    --------
    >>> processor = VideoProcessor(tr=1.5, frame_skip=5)
    >>> features, metadata = processor.video_to_features("data/sample_stimulus.mp4", max_trs=4)
    >>> features.shape, features.dtype
    ((4, 7, 90, 160, 3), dtype('uint8'))
    """

    def __init__(
        self,
        tr: Seconds = 1.5,
        size: tuple[int, int] = (160, 90),
        frame_skip: int = 1,
        frames: int | None = None,
    ) -> None:
        TRRequest.asked(tr=tr)
        self.tr = tr
        self.size = check_frames(size, frame_skip, frames)
        self.frame_skip = frame_skip
        self.frames = frames

    def video_to_features(
        self,
        path: str | os.PathLike[str],
        max_trs: int | None = None,
        *,
        start: Seconds = 0,
        output_path: str | os.PathLike[str] | None = None,
        force: bool = True,
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Turn the pictures of a film into one array per TR.

        Parameters
        ----------
        path : str or os.PathLike
            The film; it need not have sound.
        max_trs : int, optional
            At most so many TRs.
        start : number of seconds
            Start of the first TR on the film's clock.
        output_path : str or os.PathLike, optional
            A .npy file to write the frames to, one TR at a time, so that memory stays flat.
        force : bool
            Replace a file that is there.

        Returns
        -------
        features : ndarray of uint8, shape (n_trs, n_frames, height, width, 3)
            The frames (see `giblet.features.pictures.TRFrames` for which); memory-mapped where they were written.
        metadata : pandas.DataFrame
            One row per TR: tr_index; start_time and end_time (seconds on the film's clock); n_frames; encoding_mode,
            always ``"frames"``; valid, whether the film shows a picture throughout.

        Raises
        ------
        MediaError, AlignmentError
            If the film cannot be read, has no moving pictures, or fills no TR.
        """
        request = TRRequest.asked(tr=self.tr, start=start, max_trs=max_trs)
        if output_path is not None and Path(output_path).suffix != ".npy":
            raise ParameterError("the name of the frames does not end in .npy", "end it so", output_path)
        duration = picture_duration(path)
        grid = TRGrid.covering(duration, request.tr, request.start, max_trs=request.max_trs)
        if not grid.n_trs:
            raise AlignmentError(
                f"its pictures last {float(duration):.2f} s, which fills no TR of {float(request.tr):g} s from "
                f"{float(request.start):g} s on",
                "give a longer film, a shorter TR or an earlier start",
                path,
            )
        frames = frames_per_tr(path, grid, self.size, self.frame_skip, self.frames)
        if output_path is None:
            features = np.empty(frames.shape, np.uint8)
            return features, _table(grid, frames.shape[1], frames.write(features))
        with Publication(output_path, force=force) as publication:
            written = np.lib.format.open_memmap(publication.temporary, "w+", np.uint8, frames.shape)
            valid = frames.write(written)
            written.flush()
        return np.load(output_path, mmap_mode="r"), _table(grid, frames.shape[1], valid)


def _table(grid: TRGrid, n_frames: int, valid: np.ndarray) -> pd.DataFrame:
    table = tr_times(grid)
    return table.assign(n_frames=n_frames, encoding_mode=FRAMES, valid=valid)


def tr_times(grid: TRGrid) -> pd.DataFrame:
    """Return a table of TRs: tr_index, and start_time and end_time in seconds."""
    import pandas as pd

    windows = [grid.window(index) for index in range(grid.n_trs)]
    begins, ends = ([float(Fraction(window[k])) for window in windows] for k in (0, 1))
    return pd.DataFrame({"tr_index": np.arange(grid.n_trs), "start_time": begins, "end_time": ends})
