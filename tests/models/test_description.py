import torch
from torch import nn

from dl4ia.models import Cnn, ConvDeconv, Mlp, Signature
from dl4ia.models.description import layers

DIGITS = Signature(channels=1, height=28, width=28, classes=10, dense=False)
GLANDS = Signature(channels=2, height=128, width=128, classes=2, dense=True)


def test_a_chain_of_layers_is_described_in_order():
    network = Mlp(kind="mlp", hidden=(80, 40)).build(DIGITS)
    assert layers(network) == "Flatten → Linear 784→80 → ReLU → Linear 80→40 → ReLU → Linear 40→10"


def test_the_order_of_activation_and_pool_is_that_of_the_settings():
    first, second = (
        layers(Cnn(kind="cnn", feature_maps=(8,), pools=1, pool_first=pool_first).build(DIGITS))
        for pool_first in (False, True)
    )
    assert first == "Conv2d 3×3, 1→8 → ActivationThenPool(ReLU → MaxPool2d) → Flatten → Linear 1568→10"
    assert second == "Conv2d 3×3, 1→8 → MaxPool2d → ReLU → Flatten → Linear 1568→10"


def test_blocks_are_described_by_name_and_content():
    network = ConvDeconv(kind="conv-deconv", width=8, levels=1, batch_norm=True, skip_connections=True).build(GLANDS)
    assert layers(network) == (
        "Encoder(Conv2d 3×3, 2→8 → BatchNorm2d 8 → MaxPool2d → ReLU) → "
        "Bottom(Conv2d 3×3, 8→16 → BatchNorm2d 16 → ReLU) → "
        "Decoder(ConvTranspose2d 4×4, 16→8 → BatchNorm2d 8 → ReLU → SkipConnection) → Conv2d 1×1, 16→2"
    )


class Unknown(nn.Module):
    """A network that no one here has heard of."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.attention = nn.MultiheadAttention(4, 1)
        self.heads = nn.ModuleDict({"logits": nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 2))})


def test_any_module_has_a_description():
    assert layers(Unknown()) == (
        "MultiheadAttention(NonDynamicallyQuantizableLinear 4→4) → ModuleDict(LayerNorm → Linear 4→2)"
    )
    assert layers(nn.Linear(3, 2)) == "Linear 3→2"
