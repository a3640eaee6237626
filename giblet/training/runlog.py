"""What a run writes down: a table, and TensorBoard's events with sounds to listen to."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor


class RunLog:
    """The log of one run.

    Parameters
    ----------
    folder : Path
        The run's; ``log.csv`` holds step, name and value, and ``events.out.tfevents.*`` the same for TensorBoard.
    first_step : int
        Where this call begins; rows of later steps, left by a run that was killed, are dropped.
    sample_rate : int
        Of the sounds, in Hz.
    """

    def __init__(self, folder: Path, first_step: int, sample_rate: int) -> None:
        # Late, for it takes a second.
        from torch.utils.tensorboard import SummaryWriter

        path = folder / "log.csv"
        kept = _rows_before(path, first_step)
        self._file = path.open("w", newline="", encoding="utf-8")
        self._table = csv.writer(self._file)
        self._table.writerow(("step", "name", "value"))
        self._table.writerows(kept)
        self._events = SummaryWriter(str(folder), purge_step=first_step + 1)
        self._sample_rate = sample_rate

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._events.close()

    def figures(self, step: int, figures: dict[str, float]) -> None:
        """Write figures of a step."""
        for name, value in figures.items():
            self._table.writerow((step, name, repr(value)))
            self._events.add_scalar(name, value, step)
        self._file.flush()

    def validation(
        self, step: int, mel_distance: dict[str, float], losses: dict[str, float], examples: dict[str, Tensor]
    ) -> None:
        """Write the result of a validation, with sounds (channels, samples)."""
        self.figures(step, {f"mel_distance/{name}": value for name, value in mel_distance.items()})
        self.figures(step, {f"validation/{name}": value for name, value in losses.items()})
        for name, sound in examples.items():
            self._events.add_audio(name, sound.mean(0, keepdim=True).clamp(-1, 1), step, self._sample_rate)
        self._events.flush()


class Means:
    """Means of figures over the steps since they were last taken.

    Attributes
    ----------
    sums : dict of str to list of float
        Sum and number of each figure; part of a run's state.
    """

    def __init__(self) -> None:
        self.sums: dict[str, list[float]] = {}

    def add(self, figures: dict[str, float]) -> None:
        """Take in the figures of a step."""
        for name, value in figures.items():
            total, number = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = [total + value, number + 1]

    def take(self) -> dict[str, float]:
        """Return the means, and begin anew."""
        means = {name: total / number for name, (total, number) in self.sums.items()}
        self.sums = {}
        return means


def _rows_before(path: Path, step: int) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [row for row in rows if len(row) == 3 and row[0].isdigit() and int(row[0]) <= step]
