"""Bars on a terminal of 80 columns."""

import io
import math
import re
from contextlib import redirect_stderr

import pytest
import torch

from dl4ia.progress import EvaluationBar, RunBars, StudyBar
from dl4ia.runs.evaluate import Measured
from dl4ia.runs.provenance import provenance
from dl4ia.runs.schemas import RunStatus
from dl4ia.runs.train import Experiment, Moved, Progress
from dl4ia.search.run import SearchProgress
from dl4ia.training.loop import Point
from tests.conftest import shortened


class Terminal(io.StringIO):
    """Text with what a terminal would have been sent."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        return [line for line in re.split(r"[\r\n]|\x1b\[A", self.getvalue()) if line.strip()]


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


@pytest.fixture
def experiments(params, layout) -> list[Experiment]:
    variant = shortened(params.variant("warwick-combined-patient"), iterations=2000)
    return [Experiment("warwick-combined-patient", variant, seed, layout) for seed in (0, 1, 2)]


def point(step: int, seconds: float) -> Point:
    metrics = {"train/loss": 0.5, "train/dice": 0.4, "validation/loss": 0.6, "validation/dice": 0.789}
    return Point(step, step / 10, seconds, 0.01, metrics)


def end(experiment: Experiment, state: str = "finished", error: str | None = None) -> Progress:
    status = provenance(torch.device("cpu"))
    experiment.run.write_status(RunStatus(state=state, error=error, seconds=1.0, **status))
    return Progress(experiment, None)


def test_the_validation_metric_fits_on_80_columns(terminal, experiments):
    with redirect_stderr(terminal), RunBars() as bars:
        bars.at_point(Progress(experiments[0], point(500, 30.0)))
    line = terminal.lines[-1]
    assert len(line) <= 80
    assert re.fullmatch(r"warwick-combined-patient 0 +25% .+ validation Dice 0\.789 \[00:30<01:30\]", line)


def test_a_resumed_training_continues_its_clock(terminal, experiments):
    with redirect_stderr(terminal), RunBars() as bars:
        for step in (100, 200, 1000):
            bars.at_point(Progress(experiments[0], point(step, step / 10)))
    assert "[01:40<01:40]" in terminal.lines[-1]


def test_a_bar_closes_when_its_training_ends_and_leaves_its_line_to_the_next(terminal, experiments):
    first, second, third = experiments
    with redirect_stderr(terminal), RunBars() as bars:
        bars.at_point(Progress(first, point(1000, 10.0)))
        bars.at_point(Progress(second, point(1000, 10.0)))
        assert sorted(bar.pos for bar in bars._bars.values()) == [-1, 0]
        bars.at_point(Progress(first, point(2000, 20.0)))
        bars.at_point(end(first))
        bars.at_point(Progress(third, point(100, 1.0)))
        assert len(bars._bars) == 2
        assert len({bar.pos for bar in bars._bars.values()}) == 2
    assert any("100%" in line for line in terminal.lines)


def test_a_training_that_diverged_is_reported(capsys, experiments):
    with RunBars() as bars:
        bars.at_point(end(experiments[0], "diverged", "the training loss is nan after 40 iterations"))
    message = "warwick-combined-patient, seed 0 diverged: the training loss is nan after 40 iterations"
    assert message in capsys.readouterr().out


def test_the_bar_of_a_study_starts_where_the_search_had_stopped(terminal):
    with redirect_stderr(terminal), StudyBar("joint") as bar:
        bar(SearchProgress(ended=12, trials=48, best=0.8125))
        bar(SearchProgress(ended=13, trials=48, best=0.8125))
    assert re.search(r"joint  27% .*13 of 48 trials, best 0\.812 \[", terminal.lines[-1])


def test_the_bar_of_a_study_moves_while_trials_are_under_way(terminal):
    with redirect_stderr(terminal), StudyBar("joint") as bar:
        bar(SearchProgress(ended=12, trials=48, best=math.nan))
        bar(SearchProgress(ended=12, trials=48, best=math.nan, under_way=1.5, new=False))
    assert re.search(r"joint  28% .*12 of 48 trials \[", terminal.lines[-1])
    assert all(len(line) <= 80 for line in terminal.lines)


def test_the_bar_of_a_training_moves_between_its_points(terminal, experiments):
    with redirect_stderr(terminal), RunBars() as bars:
        bars.between_points(Moved(experiments[0], 20, 1.0))
        bars.at_point(Progress(experiments[0], point(500, 30.0)))
        bars.between_points(Moved(experiments[0], 1000, 60.0))
    assert any(re.search(r" +1% ", line) for line in terminal.lines)
    assert re.search(r"50% .+ validation Dice 0\.789 \[01:00<01:00\]", terminal.lines[-1])


def test_the_bar_of_an_evaluation_counts_runs_and_moves_after_each_part(terminal):
    with redirect_stderr(terminal), EvaluationBar("mnist-cnn") as bar:
        for seed, done in ((0, 0.5), (1, 0.5), (0, 1.0), (1, 0.75)):
            bar(Measured(seed, done, runs=10))
    assert re.search(r"measuring mnist-cnn  18% .*1 of 10 runs \[", terminal.lines[-1])


def test_nothing_is_drawn_where_there_is_no_terminal(capsys, experiments):
    with RunBars() as bars:
        bars.at_point(Progress(experiments[0], point(500, 30.0)))
    assert capsys.readouterr() == ("", "")
