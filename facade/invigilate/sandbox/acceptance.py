"""Quick acceptance of valid values.

openapi-core checks a value with jsonschema, which is thorough and takes 65 microseconds for one
row of a report. Nearly everything that passes through the sandbox is valid, so most schemas are
compiled into functions that recognise what is certainly valid. Whatever they do not recognise goes
to jsonschema, which has the last word and finds the words for what is wrong. So an acceptor may be
too strict, and must never be too lax.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, cast

Acceptor = Callable[[Any], bool]

_ANNOTATIONS = {"description", "title", "default", "example", "examples", "deprecated", "$comment"}
_TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    # bool is a subclass of int; comparing exact types keeps it out.
    "number": frozenset({int, float, Decimal}),
    "boolean": frozenset({bool}),
    "null": frozenset({type(None)}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}


class _Unsupported(Exception):
    """The schema uses a keyword that is left to jsonschema."""


def compile_acceptor(schema: dict[str, Any], document: dict[str, Any]) -> Acceptor | None:
    """Compile a schema, in which members that it does not name are not accepted.

    Args:
        schema: the schema.
        document: what `$ref` points into.

    Returns:
        A function that is true for certainly valid values, or None when jsonschema is needed.
    """
    try:
        return _compile(schema, document, ())
    except _Unsupported:
        return None


def _compile(schema: Any, document: dict[str, Any], within: tuple[str, ...]) -> Acceptor:
    if schema is True:
        return _anything
    if not isinstance(schema, dict):
        raise _Unsupported
    keywords = cast("dict[str, Any]", schema)
    checks: list[Acceptor] = []
    for keyword, value in keywords.items():
        if keyword in _ANNOTATIONS or keyword.startswith("x-"):
            continue
        match keyword:
            case "$ref":
                if value in within or not value.startswith("#/"):
                    raise _Unsupported  # recursive, or in another document
                checks.append(_compile(_resolve(value, document), document, (*within, value)))
            case "type":
                # openapi-core takes an object that says nothing of its members for an empty one.
                if "object" in value and not {"properties", "additionalProperties"} & set(keywords):
                    raise _Unsupported
                checks.append(_type_check(value))
            case "enum":
                checks.append(_enum_check(value))
            case "pattern":
                checks.append(_pattern_check(value))
            case "minimum":
                checks.append(_minimum_check(value))
            case "anyOf":
                checks.append(_any_of([_compile(each, document, within) for each in value]))
            case "items":
                checks.append(_items_check(_compile(value, document, within)))
            case "properties":
                checks.append(_members_check(keywords, document, within))
            case "additionalProperties" if value is True:
                pass
            case "required":
                if "properties" not in keywords:
                    raise _Unsupported
            case _:
                raise _Unsupported
    # The type comes first, so that the others meet only values that they can handle.
    checks.sort(key=lambda check: check.__name__ != "has_type")
    if len(checks) == 1:
        return checks[0]
    return lambda value: all(check(value) for check in checks)


def _anything(_value: Any) -> bool:
    return True


def _resolve(reference: str, document: dict[str, Any]) -> Any:
    node: Any = document
    for part in reference[2:].split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def _type_check(names: str | list[str]) -> Acceptor:
    allowed = frozenset[type]().union(*(_TYPES[name] for name in ([names] if isinstance(names, str) else names)))

    def has_type(value: Any) -> bool:
        return type(value) in allowed

    return has_type


def _enum_check(values: list[Any]) -> Acceptor:
    # Numbers are left out: in Python 1 == True.
    texts = frozenset(value for value in values if isinstance(value, str))
    return lambda value: isinstance(value, str) and value in texts


def _pattern_check(pattern: str) -> Acceptor:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _minimum_check(least: float) -> Acceptor:
    return lambda value: not isinstance(value, int | float | Decimal) or bool(value >= least)


def _any_of(choices: list[Acceptor]) -> Acceptor:
    return lambda value: any(choice(value) for choice in choices)


def _items_check(item: Acceptor) -> Acceptor:
    def has_items(value: Any) -> bool:
        if not isinstance(value, list):
            return True
        return all(map(item, cast("Iterable[Any]", value)))

    return has_items


def _members_check(schema: dict[str, Any], document: dict[str, Any], within: tuple[str, ...]) -> Acceptor:
    members = {name: _compile(member, document, within) for name, member in schema["properties"].items()}
    required = frozenset(schema.get("required", ()))
    unnamed = _anything if schema.get("additionalProperties") is True else None

    def has_members(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        given = cast("dict[str, Any]", value)
        if not required <= given.keys():
            return False
        for name, member in given.items():
            check = members.get(name, unnamed)
            if check is None or not check(member):
                return False
        return True

    return has_members
