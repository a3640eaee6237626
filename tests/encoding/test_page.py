"""What docs/encoding.md says of the command; tests/test_docs.py runs its code."""

from __future__ import annotations

import re

from conftest import PROJECT

PAGE = (PROJECT / "docs" / "encoding.md").read_text(encoding="utf-8")


def test_the_options_are_those_of_the_command():
    from typer.main import get_command

    from giblet.cli.app import app

    options = {name for parameter in get_command(app).commands["fit"].params for name in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= options
