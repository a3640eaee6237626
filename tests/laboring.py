"""Work for workers, who import it by its name."""

from __future__ import annotations

import os
import pickle
import signal
import time
from pathlib import Path

from giblet.errors import MediaError
from giblet.jobs import do
from giblet.kept import kept
from giblet.media.containers import THREADS, open_media


def backwards(jobs, progress):
    """Do jobs as workers elsewhere would: what they take and return is sent, and the last comes first."""
    for number, job in reversed(list(enumerate(jobs))):
        yield pickle.loads(pickle.dumps(do(number, pickle.loads(pickle.dumps(job)), progress)))


def double(number, progress):
    """Return twice a number, and when that began."""
    return 2 * number, time.time()


def fail(path, progress):
    """Raise what a person can mend."""
    raise MediaError("is no film", "name one", path)


def stumble(progress):
    """Raise what cannot be sent, for it is known here only."""

    class LocalError(Exception):
        def __init__(self, one, two):
            super().__init__(one)

    raise LocalError("so; it\nis.", 2)


def die(times, folder, progress):
    """Kill the worker so many times, then return how often that was."""
    folder = Path(folder)
    tried = len(list(folder.glob("*")))
    if tried < times:
        (folder / str(tried)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return tried


def last(begun, stopped, progress):
    """Go on until nobody waits any more, and leave a file then."""
    progress.begin("for ever", None)
    Path(begun).touch()
    try:
        while True:
            time.sleep(0.01)
            progress.advance(1)
    finally:
        Path(stopped).touch()


def surroundings(film, folder, progress):
    """Return the process, the threads that libraries and decoders may start, and what it keeps."""
    with open_media(film) as container:
        decoders = container.streams.audio[0].codec_context.thread_count
    loaded = kept("thing", Path(folder), None, object)
    return os.getpid(), os.environ["OMP_NUM_THREADS"], os.environ[THREADS], decoders, id(loaded)
