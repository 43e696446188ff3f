"""Mistakes in params.yaml in one line: which key, which value, what was expected."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dl4ia.base.registry import suggestion
from dl4ia.base.schema import Strict


def first_error(error: ValidationError, content: dict[str, Any]) -> str:
    """Return the first mistake in `content`, and how many more there are."""
    details = error.errors()
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return _sentence(details[0], content) + more


def _sentence(detail: ErrorDetails, content: dict[str, Any]) -> str:
    key = ".".join(_written(detail["loc"], content))
    match detail["type"]:
        case "extra_forbidden":
            name = str(detail["loc"][-1])
            known = {name for model in _models() for name in model.model_fields}
            elsewhere = " here; docs/variants.md says where it belongs"
            return f"{key}: unknown key{elsewhere if name in known else suggestion(name, known)}"
        case "missing":
            return f"{key}: missing, and it has no default"
        case "misfit":
            prefix = f"{key}." if key else ""
            return f"{prefix}{detail['ctx']['key']}: {detail['msg']}"
        case "kind":
            return f"{key}: {detail['msg']}"
    reason = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):  # of a whole section, which is long
        return f"{key}: {reason}"
    return f"{key}: got {detail['input']!r}: {reason}"


def _written(place: Sequence[str | int], content: Any) -> Iterator[str]:  # noqa: ANN401 (whatever the file holds)
    """Yield the keys of `place` that the file has: a discriminated union puts the tag it chose between them."""
    entered = False
    for part in place:
        if entered and isinstance(content, dict) and part == content.get("kind"):
            entered = False
            continue
        yield str(part)
        entered = True
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            content = None


def _models() -> list[type[BaseModel]]:
    models: list[type[BaseModel]] = [Strict]
    for model in models:
        models.extend(model.__subclasses__())
    return models
