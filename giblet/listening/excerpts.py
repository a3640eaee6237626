"""Excerpts of recordings, with a little of what lies around them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from giblet.errors import MediaError
from giblet.media import AudioReader
from giblet.metrics import rms
from giblet.metrics.engine import SILENCE

RATE = 48_000
"""Hz, of every sound of a test: browsers then play all of them alike."""
MARGIN = 1.0
"""Seconds before and after an excerpt that a codec gets too, so that it does not begin cold."""
FADE = 0.005
"""Seconds of the fades at both ends."""
SHORTEST = 1.0
# Codecs and containers may end some milliseconds before the sound does.
LACKING = 0.05


@dataclass(frozen=True)
class Recording:
    """A sound file or film, and what is known of it before it is read.

    Attributes
    ----------
    path : str
        The file.
    channels : int
        1 or 2; what has more is mixed to 2.
    seconds : float or None
        Its length, where the file says so.
    """

    path: str
    channels: int
    seconds: float | None


@dataclass(frozen=True)
class Excerpt:
    """An excerpt of a recording, in its surroundings.

    Attributes
    ----------
    recording : Recording
        Where it comes from.
    sound : ndarray of float32, shape (channels, n_samples)
        The excerpt with up to a second before and after, at 48 kHz.
    lead : int
        Samples of ``sound`` that lie before the excerpt.
    length : int
        Samples of the excerpt.
    start : float
        Where it begins in the recording, seconds.
    """

    recording: Recording
    sound: NDArray[np.float32]
    lead: int
    length: int
    start: float

    @property
    def seconds(self) -> float:
        """Length of the excerpt."""
        return self.length / RATE

    def cut(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the excerpt's part of a sound in step with ``self.sound``, faded in and out over 5 ms.

        Parameters
        ----------
        sound : ndarray of float32, shape (channels, n_samples)
            Like ``self.sound``; what it lacks at the end is silence.

        Returns
        -------
        ndarray of float32, shape (channels, length)
            The part.
        """
        part = np.zeros((len(sound), self.length), np.float32)
        there = sound[:, self.lead : self.lead + self.length]
        part[:, : there.shape[1]] = there
        n_fade = round(FADE * RATE)
        ramp = np.sin(np.linspace(0, np.pi / 2, n_fade, endpoint=False, dtype=np.float32)) ** 2
        part[:, :n_fade] *= ramp
        part[:, -n_fade:] *= ramp[::-1]
        return part

    def mixed(self, channels: int) -> Excerpt:
        """Return it with so many channels, 1 or as many as it has."""
        return self if len(self.sound) == channels else replace(self, sound=self.sound.mean(axis=0, keepdims=True))


def look_at(path: str | os.PathLike[str]) -> Recording:
    """Open a recording and see what it is.

    Parameters
    ----------
    path : str or os.PathLike
        A sound file or film.

    Returns
    -------
    Recording
        Channels and length.

    Raises
    ------
    MediaError
        If it cannot be read.
    """
    with AudioReader(path) as reader:
        return Recording(os.fspath(path), min(2, reader.source_channels), reader.duration_hint)


def read_excerpt(recording: Recording, seconds: float, start: float | None = None) -> Excerpt:
    """Read an excerpt, on the film's clock.

    Parameters
    ----------
    recording : Recording
        The file.
    seconds : float
        Length wanted; a recording that ends earlier gives what it has, if that is a second or more.
    start : float, optional
        Where to begin, seconds; by default so that the excerpt lies in the middle.

    Returns
    -------
    Excerpt
        The excerpt.

    Raises
    ------
    MediaError
        If the recording cannot be read, ends too early, or is silent there.
    """
    begin = max(0.0, ((recording.seconds or 0.0) - seconds) / 2) if start is None else start
    first, lead = round(begin * RATE), round(min(begin, MARGIN) * RATE)
    wanted = lead + round((seconds + MARGIN) * RATE)
    sound = _stretch(recording, first - lead, wanted)
    length = min(round(seconds * RATE), sound.shape[1] - lead)
    if length < SHORTEST * RATE:
        ends = begin + max(0, length) / RATE
        if start is not None and ends >= SHORTEST:
            raise MediaError(f"ends {max(0, length) / RATE:.2f} s after {begin:g} s", "start earlier", recording.path)
        raise MediaError(f"lasts {ends:.2f} s, less than {SHORTEST:g} s", "choose a longer sound", recording.path)
    excerpt = Excerpt(recording, sound, lead, length, begin)
    if rms(excerpt.cut(sound)) < SILENCE:
        stop = begin + excerpt.seconds
        raise MediaError(f"is silent from {begin:g} to {stop:g} s", "start elsewhere, with --start", recording.path)
    return excerpt


def read_same(recording: Recording, excerpt: Excerpt) -> NDArray[np.float32]:
    """Read from another recording what lies where an excerpt lies.

    Parameters
    ----------
    recording : Recording
        The same sound after it went through something.
    excerpt : Excerpt
        Of the original.

    Returns
    -------
    ndarray of float32, shape (channels, n_samples)
        In step with ``excerpt.sound``, at 48 kHz.

    Raises
    ------
    MediaError
        If it cannot be read or ends before the excerpt does.
    """
    sound = _stretch(recording, round(excerpt.start * RATE) - excerpt.lead, excerpt.sound.shape[1])
    if sound.shape[1] < excerpt.lead + excerpt.length - LACKING * RATE:
        raise MediaError(
            f"ends before the excerpt of {Path(excerpt.recording.path).name} does, which lasts until "
            f"{excerpt.start + excerpt.seconds:.2f} s",
            "give the whole sound, in step with the original",
            recording.path,
        )
    return sound


def _stretch(recording: Recording, first: int, n_samples: int) -> NDArray[np.float32]:
    """Read samples ``first`` to ``first + n_samples``, or as far as there are any."""
    none = np.empty((recording.channels, 0), np.float32)
    with AudioReader(recording.path, channels=recording.channels, sample_rate=RATE) as reader:
        return np.concatenate([none, *_between(reader, first, first + n_samples)], axis=1)


def _between(blocks: AudioReader, first: int, stop: int) -> Iterator[NDArray[np.float32]]:
    done = 0
    for block in blocks:
        yield block[:, max(0, first - done) : max(0, stop - done)]
        done += block.shape[1]
        if done >= stop:
            return
