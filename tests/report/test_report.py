import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from dl4ia.base.errors import RunError
from dl4ia.report import findings
from dl4ia.report.collect import Report, collect
from dl4ia.report.main import write_report
from dl4ia.report.render import markdown
from dl4ia.runs.layout import Layout
from tests.analysis.made_up import working_copy
from tests.report.conftest import DIGEST, PICTURES, Written, sourced, write_pictures

GOLDEN = Path(__file__).with_name("golden.md")


def test_the_report_is_the_golden_one_word_for_word(written: Written) -> None:
    assert written.text == GOLDEN.read_text(encoding="utf-8"), (
        f"if the change is meant, copy {written.layout.report / 'report.md'} to {GOLDEN}"
    )


def test_a_fresh_clone_without_data_or_weights_writes_the_same_files(tmp_path: Path) -> None:
    params, layout = working_copy(tmp_path / "first")
    few = {name: params.variants[name] for name in ("digits-cnn",)}
    changes = {"variants": few, "searched": {}, "ensembles": {}, "studies": {"lambda": params.studies["lambda"]}}
    params = params.model_copy(update=changes)
    write_pictures(layout)
    first = Written(params, layout)
    write_report(params, layout)
    shutil.copytree(layout.root, tmp_path / "clone", ignore=shutil.ignore_patterns("out"))
    clone = Written(params, Layout(tmp_path / "clone"))
    drawn = [path for path in clone.layout.report.rglob("*.*") if not path.name.startswith(PICTURES)]
    tables = set(clone.layout.results.glob("*.csv")) - {clone.layout.test_evaluations}
    for path in (*tables, *drawn):
        path.unlink()
    write_report(params, clone.layout)
    assert {path.stem for path in drawn} == {
        "index", "report", "comparison-mnist", "trust-mnist", "validation-mnist", "curves-digits-cnn",
        "search-lambda-lambda",
    }  # fmt: skip
    assert clone.files() == first.files()


def test_every_figure_that_the_report_shows_is_there_and_no_other(written: Written) -> None:
    linked = set(re.findall(r"\]\(figures/(.*?)\)", written.text))
    layers = {"layers-glands-wide-seed-4-test_a.png"}  # of the gallery in the HTML report
    assert linked | layers == {path.name for path in (written.layout.report / "figures").iterdir()}
    assert {
        "comparison-mnist.png",
        "validation-warwick.png",
        "curves-glands-l2.png",
        "search-lambda-lambda.png",
    } <= linked
    assert "curves-glands-ensemble.png" not in linked


def test_the_run_in_pictures_is_the_best_one(written: Written) -> None:
    figures = written.layout.report / "figures"
    drawn = written.layout.evaluation("glands-wide") / "seed-4" / "examples-test_a.png"
    assert (figures / "examples-glands-wide-seed-4-test_a.png").read_bytes() == drawn.read_bytes()
    assert not list(figures.glob("examples-glands-start*"))


def test_numbers_are_never_nan_and_one_thing_has_no_plural(written: Written) -> None:
    assert not re.search(r"\bnan\b(?! after)", written.text)  # of an error: "the training loss is nan after ..."
    assert not re.search(r"\b1 (runs|trials|variants)\b(?! trained)", written.text)
    assert "times as fast" not in written.text


def test_results_and_figures_of_what_is_no_longer_in_params_are_removed(clone: Written, undrawn: None) -> None:
    kept = {"digits-cnn", "glands-start"}
    params = clone.params.model_copy(
        update={
            "variants": {name: row for name, row in clone.params.variants.items() if name in kept},
            "searched": {},
            "ensembles": {},
            "studies": {"lambda": clone.params.studies["lambda"]},
        }
    )
    (clone.layout.results / "notes").mkdir()  # a folder of the user
    write_report(params, clone.layout)
    assert {path.name for path in clone.layout.results.iterdir() if path.is_dir()} == {*kept, "search", "notes"}
    assert [path.name for path in (clone.layout.results / "search").iterdir()] == ["lambda"]
    names = {path.name for path in (clone.layout.report / "figures").iterdir()}
    assert {name for name in names if name.startswith("curves")} == {f"curves-{name}.png" for name in kept}
    assert not any("sizes" in name for name in names)


