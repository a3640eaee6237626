"""Damaged files: read to some end, or refused in one sentence; never anything else."""

from __future__ import annotations

from contextlib import contextmanager, suppress

import pytest
import soundfile
from fabricate import babble
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet.errors import GibletError
from giblet.media import AudioReader
from giblet.media.probe import film_clock, probe

FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EDITS = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=64)), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def originals(sample_film, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    originals = {".mp4": sample_film.read_bytes()}
    for ending in (".wav", ".flac", ".ogg"):
        soundfile.write(folder / f"x{ending}", babble(24_000)[0], 24_000)
        originals[ending] = (folder / f"x{ending}").read_bytes()
    return originals


@FUZZ
@given(ending=st.sampled_from([".mp4", ".wav", ".flac", ".ogg"]), edits=EDITS, keep=st.floats(0, 1), head=st.booleans())
def test_damaged_files(originals, tmp_path, ending, edits, keep, head):
    content = bytearray(originals[ending])
    for where, what in edits:
        # Headers are where parsers go wrong, so half of the cases change nothing else.
        at = int(where * (min(len(content), 4096) if head else len(content)))
        content[at : at + len(what)] = what
    path = tmp_path / f"damaged{ending}"
    path.write_bytes(content[: int(len(content) * max(keep, 0.2))])
    for look in (probe, film_clock, heard):
        with suppress(GibletError), naming(path):
            look(path)


def heard(path):
    with AudioReader(path, sample_rate=24_000) as reader:
        delivered = sum(block.shape[1] for block in reader)
        assert delivered == round(reader.report.duration * 24_000)


@contextmanager
def naming(path):
    """Fail unless an error names the file."""
    try:
        yield
    except GibletError as error:
        if str(path) not in str(error):
            pytest.fail(f"{error} does not name the file")
        raise
