"""The result of a benchmark, as it lies in a folder.

::

    DIR/
        results.json    this module's `BenchmarkRun`; written last, so a folder without it is no result
        segments.csv    one row per file, method and segment: the columns of `giblet.metrics.SegmentScore`
        sounds/         the first seconds of every file, and of what each method made of it (`BenchmarkFile.sound`,
                        `Quality.sound`), FLAC at the codec's rate and channels
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.benchmark.reading import damaged, read_document, read_scores
from giblet.errors import FormatError
from giblet.metrics import SegmentScore, score_table

if TYPE_CHECKING:
    import pandas as pd

KIND = "giblet-benchmark"
SCHEMA = 1
RESULTS, SEGMENTS, SOUNDS = "results.json", "segments.csv", "sounds"


@dataclass(frozen=True)
class Method:
    """What the sound of the files went through.

    Attributes
    ----------
    key : str
        Its name within the run, of letters, digits, ``.`` and ``-``: ``"6kbps"``, ``"mel"``.
    title : str
        Its name for people: ``"tiny 6 kbps"``, ``"mel + Griffin-Lim"``.
    name : str
        ``method`` in the segments: the codec's name, or ``"mel"``.
    bandwidth : float or None
        Kilobits per second as the codec states it; None for mel.
    n_codebooks : int or None
        Codebooks it uses; None for mel.
    """

    key: str
    title: str
    name: str
    bandwidth: float | None
    n_codebooks: int | None


@dataclass(frozen=True)
class Interval:
    """The mean of a measure over segments.

    Attributes
    ----------
    mean : float or None
        None where no segment has a value.
    low, high : float or None
        95 % interval by block bootstrap (`giblet.benchmark.interval`); None with fewer than three segments.
    n : int
        Segments with a value.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Drift:
    """By how much a reconstruction comes later than the source, and whether that grows.

    Attributes
    ----------
    begin_ms, end_ms : float or None
        Median delay of the first and of the last segments (at most three each) in milliseconds, positive where the
        reconstruction is late; None where none could be measured.
    growth_ms : float or None
        ``end_ms - begin_ms``, the drift; None where beginning and end are not apart.
    begin_at, end_at : float or None
        Middle of these segments, seconds from the beginning of the file.
    n : int
        Segments in which a delay could be measured.
    """

    begin_ms: float | None
    end_ms: float | None
    growth_ms: float | None
    begin_at: float | None
    end_at: float | None
    n: int


@dataclass(frozen=True)
class Quality:
    """How well one method kept one file, or all files.

    Attributes
    ----------
    method : str
        Key of the method.
    measures : dict of str to Interval
        Per measure that was taken. Those that are made for speech cover only the segments that are speech
        (`giblet.metrics.Measure.speech_only`), the others all that are not silent. Over all files: the mean of the
        files' means, so that each file counts the same; ``n`` counts segments.
    n_segments, n_silent, n_music : int
        Segments in all, of these silent (left out), and marked as music.
    bits_per_second : float
        Bits that were spent per second of sound, as counted; of mel, as float32 without compression.
    encode_real_time_factor, decode_real_time_factor : float
        Seconds of sound per second of computing. All bandwidths of a codec share one encoding, at the largest.
    drift : Drift or None
        Of one file; None over all files.
    sound : str or None
        The reconstruction's first seconds, relative to the folder, with ``/``; None over all files, or if none was
        asked for.
    """

    method: str
    measures: dict[str, Interval]
    n_segments: int
    n_silent: int
    n_music: int
    bits_per_second: float
    encode_real_time_factor: float
    decode_real_time_factor: float
    drift: Drift | None
    sound: str | None


@dataclass(frozen=True)
class BenchmarkFile:
    """A film or sound file and what became of it.

    Attributes
    ----------
    file : str
        Its path as given: ``file`` in the segments.
    name : str
        Last part of the path.
    sha256 : str
        Of its bytes, hexadecimal.
    duration : float
        Seconds of sound on the film's clock.
    channels, source_rate : int
        Of its sound track, Hz.
    offset : float
        First decoded sound on the film's clock, seconds.
    sound : str or None
        The source's first seconds at the codec's rate, relative to the folder; None if none was asked for.
    qualities : tuple of Quality
        One per method, in the order of the run's methods.
    """

    file: str
    name: str
    sha256: str
    duration: float
    channels: int
    source_rate: int
    offset: float
    sound: str | None
    qualities: tuple[Quality, ...]


