"""Write docs/errors.md: every error that giblet raises, read from its source.

python docs/list_errors.py
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "giblet"
UNKNOWN = "…"
MOST = 24
HEAD = """# Errors

Every error that giblet raises on purpose is a `giblet.errors.GibletError`: one sentence that names the file, says what
is wrong, and what to do. The command line prints it and ends with status 2; in Python, `error.problem`, `error.remedy`
and `error.path` hold its parts. All messages are listed here by class, in the order of the alphabet; … stands for a
name or a number of yours. A `FormatError` also says at which byte of the file.

This page is written by `python docs/list_errors.py` from the source.
"""


class Source:
    """The syntax trees of a package, and what its error messages can say.

    Parameters
    ----------
    package : Path
        Folder of the package.

    Attributes
    ----------
    classes : dict of str to str
        Each class of errors and what it means.
    """

    def __init__(self, package: Path) -> None:
        self.trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}
        self.classes = {"GibletError": "Something the user can mend; none of the kinds above."}
        self.homes: dict[ast.AST, Path] = {}
        self.around: dict[ast.AST, ast.AST] = {}
        self.calls: dict[str, list[ast.Call]] = defaultdict(list)
        self.constants: dict[Path, dict[str, ast.expr]] = defaultdict(dict)
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                self.homes[node] = path
                self.around.update((child, node) for child in ast.iter_child_nodes(node))
                if isinstance(node, ast.Call):
                    self.calls[called(node)].append(node)
            for node in tree.body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    self.constants[path][node.targets[0].id] = node.value
        self.shared = {name: value for names in self.constants.values() for name, value in names.items()}
        defined = [node for node in self.homes if isinstance(node, ast.ClassDef)]
        # Once for each level of inheritance.
        for _ in range(3):
            for node in defined:
                if any(isinstance(base, ast.Name) and base.id in self.classes for base in node.bases):
                    self.classes[node.name] = (ast.get_docstring(node) or "").partition("\n")[0]

    def messages(self) -> dict[str, set[tuple[str, str]]]:
        """Return the problems and remedies that each class of errors is made with."""
        found: dict[str, set[tuple[str, str]]] = {name: set() for name in self.classes}
        for name in self.classes:
            for call in self.calls[name]:
                found[name].update(self.said(call, name))
        found["Problem"] = set()
        for method in ("error", "warn"):
            for call in self.calls[method]:
                if len(call.args) == 3 and "layouts" in self.homes[call].parts:
                    found["Problem"].update(self.pairs(call, call.args[1], call.args[2]))
        return found

    def said(self, call: ast.Call, name: str) -> Iterator[tuple[str, str]]:
        """Yield what one call of a class can say."""
        if name == "MissingExtraError":
            for what, extra in product(*(self.texts(argument, call, {}) for argument in call.args[:2])):
                yield f"{what} needs packages that are not installed", f"pip install 'giblet[{extra}]'"
            return
        words = {keyword.arg: keyword.value for keyword in call.keywords}
        parts = [*call.args[:2], *(words[part] for part in ("problem", "remedy") if part in words)]
        if len(parts) == 2 and not any(isinstance(part, ast.Starred) for part in parts):
            yield from self.pairs(call, *parts)

    def pairs(self, call: ast.Call, problem: ast.expr, remedy: ast.expr) -> Iterator[tuple[str, str]]:
        """Yield what two arguments of a call can be, for each caller of the function around it if they are its own."""
        for names, branch in product(self.bindings(call, problem, remedy), self.branches(call, problem, remedy)):
            known = names | {name: self.texts(value, call, names) for name, value in branch.items()}
            for pair in product(self.texts(problem, call, known), self.texts(remedy, call, known)):
                # An error that is raised again under another class says what it said before.
                if any(part.strip(UNKNOWN + "; ") for part in pair):
                    yield pair

    def branches(self, call: ast.Call, *parts: ast.expr) -> list[dict[str, ast.expr]]:
        """Return what the names of a problem and its remedy are given together, once for each branch that does so."""
        wanted = [{node.id for node in ast.walk(part) if isinstance(node, ast.Name)} for part in parts]
        found: dict[int, dict[str, ast.expr]] = defaultdict(dict)
        for node in ast.walk(self.function(call) or ast.Module([], [])):
            for name in set.union(*wanted):
                if isinstance(node, ast.Assign) and (values := given(node, name)) and values[0] is not None:
                    found[self.block(node)][name] = values[0]
        whole = {place: names for place, names in found.items() if all(names.keys() & part for part in wanted)}
        around: ast.AST | None = call
        while around is not None:
            if self.block(around) in whole:
                return [whole[self.block(around)]]
            around = self.around.get(around)
        return list(whole.values()) or [{}]

    def block(self, node: ast.AST) -> int:
        """Return which list of statements a node stands in, or 0 for none."""
        lists = (value for _, value in ast.iter_fields(self.around.get(node, node)) if isinstance(value, list))
        return next((id(statements) for statements in lists if node in statements), 0)

    def bindings(self, call: ast.AST, *parts: ast.expr, depth: int = 0) -> Iterator[dict[str, list[str]]]:
        """Yield the texts of the parameters, once for each call of the function around it."""
        function = self.function(call)
        if function is None or depth == 3:
            yield {}
            return
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        own = [arg.arg for arg in arguments]
        texts = {arg.arg for arg in arguments if getattr(arg.annotation, "id", "") == "str"}
        used = {node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)} & texts
        if not used or not (callers := list(self.callers(function))):
            yield {}
            return
        positional = own[1:] if own[0] in ("self", "cls") else own
        defaults = dict(zip(reversed(own), reversed(function.args.defaults), strict=False))
        for caller in callers:
            given = dict(zip(positional, caller.args, strict=False))
            given |= {word.arg: word.value for word in caller.keywords if word.arg}
            known = {name: given.get(name, defaults.get(name)) for name in used}
            for names in self.bindings(caller, *filter(None, known.values()), depth=depth + 1):
                yield {name: self.texts(value, caller, names) for name, value in known.items() if value is not None}

    def callers(self, function: ast.FunctionDef) -> Iterator[ast.Call]:
        """Yield the calls of a function within its own subpackage."""
        home = self.homes[function]
        for call in self.calls[function.name]:
            there = self.homes[call]
            if there.parent == home.parent and not inside(call, function, self.around):
                yield call

    def function(self, node: ast.AST) -> ast.FunctionDef | None:
        """Return the function that a node stands in."""
        while (node := self.around.get(node)) is not None:  # type: ignore[assignment]
            if isinstance(node, ast.FunctionDef):
                return node
        return None

    def texts(self, node: ast.expr, place: ast.AST, names: dict[str, list[str]], depth: int = 0) -> list[str]:
        """Return all texts that an expression can be; what cannot be known is an ellipsis."""

        def again(part: ast.expr) -> list[str]:
            return self.texts(part, place, names, depth + 1)

        def joined(parts: list[ast.expr]) -> list[str]:
            texts = ("".join(texts) for texts in product(*map(again, parts)))
            return [text.replace(UNKNOWN + UNKNOWN, UNKNOWN) for text in texts][:MOST]

        match node:
            case ast.Constant(value=str() as text):
                return [text]
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return [str(number)]
            case ast.JoinedStr(values=values):
                return joined(values)
            case ast.FormattedValue(value=value):
                return again(value)
            case (
                ast.BinOp(left=ast.Constant(str()) | ast.JoinedStr() as left, op=ast.Add(), right=right)
                | ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(str()) | ast.JoinedStr() as right)
            ):
                return joined([left, right])
            case ast.IfExp(body=body, orelse=orelse):
                return [*again(body), *again(orelse)]
            case ast.Name(id=name) if depth < 6:
                return names.get(name) or self.assigned(name, place, names, depth)
        return [UNKNOWN]

    def assigned(self, name: str, place: ast.AST, names: dict[str, list[str]], depth: int) -> list[str]:
        """Return the texts that a name is given in the function around a place, or in a module."""
        function = self.function(place)
        found = []
        for node in ast.walk(function) if function else ():
            if isinstance(node, ast.Assign | ast.AugAssign | ast.For | ast.comprehension | ast.NamedExpr):
                found += [value for value in given(node, name) if value is not None]
                if None in given(node, name):
                    return [UNKNOWN]
        if function and any(arg.arg == name for arg in ast.walk(function.args) if isinstance(arg, ast.arg)):
            return [UNKNOWN]
        if not found:
            constant = self.constants[self.homes[place]].get(name) or self.shared.get(name)
            found = [constant] if name.isupper() and constant is not None else []
        texts = [text for value in found for text in self.texts(value, place, names, depth + 1)]
        return list(dict.fromkeys(texts))[:MOST] or [UNKNOWN]


def called(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def inside(node: ast.AST, outer: ast.AST, around: dict[ast.AST, ast.AST]) -> bool:
    """Return whether a node stands within another."""
    while node in around:
        node = around[node]
        if node is outer:
            return True
    return False


def given(node: ast.AST, name: str) -> list[ast.expr | None]:
    """Return what a statement gives a name: expressions, or None where it takes it from a sequence."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=there)], value=value)
            | ast.NamedExpr(target=ast.Name(id=there), value=value)
        ) if there == name:
            return [value]
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            return [value for target, value in zip(targets, values, strict=True) if getattr(target, "id", "") == name]
        case (
            ast.Assign(targets=[target])
            | ast.For(target=target)
            | ast.comprehension(target=target)
            | ast.AugAssign(target=target)
        ):
            return [None for part in ast.walk(target) if isinstance(part, ast.Name) and part.id == name]
    return []


def cell(text: str) -> str:
    """Return a text as it stands in a table of Markdown."""
    text = " ".join(text.split())
    for mark in "\\|<>*_`[]$":
        text = text.replace(mark, f"\\{mark}")
    return text


def page() -> str:
    """Return the whole page."""
    source = Source(PACKAGE)
    messages = source.messages()
    titles = source.classes | {
        "Problem": "What `giblet dataset verify` and `Study.problems` list, errors and warnings."
    }
    sections = []
    for name in sorted(name for name in messages if messages[name]):
        rows = sorted(messages[name], key=lambda pair: (pair[0].lstrip(UNKNOWN + " '\"").lower(), pair))
        lines = [f"| {cell(problem)} | {cell(remedy)} |" for problem, remedy in rows]
        sections.append("\n".join([f"## {name}\n", titles[name], "\n| message | what to do |\n| --- | --- |", *lines]))
    return HEAD + "\n" + "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    (DOCS / "errors.md").write_text(page(), encoding="utf-8")
