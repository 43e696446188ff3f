"""How far a mean score over runs and test images may be from that of other runs, and of other images.

Runs and images are crossed: every run scores every image. The variance of the mean is the sum of two, that of the means
of runs and that of the means of images, where the images of a patient count together, as these are not independent:
two-way clustering (Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011), without their third
term, so that what is random in single pairs of run and image counts twice, and the variance is too large rather than
too small. Runs and patients are few: intervals are Student's t, with the degrees of freedom of Satterthwaite (1946).
Percentiles of a bootstrap over 3 or 5 runs that differ much contain the true mean in 75 or 84 % of cases, not in 95 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dl4ia.analysis.image_scores import ImageScores, on_the_same_images
from dl4ia.analysis.intervals import Scale, t_interval

_Component = tuple[float, float]  # a variance, and its degrees of freedom
_ZERO = 1e-12  # of scores between 0 and 1: less is rounding


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of two, with its standard error and the degrees of freedom of that."""

    mean: float
    error: float
    freedom: float

    def interval(self, scale: Scale) -> tuple[float, float]:
        """Return the 95 % interval, within what is possible on the scale."""
        return t_interval(self.mean, self.error, self.freedom, scale)

    @property
    def p(self) -> float:
        """The two-sided p value of the mean being 0."""
        from scipy.stats import t  # noqa: PLC0415 (a second to import)

        if self.error < _ZERO:
            return float(abs(self.mean) < _ZERO)
        return float(2 * t.sf(abs(self.mean) / self.error, self.freedom))


def mean_score(scores: ImageScores) -> Estimate:
    """Return the mean score over runs and images."""
    return _estimate([_of_mean(_seed_means(scores))], _images(scores.means, scores, rest=1.0))


def mean_difference(ours: ImageScores, theirs: ImageScores, *, same_runs: bool = False) -> Estimate:
    """Return the difference of two means on the same images: what makes an image hard for both cancels.

    Runs are independent, whatever their seeds, unless they are the `same_runs`, evaluated otherwise: then those that
    both have are compared one by one.
    """
    ours, theirs = on_the_same_images(ours, theirs)
    seeds = ours.listed.columns.intersection(theirs.listed.columns)
    if same_runs and len(seeds):
        ours, theirs = ours.of(seeds), theirs.of(seeds)
        runs = [_of_mean(_seed_means(ours) - _seed_means(theirs))]
    else:
        runs = [_of_mean(_seed_means(each)) for each in (ours, theirs)]
    return _estimate(runs, _images(ours.means - theirs.means, ours, rest=0.0))


def _estimate(runs: Sequence[_Component], images: tuple[float, _Component]) -> Estimate:
    mean, of_images = images
    components = [(variance, freedom) for variance, freedom in (*runs, of_images) if freedom > 0 and variance > 0]
    total = sum(variance for variance, _ in components)
    freedom = total**2 / sum(variance**2 / freedom for variance, freedom in components) if components else 1.0
    return Estimate(mean, float(np.sqrt(total)), float(freedom))


def _seed_means(scores: ImageScores) -> NDArray[np.float64]:
    return np.asarray((scores.listed.sum().to_numpy(dtype=float) + scores.unlisted) / scores.count)


def _of_mean(values: NDArray[np.float64]) -> _Component:
    """Return the variance of the mean of independent values; of a single one it is not known, and counts as none."""
    count = len(values)
    return (float(values.var(ddof=1) / count), count - 1) if count > 1 else (0.0, 0)


def _images(means: pd.Series, scores: ImageScores, *, rest: float) -> tuple[float, _Component]:
    """Return the mean over all images, those that are not listed at `rest`, and its variance over patients or images.

    The variance is that of the jackknife, which leaves out one patient (or image) at a time. Where patients have
    different numbers n of images, fewer of them decide: (sum n)^2 / sum n^2 are the effective number of clusters
    (Carter, Schnepel and Steigerwald, "Asymptotic behavior of a t-test robust to cluster heterogeneity", 2017).
    """
    total = float((means.sum() + scores.unlisted * rest) / scores.count)
    sizes, sums = np.ones(len(means)), means.to_numpy(dtype=float)
    if scores.patients is not None:
        of_patients = means.groupby(scores.patients.loc[means.index].to_numpy())
        sizes, sums = of_patients.size().to_numpy(dtype=float), of_patients.sum().to_numpy(dtype=float)
    units = len(sizes) + scores.unlisted
    if units < 2:  # noqa: PLR2004
        return total, (0.0, 0)
    squares = float((((sums - sizes * total) / (scores.count - sizes)) ** 2).sum())
    squares += scores.unlisted * ((rest - total) / (scores.count - 1)) ** 2
    effective = scores.count**2 / (float((sizes**2).sum()) + scores.unlisted)
    return total, (squares * (units - 1) / units, effective - 1)
