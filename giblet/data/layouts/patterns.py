"""File names in which ``{subject}`` and ``{run}`` stand for names."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

PLACEHOLDERS = ("subject", "run")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def unknown_placeholders(pattern: str) -> list[str]:
    """Return names in braces that stand for nothing."""
    return [name for name in _PLACEHOLDER.findall(pattern) if name not in PLACEHOLDERS]


def fill(pattern: str, subject: str, run: str) -> str:
    """Return the file name for a subject and run."""
    return pattern.replace("{subject}", subject).replace("{run}", run)


def find(pattern: str, root: Path, subject: str | None = None) -> list[tuple[str, str | None]]:
    """Return for which subjects and runs there is a file.

    Parameters
    ----------
    pattern : str
        Relative to ``root``, or absolute.
    root : pathlib.Path
        A folder.
    subject : str, optional
        Only this one.

    Returns
    -------
    list of tuple
        Subject and run, None for a run that the pattern does not have; each pair once.
    """
    if subject is not None:
        pattern = pattern.replace("{subject}", subject)
    whole = os.path.normpath(root / pattern)
    literal = _PLACEHOLDER.split(whole)
    # The odd parts are placeholders; one that comes again must stand for the same.
    wildcard = "".join("*" if i % 2 else glob.escape(part) for i, part in enumerate(literal))
    seen: set[str] = set()
    expression = ""
    for i, part in enumerate(literal):
        if not i % 2:
            expression += re.escape(part)
        elif part in seen:
            expression += f"(?P={part})"
        else:
            seen.add(part)
            expression += f"(?P<{part}>[^{re.escape(os.sep)}]+?)"
    found: dict[tuple[str, str | None], None] = {}
    # Unlike that of pathlib it passes over hidden files, such as those that macOS leaves on other disks.
    for name in sorted(glob.glob(wildcard)):  # noqa: PTH207
        match = re.fullmatch(expression, name)
        if match is not None:
            groups = match.groupdict()
            found[groups["subject"] if subject is None else subject, groups.get("run")] = None
    return list(found)
