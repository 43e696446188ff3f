"""The comparison with other ways to train: what it writes from what was measured, and what it does with a failure."""

import subprocess
import sys

import pandas as pd
import pytest
import torch

from benchmarks.comparison import figure, page, rows, stages, trainings
from benchmarks.comparison.contenders import CONTENDERS, FLOOR, OTHERS, OURS, REPORT, Contender
from benchmarks.comparison.goals import goals
from benchmarks.comparison.problems import PROBLEMS
from benchmarks.comparison.rows import Row
from benchmarks.quick import line
from dl4ia import config
from dl4ia.runs.experiment import network_of
from dl4ia.tasks.figures import save
from tests.conftest import ROOT
from tests.workspaces import with_data

TRAINING = "training, 10 iterations"


def table_of(tmp_path, *, report=(300.0, 100.0, 120.0), floor=(0.98, 0.99, 0.97)):
    """The table of three rounds of a problem, in which this project always took a second."""
    ours = [1.0, 1.0, 1.0]
    named = {OURS: ours, REPORT: report, FLOOR: floor, "plain": (1.4, 1.6, 1.5)}
    measured = [Row.of("mnist-cnn", TRAINING, CONTENDERS[name].title, each, ours=ours) for name, each in named.items()]
    measured.append(Row.of("mnist-cnn", "command, 10 iterations", "dl4ia train", [3.0], memory=1_500_000_000))
    return rows.write(measured, tmp_path / "benchmark.csv")


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_others_have_a_network_that_computes_the_same(name):
    problem = PROBLEMS[name]
    theirs, ours = problem.network(), network_of(problem.variant)
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.copy_(other)
    signature = problem.task.signature
    images = torch.randn(2, signature.channels, signature.height, signature.width)
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_a_ratio_is_the_median_of_those_of_single_rounds():
    row = Row.of("mnist-cnn", TRAINING, "other", [2.0, 9.0, 30.0], ours=[1.0, 3.0, 30.0])
    assert (row.median_seconds, row.low, row.high, row.ratio_to_ours, row.repeats) == (9.0, 2.0, 30.0, 2.0, 3)


def test_goals_that_are_missed_are_named_as_missed(tmp_path):
    met = {goal.name: goal.met for goal in goals(table_of(tmp_path))}
    assert met == {
        "mnist-cnn: times as fast as the report's loop": True,
        "mnist-cnn: times as fast as the best other (plain PyTorch loop)": True,
        "mnist-cnn: times the floor": True,
        "mnist-cnn: memory of a process, GB": False,
    }
    slower = goals(table_of(tmp_path, report=(99.0, 98.0, 300.0), floor=(0.9, 0.9, 0.99)))
    assert not any(goal.met for goal in slower if goal.name.endswith(("report's loop", "the floor")))


def test_the_page_is_written_between_its_markers(tmp_path, monkeypatch):
    path = tmp_path / "performance.md"
    path.write_text((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", path)
    table = table_of(tmp_path)
    for _ in range(2):
        page.write(table, goals(table), {"mnist-cnn": {"convolution": 0.25}})
        text = path.read_text(encoding="utf-8")
        assert text.count("| mnist-cnn: memory of a process, GB | ≤ 1.2 | 1.50 | **no** |") == 1
        assert text.count("| mnist-cnn | convolution | 25.0% |") == 1
        assert text.count("the report's loop") > 1
    assert text.endswith("<!-- benchmark:end -->\n")


def test_what_is_said_of_the_speed_is_what_was_measured():
    table = pd.read_csv(rows.RESULT)
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.goals_table(goals(table)) in text
    assert page.benchmark_tables(table) in text
    trained = table[table["what"].str.startswith("training")]
    ratios = trained.pivot_table(index="task", columns="contender", values="ratio_to_ours")
    listed, best = ratios[CONTENDERS[REPORT].title], ratios[[CONTENDERS[name].title for name in OTHERS]].min(axis=1)
    cnn, small, unet = PROBLEMS
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    times = f"{listed[cnn]:.0f} times as fast as the report's loop on MNIST (`{cnn}`), and {listed[small]:.0f} times on"
    assert times in readme
    others = f"takes {best[cnn]:.1f} and {best[small]:.1f} times as long, and {best[unet]:.2f} times for the U-Net"
    assert others in readme


def test_the_figure_is_the_same_each_time(tmp_path):
    table = table_of(tmp_path)
    for name in ("first.png", "second.png"):
        save(figure.draw(table), tmp_path / name)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


@pytest.mark.slow
def test_a_way_that_fails_leaves_the_others_their_rows(tmp_path, monkeypatch):
    with_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.setattr(trainings, "ROUNDS", 1)
    monkeypatch.setattr(trainings, "CONTENDERS", {"absent": Contender("", "nobody"), FLOOR: CONTENDERS[FLOOR]})
    failures = []
    measured = list(trainings.measure(PROBLEMS["warwick-start"], failures.append))
    assert [row.contender for row in measured] == [CONTENDERS[FLOOR].title, "its operations at the machine's peak"]
    assert all(row.median_seconds > 0 for row in measured)
    (failure,) = failures
    assert failure.startswith("warwick-start, nobody: the process died")
    assert "KeyError: 'absent'" in failure


@pytest.mark.slow
def test_an_unknown_revision_is_one_line():
    words = [sys.executable, "-m", "benchmarks.quick", "no-such-revision"]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "'no-such-revision' is no commit of this repository\n")


def test_revisions_are_compared_by_the_ratio_of_each_round():
    text = line("mnist-cnn", [(1.0, 2.0), (1.1, 2.0), (10.0, 20.0), (4.5, 10.0)], "HEAD~1")
    assert "ratio 0.500 [0.450, 0.550], 4 rounds" in text
    assert line("new", [(1.0, 0.0)], "HEAD~1") == "new: not in HEAD~1"


def test_what_a_reproduction_takes_is_the_sum_of_its_records_on_the_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "cpu_count", lambda: 2)
    (tmp_path / "runs.csv").write_text(
        "variant,device,threads,seconds\n"
        "mnist-cnn,cpu,1,10\nwarwick-start,cpu,2,30\n"
        "warwick-start,cuda,1,500\nmnist-best,cpu,1,500\n"  # on a GPU; of another group
    )
    (tmp_path / "trials.csv").write_text("study,seconds\nlambda,20\nlambda,\nunet,500\n")
    measured = {row.contender: row.median_seconds for row in stages.recorded(config.load(), tmp_path)}
    assert measured == {"search": 10, "train": 35, "search and train": 45}


def test_the_stages_of_a_short_reproduction_are_those_of_its_experiments():
    params = stages.shortened(config.load())
    assert {"mnist-cnn", "warwick-combined"} <= set(params.variants)
    assert not {"warwick-searched", "warwick-best"} & set(params.variants)
    assert set(params.studies) == {"lambda", "widths"}
    assert {row.settings.iterations for row in params.variants.values()} == {20}
    assert {(row.trials, row.iterations) for row in params.studies.values()} == {(2, 20)}
