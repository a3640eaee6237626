"""The bytes of a file, and the text they spell."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass
from pathlib import Path

from giblet.errors import AnnotationError

# Bytes; the words of a film are a few hundred thousand.
LARGEST = 256 * 2**20
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes
    ----------
    path : str
        The file.
    data : bytes
        All of it.
    """

    path: str
    data: bytes

    @property
    def is_zip(self) -> bool:
        """Whether it is an archive, as workbooks are."""
        return self.data.startswith(b"PK")

    def text(self) -> tuple[str, list[str]]:
        """Return the text with line feeds at the ends of lines, and what is to be said about its encoding.

        Raises
        ------
        AnnotationError
            If it is no text.
        """
        text, notes = self._decoded()
        if "\0" in text:
            raise AnnotationError("is no text", "give a TextGrid as text, subtitles, a table or an .xlsx", self.path)
        return text.replace("\r\n", "\n").replace("\r", "\n"), notes

    def _decoded(self) -> tuple[str, list[str]]:
        encoding = next((name for mark, name in _MARKS.items() if self.data.startswith(mark)), None)
        if encoding is None and b"\0" in self.data[:2]:
            # Latin text in UTF-16 without its mark: every other byte is 0.
            encoding = "utf-16-be" if self.data[:1] == b"\0" else "utf-16-le"
        try:
            return self.data.decode(encoding or "utf-8"), []
        except UnicodeDecodeError as error:
            if encoding is not None:
                problem = f"is damaged: it is no {encoding.upper()} at byte {error.start}"
                raise AnnotationError(problem, "save it again as UTF-8", self.path) from error
        note = "it is not UTF-8 and was read as Windows-1252; check its accents, or save it as UTF-8"
        return self.data.decode("cp1252", "replace"), [note]


def read_content(path: str | os.PathLike[str]) -> Content:
    """Read a whole file.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    Content
        What it holds.

    Raises
    ------
    AnnotationError
        If it is not there, cannot be read, is empty, or too large to be annotations.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise AnnotationError("is a folder", "name a file of annotations", path)
        if not file.is_file():
            raise AnnotationError("there is no such file", "check the name", path)
        size = file.stat().st_size
        if size > LARGEST:
            raise AnnotationError(f"is {size / 2**20:.0f} MB large", "name a file of annotations", path)
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AnnotationError(f"cannot be read ({reason})", "check the name and its permissions", path) from error
    if not data.strip():
        raise AnnotationError("is empty", "copy or download it again", path)
    return Content(os.fspath(path), data)
