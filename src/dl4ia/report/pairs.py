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
        one, other = (runs[runs["variant"] == name].set_index("seed")["test_loss"] for name in (first, second))
        same = int((one == other).sum())
        sentences.append(
            f"`{first}` and `{second}` differ in the order of pool and ReLU alone. Both orders compute the same (the "
            f"maximum of rectified values is the rectified maximum): in {same} of {len(one)} seeds the test loss is "
            f"equal to the last digit. A difference in accuracy, as reported, comes from another start; one in time is "
            f"real: pooling first leaves a quarter of the values to rectify."
        )
    return sentences


def patients(params: Params, summary: pd.DataFrame) -> list[str]:
    """Say of each two variants that differ in the split alone what strangers cost."""
    table = summary.set_index("variant")
    sentences = []
    for first, second, *strategies in pairs(params, "split.strategy"):
        if set(strategies) != {"random", "patient"}:
            continue
        for name, strategy in zip((first, second), strategies, strict=True):
            validation, test = (table.loc[name, f"{part}_dice_mean"] for part in ("validation", "test_a"))
            sd = table.loc[name, "validation_dice_sd"]
            sentences.append(
                f"`{name}` ({strategy} split): validation Dice {validation:.3f} (sd over seeds {sd:.3f}), test A "
                f"{test:.3f}: validation is {validation - test:+.3f} from the test."
            )
    return sentences
