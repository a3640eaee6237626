"""What docs/listening.md says of the commands; tests/test_docs.py runs its code."""

from __future__ import annotations

import re

from conftest import PROJECT

TEXT = (PROJECT / "docs" / "listening.md").read_text(encoding="utf-8")


def test_the_options_are_those_of_the_commands():
    from typer.main import get_command

    from giblet.cli.app import app

    commands = get_command(app).commands["mushra"].commands
    options = {name for command in commands.values() for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--\w[\w-]*", TEXT)) <= options
