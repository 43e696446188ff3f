"""Work for the tests of local processes that computes with PyTorch."""

import time

import torch
from torch import nn

DENORMAL = 1e-40  # the smallest normal float32 is 1.2e-38
STEPS = 60


def threads(job, context):
    return torch.get_num_threads()


def normal_products(job, context):
    """Return how many products of a denormal number are not zero, computed by all threads."""
    return int(torch.full((1 << 20,), DENORMAL).mul(1.0).count_nonzero())


def seconds_per_step(job, context):
    """Return the fastest training step of a healthy network and of a collapsed one, measured in turns."""
    healthy, collapsed = _trained(collapsed=False), _trained(collapsed=True)
    seconds = [(_seconds(healthy), _seconds(collapsed)) for _ in range(STEPS)]
    return tuple(min(column) for column in zip(*seconds, strict=True))


def sum_on_gpu(job, context):
    return float(torch.ones(10, device="cuda").sum())


def _trained(*, collapsed):
    """Return a function that takes a training step."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10), nn.ReLU())
    optimizer = torch.optim.Adam(network.parameters())
    images, labels = torch.randn(32, 784), torch.arange(32) % 10

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    step()
    if collapsed:
        _collapse(network, optimizer)
    return step


@torch.no_grad()
def _collapse(network, optimizer):
    """Bring weights and squared gradients to where regularization brings those of a network with a dead ReLU."""
    for weights in network.parameters():
        weights.fill_(DENORMAL)
    network[2].bias.fill_(-1)  # the ReLU on the logits lets no gradient pass
    for state in optimizer.state.values():
        state["exp_avg"].zero_()
        state["exp_avg_sq"].fill_(DENORMAL)


def _seconds(step):
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
