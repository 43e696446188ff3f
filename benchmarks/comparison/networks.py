"""The networks as others would write them: of PyTorch's layers, in the order of the report."""

from torch import Tensor, nn
from torch.nn import functional

from dl4ia.models.network import NetworkConfig, Signature


def report_classifier(_config: NetworkConfig, _signature: Signature) -> nn.Module:
    """Return the network that the report lists for Exercise 1.2."""
    return _Classifier()


def report_segmenter(_config: NetworkConfig, _signature: Signature) -> nn.Module:
    """Return the network that the report lists for Exercise 2.1, without the ReLU on the logits."""
    return _Segmenter()


def u_net(config: NetworkConfig, signature: Signature) -> nn.Module:
    """Return our U-Net, whose layers are PyTorch's own, with a 1x1 convolution as anyone writes it at its end."""
    network = config.build(signature)
    head = network.head
    assert isinstance(head, nn.Conv2d)
    network.head = nn.Conv2d(head.in_channels, head.out_channels, kernel_size=1)
    return network


class _Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = _convolution(1, 8), _convolution(8, 16), _convolution(16, 32)
        self.fc = nn.Linear(1568, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = functional.max_pool2d(functional.relu(self.conv1(images)), 2, stride=(2, 2))
        features = functional.max_pool2d(functional.relu(self.conv2(features)), 2, stride=(2, 2))
        features = functional.relu(self.conv3(features))
        return self.fc(features.flatten(start_dim=1))  # type: ignore[no-any-return]


class _Segmenter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = _convolution(2, 8), _convolution(8, 16), _convolution(16, 32)
        self.tconv1 = nn.ConvTranspose2d(32, 16, kernel_size=4, stride=2, padding=1)
        self.tconv2 = nn.ConvTranspose2d(16, 8, kernel_size=4, stride=2, padding=1)
        self.final = nn.Conv2d(8, 2, kernel_size=1, stride=1)

    def forward(self, images: Tensor) -> Tensor:
        features = functional.relu(functional.max_pool2d(self.conv1(images), 2, stride=(2, 2)))
        features = functional.relu(functional.max_pool2d(self.conv2(features), 2, stride=(2, 2)))
        features = functional.relu(self.conv3(features))
        features = functional.relu(self.tconv2(functional.relu(self.tconv1(features))))
        return self.final(features)  # type: ignore[no-any-return]


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=(1, 1), padding_mode="reflect")
