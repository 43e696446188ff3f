"""A plain PyTorch loop as a good engineer writes it: a `Dataset`, a `DataLoader`, the transforms of torchvision."""

from collections.abc import Callable

from torch import nn

from benchmarks.comparison.pictures import batches
from benchmarks.comparison.problems import Problem


def train(problem: Problem, iterations: int, tick: Callable[[], None]) -> nn.Module:
    """Train; the loss is read every 50 iterations."""
    network = problem.network()
    optimizer, criterion = problem.optimizer(network), nn.CrossEntropyLoss()
    network.train()
    for iteration, (images, targets) in enumerate(batches(problem, iterations), start=1):
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(network(images), targets)
        loss.backward()
        optimizer.step()
        if iteration % 50 == 0:
            loss.item()
        tick()
    return network
