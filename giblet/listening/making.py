"""Recordings to a page on which people rate what became of them."""

from __future__ import annotations

import json
import os
import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import giblet
from giblet.codecs.catalog import as_bandwidth, find_codec
from giblet.codecs.loading import check_device, load_codec
from giblet.codecs.quality.recordings import sound_files
from giblet.errors import ParameterError, printable
from giblet.listening.anchors import ANCHORS, REFERENCE
from giblet.listening.conditions import Condition, codec_condition, codec_name, file_condition, mel_condition
from giblet.listening.excerpts import RATE, SHORTEST, Excerpt, Recording, look_at, read_excerpt
from giblet.listening.page import write_page
from giblet.listening.publishing import FolderKind
from giblet.listening.trials import Trial, make_trial, write_sounds
from giblet.progress import SILENT, Progress, stage

TEST_FOLDER = FolderKind("listening test", "key.json", "giblet-mushra")
MOST_SIGNALS = 12
LONGEST = 12.0
DEFAULT_CODEC = "facebook/encodec_24khz"
_LONGEST_NAME = 60


@dataclass(frozen=True)
class ListeningTest:
    """A listening test that was made.

    Attributes
    ----------
    folder : pathlib.Path
        Where it lies: ``index.html``, ``sounds``, and ``key.json``, which says what every sound is.
    test : str
        What tells its results from those of other tests.
    trials : tuple of str
        Names of the trials.
    conditions : tuple of str
        Names of what is rated in each trial: the hidden reference, the anchors, and the rest.
    notes : tuple of str
        What to know before people listen, a sentence each.
    """

    folder: Path
    test: str
    trials: tuple[str, ...]
    conditions: tuple[str, ...]
    notes: tuple[str, ...]


def make_test(
    sounds: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    codec: Any = None,
    bandwidths: Sequence[float] | None = None,
    mel: bool = False,
    conditions: Mapping[str, str | os.PathLike[str]] | None = None,
    excerpt: float = 10.0,
    start: float | Sequence[float] | None = None,
    title: str = "Listening test",
    seed: int | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = SILENT,
) -> ListeningTest:
    """Make a page for a listening test after ITU-R BS.1534-3 (MUSHRA).

    Each sound gives one trial: an excerpt as open reference, and to be rated the same as hidden reference, the
    reference low-passed at 3.5 and at 7 kHz, and one signal for each condition. All signals of a trial are 48 kHz,
    equally long, faded in and out over 5 ms, and share one gain, which only keeps the loudest of them below -1 dB of
    full scale: a condition that changes the level keeps its change, and a note tells it.

    Parameters
    ----------
    sounds : sequence of str or os.PathLike
        Sound files, films, and folders of them.
    output : str or os.PathLike
        Folder to make.
    codec : str, os.PathLike, transformers.EncodecModel or Codec, optional
        Whose bandwidths are conditions; by default ``facebook/encodec_24khz`` if bandwidths, or no other conditions,
        are asked for.
    bandwidths : sequence of float, optional
        Kilobits per second; by default all of the codec's.
    mel : bool
        Whether a mel spectrogram and Griffin-Lim are a condition.
    conditions : mapping of str to str or os.PathLike, optional
        More conditions: name to a file, or to a folder that has a file of the same stem for each sound, each in step
        with its original.
    excerpt : float
        Seconds, 1 to 12.
    start : float or sequence of float, optional
        Where the excerpts begin, one for all or one for each sound, seconds; by default they lie in the middle.
    title : str
        Heading of the page.
    seed : int, optional
        Of the sounds' names and of the listeners' random orders; by default another one each time.
    device : str
        As in `giblet.codecs.load_codec`.
    force : bool
        Replace a listening test that is there.
    progress : Progress
        Told of the seconds done.

    Returns
    -------
    ListeningTest
        What was made.

    Raises
    ------
    MediaError
        If a sound cannot be read or is silent, or the output is taken or cannot be written.
    CodecError
        If the codec cannot be had, or does not offer a bandwidth.
    ParameterError
        If a setting cannot be used, or a trial would have more than 12 signals.
    """
    check_device(device)
    _check_excerpt(excerpt)
    files = sound_files(sounds)
    starts = _starts(start, len(files))
    given = dict(conditions or {})
    source, coded = _coded(codec, bandwidths, bool(mel or given), device)
    names = (REFERENCE, *ANCHORS, *coded, *(["mel"] if mel else []), *given)
    _check_names(names)
    TEST_FOLDER.check(output, force)
    recordings = [look_at(file) for file in files]
    made = [file_condition(name, place, files) for name, place in given.items()]
    if mel:
        made.insert(0, mel_condition())
    if coded:
        loaded = load_codec(source, device)
        made[:0] = [codec_condition(loaded, bandwidth) for bandwidth in coded.values()]
    about: dict[str, Any] = {
        "kind": TEST_FOLDER.kind,
        "giblet": giblet.__version__,
        "title": title,
        "seed": secrets.randbelow(2**31) if seed is None else seed,
        "sample_rate": RATE,
    }
    notes: list[str] = []
    with TEST_FOLDER.published(output, force) as folder:
        (folder / "sounds").mkdir()
        with stage(progress, "making trials", len(recordings) * excerpt):
            about["trials"] = list(_written(recordings, starts, made, excerpt, about["seed"], folder, notes, progress))
        about |= {"test": write_page(folder, about), "notes": notes}
        text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
        # Names of files that are no text in any encoding stay what they are.
        (folder / TEST_FOLDER.file).write_text(text, encoding="utf-8", errors="surrogateescape")
    trials = tuple(trial["name"] for trial in about["trials"])
    return ListeningTest(Path(output), about["test"], trials, names, tuple(notes))


