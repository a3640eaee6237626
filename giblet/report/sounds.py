"""What of a store can be heard: a stretch of the film, and what bandwidths and mel spectrogram keep of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from giblet.codecs import Codec, Codes, Segment, decode_blocks
from giblet.data.rebuild import placed
from giblet.data.store import FeatureStore
from giblet.media import AudioReader
from giblet.progress import Progress, stage
from giblet.report.clips import Clip, Recorder
from giblet.spectral import mel_to_audio

# Seconds that a causal decoder hears before a stretch; after these it has forgotten what came before.
WARM_UP = 5.0
# Frames on either side of a stretch that its sound depends on.
MARGIN = 16
# Columns of the level over the whole film.
LEVELS = 600


@dataclass(frozen=True)
class Stretch:
    """A part of a film.

    Attributes
    ----------
    start, seconds : float
        On the film's clock.
    sample_rate, channels : int
        Of the sounds that are made of it.
    """

    start: float
    seconds: float
    sample_rate: int
    channels: int

    @property
    def first(self) -> int:
        """Its first sample."""
        return round(self.start * self.sample_rate)

    @property
    def n_samples(self) -> int:
        """Its length in samples, at least one."""
        return max(1, round(self.seconds * self.sample_rate))


def source_clip(
    film: Path, track: int, stretch: Stretch, duration: float, progress: Progress
) -> tuple[Clip, np.ndarray]:
    """Read a film's sound once: a stretch of it, and how loud all of it is.

    Parameters
    ----------
    film : Path
        The film.
    track : int
        Sound track, counted from 0.
    stretch : Stretch
        What is heard.
    duration : float
        Seconds of the whole.
    progress : Progress
        Told of the seconds read.

    Returns
    -------
    clip : Clip
        The stretch.
    levels : ndarray of float64, shape (LEVELS,)
        Root mean square of each part of the whole.
    """
    rate, position = stretch.sample_rate, 0
    total = max(1, round(duration * rate))
    squares, counts = np.zeros(LEVELS), np.zeros(LEVELS)
    recorder = Recorder(rate, stretch.channels, stretch.n_samples)
    with (
        stage(progress, f"reading {film.name}", duration),
        AudioReader(film, track=track, channels=stretch.channels, sample_rate=rate) as reader,
    ):
        for block in reader:
            n = block.shape[1]
            which = np.minimum((position + np.arange(n)) * LEVELS // total, LEVELS - 1)
            squares += np.bincount(which, np.square(block, dtype=np.float64).mean(axis=0), LEVELS)
            counts += np.bincount(which, minlength=LEVELS)
            recorder.add(block[:, max(0, stretch.first - position) :])
            position += n
            progress.advance(n / rate)
    return recorder.clip("source", "Source"), np.sqrt(squares / np.maximum(counts, 1))


def codes_clip(store: FeatureStore, codec: Codec, kbps: float, stretch: Stretch, progress: Progress) -> Clip:
    """Decode a stretch of a store's codes at one bandwidth, as decoding the whole would give it."""
    codes = store.codes(kbps)
    part, lead = excerpt(codes, stretch.first, stretch.first + stretch.n_samples)
    with stage(progress, f"decoding {kbps:g} kbps", stretch.seconds):
        blocks = placed(decode_blocks(codec, part), -lead, stretch.n_samples, codec.channels)
        return _recorded(blocks, stretch, progress).clip(f"{kbps:g}kbps", f"{kbps:g} kbps")


def excerpt(codes: Codes, first: int, stop: int) -> tuple[Codes, int]:
    """Cut codes so that they decode to the samples from ``first`` to ``stop``.

    Parameters
    ----------
    codes : Codes
        All of them.
    first, stop : int
        Samples.

    Returns
    -------
    part : Codes
        Those that are needed, on a clock of their own.
    lead : int
        Samples of its sound that come before ``first``.
    """
    layout, hop = codes.layout, codes.layout.hop
    if layout.segment is None or layout.stride is None:
        begin = max(0, (first - round(WARM_UP * layout.sample_rate)) // hop)
        end = min(codes.data.shape[1], -(-stop // hop) + MARGIN)
        begin = min(begin, end)
        length = min(codes.length - begin * hop, (end - begin) * hop)
        scale = codes.segments[0].scale
        return Codes(codes.data[:, begin:end], (Segment(0, end - begin, scale),), layout, length), first - begin * hop
    numbers = [i for i, s in enumerate(codes.segments) if s.start + layout.segment > first and s.start < stop]
    chosen = codes.segments[numbers[0] : numbers[-1] + 1]
    frames = [segment.n_frames for segment in codes.segments]
    before, origin = sum(frames[: numbers[0]]), chosen[0].start
    data = codes.data[:, before : before + sum(segment.n_frames for segment in chosen)]
    length = min(codes.length - origin, chosen[-1].start - origin + layout.segment)
    moved = tuple(replace(segment, start=segment.start - origin) for segment in chosen)
    return Codes(np.ascontiguousarray(data), moved, layout, length), first - origin


def mel_clip(store: FeatureStore, stretch: Stretch, progress: Progress) -> Clip:
    """Make a stretch of a store's mel spectrogram sound, by Griffin-Lim."""
    mel: dict[str, Any] = store.provenance["mel"]
    rate, hop = mel["sample_rate"], mel["hop_length"]
    values = store.dataset["mel"]
    first, stop = (round(at * rate) for at in (stretch.start, stretch.start + stretch.seconds))
    begin = max(0, first // hop - MARGIN)
    end = min(values.sizes["mel_frame"], -(-stop // hop) + MARGIN)
    blocks = (values[:, i : min(i + 512, end)].values for i in range(begin, end, 512))
    with stage(progress, "mel and Griffin-Lim", stretch.seconds):
        sound = mel_to_audio(blocks, rate, mel["n_fft"], hop, reference=mel["reference"])
        cut = placed((block[None] for block in sound), begin * hop - first, stop - first, 1)
        return _recorded(_resampled(cut, rate, stretch), stretch, progress).clip("mel", "mel + Griffin-Lim")


def _resampled(blocks: Iterator[np.ndarray], rate: int, stretch: Stretch) -> Iterator[np.ndarray]:
    stream = soxr.ResampleStream(rate, stretch.sample_rate, 1, dtype="float32")
    for block in itertools.chain(blocks, [None]):
        samples = np.zeros(0, np.float32) if block is None else np.ascontiguousarray(block[0], np.float32)
        yield np.repeat(stream.resample_chunk(samples, last=block is None)[None], stretch.channels, axis=0)


def _recorded(blocks: Iterator[np.ndarray], stretch: Stretch, progress: Progress) -> Recorder:
    recorder = Recorder(stretch.sample_rate, stretch.channels, stretch.n_samples)
    for block in blocks:
        recorder.add(block)
        progress.advance(block.shape[1] / stretch.sample_rate)
    return recorder


def bandwidths_of(store: FeatureStore, asked: Sequence[float] | None) -> tuple[float, ...]:
    """Return the bandwidths that are heard, ascending: as asked, or all that the store holds.

    Raises
    ------
    StoreError, CodecError
        If the store holds no codes, or not one of the bandwidths.
    """
    if asked is None:
        return tuple(sorted(map(float, store.provenance["codec"]["codebooks"]))) if "codec" in store.provenance else ()
    for kbps in asked:
        store.n_codebooks(kbps)
    return tuple(sorted(set(map(float, asked))))
