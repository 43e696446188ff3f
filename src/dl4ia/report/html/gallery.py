"""Pictures of runs in the HTML report, one kind at a time: layers of examples, errors at edges, confusion matrices."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from dl4ia.report import formats, names
from dl4ia.report.html.pictures import Picture, picture, pixels
from dl4ia.tasks import Task
from dl4ia.tasks.figures import marked
from dl4ia.tasks.layers import Layers

_KINDS = {"examples": "Examples", "edges": "Errors at edges", "confusion": "Confusion matrix"}
_LAYERS = "layers"
_STAINS = 2  # channels: of such images the first is drawn, of others the brightness
_ENLARGED = 3  # times, each way: so that outlines are thin
_WHITE = 255


@dataclass(frozen=True)
class Kind:
    """Pictures of one kind with their captions.

    Those that are `small` have a few hundred pixels and stand side by side, under a note of what they show.
    """

    title: str
    pictures: Sequence[tuple[str, Picture]]
    note: str = ""
    small: bool = False


def gallery(files_of_runs: Sequence[str], figures: Path, task: Task) -> list[Kind]:
    """Return the kinds of pictures of a task in the folder `figures`; layers take the place of the drawn examples."""
    kinds = [kind for name in files_of_runs if _is(name, _LAYERS) for kind in _layers(figures / name, task)]
    for kind, title in _KINDS.items():
        of_kind = [name for name in files_of_runs if _is(name, kind)]
        if of_kind and not (kinds and kind == "examples"):
            drawn = [
                (f"{title}: {_run(name)}", picture(figures / name, f"{title} of {_run(name)}")) for name in of_kind
            ]
            kinds.append(Kind(title, drawn))
    return kinds


def _is(name: str, kind: str) -> bool:
    return name.startswith(f"{kind}-")


def _run(name: str) -> str:
    """Return `unet, seed 0, test A` for `examples-unet-seed-0-test_a.png`."""
    variant, _, rest = name.partition("-")[2].removesuffix(".png").rpartition("-seed-")
    seed, _, part = rest.partition("-")
    return f"{variant}, seed {seed}, {names.part(part)}"


def _layers(path: Path, task: Task) -> Iterator[Kind]:
    """Yield the layers of the examples of a run, each as a kind of pictures of the same images."""
    layers = Layers.load(path)
    half = len(layers.names) // 2
    captions = [
        f"{'best' if index >= half else 'worst'}: {name}, Dice {formats.number(score, 2)}"
        for index, (name, score) in enumerate(zip(layers.names, layers.scores, strict=True))
    ]
    image = ("Image", "the brightness of the images")
    if task.signature.channels == _STAINS:
        image = ("Stain", "the first channel of the network's input, darker where there is more of it")
    overlays = map(_overlay, layers.tissue, layers.annotated, layers.predicted)
    kinds: dict[str, tuple[str, Iterable[NDArray[np.uint8]]]] = {
        "Overlay": ("missed orange, added blue, the annotated outline black", overlays),
        image[0]: (image[1], layers.tissue),
        "Annotation": (f"{task.classes[1]}, as annotated, white", map(_mask, layers.annotated)),
        "Prediction": (f"{task.classes[1]}, as predicted, white", map(_mask, layers.predicted)),
    }
    for title, (note, drawn) in kinds.items():
        pictures = [pixels(values, f"{title} of {name}") for name, values in zip(layers.names, drawn, strict=True)]
        yield Kind(title, list(zip(captions, pictures, strict=True)), f"{_run(path.name)}: {note}.", small=True)


def _overlay(
    tissue: NDArray[np.uint8], annotated: NDArray[np.bool_], predicted: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return tissue in RGB, enlarged, with errors in colour and a black line around what is annotated."""
    gray, actual, claimed = (
        each.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1) for each in (tissue, annotated, predicted)
    )
    picture = marked(gray / _WHITE, actual, claimed)
    picture[actual & ~binary_erosion(actual, border_value=1)] = 0
    return np.rint(picture * _WHITE).astype(np.uint8)


def _mask(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * np.uint8(_WHITE)
