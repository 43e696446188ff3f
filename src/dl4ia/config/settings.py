"""How a network is built and trained, and the variants that are rows of such settings."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    model_validator,
)

MNIST_SIDE, WARWICK_SIDE = 28, 128
SMALLEST_SIDE = 2  # reflect padding by one pixel needs two

Task = Literal["mnist", "warwick"]

# Bounds far above what makes sense, below which nothing overflows.
Count = Annotated[int, Field(gt=0, le=1_000_000_000)]
Size = Annotated[int, Field(gt=0, le=65_536)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]  # becomes a folder, and DVC reads a dot as nesting


class Strict(BaseModel):
    """No unknown key, no conversion between types, no NaN, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Mlp(Strict):
    """Exercise 1.1: fully connected layers with ReLU between them."""

    kind: Literal["mlp"]
    hidden: Annotated[tuple[Size, ...], Field(min_length=1)]


class Cnn(Strict):
    """Exercises 1.2-1.5: 3x3 convolutions, the first `pools` of them followed by a 2x2 max pool."""

    kind: Literal["cnn"]
    maps: Annotated[tuple[Size, ...], Field(min_length=1)]
    pools: NonNegativeInt
    pool_first: bool
    activation: Literal["relu", "hardtanh"]
    batch_norm_before: tuple[Size, ...]
    log_softmax: bool

    @model_validator(mode="after")
    def _fits_the_image(self) -> Self:
        if self.pools > len(self.maps):
            raise ValueError(f"pools {self.pools} is more than the {len(self.maps)} convolutions of maps")
        if any(position > len(self.maps) for position in self.batch_norm_before):
            raise ValueError(
                f"batch_norm_before {list(self.batch_norm_before)} names a convolution that is not in maps"
            )
        _check_halvings(MNIST_SIDE, self.pools, last_is_convolved=self.pools < len(self.maps))
        return self


class ConvDeconv(Strict):
    """Exercises 2.1-2.4: convolutions with a pool between each two, and as many transposed convolutions.

    `levels` is the number of pools; the feature maps are `width` at first and twice as many after each pool.
    """

    kind: Literal["conv-deconv"]
    width: Annotated[int, Field(gt=0, le=1024)]
    levels: Size
    batch_norm: bool
    skip_connections: bool
    residual: bool
    relu_after_last_upsampling: bool
    relu_on_logits: bool

    @model_validator(mode="after")
    def _fits_the_image(self) -> Self:
        _check_halvings(WARWICK_SIDE, self.levels, last_is_convolved=True)
        return self

    @property
    def maps(self) -> tuple[int, ...]:
        """The number of feature maps of each convolution."""
        return tuple(self.width << level for level in range(self.levels + 1))


def _check_halvings(side: int, halvings: int, *, last_is_convolved: bool) -> None:
    """Raise ValueError where an image of `side` pixels gets too small for a pool or a padded convolution."""
    smallest = side >> (halvings if last_is_convolved else halvings - 1) if halvings else side
    if smallest < SMALLEST_SIDE:
        raise ValueError(f"{halvings} poolings of a {side}x{side} image leave less than {SMALLEST_SIDE} pixels a side")


class Sgd(Strict):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"]
    learning_rate: PositiveFloat
    momentum: Annotated[float, Field(ge=0, lt=1)]


class Adam(Strict):
    """Adam, PyTorch's other defaults."""

    kind: Literal["adam"]
    learning_rate: PositiveFloat


Optimizer = Annotated[Sgd | Adam, Field(discriminator="kind")]


class Regularization(Strict):
    """What keeps the weights small: the penalty of Equation 2, or the optimizer's weight decay.

    `strength` is lambda.
    """

    kind: Literal["l2", "weight-decay"]
    strength: NonNegativeFloat

    @property
    def l2(self) -> float:
        """The lambda of Equation 2."""
        return self.strength if self.kind == "l2" else 0.0

    @property
    def weight_decay(self) -> float:
        """The lambda of the optimizer's weight decay."""
        return self.strength if self.kind == "weight-decay" else 0.0


class MnistSplit(Strict):
    """Which images validate: some at random, or none (train on all)."""

    strategy: Literal["random", "none"]


class WarwickSplit(Strict):
    """Which images validate: some at random, those of some patients, or none (train on all)."""

    strategy: Literal["random", "patient", "none"]


class Settings(Strict):
    """All that decides how a variant is trained."""

    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    iterations: Count
    batch_size: Size
    evaluate_every: Count
    device: Literal["auto", "cpu", "cuda", "mps"]
    channels_last: bool
    regularization: Regularization
    optimizer: Optimizer

    @model_validator(mode="after")
    def _seeds_differ(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} names one twice")
        return self


class MnistSettings(Settings):
    """Classification of handwritten digits."""

    split: MnistSplit
    network: Annotated[Mlp | Cnn, Field(discriminator="kind")]


class WarwickSettings(Settings):
    """Segmentation of glands."""

    split: WarwickSplit
    flips: bool
    rotations: bool
    network: ConvDeconv


class Row(Strict):
    """What every variant says of itself, whatever its task."""

    exercise: str
    about: str
    reported: dict[str, float]


class MnistVariant(Row):
    """A named experiment on MNIST."""

    task: Literal["mnist"]
    settings: MnistSettings


class WarwickVariant(Row):
    """A named experiment on Warwick-QU."""

    task: Literal["warwick"]
    settings: WarwickSettings


Variant = MnistVariant | WarwickVariant
