"""The whole of params.yaml as frozen, validated objects."""

from collections.abc import Mapping
from typing import Annotated, Self, TypeVar

from pydantic import Field, model_validator

from dl4ia.base.errors import ConfigError
from dl4ia.base.registry import suggestion
from dl4ia.base.schema import Name, Seed, Strict
from dl4ia.config.datasets import Datasets
from dl4ia.config.settings import Device
from dl4ia.config.studies import Study
from dl4ia.config.variants import Ensemble, Published, Variant, misfit
from dl4ia.data.publication import Source
from dl4ia.data.splits import SplitSizes

RowType = TypeVar("RowType")


class Data(Strict):
    """Where the published files may come from; `auto` tries all in turn, then the stand-in."""

    source: Source


class Params(Strict):
    """All settings; `variants` have the defaults of their task filled in.

    `searched` names the file of each variant whose settings come from a study; such a variant is among `variants` once
    that file exists. `champions` names the variant of each task to show and to use first. `split` also has those of the
    `datasets` of one's own.
    """

    data: Data
    datasets: Datasets = Field(default_factory=dict)
    device: Device = "auto"
    seeds: dict[Name, Annotated[tuple[Seed, ...], Field(min_length=1)]]
    champions: dict[Name, Name] = Field(default_factory=dict)
    split: dict[Name, SplitSizes]
    variants: dict[Name, Variant]
    searched: dict[Name, str] = Field(default_factory=dict)
    ensembles: dict[Name, Ensemble] = Field(default_factory=dict)
    studies: dict[Name, Study] = Field(default_factory=dict)
    published: dict[Name, Published] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _ensembles_have_members(self) -> Self:
        for name, ensemble in self.ensembles.items():
            key = f"ensembles.{name}.members"
            if name in self.variants or name in self.searched:
                raise misfit(f"ensembles.{name}", "there is a variant of that name")
            for member in ensemble.members:
                if member not in self.variants and member not in self.searched:
                    raise misfit(key, f"{member!r} is not a variant{suggestion(member, self.variants)}")
                if member in self.variants and self.variants[member].task != ensemble.task:
                    task = self.variants[member].task
                    raise misfit(key, f"{member!r} is of task {task}, and the ensemble of task {ensemble.task}")
        return self

    @model_validator(mode="after")
    def _rivals_exist(self) -> Self:
        known = {*self.rows, *self.searched}
        for name, row in self.rows.items():
            for rival in row.compared_with:
                if rival not in known or rival == name:
                    section = "ensembles" if name in self.ensembles else "variants"
                    close = suggestion(rival, known - {name})
                    raise misfit(f"{section}.{name}.compared_with", f"{rival!r} is no other variant{close}")
        return self

    @model_validator(mode="after")
    def _champions_exist(self) -> Self:
        for task, name in self.champions.items():
            if name not in self.variants and name not in self.searched:
                raise misfit(f"champions.{task}", f"{name!r} is not a variant{suggestion(name, self.variants)}")
            if name in self.variants and self.variants[name].task != task:
                raise misfit(f"champions.{task}", f"{name!r} is of task {self.variants[name].task}")
        return self

    def variant(self, name: str) -> Variant:
        """Return the variant of that name; raise ConfigError if there is none."""
        if name in self.searched and name not in self.variants:
            raise ConfigError(f"variant {name!r} takes its settings from {self.searched[name]}: run its study first")
        if name in self.ensembles:
            members = ", ".join(self.ensembles[name].members)
            raise ConfigError(f"{name} is an ensemble, which has no settings or runs of its own: train {members}")
        return _row(self.variants, name, "variant")

    def ensemble(self, name: str) -> Ensemble:
        """Return the ensemble of that name; raise ConfigError if there is none."""
        return _row(self.ensembles, name, "ensemble")

    def study(self, name: str) -> Study:
        """Return the study of that name; raise ConfigError if there is none."""
        return _row(self.studies, name, "study")

    @property
    def rows(self) -> dict[str, Variant | Ensemble]:
        """Everything that is evaluated: variants, then ensembles."""
        return {**self.variants, **self.ensembles}


def _row(rows: Mapping[str, RowType], name: str, what: str) -> RowType:
    if name not in rows:
        close = suggestion(name, rows)
        raise ConfigError(f"{what} {name!r} is not in params.yaml{close}; it has {', '.join(rows) or 'none'}")
    return rows[name]
