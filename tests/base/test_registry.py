from typing import Annotated, Literal

import pytest
from pydantic import SerializeAsAny, ValidationError

from dl4ia.base.registry import Registry
from dl4ia.base.schema import Strict


class Shape(Strict):
    kind: str


SHAPES: Registry[Shape] = Registry("shape")


@SHAPES.register
class Circle(Shape):
    kind: Literal["circle"]
    radius: int
    colour: str = "red"


class Drawing(Strict):
    shape: SerializeAsAny[Annotated[Shape, SHAPES.validator]]


def test_a_section_is_read_by_the_schema_that_its_kind_names():
    drawing = Drawing.model_validate_json('{"shape": {"kind": "circle", "radius": 2}}')
    assert drawing.shape == Circle(kind="circle", radius=2)
    assert drawing.model_dump(exclude_defaults=True) == {"shape": {"kind": "circle", "radius": 2}}


def test_a_schema_that_is_registered_later_is_known():
    @SHAPES.register
    class Square(Shape):
        kind: Literal["square"]

    assert Drawing.model_validate_json('{"shape": {"kind": "square"}}').shape == Square(kind="square")


@pytest.mark.parametrize(
    ("shape", "place", "message"),
    [
        ('{"kind": "cirle"}', ("shape",), "unknown shape 'cirle'; did you mean 'circle'?; expected one of circle"),
        ('{"kind": "circle", "radius": "2"}', ("shape", "radius"), "Input should be a valid integer"),
        ('{"radius": 2}', ("shape",), "expected a section with `kind`, one of circle"),
        ("3", ("shape",), "expected a section with `kind`, one of circle"),
        ('{"kind": ["circle"]}', ("shape",), "unknown shape"),
    ],
)
def test_a_mistake_is_at_its_own_place(shape, place, message):
    with pytest.raises(ValidationError) as raised:
        Drawing.model_validate_json(f'{{"shape": {shape}}}')
    (error,) = raised.value.errors()
    assert error["loc"] == place
    assert error["msg"].startswith(message)
