"""A page as a test sees it: its text, tables, and what it would load."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

VOID = {"meta", "link", "img", "input", "br", "path", "rect"}


class Page(HTMLParser):
    """Read a page.

    Attributes
    ----------
    text : str
        All that a person reads, one blank between pieces.
    tables : list of list of list of str
        Tables, rows, cells.
    addresses : list of str
        Whatever the page names as a place to load or link.
    elements : list of (str, dict)
        Tags with their attributes, in order.
    scripts : list of str
        Scripts that run.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = Path(path).read_text(encoding="utf-8")
        self.elements, self.addresses, self.scripts, self.tables = [], [], [], []
        self._pieces, self._open = [], []
        self.feed(self.source)
        self.close()
        assert self._open == [], f"not closed: {self._open}"
        self.text = " ".join(" ".join(self._pieces).split())

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.elements.append((tag, given))
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "poster")]
        assert not [name for name, _ in attrs if name.startswith("on")], attrs
        if tag not in VOID:
            self._open.append(tag)
        if tag == "script" and given.get("type") != "text/plain":
            self.scripts.append("")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "script":
            if self.scripts and self.elements[-1][1].get("type") != "text/plain":
                self.scripts[-1] += data
            return
        if self._open and self._open[-1] == "style":
            return
        self._pieces.append(data)
        if {"td", "th"} & set(self._open):
            self.tables[-1][-1][-1] = " ".join((self.tables[-1][-1][-1] + " " + data).split())

    def all(self, tag, **wanted):
        """Return the attributes of all elements of a kind."""
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]

    def having(self, name):
        """Return the attributes of all elements of a class."""
        return [a for _, a in self.elements if name in (a.get("class") or "").split()]

    def check(self) -> None:
        """Assert what holds of every page: nothing from elsewhere, no number that is none, names for what is seen."""
        for address in self.addresses:
            assert address.startswith(("data:image/", "#")), address[:80]
        assert "http:" not in re.sub(r"xmlns='[^']*'", "", self._without_data())
        assert "https:" not in self._without_data()
        assert "@import" not in self.source
        assert "url(" not in self.source
        assert len(self.scripts) == 1
        assert not re.search(r"\bnan\b|\binf\b|Infinity|NaN", self._without_data()), "a value that is no number"
        for image in self.all("img"):
            assert image["alt"]
        for figure in self.all("div", role="img"):
            assert figure["aria-label"].endswith(".")
        assert [len(self.all(tag)) for tag in ("html", "main", "h1")] == [1] * 3
        levels = [int(tag[1]) for tag, _ in self.elements if re.fullmatch("h[1-6]", tag)]
        assert all(b <= a + 1 for a, b in pairwise(levels)), levels
        ids = [attributes["id"] for _, attributes in self.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        for _, attributes in self.elements:
            assert attributes.get("aria-labelledby", ids[0]) in ids

    def _without_data(self) -> str:
        text = re.sub(r"(?s)<script type=\"text/plain\".*?</script>", "", self.source)
        return re.sub(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]*", "", text)
