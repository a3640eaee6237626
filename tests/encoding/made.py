"""Problems of which one knows what is in them."""

from __future__ import annotations

import numpy as np
from nilearn.glm.first_level import spm_hrf
from scipy.signal import lfilter

from giblet.encoding import EncodingProblem


def problem(features=None, bold=None, *, lengths=(120,), tr=2, seed=0, n_targets=3, used=None, **more):
    """A problem of random features and BOLD, or of those given."""
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    features = (
        {"sound": rng.standard_normal((n, 3)), "words": rng.standard_normal((n, 1))} if features is None else features
    )
    bold = rng.standard_normal((n, n_targets)) if bold is None else bold
    runs = np.repeat(np.arange(len(lengths)), lengths)
    used = np.ones(n, bool) if used is None else used
    targets = tuple(f"t{i}" for i in range(bold.shape[1]))
    return EncodingProblem(features, bold, runs, tr, used, targets, **more)


def slow(rng, n, columns, tr=2.0):
    """Columns as features are after a haemodynamic response."""
    raw = lfilter([1], [1, -0.5], rng.standard_normal((n + 60, columns)), axis=0)
    return lfilter(spm_hrf(tr, oversampling=1), [1], raw, axis=0)[60:]


def noise(rng, n, targets):
    """BOLD that nothing is in: it remembers and drifts."""
    short = lfilter([1], [1, -0.6], rng.standard_normal((n + 60, targets)), axis=0)[60:]
    return short + 0.15 * np.cumsum(rng.standard_normal((n, targets)), axis=0)
