"""The giblet command in this process."""

from __future__ import annotations

import sys

import pytest
import soundfile
from fabricate import babble

from giblet.cli.main import run


@pytest.fixture
def giblet(monkeypatch, capsys):
    """Run a command in this process; return its status and what it said."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["giblet", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            run()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return call


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "a clip.wav"
    soundfile.write(path, babble(24_000 * 4)[0], 24_000)
    return path
