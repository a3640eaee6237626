"""What docs/formats.md shows works as written."""

from __future__ import annotations

import re

import numpy as np
import soundfile
from conftest import PROJECT

TEXT = (PROJECT / "docs" / "formats.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_python_blocks_print_what_their_comments_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    soundfile.write("talk.wav", 0.1 * np.random.default_rng(0).standard_normal(48_000), 24_000)
    assert len(BLOCKS) == 4
    for block in BLOCKS:
        exec(block, {})
        expected = re.findall(r"^ *print\(.*\)  # (.*)$", block, flags=re.MULTILINE)
        assert expected
        assert capsys.readouterr().out.splitlines() == expected


def test_the_options_are_those_of_the_command():
    from typer.main import get_command

    from giblet.cli.app import app

    options = {name for parameter in get_command(app).commands["codec"].params for name in parameter.opts}
    usage = re.search(r"giblet codec INPUT\.\.\. \[OUTPUT\].*", TEXT)[0]
    assert set(re.findall(r"-+\w+", usage)) <= options
