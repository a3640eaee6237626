"""The examples run as they are."""

from __future__ import annotations

import subprocess
import sys

import pytest
import soundfile
from conftest import PROJECT


@pytest.mark.slow
def test_film_to_codes_and_back(tmp_path, sample_film):
    script = PROJECT / "examples" / "film_to_codes_and_back.py"
    done = subprocess.run(
        [sys.executable, script, sample_film, tmp_path], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith("(20, 4, 112) int64")
    assert "'latent': 64" in done.stdout
    assert soundfile.info(tmp_path / "trs_2_to_5.wav").frames == 4 * 36_000
    assert not done.stderr
