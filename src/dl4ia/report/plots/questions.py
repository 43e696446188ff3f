"""One figure for each question that a group of experiments answers."""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dl4ia.analysis.paired import Pair
from dl4ia.analysis.repeated_splits import RepeatedSplits
from dl4ia.analysis.starting import Starting
from dl4ia.report import names
from dl4ia.report.plots.jitter import jitter
from dl4ia.tasks.figures import BLUE, GRAY, GREEN, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, VERMILLION, GREEN, GRAY)
_MARKERS = ("o", "s", "^", "D")


@styled
def splits(variants: Sequence[RepeatedSplits], test: str, score: str) -> Figure:
    """Draw validation and test score of each split, and the distribution of their difference.

    `test` is the test set and `score` the metric, in words.
    """
    figure = Figure(figsize=(10, 4.4))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    for place, (each, colour, marker) in enumerate(zip(variants, cycle(_COLOURS), cycle(_MARKERS), strict=False)):
        part = next(name for name in each.gaps if name.startswith("test"))
        left.plot(each.gaps["validation"], each.gaps[part], marker, color=colour, alpha=0.7, label=each.name)
        gaps = each.gaps["gap"].to_numpy()
        right.plot(gaps, place + jitter(range(len(gaps))), marker, color=colour, alpha=0.6, markeredgewidth=0)
        right.errorbar(
            each.summary.mean, place - 0.32, xerr=each.summary.sd, fmt="|", color=colour, markersize=14, capsize=4,
            markeredgewidth=2,
        )  # fmt: skip
    limits = [*left.get_xlim(), *left.get_ylim()]
    left.plot([min(limits), max(limits)], [min(limits), max(limits)], color=GRAY, linewidth=1, linestyle=(0, (4, 2)))
    left.set_xlabel(f"validation {score}")
    left.set_ylabel(f"{test} {score}")
    right.axvline(0, color=GRAY, linewidth=1)
    reported = next((each.reported for each in variants if each.reported is not None), None)
    if reported is not None:
        right.axvline(reported, color="black", linestyle=(0, (1, 1)), label=f"reported: {reported:.3f}")
        right.legend(loc="upper left")
    right.set_yticks(range(len(variants)), [each.name for each in variants])
    right.set_ylim(-0.7, len(variants) - 0.3)
    right.set_xlabel(f"validation minus {test} {score} of a split\nbars: mean ± standard deviation")
    right.xaxis.set_major_locator(MaxNLocator(6))
    for axes in (left, right):
        axes.grid(visible=True)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle("The same network on other splits of the same images")
    return figure


@styled
def starts(variants: Sequence[Starting]) -> Figure:
    """Draw how many runs have left chance level over iterations, and the share of dead units of each run at the end."""
    figure = Figure(figsize=(10, 4.6))
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1])
    last_step = max(each.last_step for each in variants)
    for place, (each, colour, marker) in enumerate(zip(variants, cycle(_COLOURS), cycle(_MARKERS), strict=False)):
        steps = np.unique([0, *each.left_chance_level, last_step])
        label = f"{each.name}: {each.trained.count} of {each.trained.of}"
        left.step(
            steps, [each.share_above_chance(int(step)) for step in steps], where="post", color=colour, label=label
        )
        left.errorbar(
            last_step * (1.02 + 0.02 * place), each.trained.count / each.trained.of, fmt=marker, color=colour,
            yerr=[[each.trained.count / each.trained.of - each.trained.low],
                  [each.trained.high - each.trained.count / each.trained.of]],
            capsize=3, clip_on=False,
        )  # fmt: skip
        _dead(right, each, place, colour)
    left.set_xlabel("iterations")
    left.set_ylabel("runs above chance level")
    left.set_ylim(-0.03, 1.03)
    left.yaxis.set_major_formatter(PercentFormatter(1))
    right.set_yticks(range(len(variants)), [each.name for each in variants])
    right.set_ylim(len(variants) - 0.5, -0.5)
    right.set_xlim(-0.03, 1.03)
    right.xaxis.set_major_formatter(PercentFormatter(1))
    right.set_xlabel("dead units at the end\nfilled: the run trained, cross: it did not")
    for axes in (left, right):
        axes.grid(visible=True)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle("When a network trains at all")
    return figure


def _dead(axes: "Axes", each: Starting, place: int, colour: str) -> None:
    for trained, marker, shift in ((True, "o", -0.16), (False, "x", 0.16)):
        shares = each.dead_units.loc[each.dead_units["trained"] == trained, "share"].to_numpy()
        axes.plot(shares, place + shift + 0.25 * jitter(range(len(shares))), marker, color=colour, alpha=0.7)


@styled
def ablation(pairs: Sequence[Pair], parts: Sequence[str], score: str) -> Figure:
    """Draw the difference that each missing ingredient makes on each test set; filled if it holds."""
    variants = list(dict.fromkeys(each.name for each in pairs))
    figure = Figure(figsize=(9, 1.8 + 0.5 * len(variants)))
    axes = figure.subplots()
    shift = 0.16 if len(parts) > 1 else 0.0
    for part, colour, marker, offset in zip(parts, _COLOURS, _MARKERS, (-shift, shift), strict=False):
        for index, each in enumerate([pair for pair in pairs if pair.part == part]):
            axes.errorbar(
                each.difference, variants.index(each.name) + offset, fmt=marker, color=colour, capsize=3,
                xerr=[[each.difference - each.low], [each.high - each.difference]] if each.enough else None,
                fillstyle="full" if each.holds else "none", label=names.part(part) if index == 0 else None,
            )  # fmt: skip
    axes.axvline(0, color=GRAY, linewidth=1)
    axes.set_yticks(range(len(variants)), variants)
    axes.set_ylim(len(variants) - 0.5, -0.5)
    key = "filled: significant; without interval: too few runs"
    axes.set_xlabel(f"difference of the mean {score} from {pairs[0].rival}\n{key}")
    axes.grid(visible=True)
    axes.legend(loc="best")
    figure.suptitle("What each ingredient is worth")
    return figure
