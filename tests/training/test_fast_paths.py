"""All that makes a training fast, held against the plain way to train the same network."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.comparison.problems import PROBLEMS, plain_optimizer
from dl4ia.data.splits import Split
from dl4ia.runs.experiment import Standardizer, fit_network, network_of
from dl4ia.training.batches import Batches
from dl4ia.training.optimizers import OPTIMIZERS

STEPS = 50
NARROW = {"warwick-best": {"width": 4, "levels": 2}}
SGD = OPTIMIZERS["sgd"].model_validate(
    {"kind": "sgd", "learning_rate": 0.01, "momentum": 0.9}
)  # Adam amplifies rounding


OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in sorted(PROBLEMS) if name != "mnist-cnn"]


@pytest.fixture(params=["mnist-cnn", *OTHERS])
def problem(request):
    return PROBLEMS[request.param]


@pytest.fixture
def variant(problem):
    settings = problem.variant.settings
    network = settings.network.model_copy(update=NARROW.get(problem.name, {}))
    changes = {
        "iterations": STEPS, "evaluate_every": STEPS, "network": network, "augmentation": (), "optimizer": SGD,
        "regularization": settings.regularization.model_copy(update={"strength": 0.0}),
    }  # fmt: skip
    return problem.variant.model_copy(update={"settings": settings.model_copy(update=changes)})


@pytest.fixture
def data(problem, digits, few_glands):
    return (digits if problem.task.name == "mnist" else few_glands).part("train")


def test_fifty_steps_are_those_of_a_plain_loop_within_rounding(problem, variant, data):
    """Images that stay in memory, channels-last; other orders of layers; fused optimizers; metrics along the way."""
    split = Split(list(range(len(data))), [])
    standardizer = Standardizer.of(data.images, variant.settings)
    fast = fit_network(variant, 3, data, split, standardizer, torch.device("cpu"))
    plain = trained_plainly(problem, variant, standardizer.apply(data.images), torch.from_numpy(data.targets).long())
    ours, theirs, initial = (list(network.parameters()) for network in (fast, plain, seeded(variant)))
    for each in zip(ours, theirs, initial, strict=True):
        assert error(*each) < 1e-2  # of biases that hardly move, nearly all is rounding
    assert error(*(torch.cat([part.flatten() for part in each]) for each in (ours, theirs, initial))) < 1e-3


def error(ours, theirs, initial):
    """Return the difference of weights, relative to what the training has changed them by."""
    change = (theirs - initial).norm()
    assert change > 0
    return (ours - theirs).norm() / change


def trained_plainly(problem, variant, images, targets):
    settings, generator = variant.settings, torch.Generator().manual_seed(3)
    batches = Batches(len(images), settings.batch_size, generator)
    order = [batches.next().tolist() for _ in range(STEPS)]
    network = problem.build(settings.network, problem.task.signature)
    with torch.no_grad():
        for mine, initial in zip(network.parameters(), seeded(variant).parameters(), strict=True):
            mine.copy_(initial)
    optimizer = plain_optimizer(network, settings)
    for batch, labels in DataLoader(TensorDataset(images, targets), batch_sampler=order):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(batch), labels).backward()
        optimizer.step()
    return network


def seeded(variant):
    torch.manual_seed(3)
    return network_of(variant)