def _written(
    recordings: Sequence[Recording],
    starts: Sequence[float | None],
    conditions: Sequence[Condition],
    seconds: float,
    seed: int,
    folder: Path,
    notes: list[str],
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    """Make trial after trial, write its sounds, and yield what key.json says of it."""
    names = _trial_names(recordings)
    generator = random.Random(seed)
    for name, recording, start in zip(names, recordings, starts, strict=True):
        excerpt = read_excerpt(recording, seconds, start)
        trial = make_trial(name, excerpt, conditions)
        if excerpt.seconds < seconds:
            notes.append(f"{name}: the excerpt lasts only {excerpt.seconds:.2f} s.")
        notes += trial.notes
        yield _about(excerpt, trial) | {"signals": write_sounds(trial, folder / "sounds", generator)}
        progress.advance(seconds)


def _about(excerpt: Excerpt, trial: Trial) -> dict[str, Any]:
    return {
        "name": trial.name,
        "file": excerpt.recording.path,
        "start": excerpt.start,
        "seconds": excerpt.seconds,
        "channels": len(trial.signals[0].sound),
        "gain_db": trial.gain_db,
    }


def _trial_names(recordings: Sequence[Recording]) -> list[str]:
    """Return the stems of the files, on one line each, numbered where two are the same."""
    names: list[str] = []
    for recording in recordings:
        stem = printable(Path(recording.path).stem)
        name, number = stem, 1
        while name in names:
            number += 1
            name = f"{stem} {number}"
        names.append(name)
    return names


def _coded(codec: Any, bandwidths: Sequence[float] | None, others: bool, device: str) -> tuple[Any, dict[str, float]]:
    """Return what loads the codec, and its conditions' names and bandwidths; a codec of a name is only found."""
    if codec is None and bandwidths is None and others:
        return None, {}
    source = DEFAULT_CODEC if codec is None else codec
    found: Any = find_codec(source) if isinstance(source, (str, os.PathLike)) else load_codec(source, device)
    asked = found.bandwidths if bandwidths is None else [as_bandwidth(bandwidth) for bandwidth in bandwidths]
    for bandwidth in asked:
        found.n_codebooks(bandwidth)
    return source if isinstance(source, (str, os.PathLike)) else found, {codec_name(found.name, b): b for b in asked}


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise ParameterError(
                f"a condition is called {name!r}", f"give it a name of 1 to {_LONGEST_NAME} printable characters"
            )
        if names.count(name) > 1:
            raise ParameterError(f"two conditions are called {name!r}", "give each a name of its own")
    if len(names) > MOST_SIGNALS:
        raise ParameterError(
            f"a trial would have {len(names)} signals ({', '.join(names)}), and listeners are to compare "
            f"{MOST_SIGNALS} at most (BS.1534-3)",
            "choose fewer bandwidths or conditions",
        )
    if len(names) == 1 + len(ANCHORS):
        raise ParameterError("there is nothing to rate beside the anchors", "name bandwidths, --mel or --condition")


def _check_excerpt(seconds: float) -> None:
    if not SHORTEST <= seconds <= LONGEST:
        raise ParameterError(
            f"excerpts of {seconds:g} s are asked for", f"choose {SHORTEST:g} to {LONGEST:g} s, best about 10"
        )


def _starts(start: float | Sequence[float] | None, n_sounds: int) -> list[float | None]:
    if start is None:
        return [None] * n_sounds
    starts = [start] * n_sounds if isinstance(start, (int, float)) else list(start)
    if len(starts) == 1:
        starts *= n_sounds
    if len(starts) != n_sounds:
        raise ParameterError(
            f"there are {len(starts)} starts for {n_sounds} sounds", "give one start for all, or one for each"
        )
    for seconds in starts:
        if not 0 <= seconds < float("inf"):
            raise ParameterError(f"an excerpt is to start at {seconds:g} s", "give seconds from 0 on")
    return [float(seconds) for seconds in starts]
