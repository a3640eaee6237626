"""How much memory a program allocates."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

# Runs something, while a thread looks at what the process itself has allocated.
_WATCHED = """
import json, re, sys, threading, time
peak = 0
def watch():
    global peak
    while True:
        peak = max(peak, int(re.search(r'RssAnon:\\s+(\\d+)', open('/proc/self/status').read())[1]))
        time.sleep(0.01)
threading.Thread(target=watch, daemon=True).start()
for words in json.loads(sys.argv[1]):
    sys.argv = ['', *words]
    {program}
    print('peak', peak / 1024)
"""
_COMMAND_LINE = """
from giblet.cli.main import run
try:
    run()
except SystemExit as end:
    assert not end.code
"""

needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def peak_memory(program: str, *runs: Sequence[object]) -> list[float]:
    """Run a program once with each of the words, in one process of its own.

    Return the largest anonymous memory that it had until the end of each run, MiB: what only the first run takes, such
    as libraries, is in all of them.
    """
    code = _WATCHED.format(program="\n    ".join(program.strip().splitlines()))
    words = json.dumps([[str(word) for word in run] for run in runs])
    done = subprocess.run([sys.executable, "-c", code, words], capture_output=True, text=True, check=True)
    return [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("peak ")]


def peak_memory_of_giblet(*runs: Sequence[object]) -> list[float]:
    """Run ``giblet`` with these words, and return the same."""
    return peak_memory(_COMMAND_LINE, *runs)
