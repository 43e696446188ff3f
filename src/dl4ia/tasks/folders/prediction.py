"""Networks of datasets of one's own, applied to pictures: brought to the size of the network as a whole, as at import.

So a picture has to show about as much as those that were trained on; one that shows more is cut into parts before.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from skimage.measure import label

from dl4ia.tasks.folders.pixels import as_image
from dl4ia.tasks.gland_prediction import outlined
from dl4ia.tasks.predictor import Picture, Prediction, Predictor, Probabilities

if TYPE_CHECKING:
    from dl4ia.tasks.folders.task import ClassTask, MaskTask


@dataclass(frozen=True)
class ClassPredictor(Predictor):
    """Names the class of a picture."""

    task: "ClassTask"

    def predict(self, picture: Picture, probabilities: Probabilities) -> Prediction:
        """Return the most probable class and its probability."""
        (each,) = probabilities(as_image(picture, self.task.dataset.channels, self.task.dataset.size)[None])
        best = int(each.argmax())
        return Prediction({"class": self.task.classes[best], "probability": round(float(each[best]), 4)}, {})


@dataclass(frozen=True)
class MaskPredictor(Predictor):
    """Finds the foreground of a picture."""

    task: "MaskTask"

    def predict(self, picture: Picture, probabilities: Probabilities) -> Prediction:
        """Return mask, probability (0 to 255) and outlines, the number of regions and their share of the area."""
        ((_, foreground),) = probabilities(as_image(picture, self.task.dataset.channels, self.task.dataset.size)[None])
        height, width = picture.shape[:2]
        enlarged = np.asarray(Image.fromarray(foreground).resize((width, height), Image.Resampling.BILINEAR))
        mask = enlarged > 1 / 2
        return Prediction(
            row={"regions": int(label(mask).max()), "area_share": round(float(mask.mean()), 4)},
            pictures={
                "mask": mask.astype(np.uint8) * 255,
                "probability": (enlarged * 255).round().astype(np.uint8),
                "overlay": outlined(picture, mask),
            },
        )
