"""What a container says about its codes, whatever its kind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat

from giblet.timeline import FrameLayout

ENCODEC_24KHZ = "encodec_24khz"
ENCODEC_48KHZ = "encodec_48khz"
ENCODEC_LAYOUTS = {
    ENCODEC_24KHZ: FrameLayout(24_000, 320),
    ENCODEC_48KHZ: FrameLayout(48_000, 320, 48_000, 47_520),
}
"""Frame grids of Meta's two models, by the names that their containers use."""
ENCODEC_CODEBOOKS = {ENCODEC_24KHZ: 32, ENCODEC_48KHZ: 16}


@dataclass(frozen=True)
class CodeHeader:
    """What a container says about its codes.

    Attributes
    ----------
    codec : str
        Name of the codec that made them.
    layout : FrameLayout
        Where frames lie in time. Where it has segments, each has as many frames as its samples begin hops.
    n_codebooks : int
        Codebooks that were used.
    codebook_size : int
        Entries of each, up to 2 ** 15.
    normalized : bool
        Whether each segment has a scale, its loudness.
    length : int or None
        Samples of the sound; None where the file does not say, or before it is written.
    n_frames : int or None
        Frames of all segments together; None before they are written.
    entropy_coded : bool
        Whether the codes can only be read with the language model that wrote them.
    codec_fingerprint, model_fingerprint : str or None
        What identifies the weights of the codec and of the language model, where the file says it.
    notes : tuple of str
        What a user should know, without full stops.
    """

    codec: str
    layout: FrameLayout
    n_codebooks: int
    codebook_size: int = 1024
    normalized: bool = False
    length: int | None = None
    n_frames: int | None = None
    entropy_coded: bool = False
    codec_fingerprint: str | None = None
    model_fingerprint: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        """Bits of a code that is not entropy coded."""
        return (self.codebook_size - 1).bit_length()

    @property
    def bandwidth(self) -> float:
        """Kilobits per second inside a segment, before entropy coding."""
        return float(self.n_codebooks * math.log2(self.codebook_size) * self.layout.frame_rate / 1000)

    @property
    def longest(self) -> int:
        """Samples of the sound, or where they are not known, the most that its frames can stand for."""
        if self.length is not None:
            return self.length
        return longest_sound(self.layout, self.n_frames or 0)

    def segment_runs(self) -> list[tuple[int, int]]:
        """Return the frames of the segments that a sound of this length has.

        Returns
        -------
        list of (int, int)
            How many segments follow each other with how many frames each; few, however long the sound is.
        """
        if self.layout.stride is None and self.n_frames is not None:
            return [(1, self.n_frames)]
        return segment_runs(self.layout, self.longest)

    def segment_frames(self) -> Iterator[int]:
        """Return the frames of each segment, in their order."""
        return chain.from_iterable(repeat(frames, count) for count, frames in self.segment_runs())

    def is_consistent(self) -> bool:
        """Tell whether such a sound has so many frames; both have to be known."""
        length, n_frames = self.length or 0, self.n_frames or 0
        if self.layout.stride is not None:
            return n_frames == sum(count * frames for count, frames in self.segment_runs())
        # Meta's codecs round up; others may have frames behind the end of the sound.
        least = -(-length // self.layout.hop)
        return n_frames == least if self.codec in ENCODEC_LAYOUTS else n_frames >= least

    def last_segments(self) -> list[int]:
        """Return the frames of the last two segments, or of the only one."""
        return [frames for count, frames in self.segment_runs()[-2:] for _ in range(min(count, 2))][-2:]

    @property
    def n_segments(self) -> int:
        """Segments of the sound."""
        return sum(count for count, _ in self.segment_runs())


def encodec_header(codec: str, n_codebooks: int, length: int | None = None) -> CodeHeader:
    """Return the header of codes of one of Meta's two models.

    Parameters
    ----------
    codec : str
        ``"encodec_24khz"`` or ``"encodec_48khz"``.
    n_codebooks : int
        Codebooks used.
    length : int, optional
        Samples.

    Returns
    -------
    CodeHeader
        With the frame grid of the model.
    """
    return CodeHeader(codec, ENCODEC_LAYOUTS[codec], n_codebooks, normalized=codec == ENCODEC_48KHZ, length=length)


def segment_runs(layout: FrameLayout, length: int) -> list[tuple[int, int]]:
    """Return the frames of the segments of a sound of ``length`` samples, as `CodeHeader.segment_runs` does."""
    if layout.stride is None or layout.segment is None:
        return [(1, -(-length // layout.hop))]
    # Segments that end before the sound does are full; few others follow, as they overlap.
    n_full = max(0, (length - layout.segment) // layout.stride + 1)
    starts = range(n_full * layout.stride, length, layout.stride)
    rest = [(1, -(-(length - start) // layout.hop)) for start in starts]
    return [(n_full, -(-layout.segment // layout.hop)), *rest] if n_full else rest


def longest_sound(layout: FrameLayout, n_frames: int) -> int:
    """Return the samples of the longest sound that has so many frames in all segments together."""
    if layout.stride is None:
        return n_frames * layout.hop
    low, high = 0, (n_frames + 1) * max(layout.hop, layout.stride)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(count * frames for count, frames in segment_runs(layout, middle)) <= n_frames:
            low = middle
        else:
            high = middle - 1
    return low