@dataclass(frozen=True)
class Skipped:
    """A file that could not be measured.

    Attributes
    ----------
    file, reason : str
        Its path as given, and why.
    """

    file: str
    reason: str


@dataclass(frozen=True)
class BenchmarkRun:
    """Everything that a benchmark found.

    Attributes
    ----------
    giblet : str
        Version that measured.
    created : str
        When it ended, ISO 8601, UTC.
    codec : dict
        name, source, fingerprint, sample_rate (Hz), channels, frame_rate (Hz), codebook_size.
    mel : dict or None
        sample_rate (Hz), n_mels, n_fft, hop_length (samples); None if mel was not measured.
    settings : dict
        segment (s), listen (s).
    machine : dict
        system, processor, cores, device, python; and jobs, the processes that measured.
    versions : dict of str to str
        Versions of the libraries that the figures come from.
    measures : tuple of str
        Measures that were taken, names out of `giblet.metrics.MEASURES`.
    methods : tuple of Method
        Bandwidths ascending, then mel.
    files : tuple of BenchmarkFile
        In the order that they were given.
    overall : tuple of Quality
        One per method, over all files.
    skipped : tuple of Skipped
        Files that could not be measured.
    warnings : tuple of str
        What to know before the figures are used, a sentence each.
    scores : tuple of SegmentScore
        The rows of segments.csv: by file, then method, then time.
    folder : Path or None
        Where it lies; None before it was written.
    """

    giblet: str
    created: str
    codec: dict[str, Any]
    mel: dict[str, Any] | None
    settings: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    measures: tuple[str, ...]
    methods: tuple[Method, ...]
    files: tuple[BenchmarkFile, ...]
    overall: tuple[Quality, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    scores: tuple[SegmentScore, ...] = ()
    folder: Path | None = None

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> BenchmarkRun:
        """Read a benchmark's folder.

        Parameters
        ----------
        folder : str or os.PathLike
            What ``giblet benchmark`` wrote.

        Returns
        -------
        BenchmarkRun
            All of it; the sounds stay where they are.

        Raises
        ------
        FormatError
            If there is no complete benchmark, its files are damaged or contradict each other, or a later giblet
            wrote it.
        """
        place = Path(folder)
        run = read_document(cls, place / RESULTS, KIND, SCHEMA, without=("scores", "folder"))
        run = replace(run, scores=read_scores(place / SEGMENTS), folder=place)
        run._check(place / RESULTS)
        return run

    def _check(self, path: Path) -> None:
        """Raise FormatError unless the parts fit each other and every sound lies within the folder and exists."""
        keys = [method.key for method in self.methods]
        parts = [self.overall, *(file.qualities for file in self.files)]
        if not self.files or not keys or any([quality.method for quality in part] != keys for part in parts):
            raise damaged(path)
        names = {(file.file, method.name, method.bandwidth) for file in self.files for method in self.methods}
        if {(score.file, score.method, score.bandwidth) for score in self.scores} != names:
            raise FormatError("does not belong to its segments.csv", "measure again", path)
        sounds = [sound for file in self.files for sound in (file.sound, *(q.sound for q in file.qualities)) if sound]
        for sound in sounds:
            inside, _, name = sound.partition("/")
            if inside != SOUNDS or not name or Path(name).name != name or "\\" in name:
                raise damaged(path)
            if not (path.parent / SOUNDS / name).is_file():
                raise FormatError(f"its sound {name} is missing", "measure again, or copy the whole folder", path)

    def segments(self) -> pd.DataFrame:
        """Return the scores as a table, as `giblet.metrics.score_table`."""
        return score_table(self.scores)

    def of(self, file: str, method: Method) -> tuple[SegmentScore, ...]:
        """Return the scores of one file by one method, in time.

        Parameters
        ----------
        file : str
            Path as in `BenchmarkFile.file`.
        method : Method
            One of the run's.
        """
        wanted = (file, method.name, method.bandwidth)
        return tuple(score for score in self.scores if (score.file, score.method, score.bandwidth) == wanted)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of results.json, as JSON can hold it."""
        values = asdict(replace(self, scores=(), folder=None))
        del values["scores"], values["folder"]
        return {"kind": KIND, "schema": SCHEMA} | values

    def to_json(self) -> str:
        """Return results.json."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
