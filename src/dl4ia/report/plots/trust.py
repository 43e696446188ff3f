"""How far the confidence of a network can be trusted."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dl4ia.analysis.trust import Trust
from dl4ia.report import formats, names
from dl4ia.tasks import Task
from dl4ia.tasks.figures import BLUE, GRAY, GREEN, styled

_SETS = ((BLUE, "o"), (GREEN, "s"))  # colour and marker of the first test set and of the second


@styled
def trust(test_sets: Sequence[Trust], task: Task) -> Figure:
    """Draw accuracy over confidence, and the risk among the most confident predictions, on each test set."""
    figure = Figure(figsize=(10, 4.6))
    left, right = figure.subplots(1, 2)
    lowest = min(each.bins[["confidence", "accuracy"]].min().min() for each in test_sets)
    left.plot([lowest, 1], [lowest, 1], color=GRAY, linewidth=1, linestyle=(0, (4, 2)))
    for each, (colour, marker) in zip(test_sets, _SETS, strict=False):
        error = (
            ""
            if each.error is None
            else f", expected calibration error {formats.mean_sd(each.error.mean, each.error.sd)}"
        )
        label = f"{names.part(each.part)}{error}"
        left.plot(each.bins["confidence"], each.bins["accuracy"], marker=marker, color=colour, alpha=0.8, label=label)
        right.plot(each.risk["coverage"], each.risk["risk"], color=colour)
    left.set_xlabel("confidence")
    left.set_ylabel("accuracy of " + ("pixels" if task.signature.dense else "predictions"))
    right.set_xlabel(
        f"coverage: share of {'images' if task.signature.dense else 'predictions'} kept, the most confident"
    )
    right.set_ylabel(f"1 - {names.score(task.metric)}" if task.signature.dense else "error rate")
    right.xaxis.set_major_formatter(PercentFormatter(1))
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.grid(visible=True)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    figure.suptitle(f"{test_sets[0].name}: confidence and accuracy")
    return figure
