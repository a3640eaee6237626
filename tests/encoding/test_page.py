"""What docs/encoding.md shows works as written."""

from __future__ import annotations

import re
import shutil

from conftest import PROJECT

PAGE = (PROJECT / "docs" / "encoding.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    shutil.copytree(PROJECT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("cache", "__pycache__"))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert [f"# {line}" in PAGE for line in capsys.readouterr().out.splitlines()] == [True]
    assert names["predicted"].shape == (100, 4)


def test_the_options_are_those_of_the_command():
    from typer.main import get_command

    from giblet.cli.app import app

    options = {name for parameter in get_command(app).commands["fit"].params for name in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= options
