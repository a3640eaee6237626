"""The ratings as box plots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from giblet.listening.scoring import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRADES = ("Bad", "Poor", "Fair", "Good", "Excellent")


def box_plot(scores: Scores) -> Figure:
    """Draw the ratings of each condition: median, quartiles, and beside them the mean with its interval.

    Parameters
    ----------
    scores : Scores
        The result of a test.

    Returns
    -------
    matplotlib.figure.Figure
        A figure that belongs to no window.
    """
    # Not pyplot, which would choose a window system and keep the figure.
    from matplotlib.figure import Figure

    summaries = scores.conditions
    figure = Figure(figsize=(2.2 + 0.85 * len(summaries), 4.8), layout="constrained")
    axes = figure.add_subplot()
    for bound in range(0, 100, 40):
        axes.axhspan(bound, bound + 20, color="0.95", zorder=0)
    ratings = [[r.rating for r in scores.ratings if r.condition == summary.condition] for summary in summaries]
    places = range(1, len(summaries) + 1)
    axes.boxplot(
        ratings,
        positions=places,
        widths=0.45,
        flierprops={"marker": ".", "markeredgecolor": "0.5"},
        medianprops={"color": "#0f6b5c", "linewidth": 2.5},
    )
    means = [summary.mean for summary in summaries]
    # A single listener has no interval.
    half = [0.0 if summary.ci_high != summary.ci_high else summary.ci_high - summary.mean for summary in summaries]
    beside = [place + 0.35 for place in places]
    axes.errorbar(beside, means, half, fmt="D", color="#9d2a1c", markersize=4, capsize=3)
    axes.set_xticks(list(places), [summary.condition for summary in summaries], rotation=30, ha="right")
    axes.set_ylim(-2, 102)
    axes.set_ylabel("rating")
    right = axes.secondary_yaxis("right")
    right.set_yticks([10, 30, 50, 70, 90], GRADES)
    right.tick_params(length=0)
    counts = (len(scores.listeners), "listener"), (len({r.trial for r in scores.ratings}), "trial")
    told = ", ".join(f"{n} {what if n == 1 else what + 's'}" for n, what in counts)
    axes.set_title(f"{told}\nbox: median and quartiles; diamond: mean and 95 % interval", fontsize=10)
    return figure


def write_plots(scores: Scores, folder: Path) -> None:
    """Write the box plot as ``ratings.png`` and ``ratings.svg``.

    Parameters
    ----------
    scores : Scores
        The result of a test.
    folder : pathlib.Path
        Where to write.
    """
    figure = box_plot(scores)
    figure.savefig(folder / "ratings.png", dpi=150)
    # Without the date, so that equal ratings give equal files.
    figure.savefig(folder / "ratings.svg", metadata={"Date": None})
