"""Films whose pictures tell their own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 12


def numbered_picture(number: int, width: int = 192, height: int = 96) -> np.ndarray:
    """Return a picture of 4 × 3 fields, light where the number has a bit."""
    bits = [(number >> k) & 1 for k in range(BITS)]
    fields = np.array(bits, np.uint8).reshape(3, 4) * 200 + 20
    grey = np.kron(fields, np.ones((height // 3, width // 4), np.uint8))
    return np.repeat(grey[..., None], 3, axis=2)


def number_of(frame: np.ndarray) -> int:
    """Return the number that a picture of any size tells."""
    height, width = frame.shape[:2]
    rows, columns = (np.arange(3) * 2 + 1) * height // 6, (np.arange(4) * 2 + 1) * width // 8
    bits = frame[np.ix_(rows, columns)].mean(axis=2).ravel() > 120
    return int(sum(1 << k for k, bit in enumerate(bits) if bit))


def write_numbered(
    path: Path,
    times: Sequence[float | Fraction],
    codec: str = "ffv1",
    rate: int | Fraction = 25,
    stamps: Sequence[float | Fraction] | None = None,
    spoilt: Sequence[int] = (),
    **options: str,
) -> Path:
    """Write a film whose k-th picture tells k and is shown at the k-th time.

    ``stamps`` go into the packets instead of the times, and the packets of ``spoilt`` pictures hold nonsense; both need
    a codec that keeps the order of the pictures.
    """
    # MPEG-4 has no finer ticks than milliseconds, and AVI only a rate.
    tick = Fraction(1, 1000) if codec == "mpeg4" else Fraction(1, 90000)
    tick = 1 / Fraction(rate) if path.suffix == ".avi" else tick
    pix_fmt = "rgb24" if codec == "png" else "yuv420p"
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate, width=192, height=96, pix_fmt=pix_fmt, options=options)
        stream.codec_context.time_base = tick
        packets = []
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.pts, frame.time_base = round(Fraction(time) / tick), tick
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for number, packet in enumerate(packets):
            if number in spoilt:
                fresh = av.Packet(b"\1" * 200)
                fresh.stream, fresh.pts, fresh.dts = packet.stream, packet.pts, packet.dts
                fresh.time_base, packet = packet.time_base, fresh
            if stamps is not None:
                # Muxers insist on ascending times of decoding, which Matroska does not store.
                packet.pts, packet.dts = round(Fraction(stamps[number]) / packet.time_base), number - len(packets)
            container.mux(packet)
    return path
