"""What a variant is, in words."""

from collections.abc import Iterable

from torch import nn

from dl4ia.config import Variant, WarwickVariant
from dl4ia.experiment import network_for
from dl4ia.models.segmenters import Concatenated, Residual
from dl4ia.training.optimizers import optimizer_for

_SWITCHES = {"foreach", "maximize", "capturable", "differentiable", "fused", "decoupled_weight_decay"}  # of PyTorch


def optimizer(variant: Variant) -> str:
    """Return the optimizer with all its numbers, PyTorch's defaults included."""
    built = optimizer_for(network_for(variant), variant.settings.optimizer, variant.settings.regularization)
    numbers = {key: value for key, value in built.defaults.items() if key not in _SWITCHES}
    return f"{type(built).__name__}({', '.join(f'{key}={value}' for key, value in numbers.items())})"


def training(variant: Variant) -> str:
    """Return iterations, batches, penalty, augmentation and split."""
    settings = variant.settings
    parts = [f"{settings.iterations} iterations of {settings.batch_size} images"]
    parts += [f"λ = {settings.regularization.l2} in the loss"] if settings.regularization.l2 else []
    if isinstance(variant, WarwickVariant):
        parts += ["mirror images"] if variant.settings.flips else []
        parts += ["rotated copies"] if variant.settings.rotations else []
    parts.append(f"validation {settings.split.strategy}")
    parts.append(f"seeds {', '.join(map(str, settings.seeds))}")
    return "; ".join(parts)


def layers(variant: Variant) -> str:
    """Return the network's layers in order."""
    return _chain(network_for(variant))


def _chain(layers: Iterable[nn.Module]) -> str:
    return " → ".join(_layer(layer) for layer in layers)


def _layer(layer: nn.Module) -> str:
    name = type(layer).__name__
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            size = "×".join(map(str, layer.kernel_size))
            return f"{name} {size}, {layer.in_channels}→{layer.out_channels}"
        case nn.Linear():
            return f"{name} {layer.in_features}→{layer.out_features}"
        case nn.BatchNorm2d():
            return f"{name} {layer.num_features}"
        case Concatenated() | Residual():
            return f"{name}({_chain(layer.layers)})"
        case _:
            return name


def quirks(variant: Variant) -> list[str]:
    """Return a sentence for each oddity of the report that this variant reproduces."""
    settings, network = variant.settings, variant.settings.network
    found = []
    if network.kind == "conv-deconv" and network.relu_on_logits:
        found.append(
            "`relu_on_logits`: as listed, a ReLU follows the last convolution; where it pushes both logits below zero "
            "everywhere no gradient comes back, the loss stays at ln 2 = 0.693 and the net never finds a gland."
        )
    if network.kind == "cnn" and network.log_softmax:
        found.append(
            "`log_softmax`: as listed, the net ends in a log-softmax before a loss that applies one itself; twice "
            "gives the same values as once, so this changes nothing."
        )
    if network.kind == "cnn" and network.activation == "hardtanh":
        found.append(
            "`activation: hardtanh`: the report says tanh and lists hardtanh, which clips to [-1, 1]; the listing is "
            "followed."
        )
    if variant.exercise == "2.2" and settings.regularization.weight_decay:
        found.append(
            "`weight-decay`: the report writes Equation 2 but its code decays the weights beside the gradient (AdamW), "
            "which is another experiment; the rows `warwick-l2-*` do what Equation 2 says."
        )
    return found
