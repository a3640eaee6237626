"""How much memory a program allocates."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Runs something, while a thread looks at what the process itself has allocated.
_WATCHED = """
import re, sys, threading, time
peak = 0
def watch():
    global peak
    while True:
        peak = max(peak, int(re.search(r'RssAnon:\\s+(\\d+)', open('/proc/self/status').read())[1]))
        time.sleep(0.01)
threading.Thread(target=watch, daemon=True).start()
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


def peak_memory(program: str, *words: object) -> float:
    """Run a program in a process of its own, and return the largest anonymous memory that it had, MiB."""
    code = _WATCHED.format(program=program)
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True)
    return float(done.stdout.split("peak")[-1])


def peak_memory_of_giblet(*words: object) -> float:
    """Run ``giblet`` with these words, and return the same."""
    return peak_memory(_COMMAND_LINE, *words)
