"""params.yaml as frozen, validated objects.

Nothing is defaulted in code: every value that decides a result stands in the file, where DVC sees it change.
"""

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dl4ia.config.sections import merged
from dl4ia.config.settings import Count, Name, Seed, Strict, Variant
from dl4ia.config.studies import Study
from dl4ia.errors import ConfigError

_LARGEST = 10_000  # sections and lists of the file, aliases counted each time

Source = Literal["auto", "local", "remote", "mirror", "publisher", "stand-in"]


class Data(Strict):
    """Where the published files may come from; `auto` tries all in turn, then the stand-in."""

    source: Source


class SplitSizes(Strict):
    """How the training partition is divided; `warwick_validation` is a fraction of the images."""

    seed: Seed
    mnist_validation: Count
    warwick_validation: Annotated[float, Field(gt=0, le=0.5)]


class Params(Strict):
    """The whole of params.yaml; `variants` with the defaults of their task filled in.

    A variant of `searched` is among them once the study has left the file from which it takes its settings.
    """

    data: Data
    split: SplitSizes
    studies: dict[Name, Study]
    variants: dict[Name, Annotated[Variant, Field(discriminator="task")]]
    searched: dict[Name, str]

    def variant(self, name: str) -> Variant:
        """Return the variant of that name; raise ConfigError if there is none."""
        if name in self.searched and name not in self.variants:
            raise ConfigError(f"variant {name!r} takes its settings from {self.searched[name]}: run its study first")
        if name not in self.variants:
            raise ConfigError(f"variant {name!r} is not in params.yaml{_suggestion(name, self.variants)}")
        return self.variants[name]

    def study(self, name: str) -> Study:
        """Return the study of that name; raise ConfigError if there is none."""
        if name not in self.studies:
            raise ConfigError(f"study {name!r} is not in params.yaml{_suggestion(name, self.studies)}")
        return self.studies[name]


def load(path: Path = Path("params.yaml"), root: Path = Path()) -> Params:
    """Read and check `path`, and below `root` what studies have found; raise ConfigError with the first mistake."""
    filled = _filled(_read(path), path, root)
    try:
        params = Params.model_validate_json(json.dumps(filled, default=str))
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first(error, filled)}") from error
    for name, study in params.studies.items():
        try:
            for point in study.grid() if study.sampler.kind == "grid" else study.corners():
                study.variant(point)
        except ValidationError as error:
            raise ConfigError(f"{path}: studies.{name}.space: {_first(error, study.settings_at(point))}") from error
    return params


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is not here: run from the project's root") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected sections with keys, got {raw!r}")
    _check_size(raw, path)
    return raw


def _check_size(raw: dict[str, Any], path: Path) -> None:
    """Raise ConfigError for what aliases have made endless or huge, and for keys that are no names."""
    todo: list[Any] = [raw]
    for count, section in enumerate(todo):
        if count > _LARGEST:
            raise ConfigError(f"{path}: more than {_LARGEST} sections, or one within itself")
        for key in section if isinstance(section, dict) else ():
            if not isinstance(key, str):
                raise ConfigError(f"{path}: key {key!r}: expected a name")
        items = section.values() if isinstance(section, dict) else section
        todo.extend(item for item in items if isinstance(item, (dict, list)))


def _filled(raw: dict[str, Any], path: Path, root: Path) -> dict[str, Any]:
    """Return `raw` with `defaults.<task>` merged under the settings of each variant and study."""
    defaults = _rows(raw, "defaults", path)
    variants = {
        name: row | {"settings": _settings(row, _task_defaults(row, defaults, where), where)}
        for name, row, where in _each(_rows(raw, "variants", path), f"{path}: variants")
    }
    studies = {name: _study(row, defaults, where) for name, row, where in _each(raw.get("studies"), f"{path}: studies")}
    searched: dict[str, str] = {}
    for name, row, where in _each(raw.get("searched"), f"{path}: searched"):
        if name in variants:
            raise ConfigError(f"{where}: there is a variant of that name")
        if not isinstance(row.get("best"), str):
            raise ConfigError(f"{where}.best: got {row.get('best')!r}, expected the file that a study leaves")
        found = root / row["best"]
        searched[name] = str(found)
        if not found.is_file():
            continue
        best = _settings(_read(found), _task_defaults(row, defaults, where), str(found))
        rest = {key: value for key, value in row.items() if key != "best"}
        variants[name] = rest | {"settings": _settings(row, best, where)}
    others = {key: value for key, value in raw.items() if key not in {"defaults", "searched"}}
    return others | {"variants": variants, "studies": studies, "searched": searched}


