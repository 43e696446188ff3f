"""A network's layers in words."""

from torch import nn


def layers(network: nn.Module) -> str:
    """Return the layers of any network in the order of their construction.

    A block that is more than a chain of layers stands as its name and its layers in brackets: `Residual(... → ...)`.
    """
    children = list(network.children())
    return " → ".join(filter(None, map(_described, children))) if children else _described(network)


def _described(module: nn.Module) -> str:
    """Return a layer or a block in words; nothing for an identity."""
    if not list(module.children()):
        return _layer(module)
    if isinstance(module, nn.ModuleList) or type(module) is nn.Sequential:
        return layers(module)
    return f"{type(module).__name__}({layers(module)})"


def _layer(layer: nn.Module) -> str:
    name = type(layer).__name__
    match layer:
        case nn.Identity():
            return ""
        case nn.Conv2d() | nn.ConvTranspose2d():
            size = "×".join(map(str, layer.kernel_size))
            return f"{name} {size}, {layer.in_channels}→{layer.out_channels}"
        case nn.Linear():
            return f"{name} {layer.in_features}→{layer.out_features}"
        case nn.BatchNorm2d():
            return f"{name} {layer.num_features}"
        case _:
            return name
