"""Removes from a specification what the generator must not see."""

from __future__ import annotations

from typing import Any

from .schemas import Node

# The keys of these are names, not keywords: a property named `default` is not a default.
_NAME_MAPS = frozenset(
    [
        "callbacks",
        "content",
        "headers",
        "links",
        "parameters",
        "paths",
        "patternProperties",
        "properties",
        "requestBodies",
        "responses",
        "schemas",
        "securitySchemes",
        "$defs",
    ]
)
_DOCUMENTATION = frozenset({"const", "default", "enum", "example", "examples", "format"})


def strip(document: Node) -> tuple[Node, dict[str, Node]]:
    """Copy a document without what the generator would turn into behavior.

    The generator would send documented defaults, and decode formats into other types. Enums become annotations
    (`views.annotate`), open ones in responses; the generator does not support enums of numbers, booleans or null.

    Returns:
        The copy, with each object schema marked by `x-node`, and the original schemas by that mark.
    """
    marked: dict[str, Node] = {}

    def copy(node: Any, names: bool) -> Any:
        if isinstance(node, list):
            return [copy(item, False) for item in node]
        if not isinstance(node, dict):
            return node
        if names:
            return {key: copy(value, False) for key, value in node.items()}
        view = {key: copy(value, key in _NAME_MAPS) for key, value in node.items() if key not in _DOCUMENTATION}
        if "properties" in node or "allOf" in node:
            view["x-node"] = str(len(marked))
            marked[view["x-node"]] = node
        return view

    # The variables of servers need their defaults; no code is generated from them.
    result: Node = {**copy(document, False), "servers": document.get("servers", [])}
    return result, marked


__all__ = ["strip"]
