from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dl4ia.tasks.layers import Layers


@pytest.fixture
def examples() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "names": np.array(["testA_1", "testA_2"]),
        "images": rng.normal(size=(2, 2, 8, 6)).astype(np.float32),
        "targets": rng.integers(0, 2, (2, 8, 6)).astype(np.uint8),
        "predictions": rng.integers(0, 2, (2, 8, 6)),
        "score": np.array([0.25, 0.75]),
    }


def test_layers_come_back_from_their_file_as_they_were(examples: dict[str, np.ndarray], tmp_path: Path) -> None:
    layers = Layers.of(examples)
    layers.save(tmp_path / "layers.png")
    read = Layers.load(tmp_path / "layers.png")
    assert (read.names, read.scores) == (("testA_1", "testA_2"), (0.25, 0.75))
    np.testing.assert_array_equal(read.annotated, examples["targets"] == 1)
    np.testing.assert_array_equal(read.predicted, examples["predictions"] == 1)
    np.testing.assert_array_equal(read.tissue, layers.tissue)


def test_more_of_the_stain_is_darker(examples: dict[str, np.ndarray]) -> None:
    for tissue, image in zip(Layers.of(examples).tissue, examples["images"], strict=True):
        assert (tissue.min(), tissue.max()) == (0, 255)
        assert tissue.flat[image[0].argmax()] == 0
        assert tissue.flat[image[0].argmin()] == 255


def test_a_file_of_layers_is_a_sheet_to_look_at(examples: dict[str, np.ndarray], tmp_path: Path) -> None:
    layers = Layers.of(examples)
    for name in ("once", "again"):
        layers.save(tmp_path / f"{name}.png")
    assert (tmp_path / "once.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    with Image.open(tmp_path / "once.png") as sheet:
        assert sheet.mode == "L"
        pixels = np.asarray(sheet)
    assert pixels.shape == (3 * 8, 2 * 6)
    np.testing.assert_array_equal(pixels[8:16, 6:] == 255, examples["targets"][1] == 1)
