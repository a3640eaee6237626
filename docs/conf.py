"""How Sphinx makes the documentation: `make docs`."""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

import giblet  # noqa: E402

project = "giblet"
author = "The giblet developers"
version = release = giblet.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "figures", "images", "gallery/*.ipynb", "gallery/*.py"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"giblet {version}"
html_copy_source = False
html_show_copyright = False
# Two hyphens open an option.
smartquotes = False
default_role = "py:obj"

myst_heading_anchors = 3

autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_member_order = "groupwise"
autodoc_typehints = "none"
# Packages that gather what their modules offer; of a module, what it defines itself is shown.
autosummary_context = {
    "gathering": [
        f"giblet.{path.parent.name}"
        for path in DOCS.parent.glob("giblet/*/__init__.py")
        if "__all__" in path.read_text()
    ]
}
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "figures",
    "gallery_dirs": "gallery",
    "filename_pattern": "plot_",
    "ignore_pattern": r"(__init__|make)\.py",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}


def notebook_page(path: Path) -> str:
    """Return a notebook as Markdown, without outputs."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ("".join(cell["source"]) for cell in cells)
    return "\n\n".join(
        text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
        for cell, text in zip(cells, texts, strict=True)
    )


def add_other_pages(app: object, page: str, text: list[str]) -> None:
    """Let pages that no section of the index names come last."""
    if page == "index":
        others = [path.stem for path in sorted(DOCS.glob("*.md")) if not named(path.stem, text[0])]
        if others:
            text[0] += "\n```{toctree}\n:caption: More\n:maxdepth: 1\n\n" + "\n".join(others) + "\n```\n"


def named(page: str, index: str) -> bool:
    """Return whether a page stands in the index, by its name or by a pattern."""
    return page == "index" or any(fnmatch(page, line) for line in index.splitlines())


def setup(app: Any) -> None:
    """Write the pages of the notebooks, and look up what the packages import on first use."""
    app.connect("source-read", add_other_pages)
    pages = DOCS / "notebooks"
    pages.mkdir(exist_ok=True)
    for path in sorted((DOCS.parent / "examples").glob("*.ipynb")):
        (pages / f"{path.stem}.md").write_text(notebook_page(path) + "\n", encoding="utf-8")
    data = import_module("giblet.data")
    for member in data.__all__:
        setattr(data, member, getattr(data, member))
