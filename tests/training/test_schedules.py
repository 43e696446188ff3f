"""Schedules against PyTorch's schedulers, and at their ends."""

from typing import Annotated

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.optim import SGD, lr_scheduler

from dl4ia.training.schedules import SCHEDULES, Constant, Cosine, OneCycle, ScheduleConfig

RATE = 0.3


def load(section: dict) -> ScheduleConfig:
    """Read a section as params.yaml would hold it."""
    return TypeAdapter(Annotated[ScheduleConfig, SCHEDULES.validator]).validate_python(section)


def factors(schedule: ScheduleConfig, steps: int) -> list[float]:
    return [schedule.factor(step, steps) for step in range(steps)]


def rates_of_pytorch(scheduler_for, steps: int) -> list[float]:
    """Return the learning rates of all iterations under one of PyTorch's schedulers, which has a state."""
    optimizer = SGD([torch.zeros(1, requires_grad=True)], RATE)
    scheduler, rates = scheduler_for(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < steps:
            scheduler.step()
    return rates


@pytest.mark.parametrize("kind", list(SCHEDULES))
class TestEverySchedule:
    @pytest.mark.parametrize("steps", [1, 2, 3, 7, 100])
    def test_stays_between_zero_and_one_and_trains_in_every_iteration(self, kind: str, steps: int):
        assert all(0 < factor <= 1 for factor in factors(load({"kind": kind}), steps))

    def test_says_the_same_of_a_step_whatever_was_asked_before(self, kind: str):
        schedule = load({"kind": kind})
        backwards = [schedule.factor(step, 50) for step in reversed(range(50))]
        assert backwards[::-1] == factors(schedule, 50)


def test_the_constant_schedule_changes_no_bit_of_the_learning_rate():
    assert [RATE * factor for factor in factors(Constant(kind="constant"), 9)] == [RATE] * 9


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_cosine_without_warmup_is_pytorch_s_cosine_annealing(floor: float):
    expected = rates_of_pytorch(lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 80, RATE * floor), 80)
    ours = [RATE * factor for factor in factors(Cosine(kind="cosine", floor=floor), 80)]
    assert ours == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_cosine_with_warmup_is_pytorch_s_linear_rise_followed_by_its_cosine_annealing():
    def both(optimizer):
        rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / 21, total_iters=20)
        fall = lr_scheduler.CosineAnnealingLR(optimizer, 60)
        return lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[20])

    ours = [RATE * factor for factor in factors(Cosine(kind="cosine", warmup=0.25), 80)]
    assert ours == pytest.approx(rates_of_pytorch(both, 80), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("rise", [0.1, 0.3, 0.85])
def test_one_cycle_is_pytorch_s(rise: float):
    def scheduler(optimizer):
        return lr_scheduler.OneCycleLR(
            optimizer, RATE, 200, pct_start=rise, div_factor=20, final_div_factor=50, cycle_momentum=False
        )

    schedule = OneCycle(kind="one-cycle", rise=rise, start_divisor=20, final_divisor=1000)
    ours = [RATE * factor for factor in factors(schedule, 200)]
    assert ours == pytest.approx(rates_of_pytorch(scheduler, 200), rel=1e-6)


def test_one_cycle_begins_and_ends_at_its_divisors_and_peaks_where_the_rise_ends():
    course = factors(OneCycle(kind="one-cycle", rise=0.2, start_divisor=10, final_divisor=500), 100)
    assert (course[0], course[19], course[-1]) == pytest.approx((1 / 10, 1, 1 / 500))
    assert course == sorted(course[:20]) + sorted(course[20:], reverse=True)


def test_one_cycle_without_a_rise_begins_at_its_peak():
    course = factors(OneCycle(kind="one-cycle", rise=0.0), 10)
    assert course[0] == 1
    assert course == sorted(course, reverse=True)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "cosine", "warmup": 1}, "less than 1"),
        ({"kind": "cosine", "floor": -0.1}, "greater than or equal to 0"),
        ({"kind": "one-cycle", "rise": 1.2}, "less than 1"),
        ({"kind": "one-cycle", "start_divisor": 0.5}, "greater than or equal to 1"),
        ({"kind": "one-cycle", "final_divisor": 0}, "greater than or equal to 1"),
        ({"kind": "constant", "warmup": 0.1}, "Extra inputs"),
        ({"kind": "cosin"}, "unknown schedule 'cosin'; did you mean 'cosine'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(section: dict, message: str):
    with pytest.raises(ValidationError) as refused:
        load(section)
    (error,) = refused.value.errors()
    assert message in error["msg"]
