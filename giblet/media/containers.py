"""Opening films and sound files, with an answer for each way that this can fail."""

from __future__ import annotations

import logging
import os
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from giblet.errors import MediaError

logger = logging.getLogger(__name__)

NOT_MEDIA = "is not a film or sound file that can be read"
NOT_MEDIA_REMEDY = "check that it plays, or convert it with ffmpeg"

THREADS = "GIBLET_THREADS"
"""Name of the variable that holds the threads of each decoder, for processes that share the cores; all by default."""

# Covers of albums and pictures of chapters are stored as streams of pictures, but nobody watches them as a film.
_STILLS = Disposition.attached_pic | Disposition.timed_thumbnails


def open_media(path: str | os.PathLike[str]) -> InputContainer:
    """Open a film or sound file for reading.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    av.container.InputContainer
        The open container, to be used in a ``with`` statement.

    Raises
    ------
    MediaError
        If there is no such file, or it is a folder, empty, closed to the reader, or neither film nor sound.
    """
    file = Path(path)
    if file.is_dir():
        raise MediaError("is a folder", "name a film or sound file", path)
    if not file.is_file():
        raise MediaError("there is no such file", "check the name", path)
    if file.stat().st_size == 0:
        raise MediaError("is empty (0 bytes)", "copy or download it again", path)
    try:
        # An absolute name cannot be mistaken for a protocol ("concat:..."), and tags in old encodings are no obstacle.
        container = av.open(os.fspath(file.absolute()), metadata_errors="replace")
    except (av.error.PermissionError, PermissionError) as error:
        raise MediaError("may not be read", "give yourself the right to read it", path) from error
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(NOT_MEDIA, NOT_MEDIA_REMEDY, path) from error
    # FFmpeg renders plain text as a film of a terminal, and reads files of subtitles.
    if container.format.name == "tty" or not (container.streams.audio or container.streams.video):
        container.close()
        raise MediaError(NOT_MEDIA, NOT_MEDIA_REMEDY, path)
    if THREADS in os.environ:
        for stream in (*container.streams.audio, *container.streams.video):
            if stream.codec_context is not None:
                stream.codec_context.thread_count = int(os.environ[THREADS])
    logger.debug("opened %s: %s, %d streams", path, container.format.name, len(container.streams))
    return container


def picture_streams(container: InputContainer) -> tuple[VideoStream, ...]:
    """Return the streams of moving pictures; cover art and chapter pictures are left out."""
    return tuple(stream for stream in container.streams.video if not stream.disposition & _STILLS)


def choose_track(container: InputContainer, track: int | None, path: str | os.PathLike[str]) -> AudioStream:
    """Return one sound track.

    Parameters
    ----------
    container : av.container.InputContainer
        An open film or sound file.
    track : int or None
        Number of the sound track, counted from 0 among the sound tracks; None takes the first.
    path : str or os.PathLike
        The file's name, for the messages.

    Returns
    -------
    av.AudioStream
        The track.

    Raises
    ------
    MediaError
        If there is no such track, or its codec is unknown.
    """
    tracks = container.streams.audio
    if not tracks:
        raise MediaError("has no sound track", "give a film with sound, or the sound as a file of its own", path)
    number = 0 if track is None else track
    if not 0 <= number < len(tracks):
        there = ", ".join(f"{i} ({describe(stream)})" for i, stream in enumerate(tracks))
        raise MediaError(f"has no sound track {number}", f"choose one of {there}", path)
    stream = tracks[number]
    if stream.codec_context is None:
        raise MediaError("has sound in a codec that is not known here", "convert it with ffmpeg", path)
    return stream


def describe(stream: AudioStream) -> str:
    """Return codec, channels and language of a sound track in a few words."""
    if stream.codec_context is None:
        return "unknown codec"
    words = [stream.codec_context.name, f"{stream.codec_context.channels} channels", language(stream)]
    return ", ".join(word for word in words if word)


def language(stream: AudioStream) -> str | None:
    """Return the language a stream declares, or None where it is undetermined."""
    return None if stream.language in (None, "", "und") else stream.language


def container_time(stream: Stream, ticks: int) -> Fraction:
    """Return a time stamp of a stream in seconds."""
    return ticks * (stream.time_base or Fraction(0))
