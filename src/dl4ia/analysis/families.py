"""Which variants are tested against each other: all pairs of one task and test set are one family."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import pandas as pd

from dl4ia.analysis.comparisons import Ablation, on_same_images
from dl4ia.analysis.paired import Pair, family, pair
from dl4ia.analysis.tables import Result
from dl4ia.config import Params

_COLUMNS = ["task", "part", "variant", "rival", "same_training_images", "images", "seeds", "rival_seeds", "difference",
            "low", "high", "p", "adjusted_p", "verdict", "test", "test_p"]  # fmt: skip


def compared_pairs(read: Sequence[Result], params: Params, ablations: Sequence[Ablation]) -> list[Pair]:
    """Return the tests of all pairs of one task: those that differ in one setting, and those that params.yaml names."""
    names = [(each.name, each.rival) for each in ablations]
    return _tested([*names, *_named(read, params, [result.name for result in read])], read, params)


def named_pairs(read: Sequence[Result], params: Params, names: Sequence[str]) -> list[Pair]:
    """Return the tests of the rows `names` against those that params.yaml names for them."""
    return _tested(_named(read, params, names), read, params)


def chosen_pairs(read: Sequence[Result], params: Params) -> list[Pair]:
    """Return the tests of each two of a few results of one task; the earlier is compared with the later one."""
    return _tested([(one.name, other.name) for one, other in combinations(read, 2)], read, params)


def _named(read: Sequence[Result], params: Params, names: Sequence[str]) -> list[tuple[str, str]]:
    known = {result.name for result in read}
    return [(name, rival) for name in names for rival in params.rows[name].compared_with if rival in known]


def _tested(names: Sequence[tuple[str, str]], read: Sequence[Result], params: Params) -> list[Pair]:
    """Return the tests of pairs, each once, whichever of the two names the other; a test set is a family."""
    by_name = {result.name: result for result in read}
    known = {frozenset(each): each for each in reversed(names)}
    tested: list[Pair] = []
    for part in read[0].task.test_sets if read else ():
        pairs = [
            pair(by_name[name], by_name[rival], part, same_runs=_same_runs(params, name, rival))
            for name, rival in reversed(known.values())
        ]
        tested += family([
            replace(each, same_images=on_same_images(params, each.name, each.rival))
            for each in pairs
            if each is not None
        ])  # fmt: skip
    return tested


def _same_runs(params: Params, name: str, rival: str) -> bool:
    """Return whether two variants have the same networks, evaluated otherwise."""
    one, other = (params.variants.get(each) for each in (name, rival))
    return one is not None and other is not None and one.settings.deciding == other.settings.deciding


def pairs_table(of_tasks: Mapping[str, Sequence[Pair]]) -> pd.DataFrame:
    """Return one row per pair of each task, the content of `results/comparisons.csv`."""
    rows = []
    for task, each in ((task, each) for task, pairs in of_tasks.items() for each in pairs):
        verdict = "no difference shown" if each.enough else "too few runs"
        if each.holds:
            verdict = "better" if each.difference > 0 else "worse"
        rows.append({
            "task": task,
            "part": each.part,
            "variant": each.name,
            "rival": each.rival,
            "same_training_images": each.same_images,
            "images": each.images,
            "seeds": each.seeds[0],
            "rival_seeds": each.seeds[1],
            "difference": each.difference,
            "low": each.low,
            "high": each.high,
            "p": each.p,
            "adjusted_p": each.adjusted_p,
            "verdict": verdict,
            "test": each.test,
            "test_p": each.test_p,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=_COLUMNS)
