"""From a stream of packets to frames with their time stamps, past packets that hold nothing or nonsense."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from giblet.errors import MediaError
from giblet.media.containers import container_time

logger = logging.getLogger(__name__)

# A damaged file can fail again and again at the same place; after so many failures in a row it is at its end.
_MOST_FAILURES = 100


@dataclass
class Tally:
    """Count of the packets that gave no frames.

    Attributes
    ----------
    empty : int
        Packets of length zero.
    corrupt : int
        Packets that could not be read or that the decoder refused.
    """

    empty: int = 0
    corrupt: int = 0


def decoded_frames(container: InputContainer, stream: Stream, tally: Tally) -> Iterator[tuple[Any, Fraction | None]]:
    """Decode one stream on one thread, reading no other.

    Parameters
    ----------
    container : av.container.InputContainer
        An open file, at its beginning.
    stream : av.stream.Stream
        The stream to decode.
    tally : Tally
        Counts the packets that are skipped.

    Yields
    ------
    frame : av.AudioFrame or av.VideoFrame
        The next decoded frame in order of display.
    time : fractions.Fraction or None
        Its time stamp on the container's clock in seconds, or None if it has none.

    Raises
    ------
    MediaError
        If reading the file fails.
    """
    stream.codec_context.thread_count = 1
    packets = stored_packets(container, stream, tally)
    if container.format.name == "ogg" and stream.type == "audio":
        packets = _restamped(packets)
    for packet in itertools.chain(packets, [None]):
        if packet is not None and packet.size == 0:
            # Decoders would take it for the end of the stream.
            tally.empty += 1
            continue
        try:
            frames = stream.codec_context.decode(packet)
        except av.error.FFmpegError as error:
            tally.corrupt += 1
            logger.debug("skipped a packet at %s: %s", packet and packet.pts, error)
            continue
        for frame in frames:
            ticks = frame.dts if frame.pts is None else frame.pts
            yield frame, None if ticks is None else container_time(stream, ticks)


def stored_packets(container: InputContainer, stream: Stream, tally: Tally) -> Iterator[Packet]:
    """Yield the packets of one stream, reading no other, and going on behind places that cannot be read.

    Parameters
    ----------
    container : av.container.InputContainer
        An open file, at its beginning.
    stream : av.stream.Stream
        The stream.
    tally : Tally
        Counts the places that are skipped.

    Yields
    ------
    av.packet.Packet
        The next packet as it is stored, perhaps of length zero.

    Raises
    ------
    MediaError
        If reading the file fails.
    """
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    failures = 0
    while failures < _MOST_FAILURES:
        try:
            for packet in container.demux(stream):
                failures = 0
                # Behind the last packet PyAV puts a marker, which was never stored.
                if packet.size > 0 or packet.pos is not None or packet.dts is not None:
                    yield packet
            return
        except av.error.OSError as error:
            problem = f"cannot be read to its end ({error.strerror})"
            raise MediaError(problem, "check the disk and copy it again", container.name) from error
        except av.error.FFmpegError as error:
            failures += 1
            tally.corrupt += 1
            logger.debug("skipped what cannot be read: %s", error)


def _restamped(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Leave only the true time stamps on Ogg pages that hold empty packets.

    In Ogg only a page has a time, that of its end. FFmpeg derives those of its packets from their durations, and
    credits one to empty packets too, although nothing can be decoded from them: such stamps are wrong by up to seconds.
    The first packet of a page is stamped with the end of the page before and so is right, but on the very first page.
    """
    for number, (_, group) in enumerate(itertools.groupby(packets, key=lambda packet: packet.pos)):
        page = list(group)
        if any(packet.size == 0 for packet in page):
            time = page[0].pts if number > 0 else None
            for packet in page:
                packet.pts = packet.dts = None
                if packet.size > 0:
                    packet.pts, time = time, None
        yield from page
