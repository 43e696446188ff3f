from dataclasses import replace

import pytest

from dl4ia.analysis.reproduction import Agreement, reproductions
from dl4ia.analysis.tables import Result

Read = dict[str, Result]


@pytest.mark.parametrize(
    ("metric", "reported", "agreement"),
    [
        ("test_accuracy", 0.982, Agreement.REPRODUCED),
        ("test_accuracy", 0.98, Agreement.REPRODUCED),  # rounded to 0.01
        ("test_accuracy", 0.979, Agreement.BETTER),  # near, but no further run may be expected there
        ("test_accuracy", 0.987, Agreement.WORSE),
        ("test_accuracy", 0.95, Agreement.BETTER),
        ("validation_accuracy", 0.981, Agreement.REPRODUCED),
        ("test_loss", 0.04, Agreement.REPRODUCED),
        ("test_loss", 0.051, Agreement.BETTER),
        ("test_loss", 0.03, Agreement.WORSE),
    ],
)
def test_a_value_is_reproduced_if_it_is_near_and_one_more_run_could_give_it(
    read: Read, metric: str, reported: float, agreement: Agreement
) -> None:
    scores = read["digits-cnn"].scores[["test_accuracy", "test_loss"]]
    assert scores.mean().tolist() == pytest.approx([0.983, 0.0391], abs=1e-4)
    assert scores.std().tolist() == pytest.approx([0.0008, 0.0018], abs=1e-4)
    (each,) = reproductions(replace(read["digits-cnn"], reported={metric: reported}))
    assert each.agreement == agreement


@pytest.mark.parametrize(
    ("name", "trained", "agreement"),
    [("glands-start", 5, Agreement.WORSE), ("glands-combined", 3, Agreement.REPRODUCED)],
)
def test_the_spread_of_few_runs_decides_nothing(read: Read, name: str, trained: int, agreement: Agreement) -> None:
    mean = read[name].scores["test_a_dice"].mean()
    assert len(read[name].trained) == trained
    (each,) = reproductions(replace(read[name], reported={"test_a_dice": round(float(mean) + 0.0123, 4)}))
    assert each.agreement == agreement


def test_nothing_agrees_where_no_run_trained(read: Read) -> None:
    (each,) = reproductions(replace(read["glands-l2"], reported={"test_a_dice": 0.8}))
    assert (each.summary, each.agreement) == (None, None)


def test_times_are_not_compared(read: Read) -> None:
    assert reproductions(replace(read["digits-adam"], reported={"train_seconds": 1320})) == []
