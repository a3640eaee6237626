"""One recording by all methods: here, one after another, or elsewhere side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import giblet
from giblet.benchmark.measuring import Part, measure
from giblet.benchmark.rebuilding import FromCodes, FromMel, Rebuilding
from giblet.benchmark.result import SCHEMA, Method
from giblet.benchmark.sources import CODES, LISTEN, SOUND, Source, codes_of, read_source, samples_of
from giblet.benchmark.work import Parts
from giblet.codecs import Codec, CodecSpec, load_spec
from giblet.data.mel import MelSettings
from giblet.errors import ClusterError, MediaError
from giblet.jobs import Job, Runner
from giblet.media import AudioReader
from giblet.metrics import ScorePool, available_measures
from giblet.progress import Progress, stage
from giblet.store import content_key, file_digest

# The mel spectrogram that `giblet extract` and `AudioProcessor` make by default.
MEL = MelSettings()


@dataclass(frozen=True)
class Measured:
    """One file by all methods."""

    path: Path
    digest: str
    source: Source
    parts: tuple[Part, ...]
    keys: tuple[str, ...]
    source_key: str


@dataclass(frozen=True)
class Elsewhere:
    """Who measures recordings side by side, each in a process of its own.

    Attributes
    ----------
    run : giblet.jobs.Runner
        Does the work, and sees the same files under the same names.
    spec : CodecSpec
        What to load the codec from there.
    device : str
        As in `giblet.codecs.load_codec`.
    """

    run: Runner
    spec: CodecSpec
    device: str = "auto"


def here(
    paths: Sequence[Path], codec: Codec, methods: Sequence[Method], segment: float, listen: float, pool: ScorePool,
    jobs: int, workshop: Parts, progress: Progress,
) -> Iterator[Measured | MediaError | ClusterError]:  # fmt: skip
    """Yield what was measured of each file, or why it cannot be."""
    for number, path in enumerate(paths, 1):
        name = path.name if len(paths) == 1 else f"{path.name} ({number} of {len(paths)})"
        try:
            with AudioReader(path) as reader:
                hint = reader.duration_hint
            with stage(progress, name, None if hint is None else hint * (len(methods) + 1)):
                yield _one(path, codec, methods, segment, listen, pool, jobs, workshop, progress)
        except MediaError as error:
            yield error


def side_by_side(
    paths: Sequence[Path], elsewhere: Elsewhere, methods: Sequence[Method], segment: float, listen: float,
    workshop: Parts, progress: Progress,
) -> list[Measured | MediaError | ClusterError]:  # fmt: skip
    """Return what others measured of each file, or why it cannot be."""
    settings = (elsewhere.spec, elsewhere.device, tuple(methods), segment, listen, workshop.folder)
    work = [Job(path.name, measure_recording, (path.absolute(), *settings), path.stat().st_size) for path in paths]
    found: dict[int, Measured | MediaError | ClusterError] = {}
    with stage(progress, f"{len(paths)} recordings", len(paths)):
        for ended in elsewhere.run(work, progress.beside()):
            progress.advance(1)
            if ended.error is not None and not isinstance(ended.error, (MediaError, ClusterError)):
                raise ended.error
            found[ended.number] = ended.error or ended.value
    return [found[number] for number in range(len(paths))]


def measure_recording(
    path: Path, spec: CodecSpec, device: str, methods: Sequence[Method], segment: float, listen: float, folder: Path,
    progress: Progress,
) -> Measured:  # fmt: skip
    """Measure one file in a process of its own, for `Elsewhere`."""
    codec = load_spec(spec, device)
    with ScorePool(1) as pool, stage(progress, "measuring", None):
        return _one(path, codec, methods, segment, listen, pool, 1, Parts(folder, folder.parent), progress)


def _one(
    path: Path,
    codec: Codec,
    methods: Sequence[Method],
    segment: float,
    listen: float,
    pool: ScorePool,
    jobs: int,
    workshop: Parts,
    progress: Progress,
) -> Measured:
    """Measure one file by all methods, but for what was measured before."""
    digest = file_digest(path)
    rate = codec.layout.sample_rate
    largest = max(method.bandwidth for method in methods if method.bandwidth is not None)
    about = {
        "schema": SCHEMA, "giblet": giblet.__version__, "file": digest, "codec": codec.fingerprint,
        "device": str(getattr(codec, "device", "cpu")), "listen": listen,
    }  # fmt: skip
    source_key = content_key(**about, bandwidth=largest)
    about |= {"measures": available_measures(), "segment": segment}
    keys = [
        content_key(**about, bandwidth=method.bandwidth, mel=None if method.bandwidth else asdict(MEL))
        for method in methods
    ]
    sounds = (LISTEN,) if listen else ()
    parts = [None if (noted := workshop.load(key, *sounds)) is None else Part.from_dict(noted) for key in keys]
    spooled = () if all(parts) else (SOUND, CODES)
    noted = workshop.load(source_key, *sounds, *spooled)
    if noted is None:
        source = read_source(path, codec, largest, workshop, source_key, listen, progress)
    else:
        source = Source.from_dict(noted)
        progress.advance(source.n_samples / rate)
    for i, (method, key) in enumerate(zip(methods, keys, strict=True)):
        if parts[i] is None:
            parts[i] = measure(
                _rebuilding(method, path, codec, source, source_key, workshop), samples_of(workshop, source_key), rate,
                segment, listen, pool, jobs, workshop, key, progress,
            )  # fmt: skip
        else:
            progress.advance(source.n_samples / rate)
    workshop.drop(source_key, SOUND, CODES)
    return Measured(path, digest, source, tuple(filter(None, parts)), tuple(keys), source_key)


def _rebuilding(
    method: Method, path: Path, codec: Codec, source: Source, source_key: str, workshop: Parts
) -> Rebuilding:
    if method.n_codebooks is None:
        return FromMel(path, MEL, codec.layout.sample_rate, source.n_samples)
    codes = codes_of(workshop, source_key, source, codec, method.n_codebooks)
    return FromCodes(codec, codes, source.encode_seconds)
