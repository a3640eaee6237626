"""Answers of made-up listeners."""

from __future__ import annotations

import csv

import pytest

from giblet.listening.anchors import LOW_ANCHOR, MID_ANCHOR, REFERENCE

COLUMNS = ["test", "listener", "trial", "trial_order", "stimulus_order", "condition", "rating", "plays", "seconds"]


@pytest.fixture
def write_answers(tmp_path):
    """Write the file of a listener, whose ratings are given per condition, one for each trial."""

    def write(listener, ratings, test="t1", name=None, **more):
        path = tmp_path / (name or f"{listener}.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, **more)
            rows.writerow(COLUMNS)
            for j, (condition, values) in enumerate(ratings.items(), 1):
                for i, rating in enumerate(values, 1):
                    rows.writerow([test, listener, f"trial {i}", i, j, condition, rating, 2, "31.5"])
        return path

    return write


@pytest.fixture
def careful():
    """Ratings of two trials that no screening objects to."""

    def ratings(codec, mel=(40, 50)):
        return {REFERENCE: (100, 95), LOW_ANCHOR: (20, 25), MID_ANCHOR: (60, 70), "tiny 3 kbps": codec, "mel": mel}

    return ratings
