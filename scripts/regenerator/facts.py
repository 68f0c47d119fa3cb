"""Reads the operations of a specification, and refuses what cannot be generated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pagecheck.captured import capture_problems

from .schemas import Fact, Node, Schemas, SpecError

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}|\{[^{}/]+\})*)+")
_UNFINISHED = re.compile(r"\bTODO\b")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True)
class OperationFacts:
    """One operation of a specification."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str
    idempotent: bool
    idempotent_reason: str
    page: str
    captured: str
    extent: str
    returns: str
    returned: Fact | None
    pagination: dict[str, Any] | None
    success: int | None
    media: str | None
    secured: bool
    body_required: bool
    arguments: tuple[Fact, ...] = field(default=())


class Document(Schemas):
    """A specification with its operations."""

    def operations(self) -> list[OperationFacts]:
        """Read all operations, in the order of the document."""
        if unfinished := [path for path, string in _strings(self.root, "") if _UNFINISHED.search(string)]:
            raise SpecError(f"still to be written: {', '.join(unfinished[:5])}{', ...' if unfinished[5:] else ''}")
        found = [
            self._operation(path, method, item)
            for path, item in self.root.get("paths", {}).items()
            for method in METHODS
            if method in item
        ]
        ids = [operation.id for operation in found]
        twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
        if twice:
            raise SpecError(f"operationId used twice: {', '.join(twice)}")
        return found

    def _operation(self, path: str, method: str, item: Node) -> OperationFacts:
        node = item[method]
        where = f"{method.upper()} {path}"
        for key in ("operationId", "tags", "summary", "x-idempotent", "x-capture", "responses"):
            if not node.get(key):
                raise SpecError(f"{where} has no {key}")
        idempotent = node["x-idempotent"]
        if not isinstance(idempotent.get("value"), bool) or not idempotent.get("reason"):
            raise SpecError(f"{where}: x-idempotent needs value (true or false) and reason")
        capture = node["x-capture"]
        if problems := capture_problems(capture):
            raise SpecError(f"{where}: x-capture: {'; '.join(problems)}")
        if len(node["tags"]) != 1:
            raise SpecError(f"{where}: exactly one tag names the resource")
        if not _PATH.fullmatch(path):
            raise SpecError(f"{where}: the path has characters that must be percent-encoded")
        if "servers" in node or "servers" in item:
            raise SpecError(f"{where}: servers of an operation are not supported")
        media, body_required, fields = self._body(where, node)
        returns, returned = self._success(where, node)
        return OperationFacts(
            id=node["operationId"],
            method=method.upper(),
            path=path,
            tag=node["tags"][0],
            summary=node["summary"],
            description=node.get("description", ""),
            idempotent=idempotent["value"],
            idempotent_reason=idempotent["reason"],
            page=capture["page"],
            captured=str(capture["date"]),
            extent=capture["extent"],
            returns=returns,
            returned=returned,
            pagination=node.get("x-pagination"),
            # Where not documented, these two are less than a success.
            success=next((int(code) for code in node["responses"] if str(code) in {"202", "206"}), None),
            media=media,
            secured=self._secured(where, node),
            body_required=body_required,
            arguments=(*self._parameters(where, node, item), *fields),
        )

    def _secured(self, where: str, node: Node) -> bool:
        general = self.root.get("security", [])
        own = node.get("security", general)
        if own not in ([], general):
            raise SpecError(f"{where}: the security of an operation must be that of the document, or empty")
        return bool(own)

    def _parameters(self, where: str, node: Node, item: Node) -> list[Fact]:
        facts: dict[tuple[str, str], Fact] = {}
        for reference in [*node.get("parameters", []), *item.get("parameters", [])]:
            parameter, _ = self.resolve(reference)
            location, name = parameter["in"], parameter["name"]
            if location not in {"path", "query", "header"}:
                raise SpecError(f"{where}: parameters in {location} are not supported ({name})")
            if "schema" not in parameter:
                raise SpecError(f"{where}: the parameter {name} has no schema")
            style = "form" if location == "query" else "simple"
            if parameter.get("style", style) != style or (style == "form" and not parameter.get("explode", True)):
                raise SpecError(f"{where}: only the default style of {location} parameters is supported ({name})")
            if parameter.get("allowReserved"):
                raise SpecError(f"{where}: allowReserved is not supported ({name})")
            fact = self.fact(name, parameter["schema"], location=location, required=bool(parameter.get("required")))
            if not _writable(fact, listed=location == "query"):
                raise SpecError(f"{where}: a nested value is not supported in {location} ({name})")
            fact = replace(
                fact,
                description=parameter.get("description") or fact.description,
                client_default=parameter.get("x-client-default"),
                inferred=parameter.get("x-inferred") or fact.inferred,
                sensitive=bool(parameter.get("x-sensitive") or fact.sensitive),
            )
            facts.setdefault((location, name), fact)
        return list(facts.values())

    def _body(self, where: str, node: Node) -> tuple[str | None, bool, list[Fact]]:
        if "requestBody" not in node:
            return None, False, []
        body, _ = self.resolve(node["requestBody"])
        if len(body["content"]) != 1:
            raise SpecError(f"{where}: exactly one content type of the body is supported")
        media, content = next(iter(body["content"].items()))
        if media not in {"application/json", "application/x-www-form-urlencoded"}:
            raise SpecError(f"{where}: the content type {media} is not supported")
        fact = self.fact("body", content["schema"], location="body", required=True)
        if fact.type != "object" or not fact.fields:
            raise SpecError(f"{where}: the body must be an object with documented properties")
        fields = [replace(field_, location="body") for field_ in fact.fields]
        if media != "application/json":
            for field_ in fields:
                if not _writable(field_, listed=True):
                    raise SpecError(f"{where}: a nested value is not supported in a form ({field_.wire_name})")
        return media, bool(body.get("required")), fields

    def _success(self, where: str, node: Node) -> tuple[str, Fact | None]:
        responses = node["responses"]
        successes = [code for code in responses if str(code).startswith("2")]
        if len(successes) > 1:
            raise SpecError(f"{where}: more than one success response")
        # A `default` next to it is an error, or the same success, documented without a status.
        code = successes[0] if successes else "default"
        if code not in responses:
            raise SpecError(f"{where}: no success response is documented")
        response, _ = self.resolve(responses[code])
        content = response.get("content")
        if not content:
            return "none", None
        if list(content) != ["application/json"]:
            raise SpecError(f"{where}: only application/json responses are supported")
        fact = self.fact("response", content["application/json"].get("schema", {}), location="")
        if fact.type == "union" or (fact.nullable and fact.type != "any"):
            raise SpecError(f"{where}: a response of several types is not supported; omit its type")
        returns = {"object": "object", "array": "array", "string": "string", "timestamp": "string"}.get(
            fact.type, "any"
        )
        return returns, fact


def _writable(fact: Fact, *, listed: bool) -> bool:
    """Return whether a value can be written outside of JSON; with `listed`, also as a list of plain values."""
    if fact.type == "array":
        return listed and fact.items is not None and _writable(fact.items, listed=False)
    if fact.type == "union":
        return all(_writable(option, listed=listed) for option in fact.fields)
    return fact.type != "object"


__all__ = ["Document", "OperationFacts"]


def _strings(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield all strings below a node, with their paths."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict):
        for name, inner in node.items():
            yield from _strings(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _strings(inner, f"{path}[{index}]")
