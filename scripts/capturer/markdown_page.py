"""Reads pages that a documentation system serves as Markdown, with the OpenAPI document of their one operation.

Such a page has the document, as JSON or YAML, in a fenced block below a heading `OpenAPI` or `OpenAPI definition`. All
that the block says is compared with the spec; what OpenAPI allows and this comparison does not cover is not understood.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import yaml

from .facts import MISSING, Body, Field, Node, Page, PageError, SpecError
from .specification import FACETS, Media, Operation, Spec, load_yaml

_FENCED = re.compile(
    r"^#{1,3} OpenAPI(?: definition)?\s*\n\s*(`{3,}|~{3,})(?:json|ya?ml)\b.*\n((?s:.*?))\n\1\s*$", re.M
)
_TITLE = re.compile(r"^# (?!OpenAPI)(.+)", re.M)
_PROSE = frozenset({"description", "summary", "title", "externalDocs", "$comment"})
_SCHEMA = FACETS | frozenset(
    {
        *("type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "additionalProperties"),
        *("example", "examples"),
    }
)
_PARAMETER = frozenset({"name", "in", "required", "schema", "style", "explode", "deprecated", "example", "examples"})
_OPERATION = frozenset({"operationId", "tags", "parameters", "requestBody", "responses", "security", "servers"})


def is_markdown_page(content: str) -> bool:
    """Return whether a page has such a block."""
    return _FENCED.search(content) is not None


def read_markdown_page(file: str, content: str) -> Page:
    """Read all facts of a page with an OpenAPI document."""
    blocks = _FENCED.findall(content)
    try:
        document = load_yaml(blocks[0][1])
        document = _upgraded(document) if str(document["openapi"]).startswith("3.0") else document
        spec = Spec(file, document)
        operations = list(spec.operations()) if isinstance(document, dict) else []
        if len(blocks) != 1 or len(operations) != 1:
            raise PageError(f"expected one OpenAPI document with one operation, got {len(operations)} operations")
        return _Reader(operations[0]).page(file, next(iter(_TITLE.findall(content)), ""))
    except (yaml.YAMLError, SpecError, AttributeError, KeyError, TypeError) as error:
        raise PageError(f"the OpenAPI document cannot be read: {error}") from None


def _upgraded(node: Any) -> Any:
    """Return a document of OpenAPI 3.0 in the form of 3.1, where null is a type, and an exclusive bound a number."""
    if not isinstance(node, dict):
        return [_upgraded(item) for item in node] if isinstance(node, list) else node
    found = {name: _upgraded(item) for name, item in node.items() if item is not False or "exclusive" not in name}
    for bound in ("minimum", "maximum"):
        if found.get(exclusive := f"exclusive{bound.title()}") is True:
            found[exclusive] = found.pop(bound)
    if found.get("nullable") in (True, False) and found.pop("nullable"):
        return {**found, "type": [found["type"], "null"]} if "type" in found else {"anyOf": [found, {"type": "null"}]}
    return found


class _Reader:
    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._spec = operation.spec

    def page(self, file: str, title: str) -> Page:
        operation, node = self._operation, self._operation.node
        request = operation.request()
        nodes = operation.parameter_nodes()
        unread = {"operation": _unknown(node, _OPERATION | {"deprecated"})}
        unread["operation"] += ["that it is deprecated"] if node.get("deprecated") else []
        unread |= {f"{item['in']} parameter {item['name']}": _unknown(item, _PARAMETER) for item in nodes}
        responses: dict[str, Body | None] = {}
        for status, (response, media) in operation.responses().items():
            responses[status] = self._body(media) if media else None
            unread[f"response {status}"] = _unknown(response, frozenset({"content"}))
        return Page(
            file=file,
            method=operation.method,
            path=operation.path,
            hosts=tuple(operation.hosts),
            security=operation.security,
            parameters={
                place: [self._field(item, ()) for item in items] for place, items in operation.parameters().items()
            },
            body=self._body(request[1], bool(request[0].get("required", False))) if request else None,
            responses=responses,
            title=title or str(node.get("summary", "")),
            secure=all(
                urlsplit(str(server["url"])).scheme == "https" for server in self._spec.document.get("servers", ())
            ),
            unread={place: lines for place, lines in unread.items() if lines},
            document=self._spec.document,
        )

    def _body(self, media: dict[str, Media], required: bool | None = None) -> Body:
        first, *others = media.values()
        whole = self._field(self._spec.describe("", first.schema, required=False), ())
        differ = any(other.schema != first.schema for other in others)
        return Body(
            media_types=tuple(media),
            types=whole.types,
            fields=whole.fields or (),
            sample=MISSING if first.example is None else first.example,
            sample_is_whole=False,
            required=required,
            whole=replace(whole, name="", fields=None, unread=(), examples=()),
            unread=(*whole.unread, *(["that its media types have different schemas"] if differ else [])),
        )

    def _field(self, item: Field, above: tuple[int, ...]) -> Field:
        """Return a field with those of its object, at every depth, except where a schema contains itself."""
        target = self._spec.items(item.schema)
        branches = [*map(self._spec.resolve, target.get("anyOf", target.get("oneOf", ())))]
        objects = [one for one in ([target] if "properties" in target else branches) if "properties" in one]
        seen = {id(one): one for one in (item.schema, target, *branches)}
        unread = [line for one in seen.values() for line in _unknown(one, _SCHEMA)]
        unread += ["that its fields depend on the branch of a union"] if len(objects) > 1 else []
        fields: tuple[Field, ...] | None = None
        if objects and id(objects[0]["properties"]) not in above:
            inner = (*above, id(objects[0]["properties"]))
            fields = tuple(self._field(one, inner) for one in self._spec.properties(objects[0]))
        return replace(item, fields=fields, unread=tuple(unread))


def _unknown(node: Node, known: frozenset[str]) -> list[str]:
    names: list[Any] = [name for name in node if name not in known | _PROSE and not str(name).startswith("x-")]
    return [f"the keyword {name!r}" for name in names]
