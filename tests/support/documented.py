"""What the specs document of each operation, read off the YAML by hand: its request and its answers as examples.

It shares no code with the generator and with the facade, so that a mistake of theirs is not repeated here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

OPENAPI = Path(__file__).resolve().parents[2] / "openapi"
SPECS = {
    "smarterproctoring": OPENAPI / "smarterproctoring.yaml",
    "ispring-learn": OPENAPI / "ispring-learn.yaml",
}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

UGLY = "Größe & Maß: 100 % a+b/c=d?#e"
"""Stands in for texts without an example: each of its characters has a meaning in a URL."""


@dataclass(frozen=True)
class Parameter:
    """A parameter with its example."""

    name: str
    place: str
    required: bool
    value: Any
    schema: Any = field(default=None, repr=False, compare=False)
    sample: bool = False
    """Whether the value is documented, and not made up from the schema."""


@dataclass(frozen=True)
class Documented:
    """An operation, called with its examples.

    Attributes:
        spec: name of the spec.
        id: operationId.
        method: upper case.
        template: path with names in braces.
        parameters: in documented order.
        media: content type of the body, or None.
        body: example of the body.
        members: documented schemas of the body's members, by name.
        needed: names of the members that must be there.
        fewest: how many members there must be at least.
        answer: example of the success; None where it has no content.
        status: status of the success.
        errors: examples of the listed errors, by status; ranges such as 4XX are not among them.
        credential: header that carries the token, and what stands before the token; None where none is sent.
        document: the spec as a whole.
    """

    spec: str
    id: str
    method: str
    template: str
    parameters: tuple[Parameter, ...]
    media: str | None
    body: Any
    members: Mapping[str, Any]
    needed: tuple[str, ...]
    fewest: int
    answer: Any
    status: int
    errors: Mapping[int, Any]
    credential: tuple[str, str] | None
    document: Any = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.id

    @property
    def key(self) -> tuple[str, str]:
        """What no other operation has: the same operationId may be in both specs."""
        return self.spec, self.id

    def of(self, place: str) -> list[Parameter]:
        """The parameters of a place, in documented order."""
        return [parameter for parameter in self.parameters if parameter.place == place]

    @property
    def path(self) -> str:
        """The path as it has to be on the wire."""
        path = self.template
        for parameter in self.of("path"):
            path = path.replace("{" + parameter.name + "}", quote(_text(parameter.value), safe=""))
        return path

    @property
    def query(self) -> str:
        """The query as it has to be on the wire, in documented order; arrays repeat keys, objects are `name[key]`."""
        pairs: list[str] = []
        for parameter in self.of("query"):
            name, value = parameter.name, parameter.value
            # The only objects are in the style deepObject.
            keyed = [(f"{name}[{key}]", each) for key, each in value.items()] if isinstance(value, dict) else None
            for key, each in keyed or [(name, each) for each in (value if isinstance(value, list) else [value])]:
                pairs.append(f"{quote(key, safe='')}={quote(_text(each), safe='')}")
        return "&".join(pairs)

    @property
    def content(self) -> bytes:
        """The body as it has to be on the wire: compact, in UTF-8, in documented order."""
        if self.media is None:
            return b""
        ordered = {name: self.body[name] for name in self.members if name in self.body}
        if self.media == "application/x-www-form-urlencoded":
            return "&".join(f"{name}={quote(value, safe='')}" for name, value in ordered.items()).encode()
        return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()

    def whole(self) -> Documented:
        """The same with every documented member in the body."""
        if self.media is None:
            return self
        missing = {
            name: _value(self.document, schema, f"{self.id}.{name}")
            for name, schema in self.members.items()
            if name not in self.body
        }
        return replace(self, body={**self.body, **missing})

    def bare(self) -> Documented:
        """The same with nothing that may be left out."""
        body = self.body
        if self.media:
            others = [name for name in self.body if name not in self.needed]
            kept = {*self.needed, *others[: max(0, self.fewest - len(self.needed))]}
            body = {name: value for name, value in self.body.items() if name in kept}
        return replace(self, body=body, parameters=tuple(each for each in self.parameters if each.required))


@functools.cache
def load_document(spec: str) -> Any:
    """A spec, read once. Not to be changed."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(SPECS[spec].read_text(encoding="utf-8"), loader)


def operations(spec: str) -> list[Documented]:
    """All operations of a spec."""
    return list(_operations(spec, load_document(spec)))


