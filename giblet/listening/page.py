"""The page of a listening test, in one file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from giblet.listening.anchors import REFERENCE

PARTS = Path(__file__).parent / "page"
SCRIPTS = ("random.js", "sounds.js", "player.js", "session.js", "timeline.js", "board.js", "views.js")


def write_page(folder: Path, about: Mapping[str, Any]) -> str:
    """Write ``index.html``, which needs nothing but the folder ``sounds`` beside it.

    What the sounds are stands in it too, as the results name it, but not so that it can be read in passing.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write.
    about : mapping
        title, seed, sample_rate, and trials: name, seconds, and signals (condition, sound) of each.

    Returns
    -------
    str
        The test's id: 12 hexadecimal digits that depend on all of this.
    """
    trials = [
        {
            "name": trial["name"],
            "seconds": trial["seconds"],
            "reference": next(s["sound"] for s in trial["signals"] if s["condition"] == REFERENCE),
            "stimuli": [{name: signal[name] for name in ("condition", "sound")} for signal in trial["signals"]],
        }
        for trial in about["trials"]
    ]
    test = {"title": about["title"], "seed": about["seed"], "rate": about["sample_rate"], "trials": trials}
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "sounds").iterdir())]
    test["id"] = hashlib.sha256(json.dumps([test, digests]).encode()).hexdigest()[:12]
    data = base64.b64encode(json.dumps(test).encode()).decode("ascii")
    page = (PARTS / "index.html").read_text(encoding="utf-8")
    script = "\n".join((PARTS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    for place, text in (
        ("{{style}}", (PARTS / "style.css").read_text(encoding="utf-8")),
        ("{{script}}", script),
        ("{{test}}", data),
        ("{{title}}", html.escape(about["title"])),
    ):
        page = page.replace(place, text)
    (folder / "index.html").write_text(page, encoding="utf-8")
    return str(test["id"])
