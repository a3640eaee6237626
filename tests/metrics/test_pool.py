from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fabricate import babble

from giblet.errors import ParameterError
from giblet.metrics import Pair, ScorePool, cut, score_table

RATE = 24_000


@pytest.fixture
def pairs() -> list[Pair]:
    sound = babble(RATE * 6)[0]
    noise = np.random.default_rng(1).standard_normal(len(sound)).astype(np.float32)
    return cut(Pair(sound, sound + np.float32(0.02) * noise, RATE), 1.5)


def test_several_processes_give_the_same_in_the_same_order(pairs):
    before = dict(os.environ)
    with ScorePool(1) as one, ScorePool(2) as two:
        expected, found = score_table(one.scores(pairs)), score_table(two.scores(pairs))
    assert expected.start.tolist() == [0.0, 1.5, 3.0, 4.5]
    assert expected.stoi.notna().all()
    # Where an array lies in memory changes the last bit of a sum.
    pd.testing.assert_frame_equal(expected, found, rtol=1e-9)
    assert dict(os.environ) == before


@pytest.mark.parametrize("jobs", [1, 2])
def test_errors_come_through(pairs, jobs):
    with ScorePool(jobs, ["smell"]) as pool, pytest.raises(ParameterError, match="no measure 'smell'"):
        list(pool.scores(pairs))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are listed by Linux only")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_one_that_began_it(sent):
    code = (
        "import numpy as np, time\n"
        "from giblet.metrics import Pair, ScorePool\n"
        "sound = np.random.default_rng(0).standard_normal(24000)\n"
        "with ScorePool(2) as pool:\n"
        "    list(pool.scores([Pair(sound, sound, 24000)] * 4))\n"
        "    print('measured', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) >= 2
    process.send_signal(sent)
    process.wait(20)
    patience = time.monotonic() + 20
    while any(is_running(child) for child in children) and time.monotonic() < patience:
        time.sleep(0.1)
    assert not any(is_running(child) for child in children)


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
