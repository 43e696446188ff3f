"""Strict, frozen schemas: the base of everything that is read from params.yaml."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Bounds far above what makes sense, below which nothing overflows.
Count = Annotated[int, Field(gt=0, le=1_000_000_000)]
Size = Annotated[int, Field(gt=0, le=65_536)]
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]  # becomes a folder, and DVC reads a dot as nesting


class Strict(BaseModel):
    """No unknown key, no conversion between types, no NaN, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
