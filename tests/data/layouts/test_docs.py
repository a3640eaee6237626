"""The study that docs/studies.md describes has the times it should, and the page's tables are whole."""

from __future__ import annotations

import itertools
import re

import numpy as np
from conftest import PROJECT

from giblet.data.layouts import find_study
from giblet.data.layouts.yaml_keys import PER_RUN, TOP

TEXT = (PROJECT / "docs" / "studies.md").read_text(encoding="utf-8")


def test_the_times_of_the_described_study_are_as_the_page_has_it(tmp_path, monkeypatch):
    (described,) = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    for subject, run in itertools.product(("s1", "s2", "s3"), ("first", "second")):
        scan = tmp_path / "experiment" / "bold" / f"{subject}_{run}.nii.gz"
        scan.parent.mkdir(parents=True, exist_ok=True)
        scan.write_bytes(b"x")
    (tmp_path / "study.yaml").write_text(described, encoding="utf-8")
    monkeypatch.setenv("FILMS", str(tmp_path))
    runs = find_study(tmp_path / "study.yaml").runs
    assert [(run.subject, run.run) for run in runs] == [
        ("s1", "first"), ("s1", "second"), ("s2", "first"), ("s2", "second"), ("s3", "first"),
    ]  # fmt: skip
    np.testing.assert_allclose([float(run.start(run.tr)) for run in runs], [-4.5, -6, 0, -1.5, -4.5])


def test_all_keys_stand_in_the_tables_with_their_meaning():
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", TEXT, flags=re.MULTILINE))
    assert rows == {name: key.meaning for name, key in TOP.items()}
    assert list(rows)[: len(PER_RUN)] == list(PER_RUN)