def _rows(raw: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    rows = raw.get(key)
    if not isinstance(rows, dict) or not rows:
        raise ConfigError(f"{path}: {key}: expected named rows, got {rows!r}")
    return rows


def _each(rows: Any, where: str) -> Iterator[tuple[str, dict[str, Any], str]]:  # noqa: ANN401 (not yet checked)
    """Yield name, row and place of each row."""
    if not isinstance(rows, dict):
        raise ConfigError(f"{where}: expected named rows, got {rows!r}")
    for name, row in rows.items():
        if not isinstance(row, dict):
            raise ConfigError(f"{where}.{name}: expected keys with values, got {row!r}")
        yield str(name), row, f"{where}.{name}"


def _task_defaults(row: dict[str, Any], defaults: dict[str, Any], where: str) -> dict[str, Any]:
    task = row.get("task")
    if not isinstance(task, str) or task not in defaults:
        raise ConfigError(f"{where}.task: got {task!r}, expected one of {', '.join(map(str, defaults))}")
    if not isinstance(defaults[task], dict):
        raise ConfigError(f"{where}: defaults.{task}: expected keys with values, got {defaults[task]!r}")
    return dict(defaults[task])


def _settings(row: dict[str, Any], base: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the row's settings over `base`."""
    settings = row.get("settings")
    if not isinstance(settings, dict):
        raise ConfigError(f"{where}.settings: expected keys that differ from the defaults, got {settings!r}")
    return merged(base, settings)


def _study(row: dict[str, Any], defaults: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a study's row with its space flat and its settings over the defaults."""
    rest = {key: value for key, value in row.items() if key != "settings"}
    base = _settings(row, _task_defaults({"task": "warwick"}, defaults, where), where)
    return rest | {"space": _dimensions(row.get("space"), f"{where}.space"), "base": base}


def _dimensions(space: Any, where: str, prefix: str = "") -> dict[str, Any]:  # noqa: ANN401 (not yet checked)
    """Return the dimensions of a space, by dotted key: a list of choices, or a range."""
    if not isinstance(space, dict):
        raise ConfigError(f"{where}: expected a list of choices, or low, high and log of a range, got {space!r}")
    found: dict[str, Any] = {}
    for key, value in space.items():
        name = f"{prefix}{key}"
        if isinstance(value, list):
            found[name] = {"kind": "choices", "choices": value}
        elif isinstance(value, dict) and {"low", "high"} & value.keys():
            found[name] = {"kind": "range", **value}
        else:
            found |= _dimensions(value, f"{where}.{key}", f"{name}.")
    return found


def _first(error: ValidationError, content: dict[str, Any]) -> str:
    details = error.errors()
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return _sentence(details[0], content) + more


def _sentence(detail: ErrorDetails, content: dict[str, Any]) -> str:
    key = ".".join(_written(detail["loc"], content))
    if detail["type"] == "extra_forbidden":
        known = {name for model in _models() for name in model.model_fields}
        return f"{key}: unknown key{_suggestion(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"{key}: missing, and nothing is defaulted"
    return f"{key}: got {detail['input']!r}: {detail['msg'].removeprefix('Value error, ')}"


def _written(place: Sequence[str | int], content: Any) -> Iterator[str]:  # noqa: ANN401 (whatever the file holds)
    """Yield the keys of `place` that the file has: a discriminated union puts the tag it chose between them."""
    entered = False
    for part in place:
        if entered and isinstance(content, dict) and part in (content.get("kind"), content.get("task")):
            entered = False
            continue
        yield str(part)
        entered = True
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            content = None


def _models() -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = [Strict]
    for model in found:
        found.extend(model.__subclasses__())
    return found


def _suggestion(name: str, known: Any) -> str:  # noqa: ANN401 (any collection of names)
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
