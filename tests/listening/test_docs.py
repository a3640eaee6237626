"""What docs/listening.md shows works as written."""

from __future__ import annotations

import re

from conftest import PROJECT

TEXT = (PROJECT / "docs" / "listening.md").read_text(encoding="utf-8")


def test_the_python_block_prints_what_its_comment_says(tmp_path, monkeypatch, capsys):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    (tmp_path / "data").symlink_to(PROJECT / "data")
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"^print\(.*\)  # (.*)$", block, flags=re.MULTILINE)
    assert (tmp_path / "test" / "index.html").is_file()


def test_the_options_are_those_of_the_commands():
    from typer.main import get_command

    from giblet.cli.app import app

    commands = get_command(app).commands["mushra"].commands
    options = {name for command in commands.values() for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--\w[\w-]*", TEXT)) <= options
