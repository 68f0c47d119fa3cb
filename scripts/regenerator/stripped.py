"""The part of a specification that the generator gets to see."""

from __future__ import annotations

from typing import Any

from .schemas import Node

# Below these keys stand names, not keywords: a member called `default` is no default.
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
    """Copy a document without what the generator would turn into behaviour.

    Documented defaults are documentation: the generator would send them unasked. Formats would be decoded into other
    types, while answers stay as documented. Enums become annotations here (`views.annotate`), open ones in answers;
    the generator knows none of numbers, booleans or null.

    Returns:
        The copy, each object schema in it marked with `x-node`, and the original schemas by that mark.
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

    # The variables of servers need their defaults; nothing is generated from them.
    result: Node = {**copy(document, False), "servers": document.get("servers", [])}
    return result, marked


__all__ = ["strip"]
