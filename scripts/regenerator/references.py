"""References of a document, and the shapes of it that every reader would otherwise have to know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

# The keys of these are names, not keywords: a property named `default` is not a default.
NAME_MAPS = frozenset(
    [
        "callbacks",
        "content",
        "headers",
        "links",
        "parameters",
        "pathItems",
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
VALUES = frozenset({"const", "default", "enum", "example", "examples"})
ALTERNATIVES = ("anyOf", "oneOf")
STRUCTURE = ("properties", "required", "additionalProperties", "items", "allOf", *ALTERNATIVES)


class SpecError(Exception):
    """The specification is not supported; the message says where and why."""


def follow(root: Node, node: Node) -> tuple[Node, str, Node]:
    """Follow `$ref`.

    Returns:
        The target, the last reference or an empty string, and what is beside the references; the first one wins.

    Raises:
        SpecError: if a reference leads nowhere, or has a structure of its own beside it.
    """
    reference = ""
    siblings: Node = {}
    seen: set[str] = set()
    while "$ref" in node:
        reference = str(node["$ref"])
        if not reference.startswith("#/") or reference in seen:
            raise SpecError(f"cannot follow the reference {reference}")
        seen.add(reference)
        siblings = {**{key: value for key, value in node.items() if key != "$ref"}, **siblings}
        target: Any = root
        for part in reference[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, dict) or part not in target:
                raise SpecError(f"the reference {reference} does not exist")
            target = target[part]
        if not isinstance(target, dict):
            raise SpecError(f"the reference {reference} is not to an object")
        node = target
    if beside := [key for key in STRUCTURE if key in siblings]:
        raise SpecError(f"{', '.join(beside)} beside the reference {reference}: use allOf")
    return node, reference, siblings


def references(node: Any) -> Iterator[str]:
    """Yield all references in a node, without following them."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            waiting += [value for key, value in part.items() if key not in VALUES]


def normalized(root: Node) -> Node:
    """Return a document with path items in place of references to them, and no properties beside alternatives.

    `anyOf` or `oneOf` beside `properties` becomes one object with the properties of all, of which those of alternatives
    are optional. What needs no change is not copied.
    """

    def copy(node: Any, names: bool) -> Any:
        if isinstance(node, list):
            items = [copy(item, False) for item in node]
            return items if any(one is not other for one, other in zip(items, node, strict=True)) else node
        if not isinstance(node, dict):
            return node
        if not names and (flat := _flattened(root, node)) is not None:
            node = flat
        found = {
            key: value if key in VALUES and not names else copy(value, not names and key in NAME_MAPS)
            for key, value in node.items()
        }
        return found if any(found[key] is not node[key] for key in node) else node

    paths = {path: _item(root, item) for path, item in (root.get("paths") or {}).items()}
    if any(paths[path] is not item for path, item in root.get("paths", {}).items()):
        root = {**root, "paths": paths}
    result: Node = copy(root, False)
    return result


def _item(root: Node, item: Any) -> Any:
    if not isinstance(item, dict) or "$ref" not in item:
        return item
    try:
        target, _, siblings = follow(root, item)
    except SpecError:
        return item  # refused with the operations
    return {**target, **siblings}


def _flattened(root: Node, node: Node) -> Node | None:
    """Return an object with alternatives beside its properties as one object; `None` for anything else."""
    parts = node.get("allOf") or ()
    if not isinstance(node.get("properties"), dict) and not parts:
        return None
    beside = any(key in node for key in ALTERNATIVES)
    if not beside and (len(parts) < 2 and "properties" not in node):
        return None
    try:
        if not beside and not any(_has_alternatives(root, part, ()) for part in parts):
            return None
        flat = _Flat(root)
        flat.add(node, (), optional=False)
    except SpecError:
        return None  # refused with the operations
    rest = {key: value for key, value in node.items() if key not in STRUCTURE}
    required = {"required": flat.required} if flat.required else {}
    return {**rest, "type": flat.type, "properties": flat.properties, **required, **flat.more}


def _has_alternatives(root: Node, node: Node, trail: tuple[str, ...]) -> bool:
    target, reference, _ = follow(root, node)
    if reference in trail:
        return False
    return any(key in target for key in ALTERNATIVES) or any(
        _has_alternatives(root, part, (*trail, reference) if reference else trail) for part in target.get("allOf", ())
    )


class _Flat:
    """The properties of an object, its parts and its alternatives."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._of_alternatives: set[str] = set()
        self.properties: Node = {}
        self.required: list[str] = []
        self.more: Node = {}
        self.nullable = False

    @property
    def type(self) -> str | list[str]:
        return ["object", "null"] if self.nullable else "object"

    def add(self, node: Node, trail: tuple[str, ...], *, optional: bool) -> None:
        target, reference, _ = follow(self._root, node)
        if reference in trail:
            return
        trail = (*trail, reference) if reference else trail
        types = target.get("type", "object")
        types = {types} if isinstance(types, str) else set(types)
        if types - {"object", "null"} or any(key in target for key in ("items", "enum", "const")):
            raise SpecError("an alternative is not an object")
        self.nullable = self.nullable or "null" in types
        for part in target.get("allOf", ()):
            self.add(part, trail, optional=optional)
        for name, schema in target.get("properties", {}).items():
            self._property(name, schema, optional=optional)
        if not optional:
            self.required += [name for name in target.get("required", ()) if name not in self.required]
            self.more |= {key: target[key] for key in ("additionalProperties", "patternProperties") if key in target}
        for key in ALTERNATIVES:
            # Alternatives that contain this object are its subtypes, which a `discriminator` distinguishes.
            if not any(option.get("$ref") in trail or self._extends(option, trail) for option in target.get(key, ())):
                for option in target.get(key, ()):
                    self._alternative(option, trail)

    def _alternative(self, option: Node, trail: tuple[str, ...]) -> None:
        if option.get("type") == "null":
            self.nullable = True
        else:
            self.add(option, trail, optional=True)

    def _extends(self, option: Node, trail: tuple[str, ...]) -> bool:
        target, _, _ = follow(self._root, option)
        return any(part.get("$ref") in trail for part in target.get("allOf", ()))

    def _property(self, name: str, schema: Node, *, optional: bool) -> None:
        known = self.properties.get(name)
        if known is None or not optional:
            self.properties[name] = schema
        elif name not in self._of_alternatives:
            # It must be as in the object itself, whatever else an alternative says.
            if schema.get("x-sensitive"):
                self.properties[name] = {**known, "x-sensitive": True}
            return
        elif known != schema and schema not in known.get("anyOf", ()):
            self.properties[name] = {
                "anyOf": [*known["anyOf"], schema] if list(known) == ["anyOf"] else [known, schema]
            }
        if optional:
            self._of_alternatives.add(name)
