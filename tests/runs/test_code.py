"""Which edits change the version of the code of a result, and which do not."""

import ast
import json
import shutil
import sys
from importlib import import_module
from pathlib import Path

import grimp
import pytest
from torch import nn

from dl4ia.config import Params
from dl4ia.execution.executor import Context
from dl4ia.runs import closure as source_files
from dl4ia.runs.closure import EQUIVALENT, PACKAGE, Sources
from dl4ia.runs.code import study_version, training_entries, training_version, versions
from dl4ia.runs.train import Experiment, train
from tests.conftest import shortened

HERE = Sources()
KINDS = ("mnist-cnn", "warwick-combined")

# What a training's code imports inside functions, because it decides nothing of a training.
BOUNDARY = {
    "dl4ia.tasks.classification_results",
    "dl4ia.tasks.mnist_files",
    "dl4ia.tasks.segmentation_results",
    "dl4ia.tasks.synthetic_digits",
    "dl4ia.tasks.synthetic_glands",
    "dl4ia.tasks.warwick_files",
}

# What runs during a training but only checks, records or resumes it.
RECORDING = {
    "dl4ia.base.atomic_files",
    "dl4ia.execution.processes",
    "dl4ia.execution.ticks",
    "dl4ia.runs.datasets",
    "dl4ia.runs.layout",
    "dl4ia.runs.provenance",
    "dl4ia.runs.run_directory",
    "dl4ia.runs.schemas",
    "dl4ia.runs.train",
    "dl4ia.training.checkpoint",
}


class SourceCopy:
    """The sources, to be edited before they are first read."""

    def __init__(self, root: Path) -> None:
        self.root = shutil.copytree(PACKAGE, root / "dl4ia", ignore=shutil.ignore_patterns("__pycache__"))

    def append(self, name: str, text: str) -> Sources:
        path = self.root / name
        path.write_text(path.read_text() + text)
        return Sources(self.root)


@pytest.fixture
def copy(tmp_path) -> SourceCopy:
    return SourceCopy(tmp_path)


def changed(params: Params, sources: Sources) -> set[str]:
    """Return the stages of dvc.yaml whose code has another version than here."""
    old, new = versions(params), versions(params, sources)
    of_rows = {
        f"{stage}@{name}"
        for stage, rows in old.items()
        if isinstance(rows, dict)
        for name in rows
        if rows[name] != new[stage][name]
    }
    return of_rows | {stage for stage, version in old.items() if isinstance(version, str) and version != new[stage]}


def closure(params: Params, name: str) -> set[str]:
    return HERE.closure(training_entries(params.variant(name)))


def test_comments_docstrings_and_messages_of_errors_change_no_version(copy, params):
    loop = copy.root / "training" / "loop.py"
    text = loop.read_text()
    assert text.count('"""Do one iteration; return its learning rate."""') == 1
    assert text.count("the training loss is") == 1
    text = text.replace('"""Do one iteration; return its learning rate."""', '"""Other words."""  # and a comment')
    loop.write_text(text.replace("the training loss is", "no finite loss:") + "\n\n# The end.\n")
    assert changed(params, Sources(copy.root)) == set()


def test_a_plot_of_the_report_changes_the_report_alone(copy, params):
    assert changed(params, copy.append("report/plots/curves.py", "\nADDED = 1\n")) == {"report"}


def test_a_template_of_the_report_changes_the_report_alone(copy, params):
    assert changed(params, copy.append("report/report.md.j2", "\nOne more line.\n")) == {"report"}


def test_a_picture_of_runs_changes_evaluation_and_the_report_that_shares_its_colours(copy, params):
    stages = changed(params, copy.append("tasks/figures.py", "\nADDED = 1\n"))
    assert {stage.split("@")[0] for stage in stages} == {"evaluate", "report"}


def test_a_network_changes_the_variants_and_studies_that_use_it(copy, params):
    stages = changed(params, copy.append("models/cnn.py", "\nADDED = 1\n"))
    assert {stage for stage in stages if stage.startswith(("train@", "search@"))} == {
        f"train@{name}" for name, variant in params.variants.items() if variant.settings.network.kind == "cnn"
    }


