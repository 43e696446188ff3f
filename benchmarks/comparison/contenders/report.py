"""The report's loop as it lists it: all images in memory, and the whole test set evaluated at every iteration."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.comparison.problems import Problem


def train(problem: Problem, iterations: int, tick: Callable[[], None]) -> None:
    """Train for some iterations. In place of the test set, which decides nothing, as many training images."""
    data, batch_size = problem.data.take(problem.split.train), problem.batch_size
    images, targets = torch.from_numpy(data.images), torch.from_numpy(data.targets).long()
    evaluated = torch.arange(problem.test_images) % len(images)
    test_images, test_targets = images[evaluated], targets[evaluated]
    network = problem.network()
    optimizer, criterion = problem.optimizer(network), nn.CrossEntropyLoss()
    losses, scores = torch.zeros(2, iterations), torch.zeros(2, iterations)
    order = torch.randperm(len(images))
    for iteration in range(iterations):
        start = iteration * batch_size % (len(images) - batch_size)
        batch, labels = images[order[start : start + batch_size]], targets[order[start : start + batch_size]]
        network.zero_grad()
        output = network(batch.float())
        loss = criterion(output, labels)
        loss.backward()
        optimizer.step()
        losses[0, iteration] = loss.item()
        predicted = output.argmax(dim=1)
        output_test = network(test_images.float())
        losses[1, iteration] = criterion(output_test, test_targets).item()
        scores[0, iteration] = _score(predicted, labels)
        scores[1, iteration] = _score(output_test.argmax(dim=1), test_targets)
        tick()


def _score(predicted: Tensor, targets: Tensor) -> float:
    """Return the Dice coefficient of glands, or the share of digits that are right."""
    if targets.dim() == 1:
        return float((predicted == targets).float().mean())
    return float(2 * (predicted * targets).sum() / (predicted.sum() + targets.sum()).clamp(min=1))
