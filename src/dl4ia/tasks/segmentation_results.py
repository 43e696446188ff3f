"""The evaluation of predicted masks."""

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

from dl4ia.data.imageset import ImageSet
from dl4ia.metrics import segmentation as metrics
from dl4ia.metrics.boundary import WIDTH, boundary_dice, near_edge
from dl4ia.metrics.calibration import calibration, calibration_error
from dl4ia.metrics.objects import object_scores
from dl4ia.tasks.evaluator import Evaluator, Examples, Measured
from dl4ia.tasks.figures import edges, segmentations
from dl4ia.tasks.gland_objects import matched_objects
from dl4ia.tasks.layers import Layers

_EXTREMES = 4  # worst and best segmentations in a picture, each
_EDGES = 4  # images in a picture of edges
_DIGITS = 5  # of per-image metrics kept in git; one pixel of 128x128 is 6e-5
_OF_IMAGES = {"dice": metrics.dice, "iou": metrics.iou, "pixel_accuracy": metrics.pixel_accuracy,
              "precision": metrics.precision, "recall": metrics.recall}  # fmt: skip


class SegmentationEvaluator(Evaluator):
    """Dice of the foreground class, and the worst and best segmentations."""

    def measure(self, images: ImageSet, log_probabilities: Tensor, *, separation: float | None = None) -> Measured:
        """Return metrics as means over images and over all pixels (`_pooled`), and those of each image."""
        masks, predicted = torch.from_numpy(images.targets).long(), log_probabilities.max(dim=1).indices
        counts = metrics.count(predicted, masks)
        pooled = metrics.pooled(counts)
        each = {name: measure(counts).double() for name, measure in _OF_IMAGES.items()}
        each["boundary_dice"] = boundary_dice(predicted, masks).double()
        bins = calibration(log_probabilities, masks)
        measured = {"loss": float(functional.nll_loss(log_probabilities, masks))}
        measured |= {name: float(values.mean()) for name, values in each.items()}
        measured |= {f"{name}_pooled": float(measure(pooled)) for name, measure in _OF_IMAGES.items()}
        measured["calibration_error"] = calibration_error(bins)
        each["confidence"] = log_probabilities.amax(dim=1).exp().mean(dim=(1, 2)).double()
        columns = {"name": images.names, "patient": images.groups, "grade": images.strata}
        columns |= {name: values.numpy() for name, values in each.items()}
        if separation is not None and images.objects is not None:
            probabilities = log_probabilities[:, 1].exp().numpy()
            measured |= object_scores(matched_objects(probabilities, images.objects, separation))
        return Measured(measured, pd.DataFrame(columns), bins)

    def kept(self, images: pd.DataFrame, *, test: bool) -> pd.DataFrame:  # noqa: ARG002 (all parts are small)
        """Return the scores of all images."""
        return images.round(_DIGITS)

    def scores(self, images: pd.DataFrame) -> pd.Series:
        """Return the Dice coefficients."""
        return images["dice"]

    def chosen(self, table: pd.DataFrame) -> tuple[np.ndarray, str]:
        """Return the worst and the best segmentations, by Dice."""
        order = table.sort_values("dice", kind="stable").index.to_numpy()
        return np.concatenate([order[:_EXTREMES], order[-_EXTREMES:]]), "dice"

    def pictures(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame, title: str) -> dict[str, Figure]:
        """Return examples, and the edges of the images that have most: the same images for every network."""
        near = np.stack([near_edge(torch.from_numpy(mask)).numpy() for mask in images.targets])
        has_edge = [0 < mask.mean() < 1 for mask in images.targets > 0]  # or all of it counts as near
        indices = np.argsort(-near.sum(axis=(1, 2)) * has_edge, kind="stable")[:_EDGES]
        examples = {
            "names": images.names[indices],
            "images": images.images[indices],
            "targets": images.targets[indices],
            "predictions": predicted[indices],
            "near": near[indices],
            "score": table["boundary_dice"].to_numpy()[indices],
        }
        return super().pictures(images, predicted, table, title) | {"edges": edges(examples, WIDTH, title)}

    def layers(self, images: ImageSet, predicted: np.ndarray, table: pd.DataFrame) -> Layers:
        """Return the first channel, annotations and predictions of the examples."""
        return Layers.of(self.examples(images, predicted, table))

    def draw_examples(self, examples: Examples, title: str) -> Figure:
        """Draw predictions and masks over the first channel."""
        return segmentations(examples, title)