def test_a_task_changes_nothing_of_another_task(copy, params):
    stages = changed(params, copy.append("tasks/mnist.py", "\nADDED = 1\n"))
    tasks = {name: row.task for name, row in (params.rows | params.studies).items()}
    mnist = {name for name, task in tasks.items() if task == "mnist"}
    searched = set(params.searched)  # each is evaluated as of any task: its study need not have run yet
    assert {stage.partition("@")[2] for stage in stages} == mnist | searched | {"", "mnist"}
    assert not [
        stage
        for stage in stages
        if stage.startswith(("train@", "search@")) and tasks.get(stage.split("@")[1]) == "warwick"
    ]


def test_a_reader_changes_the_download_alone(copy, params):
    stages = changed(params, copy.append("tasks/warwick_files.py", "\nADDED = 1\n"))
    assert stages == {"download@warwick"}


def test_a_new_optional_setting_changes_no_version(copy, params):
    settings = copy.root / "config" / "settings.py"
    line = "    ema_decay: "
    text = settings.read_text()
    assert text.count(line) == 1
    settings.write_text(text.replace(line, f"    dropout: float = 0.0\n{line}"))
    assert changed(params, Sources(copy.root)) == set()


@pytest.mark.parametrize("name", KINDS)
def test_an_edit_to_any_module_of_the_closure_is_noticed(copy, params, name):
    variant, sources = params.variant(name), Sources(copy.root)
    before = training_version(variant, sources)
    for module in closure(params, name):
        path = sources.path(module)
        text = path.read_text()
        path.write_text(f"{text}\nADDED = 1\n")
        forget_sources()
        assert training_version(variant, sources) != before, module
        path.write_text(text)
    forget_sources()
    assert training_version(variant, sources) == before


def forget_sources() -> None:
    for cached in (source_files._imported_modules, source_files._source, source_files._digest):
        cached.cache_clear()


@pytest.mark.parametrize("name", KINDS)
def test_the_closure_is_what_grimp_finds(params, name):
    """Packages only pass names on, schemas in `config` only compose, and imports inside functions decide nothing."""
    graph = grimp.build_graph("dl4ia", exclude_type_checking_imports=True, cache_dir=None)
    packages = {module for module in graph.modules if (PACKAGE / Path(*module.split(".")[1:]) / "__init__.py").exists()}
    reached, waiting = set(), list(training_entries(params.variant(name)))
    while waiting:
        module = waiting.pop()
        if module in reached or module in packages or module.startswith("dl4ia.config"):
            continue
        reached.add(module)
        waiting += [other for other in graph.find_modules_directly_imported_by(module) if at_top(graph, module, other)]
        waiting += re_exported(module, packages)
    assert closure(params, name) == reached


def at_top(graph: grimp.ImportGraph, importer: str, imported: str) -> bool:
    """Return whether a module is imported outside functions, by the indentation of the statement."""
    lines = HERE.path(importer).read_text().splitlines()
    details = graph.get_import_details(importer=importer, imported=imported)
    return any(not lines[detail["line_number"] - 1][0].isspace() for detail in details)


def re_exported(module: str, packages: set[str]) -> set[str]:
    """Return where Python finds the classes and functions that a module takes from packages."""
    values = vars(import_module(module))
    statements = [node for node in ast.parse(HERE.path(module).read_text()).body if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in statements if node.module in packages for alias in node.names]
    return {values[name].__module__ for name in names if hasattr(values[name], "__module__")}


@pytest.mark.parametrize("name", KINDS)
def test_what_training_imports_inside_functions_is_known_to_decide_nothing(params, name):
    inside = {
        other
        for module in closure(params, name)
        for node in ast.walk(ast.parse(HERE.path(module).read_text()))
        if isinstance(node, ast.FunctionDef)
        for statement in ast.walk(node)
        if isinstance(statement, ast.ImportFrom) and (other := statement.module).startswith("dl4ia.")
    }
    assert inside <= BOUNDARY


@pytest.mark.parametrize("name", KINDS)
def test_whatever_a_training_executes_is_in_its_closure_or_records_it(layout, params, name):
    executed = set()

    def note(frame, event, _arg):
        if event == "call":
            executed.add(frame.f_globals.get("__name__", ""))

    experiment = Experiment(name, shortened(params.variant(name), batch_size=8), 0, layout, "cpu")
    sys.setprofile(note)
    try:
        train((experiment, ""), Context(lambda _: None, lambda: False))
    finally:
        sys.setprofile(None)
    ours = {module for module in executed if module.startswith("dl4ia.") and not module.startswith("dl4ia.config")}
    packages = {module for module in ours if HERE.path(module).name == "__init__.py"}
    assert "dl4ia.training.loop" in ours
    assert ours - packages <= closure(params, name) | RECORDING


