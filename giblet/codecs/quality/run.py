"""Recordings through a codec and back, measured."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from giblet.codecs.base import Codec, decode, encode
from giblet.codecs.quality.evaluation import Evaluation
from giblet.codecs.quality.recordings import read_pieces, sound_files
from giblet.codecs.quality.usage import UseCounter
from giblet.errors import CodecError, MediaError, ParameterError
from giblet.media import AudioReader
from giblet.metrics import Pair, ScorePool, SegmentScore, available_measures, cut, rms
from giblet.metrics.engine import check_segment
from giblet.progress import SILENT, Progress, stage

log = logging.getLogger(__name__)

# Seconds of sound coded before the clock runs: the first call of a network prepares much that stays.
WARM_UP = 12.0
# What is shorter has too few frames for most measures, and its few figures would count as much as those of an hour.
LEAST_SECONDS = 0.5
# Segments that are gathered per process, so that none waits for another file.
GATHERED = 8


def evaluate_codec(
    codec: Codec,
    files: Iterable[str | os.PathLike[str]],
    bandwidths: Sequence[float] | None = None,
    *,
    max_seconds: float | None = None,
    segment: float = 10.0,
    loudness: float | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Evaluation:
    """Measure how well recordings survive a codec, and what it spends.

    Every recording is read at the codec's rate and channels, encoded and decoded at each bandwidth, and compared in
    segments of equal length (see `giblet.metrics.score`). Recordings above seven and a half minutes are coded in
    pieces of five. Coding and measuring take turns, so that the times of coding are its own.

    Parameters
    ----------
    codec : Codec
        The codec.
    files : iterable of str or os.PathLike
        Sound files, films, and folders of them.
    bandwidths : sequence of float, optional
        Kilobits per second; default all that the codec offers.
    max_seconds : float, optional
        Take only so many seconds from the beginning of each recording.
    segment : float
        Seconds that no segment exceeds, 1 to 30.
    loudness : float, optional
        Root mean square to which each recording (each piece of a long one) is brought before it is encoded, such as
        0.06; default as it is.
    jobs : int
        Processes that measure (see `giblet.metrics.ScorePool`).
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    Evaluation
        Scores, use of codebooks, bits and time; files that could not be read are listed in it.

    Raises
    ------
    MediaError
        If there is no recording, none that can be read, or none with sound.
    CodecError
        If the codec does not offer a bandwidth, or decodes to values that are no numbers.
    ParameterError
        If a setting cannot be used.
    """
    check_settings(max_seconds, segment, loudness, jobs)
    chosen = tuple(sorted(set(codec.bandwidths if bandwidths is None else bandwidths)))
    counters = [UseCounter(kbps, codec.n_codebooks(kbps), codec.codebook_size) for kbps in chosen]
    if not counters:
        raise ParameterError("no bandwidth is asked for", "name one or more, such as 3")
    lengths, skipped = _survey(sound_files(files), max_seconds)
    if not lengths:
        raise _nothing(skipped)
    _warm_up(codec, chosen[0])
    scores: list[SegmentScore] = []
    waiting: list[Pair] = []
    seconds = None if None in lengths.values() else sum(filter(None, lengths.values()))
    with stage(progress, f"evaluating {codec.name}", seconds), ScorePool(jobs) as pool:
        for pair in _coded(codec, lengths, skipped, counters, max_seconds, loudness):
            waiting += cut(pair, segment)
            if len(waiting) >= GATHERED * jobs:
                scores += _scored(pool, waiting, progress, len(chosen))
                waiting = []
        scores += _scored(pool, waiting, progress, len(chosen))
    scores = [score for score in scores if Path(score.file) not in skipped]
    if not scores:
        raise _nothing(skipped)
    _refuse_silence(scores)
    return Evaluation(
        codec={
            "name": codec.name,
            "source": codec.source,
            "fingerprint": codec.fingerprint,
            "sample_rate": codec.layout.sample_rate,
            "channels": codec.channels,
            "frame_rate": float(codec.layout.frame_rate),
            "codebook_size": codec.codebook_size,
        },
        settings={"segment": segment, "max_seconds": max_seconds, "loudness": loudness},
        measures=available_measures(),
        scores=tuple(scores),
        uses=tuple(counter.result() for counter in counters),
        skipped=tuple((str(path), reason) for path, reason in skipped.items()),
    )


def check_settings(max_seconds: float | None, segment: float, loudness: float | None, jobs: int) -> None:
    """Refuse settings that cannot be used, before anything is loaded.

    Parameters
    ----------
    max_seconds, segment, loudness, jobs
        As in `evaluate_codec`.

    Raises
    ------
    ParameterError
        If one is out of range.
    """
    check_segment(segment)
    if max_seconds is not None and not max_seconds >= LEAST_SECONDS:
        raise ParameterError(
            f"{max_seconds:g} s of each recording are asked for", f"ask for {LEAST_SECONDS:g} s or more"
        )
    if loudness is not None and not 0 < loudness <= 1:
        raise ParameterError(f"the loudness is {loudness:g}", "give a root mean square between 0 and 1, such as 0.06")
    if jobs < 1:
        raise ParameterError(f"{jobs} processes are asked for", "ask for 1 or more")


def _survey(files: Sequence[Path], max_seconds: float | None) -> tuple[dict[Path, float | None], dict[Path, str]]:
    """Open every file; return the seconds that are expected of each that opens, and why the others do not."""
    lengths: dict[Path, float | None] = {}
    skipped: dict[Path, str] = {}
    for path in files:
        try:
            with AudioReader(path, picture_clock=False) as reader:
                hint = reader.duration_hint
        except MediaError as error:
            skipped[path] = error.problem
        else:
            lengths[path] = hint if max_seconds is None else min(hint or max_seconds, max_seconds)
    return lengths, skipped


def _warm_up(codec: Codec, bandwidth: float) -> None:
    silence = np.zeros((codec.channels, round(WARM_UP * codec.layout.sample_rate)), np.float32)
    decode(codec, encode(codec, silence, bandwidth))


def _coded(
    codec: Codec,
    files: Iterable[Path],
    skipped: dict[Path, str],
    counters: Sequence[UseCounter],
    max_seconds: float | None,
    loudness: float | None,
) -> Iterator[Pair]:
    """Yield every piece of every recording, beside what each bandwidth makes of it."""
    rate = codec.layout.sample_rate
    for path in files:
        start = 0.0
        try:
            for piece in read_pieces(path, codec.channels, rate, max_seconds):
                if piece.shape[1] < LEAST_SECONDS * rate:
                    skipped[path] = f"lasts {piece.shape[1] / rate:.2f} s, less than {LEAST_SECONDS:g} s"
                    break
                sound = piece if loudness is None else piece * np.float32(loudness / max(rms(piece), 1e-9))
                for counter in counters:
                    again = _there_and_back(codec, sound, counter, path)
                    yield Pair(sound, again, rate, str(path), codec.name, counter.bandwidth, start)
                start += piece.shape[1] / rate
        except MediaError as error:
            # Met only while reading: the file opened, and is damaged further on.
            skipped[path] = error.problem


def _there_and_back(codec: Codec, sound: np.ndarray, counter: UseCounter, path: Path) -> np.ndarray:
    began = time.perf_counter()
    codes = encode(codec, sound, counter.bandwidth)
    between = time.perf_counter()
    again = decode(codec, codes)
    counter.add(codes, between - began, time.perf_counter() - between)
    if not np.isfinite(again).all():
        raise CodecError(
            f"{codec.name} decodes to values that are no numbers at {counter.bandwidth:g} kbps",
            "train it again, or load other weights",
            path,
        )
    return again


def _scored(pool: ScorePool, segments: Sequence[Pair], progress: Progress, n_bandwidths: int) -> Iterator[SegmentScore]:
    for score in pool.scores(segments):
        yield score
        progress.advance(score.duration / n_bandwidths)


def _nothing(skipped: dict[Path, str]) -> MediaError:
    path, reason = next(iter(skipped.items()))
    if len(skipped) == 1:
        return MediaError(reason, "choose another recording", path)
    return MediaError(f"{reason}, and no other of the {len(skipped)} recordings can be read", "choose others", path)


def _refuse_silence(scores: Sequence[SegmentScore]) -> None:
    if all(score.silent for score in scores):
        files = {score.file for score in scores}
        raise MediaError(
            "is silent throughout, below -60 dB of full scale" if len(files) == 1 else "all recordings are silent",
            "choose another, or raise a quiet one with a loudness such as 0.06",
            files.pop() if len(files) == 1 else None,
        )
