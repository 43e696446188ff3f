"""The moving average of weights against its definition and against PyTorch's."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dl4ia.training.averaging import WeightAverage


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 2))


def train(trained: nn.Module, average: WeightAverage | None, iterations: int) -> None:
    optimizer = torch.optim.SGD(trained.parameters(), 0.1)
    for _ in range(iterations):
        optimizer.zero_grad()
        trained(torch.randn(4, 1, 8, 8)).square().mean().backward()
        optimizer.step()
        if average is not None:
            average.update()


def copied(trained: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in trained.state_dict().items()}


def equal(some: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> bool:
    return some.keys() == others.keys() and all(torch.equal(some[name], others[name]) for name in some)


def test_the_average_is_the_one_of_its_definition_with_a_decay_that_warms_up():
    trained = network()
    average, expected = WeightAverage(trained, decay=0.3), copied(trained)
    for decay in (1 / 10, 2 / 11, 3 / 12, 0.3, 0.3):
        train(trained, average, 1)
        for name, current in trained.state_dict().items():
            if current.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * current
            else:
                expected[name] = current.clone()
    torch.testing.assert_close(average.weights(), expected)


def test_once_warmed_up_it_is_pytorch_s_averaged_model():
    trained = network()
    average = WeightAverage(trained, decay=0.1)  # reached at once
    reference = AveragedModel(trained, multi_avg_fn=get_ema_multi_avg_fn(0.1), use_buffers=True)
    reference.n_averaged += 1  # its first update would only copy
    for _ in range(6):
        train(trained, average, 1)
        reference.update_parameters(trained)
    expected = reference.module.state_dict() | {"1.num_batches_tracked": torch.tensor(6)}  # PyTorch averages counters
    torch.testing.assert_close(average.weights(), dict(expected))


def test_a_network_that_stays_as_it_is_is_its_own_average():
    trained = network()
    average = WeightAverage(trained, decay=0.9)
    for _ in range(20):
        average.update()
    assert equal(average.weights(), trained.state_dict())


def test_the_average_is_applied_inside_and_the_trained_weights_are_back_to_the_bit_afterwards():
    trained = network()
    average = WeightAverage(trained, decay=0.9)
    train(trained, average, 3)
    before = copied(trained)
    with average.applied(trained):
        assert equal(trained.state_dict(), average.weights())
        trained.train()(torch.randn(4, 1, 8, 8))  # changes the statistics of batch norm
    assert equal(trained.state_dict(), before)
    assert not equal(before, average.weights())


def test_the_trained_weights_are_back_after_an_error():
    trained = network()
    average = WeightAverage(trained, decay=0.9)
    train(trained, average, 3)
    before = copied(trained)
    with pytest.raises(KeyboardInterrupt), average.applied(trained):
        raise KeyboardInterrupt
    assert equal(trained.state_dict(), before)


def test_training_is_the_same_to_the_bit_whether_its_average_is_kept_and_applied_or_not():
    plain = network()
    averaged = copy.deepcopy(plain)
    average = WeightAverage(averaged, decay=0.9)
    torch.manual_seed(1)
    train(plain, None, 3)
    torch.manual_seed(1)
    train(averaged, average, 3)
    with average.applied(averaged):
        averaged.eval()(torch.randn(4, 1, 8, 8))
    assert equal(averaged.state_dict(), plain.state_dict())


def test_a_resumed_average_continues_to_the_bit():
    trained = network()
    average = WeightAverage(trained, decay=0.9)
    train(trained, average, 3)
    resumed = network()
    continued = WeightAverage(resumed, decay=0.9)
    resumed.load_state_dict(trained.state_dict())
    continued.load_state_dict(average.state_dict())
    for one, its_average in ((trained, average), (resumed, continued)):
        torch.manual_seed(2)
        train(one, its_average, 3)
    assert equal(continued.weights(), average.weights())
    assert equal(continued.state_dict(), average.state_dict())


def test_a_saved_state_is_tensors_alone_and_does_not_change_with_later_updates():
    trained = network()
    average = WeightAverage(trained, decay=0.9)
    train(trained, average, 2)
    state, weights = average.state_dict(), average.weights()
    saved = copy.deepcopy(state)
    train(trained, average, 2)
    assert all(type(value) is torch.Tensor for value in state.values())
    assert equal(state, saved)
    assert not equal(weights, average.weights())
