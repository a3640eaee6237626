"""What docs/decoding.md shows works as written."""

from __future__ import annotations

import re
import shutil

from conftest import PROJECT

PAGE = (PROJECT / "docs" / "decoding.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys, sample_film):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(sample_film, tmp_path / "data" / sample_film.name)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 6
    names: dict = {}
    for block in blocks:
        exec(block, names)
    shown = [f"# {line}" for line in capsys.readouterr().out.splitlines()]
    assert len(shown) == 3
    assert all(line in PAGE for line in shown)
    assert names["truth"].shape == (60, 128)
    assert 0.1 <= names["score"].p <= 1
