"""YAML as people mean it: 007 stays a name, a key that comes twice is a mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from giblet.errors import StudyError

# Bytes; whatever is larger was not written by hand.
_LARGEST = 2**22
_INT = "tag:yaml.org,2002:int"


class _Loader(yaml.SafeLoader):
    """Safe, as `yaml.safe_load`."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the table, or raise if a key comes twice."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


# Whole numbers as in YAML 1.2, for 010 is subject 010 and not 8.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _INT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))


def read_yaml(path: Path) -> dict[Any, Any]:
    """Return the table in a YAML file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    dict
        Text, numbers, lists and tables.

    Raises
    ------
    StudyError
        If it cannot be read, is no YAML, or holds no table.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StudyError(f"cannot be read ({reason})", "check the name and its permissions", path) from error
    if len(text) > _LARGEST:
        raise StudyError("is too large for a study's description", "name a YAML file", path)
    try:
        values = yaml.load(text.decode("utf-8-sig"), _Loader)
    except UnicodeDecodeError as error:
        raise StudyError("is no text in UTF-8", "save it as UTF-8", path) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise StudyError(f"is no YAML{where} ({reason})", "mend it; names with {} need quotes", path) from error
    if not isinstance(values, dict):
        raise StudyError("holds no table of names and values", "see docs/studies.md", path)
    return values
