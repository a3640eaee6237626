"""What many films cost beyond the work on each, and whether two workers do twice as much as one.

    python benchmarks/scale.py overhead [--films 200]
    python benchmarks/scale.py efficiency [--films 8] [--seconds 30] [--rounds 2]
    python benchmarks/scale.py many [--films 10000]
    python benchmarks/scale.py storage FILM [--features audio.codes audio.power …] [--codec tiny]

Films but the last one are noise, made beforehand in a temporary folder (TMPDIR says where). Where a machine does other
things too, look at the time of processors and at ratios. Memory is the anonymous memory (RssAnon) of the process that
hands out the films.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from giblet.cluster import FilmOutcome, StudyResult, crew, extract_many
from giblet.cluster.local import THREAD_VARIABLES
from giblet.data import extract, open_study
from giblet.data.plan import plan_features
from giblet.data.request import TRRequest
from giblet.data.streams import FilmSeries
from giblet.jobs import Job, values
from giblet.media.probe import probe
from giblet.progress import SILENT, Progress
from giblet.store import find_stores
from giblet.store.shelves import bytes_in

RATE = 8000
SHORT = 0.5
"""Seconds of a film that lasts a moment."""
TINY: dict[str, Any] = {"features": "audio.power", "tr": 0.1}
"""Settings for it, with a feature that costs next to nothing."""
WARM_UP = 20
"""Films before any is measured."""
LOOPS = 50_000
"""Turns of a loop that take about as long as a second of film."""


@dataclass
class Spent:
    """Seconds by the clock, and by the processors in this process and those that it began."""

    wall: float = 0.0
    cpu: float = 0.0


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kind = kinds.add_parser("overhead", help="seconds per film beyond its sound and feature; mark 0.05")
    kind.add_argument("--films", type=int, default=200)
    kind = kinds.add_parser("efficiency", help="films per second of two workers against twice those of one; mark 0.85")
    kind.add_argument("--films", type=int, default=8)
    kind.add_argument("--seconds", type=float, default=30, help="of each film")
    kind.add_argument("--rounds", type=int, default=2, help="of one worker and two in turn")
    kind = kinds.add_parser("many", help="memory and listing of very many films; all but one are found in the cache")
    kind.add_argument("--films", type=int, default=10_000)
    kind = kinds.add_parser("storage", help="seconds of processors and bytes per hour of a film")
    kind.add_argument("film", type=Path)
    kind.add_argument("--features", nargs="+", default=["audio.codes", "audio.mel", "audio.power", "audio.envelope"])
    kind.add_argument("--codec", default="tiny")
    asked = vars(parser.parse_args())
    # Whoever does the work has one thread, so that one worker and two differ in nothing else.
    os.environ |= dict.fromkeys(THREAD_VARIABLES, "1")
    with tempfile.TemporaryDirectory() as folder:
        globals()[asked.pop("kind")](Path(folder), **asked)


def overhead(folder: Path, films: int) -> None:
    """Print what a film costs of which the sound and the feature cost nearly nothing."""
    few, all_films = noises(folder / "few", WARM_UP, SHORT, seed=1), noises(folder / "films", films, SHORT)
    (feature,), request = plan_features(TINY["features"]).sound.values(), TRRequest.asked(tr=TINY["tr"])
    for film in few.iterdir():
        list(FilmSeries(film, feature, request))
    with spending() as alone:
        for film in all_films.iterdir():
            list(FilmSeries(film, feature, request))
    print(f"{films} films of {SHORT:g} s; milliseconds per film by the clock, for one worker, and by processors")
    print(f"{'sound and feature alone':40} {1000 * alone.wall / films:8.1f} {1000 * alone.cpu / films:8.1f}")
    for where, workers in (("this process", 0), ("2 workers", 2)):
        cache, found = folder / f"{where} cache", folder / f"{where} found"
        ways = {
            "new, without a cache": (folder / f"{where} new", False), "new, kept in a cache": (folder / where, cache),
            "found in the cache": (found, cache), "there already": (found, cache),
        }  # fmt: skip
        with crew(workers=workers) if workers else nullcontext() as run:
            client = run.client if run else None
            study(few, folder / f"{where} few", client, cache=False)
            for way, (output, kept) in ways.items():
                with spending() as spent:
                    study(all_films, output, client, cache=kept)
                beyond = Spent(spent.wall * max(1, workers) - alone.wall, spent.cpu - alone.cpu)
                figures = f"{1000 * beyond.wall / films:8.1f} {1000 * beyond.cpu / films:8.1f}"
                print(f"{f'beyond: {where}, {way}':40} {figures}", flush=True)


def efficiency(folder: Path, films: int, seconds: float, rounds: int) -> None:
    """Print how much of a second worker's time is gained, beside what plain loops gain on the machine as it is."""
    settings: dict[str, Any] = {"features": "audio.codes", "codec": "tiny", "cache": False}
    few, all_films = noises(folder / "few", 4, 2.0, seed=1), noises(folder / "films", films, seconds)
    loops = [Job(str(number), loop, (round(LOOPS * seconds),)) for number in range(films)]
    took: dict[str, list[Spent]] = {"1 film": [], "2 film": [], "1 loop": [], "2 loop": []}
    with crew(workers=1) as one, crew(workers=2) as two:
        crews = {"1": one, "2": two}
        for name, run in crews.items():
            study(few, folder / f"few {name}", run.client, **settings)
        for number in range(rounds):
            for name, run in crews.items():
                with spending() as spent:
                    study(all_films, folder / f"{number} {name}", run.client, **settings)
                took[f"{name} film"].append(spent)
                with spending() as spent:
                    values(run, loops, SILENT)
                took[f"{name} loop"].append(spent)
    wall = {name: sum(spent.wall for spent in spents) for name, spents in took.items()}
    cpu = {name: sum(spent.cpu for spent in spents) for name, spents in took.items()}
    gain = {what: wall[f"1 {what}"] / (2 * wall[f"2 {what}"]) for what in ("film", "loop")}
    best = {name: min(spent.wall for spent in spents) for name, spents in took.items()}
    print(f"{rounds} rounds of {films} films of {seconds:g} s, and of as many loops; workers of 1 thread")
    for name in took:
        workers, what = name.split()
        print(f"{what}s, workers: {workers} {wall[name]:9.2f} s, {cpu[name]:7.2f} s of processors")
    shortest = best["1 film"] / (2 * best["2 film"])
    print(f"efficiency by the clock {gain['film']:.2f}, of the shortest rounds {shortest:.2f}")
    print(f"efficiency of loops     {gain['loop']:.2f}, which is what the machine had to give")
    print(
        f"the former of the latter {gain['film'] / gain['loop']:.2f}; by processors {cpu['1 film'] / cpu['2 film']:.2f}"
    )


