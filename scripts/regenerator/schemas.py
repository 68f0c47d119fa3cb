"""Reads the schemas of a specification.

The generator does not pass extensions, patterns and descriptions of parameters to its templates, so they are read from
the document itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

Node = dict[str, Any]


class SpecError(Exception):
    """The specification is not supported; the message says where and why."""


@dataclass(frozen=True)
class Fact:
    """One argument, or one field of a nested object; see `invigilate_runtime.Field`."""

    wire_name: str
    location: str
    type: str
    required: bool = False
    nullable: bool = False
    pattern: str | None = None
    sid: str | None = None
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    sensitive: bool = False
    items: Fact | None = None
    fields: tuple[Fact, ...] = ()
    additional: bool = False
    client_default: str | None = None
    description: str = ""
    default: Any = None
    inferred: str = ""


class Schemas:
    """A specification with its references resolved on demand."""

    def __init__(self, root: Node) -> None:
        self.root = root

    def resolve(self, node: Node) -> tuple[Node, str | None]:
        """Follow `$ref`; siblings of the reference win. Returns the node and the name of the last target."""
        name: str | None = None
        siblings: Node = {}
        seen: set[str] = set()
        while "$ref" in node:
            reference = node["$ref"]
            if not reference.startswith("#/") or reference in seen:
                raise SpecError(f"cannot follow the reference {reference}")
            seen.add(reference)
            siblings = {**{key: value for key, value in node.items() if key != "$ref"}, **siblings}
            target: Any = self.root
            for part in reference[2:].split("/"):
                part = part.replace("~1", "/").replace("~0", "~")
                if part not in target:
                    raise SpecError(f"the reference {reference} does not exist")
                target = target[part]
            name = reference.rsplit("/", 1)[1]
            node = target
        return {**node, **siblings}, name

    def fact(
        self,
        wire_name: str,
        schema: Node,
        *,
        location: str,
        required: bool = False,
        trail: tuple[str, ...] = (),
    ) -> Fact:
        """Read a schema, including nested fields; a recursive schema ends as an object of any fields."""
        node, name = self.resolve(schema)
        if name is not None and name in trail:
            return Fact(wire_name, location, "any", required=required, nullable=True)
        trail = (*trail, name) if name else trail
        if "allOf" in node:
            node = self._merged(node)
        nullable = False
        types = node.get("type")
        types = [types] if isinstance(types, str) else list(types or [])
        if "null" in types:
            nullable = True
            types.remove("null")
        alternatives = node.get("anyOf") or node.get("oneOf")
        base = Fact(
            wire_name,
            location,
            "any",
            required=required,
            sensitive=bool(node.get("x-sensitive")),
            description=node.get("description", ""),
            default=node.get("default"),
            inferred=node.get("x-inferred", ""),
        )
        if alternatives:
            return self._union(base, alternatives, nullable, trail)
        if len(types) > 1:
            return self._union(base, [{**node, "type": type_} for type_ in types], nullable, trail)
        if not types:
            types = ["object"] if "properties" in node else ["any"]
        return self._plain(base, types[0], node, name, nullable, trail)

    def _union(self, base: Fact, alternatives: list[Node], nullable: bool, trail: tuple[str, ...]) -> Fact:
        options: list[Fact] = []
        for alternative in alternatives:
            if alternative.get("type") == "null":
                nullable = True
                continue
            options.append(self.fact("", alternative, location="", trail=trail))
        nullable = nullable or any(option.nullable for option in options)
        if len(options) == 1:
            only = options[0]
            return replace(
                only,
                wire_name=base.wire_name,
                location=base.location,
                required=base.required,
                nullable=nullable,
                sensitive=base.sensitive or only.sensitive,
                description=base.description or only.description,
                default=base.default if base.default is not None else only.default,
                inferred=base.inferred or only.inferred,
            )
        return replace(base, type="union", nullable=nullable, fields=tuple(options))

    def _plain(
        self,
        base: Fact,
        type_: str,
        node: Node,
        name: str | None,
        nullable: bool,
        trail: tuple[str, ...],
    ) -> Fact:
        if type_ not in {"string", "integer", "number", "boolean", "array", "object", "any"}:
            raise SpecError(f"{base.wire_name or name}: the type {type_!r} is not supported")
        pattern = node.get("pattern")
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise SpecError(
                f"{base.wire_name or name}: the pattern {pattern} is not valid in Python: {error}"
            ) from None
        special = {"comma-separated": "comma", "timestamp": "timestamp"}.get(node.get("x-argument", ""))
        if type_ == "string" and special:
            type_ = special
        elif type_ == "string" and (pattern == ".*Z" or node.get("format") == "date-time"):
            type_ = "timestamp"
        elif type_ == "string" and node.get("format") in {"date", "uuid"}:
            type_ = node["format"]
        elif type_ == "string" and node.get("format") in {"binary", "byte"}:
            raise SpecError(f"{base.wire_name or name}: binary content is not supported")
        enum = node.get("enum", [node["const"]] if "const" in node else [])
        fields: tuple[Fact, ...] = ()
        if type_ == "object":
            required = set(node.get("required", ()))
            fields = tuple(
                self.fact(name, child, location="", required=name in required, trail=trail)
                for name, child in node.get("properties", {}).items()
            )
        return replace(
            base,
            type=type_,
            nullable=nullable or None in enum,
            pattern=pattern if type_ == "string" else None,
            sid=name if type_ == "string" and pattern and name and name.endswith("Sid") else None,
            enum=tuple(value for value in enum if value is not None),
            minimum=node.get("minimum"),
            maximum=node.get("maximum"),
            items=self.fact("", node["items"], location="", trail=trail)
            if type_ == "array" and "items" in node
            else None,
            fields=fields,
            additional=type_ == "object" and (not fields or bool(node.get("additionalProperties", False))),
        )

    def _merged(self, node: Node) -> Node:
        """Merge the parts of an `allOf`, which is a single reference or a few objects."""
        merged: Node = {}
        for part in [*node["allOf"], {key: value for key, value in node.items() if key != "allOf"}]:
            resolved, _ = self.resolve(part)
            if "allOf" in resolved:
                resolved = self._merged(resolved)
            properties = {**merged.get("properties", {}), **resolved.get("properties", {})}
            required = [*merged.get("required", []), *resolved.get("required", [])]
            merged = {**merged, **resolved}
            if properties:
                merged["properties"] = properties
            if required:
                merged["required"] = required
        return merged


def sid_schemas(root: Node) -> dict[str, str]:
    """Return the patterns of the named SID schemas of a document."""
    schemas = root.get("components", {}).get("schemas", {})
    return {name: node["pattern"] for name, node in schemas.items() if name.endswith("Sid") and "pattern" in node}


__all__ = ["Fact", "Node", "Schemas", "SpecError", "sid_schemas"]
