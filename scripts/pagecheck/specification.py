"""Reads operations out of the specs, in the form that pages are read into."""

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
# Kept from a schema as they are. Whatever else narrows a value must be added here to be compared.
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
    "default",
    "deprecated",
)
# Of an array these are a page's facts about its items.
_ITEM_FACETS = ("format", "pattern", "minimum", "maximum", "minLength", "maxLength")
_INFERRED = "x-inferred"


@dataclass(frozen=True, kw_only=True)
class SpecField:
    """A parameter or member, with what the spec admits to have inferred."""

    field: Field
    schema: Node
    inferred: bool
    """Whether facets, types or nullability beyond the page are owned up to."""
    parameter_inferred: bool = False
    """Whether a parameter owns up to having inferred how it is written, or its required flag."""


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
        """A node with its references followed; what stands beside a reference wins."""
        given = as_object(node)
        if given is None:
            raise SpecError(f"{self.name}: an object was expected, not {node!r}")
        current = dict(given)
        seen: set[str] = set()
        while "$ref" in current:
            reference = str(current.pop("$ref"))
            if reference in seen or not reference.startswith("#/"):
                raise SpecError(f"{self.name}: the reference {reference} leads nowhere")
            seen.add(reference)
            target: Any = self.document
            for step in reference.removeprefix("#/").split("/"):
                try:
                    target = target[step.replace("~1", "/").replace("~0", "~")]
                except (KeyError, TypeError):
                    raise SpecError(f"{self.name}: {reference} does not exist") from None
            members = as_object(target)
            if members is None:
                raise SpecError(f"{self.name}: {reference} is no object")
            current = {**members, **current}
        return current

    def operations(self) -> Iterator[Operation]:
        """All operations, in the order of the document."""
        for path, item in self.document.get("paths", {}).items():
            for method in _METHODS:
                if method in item:
                    yield Operation(self, path, method.upper(), item, item[method])

    def describe(self, name: str, schema: Any, *, required: bool) -> SpecField:
        """A member with this schema, in the form that pages are read into."""
        whole = self.resolve(schema)
        if "allOf" in whole:
            raise SpecError(f"{self.name}: {name}: allOf cannot be compared")
        branches = [self.resolve(item) for item in whole.get("anyOf", whole.get("oneOf", ()))]
        types = {kind for branch in branches or [whole] for kind in self._types(branch)}
        real = [branch for branch in branches if branch.get("type") != "null"]
        if len(real) == 1:  # "this or null" has the facts of "this"
            whole = {**real[0], **whole}
        facets = self._facets(whole, types)
        if len(real) > 1:  # what holds for one value and for several alike holds for the whole
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

    def members(self, schema: Any) -> list[SpecField]:
        """The members of an object."""
        whole = self.resolve(schema)
        required = set(whole.get("required", ()))
        return [
            self.describe(str(name), member, required=name in required)
            for name, member in whole.get("properties", {}).items()
        ]

    def items(self, schema: Node) -> Node:
        """The schema of an array's items; of anything else, the schema itself."""
        for branch in [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]:
            whole = self.resolve(branch)
            if "items" in whole:
                return self.resolve(whole["items"])
        return schema

    def _types(self, schema: Node) -> set[str]:
        given = schema.get("type", "any")
        names: list[str] = [given] if isinstance(given, str) else list(given)
        types: set[str] = set(names) - {"array"}
        if "array" in names:
            items = self.resolve(schema.get("items", {}))
            types |= {f"{kind}[]" for kind in self._types(items)}
        return types

    def _facets(self, schema: Node, types: set[str]) -> dict[str, Any]:
        facets = {name: schema[name] for name in _FACETS if name in schema}
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if "items" in schema and all(kind.endswith("[]") or kind == "null" for kind in types):
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
        """The operation's identifier."""
        return str(self._node.get("operationId", f"{self.method} {self.path}"))

    @property
    def capture(self) -> Node:
        """What the operation says of the page that it was taken from."""
        capture: Node = self._node.get("x-capture", {})
        return capture

    @property
    def hosts(self) -> list[str]:
        """The hosts that the spec names."""
        servers = self._node.get("servers", self.spec.document.get("servers", ()))
        return [urlsplit(str(self._need(server, "url", "a server"))).netloc for server in servers]

    @property
    def security(self) -> frozenset[tuple[str, str, str]]:
        """Kind, name and place of each credential."""
        required = self._node.get("security", self.spec.document.get("security", ()))
        schemes = self.spec.document.get("components", {}).get("securitySchemes", {})
        found: set[tuple[str, str, str]] = set()
        for requirement in required:
            for name in requirement:
                what = f"security scheme {name}"
                scheme = self.spec.resolve(self._need(schemes, name, "securitySchemes"))
                kind = self._need(scheme, "type", what)
                if kind == "http":
                    found.add((kind, self._need(scheme, "scheme", what).lower(), "header"))
                else:
                    found.add((kind, self._need(scheme, "name", what), self._need(scheme, "in", what)))
        return frozenset(found)

    def parameters(self) -> dict[str, list[SpecField]]:
        """The parameters by place, in the order of the document."""
        nodes = [*self._item.get("parameters", ()), *self._node.get("parameters", ())]
        found: dict[str, list[SpecField]] = {}
        for node in map(self.spec.resolve, nodes):
            name, place = (self._need(node, key, "a parameter") for key in ("name", "in"))
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
                # The example of the parameter itself hides that of its schema.
                examples=tuple(own) or described.field.examples,
            )
            found.setdefault(place, []).append(
                SpecField(
                    field=field,
                    schema=described.schema,
                    inferred=described.inferred,
                    parameter_inferred=_INFERRED in node,
                )
            )
        return found

    def request(self) -> tuple[Node, dict[str, Media]] | None:
        """The request body and its media types."""
        if "requestBody" not in self._node:
            return None
        node = self.spec.resolve(self._node["requestBody"])
        return node, self._media(node)

    def responses(self) -> dict[str, tuple[Node, dict[str, Media]]]:
        """The answers and their media types by status."""
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
    """The OpenAPI documents among these files; others, such as rule sets, are passed over."""
    specs: list[Spec] = []
    for file in files:
        document = as_object(yaml.safe_load(file.read_text(encoding="utf-8")))
        if document is not None and "openapi" in document:
            specs.append(Spec(file.name, document))
    return specs


def find_operation(specs: Sequence[Spec], method: str, path: str) -> Operation | None:
    """The operation with this method and path; failing that, one whose placeholders differ."""
    operations = [item for spec in specs for item in spec.operations() if item.method == method]
    for operation in operations:
        if operation.path == path:
            return operation
    shape = re.sub(r"\{[^}]*\}", "{}", path)
    return next((item for item in operations if re.sub(r"\{[^}]*\}", "{}", item.path) == shape), None)
