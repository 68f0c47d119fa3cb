"""What a change of a value means where it is nested: an option of a union, an item of an array, a closed object."""

from __future__ import annotations

from typing import Any

import pytest
from reporter import spec_rest
from reporter.changes import Change
from reporter.merging import merge
from reporter.spec_changes import SpecComparison
from reporter.specification import Specification

Node = dict[str, Any]
TEXT, WHOLE, REAL = ({"type": kind} for kind in ("string", "integer", "number"))
UUID = {"type": "string", "pattern": "^[0-9a-f-]{36}$"}
DIGITS = {"type": "string", "pattern": "^[0-9]+$"}


def union(*options: Node) -> Node:
    return {"anyOf": list(options)}


def array(items: Node) -> Node:
    return {"type": "array", "items": items}


def model(free: bool | None = None, **members: Node) -> Node:
    node: Node = {"type": "object", "properties": members or {"a": TEXT}}
    return node if free is None else node | {"additionalProperties": free}


def document(given: Node, answered: Node) -> Node:
    """One call that takes `x` in its body and answers with an `x`."""
    body = {"application/json": {"schema": {"type": "object", "properties": {"x": given}}}}
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    call = {
        "operationId": "find",
        "tags": ["things"],
        "summary": "Find",
        "x-capture": {"page": "https://example.invalid/page", "date": "2026-11-21", "extent": "full"},
        "x-idempotent": {"value": True, "reason": "it reads"},
        "requestBody": {"required": True, "content": body},
        "responses": {"200": {"description": "the thing", "content": answer}},
    }
    thing = {"type": "object", "properties": {"x": answered}}
    return {"openapi": "3.1.0", "paths": {"/": {"post": call}}, "components": {"schemas": {"Thing": thing}}}


def changed(old: Node, new: Node, *, given: bool = True) -> list[Change]:
    before, after = (
        Specification(document(*((node, TEXT) if given else (TEXT, node))), "shop_client", "shop.yaml")
        for node in (old, new)
    )
    bound = {("shop_client", "find"): "client.find"}
    return merge([*SpecComparison(before, after, bound, bound).changes(), *spec_rest.compare(before, after)], [], [])


