"""Networks as they are served: image files in, predictions out, by the code of `dl4ia predict`.

A logged model names this module, and MLflow calls `_load_pyfunc` of it: both names stay as they are.
"""

import base64
import binascii
import math
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dl4ia.base.errors import DataError, UserError
from dl4ia.data.pictures import read_picture
from dl4ia.runs.saved_model import SavedModel
from dl4ia.tasks import Task
from dl4ia.tasks.predictor import Predictor, Probabilities, predictor_of

IMAGE, SCALE, MASK = "image", "microns_per_pixel", "mask"
_TIFF = (b"II", b"MM")  # how these files begin


@dataclass(frozen=True)
class ServedModel:
    """A network that takes a table of image files, as MLflow calls it."""

    task: Task
    probabilities: Probabilities

    def predict(self, requests: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Return a row for each row of `requests`: what `dl4ia predict` has in its table, and a mask where it has one.

        The column `image` holds BMP, JPEG, PNG or TIFF files in base64; `microns_per_pixel`, where images have a scale,
        a number or nothing. The column `mask` is a PNG file in base64, as large as the image. Raises MlflowException,
        which says what is wrong with which row.
        """
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 (seconds to import)

        rows = []
        for number, request in enumerate(requests.to_dict("records")):
            try:
                rows.append(self._row(request))
            except UserError as error:
                raise MlflowException.invalid_parameter_value(f"row {number}: {error}") from error
        return pd.DataFrame(rows)

    def _row(self, request: dict[str, Any]) -> dict[str, str | int | float]:
        predictor = _predictor(self.task, request.get(SCALE))
        prediction = predictor.predict(_picture(request[IMAGE]), self.probabilities)
        masks = {name: _encoded(pixels) for name, pixels in prediction.pictures.items() if name == MASK}
        return prediction.row | masks


def _load_pyfunc(folder: str) -> ServedModel:
    """Return the model in a folder that `saved_model.save_model` has written; MLflow calls this."""
    model = SavedModel.load(Path(folder))
    return ServedModel(model.task, model.probabilities)


def has_scale(task: Task) -> bool:
    """Return whether images of a task have a number of microns per pixel."""
    try:
        predictor_of(task, 1.0)
    except UserError:
        return False
    return True


def takes_pictures(task: Task) -> bool:
    """Return whether it is known how a picture becomes an image of the task."""
    try:
        predictor_of(task)
    except UserError:
        return False
    return True


def example(task: Task) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a request, and an answer as a network without knowledge gives it: what their columns hold."""
    ring = Image.new("RGB", (64, 64), (240, 200, 220))
    ImageDraw.Draw(ring).ellipse((12, 8, 52, 56), outline=(90, 40, 130), width=8)
    request = pd.DataFrame({IMAGE: [_encoded(np.asarray(ring))]} | ({SCALE: [1.0]} if has_scale(task) else {}))

    def equal(images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
        classes, sides = len(task.classes), images.shape[2:] if task.signature.dense else ()
        return np.full((len(images), classes, *sides), 1 / classes, dtype=np.float32)

    return request, ServedModel(task, equal).predict(request)


def _predictor(task: Task, microns_per_pixel: float | None) -> Predictor:
    if microns_per_pixel is None or math.isnan(microns_per_pixel):
        return predictor_of(task)
    if not 0 < microns_per_pixel < math.inf:
        raise DataError(f"{SCALE}: got {microns_per_pixel:g}, expected a number above 0")
    return predictor_of(task, microns_per_pixel)


def _picture(text: object) -> NDArray[np.uint8]:
    """Return the picture (h, w, 3) that is a file in base64."""
    try:
        content = base64.b64decode("".join(str(text).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"{IMAGE}: expected a BMP, JPEG, PNG or TIFF file in base64, got other text") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("image.tif" if content.startswith(_TIFF) else "image.png")
        path.write_bytes(content)
        try:
            return read_picture(path)
        except DataError as error:
            raise DataError(str(error).replace(str(path), IMAGE)) from error


def _encoded(pixels: NDArray[np.uint8]) -> str:
    """Return a picture (h, w) or (h, w, 3) as a PNG file in base64."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()
