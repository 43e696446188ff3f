"""Networks as ONNX files, for programs without PyTorch: `dl4ia export`."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dl4ia.base import atomic_files
from dl4ia.base.errors import UnavailableError, UserError
from dl4ia.prediction import load_model
from dl4ia.runs.experiment import Standardizer
from dl4ia.runs.predictions import views
from dl4ia.runs.provenance import git_commit
from dl4ia.runs.saved_model import SavedModel
from dl4ia.tasks import Task

if TYPE_CHECKING:
    from onnx import ModelProto

_STAINS = (
    "densities of haematoxylin and eosin (skimage.color.rgb2hed) of 775x522 pixels of 0.62 microns, resized to 128x128"
)
_INPUTS = {"mnist": "grey values from 0 (paper) to 255 (ink)", "warwick": _STAINS}  # a channel, by task
OPSET = 18  # of ONNX operators: the oldest that PyTorch's exporter writes, for the sake of older runtimes
_SMALLEST_STD = 1e-6  # as in `runs.experiment`: an image of a single colour stays finite
_TOLERANCE = 1e-4  # of probabilities; what runtimes differ by is a hundredth of it


class Standardization(nn.Module):
    """What `Standardizer` does, as a layer."""

    mean: Tensor | None
    std: Tensor | None

    def __init__(self, standardizer: Standardizer) -> None:
        super().__init__()
        for name, values in (("mean", standardizer.mean), ("std", standardizer.std)):
            self.register_buffer(name, None if values is None else torch.tensor(values).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return standardised images (n, channels, h, w)."""
        mean, std = self.mean, self.std
        if mean is None or std is None:  # each image by itself
            std, mean = torch.std_mean(images, dim=(2, 3), keepdim=True)
            std = std.clamp(min=_SMALLEST_STD)
        return (images - mean) / std


class Probabilities(nn.Module):
    """What `SavedModel.probabilities` does, as one module: raw images in, probabilities out."""

    def __init__(self, model: SavedModel) -> None:
        super().__init__()
        self.standardization, self.network = Standardization(model.standardizer), model.network
        self.views = views(model.test_time)

    def forward(self, images: Tensor) -> Tensor:
        """Return the probabilities (n, classes, ...) of raw images (n, channels, h, w)."""
        batch = self.standardization(images)
        # All copies at once, for the file has the network once.
        copies = torch.cat([forth(batch) for forth, _ in self.views])
        logits = self.network(copies).unflatten(0, (len(self.views), -1))
        each = [back(one).softmax(dim=1) for (_, back), one in zip(self.views, logits, strict=True)]
        return torch.stack(each).mean(dim=0)


def export(name: str, out: Path) -> Path:
    """Write a network to an ONNX file, as `dl4ia predict` applies it; return the path of the file.

    `name` is as `prediction.load_model` takes it. The file takes `images`, float32 (n, channels, height, width) with
    any n, raw, and gives `probabilities`, float32 (n, classes, ...): standardisation and the mean over transformed
    copies are part of it. Raises UserError, and writes nothing, if onnxruntime computes something else from it than
    PyTorch does. Raises ModuleNotFoundError without the extra `export`.
    """
    for package in ("onnx", "onnxruntime", "onnxscript"):
        import_module(package)  # before anything takes long
    model = load_model(name)
    proto = _converted(model)
    _describe(proto, model)
    content = proto.SerializeToString()
    _check(content, model)
    atomic_files.write(out, content)
    return out


def _converted(model: SavedModel) -> "ModelProto":
    signature = model.task.signature
    example = torch.rand(2, signature.channels, signature.height, signature.width)
    with _quiet():
        try:
            program = torch.onnx.export(
                Probabilities(model).eval(),
                (example,),
                input_names=["images"],
                output_names=["probabilities"],
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("n")},),
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0][:200]
            raise UserError(f"{model.name}: its network cannot be written as ONNX: {reason}") from error
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what PyTorch's exporter notes of its own workings from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _describe(proto: "ModelProto", model: SavedModel) -> None:
    """Write into the file what it is and what it takes."""
    from onnx.helper import set_model_props  # noqa: PLC0415

    task = model.task
    proto.producer_name, proto.doc_string = "dl4ia", f"{model.name}, trained on {task.title}"
    set_model_props(
        proto,
        {
            "task": task.name,
            "model": model.name,
            "classes": json.dumps(task.classes),
            "input": _input(task),
            "test_time": model.test_time,
            "git_commit": git_commit(),
        },
    )


def _input(task: Task) -> str:
    signature = task.signature
    shape = f"images (n, {signature.channels}, {signature.height}, {signature.width}), float32, not standardised"
    return f"{shape}: {_INPUTS.get(task.name, f'as in out/dataset/{task.name}-train.npz')}"


def _check(content: bytes, model: SavedModel) -> None:
    """Raise UserError if onnxruntime computes other probabilities than PyTorch."""
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]  # noqa: PLC0415

    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    for images in _examples(model.task):
        (computed,) = session.run(["probabilities"], {"images": images})
        expected = model.probabilities(images)
        difference = float(np.abs(computed - expected).max()) if computed.shape == expected.shape else float("inf")
        if not difference <= _TOLERANCE:  # nor is it NaN
            raise UserError(
                f"{model.name}: onnxruntime gives probabilities that differ from PyTorch's by {difference:.2g}, "
                f"expected at most {_TOLERANCE:g}: nothing is written; use the network with PyTorch"
            )


def _examples(task: Task) -> Iterator[NDArray[np.float32]]:
    """Yield batches of different sizes: random images, and those of the task's stand-in, if it has one."""
    signature, random = task.signature, np.random.default_rng(0)
    for count in (1, 3):
        shape = count, signature.channels, signature.height, signature.width
        yield random.uniform(0, 255, shape).astype(np.float32)
    with suppress(UnavailableError):
        yield task.stand_in(task.test_sets[-1:]).images[:5].astype(np.float32)
