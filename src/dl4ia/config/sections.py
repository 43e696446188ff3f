"""Sections of params.yaml: nested as they are written, or flat with dotted keys."""

from collections.abc import Mapping
from typing import Any


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested sections as one, with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in nested.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted keys as the sections that they stand for."""
    result: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, last = key.split(".")
        place = result
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    return result


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge key by key; a section of another `kind` replaces the one it overrides."""
    result = dict(base)
    for key, value in over.items():
        below = base.get(key)
        if isinstance(value, dict) and isinstance(below, dict) and value.get("kind") in (None, below.get("kind")):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result
