"""The pictures of a film at evenly spaced moments, for several takers in one reading."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from giblet.errors import MediaError, ParameterError
from giblet.media.pictures import Picture, PictureReader

# Seconds. Containers round time stamps, Matroska to whole milliseconds; a picture that begins so shortly after a moment
# counts as shown.
ROUNDING = Fraction(1, 2000)

_BLOCK_BYTES = 2**24


@dataclass(frozen=True)
class Sampling:
    """Which pictures somebody wants.

    Attributes
    ----------
    rate : fractions.Fraction
        Pictures per second: picture i is what the film shows at (i + 1/2) / rate.
    size : tuple of (int, int) or None
        Width and height to which pictures are stretched, pixels; None for the size of the film's first.
    """

    rate: Fraction
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ParameterError(f"the rate is {float(self.rate):g} pictures per second", "give a rate above 0")

    def moment(self, index: int) -> Fraction:
        """Return when a picture is looked at, seconds on the film's clock."""
        return (2 * index + 1) / (2 * self.rate)


class PictureSampler:
    """Read a film once and hand out pictures at the rates and sizes that several takers want.

    A picture is what the film shows at a moment: the last one whose time stamp is not later, the first one before that,
    and the last one after the film. So a film at 25 pictures/s gives each of its pictures once to a taker of 25, and
    one whose rate varies gives what a viewer saw. Pictures that nobody takes are not converted to colours, the others
    once for each size. The file is opened at once; iterating is possible once.

    Parameters
    ----------
    film : str or os.PathLike
        The film.
    wanted : sequence of Sampling
        What each taker wants.
    end : fractions.Fraction
        Seconds on the film's clock: a taker gets all pictures i for which i / rate is before it.
    block_bytes : int
        Memory for pictures that wait until a block is full, shared by the takers; each may hold one picture at least.
        A block that is yielded is a copy of them.

    Attributes
    ----------
    reader : PictureReader
        Reads the film; its report is complete after the last block.
    held : list of int
        How many pictures of each taker show the last one of the film after its end; complete after the last block.

    Raises
    ------
    MediaError
        If the film cannot be read or has no moving pictures.

    Examples
    --------
    >>> wanted = [Sampling(Fraction(25), (96, 54)), Sampling(Fraction(2))]
    >>> for taker, pictures in PictureSampler("data/sample_stimulus.mp4", wanted, Fraction(8)):
    ...     print(taker, pictures.shape, pictures.dtype)
    0 (200, 54, 96, 3) uint8
    1 (16, 180, 320, 3) uint8
    """

    def __init__(
        self,
        film: str | os.PathLike[str],
        wanted: Sequence[Sampling],
        end: Fraction,
        block_bytes: int = _BLOCK_BYTES,
    ) -> None:
        self.wanted = tuple(wanted)
        self.held = [0] * len(self.wanted)
        self.reader = PictureReader(film)
        self._end = end
        self._bytes_each = block_bytes // max(1, len(self.wanted))

    def __iter__(self) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """Yield blocks of pictures in the order of the film.

        Yields
        ------
        taker : int
            Whose they are, as numbered in `wanted`.
        pictures : ndarray of uint8, shape (n, height, width, 3)
            The next pictures of this taker in red, green and blue, an array of its own; n is above 0.

        Raises
        ------
        MediaError
            If no picture can be decoded or converted, or time stamps jump by more than an hour.
        """
        with self.reader:
            shown = Shown(self.reader)
            rooms = [self._room(sampling.size or shown.own_size) for sampling in self.wanted]
            waiting: list[list[npt.NDArray[np.uint8]]] = [[] for _ in self.wanted]
            for moment, taker in heapq.merge(*map(self._moments, range(len(self.wanted)))):
                shown.move(moment)
                self.held[taker] += shown.is_over
                waiting[taker].append(shown.rgb(self.wanted[taker].size))
                if len(waiting[taker]) == rooms[taker]:
                    yield taker, np.stack(waiting[taker])
                    waiting[taker].clear()
            for taker, pictures in enumerate(waiting):
                if pictures:
                    yield taker, np.stack(pictures)

    def _moments(self, taker: int) -> Iterator[tuple[Fraction, int]]:
        sampling = self.wanted[taker]
        # The number of i for which i / rate < end.
        for index in range(-(-self._end * sampling.rate // 1)):
            yield sampling.moment(index), taker

    def _room(self, size: tuple[int, int]) -> int:
        width, height = size
        return max(1, self._bytes_each // (3 * width * height))


class Shown:
    """What a film shows at moments that ascend.

    Parameters
    ----------
    reader : PictureReader
        Reads the film, from its beginning.

    Attributes
    ----------
    own_size : tuple of (int, int)
        Width and height of the film's first picture, pixels.

    Raises
    ------
    MediaError
        As reading does.
    """

    def __init__(self, reader: PictureReader) -> None:
        self._reader = reader
        self._pictures = iter(reader)
        first = next(self._pictures)
        self.own_size = first.size
        self._current: Picture = first
        self._next: Picture | None = first
        self._moment = Fraction(-1)
        self._converted: dict[tuple[int, int], npt.NDArray[np.uint8]] = {}

    def move(self, moment: Fraction) -> None:
        """Go on to a moment, seconds on the film's clock."""
        self._moment = moment
        while self._next is not None and self._next.time <= moment + ROUNDING:
            self._current, self._next = self._next, next(self._pictures, None)
            self._converted.clear()

    @property
    def is_over(self) -> bool:
        """Whether the film's last picture ended before this moment."""
        return self._reader.ended is not None and self._moment >= self._reader.ended

    @property
    def is_shown(self) -> bool:
        """Whether the film shows a picture at this moment."""
        return self._current.time <= self._moment + ROUNDING and not self.is_over

    def rgb(self, size: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
        """Return the picture of this moment, the first or last one before and after the film.

        Parameters
        ----------
        size : tuple of (int, int), optional
            Width and height, pixels; the film's own by default.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            Red, green and blue; to be copied, not changed.

        Raises
        ------
        MediaError
            If its colours are of a kind that cannot be converted.
        """
        size = size or self.own_size
        if size not in self._converted:
            try:
                self._converted[size] = self._current.rgb(size)
            except MediaError as error:
                raise MediaError(error.problem, error.remedy, self._reader.path) from error
        return self._converted[size]
