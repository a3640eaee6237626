"""A film with another sound: the picture copied, the new sound in step with it.

moviepy's ``ffmpeg_merge_video_audio`` does not serve here: it leaves the choice of the sound to FFmpeg, which keeps the
film's own where that has more channels, and it sets both files' earliest stamps to 0, so that sound and picture part
where a film's picture does not begin with its earliest packet.
"""

from __future__ import annotations

import heapq
import io
import logging
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from giblet.errors import MediaError
from giblet.media.containers import container_time, open_media, picture_streams
from giblet.media.decoding import Tally, stored_packets
from giblet.media.probe import picture_start, probe
from giblet.media.publishing import Publication
from giblet.media.reader import AudioReader
from giblet.progress import SILENT, Progress

logger = logging.getLogger(__name__)

# Ending of the film's name: the codec for its sound.
_CODECS = {".mp4": "aac", ".m4v": "aac", ".mov": "aac", ".mkv": "flac", ".webm": "libopus"}
FILM_ENDINGS = tuple(_CODECS)
# Rates in Hz that AAC knows, for which every player has a decoder.
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_OPUS_RATE = 48000
_BITS_PER_CHANNEL = 96_000


def replace_sound(
    film: str | os.PathLike[str],
    sound: str | os.PathLike[str],
    output: str | os.PathLike[str],
    force: bool = False,
    progress: Progress = SILENT,
) -> float:
    """Write a film with the picture of one file and the sound of another.

    The packets of the picture are copied as they are. The sound's first sample is heard when the first picture is
    shown. Other sound tracks, subtitles and chapters are left out.

    Parameters
    ----------
    film : str or os.PathLike
        The film whose picture is kept.
    sound : str or os.PathLike
        The sound, on the film's clock; of more than two channels a stereo mix is taken.
    output : str or os.PathLike
        Name of the new film, which ends in .mp4, .m4v, .mov (sound in AAC), .mkv (FLAC) or .webm (Opus).
    force : bool, optional
        Whether to replace a file of that name.
    progress : Progress, optional
        Watches, in seconds of sound.

    Returns
    -------
    float
        Seconds that the picture lasts.

    Raises
    ------
    MediaError
        If a file cannot be read, the film has no picture, the output's name is taken or its ending unknown, or the
        new container cannot hold the picture.
    """
    codec, zero = _codec(output), _zero(film)
    channels, rate = _form(sound, codec)
    with (
        Publication(output, force) as publication,
        open_media(film) as source,
        AudioReader(sound, channels=channels, sample_rate=rate) as reader,
    ):
        picture = picture_streams(source)[0]
        end = Fraction(0)
        progress.begin("film", reader.duration_hint)
        try:
            with av.open(os.fspath(publication.temporary.absolute()), "w") as target:
                copied, heard = _begin(target, picture, codec, reader.sample_rate, reader.channels, output)
                packets = (_copied(source, picture, copied, zero), _encoded(reader, heard, progress))
                for packet in heapq.merge(*packets, key=_decoding_time):
                    if packet.stream is copied:
                        end = max(end, _end(packet))
                    target.mux(packet)
        except av.error.FFmpegError as error:
            remedy = "check the space on the disk, or end its name in .mkv"
            raise MediaError(f"cannot be written ({error.strerror})", remedy, output) from error
        finally:
            progress.end()
    logger.debug("wrote %s: %s s of picture of %s from %s s on, sound of %s", output, end, film, zero, sound)
    return float(end)


def check_picture(film: str | os.PathLike[str], output: str | os.PathLike[str]) -> None:
    """Raise what `replace_sound` would raise because of film and ending, before there is any sound.

    Parameters
    ----------
    film : str or os.PathLike
        The film whose picture is to be kept.
    output : str or os.PathLike
        Name of the new film; nothing is written.

    Raises
    ------
    MediaError
        If the film cannot be read or has no picture, the ending is unknown, or such a film cannot hold the picture.
    """
    codec = _codec(output)
    _zero(film)
    trial = io.BytesIO()
    trial.name = f"trial{Path(output).suffix.lower()}"
    with open_media(film) as source, av.open(trial, "w") as target:
        _begin(target, picture_streams(source)[0], codec, _OPUS_RATE, 2, output)


def _codec(output: str | os.PathLike[str]) -> str:
    """Return the codec for the sound of a film by the ending of its name."""
    ending = Path(output).suffix.lower()
    if ending not in _CODECS:
        raise MediaError("its name does not end as a film's", f"end it in {', '.join(_CODECS)}", output)
    return _CODECS[ending]


def _zero(film: str | os.PathLike[str]) -> Fraction:
    """Return when the first picture is shown, on the container's clock in seconds."""
    zero = picture_start(film)
    if zero is None:
        raise MediaError("has no picture that can be decoded", "name a film", film)
    return zero


def _form(sound: str | os.PathLike[str], codec: str) -> tuple[int, int | None]:
    """Return the channels, and the rate in Hz (None: as it is), in which a codec is to be given sound."""
    track = next(iter(probe(sound).audio), None)
    channels = 1 if track is not None and track.channels == 1 else 2
    if codec == "libopus":
        return channels, _OPUS_RATE
    return channels, None if codec == "flac" or track is None or track.sample_rate in _AAC_RATES else _AAC_RATES[-1]


def _begin(
    target: OutputContainer,
    picture: VideoStream,
    codec: str,
    rate: int,
    channels: int,
    output: str | os.PathLike[str],
) -> tuple[VideoStream, AudioStream]:
    """Add the streams of picture and sound to the new film, and write its header."""
    try:
        copied = target.add_stream_from_template(picture, opaque=True)
        heard = cast(AudioStream, target.add_stream(codec, rate=rate))
        heard.layout = "mono" if channels == 1 else "stereo"
        heard.bit_rate = _BITS_PER_CHANNEL * channels
        target.start_encoding()
    except (av.error.FFmpegError, ValueError) as error:
        problem = f"a film of this kind cannot hold {picture.codec_context.name} pictures"
        raise MediaError(problem, "end its name in .mkv", output) from error
    return copied, heard


def _decoding_time(packet: Packet) -> Fraction:
    """Return when a packet is needed, in seconds."""
    ticks = packet.pts if packet.dts is None else packet.dts
    return Fraction(0) if ticks is None else ticks * packet.time_base


def _end(packet: Packet) -> Fraction:
    """Return when a packet's picture is no longer shown, in seconds."""
    return Fraction(0) if packet.pts is None else (packet.pts + (packet.duration or 0)) * packet.time_base


def _copied(source: InputContainer, picture: VideoStream, copied: VideoStream, zero: Fraction) -> Iterator[Packet]:
    """Yield the packets of the picture, moved so that the first one displayed stands at 0."""
    shift = round(zero / container_time(picture, 1))
    for packet in stored_packets(source, picture, Tally()):
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        packet.stream = copied
        yield packet


def _encoded(reader: AudioReader, heard: AudioStream, progress: Progress) -> Iterator[Packet]:
    """Yield the packets of the new sound, whose first sample stands at 0."""
    position = 0
    for block in reader:
        frame = AudioFrame.from_ndarray(block, format="fltp", layout=heard.layout.name)
        frame.sample_rate = reader.sample_rate
        frame.time_base = Fraction(1, reader.sample_rate)
        frame.pts = position
        position += block.shape[1]
        yield from heard.encode(frame)
        progress.advance(block.shape[1] / reader.sample_rate)
    yield from heard.encode(None)