@pytest.mark.slow
def test_results_of_a_searched_variant_stay_while_its_study_is_searched_anew(clone: Written, undrawn: None) -> None:
    variants = {name: row for name, row in clone.params.variants.items() if name != "glands-searched"}
    write_report(clone.params.model_copy(update={"variants": variants}), clone.layout)
    assert (clone.layout.results / "glands-searched" / "runs.json").exists()
    assert "Not run yet: glands-later and glands-searched." in clone.text


def test_a_project_without_studies_has_a_report(clone: Written, undrawn: None) -> None:
    write_report(clone.params.model_copy(update={"studies": {}}), clone.layout)
    assert "## Searches" not in clone.text
    assert len(pd.read_csv(clone.layout.results / "trials.csv")) == 0


@pytest.mark.slow
def test_a_study_that_was_not_searched_yet_is_named(clone: Written, undrawn: None) -> None:
    (clone.layout.study("lambda").results / "trials.csv").unlink()
    write_report(clone.params, clone.layout)
    assert "Not run yet: glands-later and study lambda." in clone.text


def test_without_any_results_it_is_an_error(written: Written, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no variant has been evaluated yet"):
        write_report(written.params, Layout(tmp_path))


@pytest.mark.slow
def test_a_new_best_run_without_a_picture_shows_none_rather_than_the_old_one(clone: Written, undrawn: None) -> None:
    path = clone.layout.result("glands-start").path / "metrics.csv"
    table = pd.read_csv(path)
    table.loc[(table["part"] == "validation") & (table["metric"] == "dice"), "value"] += 0.1
    table.to_csv(path, index=False)
    write_report(clone.params.model_copy(update={"champions": {}}), clone.layout)
    assert "glands-start has the highest mean validation Dice" in clone.text
    assert "figures/examples-glands" not in clone.text
    assert not list((clone.layout.report / "figures").glob("examples-glands*"))


@pytest.mark.slow
def test_the_source_of_the_data_is_copied_beside_the_results(clone: Written, undrawn: None) -> None:
    for task in ("mnist", "warwick"):
        clone.layout.source(task).parent.mkdir(parents=True, exist_ok=True)
        clone.layout.source(task).write_text(json.dumps({"source": "published", "sha256": {"train": DIGEST}}))
    write_report(clone.params, clone.layout)
    assert json.loads((clone.layout.results / "source.json").read_text())["warwick"]["source"] == "published"
    assert "- Data of Warwick-QU: published" in clone.text


def rendered(report: Report) -> str:
    pictures = {task.task.name: [] for task in report.tasks}
    return markdown(report, pictures, {search.name: {} for search in report.searches})


@pytest.mark.slow
def test_the_stand_in_is_not_measured_against_the_report(clone: Written) -> None:
    report = collect(clone.params, sourced(clone.layout, mnist="published", warwick="stand-in"))
    text = rendered(report)
    assert "**Not the real data.** The results of Warwick-QU are those of the built-in stand-in." in text
    assert "| **Warwick-QU**: Dice (gland), test A (the stand-in, not the real data) |" in text
    assert "0.789" not in text
    assert "0.751" not in text
    assert "0.982, reproduced" in text  # of MNIST, which is real
    assert "MNIST: 1 of 2 reported values" in text
    assert "Warwick-QU: 1 of 2 reported values" not in text


def test_a_demonstration_judges_nothing(written: Written) -> None:
    text = rendered(collect(written.params, written.layout, notice="A demonstration: few iterations."))
    assert "> A demonstration: few iterations." in text
    for verdict in ("ver-fitted: ", "nstable: ", "ot converged: ", "onverged: ", "0.982, reproduced", "here better"):
        assert verdict not in text


def test_the_findings_are_few_and_each_names_its_task(report: Report) -> None:
    sentences = findings.findings(report)
    assert len(sentences) <= 10
    assert all(sentence.startswith(("MNIST", "Warwick-QU")) and sentence.endswith(".") for sentence in sentences)


@pytest.mark.slow
def test_a_picture_of_evaluation_is_not_drawn_again(clone: Written, undrawn: None) -> None:
    folder = clone.layout.evaluation("glands-wide") / "seed-4"
    folder.mkdir(parents=True)
    Image.new("L", (4, 4)).save(folder / "examples-test_a.png")
    (folder / "examples-test_a.png").chmod(0o444)  # as DVC links files to its cache
    for _ in range(2):
        write_report(clone.params, clone.layout)
    copied = clone.layout.report / "figures" / "examples-glands-wide-seed-4-test_a.png"
    assert copied.read_bytes() == (folder / "examples-test_a.png").read_bytes()
