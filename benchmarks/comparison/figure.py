"""The figure of `results/benchmark.csv` for the README: `python -m benchmarks.comparison.figure`."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.comparison.contenders import CONTENDERS, FLOOR, OURS
from benchmarks.comparison.rows import RESULT
from dl4ia.tasks.figures import BLUE, GRAY, GREEN, save, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATH = Path("docs/benchmark.png")
_ROOM = 0.6, 4.0  # times the shortest bar, and the longest with its label


@styled
def draw(table: pd.DataFrame) -> Figure:
    """Draw what an iteration takes in each way to train, a panel a task, the fastest on top; labels are ratios."""
    rows = table[table["what"].str.startswith("training")].assign(iterations=_iterations(table["what"]))
    rows = rows.dropna(subset="ratio_to_ours")
    tasks = list(rows["task"].unique())
    heights = [(rows["task"] == task).sum() for task in tasks]
    figure = Figure(figsize=(9, 1.2 + 0.27 * sum(heights) + 0.45 * len(tasks)))
    panels = figure.subplots(len(tasks), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for axes, task in zip(panels, tasks, strict=True):
        _panel(axes, rows[rows["task"] == task].sort_values("median_seconds"))
        axes.set_title(task, loc="left", fontweight="bold")
    milliseconds = 1e3 * rows["median_seconds"] / rows["iterations"]
    panels[-1].set_xlim(_ROOM[0] * milliseconds.min(), _ROOM[1] * milliseconds.max())
    panels[-1].set_xlabel("milliseconds per iteration (log scale); labels: ratio to this project")
    figure.suptitle("The same training by other means")
    caption = f"Medians of n = {rows['repeats'].min()} (whiskers: all values), on {table['machine'].iloc[0]}."
    ratios = "Ratios are medians of those of single rounds, so that their order may differ from that of the bars."
    loop = "Of the report's loop a part is timed, and scaled."
    figure.supxlabel(f"{caption}\n{ratios}\n{loop}", fontsize=8.5, color="#555555")
    return figure


def _iterations(what: pd.Series) -> pd.Series:
    return what.str.extract(r"(\d+) iterations", expand=False).astype("float")


def _panel(axes: "Axes", rows: pd.DataFrame) -> None:
    places = range(len(rows))
    low, middle, high = (1e3 * rows[name] / rows["iterations"] for name in ("low", "median_seconds", "high"))
    axes.barh(places, middle, color=[_colour(name) for name in rows["contender"]], height=0.75)
    axes.errorbar(middle, places, xerr=[middle - low, high - middle], fmt="none", ecolor="black", elinewidth=1)
    for place, end, ratio in zip(places, high, rows["ratio_to_ours"], strict=True):
        axes.text(1.06 * end, place, f"{ratio:.3g}×", va="center")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(places, list(rows["contender"]))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=True, axis="x")


def _colour(contender: str) -> str:
    if contender == CONTENDERS[OURS].title:
        return BLUE
    own = (CONTENDERS[FLOOR].title, "its operations at")
    return GREEN if contender.startswith(own) else GRAY


def main() -> None:
    """Draw it from the committed table."""
    save(draw(pd.read_csv(RESULT)), PATH)


if __name__ == "__main__":
    main()
