"""What docs/studies.md shows works, and its tables are whole."""

from __future__ import annotations

import re

import numpy as np
from conftest import PROJECT

from giblet.data.layouts import find_study
from giblet.data.layouts.yaml_keys import PER_RUN, TOP

TEXT = (PROJECT / "docs" / "studies.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_blocks_run(tmp_path, monkeypatch, capsys):
    (described,) = blocks("yaml")
    lookup, export = blocks("python")
    root = tmp_path / "films" / "experiment"
    files = ["films/first.mp4", "films/second.mp4", "films/words.TextGrid"]
    files += [f"masks/s{i}.nii.gz" for i in (1, 2, 3)]
    files += [f"bold/s{i}_{run}.nii.gz" for i in (1, 2, 3) for run in ("first", "second")]
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (tmp_path / "study.yaml").write_text(described, encoding="utf-8")
    monkeypatch.setenv("FILMS", str(tmp_path / "films"))
    monkeypatch.chdir(tmp_path)
    exec(lookup, {})
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said] == [
        [subject, run] for subject, run in zip(("s1", "s1", "s2", "s2", "s3"), ("first", "second") * 3, strict=False)
    ]
    runs = find_study("study.yaml").runs
    starts = [float(run.start(run.tr)) for run in runs]
    np.testing.assert_allclose(starts, [-4.5, -6, 0, -1.5, -4.5])
    exec(export, {})
    written = tmp_path / "features" / "sub-s1" / "func"
    for ending in ("recording-audioPower_stim.tsv.gz", "desc-giblet_design.tsv"):
        assert (written / f"sub-s1_task-film_run-1_{ending}").is_file()


def test_all_keys_stand_in_the_tables_with_their_meaning():
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", TEXT, flags=re.MULTILINE))
    assert rows == {name: key.meaning for name, key in TOP.items()}
    assert list(rows)[: len(PER_RUN)] == list(PER_RUN)
