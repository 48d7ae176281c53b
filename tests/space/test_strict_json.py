"""Strict JSON names what is wrong."""

from dataclasses import dataclass

import pytest
from pydantic import TypeAdapter

from space.errors import SpaceError
from space.strict_json import dump_strict, parse_strict


@dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.5


@dataclass(frozen=True)
class Line:
    points: tuple[Point, ...]


ADAPTER = TypeAdapter(Line)


def test_objects_round_trip() -> None:
    line = Line((Point(1, 2.5), Point(-3)))
    assert parse_strict(dump_strict(line, ADAPTER), ADAPTER, what="line") == line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"points": [{"x": 1, "y": 0, "z": 2}]}', "line: points.0.z is 2: Unexpected"),
        ('{"points": [{"x": 1.5, "y": 0}]}', "line: points.0.x is 1.5: .* integer"),
        ('{"points": [{"x": true, "y": 0}]}', "points.0.x is True"),
        ('{"points": [{"y": 0}]}', "points.0.x: "),
        ('{"points": [{"x": 1}]}', "line: points.0.y is missing"),
        ('{"points": 3}', "points is 3"),
        ("[]", r"the text is \[\]"),
        ('{"points"', "line: the text: Invalid JSON"),
    ],
)
def test_broken_rules_are_named(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        parse_strict(text, ADAPTER, what="line")
