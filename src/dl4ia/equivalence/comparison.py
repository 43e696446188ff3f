"""The code of a revision against that of the working tree: what both compute, and which versions are then the same."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dl4ia import config
from dl4ia.base import atomic_files
from dl4ia.base.errors import UserError
from dl4ia.equivalence.recipes import Recipe, recipes, write_data, write_recipes
from dl4ia.equivalence.revisions import write_revision
from dl4ia.runs.closure import EQUIVALENT, read_equivalent
from dl4ia.runs.layout import Layout

_RECORD = Path("src/dl4ia/runs") / EQUIVALENT


@dataclass(frozen=True)
class Answer:
    """What the recipes result in with the code of one revision (None: it cannot read one), and its versions."""

    digests: list[str | None]
    versions: dict[str, dict[str, Any]]


def stamp_if_same(revision: str) -> None:
    """Do all recipes with the code at `revision` and of this folder; record that both are the same, if they are.

    Then no run and no study is out of date because of what has changed in between. Prints each recipe. Raises
    UserError if results differ, or if the revision cannot be compared.
    """
    params = config.load()
    todo = recipes(params)
    with tempfile.TemporaryDirectory(prefix="dl4ia-same-") as folder:
        write_revision(revision, Path(folder, "tree"))
        if not Path(folder, "tree", "src/dl4ia/equivalence").is_dir():
            raise UserError(f"{revision} is older than `make same`: its code cannot be compared with this")
        works = Path(folder, "before"), Path(folder, "now")
        write_data(params, Layout(works[0]))
        write_recipes(todo, works[0] / "recipes.json")
        shutil.copytree(*works)
        before, now = _answers(zip((Path(folder, "tree"), Path.cwd()), works, strict=True))
    _compare(todo, before, now, revision)
    _record(_same_versions(before, now))


def _answers(jobs: Iterable[tuple[Path, Path]]) -> list[Answer]:
    """Do the recipes in each folder with the code of its tree, at the same time."""
    with ExitStack() as running:
        processes = []
        for tree, work in jobs:
            environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree / "src"), str(tree)])}
            command = [sys.executable, "-m", "dl4ia.equivalence", str(work)]
            process = subprocess.Popen(command, cwd=tree, env=environment, stderr=subprocess.PIPE, text=True)  # noqa: S603
            running.callback(process.kill)
            processes.append((tree, work, process))
        return [_answer(*each) for each in processes]


def _answer(tree: Path, work: Path, process: subprocess.Popen[str]) -> Answer:
    errors = process.communicate()[1].strip()
    if process.returncode:
        raise UserError(f"the code in {tree} failed: {errors.splitlines()[-1] if errors else process.returncode}")
    return Answer(**json.loads((work / "answer.json").read_text()))


def _compare(todo: list[Recipe], before: Answer, now: Answer, revision: str) -> None:
    """Print what came of each recipe; raises UserError if one has another result."""
    verdicts = [_verdict(*pair) for pair in zip(before.digests, now.digests, strict=True)]
    for recipe, verdict in zip(todo, verdicts, strict=True):
        print(f"{verdict:<9}  {recipe.task}: {recipe.name}")  # noqa: T201
    if different := verdicts.count("different"):
        raise UserError(
            f"{different} of {len(todo)} trainings have other results than with {revision}: nothing recorded"
        )
    if not verdicts.count("same"):
        raise UserError(f"{revision} cannot read any of these settings: nothing recorded")
    print(f"{verdicts.count('same')} of {len(todo)} trainings are the same to the bit as with {revision}")  # noqa: T201


def _verdict(before: str | None, now: str | None) -> str:
    if before is None:
        return "new"
    return "same" if before == now else "different"


def _same_versions(before: Answer, now: Answer) -> Iterator[tuple[str, str]]:
    """Yield the new and the old version of variants and studies that both revisions have."""
    for kind, rows in now.versions.items():
        for name, row in rows.items():
            old = before.versions[kind].get(name)
            if old and old["for"] == row["for"] and old["version"] != row["version"]:
                yield row["version"], old["version"]


def _record(versions: Iterator[tuple[str, str]]) -> None:
    new = dict(versions)
    if new:
        atomic_files.write_json(_RECORD, dict(sorted((read_equivalent(_RECORD) | new).items())))
    print(f"{len(new)} versions recorded in {_RECORD}" if new else "all versions are the same already")  # noqa: T201
