"""Small films made to measure, in which every sample and every time stamp is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from scipy.signal import correlate

MILLISECOND = Fraction(1, 1000)
PER_PACKET = 480


@dataclass
class Track:
    """A sound track of raw floats, 480 samples a packet."""

    sound: np.ndarray
    rate: int = 48000
    start: float = 0.0
    stamps: Sequence[float] | None = None

    def packets(self, stream: av.AudioStream) -> list[av.Packet]:
        packets = []
        for number, begin in enumerate(range(0, self.sound.shape[1], PER_PACKET)):
            packet = av.Packet(self.sound[:, begin : begin + PER_PACKET].T.astype("<f4").tobytes())
            time = self.start + begin / self.rate if self.stamps is None else self.stamps[number]
            packet.stream, packet.time_base = stream, MILLISECOND
            packet.pts = packet.dts = round(time * 1000)
            packets.append(packet)
        return packets


def encoded_picture(stream: av.VideoStream, start: float, seconds: float) -> list[av.Packet]:
    """Return packets of a picture that changes 25 times a second."""
    packets = []
    for number in range(round(seconds * 25)):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 5 % 256, np.uint8), format="rgb24")
        frame.pts, frame.time_base = round(start * 1000) + number * 40, MILLISECOND
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def write_film(path: Path, *tracks: Track, picture_start: float | None = 0.0, seconds: float = 2.0) -> Path:
    """Write a Matroska film, or sound file where ``picture_start`` is None, and return its path."""
    with av.open(path, "w") as container:
        packets = []
        if picture_start is not None:
            video = container.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
            video.codec_context.time_base = MILLISECOND
            packets += encoded_picture(video, picture_start, seconds)
        for track in tracks:
            audio = container.add_stream("pcm_f32le", rate=track.rate)
            audio.layout = {1: "mono", 2: "stereo"}[len(track.sound)]
            packets += track.packets(audio)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def encode(
    path: Path,
    codec: str,
    sound: np.ndarray,
    rate: int,
    layout: str,
    picture: tuple[float, float] | None = None,
    sound_start: float = 0.0,
) -> Path:
    """Write a film or sound file with encoded sound, and a picture of (start, seconds); return its path."""
    with av.open(path, "w") as container:
        packets = []
        if picture is not None:
            video = container.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
            video.codec_context.time_base = MILLISECOND
            packets += encoded_picture(video, *picture)
        audio = container.add_stream(codec, rate=rate)
        audio.layout = layout
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, round(sound_start * rate)
        packets += audio.encode(frame) + audio.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def noise(seconds: float, rate: int = 48000, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Return noise of shape (channels, n_samples), no two stretches alike."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, round(seconds * rate))).astype(np.float32)


def lag(reference: np.ndarray, signal: np.ndarray, rate: int) -> float:
    """Return by how many seconds ``signal`` is later than ``reference``."""
    return (int(np.argmax(correlate(signal, reference))) - len(reference) + 1) / rate
