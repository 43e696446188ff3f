"""params.yaml as frozen, validated objects.

Nothing is defaulted in code: every value that decides a result stands in the file, where DVC sees it change.
"""

import difflib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dl4ia.errors import ConfigError

MNIST_SIDE, WARWICK_SIDE = 28, 128
SMALLEST_SIDE = 2  # reflect padding by one pixel needs two

Task = Literal["mnist", "warwick"]
Source = Literal["auto", "local", "remote", "mirror", "publisher", "stand-in"]


class Strict(BaseModel):
    """No unknown key, no conversion between types, no NaN, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(Strict):
    """Where the published files may come from; `auto` tries all in turn, then the stand-in."""

    source: Source


class SplitSizes(Strict):
    """How the training partition is divided; `warwick_validation` is a fraction of the images."""

    seed: NonNegativeInt
    mnist_validation: PositiveInt
    warwick_validation: Annotated[float, Field(gt=0, le=0.5)]


class Mlp(Strict):
    """Exercise 1.1: fully connected layers with ReLU between them."""

    kind: Literal["mlp"]
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


class Cnn(Strict):
    """Exercises 1.2-1.5: 3x3 convolutions, the first `pools` of them followed by a 2x2 max pool."""

    kind: Literal["cnn"]
    maps: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    pools: NonNegativeInt
    pool_first: bool
    activation: Literal["relu", "hardtanh"]
    batch_norm_before: tuple[PositiveInt, ...]
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
    """Exercises 2.1-2.2: convolutions with a pool between each two, and as many transposed convolutions."""

    kind: Literal["conv-deconv"]
    maps: Annotated[tuple[PositiveInt, ...], Field(min_length=2)]
    relu_after_last_upsampling: bool
    relu_on_logits: bool

    @model_validator(mode="after")
    def _fits_the_image(self) -> Self:
        _check_halvings(WARWICK_SIDE, len(self.maps) - 1, last_is_convolved=True)
        return self


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


class AdamW(Strict):
    """Adam with decoupled weight decay, PyTorch's other defaults."""

    kind: Literal["adamw"]
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat


Optimizer = Annotated[Sgd | Adam | AdamW, Field(discriminator="kind")]


class MnistSplit(Strict):
    """Which images validate: some at random, or none (train on all)."""

    strategy: Literal["random", "none"]


class WarwickSplit(Strict):
    """Which images validate: some at random, those of some patients, or none (train on all)."""

    strategy: Literal["random", "patient", "none"]


class Settings(Strict):
    """All that decides how a variant is trained."""

    seeds: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
    iterations: PositiveInt
    batch_size: PositiveInt
    evaluate_every: PositiveInt
    device: Literal["auto", "cpu", "cuda", "mps"]
    channels_last: bool
    l2: NonNegativeFloat
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


class Params(Strict):
    """The whole of params.yaml; `variants` with the defaults of their task filled in."""

    data: Data
    split: SplitSizes
    variants: dict[str, Annotated[Variant, Field(discriminator="task")]]

    def variant(self, name: str) -> Variant:
        """Return the variant of that name; raise ConfigError if there is none."""
        if name not in self.variants:
            raise ConfigError(f"variant {name!r} is not in params.yaml{_suggestion(name, self.variants)}")
        return self.variants[name]


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check `path`; raise ConfigError with the first mistake, in one line."""
    try:
        raw = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        if not isinstance(raw, dict):
            raise ConfigError(f"{path}: expected sections with keys, got {raw!r}")
        return Params.model_validate_json(json.dumps(_with_defaults(raw, path), default=str))
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is not here: run from the project's root") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first(error)}") from error


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested sections as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def _with_defaults(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return `raw` with `defaults.<task>` merged under the settings of each variant."""
    defaults, variants = raw.get("defaults"), raw.get("variants")
    for key, section in (("defaults", defaults), ("variants", variants)):
        if not isinstance(section, dict) or not section:
            raise ConfigError(f"{path}: {key}: expected named rows, got {section!r}")
    assert isinstance(defaults, dict)
    assert isinstance(variants, dict)
    filled = {name: _filled(row, defaults, f"{path}: variants.{name}") for name, row in variants.items()}
    return {key: value for key, value in raw.items() if key != "defaults"} | {"variants": filled}


def _filled(row: Any, defaults: dict[str, Any], where: str) -> dict[str, Any]:  # noqa: ANN401 (not yet checked)
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: expected task, exercise, about, reported and settings, got {row!r}")
    task, settings = row.get("task"), row.get("settings")
    if not isinstance(task, str) or task not in defaults:
        raise ConfigError(f"{where}.task: got {task!r}, expected one of {', '.join(map(str, defaults))}")
    if not isinstance(settings, dict) or not isinstance(defaults[task], dict):
        raise ConfigError(f"{where}.settings: expected keys that differ from defaults.{task}, got {settings!r}")
    return row | {"settings": _merged(defaults[task], settings)}


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Merge key by key; a section of another `kind` replaces the one it overrides."""
    merged = dict(base)
    for key, value in over.items():
        below = base.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and value.get("kind") in {None, below.get("kind")}:
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged


def _first(error: ValidationError) -> str:
    details = error.errors()
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return _sentence(details[0]) + more


def _sentence(detail: ErrorDetails) -> str:
    # A discriminated union puts the tag it chose between the keys; the reader wrote no such key.
    tags = {"mnist", "warwick", "mlp", "cnn", "conv-deconv", "sgd", "adam", "adamw"}
    key = ".".join(str(part) for part in detail["loc"] if part not in tags)
    if detail["type"] == "extra_forbidden":
        known = {name for model in _models() for name in model.model_fields}
        return f"{key}: unknown key{_suggestion(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"{key}: missing, and nothing is defaulted"
    return f"{key}: got {detail['input']!r}: {detail['msg'].removeprefix('Value error, ')}"


def _models() -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = [Strict]
    for model in found:
        found.extend(model.__subclasses__())
    return found


def _suggestion(name: str, known: Any) -> str:  # noqa: ANN401 (any collection of names)
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
