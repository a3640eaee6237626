"""The exceptions a user can meet, each one sentence with a remedy."""

from __future__ import annotations

import os


class GibletError(Exception):
    """Something the user can mend; the message says how.

    Parameters
    ----------
    problem : str
        What is wrong, without a full stop.
    remedy : str
        What to do about it, without a full stop.
    path : str or os.PathLike, optional
        The file or folder concerned; its name opens the message.

    Attributes
    ----------
    problem, remedy : str
        As given.
    path : str or None
        As given, as text.
    """

    def __init__(self, problem: str, remedy: str, path: str | os.PathLike[str] | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        self.path = None if path is None else os.fspath(path)
        where = "" if self.path is None else f"{printable(self.path)}: "
        super().__init__(f"{where}{problem}; {remedy}.")

    def __reduce__(self) -> tuple[type[GibletError], tuple[str, str, str | None]]:
        return type(self), (self.problem, self.remedy, self.path)


class MediaError(GibletError):
    """A film or sound file cannot be read or written as asked."""


class CodecError(GibletError):
    """A codec cannot be had, or does not fit what it was given."""


class ModelError(GibletError):
    """A model of transformers cannot be had, or does not take what it is asked to."""


class FormatError(GibletError):
    """A file of codes is damaged, cut short, or not what it says it is.

    Parameters
    ----------
    problem, remedy : str
        As for every error.
    path : str or os.PathLike, optional
        The file.
    offset : int, optional
        Byte of the file where the problem was found.

    Attributes
    ----------
    offset : int or None
        As given.
    """

    def __init__(
        self, problem: str, remedy: str, path: str | os.PathLike[str] | None = None, offset: int | None = None
    ) -> None:
        self.offset = offset
        super().__init__(problem if offset is None else f"{problem} (byte {offset})", remedy, path)
        self.problem = problem

    def __reduce__(self) -> tuple[type[FormatError], tuple[str, str, str | None, int | None]]:  # type: ignore[override]
        return type(self), (self.problem, self.remedy, self.path, self.offset)


class BoldError(GibletError):
    """Brain data are damaged, contradict themselves, or do not fit together."""


class AnnotationError(GibletError):
    """A file of words, scenes or events cannot be read, or contradicts itself."""


class AlignmentError(GibletError):
    """Features, times and volumes cannot be brought together as asked."""


class EncodingError(GibletError, ValueError):
    """A model cannot be fitted to these features and this BOLD, or not judged as asked."""


class StoreError(GibletError):
    """A store is missing, damaged, or in the way."""


class StudyError(GibletError):
    """The files of a study are missing, contradict each other, or cannot be told apart."""


class ListeningError(GibletError):
    """Answers of a listening test are damaged, or do not belong together."""


class ClusterError(GibletError):
    """Workers in other processes or on other machines cannot be had, or are gone."""


class ParameterError(GibletError, ValueError):
    """An argument has a value that cannot be used."""


class MissingExtraError(GibletError):
    """A package is not installed that one of giblet's extras brings.

    Parameters
    ----------
    what : str
        What needs it.
    extra : str
        Name of the extra.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.what, self.extra = what, extra
        super().__init__(f"{what} needs packages that are not installed", f"pip install 'giblet[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:  # type: ignore[override]
        return type(self), (self.what, self.extra)


def printable(name: str) -> str:
    """Return ``name`` on one line, control characters escaped.

    Parameters
    ----------
    name : str
        A file name, perhaps with line breaks or bytes that are no text.

    Returns
    -------
    str
        The same name, safe to print.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in name)
