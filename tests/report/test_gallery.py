import base64
import io
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dl4ia.report.html.gallery import Kind, gallery
from dl4ia.report.html.pictures import Picture
from dl4ia.tasks import Task, task_of
from dl4ia.tasks.layers import Layers

WARWICK = task_of("warwick")
MISSED, ADDED = (6, 6), (1, 1)  # pixels


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    annotated = np.zeros((2, 8, 8), dtype=bool)
    annotated[:, 2:8, 2:8] = True
    predicted = annotated.copy()
    predicted[0][MISSED], predicted[0][ADDED] = False, True
    tissue = np.full((2, 8, 8), 200, dtype=np.uint8)
    layers = Layers(("testA_3", "testA_9"), (0.5, 1.0), tissue, annotated, predicted)
    layers.save(tmp_path / "layers-unet-seed-1-test_a.png")
    for name in ("examples-unet-seed-1-test_a", "edges-unet-seed-1-test_a", "edges-plain-seed-0-test_a"):
        Image.new("L", (4, 4)).save(tmp_path / f"{name}.png")
    return tmp_path


def pixels(picture: Picture) -> np.ndarray:
    content = base64.b64decode(picture.source.partition(",")[2])
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def kinds_of(figures: Path, task: Task = WARWICK) -> dict[str, Kind]:
    return {kind.title: kind for kind in gallery([path.name for path in sorted(figures.iterdir())], figures, task)}


def test_layers_take_the_place_of_the_drawn_examples(figures: Path) -> None:
    kinds = kinds_of(figures)
    assert list(kinds) == ["Overlay", "Stain", "Annotation", "Prediction", "Errors at edges"]
    captions = ["worst: testA_3, Dice 0.50", "best: testA_9, Dice 1.00"]
    assert all([text for text, _ in kinds[title].pictures] == captions for title in list(kinds)[:4])
    assert [text for text, _ in kinds["Errors at edges"].pictures] == [
        "Errors at edges: plain, seed 0, test A",
        "Errors at edges: unet, seed 1, test A",
    ]
    (figures / "layers-unet-seed-1-test_a.png").unlink()
    assert list(kinds_of(figures)) == ["Examples", "Errors at edges"]


def test_each_layer_has_the_pixels_that_it_is_named_after(figures: Path) -> None:
    kinds = kinds_of(figures)
    layers = {title: pixels(kinds[title].pictures[0][1]) for title in ("Stain", "Annotation", "Prediction")}
    assert (layers["Stain"] == 200).all()
    assert (layers["Annotation"][MISSED] == 255).all()
    assert (layers["Prediction"][MISSED] == 0).all()
    assert (layers["Annotation"][ADDED] == 0).all()
    assert (layers["Prediction"][ADDED] == 255).all()


def test_the_overlay_colours_errors_and_outlines_what_is_annotated(figures: Path) -> None:
    worst, best = (pixels(picture) for _, picture in kinds_of(figures)["Overlay"].pictures)
    at = {name: tuple(3 * each + 1 for each in place) for name, place in {"missed": MISSED, "added": ADDED}.items()}
    red, _, blue = worst[at["missed"]]
    assert red > blue + 50
    red, _, blue = worst[at["added"]]
    assert blue > red + 50
    assert (best[at["missed"]] == 200).all()
    assert (best[6, 6:] == 0).all()  # the upper border of the annotation, a third of a pixel thick
    assert (best[7:, 7:] == 200).all()  # beyond the image there is no border


def test_images_of_other_tasks_are_not_called_stains_or_glands(figures: Path) -> None:
    task = copy(WARWICK)
    task.signature, task.classes = replace(WARWICK.signature, channels=3), ("background", "coin")
    notes = {title: kind.note for title, kind in kinds_of(figures, task).items() if kind.small}
    assert list(notes) == ["Overlay", "Image", "Annotation", "Prediction"]
    assert notes["Image"] == "unet, seed 1, test A: the brightness of the images."
    assert notes["Annotation"] == "unet, seed 1, test A: coin, as annotated, white."
    assert not [note for note in notes.values() if "gland" in note or "stain" in note]
