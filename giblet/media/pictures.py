"""The pictures of a film, one by one, on the film's clock."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

import av.error
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from giblet.errors import MediaError, ParameterError
from giblet.media.clock import LONGEST_GAP
from giblet.media.containers import container_time, open_media, picture_streams
from giblet.media.decoding import Tally, decoded_frames, stored_packets
from giblet.media.probe import picture_start

logger = logging.getLogger(__name__)

# Pictures per second where a film does not say.
_USUAL_RATE = Fraction(25)
# Seconds. Some containers give every picture one tick of a fine clock, which says nothing.
_SHORTEST = Fraction(1, 240)
# Packets are stored in order of decoding; no codec moves a picture by more of them.
_REORDERED = 32


@dataclass(frozen=True)
class Picture:
    """A picture of a film.

    Attributes
    ----------
    time : fractions.Fraction
        When it is first shown, seconds on the film's clock.
    duration : fractions.Fraction
        How long by its own statement, seconds; it stays until the next one comes.
    frame : av.VideoFrame
        The decoded picture in its own size and colours.
    """

    time: Fraction
    duration: Fraction
    frame: VideoFrame

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as the picture is watched, pixels."""
        width, height = self.frame.width, self.frame.height
        return (height, width) if self._quarter_turns % 2 else (width, height)

    @property
    def _quarter_turns(self) -> int:
        """How often players turn the picture counterclockwise by 90 degrees, as telephones ask them to."""
        return round(self.frame.rotation / 90) % 4

    def rgb(self, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """Return the picture in red, green and blue, turned as it is watched and stretched whatever its aspect.

        Parameters
        ----------
        size : tuple of (int, int)
            Width and height in pixels.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            The mean of the pixels that each new one covers.

        Raises
        ------
        MediaError
            If its colours are of a kind that cannot be converted.
        """
        width, height = reversed(size) if self._quarter_turns % 2 else size
        try:
            picture = self.frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()
            return np.ascontiguousarray(np.rot90(picture.astype(np.uint8, copy=False), self._quarter_turns))
        except (av.error.FFmpegError, ValueError) as error:
            name = self.frame.format.name
            raise MediaError(f"a picture of format {name} cannot be converted", "convert it with ffmpeg") from error


@dataclass(frozen=True)
class PictureReport:
    """How the pictures of a film came to lie on its clock.

    Attributes
    ----------
    picture_start : float or None
        First displayed picture on the container's clock in seconds, None without time stamps.
    n_pictures : int
        Pictures delivered so far.
    disordered : int
        Pictures left out because their time stamps contradict those around them.
    empty_packets, corrupt_packets : int
        Packets of length zero, which repeat the picture before, and packets that could not be decoded and were skipped.
    duration : float
        End of the last picture on the film's clock in seconds.
    """

    picture_start: float | None
    n_pictures: int
    disordered: int
    empty_packets: int
    corrupt_packets: int
    duration: float


class PictureReader:
    """Read the pictures of a film by their time stamps.

    The film's clock reads 0 at its first displayed picture (see `picture_start`). Pictures come in ascending order; one
    whose time stamp contradicts those around it is left out, so that the one before stays. A picture without a time
    stamp follows the one before at the nominal rate. No more than two pictures are held in memory. The file is opened
    at once; iterating is possible once.

    Parameters
    ----------
    path : str or os.PathLike
        A film.

    Attributes
    ----------
    path : str
        The file.
    rate : fractions.Fraction
        Nominal number of pictures per second, 25 where the film does not say.
    ended : fractions.Fraction or None
        When the last picture ends, seconds on the film's clock; None as long as it was not read.

    Raises
    ------
    MediaError
        If the file cannot be read or has no moving pictures; while iterating, if time stamps jump by more than an hour.

    Examples
    --------
    >>> with PictureReader("film.mp4") as reader:  # doctest: +SKIP
    ...     light = [(float(picture.time), picture.rgb((160, 90)).mean()) for picture in reader]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.ended: Fraction | None = None
        self._tally = Tally()
        self._disordered = self._delivered = 0
        self._begun = False
        with ExitStack() as stack:
            container = stack.enter_context(open_media(path))
            stream = _picture(container, path)
            self.rate = nominal_rate(stream)
            self._zero = picture_start(path)
            self._frames = decoded_frames(container, stream, self._tally)
            self._time_base = stream.time_base or Fraction(0)
            self._resources = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._resources.close()

    @property
    def report(self) -> PictureReport:
        """How the pictures came to lie on the film's clock; complete after the last one."""
        return PictureReport(
            picture_start=None if self._zero is None else float(self._zero),
            n_pictures=self._delivered,
            disordered=self._disordered,
            empty_packets=self._tally.empty,
            corrupt_packets=self._tally.corrupt,
            duration=float(self.ended or 0),
        )

    def __iter__(self) -> Iterator[Picture]:
        """Yield the pictures.

        Yields
        ------
        Picture
            The next picture.

        Raises
        ------
        MediaError
            If no picture can be decoded, or time stamps jump by more than an hour.
        """
        if self._begun:
            raise ParameterError("the pictures were read already", "open it again", self.path)
        self._begun = True
        last: Picture | None = None
        for picture in self._ordered():
            ahead = picture.time - (last.time if last else 0)
            if ahead > LONGEST_GAP:
                raise MediaError(
                    f"the time stamps of its picture jump by {float(ahead):.0f} s",
                    "remux it (ffmpeg -fflags +genpts -i FILM -map 0 -c copy NEW.mkv)",
                    self.path,
                )
            last = picture
            self._delivered += 1
            yield picture
        if last is None:
            raise MediaError("holds no picture that can be decoded", "check that it plays", self.path)
        self.ended = last.time + last.duration
        if self._tally.empty:
            self.ended = max(self.ended, picture_duration(self.path))
        logger.debug("%s: %s", self.path, self.report)

    def _ordered(self) -> Iterator[Picture]:
        """Yield pictures in ascending order, each once it is clear that the next one comes later."""
        held: Picture | None = None
        shown = Fraction(-1)
        for picture in self._timed():
            if held is None:
                held = picture
            elif picture.time > held.time:
                yield held
                held, shown = picture, held.time
            else:
                # One of both is wrong: the former if the new one can still follow what was shown.
                self._disordered += 1
                held = picture if picture.time > shown else held
        if held is not None:
            yield held

    def _timed(self) -> Iterator[Picture]:
        """Yield pictures with their times, in the order of decoding."""
        following = None if self._zero is not None else Fraction(0)
        for frame, stamp in self._frames:
            time = following if stamp is None or self._zero is None else stamp - self._zero
            if time is None or time < 0:
                # Not stamped, before the first one that is; or stamped with a time before the film.
                self._disordered += 1
                continue
            duration = _lasting((frame.duration or 0) * self._time_base, self.rate)
            following = time + duration
            yield Picture(time, duration, frame)


def nominal_rate(stream: VideoStream) -> Fraction:
    """Return the pictures per second of a stream: the standard rate that its average stands for, or the average.

    Parameters
    ----------
    stream : av.video.stream.VideoStream
        A stream of pictures.

    Returns
    -------
    fractions.Fraction
        The rate. Averages of films at 25 or 30000/1001 pictures per second come out a little off.
    """
    average = stream.average_rate or stream.guessed_rate or stream.base_rate or _USUAL_RATE
    standards = (k * factor for k in (int(average), int(average) + 1) for factor in (Fraction(1), Fraction(1000, 1001)))
    nearest = min(standards, key=lambda rate: abs(rate - average))
    # Standard rates lie 1/1000 apart.
    return nearest if nearest and abs(nearest - average) < average / 2002 else Fraction(average)


def picture_duration(path: str | os.PathLike[str]) -> Fraction:
    """Return how long a film's pictures last by what is stored, without decoding all of it.

    Parameters
    ----------
    path : str or os.PathLike
        A film.

    Returns
    -------
    fractions.Fraction
        End of the last picture on the film's clock, seconds. What its header says does not matter.

    Raises
    ------
    MediaError
        If the file cannot be read or has no moving pictures.
    """
    zero = picture_start(path)
    with open_media(path) as container:
        stream = _picture(container, path)
        rate, n_packets = nominal_rate(stream), 0
        ends: deque[Fraction] = deque(maxlen=_REORDERED)
        for packet in stored_packets(container, stream, Tally()):
            n_packets += 1
            ticks = packet.dts if packet.pts is None else packet.pts
            # What an edit list cuts off is stored and never shown.
            if ticks is not None and not packet.is_discard:
                length = _lasting(container_time(stream, packet.duration or 0), rate)
                ends.append(container_time(stream, ticks) + length)
    if zero is None or not ends:
        return n_packets / rate
    return max(Fraction(0), max(ends) - zero)


def _lasting(stated: Fraction, rate: Fraction) -> Fraction:
    """Return how long a picture lasts, seconds: as stated, or by the rate where that says nothing."""
    return stated if stated > _SHORTEST else 1 / rate


def _picture(container: InputContainer, path: str | os.PathLike[str]) -> VideoStream:
    """Return the stream of moving pictures."""
    streams = picture_streams(container)
    if not streams:
        raise MediaError("has no moving pictures", "give a film", path)
    if streams[0].codec_context is None:
        raise MediaError("has pictures in a codec that is not known here", "convert it with ffmpeg", path)
    return streams[0]
