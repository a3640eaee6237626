"""The scripts in benchmarks/ say how they are used."""

from __future__ import annotations

import subprocess
import sys

from conftest import PROJECT


def test_the_table_of_odd_files_says_what_it_wants(tmp_path):
    script = PROJECT / "benchmarks" / "odd_files.py"
    for words in ([], [str(tmp_path / "nowhere")], ["a", "b"]):
        done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("usage: ")
