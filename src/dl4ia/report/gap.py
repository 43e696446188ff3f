"""Why a report's validation score may lie far above its test score: the same gap, measured."""

from dataclasses import dataclass

import pandas as pd

from dl4ia.runs import Layout


@dataclass(frozen=True)
class Measured:
    """A variant's runs that learned: validation and test Dice, and by how much the images themselves vary."""

    name: str
    runs: pd.DataFrame
    images: pd.DataFrame

    @property
    def gap(self) -> pd.Series:
        """Validation minus test A, a run."""
        return self.runs["validation_dice"] - self.runs["test_a_dice"]

    def sampling_error(self, partition: str) -> tuple[float, int]:
        """Return the standard error of a mean over the images of a set, and how many there are."""
        dice = self.images[self.images["partition"] == partition].groupby("name")["dice"].mean()
        return float(dice.std() / len(dice) ** 0.5), len(dice)


def measured(name: str, runs: pd.DataFrame, layout: Layout) -> Measured:
    """Read what was evaluated of the runs of a variant that learned."""
    mine = runs[(runs["variant"] == name) & runs["learned"].eq(other=True)]
    folders = [layout.evaluation(name) / "runs" / f"seed-{seed}" for seed in mine["seed"]]
    images = [pd.read_csv(folder / "images.csv") for folder in folders]
    return Measured(name, mine, pd.concat(images) if images else pd.DataFrame())


def gap_sentences(reported: dict[str, float], here: Measured, fit: str) -> list[str]:
    """Say what the reported gap between validation and test may come of, as far as `here` tells."""
    stated = reported["validation_dice"] - reported["test_a_dice"]
    if here.runs.empty:
        return [f"Reported: {stated:+.3f}, one run. Here no run of `{here.name}` learned."]
    (on_validation, validated), (on_test, tested) = here.sampling_error("validation"), here.sampling_error("test_a")
    together = (on_validation**2 + on_test**2) ** 0.5
    on_a = here.runs["test_a_dice"]
    gaps = ", ".join(f"{gap:+.3f}" for gap in here.gap)
    told = {
        "Reported": f"validation {reported['validation_dice']:.3f}, test A {reported['test_a_dice']:.3f}, a gap of "
        f"{stated:.3f}, from one run.",
        "Spread over seeds": f"here the gap of `{here.name}` on a random split is {here.gap.mean():+.3f} "
        f"({len(here.gap)} runs that learned: {gaps}); test A alone varies by {on_a.std():.3f} (sd).",
        "Few images": f"Dice varies from image to image, so that a mean over the {validated} validation images has a "
        f"standard error of {on_validation:.3f}, over the {tested} of test A {on_test:.3f}; of their difference "
        f"{together:.3f}. The reported gap is {stated / together:.1f} of these.",
        "Training curve": fit,
    }
    return [f"**{cause}**: {measure}" for cause, measure in told.items()]
