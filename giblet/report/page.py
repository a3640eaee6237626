"""Values to a page: one template for each kind, nothing from elsewhere, nothing that a name could smuggle in."""

from __future__ import annotations

import base64
import hashlib
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giblet.errors import printable
from giblet.report.axes import clock
from giblet.report.figures import Lanes, Plot

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")


def render(kind: str, values: dict[str, Any]) -> str:
    """Return a page.

    Parameters
    ----------
    kind : {"store", "benchmark", "dataset", "fit"}
        Which template.
    values : dict
        What it says.

    Returns
    -------
    str
        HTML that loads nothing and runs no script but its own: its policy names the script's digest.
    """
    from markupsafe import Markup

    style, script = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "player.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    page = _environment().get_template(f"{kind}.html")
    return page.render(style=Markup(style), script=Markup(script), script_digest=digest, **values)


def drawing(figure: Lanes | Plot) -> str:
    """Return a figure as SVG, which stands alone."""
    if isinstance(figure, Lanes):
        key = figure.key
    else:
        key = tuple((mark.kind.replace("line", "stroke"), mark.label) for mark in figure.marks)
    return _environment().get_template("figure.svg").render(figure=figure, key=key)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, finalize=_shown,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"number": number, "clock": clock, "seconds": seconds, "sized": sized, "counted": counted}
    made.globals["nothing"] = nothing
    return made


def _shown(value: Any) -> Any:
    """Return what is written for a value; names are put on one line, and what is no number is a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return nothing("not known")
    return printable(value) if type(value) is str else value


def nothing(reason: str) -> Any:
    """Return what stands where there is no value: a dash, and why."""
    from markupsafe import Markup

    return Markup('<span class="nothing" title="{0}">—<span class="unseen"> ({0})</span></span>').format(
        printable(reason)
    )


def number(value: float | None, digits: int = 2, reason: str = "not known") -> Any:
    """Return a value with so many digits after the point, or a dash that says why there is none."""
    if value is None or not math.isfinite(value):
        return nothing(reason)
    text = f"{value:.{digits}f}"
    return text.replace("-", "−" if float(text) else "")


def seconds(value: float | str) -> str:
    """Return a length of time for people: ``29.95 s``, ``49 min 12 s``."""
    value = float(value)
    if value < 60:
        return f"{value:.2f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount)


def sized(n_bytes: float) -> str:
    """Return a size for people: ``1.3 MB``."""
    for unit in ("bytes", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"


def counted(amount: int, thing: str) -> str:
    """Return an amount with its noun, in the plural where that is right."""
    return f"{amount} {thing}" if amount == 1 else f"{amount} {thing}s"