def test_a_study_depends_on_all_that_its_points_use(params):
    study = params.study("joint")
    entries = set().union(*(training_entries(study.variant(point)) for point in study.corners()))
    assert study_version(study) == HERE.version({"dl4ia.search.score", *entries})


def test_a_variant_that_takes_its_settings_from_a_study_has_the_version_of_the_study(params):
    current = versions(params)
    assert current["train"]["warwick-searched"] == current["search"]["joint"]


def test_a_recorded_equivalence_keeps_the_version(copy, params):
    name = "mnist-cnn"
    variant = params.variant(name)
    sources = copy.append("models/cnn.py", "\nADDED = 1\n")
    new, old = training_version(variant, sources), training_version(variant)
    other = SourceCopy(copy.root.parent / "recorded")
    (other.root / "runs" / EQUIVALENT).write_text(json.dumps({new: old}))
    assert training_version(variant, other.append("models/cnn.py", "\nADDED = 1\n")) == old


def test_recording_an_equivalence_makes_no_other_stage_stale(copy, params):
    path = copy.root / "runs" / EQUIVALENT
    path.write_text(json.dumps(json.loads(path.read_text()) | {"0" * 32: "1" * 32}))
    assert changed(params, Sources(copy.root)) == set()


class Extension(nn.Module):
    """A class of a module outside the package."""


def test_equivalences_are_followed_to_the_first_version(copy, params):
    variant = params.variant("mnist-cnn")
    edited = training_version(variant, copy.append("models/cnn.py", "ADDED = 1\n"))
    record = copy.root / "runs" / EQUIVALENT
    record.write_text(json.dumps({edited: "1" * 32, "1" * 32: "0" * 32}))
    source_files.forget_sources()
    assert training_version(variant, Sources(copy.root)) == "0" * 32
    record.write_text(json.dumps({edited: "1" * 32, "1" * 32: edited}))  # a mistake, which must not hang
    source_files.forget_sources()
    assert training_version(variant, Sources(copy.root)) == edited


@pytest.mark.parametrize(
    "text",
    [
        "from .penalty import l2_penalty",
        "from . import penalty",
        "from ..training.penalty import l2_penalty",
        "if TYPE_CHECKING:\n    l2_penalty = None\nelse:\n    from dl4ia.training.penalty import l2_penalty",
    ],
)
def test_every_form_of_import_leads_to_the_module(copy, text):
    (copy.root / "training" / "added.py").write_text(f"{text}\n")
    assert "dl4ia.training.penalty" in Sources(copy.root).closure(["dl4ia.training.added"])


def test_what_is_imported_for_type_checkers_alone_decides_nothing(copy):
    text = "if TYPE_CHECKING:\n    from dl4ia.training.penalty import l2_penalty\n"
    (copy.root / "training" / "added.py").write_text(text)
    assert Sources(copy.root).closure(["dl4ia.training.added"]) == {"dl4ia.training.added"}


def test_an_f_string_has_the_digest_that_every_version_of_python_gives_it():
    """Python 3.12.1 ends one that ends in a format from an expression with an empty string."""
    tree = ast.parse("f'{x:{y}}'")
    plain = source_files._canonical(tree)
    next(node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)).values.append(ast.Constant(""))
    assert source_files._canonical(tree) == plain


def test_a_module_outside_the_package_counts_as_well():
    assert HERE.closure({Extension.__module__}) >= {Extension.__module__, "dl4ia.runs.train", "dl4ia.training.loop"}


def test_an_entry_without_a_source_is_refused():
    with pytest.raises(ValueError, match=r"dl4ia\.models\.missing is not a module"):
        HERE.version({"dl4ia.models.missing"})


def test_a_champion_depends_on_how_it_is_applied_and_on_no_code(params):
    params = params.model_copy(update={"champions": {"mnist": "mnist-cnn", "warwick": "warwick-start"}})
    before = versions(params)["champion"]
    other = params.variants["warwick-start"].model_copy(update={"test_time": "flips"})
    after = versions(params.model_copy(update={"variants": params.variants | {"warwick-start": other}}))["champion"]
    assert after["warwick"] != before["warwick"]
    assert after["mnist"] == before["mnist"]
