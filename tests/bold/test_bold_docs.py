"""What docs/bold.md shows works as written."""

from __future__ import annotations

import re

import numpy as np
import pytest
from bold.fabricated import brain, write_fmriprep_confounds, write_mask, write_nifti, write_sidecar
from conftest import PROJECT

PAGE = (PROJECT / "docs" / "bold.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
PRINTED = re.findall(r"^ *print\(.*\)  # (.*)$", PAGE, flags=re.MULTILINE)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_blocks_print_what_they_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for i in (1, 2, 3):
        volumes, inside = brain(120, seed=i)
        path = write_nifti(f"sub-0{i}_task-film_bold.nii.gz", volumes, tr=1.5)
        write_sidecar(path, RepetitionTime=1.5, StartTime=0.75, SliceTimingCorrected=True)
    write_mask("sub-01_mask.nii.gz", inside)
    write_fmriprep_confounds("sub-01_task-film_desc-confounds_timeseries.tsv", 120, jump=111)
    write_nifti("old_scan.nii", brain(5)[0].astype(np.int16), tr=2000.0)
    names = {}
    for block in BLOCKS:
        exec(block, names)
    printed = capsys.readouterr().out.splitlines()
    assert len(BLOCKS) == 4
    assert len(printed) == len(PRINTED) == 7
    for line, promised in zip(printed, PRINTED, strict=True):
        pattern = re.escape(promised.partition(": each")[0]).replace("…", ".*")
        assert re.fullmatch(pattern, line.removesuffix(".") if "…" in promised else line), (line, promised)
    assert {"mean.nii.gz", "sub-01.npy", "space.nii.gz"} <= {path.name for path in tmp_path.iterdir()}
