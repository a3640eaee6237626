"""What is read of a run: time courses with the facts that belong to them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from giblet.bold.spaces import Space


@dataclass(frozen=True)
class TimeCourses:
    """The BOLD signal of one run.

    Volume i is measured from i·tr to (i + 1)·tr after the start of the first stored one, and stands for the moment
    i·tr + sample_offset.

    Attributes
    ----------
    values : ndarray of float32, shape (n_volumes, n_targets)
        The signal; perhaps a file mapped into memory, not to be written to.
    tr : fractions.Fraction or None
        Repetition time, seconds; None for a table of which nobody says it.
    sample_offset : fractions.Fraction
        Time within a TR at which volumes were sampled, or to which preprocessing shifted them, seconds; 0 where
        nothing is known of it.
    targets : tuple of str
        Names of regions or parcels; voxels, vertices and grayordinates are ``"v0"``, ``"v1"``, ….
    space : Space or None
        What turns values of the targets back into an image; None for tables.
    valid : ndarray of bool, shape (n_targets,)
        False for a target that never changes, or that has values which are no numbers (those are 0 throughout).
    censored : ndarray of bool, shape (n_volumes,)
        True for volumes that the confounds mark as not to use.
    notes : tuple of str
        What was found, one sentence each.
    """

    values: np.ndarray
    tr: Fraction | None
    sample_offset: Fraction
    targets: tuple[str, ...]
    space: Space | None
    valid: np.ndarray
    censored: np.ndarray
    notes: tuple[str, ...]
