"""Errors come before heavy libraries."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from bold.fabricated import brain, write_nifti

HEAVY = {"nilearn", "pandas", "sklearn", "scipy.signal", "matplotlib", "torch"}

SCRIPT = """
import sys
import giblet.bold, giblet.data.fmri
assert "nibabel" not in sys.modules and "nilearn" not in sys.modules
try:
    giblet.bold.read_bold(sys.argv[1])
except giblet.errors.BoldError as error:
    print(error)
print(*sorted(sys.modules))
"""


def test_a_doubtful_tr_is_answered_before_nilearn_is_loaded(tmp_path):
    path = write_nifti(tmp_path / "x.nii", np.asarray(brain(3)[0]), tr=1.0)
    done = subprocess.run([sys.executable, "-c", SCRIPT, path], capture_output=True, text=True, check=True)
    answer, modules = done.stdout.splitlines()
    assert "its TR is in doubt" in answer
    assert done.stderr == ""
    assert not HEAVY & set(modules.split())