def loop(times: int, progress: Progress) -> None:
    """Do what needs a processor and nothing else."""
    hashlib.pbkdf2_hmac("sha256", b"giblet", b"scale", times)


def many(folder: Path, films: int) -> None:
    """Print the memory of the process that hands out films, and how long all take."""
    (film,) = noises(folder / "one", 1, SHORT).iterdir()
    (folder / "films").mkdir()
    for number in range(films):
        os.link(film, folder / "films" / f"{number:06}.wav")
    cache, output = folder / "cache", folder / "study"
    extract(film, folder / "made", cache=cache, **TINY)
    memory: list[float] = []
    with crew(workers=2) as run, spending() as spent:
        study(folder / "films", output, run.client, each=partial(remember, memory), cache=cache)
    print(f"{films} films found in the cache: {told(spent, films)}")
    tenth = max(1, films // 10)
    print("memory", *(f"{memory[number - 1]:.1f} MB after {number}" for number in (1, tenth, films)), "films")
    with spending() as listing:
        found = find_stores(output)
    with spending() as opening:
        opened = open_study(output)
    with spending() as reading:
        rows = len(opened.table())
    assert len(found) == rows == films
    print(f"listed in {listing.wall:.2f} s, opened in {opening.wall:.2f} s, all manifests read in {reading.wall:.2f} s")


def storage(folder: Path, film: Path, features: Sequence[str], codec: str) -> None:
    """Print what an hour of film costs, feature by feature: the difference between a whole film and half of it."""
    settings: dict[str, Any] = {"codec": codec, "tr": 1, "cache": False}
    print(f"{film.name}, {probe(film).duration or 0:.1f} s; codec {codec}, one thread")
    print(f"{'feature':24} {'processors, s/h':>15} {'MB/h':>8} {'MB beside':>10} {'files':>6}")
    for feature in features:
        place = folder / feature.replace("/", "_")
        # The first loads what all need.
        trs = extract(film, place / "first", features=feature, **settings).provenance["n_trs"]
        with spending() as whole:
            extract(film, place / "whole", features=feature, **settings)
        with spending() as half:
            extract(film, place / "half", features=feature, max_trs=trs // 2, **settings)
        hours = (trs - trs // 2) / 3600
        size, less = bytes_in(place / "whole") / 1e6, bytes_in(place / "half") / 1e6
        beside = size - (size - less) * trs / (trs - trs // 2)
        files = sum(path.is_file() for path in (place / "whole").rglob("*"))
        cpu = (whole.cpu - half.cpu) / hours
        print(f"{feature:24} {cpu:15.1f} {(size - less) / hours:8.2f} {beside:10.2f} {files:6}", flush=True)


def noises(folder: Path, number: int, seconds: float, seed: int = 0) -> Path:
    """Write sounds of different noise."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for index in range(number):
        sound = 0.1 * rng.standard_normal(round(RATE * seconds))
        soundfile.write(folder / f"{index:06}.wav", sound.astype(np.float32), RATE)
    return folder


def study(films: Path, output: Path, client: Any = None, **options: Any) -> StudyResult:
    """Extract a folder, and see to it that nothing failed."""
    settings = options if "features" in options else TINY | options
    result = extract_many(films, output, client=client, **settings)
    assert not result.failed, result.failed[0]
    return result


@contextmanager
def spending() -> Iterator[Spent]:
    """Measure what a ``with`` block takes."""
    spent = Spent()
    wall, cpu = time.perf_counter(), processors()
    yield spent
    spent.wall, spent.cpu = time.perf_counter() - wall, processors() - cpu


def processors() -> float:
    """Return the seconds of processors that this process and those that it began have had."""
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def told(spent: Spent, films: int) -> str:
    """Say what was spent, whole and per film."""
    per_film = f"{1000 * spent.wall / films:.1f} ms and {1000 * spent.cpu / films:.1f} ms of processors a film"
    return f"{spent.wall:.1f} s, {per_film}"


def remember(memory: list[float], outcome: FilmOutcome) -> None:
    """Add the memory that is taken when a film has ended."""
    memory.append(megabytes())


def megabytes() -> float:
    """Return the memory of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), 0.0)


if __name__ == "__main__":
    main()
