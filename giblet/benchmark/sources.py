"""A film or sound file at the codec's rate, kept on disk beside its codes, so that memory stays flat."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giblet.benchmark.work import Parts
from giblet.codecs import Codec, Codes, Segment
from giblet.errors import MediaError
from giblet.media import AudioReader, SoundWriter
from giblet.progress import Progress

# What is shorter has too few frames for most measures.
LEAST_SECONDS = 0.5
SOUND, CODES, LISTEN = ".f32", ".npy", ".flac"


@dataclass(frozen=True)
class Source:
    """What was read of a file.

    Attributes
    ----------
    n_samples : int
        Samples at the codec's rate, on the film's clock.
    channels, source_rate : int
        Of the sound track; Hz.
    offset : float
        First decoded sound on the film's clock, seconds.
    missing : float
        Seconds that the file announces at its end and does not hold.
    corrupt_packets : int
        Packets that could not be decoded.
    encode_seconds : float
        Seconds that encoding took.
    segments : tuple of Segment
        Frame grids of the codes.
    """

    n_samples: int
    channels: int
    source_rate: int
    offset: float
    missing: float
    corrupt_packets: int
    encode_seconds: float
    segments: tuple[Segment, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the source in JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, noted: dict[str, Any]) -> Source:
        """Return the source that `to_dict` described."""
        return cls(**noted | {"segments": tuple(Segment(**segment) for segment in noted["segments"])})


def read_source(
    path: str | os.PathLike[str],
    codec: Codec,
    bandwidth: float,
    workshop: Parts,
    key: str,
    listen: float,
    progress: Progress,
) -> Source:
    """Read a file on the film's clock and encode it; keep samples, codes, and the first seconds to listen to.

    Parameters
    ----------
    path : str or os.PathLike
        A film or sound file.
    codec : Codec
        The codec.
    bandwidth : float
        Kilobits per second; the codes of lower ones are its first codebooks.
    workshop : Parts
        Keeps what is read.
    key : str
        Under which name.
    listen : float
        Seconds to listen to; 0 for none.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Source
        What was read, noted in the workshop too.

    Raises
    ------
    MediaError
        If the file cannot be read, or lasts less than half a second.
    """
    rate = codec.layout.sample_rate
    encoder = codec.encoder(bandwidth)
    blocks: list[np.ndarray] = []
    n_samples, taken = 0, 0.0
    with ExitStack() as stack:
        reader = stack.enter_context(AudioReader(path, channels=codec.channels, sample_rate=rate))
        kept = stack.enter_context(workshop.part(key, SOUND).open("wb"))
        heard = Listening(stack, workshop.part(key, LISTEN), rate, codec.channels, listen)
        for block in reader:
            began = time.perf_counter()
            blocks.append(encoder.push(block))
            taken += time.perf_counter() - began
            kept.write(block.mean(axis=0, dtype=np.float32).tobytes())
            heard.add(block)
            n_samples += block.shape[1]
            progress.advance(block.shape[1] / rate)
        if n_samples < LEAST_SECONDS * rate:
            raise MediaError(
                f"lasts {n_samples / rate:.2f} s, less than {LEAST_SECONDS:g} s", "choose a longer one", path
            )
        report = reader.report
        channels, source_rate = reader.source_channels, reader.source_rate
    began = time.perf_counter()
    blocks.append(encoder.finish())
    taken += time.perf_counter() - began
    np.save(workshop.part(key, CODES), np.concatenate(blocks, axis=1))
    source = Source(
        n_samples, channels, source_rate, report.offset, report.missing, report.corrupt_packets, taken,
        tuple(encoder.segments),
    )  # fmt: skip
    workshop.save(key, source.to_dict())
    return source


class Listening:
    """The first seconds of a stream of sound as a file.

    Parameters
    ----------
    stack : ExitStack
        Completes the file.
    path : Path
        A .flac file.
    sample_rate, channels : int
        Of the sound.
    seconds : float
        How much of it; 0 writes no file.
    """

    def __init__(self, stack: ExitStack, path: Path, sample_rate: int, channels: int, seconds: float) -> None:
        self._left = round(seconds * sample_rate)
        if self._left:
            self._writer = stack.enter_context(SoundWriter(path, sample_rate, channels, force=True))

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, float32 (channels, n)."""
        if self._left:
            self._writer.write(block[:, : self._left])
            self._left -= min(self._left, block.shape[1])


def samples_of(workshop: Parts, key: str) -> np.ndarray:
    """Return the mean of a source's channels, float32 (n_samples,), mapped from disk."""
    return np.memmap(workshop.part(key, SOUND), np.float32, "r")


def codes_of(workshop: Parts, key: str, source: Source, codec: Codec, n_codebooks: int) -> Codes:
    """Return a source's codes at the bandwidth that has so many codebooks."""
    data = np.load(workshop.part(key, CODES), mmap_mode="r", allow_pickle=False)
    return Codes(np.array(data[:n_codebooks]), source.segments, codec.layout, source.n_samples)
