"""Reads the operations of the specs, in the form that pages are read into."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from .facts import Field, SpecError
from .values import as_object

Node = Mapping[str, Any]

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
# Copied from a schema. Other keywords that restrict a value must be added here to be compared.
_FACETS = (
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "default",
    "deprecated",
)
# Of an array, these are the facts of its items.
_ITEM_FACETS = ("format", "pattern", "minimum", "maximum", "minLength", "maxLength")
_INFERRED = "x-inferred"


@dataclass(frozen=True, kw_only=True)
class SpecField:
    """A parameter or field, with the marks of what is inferred."""

    field: Field
    schema: Node
    inferred: bool
    """Whether facets, types or nullability beyond the page are marked."""
    parameter_inferred: bool = False
    """Whether the style or the required flag of a parameter is marked."""


@dataclass(frozen=True)
class Media:
    """One media type of a body."""

    schema: Node
    example: Any


class Spec:
    """One document."""

    def __init__(self, name: str, document: Node) -> None:
        self.name = name
        self.document = document

    def resolve(self, node: Any) -> Node:
        """Return a node with its references followed; siblings of a reference win."""
        found = as_object(node)
        if found is None:
            raise SpecError(f"{self.name}: expected an object, got {node!r}")
        current = dict(found)
        seen: set[str] = set()
        while "$ref" in current:
            reference = str(current.pop("$ref"))
            if reference in seen or not reference.startswith("#/"):
                raise SpecError(f"{self.name}: the reference {reference} cannot be followed")
            seen.add(reference)
            target: Any = self.document
            for step in reference.removeprefix("#/").split("/"):
                try:
                    target = target[step.replace("~1", "/").replace("~0", "~")]
                except (KeyError, TypeError):
                    raise SpecError(f"{self.name}: {reference} does not exist") from None
            resolved = as_object(target)
            if resolved is None:
                raise SpecError(f"{self.name}: {reference} is not an object")
            current = {**resolved, **current}
        return current

    def operations(self) -> Iterator[Operation]:
        """Yield all operations, in the order of the document."""
        for path, item in self.document.get("paths", {}).items():
            for method in _METHODS:
                if method in item:
                    yield Operation(self, path, method.upper(), item, item[method])

    def describe(self, name: str, schema: Any, *, required: bool) -> SpecField:
        """Return the field of a schema, in the form that pages are read into."""
        whole = self.resolve(schema)
        if "allOf" in whole:
            raise SpecError(f"{self.name}: {name}: allOf cannot be compared")
        branches = [self.resolve(item) for item in whole.get("anyOf", whole.get("oneOf", ()))]
        types = {type_ for branch in branches or [whole] for type_ in self._types(branch)}
        real = [branch for branch in branches if branch.get("type") != "null"]
        if len(real) == 1:  # "this or null" has the facets of "this"
            whole = {**real[0], **whole}
        facets = self._facets(whole, types)
        if len(real) > 1:  # facets that all branches share
            each = [self._facets(branch, self._types(branch)) for branch in real]
            facets = {
                name: value for name, value in each[0].items() if all(value == o.get(name) for o in each)
            } | facets
        examples = [*whole.get("examples", ()), *([whole["example"]] if "example" in whole else ())]
        return SpecField(
            field=Field(
                name=name,
                types=frozenset(types - {"null"}),
                nullable="null" in types,
                required=required,
                facets=facets,
                examples=tuple(examples),
            ),
            schema=whole,
            inferred=_INFERRED in whole,
        )

    def properties(self, schema: Any) -> list[SpecField]:
        """Return the properties of an object."""
        whole = self.resolve(schema)
        required = set(whole.get("required", ()))
        return [
            self.describe(str(name), child, required=name in required)
            for name, child in whole.get("properties", {}).items()
        ]

    def items(self, schema: Node) -> Node:
        """Return the schema of the items of an array; of anything else, the schema itself."""
        for branch in [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            whole = self.resolve(branch)
            if "items" in whole:
                return self.resolve(whole["items"])
        return schema

    def _types(self, schema: Node) -> set[str]:
        declared = schema.get("type", "any")
        names: list[str] = [declared] if isinstance(declared, str) else list(declared)
        types: set[str] = set(names) - {"array"}
        if "array" in names:
            items = self.resolve(schema.get("items", {}))
            types |= {f"{type_}[]" for type_ in self._types(items)}
        return types

    def _facets(self, schema: Node, types: set[str]) -> dict[str, Any]:
        facets = {name: schema[name] for name in _FACETS if name in schema}
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if "items" in schema and all(type_.endswith("[]") or type_ == "null" for type_ in types):
            items = self.resolve(schema["items"])
            facets |= {name: items[name] for name in _ITEM_FACETS if name in items}
            values = items.get("enum", values)
        if values is not None:
            facets["enum"] = tuple(value for value in values if value is not None)
        return facets


class Operation:
    """One operation of a spec."""

    def __init__(self, spec: Spec, path: str, method: str, item: Node, node: Node) -> None:
        self.spec = spec
        self.path = path
        self.method = method
        self._item = item
        self._node = node

    @property
    def name(self) -> str:
        """The operationId."""
        return str(self._node.get("operationId", f"{self.method} {self.path}"))

    @property
    def capture(self) -> Node:
        """The `x-capture` of the operation."""
        capture: Node = self._node.get("x-capture", {})
        return capture

    @property
    def hosts(self) -> list[str]:
        """The hosts in the spec."""
        servers = self._node.get("servers", self.spec.document.get("servers", ()))
        return [urlsplit(str(self._need(server, "url", "a server"))).netloc for server in servers]

    @property
    def security(self) -> frozenset[tuple[str, str, str]]:
        """Type, name and location of each credential."""
        required = self._node.get("security", self.spec.document.get("security", ()))
        schemes = self.spec.document.get("components", {}).get("securitySchemes", {})
        found: set[tuple[str, str, str]] = set()
        for requirement in required:
            for name in requirement:
                what = f"security scheme {name}"
                scheme = self.spec.resolve(self._need(schemes, name, "securitySchemes"))
                type_ = self._need(scheme, "type", what)
                if type_ == "http":
                    found.add((type_, self._need(scheme, "scheme", what).lower(), "header"))
                else:
                    found.add((type_, self._need(scheme, "name", what), self._need(scheme, "in", what)))
        return frozenset(found)

    def parameters(self) -> dict[str, list[SpecField]]:
        """Return the parameters by location, in the order of the document."""
        nodes = [*self._item.get("parameters", ()), *self._node.get("parameters", ())]
        found: dict[str, list[SpecField]] = {}
        for node in map(self.spec.resolve, nodes):
            name, location = (self._need(node, key, "a parameter") for key in ("name", "in"))
            described = self.spec.describe(name, node.get("schema", {}), required=node.get("required", False))
            facets = dict(described.field.facets)
            facets |= {key: node[key] for key in ("style", "explode", "deprecated") if key in node}
            own = [node["example"]] if "example" in node else []
            own += [self.spec.resolve(item)["value"] for item in node.get("examples", {}).values()]
            field = Field(
                name=described.field.name,
                types=described.field.types,
                nullable=described.field.nullable,
                required=described.field.required,
                facets=facets,
                # The example of the parameter overrides that of its schema.
                examples=tuple(own) or described.field.examples,
            )
            found.setdefault(location, []).append(
                SpecField(
                    field=field,
                    schema=described.schema,
                    inferred=described.inferred,
                    parameter_inferred=_INFERRED in node,
                )
            )
        return found

    def request(self) -> tuple[Node, dict[str, Media]] | None:
        """Return the request body and its media types."""
        if "requestBody" not in self._node:
            return None
        node = self.spec.resolve(self._node["requestBody"])
        return node, self._media(node)

    def responses(self) -> dict[str, tuple[Node, dict[str, Media]]]:
        """Return the responses and their media types by status."""
        found: dict[str, tuple[Node, dict[str, Media]]] = {}
        for status, response in self._node.get("responses", {}).items():
            node = self.spec.resolve(response)
            found[str(status)] = node, self._media(node)
        return found

    def _need(self, node: Node, key: str, what: str) -> Any:
        if key not in node:
            raise SpecError(f"{self.spec.name}: {what} lacks {key}")
        return node[key]

    def _media(self, node: Node) -> dict[str, Media]:
        found: dict[str, Media] = {}
        for name, media in node.get("content", {}).items():
            example = media.get("example")
            if example is None:
                examples = [self.spec.resolve(item) for item in media.get("examples", {}).values()]
                example = examples[0].get("value") if examples else None
            found[name] = Media(self.spec.resolve(media.get("schema", {})), example)
        return found


def load_specs(files: Sequence[Path]) -> list[Spec]:
    """Load the OpenAPI documents among files; others, such as rule sets, are skipped."""
    specs: list[Spec] = []
    # Much faster than `safe_load`, where it is built.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in files:
        document = as_object(yaml.load(file.read_text(encoding="utf-8"), loader))
        if document is not None and "openapi" in document:
            specs.append(Spec(file.name, document))
    return specs


def find_operation(specs: Sequence[Spec], method: str, path: str) -> Operation | None:
    """Return the operation with a method and path, or one whose placeholders have other names."""
    operations = [item for spec in specs for item in spec.operations() if item.method == method]
    for operation in operations:
        if operation.path == path:
            return operation
    shape = re.sub(r"\{[^}]*\}", "{}", path)
    return next((item for item in operations if re.sub(r"\{[^}]*\}", "{}", item.path) == shape), None)
