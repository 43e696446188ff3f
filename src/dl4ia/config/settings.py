"""How a variant is trained: the recipe, composed of the schemas that stand beside their builders."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, SerializeAsAny, model_validator

from dl4ia.base.schema import Count, Seed, Size, Strict
from dl4ia.data.augmentation import AUGMENTATIONS, AugmentationConfig
from dl4ia.data.splits import STRATEGIES
from dl4ia.models import NETWORKS, NetworkConfig
from dl4ia.training.losses import LOSSES, CrossEntropy, LossConfig
from dl4ia.training.optimizers import OPTIMIZERS, OptimizerConfig, Regularization
from dl4ia.training.schedules import SCHEDULES, Constant, ScheduleConfig

Device = Literal["auto", "cpu", "cuda", "mps"]


class SplitChoice(Strict):
    """Which images validate: one of the strategies of the split stage. With folds, seed n validates on fold n."""

    strategy: str

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy {self.strategy!r} is unknown; expected one of {', '.join(STRATEGIES)}")
        return self


class AddedCopies(Strict):
    """Copies added to the training part before training, as Exercise 2.2 does.

    With `before_split` they are added to all images first. Of originals and copies a random part then validates, as
    large as that of the split: a leak, as most validation images have a copy among those that are trained on.
    """

    flips: bool = False
    rotations: bool = False
    before_split: bool = False


class Settings(Strict):
    """All that decides how a variant is trained.

    What the report has not is off by default, with a neutral default here: a new optional setting changes no key of
    runs that do not use it.
    """

    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    iterations: Count
    batch_size: Size
    evaluate_every: Count
    channels_last: bool
    split: SplitChoice
    regularization: Regularization
    optimizer: SerializeAsAny[Annotated[OptimizerConfig, OPTIMIZERS.validator]]
    network: SerializeAsAny[Annotated[NetworkConfig, NETWORKS.validator]]
    schedule: SerializeAsAny[Annotated[ScheduleConfig, SCHEDULES.validator]] = Constant(kind="constant")
    loss: SerializeAsAny[Annotated[LossConfig, LOSSES.validator]] = CrossEntropy(kind="cross-entropy")
    standardization: Literal["training-set", "image"] = "training-set"
    added_copies: AddedCopies = AddedCopies()
    augmentation: tuple[SerializeAsAny[Annotated[AugmentationConfig, AUGMENTATIONS.validator]], ...] = ()
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0  # of the moving average of weights; 0 keeps none
    max_gradient_norm: PositiveFloat | None = None

    @model_validator(mode="after")
    def _seeds_differ(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} names one twice")
        return self

    @property
    def deciding(self) -> dict[str, object]:
        """The settings that decide a run, without those at their neutral default; JSON."""
        return self.model_dump(mode="json", exclude={"seeds"}, exclude_defaults=True)
