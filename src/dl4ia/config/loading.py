"""Reading params.yaml: sections merged over their defaults, then validated as a whole."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError, YAMLWarning

from dl4ia.base.errors import ConfigError
from dl4ia.config.datasets import with_datasets
from dl4ia.config.messages import first_error
from dl4ia.config.params import Params
from dl4ia.config.sections import merged
from dl4ia.tasks import TASKS

Section = dict[str, Any]

# Settings that all trials of a study share, and the keys of the study that decide them.
_OWN = {"seeds": "seed", "iterations": "iterations", "evaluate_every": "evaluate_every", "split": "objective"}


def load(path: Path = Path("params.yaml"), root: Path = Path()) -> Params:
    """Read and check `path`, and below `root` what studies wrote; raise ConfigError with the first mistake."""
    raw = read(path)
    unknown = raw.keys() - {*Params.model_fields, "defaults", "finals"}
    if unknown:
        raise ConfigError(f"{path}: {min(unknown)}: unknown section")
    filled = _filled(with_datasets(raw, path), path, root)
    try:
        params = Params.model_validate_json(json.dumps(filled, default=str))
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_error(error, filled)}{_origin(error, filled)}") from error
    for name, study in params.studies.items():
        for point in study.grid() if study.sampler.kind == "grid" else study.corners():
            try:
                study.variant(point)
            except ValidationError as error:
                reason = first_error(error, study.settings_at(point))
                raise ConfigError(f"{path}: studies.{name}.space: {reason}") from error
    return params


def _origin(error: ValidationError, filled: Section) -> str:
    """Return where the settings of the variant come from in which the first mistake is, unless from the file itself."""
    section, *place = error.errors()[0]["loc"] or ("",)
    best = filled["searched"].get(place[0]) if section == "variants" and place else None
    return f" (its settings come from {best})" if best else ""


def read(path: Path) -> Section:
    """Read a file of named sections; raises ConfigError."""
    try:
        with warnings.catch_warnings(action="error", category=YAMLWarning):  # an anchor that is named twice
            raw = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8-sig"))
        json.dumps(raw, default=str)  # a section that contains itself has no end
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is missing: run from the project's root") from error
    except (YAMLError, YAMLWarning, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise ConfigError(f"{path}: expected named sections, got {str(raw)[:80]}")
    return raw


def _filled(raw: Section, path: Path, root: Path) -> Section:
    """Return `raw` with the defaults of its task under the settings of each variant and study."""
    variants = {name: _filled_row(raw, row, where) for name, row, where in rows(raw, "variants", path)}
    searched = {}
    for name, row, where in rows(raw, "searched", path):
        if name in variants:
            raise ConfigError(f"{where}: there is a variant of that name")
        if not isinstance(row.get("best"), str):
            raise ConfigError(f"{where}.best: got {row.get('best')!r}, expected the file that a study writes")
        searched[name] = row["best"]
        best = root / row["best"]
        if best.is_file():
            variants[name] = _filled_row(raw, row, where, _section(read(best), "settings", str(best)))
    studies = {name: _filled_study(raw, row, where) for name, row, where in rows(raw, "studies", path)}
    for name, row, where in rows(raw, "finals", path):
        if name in studies:
            raise ConfigError(f"{where}: there is a study of that name")
        studies[name] = _filled_study(raw, _final(raw, row, where), where)
    for section in ("ensembles", "published"):
        for _, row, where in rows(raw, section, path):
            if not isinstance(row.get("task"), str) or row["task"] not in TASKS:
                raise ConfigError(f"{where}.task: got {row.get('task')!r}, expected one of {', '.join(TASKS)}")
    others = {key: value for key, value in raw.items() if key not in ("defaults", "finals")}
    return others | {"variants": variants, "searched": searched, "studies": studies}


def rows(raw: Section, key: str, path: Path) -> Iterator[tuple[str, Section, str]]:
    """Yield name, row and place of each row of a section, which may be missing."""
    rows = {} if raw.get(key) is None else _section(raw, key, str(path))
    for name, row in rows.items():
        if not isinstance(row, dict):
            raise ConfigError(f"{path}: {key}.{name}: expected keys with values, got {row!r}")
        yield str(name), row, f"{path}: {key}.{name}"


def _section(parent: Section, key: str, where: str) -> Section:
    section = parent.get(key)
    if not isinstance(section, dict):
        raise ConfigError(f"{where}: {key}: expected keys with values, got {section!r}")
    return section


def _filled_row(raw: Section, row: Section, where: str, best: Section | None = None) -> Section:
    """Return the row with its settings over `best`, those over the task's defaults, and the task's seeds."""
    settings = merged(merged(_defaults(raw, row, where), best or {}), _section(row, "settings", where))
    return row | {"settings": settings}


def _defaults(raw: Section, row: Section, where: str) -> Section:
    task, defaults, seeds = row.get("task"), raw.get("defaults"), raw.get("seeds")
    for key, section in (("defaults", defaults), ("seeds", seeds)):
        if not isinstance(section, dict):
            raise ConfigError(f"{where.partition(':')[0]}: {key}: expected a value for each task, got {section!r}")
        if not isinstance(task, str) or task not in section:
            raise ConfigError(f"{where}.task: got {task!r}, expected one of {', '.join(map(str, section))} ({key})")
    return _section(dict(defaults or {}), str(task), where) | {"seeds": (seeds or {})[task]}


def _filled_study(raw: Section, row: Section, where: str) -> Section:
    """Return a study's row with its space flat and its settings over the defaults."""
    base = merged(_defaults(raw, row, where), _section(row, "settings", where))
    for section in ("space", "settings"):
        keys = row.get(section)
        for key in keys if isinstance(keys, dict) else ():
            if (own := str(key).partition(".")[0]) in _OWN:
                raise ConfigError(f"{where}.{section}.{key}: a study takes it from its own `{_OWN[own]}`: set that")
    rest = {key: value for key, value in row.items() if key != "settings"}
    return rest | {"space": _dimensions(row.get("space"), f"{where}.space"), "base": base}


def _final(raw: Section, row: Section, where: str) -> Section:
    """Return the row of a study of the best points of the study `of`, of which it has what it does not state itself."""
    studies, of = raw.get("studies") or {}, row.get("of")
    if not isinstance(of, str) or of not in studies:
        raise ConfigError(f"{where}.of: got {of!r}, expected one of the studies {', '.join(map(str, studies))}")
    own = {key: value for key, value in row.items() if key != "of"}
    return {**_section(studies, of, where), **own, "sampler": {"kind": "best-of", "study": of}}


def _dimensions(space: Any, where: str, prefix: str = "") -> Section:  # noqa: ANN401 (not yet checked)
    """Return the dimensions of a space, by dotted key: a list of choices, or a range."""
    if not isinstance(space, dict):
        raise ConfigError(f"{where}: expected a list of choices, or low, high and log of a range, got {space!r}")
    dimensions: Section = {}
    for key, value in space.items():
        name = f"{prefix}{key}"
        if isinstance(value, list):
            dimensions[name] = {"kind": "choices", "choices": value}
        elif isinstance(value, dict) and {"low", "high"} & value.keys():
            dimensions[name] = {"kind": "range", **value}
        else:
            dimensions |= _dimensions(value, f"{where}.{key}", f"{name}.")
    return dimensions
