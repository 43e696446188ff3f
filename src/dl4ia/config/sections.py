"""Sections of params.yaml: nested as they are written, or flat with dotted keys.

A list of sections of different `kind` (augmentations) is addressed by kind: `augmentation.affine.degrees`. Flat, it is
also there as the list of its kinds, some of which have no settings: `augmentation`.
"""

from collections.abc import Mapping
from typing import Any

from dl4ia.base.errors import ConfigError


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested sections as one, with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in nested.items():
        sections = _by_kind(value)
        if sections is None or isinstance(value, list):
            result[f"{prefix}{key}"] = value if sections is None else list(sections)
        if sections is not None:
            result |= flat(sections, f"{prefix}{key}.")
    return result


def _by_kind(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 (any value of a section)
    """Return the sections that a value has: itself, or those of a list by their kinds; None if it has none."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not all(isinstance(each, dict) and _has_kind(each) for each in value):
        return None
    sections = {each["kind"]: {key: part for key, part in each.items() if key != "kind"} for each in value}
    return sections if 0 < len(sections) == len(value) else None


def _has_kind(section: Mapping[str, Any]) -> bool:
    return isinstance(section.get("kind"), str)


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted keys as the sections that they stand for; raise ConfigError where one is a value, too."""
    result: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, last = key.split(".")
        place = result
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ConfigError(f"{key}: {section} is a value of its own here, {place!r}: set one of the two")
        if isinstance(place.get(last), dict):
            raise ConfigError(f"{key}: got {value!r}, and keys of {last}: set one of the two")
        place[last] = value
    return result


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge key by key; a section of another `kind` replaces the one it overrides.

    Sections over a list are merged with its items of their kinds; those that it has none of are appended.
    """
    result = dict(base)
    for key, value in over.items():
        below = base.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and value.get("kind") in (None, below.get("kind")):
            result[key] = merged(below, value)
        elif (
            isinstance(value, dict)
            and isinstance(below, list)
            and (sections := _by_kind(below) if below else {}) is not None
        ):
            result[key] = [{"kind": kind, **section} for kind, section in merged(sections, value).items()]
        else:
            result[key] = value
    return result
