"""Strict JSON: every key is known and there, every value has its type."""

import json
from collections.abc import Mapping
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from .errors import SpaceError

T = TypeVar("T")
REWRITE = "write the file again with this version"


def parse_strict(
    text: str | bytes,
    adapter: TypeAdapter[T],
    *,
    what: str,
    later: Mapping[str, Mapping[str, object]] = {},
) -> T:
    """The object that a JSON text holds. Raises SpaceError naming place, value, rule and remedy.

    later: by an object's key, "" for the text's own, fields that came later and what it means that
    they are absent.
    """
    if later:
        text = _filled(text, later)
    try:
        found = adapter.validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        raise SpaceError(f"{what}: {explained(error)}") from error
    absent = _absent_key(json.loads(text), adapter.dump_python(found, mode="json"))
    if absent is not None:
        raise SpaceError(f"{what}: {absent} is missing; {REWRITE}")
    return found


def parse_known(text: str | bytes, adapter: TypeAdapter[T], *, what: str) -> T:
    """The same where other keys may be there, and defaults stand for absent ones."""
    try:
        return adapter.validate_json(text, strict=True)
    except ValidationError as error:
        raise SpaceError(f"{what}: {explained(error)}") from error


def dump_strict(found: T, adapter: TypeAdapter[T]) -> str:
    """The JSON text of an object, as `parse_strict` reads it."""
    return json.dumps(adapter.dump_python(found, mode="json"), indent=1) + "\n"


def _filled(text: str | bytes, later: Mapping[str, Mapping[str, object]]) -> str | bytes:
    """The text with absent fields; what is no object of objects is left for others to refuse."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(found, dict):
        return text
    for key, fields in later.items():
        if not key:
            found = {**fields, **found}
        elif isinstance(found.get(key), dict):
            found[key] = {**fields, **found[key]}
    return json.dumps(found)


def explained(error: ValidationError, *, remedy: str = REWRITE) -> str:
    """The first broken rule: our own error as it is, others with place, value and remedy."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    place = ".".join(str(part) for part in first["loc"]) or "the text"
    told = first["type"] in ("missing", "json_invalid")
    value = "" if told else f" is {first['input']!r:.80}"
    return f"{place}{value}: {first['msg']}; {remedy}"


def _absent_key(raw: object, full: object) -> str | None:
    """The path of the first key that a default would fill: files must not depend on defaults."""
    if isinstance(full, dict) and isinstance(raw, dict):
        for key, value in full.items():
            if key not in raw:
                return str(key)
            below = _absent_key(raw[key], value)
            if below is not None:
                return f"{key}.{below}"
    if isinstance(full, list) and isinstance(raw, list):
        for number, (raw_item, item) in enumerate(zip(raw, full, strict=True)):
            below = _absent_key(raw_item, item)
            if below is not None:
                return f"{number}.{below}"
    return None
