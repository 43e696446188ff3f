"""What trained networks predict: one run, with transformed copies of the images, or an ensemble of runs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dl4ia.config.variants import TestTime
from dl4ia.data.imageset import ImageSet
from dl4ia.models.activity import dead_share, watched_units
from dl4ia.runs.experiment import Standardizer, device_for, network_of
from dl4ia.runs.schemas import damaged
from dl4ia.runs.train import Experiment
from dl4ia.training.loop import predict

View = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]  # of images (n, c, h, w), and back


def trained(experiment: Experiment) -> tuple[nn.Module, Standardizer]:
    """Return the network of a finished run, and how its images are standardised; raises RunError if they do not fit."""
    network, run = network_of(experiment.variant), experiment.run
    try:
        network.load_state_dict(run.weights())
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        misfit = f"it does not fit the network of params.yaml ({reason})"
        raise damaged(run.path / "model.safetensors", misfit, run.path.parent) from error
    by_training_set = run.config().standardization
    if by_training_set is None:
        return network, Standardizer()
    return network, Standardizer(tuple(by_training_set.mean), tuple(by_training_set.std))


@dataclass(frozen=True)
class Predictions:
    """What a finished run predicts: logarithms of probabilities (n, classes, ...), averaged over transformed copies.

    `dead_units` is the share of the network's units that are 0 at all places of all images.
    """

    log_probabilities: Tensor
    dead_units: float


def predictions(experiment: Experiment, images: ImageSet, test_time: TestTime) -> Predictions:
    """Return what a finished run predicts, on the CPU."""
    device = device_for(experiment.device)
    network, standardizer = trained(experiment)
    network = network.to(device)
    batch = standardizer.apply(images.images).to(device)
    with watched_units(network) as largest:
        each = [back(functional.log_softmax(predict(network, forth(batch)), dim=1)) for forth, back in views(test_time)]
    return Predictions(mean_log_probability([one.cpu() for one in each]), dead_share(largest))


def views(test_time: TestTime) -> list[View]:
    """Return the transformations of images that predictions are averaged over, each with its inverse."""
    turns = range(4) if test_time == "flips-and-turns" else range(1)
    flips: tuple[tuple[int, ...], ...] = {"none": ((),), "flips": ((), (-1,), (-2,), (-2, -1))}.get(
        test_time, ((), (-1,))
    )  # with the turns, one flip gives all eight
    return [_view(flip, turn) for flip in flips for turn in turns]


def _view(flip: tuple[int, ...], turn: int) -> View:
    def forth(images: Tensor) -> Tensor:
        return images.flip(flip).rot90(turn, (-2, -1))

    def back(outputs: Tensor) -> Tensor:
        return outputs.rot90(-turn, (-2, -1)).flip(flip)

    def unchanged(tensor: Tensor) -> Tensor:
        return tensor

    return (forth, back) if flip or turn else (unchanged, unchanged)


def mean_log_probability(predictions: Sequence[Tensor]) -> Tensor:
    """Return the logarithm of the mean probability of several predictions, each (n, classes, ...)."""
    if len(predictions) == 1:
        return predictions[0]
    return torch.logsumexp(torch.stack(list(predictions)), dim=0) - math.log(len(predictions))
