"""Values from a spec: its examples, or what its schemas allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .documents import Document, OperationEntry
from .json_values import is_object

JSON = "application/json"
_DEEPEST = 8
_FORMATS = {
    "date-time": "2026-01-12T09:00:00Z",
    "date": "2026-01-12",
    "time": "09:00:00Z",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "uri": "https://www.example.com/",
    "email": "ada@example.com",
}
_SIMPLE_PATTERN = re.compile(r"\^?(\w*)\[(\w)[^\]]*\]\{(\d+)(?:,\d*)?\}(?:\$|\\Z)?")


def success_media(document: Document, entry: OperationEntry) -> dict[str, Any] | None:
    """The JSON media type object of an operation's successful response; None when it has no JSON body."""
    responses = {str(status): node for status, node in document.operation(entry)["responses"].items()}
    for status in sorted(responses, key=lambda each: (not each.startswith("2"), each)):
        if status.startswith("2") or status == "default":
            found = document.resolve(responses[status]).get("content", {}).get(JSON)
            return None if found is None else dict(found)
    return None


def example_of(document: Document, media: Mapping[str, Any]) -> Any:
    """The example of a media type object, or a value built from its schema."""
    if "example" in media:
        return media["example"]
    for each in media.get("examples", {}).values():
        return document.resolve(each).get("value")
    return build(document, media.get("schema", {}))


def build(document: Document, schema: dict[str, Any], depth: int = 0) -> Any:
    """Build a value that a schema allows, from its examples where it has some."""
    schema = document.resolve(schema)
    for name in ("example", "default", "const"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    for name in ("anyOf", "oneOf"):
        if schema.get(name):
            return build(document, schema[name][0], depth + 1)
    if "allOf" in schema:
        merged: dict[str, Any] = {}
        for each in (build(document, part, depth + 1) for part in schema["allOf"]):
            if is_object(each):
                merged.update(each)
        return merged
    types = schema.get("type", "object" if "properties" in schema else "string")
    first = types if isinstance(types, str) else next((each for each in types if each != "null"), "null")
    return _of_type(document, first, schema, depth)


def _of_type(document: Document, type_: str, schema: Mapping[str, Any], depth: int) -> Any:
    match type_:
        case "object":
            required = schema.get("required", ())
            return {
                name: build(document, each, depth + 1)
                for name, each in schema.get("properties", {}).items()
                if depth < _DEEPEST or name in required
            }
        case "array":
            number = max(schema.get("minItems", 0), 0 if depth >= _DEEPEST else 1)
            return [build(document, schema.get("items", {}), depth + 1) for _ in range(number)]
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema)


def _number(schema: Mapping[str, Any]) -> int | float:
    least: int | float = schema.get("minimum", 1)
    if "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
    most: int | float = schema.get("maximum", least)
    return min(least, most)


def _string(schema: Mapping[str, Any]) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    simple = _SIMPLE_PATTERN.fullmatch(schema.get("pattern", ""))
    if simple is not None:
        return simple[1] + simple[2] * int(simple[3])
    return "string".ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", None)]
