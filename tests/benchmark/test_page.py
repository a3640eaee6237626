"""What docs/benchmark.md says is so; tests/test_docs.py runs its code."""

from __future__ import annotations

import re

from conftest import PROJECT

from giblet.benchmark import TOLERANCES

PAGE = (PROJECT / "docs" / "benchmark.md").read_text(encoding="utf-8")


def test_page_help_and_code_have_the_same_tolerances():
    from typer.main import get_command

    from giblet.cli.app import app

    options = get_command(app).commands["benchmark"].params
    (help_text,) = (option.help for option in options if "--tolerance" in option.opts)
    for name, value in TOLERANCES.items():
        assert re.search(rf"{name}\b[^0-9]* {value:g}\b", help_text), name
        assert f"`{name}`" in PAGE
