"""Reads the schemas of a specification.

The generator does not pass extensions, patterns and descriptions of parameters to its templates, so they are read from
the document itself. A shared schema is read once, and its fields when they are needed: the cost is linear in the
document, and a recursive schema keeps its facts at every depth.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from .references import STRUCTURE, Node, SpecError, follow, normalized

_SCHEMAS = "#/components/schemas/"
_NESTING = ("properties", "items", "allOf", "anyOf", "oneOf", "additionalProperties", "patternProperties")


class _Endless(SpecError):
    """A schema contains itself, with no field of an object in between."""


class SharedFields(Sequence["Fact"]):
    """The fields of a shared schema, read on first use; generated code has them once.

    Args:
        name: the name of the schema. Two of the same name are equal.
        read: reads them.
    """

    def __init__(self, name: str, read: Callable[[], tuple[Fact, ...]]) -> None:
        self.name = name
        self._read = read
        self._found: tuple[Fact, ...] | SpecError | None = None

    def facts(self) -> tuple[Fact, ...]:
        """Return the fields.

        Raises:
            SpecError: each time, if one of them is not supported.
        """
        if self._found is None:
            try:
                self._found = self._read()
            except SpecError as error:
                self._found = error
        if isinstance(self._found, SpecError):
            raise self._found
        return self._found

    @overload
    def __getitem__(self, index: int) -> Fact: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Fact]: ...
    def __getitem__(self, index: int | slice) -> Fact | Sequence[Fact]:
        return self.facts()[index]

    def __iter__(self) -> Iterator[Fact]:
        return iter(self.facts())

    def __len__(self) -> int:
        return len(self.facts())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SharedFields) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<fields of {self.name}>"


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
    fields: Sequence[Fact] = ()
    additional: bool | Fact = False
    client_default: str | None = None
    style: str = ""
    above: float | None = None
    below: float | None = None
    multiple: float | None = None
    description: str = ""
    default: Any = None
    inferred: str = ""
    read_only: bool = False
    write_only: bool = False


class Schemas:
    """A specification with its references resolved on demand.

    Attributes:
        root: the document, normalized.
    """

    def __init__(self, root: Node) -> None:
        self.root = normalized(root)
        self._facts: dict[str, Fact] = {}
        self._reading: set[str] = set()

    def resolve(self, node: Node) -> tuple[Node, str | None]:
        """Follow `$ref`; siblings of the reference win. Returns the node and the name of the last target."""
        target, reference, siblings = follow(self.root, node)
        return {**target, **siblings}, reference.rsplit("/", 1)[1] if reference else None

    def fact(
        self, wire_name: str, schema: Node, *, location: str, required: bool = False, shared: str | None = None
    ) -> Fact:
        """Read a schema. The fields of a shared one are read when they are needed.

        Args:
            wire_name: the documented name of the argument or field.
            schema: the schema.
            location: see `invigilate_runtime.Field`.
            required: whether it must be passed.
            shared: the name for the fields of an object that belongs to a shared schema.

        Raises:
            SpecError: if the schema is not supported.
        """
        target, reference, siblings = follow(self.root, schema)
        node = {**target, **siblings}
        if self._wraps(node):
            found = _annotated(self.fact("", node["allOf"][0], location=location), node)
        elif reference and any(key in target for key in _NESTING):
            found = _annotated(self._component(reference, target), siblings)
        else:
            name = reference.rsplit("/", 1)[1] if reference else None
            found = self._read(node, name, wire_name or name or "", shared)
        return replace(found, wire_name=wire_name, location=location, required=required)

    def _wraps(self, node: Node) -> bool:
        """Return whether a schema only says something about a shared one: `allOf` with a single reference."""
        parts = node.get("allOf", ())
        if len(parts) != 1 or "$ref" not in parts[0] or any(key in node for key in STRUCTURE if key != "allOf"):
            return False
        return any(key in follow(self.root, parts[0])[0] for key in _NESTING)

    def _component(self, reference: str, node: Node) -> Fact:
        found = self._facts.get(reference)
        if found is None:
            name = reference.removeprefix(_SCHEMAS).removeprefix("#/")
            if reference in self._reading:
                raise _Endless(f"{name} contains itself, with no field of an object in between")
            self._reading.add(reference)
            try:
                found = self._facts[reference] = self._read(node, name, name, name)
            finally:
                self._reading.discard(reference)
        return found

    def _read(self, node: Node, name: str | None, label: str, shared: str | None) -> Fact:
        """Read a schema, without its name and place.

        Args:
            node: the schema.
            name: the name of the shared schema that it is.
            label: what errors call it.
            shared: the name for its fields if generated code has them once.
        """
        if "allOf" in node:
            node = self._merged(node)
        nullable = False
        types = node.get("type")
        types = [types] if isinstance(types, str) else list(types or [])
        if "null" in types:
            nullable = True
            types.remove("null")
        alternatives = node.get("anyOf") or node.get("oneOf")
        if alternatives and "properties" in node:
            raise SpecError(f"{label}: properties beside anyOf or oneOf need alternatives that are objects")
        base = _annotated(Fact("", "", "any"), node)
        if alternatives:
            return self._union(base, alternatives, nullable, shared)
        if len(types) > 1:
            return self._union(base, [{**node, "type": type_} for type_ in types], nullable, shared)
        if not types:
            types = ["object"] if "properties" in node else ["any"]
        return self._plain(base, types[0], node, name, label, nullable, shared)

    def _union(self, base: Fact, alternatives: list[Node], nullable: bool, shared: str | None) -> Fact:
        options: list[Fact] = []
        for index, alternative in enumerate(alternatives):
            if alternative.get("type") == "null":
                nullable = True
                continue
            inner = f"{shared}_{index}" if shared else None
            options.append(self.fact("", alternative, location="", shared=inner))
        nullable = nullable or any(option.nullable for option in options)
        if len(options) == 1:
            only = options[0]
            return replace(
                only,
                nullable=nullable,
                sensitive=base.sensitive or only.sensitive,
                description=base.description or only.description,
                default=base.default if base.default is not None else only.default,
                inferred=base.inferred or only.inferred,
                read_only=base.read_only or only.read_only,
                write_only=base.write_only or only.write_only,
            )
        found = tuple(options)
        fields: Sequence[Fact] = found
        # Plain alternatives are shorter than a reference to them.
        if shared and any(option.type in {"object", "array", "union"} for option in options):
            fields = SharedFields(shared, lambda: found)
        return replace(base, type="union", nullable=nullable, fields=fields)

    def _plain(
        self, base: Fact, type_: str, node: Node, name: str | None, label: str, nullable: bool, shared: str | None
    ) -> Fact:
        if type_ not in {"string", "integer", "number", "boolean", "array", "object", "any"}:
            raise SpecError(f"{label}: the type {type_!r} is not supported")
        pattern = node.get("pattern")
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise SpecError(f"{label}: the pattern {pattern} is not valid in Python: {error}") from None
        special = {"comma-separated": "comma", "timestamp": "timestamp"}.get(node.get("x-argument", ""))
        if type_ == "string" and special:
            type_ = special
        elif type_ == "string" and (pattern == ".*Z" or node.get("format") == "date-time"):
            type_ = "timestamp"
        elif type_ == "string" and node.get("format") in {"date", "uuid"}:
            type_ = node["format"]
        elif type_ == "string" and _is_binary(node):
            type_ = "file"
        enum = node.get("enum", [node["const"]] if "const" in node else [])
        base = replace(
            base,
            type=type_,
            nullable=nullable or None in enum,
            pattern=pattern if type_ == "string" else None,
            sid=name if type_ == "string" and pattern and name and name.endswith("Sid") else None,
            enum=tuple(value for value in enum if value is not None),
            **_limits(type_, node),
        )
        if type_ == "array" and "items" in node:
            inner = f"{shared}_item" if shared else None
            return replace(base, items=self.fact("", node["items"], location="", shared=inner))
        return self._object(base, node, shared) if type_ == "object" else base

    def _object(self, base: Fact, node: Node, shared: str | None) -> Fact:
        required = set(node.get("required", ()))
        properties = node.get("properties", {})

        def read() -> tuple[Fact, ...]:
            return tuple(
                self.fact(name, child, location="", required=name in required) for name, child in properties.items()
            )

        return replace(
            base,
            fields=() if not properties else SharedFields(shared, read) if shared else read(),
            additional=self._additional(node, not properties, f"{shared}_value" if shared else None),
        )

    def _additional(self, node: Node, default: bool, shared: str | None) -> bool | Fact:
        """Return what a schema says of fields beyond the documented ones; without a word, whether they are allowed."""
        more = node.get("additionalProperties", default or "patternProperties" in node)
        others = [*([more] if isinstance(more, dict) and more else []), *node.get("patternProperties", {}).values()]
        try:
            found = [self.fact("", other, location="", shared=shared) for other in others]
        except _Endless:
            # The facts end here; values below are masked by the names of their fields.
            return True
        if len(found) > 1:
            return Fact("", "", "union", fields=tuple(found))
        return found[0] if found else more is not False

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


def _annotated(fact: Fact, node: Node) -> Fact:
    """Add what a schema, or what is beside a reference to it, says about a value."""
    default = node.get("default")
    return replace(
        fact,
        sensitive=fact.sensitive or bool(node.get("x-sensitive")),
        description=node.get("description") or fact.description,
        default=fact.default if default is None else default,
        inferred=node.get("x-inferred") or fact.inferred,
        read_only=fact.read_only or bool(node.get("readOnly")),
        write_only=fact.write_only or bool(node.get("writeOnly")),
    )


def _is_binary(node: Node) -> bool:
    """Return whether a string holds bytes; one that is encoded as text is a string like others."""
    declared = node.get("contentMediaType")
    return node.get("format") == "binary" or (declared == "application/octet-stream" and "contentEncoding" not in node)


def _limits(type_: str, node: Node) -> dict[str, Any]:
    """Return the limits of a value: of a string those of its length, of an array those of its number of items."""
    low, high = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(
        type_, ("minimum", "maximum")
    )
    found = {"minimum": node.get(low), "maximum": node.get(high)}
    if type_ in {"integer", "number"}:
        found |= {"above": node.get("exclusiveMinimum"), "below": node.get("exclusiveMaximum")}
        found["multiple"] = node.get("multipleOf")
    return found


def sid_schemas(root: Node) -> dict[str, str]:
    """Return the patterns of the named SID schemas of a document."""
    schemas = root.get("components", {}).get("schemas", {})
    return {name: node["pattern"] for name, node in schemas.items() if name.endswith("Sid") and "pattern" in node}


__all__ = ["Fact", "Node", "Schemas", "SharedFields", "SpecError", "sid_schemas"]
