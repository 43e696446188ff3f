"""Variants that differ in one setting alone: what that setting did."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pandas as pd

from dl4ia.config import Params, flat


def pairs(params: Params, setting: str) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield the names of each two variants of a task that differ in `setting` (`network.pool_first`) and nothing else.

    With the names come the two values.
    """
    rows = {
        name: flat(variant.model_dump(exclude={"about", "exercise", "reported"}))
        for name, variant in params.variants.items()
    }
    for (first, left), (second, right) in combinations(rows.items(), 2):
        different = {key for key in left.keys() | right.keys() if left.get(key) != right.get(key)}
        if different - {"settings.seeds"} == {f"settings.{setting}"}:
            yield first, second, left[f"settings.{setting}"], right[f"settings.{setting}"]


def order_of_pool(params: Params, runs: pd.DataFrame) -> list[str]:
    """Say of each two variants that differ in the order of pool and activation whether it changed any figure."""
    sentences = []
    for first, second, _, _ in pairs(params, "network.pool_first"):
        one, other = (runs[runs["variant"] == name].set_index("seed") for name in (first, second))
        same = int((one["test_loss"] == other["test_loss"]).sum())
        sentences.append(
            f"`{first}` and `{second}` differ in the order of pool and ReLU alone. Both orders compute the same (the "
            f"maximum of rectified values is the rectified maximum): in {same} of {len(one)} seeds the test loss is "
            f"equal to the last digit. A difference in accuracy, as reported, comes from another start. Training took "
            f"{one['train_seconds'].mean():.1f} s and {other['train_seconds'].mean():.1f} s."
        )
    return sentences


def patients(params: Params, runs: pd.DataFrame) -> list[str]:
    """Say of each two variants that differ in the split alone what strangers cost, by the runs that learned."""
    learned = runs[runs["learned"].eq(other=True)]
    sentences = []
    for first, second, *strategies in pairs(params, "split.strategy"):
        if set(strategies) != {"random", "patient"}:
            continue
        for name, strategy in zip((first, second), strategies, strict=True):
            mine = learned[learned["variant"] == name]
            validation, test = mine["validation_dice"].mean(), mine["test_a_dice"].mean()
            sentences.append(
                f"`{name}` ({strategy} split, {len(mine)} runs that learned): validation Dice {validation:.3f} (sd "
                f"over seeds {mine['validation_dice'].std():.3f}), test A {test:.3f}; validation minus test is "
                f"{validation - test:+.3f}."
            )
    return sentences
