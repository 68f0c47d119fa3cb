"""Reads the operations of OpenAPI documents, in the form that pages are read into."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from .facts import Field, Node, SpecError

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
# Copied from a schema. Other keywords that restrict a value must be added here to be compared.
FACETS = frozenset(
    {
        *("format", "pattern", "minLength", "maxLength", "contentEncoding", "contentMediaType", "not"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "patternProperties"),
        *("default", "deprecated", "readOnly", "writeOnly"),
    }
)
# Of an array, the others are the facts of its items.
OF_ARRAYS = frozenset({"minItems", "maxItems", "uniqueItems", "default", "deprecated", "readOnly", "writeOnly"})
INFERRED = "x-inferred"


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
        if not isinstance(node, dict):
            raise SpecError(f"{self.name}: expected an object, got {node!r}")
        current, seen = dict(node), set[str]()
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
            if not isinstance(target, dict):
                raise SpecError(f"{self.name}: {reference} is not an object")
            current = {**target, **current}
        return current

    def operations(self) -> Iterator[Operation]:
        """Yield all operations, in the order of the document."""
        for path, item in self.document.get("paths", {}).items():
            for method in METHODS:
                if method in item:
                    yield Operation(self, path, method.upper(), item, item[method])

    def describe(self, name: str, schema: Any, *, required: bool) -> Field:
        """Return the field of a schema."""
        whole = self.resolve(schema)
        if "allOf" in whole:
            raise SpecError(f"{self.name}: {name}: allOf cannot be compared")
        branches = self._branches(whole)
        types = {type_ for branch in branches or [whole] for type_ in self._types(branch)}
        real = [branch for branch in branches if branch.get("type") != "null"]
        if len(real) == 1:  # "this or null" has the facets of "this"
            whole = {**real[0], **whole}
        facets = self._facets(whole)
        each = [self._facets(branch) for branch in real] if len(real) > 1 else []
        if each:  # facets that all branches share
            facets = {key: value for key, value in each[0].items() if all(value == o.get(key) for o in each)} | facets
        return Field(
            name=name,
            types=frozenset(types - {"null"}),
            nullable="null" in types,
            required=required,
            facets=facets,
            examples=(*whole.get("examples", ()), *([whole["example"]] if "example" in whole else ())),
            branches=tuple({"types": sorted(self._types(one)), **more} for one, more in zip(real, each, strict=False)),
            schema=whole,
            inferred=self._reason(schema),
        )

    def parameter(self, name: str, node: Node) -> Field:
        """Return the field of a parameter."""
        described = self.describe(name, node.get("schema", {}), required=node.get("required", False))
        own = [node["example"]] if "example" in node else []
        own += [self.resolve(item)["value"] for item in node.get("examples", {}).values()]
        beside = {key: node[key] for key in ("style", "explode", "deprecated", "allowReserved") if key in node}
        return replace(
            described,
            facets={**described.facets, **beside},
            # The example of the parameter overrides that of its schema.
            examples=tuple(own) or described.examples,
            parameter_inferred=INFERRED in node,
        )

    def properties(self, schema: Any) -> list[Field]:
        """Return the properties of an object."""
        whole = self.resolve(schema)
        required = set(whole.get("required", ()))
        return [
            self.describe(str(name), child, required=name in required)
            for name, child in whole.get("properties", {}).items()
        ]

    def items(self, schema: Node) -> Node:
        """Return the schema of the items of an array; of anything else, the schema itself."""
        for branch in [schema, *self._branches(schema)]:
            whole = self.resolve(branch)
            if "items" in whole:
                return self.resolve(whole["items"])
        return schema

    def _reason(self, schema: Node) -> str:
        """Return why a value is inferred, if it is. The mark of an object is about its fields, not about a value."""
        whole = self.resolve(schema)
        real = [item for item in whole.get("anyOf", whole.get("oneOf", ())) if item.get("type") != "null"]
        own = schema if "properties" in whole and "$ref" in schema else whole
        return str(own.get(INFERRED, self._reason(real[0]) if len(real) == 1 else ""))

    def _branches(self, whole: Node) -> list[Node]:
        return [self.resolve(item) for item in whole.get("anyOf", whole.get("oneOf", ()))]

    def _types(self, schema: Node) -> set[str]:
        declared = schema.get("type", "any")
        names: list[str] = [declared] if isinstance(declared, str) else list(declared)
        types: set[str] = set(names) - {"array"}
        if "array" in names:
            items = self.resolve(schema.get("items", {}))
            inner = {type_ for one in self._branches(items) or [items] for type_ in self._types(one)}
            types |= {f"{type_}[]" for type_ in inner}
        return types

    def _facets(self, schema: Node) -> dict[str, Any]:
        facets = {name: schema[name] for name in FACETS & schema.keys()}
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if values is not None:
            facets["enum"] = tuple(value for value in values if value is not None)
        if schema.get("additionalProperties", True) not in (True, {}):
            facets["additionalProperties"] = schema["additionalProperties"]
        if "items" in schema:
            inner = self._facets(self.resolve(schema["items"]))
            facets |= {f"items {key}" if key in OF_ARRAYS | facets.keys() else key: inner[key] for key in inner}
        return facets


class Operation:
    """One operation of a spec."""

    def __init__(self, spec: Spec, path: str, method: str, item: Node, node: Node) -> None:
        self.spec = spec
        self.path = path
        self.method = method
        self.node = node
        self._item = item

    @property
    def name(self) -> str:
        """The operationId."""
        return str(self.node.get("operationId", f"{self.method} {self.path}"))

    @property
    def capture(self) -> Node:
        """The `x-capture` of the operation."""
        capture: Node = self.node.get("x-capture", {})
        return capture

    @property
    def hosts(self) -> list[str]:
        """The hosts in the spec."""
        servers = self.node.get("servers", self.spec.document.get("servers", ()))
        return [urlsplit(str(self._need(server, "url", "a server"))).netloc for server in servers]

    @property
    def security(self) -> frozenset[tuple[str, str, str]]:
        """Type, name and location of each credential."""
        required = self.node.get("security", self.spec.document.get("security", ()))
        schemes = self.spec.document.get("components", {}).get("securitySchemes", {})
        found: set[tuple[str, str, str]] = set()
        for name in (name for requirement in required for name in requirement):
            scheme = self.spec.resolve(self._need(schemes, name, "securitySchemes"))
            type_ = self._need(scheme, "type", name)
            if type_ == "http":
                found.add((type_, self._need(scheme, "scheme", name).lower(), "header"))
            else:
                found.add((type_, self._need(scheme, "name", name), self._need(scheme, "in", name)))
        return frozenset(found)

    def parameter_nodes(self) -> list[Node]:
        """Return the parameters as they are in the document, with references followed."""
        return [
            self.spec.resolve(node) for node in (*self._item.get("parameters", ()), *self.node.get("parameters", ()))
        ]

    def parameters(self) -> dict[str, list[Field]]:
        """Return the parameters by location, in the order of the document."""
        found: dict[str, list[Field]] = {}
        for node in self.parameter_nodes():
            name, location = (self._need(node, key, "a parameter") for key in ("name", "in"))
            found.setdefault(location, []).append(self.spec.parameter(str(name), node))
        return found

    def request(self) -> tuple[Node, dict[str, Media]] | None:
        """Return the request body and its media types."""
        if "requestBody" not in self.node:
            return None
        node = self.spec.resolve(self.node["requestBody"])
        return node, self._media(node)

    def responses(self) -> dict[str, tuple[Node, dict[str, Media]]]:
        """Return the responses and their media types by status."""
        nodes = {str(status): self.spec.resolve(item) for status, item in self.node.get("responses", {}).items()}
        return {status: (node, self._media(node)) for status, node in nodes.items()}

    def _need(self, node: Node, key: str, what: str) -> Any:
        if key not in node:
            raise SpecError(f"{self.spec.name}: {what} lacks {key}")
        return node[key]

    def _media(self, node: Node) -> dict[str, Media]:
        found: dict[str, Media] = {}
        for name, media in node.get("content", {}).items():
            examples = [self.spec.resolve(item).get("value") for item in media.get("examples", {}).values()]
            example = media.get("example", examples[0] if examples else None)
            found[name] = Media(self.spec.resolve(media.get("schema", {})), example)
        return found


def load_yaml(text: str) -> Any:
    """Load YAML or JSON. Much faster than `safe_load`, where the C loader is built."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def load_specs(files: Sequence[Path]) -> list[Spec]:
    """Load the OpenAPI documents among files; others, such as rule sets, are skipped."""
    read = {file.name: load_yaml(file.read_text(encoding="utf-8")) for file in files}
    return [Spec(name, document) for name, document in read.items() if "openapi" in (document or {})]


def find_operation(specs: Sequence[Spec], method: str, path: str) -> Operation | None:
    """Return the operation with a method and path, or one whose placeholders have other names."""
    operations = [item for spec in specs for item in spec.operations() if item.method == method]
    shape = re.sub(r"\{[^}]*\}", "{}", path)
    alike = [item for item in operations if re.sub(r"\{[^}]*\}", "{}", item.path) == shape]
    return next((item for item in alike if item.path == path), alike[0] if alike else None)