# Old, new, and for each change whether it breaks callers that give it and a piece of the reason.
CASES: dict[str, tuple[Node, Node, list[tuple[bool, str]]]] = {
    "a list of types as a union": ({"type": ["string", "array"], "items": TEXT}, union(TEXT, array(TEXT)), []),
    "pattern of an option": (
        union(TEXT, array(TEXT)),
        union(UUID, array(TEXT)),
        [(True, "unless they match the pattern, where it is a string")],
    ),
    "pattern of an option dropped": (
        union(UUID, array(TEXT)),
        union(TEXT, array(TEXT)),
        [(False, "any string is accepted, where it is a string")],
    ),
    "range of an option": (
        union(WHOLE, TEXT),
        union(WHOLE | {"minimum": 3}, TEXT),
        [(True, "values that were accepted are rejected, where it is an integer")],
    ),
    "values of an option": (
        union(TEXT | {"enum": ["a", "b"]}, WHOLE),
        union(TEXT | {"enum": ["a"]}, WHOLE),
        [(True, "calls that pass it are rejected, and type checkers report them, where it is a string")],
    ),
    "pattern of the items of an option": (
        union(TEXT, array(TEXT)),
        union(TEXT, array(UUID)),
        [(True, "unless they match the pattern, where it is an array, each item a string")],
    ),
    "pattern of an option of the items": (
        array(union(TEXT, WHOLE)),
        array(union(UUID, WHOLE)),
        [(True, "unless they match the pattern, where it is a string")],
    ),
    "pattern of the items of the items": (array(array(TEXT)), array(array(UUID)), [(True, "unless they match")]),
    "options of one type in another order": (union(UUID, DIGITS), union(DIGITS, UUID), []),
    "one option of two of a type narrower": (
        union(TEXT | {"enum": ["any"]}, DIGITS),
        union(DIGITS | {"pattern": "^[0-9]{2}$"}, TEXT | {"enum": ["any"]}),
        [(True, "no longer matches everything it did, where it is a string")],
    ),
    "an option of two of a type gone": (
        union(UUID, DIGITS),
        UUID,
        [(True, "a string is no longer accepted")],
    ),
    "an option gone that another takes": (union(TEXT, DIGITS), TEXT, [(False, "the types in Python stay the same")]),
    "an option that goes on as one of several": (
        TEXT,
        union(UUID, DIGITS),
        [(True, "unless they match the pattern, where it is a string"), (False, "the types in Python stay the same")],
    ),
    "an option more": (TEXT, union(TEXT, WHOLE), [(False, "the types in Python stay the same")]),
    "whole numbers": (union(REAL, TEXT), union(WHOLE, TEXT), [(True, "numbers with a fraction are rejected")]),
    "numbers with a fraction": (WHOLE, REAL, [(False, "the types in Python stay the same")]),
    "text to a time": (TEXT, TEXT | {"format": "date-time"}, [(True, "unless they are timestamps")]),
    "text to a date": (TEXT, TEXT | {"format": "date"}, [(True, "unless they are dates")]),
    "text to a UUID": (TEXT, TEXT | {"format": "uuid"}, [(True, "unless they are UUIDs")]),
    "text with a pattern to a time": (UUID, TEXT | {"format": "date-time"}, [(True, "unless they are timestamps")]),
    "a time to a date": (
        TEXT | {"format": "date-time"},
        TEXT | {"format": "date"},
        [(True, "unless they are dates")],
    ),
    "items to times": (array(TEXT), array(TEXT | {"format": "date-time"}), [(True, "unless they are timestamps")]),
    "an option to a time": (
        union(TEXT, WHOLE),
        union(TEXT | {"format": "date"}, WHOLE),
        [(True, "unless they are dates")],
    ),
    "a date to text": (TEXT | {"format": "date"}, TEXT, [(False, "the types in Python stay the same")]),
    "an object closed": (
        model(True),
        model(),
        [(True, "undocumented properties are rejected")],
    ),
    "an object of an array closed": (
        array(model(True)),
        array(model(False)),
        [(True, "undocumented properties are rejected")],
    ),
    "an object opened": (model(), model(True), [(False, "undocumented properties are accepted")]),
    "a free object documented": (
        {"type": "object"},
        model(),
        [(True, "objects with undocumented properties are rejected")],
    ),
    "items masked": (array(TEXT), array(TEXT | {"x-sensitive": True}), [(False, "it is now masked in logs")]),
    "an option masked": (
        union(TEXT, WHOLE),
        union(TEXT | {"x-sensitive": True}, WHOLE),
        [(False, "and reprs, where it is a string")],
    ),
    "the whole masked": (
        {"type": ["string", "integer"]},
        {"type": ["string", "integer"], "x-sensitive": True},
        [(False, "it is now masked in logs, errors and reprs")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_within_a_value_that_is_given(case: str) -> None:
    old, new, expected = CASES[case]
    changes = changed(old, new)
    assert [change.breaking for change in changes] == [breaking for breaking, _ in expected], changes
    for change, (_, reason) in zip(changes, expected, strict=True):
        assert reason in change.reason
        assert change.area != "specification"


@pytest.mark.parametrize("case", CASES)
def test_none_of_it_breaks_where_it_only_comes_in_answers(case: str) -> None:
    old, new, _ = CASES[case]
    assert not any(change.breaking for change in changed(old, new, given=False))


def test_the_models_of_options_are_told_apart() -> None:
    """As the generator calls them."""
    one, other = model(a=TEXT), model(a=TEXT, b=WHOLE)
    (change,) = changed(union(one, other), union(model(a=UUID), other))
    assert (change.name, change.breaking) == ("FindBodyXType0.a", True)


def test_a_sid_in_an_option_is_told_once() -> None:
    def made(pattern: str) -> Specification:
        node = document(union({"$ref": "#/components/schemas/BookSid"}, array(TEXT)), TEXT)
        node["components"]["schemas"]["BookSid"] = {"type": "string", "pattern": pattern}
        return Specification(node, "shop_client", "shop.yaml")

    bound = {("shop_client", "find"): "client.find"}
    comparison = SpecComparison(made("^BK[0-9]+$"), made("^BK[0-9]{4}$"), bound, bound)
    (change,) = comparison.changes()
    assert (change.area, change.breaking, change.where) == ("sid", True, ("client.find",))


def test_what_no_model_tells_of_closed_objects_is_still_told() -> None:
    before, after = document(TEXT, TEXT), document(TEXT, TEXT)
    body = after["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    body["additionalProperties"] = False
    old, new = (Specification(node, "shop_client", "shop.yaml") for node in (before, after))
    (change,) = spec_rest.compare(old, new)
    assert (change.area, change.name) == ("specification", "find: requestBody.additionalProperties")
