"""What docs/features_pictures.md shows works as written."""

from __future__ import annotations

import re

import pytest
from conftest import PROJECT

BLOCKS = re.findall(r"```python\n(.*?)```", (PROJECT / "docs/features_pictures.md").read_text("utf-8"), re.DOTALL)


def test_the_python_blocks_print_what_their_comments_say(monkeypatch, capsys):
    pytest.importorskip("moten")
    pytest.importorskip("scenedetect", exc_type=ImportError)
    monkeypatch.chdir(PROJECT)
    assert len(BLOCKS) == 2
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(block, names)
        expected = re.findall(r"^ *print\(.*\)  # (.*)$", block, flags=re.MULTILINE)
        assert expected
        assert capsys.readouterr().out.splitlines() == expected
