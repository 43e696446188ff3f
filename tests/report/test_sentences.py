from dataclasses import replace
from typing import Any

import pytest

from dl4ia.analysis.champions import Champion
from dl4ia.analysis.convergence import Convergence, Start, Verdict
from dl4ia.analysis.intervals import Difference, Summary
from dl4ia.analysis.paired import Pair
from dl4ia.analysis.reproduction import Agreement, Reproduction
from dl4ia.report import findings, formats, names, sentences
from dl4ia.report.collect import Report, TaskReport, VariantReport


@pytest.fixture
def glands(report: Report) -> TaskReport:
    (task,) = [task for task in report.tasks if task.task.name == "warwick"]
    return task


def variant(task: TaskReport, name: str) -> VariantReport:
    (named,) = [each for each in task.variants if each.name == name]
    return named


LOWEST = "the smoothed validation loss (3 runs that trained) is lowest at iteration 2,400 of 5,000 and"
ANNEALED = "falls to the end, together with the learning rate"
FALLS = "still falls by 9 % over a tenth of the training"


@pytest.mark.parametrize(
    ("verdict", "best_step", "sentence"),
    [
        (
            Verdict.OVER_FITTED,
            2400,
            f"Over-fitted: {LOWEST} ends 26 % higher, while the training loss ends 30 % lower than there.",
        ),
        (Verdict.NOT_CONVERGED, 2400, f"Not converged: {LOWEST} {FALLS}."),
        (Verdict.ANNEALED, 2400, f"Annealed: {LOWEST} {ANNEALED}."),
        (
            Verdict.ANNEALED,
            None,
            f"Annealed: the training loss (3 runs that trained) {ANNEALED}; no images validate.",
        ),
        (Verdict.CONVERGED, 2400, f"Converged: {LOWEST} shows no clear trend at the end."),
        (
            Verdict.NOT_CONVERGED,
            None,
            f"Not converged: the training loss (3 runs that trained) {FALLS}; no images validate.",
        ),
    ],
)
def test_a_verdict_is_said_with_the_numbers_it_rests_on(verdict: Verdict, best_step: int | None, sentence: str) -> None:
    assert sentences.convergence(Convergence(3, verdict, best_step, 5000, 0.26, -0.3, 0.09, 0)) == sentence


def test_losses_that_both_rise_are_called_unstable() -> None:
    value = Convergence(3, Verdict.UNSTABLE, 2400, 5000, 0.6, 0.57, 0.0, 0)
    expected = f"Unstable: {LOWEST} ends 60 % higher, while the training loss ends 57 % higher than there."
    assert sentences.convergence(value) == expected


def test_one_run_that_trained_is_no_runs() -> None:
    value = Convergence(1, Verdict.CONVERGED, None, 5000, 0.0, 0.0, 0.0, 0)
    assert (
        sentences.convergence(value)
        == "Converged: the training loss (1 run that trained) shows no clear trend at the end; no images validate."
    )


def test_a_training_loss_that_rises_where_nothing_validates_is_called_unstable() -> None:
    value = Convergence(5, Verdict.UNSTABLE, None, 5000, 0.0, 0.08, 0.0, 0)
    expected = "Unstable: the training loss (5 runs that trained) ends 8 % above its lowest; no images validate."
    assert sentences.convergence(value) == expected


def test_a_run_that_left_chance_level_at_the_end_is_why_a_training_has_not_converged() -> None:
    value = Convergence(3, Verdict.NOT_CONVERGED, 2400, 5000, 0.0, -0.01, 0.0, 1)
    expected = (
        f"Not converged: {LOWEST} shows no clear trend at the end, but 1 run left chance level in the last third."
    )
    assert sentences.convergence(value) == expected


def start(seed: int, left_at: int | None, *, fell_back: bool = False) -> Start:
    return Start(seed, left_at, fell_back, first_step=100, last_step=5000)


def test_runs_that_did_not_train_are_described_by_what_they_did(glands: TaskReport) -> None:
    each = variant(glands, "glands-listed")
    starts = [start(0, 100), start(1, 4300), start(2, None), start(3, None, fell_back=True)]
    assert sentences.starts(replace(each, starts=starts)) == [
        "Runs that trained left chance level after 100 to 4,300 iterations.",
        "Seed 2 had not left chance level after 5,000 iterations.",
        "Seed 3 fell back to chance level.",
        "Seed 4 diverged: the training loss is nan after 700 iterations.",
    ]


def test_there_is_nothing_to_say_where_all_runs_trained_at_once(glands: TaskReport) -> None:
    each = variant(glands, "glands-start")
    assert sentences.starts(replace(each, starts=[start(seed, 100) for seed in range(5)])) == []


def test_nothing_is_known_of_what_was_before_the_first_point(glands: TaskReport) -> None:
    each = variant(glands, "glands-start")
    late = [Start(seed, 5000, fell_back=False, first_step=5000, last_step=5000) for seed in range(5)]
    assert sentences.starts(replace(each, starts=late)) == []


def test_no_variant_of_which_no_run_trained_has_a_verdict(report: Report) -> None:
    for task in report.tasks:
        for each in task.variants:
            assert (each.convergence is None) == (each.trained.count == 0 or bool(each.members)), each.name


def test_a_variant_that_did_not_train_is_named_among_those_not_reproduced(glands: TaskReport) -> None:
    each = variant(glands, "glands-l2")
    nothing = Reproduction("glands-l2", "test_a_dice", 0.8, None, None)
    task = replace(glands, variants=[replace(each, reproductions=[nothing])], best=[], ablations=[])
    (sentence,) = findings._reproduced(task)
    assert sentence.startswith("Warwick-QU: 0 of 1 reported value of test A Dice is reproduced; not glands-l2 ")
    assert sentence.endswith("(no run trained, reported 0.800).")


