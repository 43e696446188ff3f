"""Variants with other settings than params.yaml has, to try something: kept apart from DVC's outputs and from results.

A run is in `out/tries/<name>/seed-<n>/`. It has the checkpoints of any run with its content: when params.yaml gets the
settings, the trainings that have been tried are not repeated.
"""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dl4ia.base.errors import ConfigError
from dl4ia.config import Params, Variant
from dl4ia.config.messages import first_error
from dl4ia.config.sections import merged, nested
from dl4ia.runs.layout import Layout
from dl4ia.runs.run_directory import RunDirectory
from dl4ia.runs.train import Experiment

_LONGEST = 80  # characters of a folder's name
_SEPARATORS = str.maketrans({"/": "-", "\\": "-", " ": ""})


@dataclass(frozen=True)
class Try(Experiment):
    """An experiment that no row of params.yaml describes."""

    words: tuple[str, ...] = ()  # of the command line

    @property
    def command(self) -> str:
        """The command that trains it."""
        return shlex.join(["dl4ia", "train", *self.words, "--seeds", str(self.seed)])


@dataclass(frozen=True)
class TryLayout(Layout):
    """A working copy whose runs are tries."""

    def run(self, variant: str, seed: int) -> RunDirectory:
        """Return the directory of one try."""
        return RunDirectory(self.root / "out" / "tries" / variant / f"seed-{seed}")


def tries(params: Params, name: str, changes: Mapping[str, str], seeds: Sequence[int] | None, root: Path) -> list[Try]:
    """Return one experiment for each seed of a variant with changed settings, values as YAML; raises ConfigError."""
    values = {key: _value(key, text) for key, text in changes.items()}
    if seeds is not None:
        values["seeds"] = list(seeds)
    variant = _changed(params.variant(name), values)
    words = (name, *(f"{key}={text}" for key, text in changes.items()))
    tried = ",".join(words).translate(_SEPARATORS)
    if len(tried) > _LONGEST:
        tried = f"{tried[:_LONGEST]}-{hashlib.sha256(tried.encode()).hexdigest()[:8]}"
    return [Try(tried, variant, seed, TryLayout(root), params.device, words) for seed in variant.settings.seeds]


def _value(key: str, text: str) -> object:
    try:
        value: object = YAML(typ="safe", pure=True).load(text)
        json.dumps(value)
    except (YAMLError, TypeError, ValueError) as error:
        raise ConfigError(f"{key}: got {text!r}, expected a value as in params.yaml") from error
    return value


def _changed(variant: Variant, values: Mapping[str, object]) -> Variant:
    row = variant.model_dump(mode="json")
    row["settings"] = merged(row["settings"], nested(values))
    try:
        return Variant.model_validate_json(json.dumps(row))
    except ValidationError as error:
        raise ConfigError(first_error(error, row).removeprefix("settings.")) from error
