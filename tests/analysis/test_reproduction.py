from dataclasses import replace

import pytest

from dl4ia.analysis.reproduction import Agreement, reproductions
from dl4ia.analysis.tables import Result

Read = dict[str, Result]


@pytest.mark.parametrize(
    ("metric", "reported", "agreement"),
    [
        ("test_accuracy", 0.982, Agreement.REPRODUCED),
        ("test_accuracy", 0.999, Agreement.REPRODUCED),
        ("test_accuracy", 0.95, Agreement.BETTER),
        ("validation_accuracy", 0.97, Agreement.REPRODUCED),
        ("test_loss", 0.04, Agreement.REPRODUCED),
        ("test_loss", 0.051, Agreement.BETTER),
        ("test_loss", 0.03, Agreement.WORSE),
    ],
)
def test_scores_agree_within_an_absolute_and_losses_within_a_relative_tolerance(
    read: Read, metric: str, reported: float, agreement: Agreement
) -> None:
    assert read["digits-cnn"].scores["test_loss"].mean() == pytest.approx(0.0391, abs=1e-4)
    (each,) = reproductions(replace(read["digits-cnn"], reported={metric: reported}))
    assert each.agreement == agreement


def test_nothing_agrees_where_no_run_trained(read: Read) -> None:
    (each,) = reproductions(replace(read["glands-l2"], reported={"test_a_dice": 0.8}))
    assert (each.summary, each.agreement) == (None, None)


def test_times_are_not_compared(read: Read) -> None:
    assert reproductions(replace(read["digits-adam"], reported={"train_seconds": 1320})) == []
