import hashlib
import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dl4ia.tasks import figures
from dl4ia.tasks.figures import FALSE_POSITIVE, MISSED, confusion, edges, mistakes, overlay, save, segmentations

DIGITS = tuple(map(str, range(10)))
_DRAW = """
import runpy, sys
from pathlib import Path
import numpy as np
figures = runpy.run_path(sys.argv[1])  # alone: its package imports torch
figures["save"](figures["segmentations"](dict(np.load(sys.argv[2])), "a title"), Path(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def masks() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = np.zeros((4, 16, 16), dtype=np.uint8)
    targets[:3, 4:12, 4:12] = 1  # the last image has no gland
    predictions = targets.astype(np.int64)
    predictions[:2, 4:6] = 0
    return {
        "names": np.array(["testA_1", "testA_2", "testA_3", "testA_4"]),
        "images": rng.normal(size=(4, 2, 16, 16)).astype(np.float32),
        "targets": targets,
        "predictions": predictions,
        "score": np.array([0.5, 0.6, 1.0, 1.0]),
    }


def digits(count: int) -> dict[str, np.ndarray]:
    return {
        "names": np.array([f"test_{index}" for index in range(count)]),
        "images": np.full((count, 1, 28, 28), 7, dtype=np.uint8),
        "targets": np.arange(count, dtype=np.uint8) % 10,
        "predictions": (np.arange(count) + 3) % 10,
        "score": np.linspace(0.99999, 0.6, count),
    }


def texts(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(mpl.text.Text))


def pairs(matrix: list[list[int]], classes: list[object]) -> pd.DataFrame:
    rows = [(actual, predicted) for actual in classes for predicted in classes]
    return pd.DataFrame(rows, columns=["actual", "predicted"]).assign(count=np.ravel(matrix))


def test_a_confusion_matrix_of_few_classes_shows_counts_and_shares_of_the_actual_class() -> None:
    figure = confusion(
        pairs([[395665, 101679], [55615, 430081]], ["background", "gland"]), ("background", "gland"), "seed 0, test A"
    )
    assert "395,665\n79.6%" in texts(figure)
    assert "55,615\n11.5%" in texts(figure)
    assert "seed 0, test A" in texts(figure)
    assert "share of the actual class" in texts(figure)


def test_a_confusion_matrix_is_the_same_of_class_names_and_of_numbers_read_from_a_file(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).integers(0, 2000, (10, 10)).tolist()
    save(confusion(pairs(matrix, list(DIGITS)), DIGITS, "x"), tmp_path / "names.png")
    save(confusion(pairs(matrix, list(range(10))), DIGITS, "x"), tmp_path / "numbers.png")
    assert (tmp_path / "names.png").read_bytes() == (tmp_path / "numbers.png").read_bytes()


def test_a_class_that_never_occurs_has_an_empty_row_in_the_confusion_matrix() -> None:
    counts = pairs([[3, 1], [0, 4]], ["0", "1"])
    figure = confusion(counts, ("0", "1", "2"), "x")
    assert texts(figure).count("0\n0.0%") == 6


def test_each_mistake_names_its_image_its_classes_and_the_confidence() -> None:
    labels = texts(mistakes(digits(16), DIGITS, "mnist-cnn, seed 2, test set"))
    assert "mnist-cnn, seed 2, test set: most confident mistakes" in labels
    assert "actual 0\npredicted 3\n> 99.9 %" in labels
    assert "actual 5\npredicted 8\n60.0 %" in labels
    assert "test_15" in labels


def test_a_network_without_mistakes_has_a_picture_that_says_so(tmp_path: Path) -> None:
    figure = mistakes(digits(0), DIGITS, "x")
    save(figure, tmp_path / "none.png")
    assert "x: no mistake" in texts(figure)


def test_only_errors_near_an_edge_are_coloured(masks: dict[str, np.ndarray]) -> None:
    near = np.zeros((4, 16, 16), dtype=bool)
    near[:, 4, :] = True  # of the two rows that are missed, one
    figure = edges(masks | {"near": near}, 3, "warwick-start, seed 1, test A")
    assert "warwick-start, seed 1, test A: errors within 3 pixels of annotated edges, and Dice there" in texts(figure)
    assert "testA_1, Dice 0.50" in texts(figure)
    coloured = [np.ptp(axes.images[0].get_array(), axis=2) > 0.05 for axes in figure.axes]
    assert [picture.any(axis=1).nonzero()[0].tolist() for picture in coloured] == [[4], [4], [], []]


def test_segmentations_name_the_row_of_the_worst_and_of_the_best(masks: dict[str, np.ndarray]) -> None:
    figure = segmentations(masks, "warwick-start, seed 1, test A")
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["worst", "", "best", ""]
    assert "testA_1, Dice 0.50" in texts(figure)
    assert "warwick-start, seed 1, test A: worst and best segmentations (16×16 pixels" in texts(figure)


def test_an_annotated_mask_is_outlined_and_an_empty_one_is_not(masks: dict[str, np.ndarray]) -> None:
    figure = segmentations(masks, "x")
    outlines = [len(axes.collections) for axes in figure.axes]
    assert outlines == [2, 2, 2, 0]


def test_tissue_is_coloured_exactly_where_annotation_and_prediction_differ() -> None:
    annotated = np.array([[1, 1, 0, 0]])
    predicted = np.array([[1, 0, 1, 0]])
    picture = overlay(np.array([[0.1, 0.2, 0.3, 0.4]]), annotated, predicted)
    saturated = picture.max(axis=2) - picture.min(axis=2) > 0.3
    np.testing.assert_array_equal(saturated, [[False, True, True, False]])


# Machado et al. (2009), severity 1, in linear RGB.
@pytest.mark.parametrize(
    "blindness",
    [
        pytest.param(
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
            id="protanopia",
        ),
        pytest.param(
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
            id="deuteranopia",
        ),
    ],
)
def test_colours_of_errors_are_no_grey_for_colour_blind_readers(blindness: list[list[float]]) -> None:
    for gray in (0.2, 0.5, 0.9):
        for annotated, colour in ((1, MISSED), (0, FALSE_POSITIVE)):
            ((pixel, *_),) = overlay(
                np.array([[-gray, 0.0, -1.0]]), np.full((1, 3), annotated), np.full((1, 3), 1 - annotated)
            )
            seen = np.array(blindness) @ pixel**2.2
            seen = np.clip(seen, 0, 1) ** (1 / 2.2)
            assert seen.max() - seen.min() > 0.25, (gray, colour)


@pytest.mark.slow
def test_pictures_are_the_same_whatever_the_user_has_set(tmp_path: Path, masks: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "examples.npz", **masks)
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 30\nimage.cmap: jet\nsavefig.dpi: 20\nfigure.facecolor: black\n")
    save(segmentations(masks, "a title"), tmp_path / "here.png")
    environment = os.environ | {"MPLBACKEND": "module://not_installed", "MATPLOTLIBRC": str(settings)}
    command = [sys.executable, "-c", _DRAW, figures.__file__, tmp_path / "examples.npz", tmp_path / "there.png"]
    subprocess.run(command, check=True, env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)})
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("here.png", "there.png")}
    assert len(digests) == 1
