"""What the README says in numbers is right; tests/test_docs.py runs its code."""

from __future__ import annotations

import pytest
from conftest import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("kbps", "codebooks"), [("1.5", 2), ("3", 4), ("6", 8), ("12", 16), ("24", 32)])
def test_the_table_of_bandwidths_is_right(kbps, codebooks):
    from giblet.codecs.encodec.spec import DEFAULTS, EncodecSpec

    assert EncodecSpec("24 kHz", "", None, DEFAULTS).n_codebooks(float(kbps)) == codebooks
    assert f"| {kbps} | {codebooks} | ({codebooks}, 112) |" in README
