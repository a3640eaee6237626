"""What docs/check_alignment.md says in figures and options; tests/test_docs.py runs its code."""

from __future__ import annotations

import re

from conftest import PROJECT

from giblet.encoding.verdict import TOLERANCE, WIDEST

TEXT = (PROJECT / "docs" / "check_alignment.md").read_text(encoding="utf-8")


def test_the_figures_are_those_of_the_code():
    assert f"at most {WIDEST:g} s wide" in TEXT
    assert f"within {TOLERANCE:g} s of 0" in TEXT


def test_the_options_are_those_of_the_command():
    from typer.main import get_command

    from giblet.cli.app import app

    command = get_command(app).commands["check-alignment"]
    options = {name for parameter in command.params for name in parameter.opts}
    usage = re.search(r"giblet check-alignment STUDY.*", TEXT)[0]
    assert set(re.findall(r"(?<=\[)-+[\w-]+", usage)) <= options
