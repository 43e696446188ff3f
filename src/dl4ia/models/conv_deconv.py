"""Exercises 2.1 and 2.2: the classifier up to its last convolution, then transposed convolutions back to full size.

Exercise 2.1, as listed in the report, with feature maps of 128x128, 64x64 and 32x32 pixels:

    encoder.0  convolution  2 ->  8, max pool, ReLU
    encoder.1  convolution  8 -> 16, max pool, ReLU
    bottom     convolution 16 -> 32, ReLU
    decoder.0  transposed convolution 32 -> 16, ReLU
    decoder.1  transposed convolution 16 ->  8, ReLU
    head       1x1 convolution 8 -> 2 (and a ReLU on the logits)
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from dl4ia.base.schema import Size
from dl4ia.models.layers import (
    Residual,
    SkipConnection,
    check_poolings,
    convolution,
    normalization,
    pixelwise,
)
from dl4ia.models.network import NETWORKS, NetworkConfig, Signature


@NETWORKS.register
class ConvDeconv(NetworkConfig):
    """Convolutions with a pool between each two, and as many transposed convolutions.

    `levels` is the number of pools; there are `width` feature maps at first and twice as many after each pool. Not in
    the report: `batch_norm` after each convolution (Ioffe and Szegedy, 2015), `skip_connections` from the way down to
    the way up (Ronneberger et al., 2015) and a `residual` block at each resolution (He et al., 2016).
    """

    kind: Literal["conv-deconv"]
    width: Annotated[int, Field(gt=0, le=1024)]
    levels: Size
    batch_norm: bool = False
    skip_connections: bool = False
    residual: bool = False
    relu_after_last_upsampling: bool = True
    relu_on_logits: bool = False

    def check(self, signature: Signature) -> None:
        """Raise ValueError for images that cannot be pooled so often, or a task that asks for one class an image."""
        if not signature.dense:
            raise ValueError(
                "kind conv-deconv gives the class of each pixel, and this task asks for one for each image"
            )
        check_poolings(signature, self.levels, "levels", last_is_convolved=True)

    def build(self, signature: Signature) -> nn.Module:
        """Return the network: images (n, channels, h, w) in, logits (n, classes, h, w) out."""
        return ConvDeconvNetwork(self, signature)


class ConvDeconvNetwork(nn.Module):
    """The network that a `ConvDeconv` describes; its blocks have the names above."""

    def __init__(self, config: ConvDeconv, signature: Signature) -> None:
        super().__init__()
        channels = signature.channels
        self.encoder = nn.ModuleList()
        for level in range(config.levels):
            self.encoder.append(Encoder(channels, config.width << level, config))
            channels = config.width << level
        self.bottom = Bottom(channels, 2 * channels, config)
        channels = 2 * channels
        self.decoder = nn.ModuleList()
        for level in reversed(range(config.levels)):
            relu = level > 0 or config.relu_after_last_upsampling
            decoder = Decoder(channels, config.width << level, config, relu=relu)
            self.decoder.append(decoder)
            channels = decoder.outputs
        self.head = pixelwise(channels, signature.classes)
        self.relu_on_logits = nn.ReLU() if config.relu_on_logits else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:  # noqa: D102 (PyTorch's)
        features, skips = images, []
        for encoder in self.encoder:
            features, skip = encoder(features)
            skips.append(skip)
        features = self.bottom(features)
        for decoder, skip in zip(self.decoder, reversed(skips), strict=True):
            features = decoder(features, skip)
        return self.relu_on_logits(self.head(features))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """A convolution, and a pool to half the resolution; also returns the features before the pool."""

    def __init__(self, inputs: int, outputs: int, config: ConvDeconv) -> None:
        super().__init__()
        self.conv = convolution(inputs, outputs)
        self.norm = normalization(outputs, batch_norm=config.batch_norm)
        self.pool = nn.MaxPool2d(2, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.residual = refinement(outputs, config)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102 (PyTorch's)
        features = self.norm(self.conv(images))
        return self.residual(self.relu(self.pool(features))), features


class Bottom(nn.Module):
    """A convolution at the lowest resolution."""

    def __init__(self, inputs: int, outputs: int, config: ConvDeconv) -> None:
        super().__init__()
        self.conv = convolution(inputs, outputs)
        self.norm = normalization(outputs, batch_norm=config.batch_norm)
        self.relu = nn.ReLU(inplace=True)
        self.residual = refinement(outputs, config)

    def forward(self, features: Tensor) -> Tensor:  # noqa: D102 (PyTorch's)
        return self.residual(self.relu(self.norm(self.conv(features))))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """A transposed convolution to twice the resolution, where the encoder's features may be put beside its own."""

    def __init__(self, inputs: int, outputs: int, config: ConvDeconv, *, relu: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1)
        self.norm = normalization(outputs, batch_norm=config.batch_norm)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()
        self.residual = refinement(outputs, config)
        self.skip = SkipConnection() if config.skip_connections else None
        self.outputs = outputs if self.skip is None else 2 * outputs

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:  # noqa: D102 (PyTorch's)
        features = self.residual(self.relu(self.norm(self.up(features))))
        return features if self.skip is None else self.skip(skip, features)


def refinement(channels: int, config: ConvDeconv) -> nn.Module:
    """Return a residual block where the network has them, or nothing."""
    return Residual(channels, batch_norm=config.batch_norm) if config.residual else nn.Identity()
