"""A sound track that is decoded once, for one reader or for several."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import Self

from av.audio.frame import AudioFrame

from giblet.errors import MediaError
from giblet.media.containers import choose_track, open_media
from giblet.media.decoding import Tally, decoded_frames
from giblet.media.probe import likely_end, picture_start, stated_end


class OpenTrack:
    """A sound track of an open file.

    Several readers may take its frames. They are decoded once and held until the slowest reader took them, so memory
    stays flat if readers take turns.

    Parameters
    ----------
    path : str or os.PathLike
        A film or sound file.
    track : int, optional
        Number of the sound track, counted from 0 among the sound tracks; the first by default.
    readers : int
        How many will call `frames`.
    picture_clock : bool
        Whether time 0 is the first displayed picture, where there is one, or always the first decoded sample.

    Attributes
    ----------
    first : av.AudioFrame
        The first frame that holds sound.
    picture, zero : fractions.Fraction or None
        First displayed picture on the container's clock, None where it does not count; and the moment that is 0 on the
        film's clock. Seconds.
    stated_end, likely_end : fractions.Fraction or None
        End of the sound on the container's clock by its own statement, and by the best guess.
    tally : Tally
        What was skipped so far.

    Raises
    ------
    MediaError
        If the file cannot be read, has no such track, or the track holds no sound.
    """

    def __init__(
        self, path: str | os.PathLike[str], track: int | None = None, readers: int = 1, *, picture_clock: bool = True
    ) -> None:
        self.tally = Tally()
        with ExitStack() as stack:
            container = stack.enter_context(open_media(path))
            stream = choose_track(container, track, path)
            self.picture = picture_start(path) if picture_clock else None
            frames = decoded_frames(container, stream, self.tally)
            first = next(((frame, time) for frame, time in frames if frame.samples and frame.sample_rate), None)
            if first is None:
                raise MediaError("holds no sound that can be decoded", "check that it plays", path)
            self._resources = stack.pop_all()
        self.first = first[0]
        self.zero = first[1] if self.picture is None else self.picture
        self.stated_end = stated_end(container, stream)
        self.likely_end = likely_end(container, stream)
        self._taps = list(itertools.tee(itertools.chain([first], frames), readers))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._taps.clear()
        self._resources.close()

    def frames(self) -> Iterator[tuple[AudioFrame, Fraction | None]]:
        """Return all frames, each with its time on the container's clock; can be called once per reader."""
        return self._taps.pop()
