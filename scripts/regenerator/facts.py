"""What a specification says of its operations, and which of it cannot be generated from."""

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
    repeat: str
    repeat_reason: str
    page: str
    captured: str
    extent: str
    answer: str
    answered: Fact | None
    success: int | None
    media: str | None
    secured: bool
    body_required: bool
    facts: tuple[Fact, ...] = field(default=())


class Document(Schemas):
    """A specification with its operations."""

    def operations(self) -> list[OperationFacts]:
        """Read all operations, in the order of the document."""
        if unfinished := [place for place, text in _texts(self.root, "") if _UNFINISHED.search(text)]:
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
        for key in ("operationId", "tags", "summary", "x-repeat", "x-capture", "responses"):
            if not node.get(key):
                raise SpecError(f"{where} has no {key}")
        repeat = node["x-repeat"]
        if repeat.get("class") not in {"safe", "unsafe"} or not repeat.get("reason"):
            raise SpecError(f"{where}: x-repeat needs class (safe or unsafe) and reason")
        capture = node["x-capture"]
        if problems := capture_problems(capture):
            raise SpecError(f"{where}: x-capture: {'; '.join(problems)}")
        if len(node["tags"]) != 1:
            raise SpecError(f"{where}: exactly one tag names the resource")
        if not _PATH.fullmatch(path):
            raise SpecError(f"{where}: the path has characters that must be percent-encoded")
        if "servers" in node or "servers" in item:
            raise SpecError(f"{where}: servers of its own are not supported")
        media, body_required, members = self._body(where, node)
        answer, answered = self._answer(where, node)
        return OperationFacts(
            id=node["operationId"],
            method=method.upper(),
            path=path,
            tag=node["tags"][0],
            summary=node["summary"],
            description=node.get("description", ""),
            repeat=repeat["class"],
            repeat_reason=repeat["reason"],
            page=capture["page"],
            captured=str(capture["date"]),
            extent=capture["extent"],
            answer=answer,
            answered=answered,
            # Undocumented, these two say less than a success does.
            success=next((int(code) for code in node["responses"] if str(code) in {"202", "206"}), None),
            media=media,
            secured=self._secured(where, node),
            body_required=body_required,
            facts=(*self._parameters(where, node, item), *members),
        )

    def _secured(self, where: str, node: Node) -> bool:
        general = self.root.get("security", [])
        own = node.get("security", general)
        if own not in ([], general):
            raise SpecError(f"{where}: a security of its own is not supported, but for none at all")
        return bool(own)

    def _parameters(self, where: str, node: Node, item: Node) -> list[Fact]:
        facts: dict[tuple[str, str], Fact] = {}
        for reference in [*node.get("parameters", []), *item.get("parameters", [])]:
            parameter, _ = self.resolve(reference)
            place, wire = parameter["in"], parameter["name"]
            if place not in {"path", "query", "header"}:
                raise SpecError(f"{where}: parameters in {place} are not supported ({wire})")
            if "schema" not in parameter:
                raise SpecError(f"{where}: the parameter {wire} has no schema")
            style = "form" if place == "query" else "simple"
            if parameter.get("style", style) != style or (style == "form" and not parameter.get("explode", True)):
                raise SpecError(f"{where}: only the default style of {place} parameters is supported ({wire})")
            if parameter.get("allowReserved"):
                raise SpecError(f"{where}: allowReserved is not supported ({wire})")
            fact = self.fact(wire, parameter["schema"], place=place, required=bool(parameter.get("required")))
            if not _writable(fact, listed=place == "query"):
                raise SpecError(f"{where}: a nested value is not supported in {place} ({wire})")
            fact = replace(
                fact,
                description=parameter.get("description") or fact.description,
                client_default=parameter.get("x-client-default"),
                inferred=parameter.get("x-inferred") or fact.inferred,
                sensitive=bool(parameter.get("x-sensitive") or fact.sensitive),
            )
            facts.setdefault((place, wire), fact)
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
        fact = self.fact("body", content["schema"], place="body", required=True)
        if fact.kind != "object" or not fact.fields:
            raise SpecError(f"{where}: the body must be an object with documented members")
        members = [replace(member, place="body") for member in fact.fields]
        if media != "application/json":
            for member in members:
                if not _writable(member, listed=True):
                    raise SpecError(f"{where}: a nested value is not supported in a form ({member.wire})")
        return media, bool(body.get("required")), members

    def _answer(self, where: str, node: Node) -> tuple[str, Fact | None]:
        responses = node["responses"]
        successes = [code for code in responses if str(code).startswith("2")]
        if len(successes) > 1:
            raise SpecError(f"{where}: more than one successful answer")
        code = successes[0] if successes else "default"
        if code not in responses:
            raise SpecError(f"{where}: no successful answer is documented")
        response, _ = self.resolve(responses[code])
        content = response.get("content")
        if not content:
            return "none", None
        if list(content) != ["application/json"]:
            raise SpecError(f"{where}: only application/json answers are supported")
        fact = self.fact("answer", content["application/json"].get("schema", {}), place="")
        if fact.kind == "union" or (fact.nullable and fact.kind != "any"):
            raise SpecError(f"{where}: an answer of several types is not supported; leave its type out")
        kind = {"object": "object", "array": "array", "string": "text", "timestamp": "text"}.get(fact.kind, "any")
        return kind, fact


def _writable(fact: Fact, *, listed: bool) -> bool:
    """Whether a value has a form outside of JSON, perhaps as a list of plain values."""
    if fact.kind == "array":
        return listed and fact.items is not None and _writable(fact.items, listed=False)
    if fact.kind == "union":
        return all(_writable(option, listed=listed) for option in fact.fields)
    return fact.kind != "object"


__all__ = ["Document", "OperationFacts"]


def _texts(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """All texts below a node, with where they stand."""
    if isinstance(node, str):
        yield place, node
    elif isinstance(node, dict):
        for name, inner in node.items():
            yield from _texts(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _texts(inner, f"{place}[{index}]")
