"""Which TRs are learnt from and which are kept to judge by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np

from giblet.errors import ParameterError
from giblet.timeline import Seconds, exact

WAYS = ("blocks", "run", "subject")
DEFAULT: Mapping[str, Any] = MappingProxyType({"train": 0.8, "val": 0.1, "test": 0.1})
# Shares are floats, whose sum is not exact.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Splitting:
    """How a dataset is divided.

    Attributes
    ----------
    by : {"blocks", "run", "subject"}
        Contiguous blocks of every run, in the order of `parts`; or whole runs; or whole subjects.
    parts : mapping of str to float, or of str to tuple of str
        The splits in their order, with their shares; or with the names of the runs or subjects that belong to each.
    gap : fractions.Fraction or None
        Seconds left out between blocks, so that no filter, HRF or delay carries what one block holds into the next;
        None for as much as they reach.
    """

    by: str = "blocks"
    parts: Mapping[str, Any] = field(default_factory=lambda: DEFAULT)
    gap: Fraction | None = None

    @classmethod
    def asked(cls, by: str, parts: Mapping[str, Any], gap: Seconds | None) -> Splitting:
        """Return the splitting for values as people write them (see the class for the parameters).

        Raises
        ------
        ParameterError
            If a value cannot be used.
        """
        if by not in WAYS:
            raise ParameterError(f"split_by is {by!r}", f"choose from {', '.join(WAYS)}")
        if not isinstance(parts, Mapping) or not parts:
            raise ParameterError(f"splits are {parts!r}", "give a share for each, such as {'train': 0.8, 'test': 0.2}")
        shares = [share for share in parts.values() if isinstance(share, (int, float))]
        if shares and (len(shares) < len(parts) or min(shares) <= 0 or sum(shares) > 1 + _ROUNDING):
            raise ParameterError(f"splits are {dict(parts)}", "give shares above 0 that sum to 1, or names for each")
        if not shares and by == "blocks":
            raise ParameterError("splits name runs or subjects", "say which with split_by='run' or 'subject'")
        seconds = None if gap is None else exact(gap, "the gap")
        if seconds is not None and seconds < 0:
            raise ParameterError(f"the gap is {float(seconds):g} s", "give 0 or more")
        named = parts if shares else {name: _names(members) for name, members in parts.items()}
        return cls(by, dict(named), seconds)

    def blocks(self, n_trs: int, gap: int) -> dict[str, range]:
        """Divide the TRs of a run.

        Parameters
        ----------
        n_trs : int
            How many there are.
        gap : int
            TRs left out between blocks: the first ones of every block but the first.

        Returns
        -------
        dict of str to range
            TRs of each split; some may be empty.
        """
        ends = _ends(n_trs, list(self.parts.values()))
        starts = (0, *(end + gap for end in ends[:-1]))
        return {name: range(a, max(a, b)) for name, a, b in zip(self.parts, starts, ends, strict=True)}

    def members(self, names: Sequence[str], split: str) -> tuple[str, ...]:
        """Return the runs or subjects of a split.

        Parameters
        ----------
        names : sequence of str
            All of them, in order.
        split : str
            Name of the split.

        Returns
        -------
        tuple of str
            Those that belong to it. By share, each split gets at least one where there are enough.

        Raises
        ------
        ParameterError
            If the splits name one that is not there.
        """
        part = self.parts[split]
        if isinstance(part, tuple):
            unknown = [name for name in part if name not in names]
            if unknown:
                raise ParameterError(f"the split {split} names {unknown[0]!r}", f"choose from {', '.join(names)}")
            return part
        ends = _ends(len(names), list(self.parts.values()), least=1)
        index = list(self.parts).index(split)
        return tuple(names[ends[index - 1] if index else 0 : ends[index]])


def _names(members: Any) -> tuple[str, ...]:
    return (members,) if isinstance(members, str) else tuple(str(member) for member in members)


def _ends(count: int, shares: Sequence[float], least: int = 0) -> tuple[int, ...]:
    """Cut ``count`` things into parts of these shares, none smaller than ``least`` if possible."""
    sizes = np.diff(np.rint(np.cumsum([0.0, *shares]) * count)).astype(int)
    for i in range(len(sizes)):
        largest = int(sizes.argmax())
        if sizes[i] < least < sizes[largest]:
            sizes[i] += 1
            sizes[largest] -= 1
    return tuple(int(end) for end in np.cumsum(sizes))
