"""The speed that a progress bar tells."""

from __future__ import annotations

import pytest

from giblet.cli import progress
from giblet.cli.progress import Bar


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def work(bar, clock, seconds, taken):
    bar.begin("work", seconds)
    clock[0] += taken
    bar.advance(seconds)
    bar.end()


def test_the_speed_is_that_of_the_last_stage(clock):
    with Bar() as bar:
        work(bar, clock, 30, 10)
        work(bar, clock, 30, 2)
    assert bar.speed == pytest.approx(15)


def test_of_stages_beside_each_other_it_is_that_of_all_until_the_next_stage(clock):
    with Bar() as bar:
        first, second = bar.beside(), bar.beside()
        first.begin("a", 30)
        work(second, clock, 30, 5)
        clock[0] += 5
        first.advance(30)
        first.end()
        work(bar.beside(), clock, 30, 5)
        assert bar.speed == pytest.approx(2)
        clock[0] += 1000
        work(bar, clock, 30, 3)
        assert bar.speed == pytest.approx(10)


def test_without_a_stage_there_is_none():
    assert Bar().speed == 0
