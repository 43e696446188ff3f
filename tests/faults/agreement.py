"""Whether what was read of a file is what the file says. A file that is not refused must be read for what it says."""

import csv
import io
import json
import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pandas as pd
import torch
from ruamel.yaml import YAML
from safetensors.torch import load
from torch import nn

from dl4ia.config import Params
from dl4ia.config.sections import flat
from dl4ia.data.imageset import ImageSet

Agrees = Callable[[Any, bytes], bool]  # what was read, and the content of the file


def never(_value: object, _content: bytes) -> bool:
    """Return that no version but the good one may be read."""
    return False


def holds(loaded: Any, written: Any) -> bool:
    """Return whether sections, lists and values have all that is written."""
    if isinstance(written, dict):
        return isinstance(loaded, dict) and all(key in loaded and holds(loaded[key], written[key]) for key in written)
    if isinstance(written, list):
        return isinstance(loaded, list | tuple) and len(loaded) == len(written) and all(map(holds, loaded, written))
    if isinstance(loaded, bool) or isinstance(written, bool):
        return loaded is written
    if isinstance(loaded, int | float) and isinstance(written, int | float):
        return math.isclose(loaded, written) or (math.isnan(loaded) and math.isnan(written))
    return bool(loaded == written)


def with_json(model: Any, content: bytes) -> bool:
    """Return whether a pydantic model has every value of a JSON file."""
    return holds(model.model_dump(), json.loads(content))


# params.yaml, and what is merged into it


def with_params(params: Params, content: bytes) -> bool:
    """Return whether every value of params.yaml was loaded; a default, where a variant or study has none of its own."""
    file, loaded = YAML(typ="safe", pure=True).load(content), params.model_dump(mode="json")
    whole = {key: file[key] for key in ("data", "device", "seeds", "split", "ensembles") if file.get(key) is not None}
    best = {name: row["best"] for name, row in (file.get("searched") or {}).items()}
    variants, studies = (file.get(section) or {} for section in ("variants", "studies"))
    return (
        holds(loaded, whole | {"searched": best})
        and all(_row_agrees(loaded["variants"][name], "settings", row, file) for name, row in variants.items())
        and all(_row_agrees(loaded["studies"][name], "base", row, file) for name, row in studies.items())
    )


def _row_agrees(loaded: Any, section: str, row: Any, file: Any) -> bool:
    other = {key: value for key, value in row.items() if key not in ("settings", "space")}
    space = {key: value["choices"] for key, value in loaded.get("space", {}).items() if value["kind"] == "choices"}
    ranges = {
        f"{key}.{bound}": value[bound]
        for key, value in loaded.get("space", {}).items()
        if value["kind"] == "range"
        for bound in ("low", "high", "log")
    }
    return (
        holds(loaded, other)
        and holds(space | ranges, flat(row.get("space", {})))
        and holds(loaded[section], row["settings"])
        and _defaults_agree(loaded[section], file["defaults"][row["task"]], row["settings"])
    )


def _defaults_agree(loaded: Any, defaults: Any, own: Any) -> bool:
    """Return whether defaults were loaded, but for values of one's own and sections of another kind."""
    for key, default in defaults.items():
        if key not in own:
            if not holds(loaded.get(key), default):
                return False
        elif isinstance(default, dict) and own[key].get("kind") in (None, default.get("kind")):  # noqa: SIM102
            if not _defaults_agree(loaded[key], default, own[key]):
                return False
    return True


def with_best(params: Params, content: bytes) -> bool:
    """Return whether the variant of a study has the settings of its best.yaml."""
    loaded = params.variant("warwick-searched").settings.model_dump(mode="json")
    return holds(loaded, YAML(typ="safe", pure=True).load(content)["settings"])


# Tables, arrays, weights


def with_table(*numbers: str) -> Agrees:
    """Return whether a table has the cells of a CSV file; only finite numbers, or nothing, in the columns `numbers`."""

    def agrees(table: pd.DataFrame, content: bytes) -> bool:
        rows = list(csv.DictReader(io.StringIO(content.decode()), restval=""))
        return (
            len(table) == len(rows)
            and all(row.keys() == set(table.columns) for row in rows)
            and all(_are_finite(table[column]) for column in _chosen(table, numbers))
            and all(all(map(_cell_agrees, table[column], [row[column] for row in rows])) for column in table)
        )

    return agrees


def _chosen(table: pd.DataFrame, numbers: Collection[str]) -> list[str]:
    """Return the columns of `numbers`; a name that ends in `/` stands for all that begin so."""
    return [column for column in table if column in numbers or column.split("/")[0] + "/" in numbers]


def _are_finite(values: pd.Series) -> bool:
    return values.empty or (pd.api.types.is_numeric_dtype(values) and not np.isinf(values).any())


def _cell_agrees(value: Any, cell: str) -> bool:
    if pd.isna(value):
        return cell == ""
    if isinstance(value, str | bool | np.bool_):
        return str(value) == cell
    return cell != "" and math.isclose(float(value), float(cell))


def with_arrays(images: ImageSet, content: bytes) -> bool:
    """Return whether an image set has the arrays of its file."""
    with np.load(io.BytesIO(content)) as arrays:
        return all(np.array_equal(getattr(images, name), arrays[name]) for name in arrays.files)


def with_names(images: ImageSet, content: bytes) -> bool:
    """Return whether an image set has the images that a table names in its first column."""
    _, *rows = content.decode().splitlines()
    return images.names.tolist() == [row.split(",")[0] for row in rows]


def with_weights(network: nn.Module, content: bytes) -> bool:
    """Return whether a network has the tensors of a file of weights."""
    state = network.state_dict()
    return all(torch.equal(state[name], value) for name, value in load(content).items())
