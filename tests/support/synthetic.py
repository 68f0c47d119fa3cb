"""A specification of any number of operations, always the same one: for tests and benchmarks of scale.

Each resource has eight operations. Its schema refers to the one before twice, so that expanded references would double
with each resource; all refer to the same few shared schemas, and one contains itself.
"""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]

KINDS = ("list", "create", "get", "replace", "update", "remove", "search", "tag")


def document(operations: int) -> Node:
    """Return an OpenAPI document with this many operations."""
    paths: Node = {}
    schemas: Node = dict(SHARED)
    for index in range(operations):
        number, kind = divmod(index, len(KINDS))
        name = f"Item{number:04d}"
        if name not in schemas:
            schemas |= _schemas(number)
        path, method, node = _operation(number, KINDS[kind])
        paths.setdefault(path, {})[method] = node
    return {
        "openapi": "3.1.0",
        "info": {"title": "Synthetic", "version": "1"},
        "servers": [{"url": "https://synthetic.invalid"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": schemas},
    }


def names(operations: int) -> list[tuple[str, str]]:
    """Return the tag and the module of each operation, in order."""
    found: list[tuple[str, str]] = []
    for index in range(operations):
        number, kind = divmod(index, len(KINDS))
        found.append((f"items_{number:04d}", f"{KINDS[kind]}_item_{number:04d}"))
    return found


def _ref(name: str) -> Node:
    return {"$ref": f"#/components/schemas/{name}"}


def _array(schema: Node) -> Node:
    return {"type": "array", "items": schema}


def _nullable(schema: Node) -> Node:
    return {"anyOf": [schema, {"type": "null"}]}


STRING: Node = {"type": "string"}
SHARED: Node = {
    "Address": {
        "type": "object",
        "properties": {
            "street": {"type": "string", "x-sensitive": True},
            "town": STRING,
            "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
        },
    },
    "Person": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "x-sensitive": True},
            "address": _ref("Address"),
            "delegates": _array(_ref("Person")),
        },
    },
    "Folder": {
        "type": "object",
        "properties": {
            "title": STRING,
            "owner": _nullable(_ref("Person")),
            "folders": _array(_ref("Folder")),
            "labels": {"type": "object", "additionalProperties": _ref("Label")},
        },
    },
    "Label": {"type": "object", "properties": {"color": {"type": "string", "enum": ["red", "green"]}, "text": STRING}},
    "Problem": {"type": "object", "properties": {"message": STRING}},
}


def _schemas(number: int) -> Node:
    name = f"Item{number:04d}"
    before = _ref(f"Item{number - 1:04d}" if number else "Folder")
    fields: Node = {f"field{index}": STRING for index in range(10)}
    item = {
        "type": "object",
        "required": ["id", "title"],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "title": {"type": "string", "description": f"The title of item {number}."},
            "state": {"type": "string", "enum": ["open", "closed"]},
            "created": {"type": "string", "format": "date-time"},
            "owner": _ref("Person"),
            "folder": _ref("Folder"),
            "before": before,
            "also": _array(before),
            **fields,
        },
    }
    page = {"type": "object", "properties": {"total": {"type": "integer"}, "results": _array(_ref(name))}}
    return {name: item, f"{name}Page": page}


def _operation(number: int, kind: str) -> tuple[str, str, Node]:
    item = f"Item{number:04d}"
    collection = f"/items-{number:04d}"
    path, method, sent, returned = {
        "list": (collection, "get", None, _ref(f"{item}Page")),
        "create": (collection, "post", _ref(item), _ref(item)),
        "get": (f"{collection}/{{itemId}}", "get", None, _ref(item)),
        "replace": (f"{collection}/{{itemId}}", "put", _ref(item), _ref(item)),
        "update": (f"{collection}/{{itemId}}", "patch", _ref(item), _ref(item)),
        "remove": (f"{collection}/{{itemId}}", "delete", None, None),
        "search": (f"{collection}/search", "post", _ref("Folder"), _array(_ref(item))),
        "tag": (f"{collection}/{{itemId}}/labels", "post", _ref("Label"), _ref(item)),
    }[kind]
    writes = kind not in {"list", "get", "search"}
    node: Node = {
        "operationId": f"{kind}Item{number:04d}",
        "tags": [f"items_{number:04d}"],
        "summary": f"{kind.capitalize()} an item of resource {number}",
        "x-capture": {"page": f"https://synthetic.invalid/{number}/{kind}", "date": "2026-01-01", "extent": "full"},
        "x-idempotent": {"value": not writes, "reason": "it writes" if writes else "it only reads"},
        "responses": {
            "204" if returned is None else "200": {"description": "done", **_content(returned)},
            "4XX": {"description": "an error", **_content(_ref("Problem"))},
        },
    }
    parameters: list[Node] = []
    if "{itemId}" in path:
        parameters.append({"name": "itemId", "in": "path", "required": True, "schema": {"type": "integer"}})
    if kind == "list":
        numbers = {"type": "integer", "minimum": 0}
        parameters += [{"name": name, "in": "query", "schema": numbers} for name in ("offset", "limit")]
        parameters.append({"name": "state", "in": "query", "schema": _array(STRING)})
        node["x-pagination"] = {
            "type": "offset",
            "parameters": {"offset": "offset", "limit": "limit"},
            "fields": {"rows": "results", "total": "total"},
        }
    if parameters:
        node["parameters"] = parameters
    if sent is not None:
        node["requestBody"] = {"required": True, **_content(sent)}
    return path, method, node


def _content(schema: Node | None) -> Node:
    return {} if schema is None else {"content": {"application/json": {"schema": schema}}}