def _operations(spec: str, document: Any) -> Iterator[Documented]:
    for template, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(spec, document, template, method, item)


def _operation(spec: str, document: Any, template: str, method: str, item: Any) -> Documented:
    operation = item[method]
    name = operation["operationId"]
    parameters = [resolved(document, each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    media, body, schema = None, None, {}
    if "requestBody" in operation:
        content = resolved(document, operation["requestBody"])["content"]
        assert len(content) == 1, f"{name}: one content type of the body is expected"
        media, described = next(iter(content.items()))
        schema = resolved(document, described["schema"])
        body = _example(described, name)
    success, status, errors = _answers(document, operation, name)
    return Documented(
        spec=spec,
        id=name,
        method=method.upper(),
        template=template,
        parameters=tuple(_parameter(document, each, name) for each in parameters),
        media=media,
        body=body,
        members={key: resolved(document, value) for key, value in schema.get("properties", {}).items()},
        needed=tuple(schema.get("required", ())),
        fewest=schema.get("minProperties", 0),
        answer=success,
        status=status,
        errors=errors,
        credential=_credential(document, operation),
        document=document,
    )


def _parameter(document: Any, parameter: Any, operation: str) -> Parameter:
    schema = resolved(document, parameter["schema"])
    where = f"{operation}.{parameter['name']}"
    value = parameter["example"] if "example" in parameter else _value(document, schema, where)
    if parameter["in"] == "path" and value == UGLY:
        value = UGLY.replace("/", "")  # which a path cannot hold
    return Parameter(
        parameter["name"],
        parameter["in"],
        parameter.get("required", False),
        value,
        schema,
        value in [parameter.get("example"), *schema.get("examples", ())],
    )


def _answers(document: Any, operation: Any, name: str) -> tuple[Any, int, dict[int, Any]]:
    success: list[Any] = []
    statuses: list[int] = []
    errors: dict[int, Any] = {}
    for status, response in operation["responses"].items():
        content = resolved(document, response).get("content", {})
        example = _example(content["application/json"], f"{name}, answer {status}") if content else None
        if status == "default" or status.startswith("2"):
            success.append(example)
            statuses += [] if status == "default" else [int(status)]
        elif status not in {"4XX", "5XX"}:
            errors[int(status)] = example
    # A documented `default` may have its inferred status beside it.
    assert success, f"{name}: a documented success is expected"
    assert all(each == success[0] for each in success), f"{name}: one success is expected, not several"
    assert len(statuses) == 1, f"{name}: one status of the success is expected"
    return success[0], statuses[0], errors


def _credential(document: Any, operation: Any) -> tuple[str, str] | None:
    wanted = operation.get("security", document.get("security", []))
    if not wanted:
        return None
    assert len(wanted) == 1, "one way to authenticate is expected"
    scheme = document["components"]["securitySchemes"][next(iter(wanted[0]))]
    if scheme["type"] == "apiKey":
        assert scheme["in"] == "header", "the key is expected in a header"
        return scheme["name"], ""
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer"), "an unknown way to authenticate"
    return "Authorization", "Bearer "


def resolved(document: Any, node: Any) -> Any:
    """A node of a spec without its reference."""
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    if "anyOf" in node:
        # Each of the forms will do; the examples of the first are those of the whole.
        node = {**resolved(document, node["anyOf"][0]), **node}
    return node


def _example(described: Any, where: str) -> Any:
    if "examples" in described:
        return next(iter(described["examples"].values()))["value"]
    assert "example" in described, f"{where}: there is no example to hold the client to"
    return described["example"]


_FORMATS = {
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "date": "2026-11-26",
    "date-time": "2026-11-26T09:30:00.000Z",
}
_PLAIN = {"boolean": True, "integer": 7, "number": 7.5}


def _value(document: Any, schema: Any, where: str) -> Any:
    schema = resolved(document, schema)
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    type_ = schema["type"][0] if isinstance(schema.get("type"), list) else schema.get("type")
    if type_ == "string" and "pattern" not in schema:
        return _FORMATS.get(schema.get("format", ""), UGLY)
    if type_ in _PLAIN:
        return schema.get("minimum", _PLAIN[type_])
    if type_ == "array":
        return [_value(document, schema["items"], where)]
    if type_ == "object":
        return {key: _value(document, each, f"{where}.{key}") for key, each in schema.get("properties", {}).items()}
    raise AssertionError(f"{where}: there is no example to call it with")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


ALL = [operation for spec in SPECS for operation in operations(spec)]
