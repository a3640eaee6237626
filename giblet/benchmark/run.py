"""Films and sounds through a codec, or mel and Griffin-Lim, and back, measured."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.metadata
import logging
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import giblet
from giblet.benchmark.recording import MEL, Elsewhere, Measured, here, side_by_side
from giblet.benchmark.result import (
    RESULTS,
    SEGMENTS,
    BenchmarkFile,
    BenchmarkRun,
    Method,
    Quality,
    Skipped,
)
from giblet.benchmark.summary import drift, interval, overall, warnings_about
from giblet.benchmark.work import Workshop, check_output, write_text
from giblet.codecs import Codec
from giblet.codecs.quality import sound_files
from giblet.errors import ClusterError, MediaError, ParameterError
from giblet.metrics import ScorePool, SegmentScore, available_measures
from giblet.metrics.engine import check_segment
from giblet.progress import SILENT, Progress

log = logging.getLogger(__name__)

# Characters of a file's name in the names of its sounds.
LONGEST_STEM = 40


def check_settings(segment: float, listen: float, jobs: int) -> None:
    """Refuse settings that cannot be used, before anything is loaded.

    Parameters
    ----------
    segment, listen, jobs
        As in `run_benchmark`.

    Raises
    ------
    ParameterError
        If one is out of range.
    """
    check_segment(segment)
    if not 0 <= listen < float("inf"):
        raise ParameterError(f"{listen:g} s of sound are asked for", "give the seconds to listen to, or 0 for none")
    if jobs < 1:
        raise ParameterError(f"{jobs} processes are asked for", "ask for 1 or more")


def run_benchmark(
    files: Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    codec: Codec,
    bandwidths: Sequence[float] | None = None,
    *,
    mel: bool = False,
    segment: float = 10.0,
    listen: float = 60.0,
    jobs: int = 1,
    force: bool = False,
    progress: Progress = SILENT,
    elsewhere: Elsewhere | None = None,
) -> BenchmarkRun:
    """Measure what films and sounds keep of themselves as features, and write it into a folder.

    Every file is read once, on the film's clock, at the codec's rate, and encoded at the largest bandwidth; each
    bandwidth is decoded from its share of the codebooks. Memory stays the same at any length. What a run that was
    stopped has measured is used by the next one with the same files, settings and output.

    Parameters
    ----------
    files : iterable of str or os.PathLike
        Films, sound files, and folders of them.
    output : str or os.PathLike
        Folder for the result (see `giblet.benchmark.result`).
    codec : Codec
        The codec.
    bandwidths : sequence of float, optional
        Kilobits per second; default all that the codec offers.
    mel : bool
        Whether to measure the mel spectrogram, made sound by Griffin-Lim, too.
    segment : float
        Seconds that no segment exceeds, 1 to 30.
    listen : float
        Seconds of every sound that are kept to be listened to; 0 for none.
    jobs : int
        Processes that measure (see `giblet.metrics.ScorePool`).
    force : bool
        Replace a benchmark that is there.
    progress : Progress
        Told of the seconds done.
    elsewhere : Elsewhere, optional
        Who measures the recordings, each with one process; by default this process, one after another. Side by side,
        the seconds that encoding and decoding take are not those of a machine of its own.

    Returns
    -------
    BenchmarkRun
        What was found, as it lies in the folder.

    Raises
    ------
    MediaError
        If there is no file, none that can be read, or none with sound.
    CodecError
        If the codec does not offer a bandwidth, or decodes to values that are no numbers.
    StoreError
        If the folder is taken or cannot be written.
    ParameterError
        If a setting cannot be used.
    """
    check_settings(segment, listen, jobs)
    check_output(output, force)
    chosen = tuple(sorted(set(map(float, codec.bandwidths if bandwidths is None else bandwidths))))
    if not chosen:
        raise ParameterError("no bandwidth is asked for", "name one or more, such as 3")
    methods = [
        Method(f"{kbps:g}kbps", f"{codec.name} {kbps:g} kbps", codec.name, kbps, codec.n_codebooks(kbps))
        for kbps in chosen
    ]
    if mel:
        methods.append(Method("mel", "mel + Griffin-Lim", "mel", None, None))
    paths = sound_files(files)
    measured: list[Measured] = []
    skipped: list[Skipped] = []
    with Workshop(output, force) as workshop, ScorePool(jobs) as pool:
        ends: Iterable[Measured | MediaError | ClusterError]
        if elsewhere is None:
            ends = here(paths, codec, methods, segment, listen, pool, jobs, workshop, progress)
        else:
            ends = side_by_side(paths, elsewhere, methods, segment, listen, workshop, progress)
        for path, end in zip(paths, ends, strict=True):
            if isinstance(end, Measured):
                measured.append(dataclasses.replace(end, path=path))
            else:
                skipped.append(Skipped(str(path), end.problem))
        run = _result(workshop, codec, methods, measured, skipped, segment, listen, jobs)
        run.segments().to_csv(workshop.run / SEGMENTS, index=False, errors="surrogateescape")
        write_text(workshop.run / RESULTS, run.to_json())
        workshop.publish()
    return dataclasses.replace(run, folder=Path(output))


def _result(
    workshop: Workshop,
    codec: Codec,
    methods: Sequence[Method],
    measured: Sequence[Measured],
    skipped: Sequence[Skipped],
    segment: float,
    listen: float,
    jobs: int,
) -> BenchmarkRun:
    if not measured:
        first, others = skipped[0], len(skipped) - 1
        more = f", and none of the other {others} can be read" if others else ""
        raise MediaError(first.reason + more, "choose another recording", first.file)
    if all(score.silent for one in measured for score in one.parts[0].scores):
        raise MediaError(
            "is silent throughout, below -60 dB of full scale" if len(measured) == 1 else "all files are silent",
            "choose another file, or another of its tracks",
            str(measured[0].path) if len(measured) == 1 else None,
        )
    measures = available_measures()
    scores = [
        [
            [dataclasses.replace(score, file=str(one.path), method=m.name, bandwidth=m.bandwidth) for score in p.scores]
            for m, p in zip(methods, one.parts, strict=True)
        ]
        for one in measured
    ]
    rate = codec.layout.sample_rate
    files = tuple(
        _file(workshop, i, one, methods, scores[i], measures, rate, bool(listen)) for i, one in enumerate(measured)
    )
    flat = tuple(score for one in scores for by_method in one for score in by_method)
    lost = [(f.name, m.source.missing, m.source.corrupt_packets) for f, m in zip(files, measured, strict=True)]
    return BenchmarkRun(
        giblet=giblet.__version__,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        codec={
            "name": codec.name,
            "source": codec.source,
            "fingerprint": codec.fingerprint,
            "sample_rate": rate,
            "channels": codec.channels,
            "frame_rate": float(codec.layout.frame_rate),
            "codebook_size": codec.codebook_size,
        },
        mel=asdict(MEL) if methods[-1].bandwidth is None else None,
        settings={"segment": segment, "listen": listen},
        machine=_machine(codec, jobs),
        versions={name: importlib.metadata.version(name) for name in _libraries(measures)},
        measures=measures,
        methods=tuple(methods),
        files=files,
        overall=tuple(overall(m, files, [one[i] for one in scores]) for i, m in enumerate(methods)),
        skipped=tuple(skipped),
        warnings=warnings_about(files, methods, flat, measures, codec.channels, lost),
        scores=flat,
    )


def _file(
    workshop: Workshop,
    number: int,
    one: Measured,
    methods: Sequence[Method],
    scores: Sequence[Sequence[SegmentScore]],
    measures: Sequence[str],
    sample_rate: int,
    with_sounds: bool,
) -> BenchmarkFile:
    seconds = one.source.n_samples / sample_rate
    stem = f"{number + 1:02d}-{re.sub(r'[^A-Za-z0-9]+', '-', one.path.stem).strip('-')[:LONGEST_STEM] or 'sound'}"
    qualities = []
    for method, part, key, segments in zip(methods, one.parts, one.keys, scores, strict=True):
        sound = workshop.place_sound(key, f"{stem}-{method.key}.flac") if with_sounds else None
        qualities.append(Quality(
            method=method.key,
            measures={name: interval(name, [segments]) for name in measures},
            n_segments=len(segments),
            n_silent=sum(score.silent for score in segments),
            n_music=sum(score.music for score in segments),
            bits_per_second=part.n_bits / seconds,
            encode_real_time_factor=seconds / max(part.encode_seconds, 1e-9),
            decode_real_time_factor=seconds / max(part.decode_seconds, 1e-9),
            drift=drift(segments),
            sound=sound,
        ))  # fmt: skip
    return BenchmarkFile(
        file=str(one.path),
        name=one.path.name,
        sha256=one.digest,
        duration=seconds,
        channels=one.source.channels,
        source_rate=one.source.source_rate,
        offset=one.source.offset,
        sound=workshop.place_sound(one.source_key, f"{stem}-source.flac") if with_sounds else None,
        qualities=tuple(qualities),
    )


def _machine(codec: Codec, jobs: int) -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "device": str(getattr(codec, "device", "cpu")),
        "python": platform.python_version(),
        "jobs": jobs,
    }


def _libraries(measures: Sequence[str]) -> tuple[str, ...]:
    always = ("torch", "transformers", "numpy", "pystoi", "soxr")
    return (*always, "pesq") if "pesq_wb" in measures else always
