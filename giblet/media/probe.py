"""What a film or sound file says about itself, and when its picture and sound begin."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from giblet.media.containers import choose_track, container_time, language, open_media, picture_streams
from giblet.media.decoding import Tally, decoded_frames

logger = logging.getLogger(__name__)

# Containers whose header states how long they are. Elsewhere FFmpeg estimates it from the bit rate.
_STATE_DURATION = ("mov,", "matroska,", "ogg", "flac", "wav", "w64", "aiff", "caf", "avi", "asf", "flv")


@dataclass(frozen=True)
class AudioTrack:
    """One sound track, as its container declares it.

    Attributes
    ----------
    track : int
        Its number, counted from 0 among the sound tracks.
    codec : str or None
        Name of the codec, None where it is not known here.
    sample_rate : int or None
        Samples per second and channel.
    channels : int or None
        Number of channels.
    layout : str or None
        What the channels are, such as ``"stereo"`` or ``"5.1"``.
    language : str or None
        Language code.
    start, duration : float or None
        Declared start on the container's clock, and length, in seconds.
    """

    track: int
    codec: str | None
    sample_rate: int | None
    channels: int | None
    layout: str | None
    language: str | None
    start: float | None
    duration: float | None


@dataclass(frozen=True)
class PictureStream:
    """One stream of moving pictures, as its container declares it.

    Attributes
    ----------
    codec : str or None
        Name of the codec, None where it is not known here.
    width, height : int or None
        Size in pixels.
    rate : float or None
        Average number of pictures per second.
    start : float or None
        Declared start on the container's clock in seconds.
    """

    codec: str | None
    width: int | None
    height: int | None
    rate: float | None
    start: float | None


@dataclass(frozen=True)
class MediaInfo:
    """What a film or sound file holds.

    Attributes
    ----------
    path : str
        The file.
    format : str
        FFmpeg's name of the container.
    duration : float or None
        Length in seconds, stated or estimated; None where it is unknown.
    audio : tuple of AudioTrack
        The sound tracks.
    pictures : tuple of PictureStream
        The streams of moving pictures; cover art is none.
    """

    path: str
    format: str
    duration: float | None
    audio: tuple[AudioTrack, ...]
    pictures: tuple[PictureStream, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the same as nested dictionaries and lists that JSON can hold."""
        whole = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in whole.items()}


@dataclass(frozen=True)
class FilmClock:
    """When picture and sound begin.

    Attributes
    ----------
    picture_start : float or None
        First displayed picture on the container's clock in seconds, None for a sound file.
    sound_start : float or None
        First decoded sound sample on the container's clock in seconds, None where there is no sound.
    offset : float or None
        First decoded sound sample on the film's clock in seconds: positive where the sound begins after the picture,
        0 for a sound file.
    """

    picture_start: float | None
    sound_start: float | None
    offset: float | None


def probe(path: str | os.PathLike[str]) -> MediaInfo:
    """Describe a film or sound file without decoding it.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    MediaInfo
        Its streams.

    Raises
    ------
    MediaError
        If the file cannot be read as a film or sound.
    """
    with open_media(path) as container:
        return MediaInfo(
            path=os.fspath(path),
            format=container.format.name,
            duration=None if container.duration is None else container.duration / av.time_base,
            audio=tuple(_audio_track(number, stream) for number, stream in enumerate(container.streams.audio)),
            pictures=tuple(_picture_stream(stream) for stream in picture_streams(container)),
        )


def _audio_track(number: int, stream: AudioStream) -> AudioTrack:
    codec = stream.codec_context
    return AudioTrack(
        track=number,
        codec=None if codec is None else codec.name,
        sample_rate=(codec and codec.sample_rate) or None,
        channels=(codec and codec.channels) or None,
        layout=(codec and codec.layout.name) or None,
        language=language(stream),
        start=_seconds(stream, stream.start_time),
        duration=_seconds(stream, stream.duration),
    )


def _picture_stream(stream: VideoStream) -> PictureStream:
    codec = stream.codec_context
    return PictureStream(
        codec=None if codec is None else codec.name,
        width=(codec and codec.width) or None,
        height=(codec and codec.height) or None,
        rate=float(stream.average_rate) if stream.average_rate else None,
        start=_seconds(stream, stream.start_time),
    )


def _seconds(stream: Stream, ticks: int | None) -> float | None:
    return None if ticks is None else float(container_time(stream, ticks))


def picture_start(path: str | os.PathLike[str]) -> Fraction | None:
    """Return when the first picture is displayed: the zero of the film's clock.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    fractions.Fraction or None
        Time stamp of the first picture that can be decoded, on the container's clock in seconds; None for a sound
        file, and for a film of which no picture can be decoded.

    Raises
    ------
    MediaError
        If the file cannot be read as a film or sound.
    """
    with open_media(path) as container:
        streams = picture_streams(container)
        if not streams:
            return None
        start = None if streams[0].codec_context is None else _first_time(container, streams[0])
        if start is None:
            logger.warning("%s: no picture can be decoded, so the film's clock begins with its sound", path)
        return start


def film_clock(path: str | os.PathLike[str], track: int | None = None) -> FilmClock:
    """Return when picture and sound begin, by the first frames that can be decoded.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    track : int, optional
        Number of the sound track, counted from 0 among the sound tracks; the first by default.

    Returns
    -------
    FilmClock
        The beginnings on the container's clock, and the sound's on the film's.

    Raises
    ------
    MediaError
        If the file cannot be read, or has sound tracks but not this one.
    """
    picture = picture_start(path)
    with open_media(path) as container:
        silent = track is None and not container.streams.audio
        sound = None if silent else _first_time(container, choose_track(container, track, path))
    zero = sound if picture is None else picture
    return FilmClock(
        picture_start=None if picture is None else float(picture),
        sound_start=None if sound is None else float(sound),
        offset=None if sound is None or zero is None else float(sound - zero),
    )


def _first_time(container: InputContainer, stream: Stream) -> Fraction | None:
    """Return the time stamp of the first decoded frame that has one."""
    return next((time for _, time in decoded_frames(container, stream, Tally()) if time is not None), None)


def stated_end(container: InputContainer, stream: Stream) -> Fraction | None:
    """Return when a stream ends by its container's own statement, in seconds on the container's clock.

    Parameters
    ----------
    container : av.container.InputContainer
        An open file.
    stream : av.stream.Stream
        One of its streams.

    Returns
    -------
    fractions.Fraction or None
        The end of the stream, or of the whole file where only that is stated; None where FFmpeg merely estimates.
    """
    if container.format.name.startswith(_STATE_DURATION):
        return likely_end(container, stream)
    return None


def likely_end(container: InputContainer, stream: Stream) -> Fraction | None:
    """Return when a stream ends, stated or estimated, in seconds on the container's clock; None where unknown."""
    if stream.duration is not None:
        return container_time(stream, (stream.start_time or 0) + stream.duration)
    if container.duration is not None:
        return Fraction(container.duration, av.time_base)
    return None
