import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (as in PyTorch's documentation)

from dl4ia.models import ConvNet, Signature
from dl4ia.models.network import weight_count

DIGITS = Signature(channels=1, height=28, width=28, classes=10, dense=False)
STAGES = ((16, 16), (24, 24), (28,))


def convnet(stages=STAGES):
    return ConvNet(kind="convnet", stages=stages).build(DIGITS)


def test_the_network_computes_what_its_docstring_describes():
    network, images = convnet(((3,), (4, 5))), torch.randn(2, 1, 28, 28)
    first, second = network.stage1, network.stage2
    x = F.max_pool2d(F.relu(first.norm1(first.conv1(images))), 2)
    x = F.relu(second.norm2(second.conv2(F.relu(second.norm1(second.conv1(x))))))
    torch.testing.assert_close(network(images), network.fc(x.mean(dim=(2, 3))))


def test_it_has_fewer_weights_than_the_reports_network():
    network = convnet()
    assert weight_count(network) == 144 + 16 * 16 * 9 + 16 * 24 * 9 + 24 * 24 * 9 + 24 * 28 * 9 + 280 == 17_416
    assert sum(parameter.numel() for parameter in network.parameters()) <= 21_578


@pytest.mark.parametrize(
    ("stages", "signature", "message"),
    [
        (((4,),) * 5, DIGITS, "4 poolings of a 28x28 image leave less than 2 pixels per side"),
        (((4,),), Signature(channels=2, height=32, width=32, classes=2, dense=True), "one class for each image"),
    ],
)
def test_images_that_do_not_fit_are_refused(stages, signature, message):
    with pytest.raises(ValueError, match=message):
        ConvNet(kind="convnet", stages=stages).check(signature)
