"""Removes from a specification what the generator must not see."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from .facts import METHODS
from .media import for_generator
from .reach import reachable
from .references import NAME_MAPS, VALUES, Node, SpecError, follow, references

_DOCUMENTATION = VALUES | {"format", "title"}
# Those with components that the generator reads.
_PARTS = ("schemas", "parameters", "responses", "requestBodies")


def strip(
    document: Node, operations: Collection[tuple[str, str]], *, needed_only: bool = False
) -> tuple[Node, dict[str, Node]]:
    """Copy a document without what the generator would turn into behavior, or refuse although nobody needs it.

    The generator would send documented defaults, decode formats into other types, and name models by their title. Enums
    become annotations (`views.annotate`), open ones in responses; the generator does not support enums of numbers,
    booleans or null, nor components that refer to others, nor lists in headers. Of several media types it sees the
    chosen one, as JSON.

    Args:
        document: the document, normalized.
        operations: the operations to keep, by method (upper case) and path.
        needed_only: leave out components that are in no request and no success.

    Returns:
        The copy, with each object schema marked by `x-node`, and the original schemas by that mark.
    """
    marked: dict[str, Node] = {}
    components = document.get("components") or {}
    aliases = {
        f"#/components/{part}/{name}": node
        for part in _PARTS
        for name, node in (components.get(part) or {}).items()
        if isinstance(node, dict) and "$ref" in node
    }

    def copy(node: Any, names: bool) -> Any:
        if isinstance(node, list):
            return [copy(item, False) for item in node]
        if not isinstance(node, dict):
            return node
        if names:
            return {key: copy(value, False) for key, value in node.items()}
        if node.get("$ref") in aliases:
            node = {**node, "$ref": _end(document, node)}
        if isinstance(content := node.get("content"), dict) and content:
            node = {**node, "content": for_generator(content)}
        if node.get("in") == "header":
            node = {**node, "schema": {"type": "string"}}
        view = {key: copy(value, key in NAME_MAPS) for key, value in node.items() if key not in _DOCUMENTATION}
        types = node.get("type")
        if types == "array" or (isinstance(types, list) and "array" in types):
            view.setdefault("items", {})
        if isinstance(types, list) and set(types) == {"object", "null"}:
            view["type"] = "object"  # it would name the model after the alternative
        if "properties" in node or "allOf" in node:
            view["x-node"] = str(len(marked))
            marked[view["x-node"]] = node
        return view

    paths = {path: _item(document, path, item, operations) for path, item in (document.get("paths") or {}).items()}
    paths = {path: item for path, item in paths.items() if item}
    wanted = _reached(document, paths if needed_only else document.get("paths"))
    kept = {
        part: {
            name: node
            for name, node in (components.get(part) or {}).items()
            if f"#/components/{part}/{name}" not in aliases
            and (not needed_only or f"#/components/{part}/{name}" in wanted)
        }
        for part in _PARTS
    }
    # The variables of servers need their defaults; no code is generated from them. Nor is any from security schemes.
    general = {"openapi": document.get("openapi"), "info": document.get("info"), "servers": document.get("servers", [])}
    result: Node = {**general, **copy({"paths": paths, "components": kept}, False)}
    return result, marked


def needed(document: Node, path: str, method: str) -> set[str]:
    """Return the references that lead to what one operation needs."""
    return _reached(document, _item(document, path, document["paths"][path], {(method, path)}))


def _item(root: Node, path: str, item: Node, operations: Collection[tuple[str, str]]) -> Node:
    """Return the wanted operations of a path, each with all of its parameters and with its successes only."""
    found: Node = {}
    for method in METHODS:
        if (method.upper(), path) in operations:
            node = item[method]
            parameters = _parameters(root, [*node.get("parameters", ()), *item.get("parameters", ())])
            responses = {code: node["responses"][code] for code in success_codes(node)}
            dropped = {"parameters", "security", "callbacks", "externalDocs", "servers", "tags", "responses"}
            rest = {key: value for key, value in node.items() if key not in dropped and not key.startswith("x-")}
            found[method] = {**rest, "tags": node["tags"], "parameters": parameters, "responses": responses}
    return found


def success_codes(operation: Node) -> list[str]:
    """Return the keys of the responses that are successes: those of 2xx, or else the default one."""
    codes = [code for code in operation.get("responses") or () if str(code).startswith("2")]
    return codes or [code for code in operation.get("responses") or () if code == "default"]


def _parameters(root: Node, parameters: list[Node]) -> list[Node]:
    """Return the parameters, of which the first of each name and place wins."""
    found: dict[tuple[Any, Any], Node] = {}
    for parameter in parameters:
        target, _, siblings = follow(root, parameter)
        found.setdefault((target.get("in"), target.get("name")), {**target, **siblings})
    return list(found.values())


def _reached(root: Node, node: Any) -> set[str]:
    """Return the references in a node, and in what they lead to."""

    def below(reference: str) -> Iterable[str]:
        try:
            target, end, _ = follow(root, {"$ref": reference})
        except SpecError:
            return ()  # refused with the operation
        return (end, *references(target))

    return reachable(references(node), below)


def _end(root: Node, node: Node) -> str:
    try:
        return follow(root, {"$ref": node["$ref"]})[1]
    except SpecError:
        return str(node["$ref"])
