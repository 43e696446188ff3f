"""Cases from the field: what happened to users of the tools that this project stands on, tried here by a test.

A test names what it tries with `@pytest.mark.field(SOURCE, ESSENCE)`: the public report (`project#number` on GitHub)
and what went wrong there. `python -m tests.field.cases` writes them all to `tests/field/README.md`.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults.table import Fault

LOG = Path(__file__).with_name("README.md")
_MARK = "pytest.mark.field"
_HEAD = """# Cases from the field

What happened to users of DVC, MLflow, Optuna, PyTorch and similar tools and pipelines, as they reported it, and the
test that does the same to this project. All are run by `make torture` (row "field cases") and `make test-all`. This
list is generated from the tests: `python -m tests.field.cases`.

| reported | what happened | here |
|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Case:
    """A report, what went wrong in it, and the test that tries it."""

    source: str
    essence: str
    file: str
    test: str

    @property
    def line(self) -> str:
        """A row of the log."""
        project, number = self.source.split("#")
        return (
            f"| [{self.source}](https://github.com/{project}/issues/{number}) | {self.essence} | "
            f"[{self.test.removeprefix('test_').replace('_', ' ')}](../{self.file}) |\n"
        )


def cases() -> list[Case]:
    """Return all cases, by source."""
    return sorted(case for path in sorted((ROOT / "tests").rglob("test_*.py")) for case in _cases_of(path))


def _cases_of(path: Path) -> Iterator[Case]:
    file = str(path.relative_to(ROOT / "tests"))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for mark in (part for decorator in getattr(node, "decorator_list", []) for part in ast.walk(decorator)):
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == _MARK:
                source, essence = (ast.literal_eval(argument) for argument in mark.args)
                yield Case(source, essence, file, node.name)


@dataclass
class Outcomes:
    """Plug-in of pytest: how the tests of each case ended, in this process or in workers."""

    passed: dict[tuple[str, str], bool] = field(default_factory=lambda: defaultdict(lambda: True))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the result of one phase of a test; one that is skipped has shown nothing."""
        for name, value in report.user_properties:
            if name == "field":
                self.passed[tuple(value)] &= report.passed


def tried() -> Fault:
    """Run the tests of all cases."""
    outcomes = Outcomes()
    pytest.main(["-m", "field", "-q", "--no-header", str(ROOT / "tests")], plugins=[outcomes])
    known = {(case.source, case.essence) for case in cases()}
    failed = sorted(source for source, essence in known if not outcomes.passed.get((source, essence), False))
    note = "; ".join(failed) or "reported by users of such tools: tests/field/README.md"
    return Fault("field cases", len(known), len(known) - len(failed), 0, note)


if __name__ == "__main__":
    LOG.write_text(_HEAD + "".join(case.line for case in cases()), encoding="utf-8")
