"""What docs/alignment.md shows works as written."""

from __future__ import annotations

import re

from conftest import PROJECT

PAGE = (PROJECT / "docs" / "alignment.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 9
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    shown = [f"# {line}" for line in capsys.readouterr().out.splitlines()]
    assert len(shown) == 3
    assert all(line in PAGE for line in shown)