@pytest.mark.parametrize(
    ("metric", "agreement", "words"),
    [
        ("test_loss", Agreement.REPRODUCED, "0.051, reproduced"),
        ("test_loss", Agreement.WORSE, "0.051, here worse"),
        ("test_a_dice", Agreement.REPRODUCED, "0.051, reproduced"),
        ("test_a_dice", None, "0.051"),
    ],
)
def test_a_reported_value_is_said_to_be_reached_or_not(
    glands: TaskReport, metric: str, agreement: Agreement | None, words: str
) -> None:
    assert sentences.agreement(Reproduction("x", metric, 0.051, None, agreement), glands) == words


def test_nothing_is_judged_where_nothing_is_to_be(glands: TaskReport) -> None:
    each = Reproduction("x", "test_a_dice", 0.75, None, Agreement.WORSE)
    assert sentences.agreement(each, replace(glands, judged=False)) == "0.750"


def pair(name: str, rival: str, difference: float, **changes: Any) -> Pair:
    """Return a difference that holds, unless it is changed."""
    low, high = difference - 0.01, difference + 0.01
    unchanged = Pair(
        name, rival, "test_a", 60, (5, 5), difference, low, high, 1e-4, "Wilcoxon", 1e-5, enough=True, adjusted_p=1e-3
    )
    return replace(unchanged, **changes)


def test_a_champion_from_a_study_is_set_beside_what_it_was_tested_against(glands: TaskReport) -> None:
    scores = {"test_a": Summary(5, 0.91, 0.003, 0.9, 0.92, interval=True)}
    champion = Champion("glands-new", 0, "sizes", None, scores)
    pairs = [
        pair("glands-new", "glands-wide", 0.07, same_images=False),
        pair("glands-start", "glands-new", 0.02),
        pair("glands-new", "glands-patient", 0.01, adjusted_p=0.2),
        pair("glands-new", "glands-wide", 0.07, part="test_b", same_images=False),
    ]
    (sentence,) = findings._champion(replace(glands, champion=champion, pairs=pairs))
    assert sentence == (
        "Warwick-QU: the champion, glands-new, with settings from the study sizes, has test A Dice 0.910 ± 0.003 "
        "[0.900, 0.920]; on test A it is better than glands-wide (by 0.070; trained on other images); "
        "on test A it is worse than glands-start (by 0.020)."
    )


def test_a_champion_that_is_the_best_by_validation_is_named_once(glands: TaskReport) -> None:
    assert glands.champion is not None
    assert findings._champion(glands) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (Summary(1, 0.495, None, 0.495, 0.495, interval=False), "0.495"),
        (Summary(3, 0.81, 0.005, 0.8049, 0.815, interval=False), "0.810 ± 0.005 (0.805 to 0.815)"),
        (Summary(5, 0.84, 0.003, 0.836, 0.844, interval=True), "0.840 ± 0.003 [0.836, 0.844]"),
        (Summary(5, 0.99622, 0.0004, 0.9951, 0.9971, interval=True), "0.9962 ± 0.0004 [0.995, 0.997]"),
    ],
)
def test_a_summary_shows_an_interval_only_where_there_is_one(value: Summary | None, text: str) -> None:
    assert formats.summary(value) == text


def test_a_difference_that_rounds_to_nothing_has_no_sign() -> None:
    assert formats.bounds(5, 0.99751, 0.99789) == "[0.9975, 0.9979]"
    assert formats.bounds(2, 0.77722, 0.77731) == "0.7772 to 0.7773"
    assert formats.bounds(2, 0.77722, 0.77731, most=3) == "0.777 to 0.777"
    assert formats.bounds(5, 0.75, 0.75) == "[0.750, 0.750]"
    assert formats.mean_sd(0.99981, 0.00002) == "0.99981 ± 0.00002"
    assert formats.mean_sd(0.5, 0.0) == "0.500 ± 0.000"
    assert formats.difference(Difference(-0.0001, -0.0123, 0.0121)) == "0.000 [-0.012, +0.012]"
    assert formats.difference(Difference(0.02, None, None)) == "+0.020"


@pytest.mark.parametrize(("count", "text"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1200, "1,200 runs")])
def test_one_thing_is_singular(count: int, text: str) -> None:
    assert formats.counted(count, "run") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"), (0.0001, "0.0001"), ([8, 16], "[8, 16]"), ([], "none"), (None, "none"), ("adam", "adam"),
        ({"kind": "sgd", "learning_rate": 0.01}, "sgd, learning rate 0.01"),
        ([{"kind": "flips"}, {"kind": "affine", "degrees": 10}], "[flips, affine, degrees 10]"),
    ],
)  # fmt: skip
def test_settings_are_written_as_people_read_them(value: object, text: str) -> None:
    assert formats.setting(value) == text


def test_metrics_have_names_for_people() -> None:
    parts = ("train", "validation", "test_a", "test_b")
    assert [names.metric(name, parts) for name in ("test_a_dice", "train_loss", "test_a_dice_pooled")] == [
        "test A Dice",
        "training cross-entropy",
        "test A Dice, all pixels pooled",
    ]


@pytest.mark.parametrize(
    ("commit", "text"),
    [
        ("0123456789abcdef", "0123456789"),
        ("0123456789abcdef-dirty", "0123456789 with uncommitted changes"),
        ("", "unknown (no git)"),
    ],
)
def test_a_commit_is_short_and_says_whether_files_differed(commit: str, text: str) -> None:
    assert formats.commit(commit) == text
