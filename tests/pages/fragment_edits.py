"""Edits of the OpenAPI fragment on a Markdown page."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tests.pages.sample_edits import Edit


def edits_of_fragment(text: str) -> Iterator[Edit]:
    """The edits of an OpenAPI fragment on a Markdown page."""
    found = re.search(r"```json\n(.*?)\n```", text, re.S)
    assert found is not None
    document = json.loads(found[1])

    def edit(kind: str, path: Sequence[str | int], value: Any) -> Edit:
        edited = node = copy.deepcopy(document)
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = value
        return (
            kind,
            " ".join(map(str, path)),
            text[: found.start(1)] + json.dumps(edited, indent=2) + text[found.end(1) :],
        )

    for path, node in _nodes(document):
        for kind, value in _changes(path, node):
            yield edit(kind, path, value)


def _nodes(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield path, node
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        if key not in {"example", "examples", "description", "info", "tags"}:
            yield from _nodes(value, (*path, key))


def _renamed(node: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {(new if key == old else key): value for key, value in node.items()}


def _without(node: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != name}


_ADDED: dict[str, Any] = {
    "pattern": "^x$",
    "format": "iban",
    "default": "other",
    "deprecated": True,
    "readOnly": True,
    "multipleOf": 5,
    "maximum": 7,
    "maxLength": 70,
    "additionalProperties": False,
    "not": {"type": "null"},
}
_Change = tuple[str, Any]
"""The kind of a change, and what stands there after it."""


def _changes(path: tuple[str | int, ...], node: Any) -> Iterator[_Change]:
    key = path[-1] if path else ""
    if path == ("paths",):
        (name,) = node
        (method,) = (item for item in node[name] if item != "parameters")
        yield "path", _renamed(node, name, name.replace("crossings", "sailings"))
        yield "method", {name: _renamed(node[name], method, "patch")}
    elif path == ("servers",):
        yield "host", [{"url": node[0]["url"].replace("//", "//eu.")}]
        yield "host", [*node, {"url": "https://eu.ferries.example"}]
    elif path[:-1] == ("components", "securitySchemes"):
        yield "credential", {**node, "name": "key"}
        yield "credential", {**node, "in": "query"}
        yield "credential", {"type": "http", "scheme": "bearer"}
    elif key == "parameters":
        for at, item in enumerate(node):
            yield "parameter: removed", [*node[:at], *node[at + 1 :]]
            yield "parameter: renamed", [*node[:at], {**node[at], "name": "other"}, *node[at + 1 :]]
            yield (
                "parameter: added",
                [*node[:at], {"name": "new", "in": "query", "schema": {"type": "string"}}, *node[at:]],
            )
            place = "header" if item["in"] == "query" else "query"
            yield (
                "parameter: location",
                [*node[:at], {**node[at], "in": place}, *node[at + 1 :]],
            )
            yield (
                "required",
                [*node[:at], {**node[at], "required": not node[at].get("required")}, *node[at + 1 :]],
            )
            yield (
                "deprecated",
                [*node[:at], {**node[at], "deprecated": not node[at].get("deprecated")}, *node[at + 1 :]],
            )
            yield "parameter: style", [*node[:at], {**node[at], "explode": False}, *node[at + 1 :]]
    elif key == "requestBody":
        yield "required", {**node, "required": not node.get("required")}
    elif key == "responses":
        for name in node:
            yield "status: removed", _without(node, name)
            yield "status: changed", _renamed(node, name, "423")
            yield "status: added", {**node, "423": {"description": "Locked."}}
    elif key == "content":
        for name in node:
            yield "media type", _renamed(node, name, "text/json")
            yield "media type", {**node, "text/json": node[name]}
    elif key == "properties":
        for name in node:
            yield "field: removed", _without(node, name)
            yield "field: renamed", _renamed(node, name, f"{name}X")
            yield (
                "field: added",
                {name: node[name], "brandNew": {"type": "string"}, **_without(node, name)},
            )
        if len(node) > 1:
            yield "field: order", dict(reversed(node.items()))
    elif isinstance(node, dict) and ({"type", "anyOf", "$ref"} & node.keys()) and "securitySchemes" not in path:
        for kind, change in _schema_changes(node):
            # What a parameter states of itself, its schema need not state again.
            if not (key == "schema" and "parameters" in path and kind.startswith("deprecated")):
                yield kind, change


def _schema_changes(node: dict[str, Any]) -> Iterator[_Change]:
    type_ = node.get("type")
    if type_ == "null":
        return
    if isinstance(type_, str):
        yield "null", {**node, "type": [type_, "null"]}
        for other in ("string", "integer", "boolean"):
            if other != type_:
                yield "type", {**node, "type": other}
        yield "type: array", {"type": "array", "items": node} if type_ != "array" else node["items"]
    elif isinstance(type_, list):
        yield "null", {**node, "type": type_[0]}
        yield "type", {**node, "type": ["boolean" if type_[0] != "boolean" else "string", "null"]}
    elif "anyOf" in node:
        yield "type", {**node, "anyOf": node["anyOf"][:-1]}
        yield "type", {**node, "anyOf": [*node["anyOf"], {"type": "boolean"}]}
    elif "$ref" in node:
        yield "type", {"type": "boolean"}
        yield "null", {"anyOf": [node, {"type": "null"}]}
    for name in node.keys() & {"minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "maxItems"}:
        yield "range", {**node, name: node[name] + 1}
        yield "range: removed", _without(node, name)
    for name in node.keys() & {"pattern", "format", "default", "additionalProperties", "deprecated", "readOnly"}:
        yield f"{name}: removed", _without(node, name)
    for name, value in _ADDED.items():
        fits = "anyOf" not in node and (name != "additionalProperties" or "properties" in node)
        if fits and node.get(name) != value:
            yield f"{name}: added or changed", {**node, name: value}
    for at, value in enumerate(node.get("enum", ())):
        renamed = f"{value}X" if isinstance(value, str) else (value or 0) + 10
        yield (
            "values: renamed",
            {**node, "enum": [*node["enum"][:at], renamed, *node["enum"][at + 1 :]]},
        )
        yield "values: removed", {**node, "enum": [*node["enum"][:at], *node["enum"][at + 1 :]]}
    if "enum" in node:
        yield "values: added", {**node, "enum": [*node["enum"], "other"]}
        yield "values: order", {**node, "enum": list(reversed(node["enum"]))}
        yield "values: opened", _without(node, "enum")
    for name in node.get("properties", ()):
        required = node.get("required", [])
        changed = [item for item in required if item != name] if name in required else [*required, name]
        yield "required", {**node, "required": changed}
