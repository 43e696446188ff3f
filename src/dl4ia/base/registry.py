"""Registries: the extension points. A new network, loss or schedule is one file that registers its schema."""

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar, get_args

from pydantic import WrapValidator
from pydantic_core import PydanticCustomError

from dl4ia.base.schema import Strict

Schema = TypeVar("Schema", bound=Strict)


class Registry(Generic[Schema]):
    """Schemas of one kind of thing by the value of their `kind`.

    A field of a section of params.yaml takes any registered schema, those registered later included:
    `network: SerializeAsAny[Annotated[NetworkConfig, NETWORKS.validator]]`.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._schemas: dict[str, type[Schema]] = {}

    def register(self, schema: type[Schema]) -> type[Schema]:
        """Add a schema under its `kind: Literal[...]`; a class decorator."""
        (kind,) = get_args(schema.model_fields["kind"].annotation)
        self._schemas[kind] = schema
        return schema

    def __getitem__(self, kind: str) -> type[Schema]:
        return self._schemas[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._schemas)

    @property
    def validator(self) -> WrapValidator:
        """The pydantic annotation that validates a section by the schema that its `kind` names."""
        return WrapValidator(self._validate)

    def _validate(self, value: Any, _inner: Any) -> Schema:  # noqa: ANN401 (whatever the file holds)
        if isinstance(value, Strict):
            return value  # type: ignore[return-value]  # already validated by its own class
        if not isinstance(value, dict) or "kind" not in value:
            raise _error(f"expected a section with `kind`, one of {', '.join(self)}")
        kind = value["kind"]
        if not isinstance(kind, str) or kind not in self._schemas:
            close = suggestion(str(kind), self)
            raise _error(f"unknown {self.what} {kind!r}{close}; expected one of {', '.join(self)}")
        return self._schemas[kind].model_validate_json(json.dumps(value))


def _error(message: str) -> PydanticCustomError:
    return PydanticCustomError("kind", "{message}", {"message": message})


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of the known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
