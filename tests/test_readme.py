"""What the README shows works as written."""

from __future__ import annotations

import re

import pytest
from conftest import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_blocks_run(tmp_path, monkeypatch, capsys, sample_film):
    from giblet.data import extract

    extract(sample_film, tmp_path / "film.giblet", codec="tiny", bandwidth=3.0)
    (tmp_path / "data").symlink_to(PROJECT / "data")
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == 3
    for block in BLOCKS:
        exec(block, {})
    shown = capsys.readouterr().out
    assert "(10, 4, 112) int64" in shown
    assert "torch.Size([4, 112]) torch.Size([296])" in shown
    assert (tmp_path / "decoded.wav").is_file()


@pytest.mark.parametrize(("kbps", "codebooks"), [("1.5", 2), ("3", 4), ("6", 8), ("12", 16), ("24", 32)])
def test_the_table_of_bandwidths_is_right(kbps, codebooks):
    from giblet.codecs.catalog import DEFAULTS, CodecSpec

    assert CodecSpec("24 kHz", "", None, DEFAULTS).n_codebooks(float(kbps)) == codebooks
    assert f"| {kbps} | {codebooks} | ({codebooks}, 112) |" in README
