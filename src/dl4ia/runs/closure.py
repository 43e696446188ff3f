"""The source that a module depends on: its import closure inside this package, and a digest of what that computes."""

import ast
import hashlib
import json
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]  # the sources of this very package
EQUIVALENT = "equivalent_versions.json"  # beside this module, and no part of what it computes


@dataclass(frozen=True)
class Sources:
    """The modules of the package below `root`; they are parsed, not imported, and may be those of another revision."""

    root: Path = PACKAGE

    def version(self, entries: Iterable[str], *, left_out: Collection[str] | None = None) -> str:
        """Return a digest of all modules that `entries` need (see `closure`), and of data files that these name."""
        digest = hashlib.sha256()
        for module in sorted(self.closure(entries, left_out=left_out)):
            path = self.path(module)
            assert path is not None
            digest.update(f"{module} {_digest(path)}\n".encode())
        version, seen = digest.hexdigest()[:32], set[str]()
        while version in self._equivalent and version not in seen:  # the same as one that is the same as an earlier one
            seen.add(version)
            version = self._equivalent[version]
        return version

    def closure(self, entries: Iterable[str], *, left_out: Collection[str] | None = None) -> set[str]:
        """Return the modules of the package that `entries` import, directly or not, and `entries` themselves.

        Imports inside functions count only where `left_out` is given, and not in functions of those names. A name that
        is imported from a package leads to the module that defines it; the package's other modules, which its
        `__init__.py` also imports, are left out. So are `config` (the schemas there compose others, and what they hold
        is in the run's configuration) and imports for type checkers. Raises ValueError for an entry without a source.
        """
        skipped = None if left_out is None else frozenset(left_out)
        reached: set[str] = set()
        waiting = list(entries)
        for entry in waiting:
            if self.path(entry) is None:
                raise ValueError(f"{entry} is not a module of {self.root}")
        while waiting:
            module = waiting.pop()
            if self.path(module) is None or module in reached or module.split(".")[1:2] == ["config"]:
                continue
            reached.add(module)
            waiting += _imported_modules(self.root, module, skipped)
        return reached

    def path(self, module: str) -> Path | None:
        """Return the source of a module; that of one outside the package (an extension) if Python has loaded it."""
        return _path(self.root, module)

    @property
    def _equivalent(self) -> dict[str, str]:
        return read_equivalent(self.root / "runs" / EQUIVALENT)


@cache
def read_equivalent(path: Path) -> dict[str, str]:
    """Return which versions of the code compute the same as an earlier one, and which one."""
    return dict(json.loads(path.read_text(encoding="ascii"))) if path.exists() else {}


@cache
def _path(root: Path, module: str) -> Path | None:
    package, *parts = module.split(".")
    if package != root.name:
        file = getattr(sys.modules.get(module), "__file__", None)
        return Path(file) if file and file.endswith(".py") else None
    base = root.joinpath(*parts)
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


@cache
def _imported_modules(root: Path, module: str, left_out: frozenset[str] | None) -> tuple[str, ...]:
    """Return the modules of the package that a module imports from; see `Sources.closure`."""
    path = _path(root, module)
    assert path is not None
    imported: list[str] = []
    for node in _imports(_source(path), left_out):
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            imported += (name for name in names if _is_inside(root, name))
        elif _is_inside(root, source := _imported_from(node, module, path)):
            imported += (_definer(root, source, name) for name in names)
    return tuple(imported)


def _imported_from(node: ast.ImportFrom, module: str, path: Path) -> str:
    """Return the full name of what `node`, in `module`, imports from; dots are for packages above."""
    if not node.level:
        return node.module or ""
    above = module.split(".")[: None if path.name == "__init__.py" else -1]
    above = above[: len(above) - node.level + 1]
    return ".".join([*above, *filter(None, [node.module])])


def _is_inside(root: Path, module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == root.name


def _definer(root: Path, module: str, name: str) -> str:
    """Return the module that defines what `from module import name` imports."""
    if _path(root, f"{module}.{name}"):
        return f"{module}.{name}"
    path = _path(root, module)
    if path is None or path.name != "__init__.py":
        return module
    for node in _imports(_source(path), None):
        for alias in node.names:
            if isinstance(node, ast.ImportFrom) and name in (alias.name, alias.asname):
                return _definer(root, _imported_from(node, module, path), alias.name)
    return module


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def _imports(source: str, left_out: frozenset[str] | None) -> tuple[ast.Import | ast.ImportFrom, ...]:
    return tuple(_import_statements(_tree(source), left_out))


def _import_statements(node: ast.AST, left_out: frozenset[str] | None) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the import statements below a node, in functions only if `left_out` is given and does not name them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if left_out is not None and child.name not in left_out:
                yield from _import_statements(child, left_out)
        elif isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for statement in child.orelse:  # what is not for type checkers
                yield from _import_statements(ast.Module([statement], []), left_out)
        else:
            yield from _import_statements(child, left_out)


def forget_sources() -> None:
    """Read all sources again from now on: they may have been edited since."""
    for function in (read_equivalent, _path, _imported_modules, _source, _tree, _imports, _digest, _computed):
        function.cache_clear()


@cache
def _digest(path: Path) -> str:
    """Return a digest of what a module computes: without comments, docstrings and the messages of errors."""
    canonical, strings = _computed(_source(path))
    digest = hashlib.sha256(canonical.encode())
    for beside in sorted(path.parent.rglob("*")):
        if beside.name in strings and beside.is_file():  # a list of checksums, a template
            digest.update(beside.read_bytes())
    return digest.hexdigest()


@cache
def _computed(source: str) -> tuple[str, frozenset[str]]:
    """Return what a module computes, and the strings in it, which may be names of files."""
    tree = _tree(source)
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return json.dumps(_canonical(tree)), frozenset(strings - {EQUIVALENT})


def _canonical(node: Any) -> Any:  # noqa: ANN401 (any part of a syntax tree)
    """Return a syntax tree without positions and what decides nothing: the same for every version of Python."""
    if isinstance(node, list):
        return [_canonical(each) for each in node if not _is_docstring(each)]
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return ["Raise", _canonical(node.exc.func)]
    if isinstance(node, ast.JoinedStr):  # some versions of Python end it with an empty string
        return ["JoinedStr", {"values": [_canonical(each) for each in node.values if not _is_empty(each)]}]
    if isinstance(node, ast.AST):
        fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
        return [type(node).__name__, {name: _canonical(value) for name, value in fields.items()}]
    return node if isinstance(node, str | int | float | bool) else repr(node)


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _is_docstring(node: Any) -> bool:  # noqa: ANN401
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
