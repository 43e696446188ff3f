"""From maps of probabilities to single glands at the resolution of the published images."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt
from skimage.measure import label
from skimage.morphology import h_maxima
from skimage.segmentation import watershed
from skimage.transform import resize

from dl4ia.data.imageset import OUTSIDE
from dl4ia.metrics.objects import match_objects

SMALLEST = 400  # pixels of the published image: fewer than 1 % of the 769 annotated training glands are smaller


def matched_objects(
    probabilities: NDArray[np.float32], annotated: NDArray[np.uint8], separation: float
) -> pd.DataFrame:
    """Return all objects of some images beside their counterparts; see `metrics.objects.match_objects`.

    `probabilities` of the foreground are (n, h, w); `annotated` is as in `ImageSet.objects`, and `separation` as for
    `objects_of`.
    """
    images = zip(probabilities, annotated, strict=True)
    return pd.concat(_matched(*image, separation) for image in images)


def _matched(probabilities: NDArray[np.float32], annotated: NDArray[np.uint8], separation: float) -> pd.DataFrame:
    inside = annotated != OUTSIDE
    height, width = int(inside.any(axis=1).sum()), int(inside.any(axis=0).sum())
    return match_objects(objects_of(probabilities, height, width, separation), annotated[:height, :width])


def objects_of(probabilities: NDArray[np.float32], height: int, width: int, separation: float) -> NDArray[np.int32]:
    """Return the objects (height, width) in the foreground: 0 is the background, each other number an object.

    `probabilities` of the foreground are enlarged bilinearly and cut at 1/2. Holes are filled, objects of less than
    SMALLEST pixels dropped, and touching objects separated by a watershed of the distance to the background, where a
    waist between them is `separation` pixels narrower than both.
    """
    enlarged = resize(probabilities, (height, width), order=1, anti_aliasing=False)
    foreground = binary_fill_holes(enlarged > 1 / 2)
    distance = distance_transform_edt(foreground)
    markers = label(h_maxima(distance, separation))
    regions = label(foreground)
    narrow = foreground & ~np.isin(regions, regions[markers > 0])  # nowhere as deep as `separation`: an object each
    markers[narrow] = markers.max() + regions[narrow]
    objects = watershed(-distance, markers, mask=foreground)
    areas = np.bincount(objects.ravel())
    return np.asarray(np.where(areas[objects] < SMALLEST, 0, objects), dtype=np.int32)
