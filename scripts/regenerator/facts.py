"""Reads the operations of a specification, and refuses what cannot be generated."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from capturer.captured import capture_problems

from .media import FORM, JSON, MULTIPART, choose, has_fields, is_json, kind
from .reach import Reach, nests
from .refusals import Refusal
from .schemas import Fact, Node, Schemas, SpecError
from .security import Header, client_header, is_secured

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}|\{[^{}/]+\})*)+")
_UNFINISHED = re.compile(r"\bTODO\b")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True)
class OperationFacts:
    """One operation of a specification.

    Attributes:
        returns: the types of a success; see `invigilate_runtime.Operation`.
        returned: the JSON of a success; `None` if it has none, or one that no annotation describes.
        schema: that of `returned`.
        success: those of 202 and 206 that are documented.
        media: the media type of the body.
        accept: the media types of a success.
    """

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
    schema: Node
    pagination: dict[str, Any] | None
    success: tuple[int, ...]
    media: str | None
    accept: str
    secured: bool
    body_required: bool
    arguments: tuple[Fact, ...] = field(default=())
    read_only: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()


class Document(Schemas):
    """A specification with its operations.

    Attributes:
        header: the header with the credentials of the client, once the operations are read.
        reach: finds what facts lead to.
    """

    header: Header

    def __init__(self, root: Node) -> None:
        super().__init__(root)
        self.reach = Reach()

    def read(self) -> tuple[list[OperationFacts], list[Refusal]]:
        """Read all operations, in the order of the document, and what is refused of them.

        Raises:
            SpecError: if the document as a whole is not supported.
        """
        if unfinished := [path for path, string in _strings(self.root, "") if _UNFINISHED.search(string)]:
            raise SpecError(f"still to be written: {', '.join(unfinished[:5])}{', ...' if unfinished[5:] else ''}")
        self.header = client_header(self.root)
        found: list[OperationFacts] = []
        refusals: list[Refusal] = []
        for path, item in (self.root.get("paths") or {}).items():
            if "$ref" in item:
                refusals.append(Refusal("", path, "", f"cannot follow the reference {item['$ref']}"))
            for method in METHODS:
                if method in item:
                    try:
                        facts = self._operation(path, method, item)
                        found.append(_with_names(facts, self.reach))
                    except SpecError as error:
                        refusals.append(_refusal(method, path, item, str(error)))
                    except (AttributeError, KeyError, TypeError, ValueError) as error:
                        reason = f"not as OpenAPI has it ({type(error).__name__}: {error})"
                        refusals.append(_refusal(method, path, item, reason))
        counts = Counter(operation.id for operation in found)
        twice = [operation for operation in found if counts[operation.id] > 1]
        refusals += [Refusal(one.method, one.path, one.id, f"operationId used twice: {one.id}") for one in twice]
        return [operation for operation in found if counts[operation.id] == 1], refusals

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
        returns, returned, schema, accept = self._success(where, node)
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
            schema=schema,
            pagination=node.get("x-pagination"),
            # Where not documented, these two are less than a success.
            success=tuple(int(code) for code in node["responses"] if str(code) in {"202", "206"}),
            media=media,
            accept=accept,
            secured=is_secured(self.root, node, self.header),
            body_required=body_required,
            arguments=(*self._parameters(where, node, item), *(one for one in fields if not one.read_only)),
            read_only=tuple(one.wire_name for one in fields if one.read_only),
        )

    def _parameters(self, where: str, node: Node, item: Node) -> list[Fact]:
        facts: dict[tuple[str, str], Fact] = {}
        for reference in [*node.get("parameters", []), *item.get("parameters", [])]:
            parameter, _ = self.resolve(reference)
            location, name = parameter["in"], parameter["name"]
            if location not in {"path", "query", "header"}:
                raise SpecError(f"{where}: parameters in {location} are not supported ({name})")
            if "schema" not in parameter:
                raise SpecError(f"{where}: the parameter {name} has no schema")
            if parameter.get("allowReserved"):
                raise SpecError(f"{where}: allowReserved is not supported ({name})")
            fact = self.fact(name, parameter["schema"], location=location, required=bool(parameter.get("required")))
            self._refuse_files(where, fact)
            if not _writable(fact):
                raise SpecError(f"{where}: a nested value is not supported in {location} ({name})")
            fact = replace(
                fact,
                style=_style(where, parameter, fact),
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
        media, schema = choose(body["content"])
        if media in {FORM, MULTIPART} and any((node or {}).get("encoding") for node in body["content"].values()):
            raise SpecError(f"{where}: encoding of the fields of {media} is not supported")
        required = bool(body.get("required"))
        if not has_fields(media):
            text = media.startswith("text/")
            fact = Fact("body", "content", "string" if text else "file", required=required)
            return media, required, [replace(fact, description=body.get("description", ""))]
        fact = self.fact("body", schema, location="body", required=True)
        if fact.type != "object" or not fact.fields:
            if not is_json(media) and not required:
                return None, False, []  # a form without fields
            if not is_json(media):
                raise SpecError(f"{where}: the body must be an object with documented properties")
            self._refuse_files(where, fact)
            description = body.get("description") or fact.description
            return media, required, [replace(fact, location="content", required=required, description=description)]
        fields = [replace(field_, location="body") for field_ in fact.fields]
        for field_ in fields:
            if media == FORM and not (_writable(field_) and _plain_items(field_)):
                raise SpecError(f"{where}: a nested value is not supported in a form ({field_.wire_name})")
            if media != MULTIPART:
                self._refuse_files(where, field_)
        return media, required, fields

    def _refuse_files(self, where: str, fact: Fact) -> None:
        if files := self.reach.of([fact]).files:
            raise SpecError(
                f"{where}: binary content is supported in multipart/form-data only ({', '.join(sorted(files))})"
            )

    def _success(self, where: str, node: Node) -> tuple[str, Fact | None, Node, str]:
        """Return the types of a success, what is known of its JSON, its schema, and its media types."""
        responses = node["responses"]
        # A `default` next to them is an error, or the same success, documented without a status.
        codes = [code for code in responses if str(code).startswith("2")] or ["default"]
        if codes[0] not in responses:
            raise SpecError(f"{where}: no success response is documented")
        chosen: dict[str, list[str]] = {}
        facts: list[Fact] = []
        schemas: list[Node] = []
        empty = False
        for code in codes:
            content = self.resolve(responses[code])[0].get("content")
            if not content:
                empty = True
                continue
            media, schema = choose(content)
            if media == "text/event-stream":
                raise SpecError(f"{where}: a stream of events is not supported")
            kinds = [one for one in content if kind(media) == "bytes"] or [media]
            chosen.setdefault(kind(media), []).extend(kinds)
            if is_json(media):
                fact = self.fact("response", schema, location="")
                self._refuse_files(where, fact)
                if fact not in facts:
                    facts.append(fact)
                    schemas.append(schema)
        if not chosen:
            return "none", None, {}, JSON
        accept = ", ".join(dict.fromkeys(media for found in chosen.values() for media in found))
        if len(chosen) > 1 or "json" not in chosen:
            # What has several forms stays as it came.
            return "text" if [*chosen] == ["text"] else "bytes", None, {}, accept
        fact = facts[0] if len(facts) == 1 else Fact("response", "", "union", fields=tuple(facts))
        types = list(dict.fromkeys(_json_types(fact)))
        if "any" in types or _models(fact) > 1:
            # Nothing in a response says which of several objects it is.
            return "any", None, {}, accept
        if empty:
            types.append("none")
            fact = replace(fact, nullable=True)
        return " | ".join(types), fact, schemas[0] if len(schemas) == 1 else {"anyOf": schemas}, accept


def _refusal(method: str, path: str, item: Node, reason: str) -> Refusal:
    node = item[method]
    id_ = node.get("operationId", "") if isinstance(node, dict) else ""
    return Refusal(method.upper(), path, str(id_), reason)


def _with_names(facts: OperationFacts, reach: Reach) -> OperationFacts:
    """Add the names of sensitive fields where a request may have fields that nothing describes."""
    passed = reach.of(facts.arguments)
    returned = reach.of([facts.returned] if facts.returned else [])
    names = passed.sensitive | returned.sensitive if any(map(nests, facts.arguments)) else ()
    return replace(facts, sensitive=tuple(sorted({name.casefold() for name in names})))


def _style(where: str, parameter: Node, fact: Fact) -> str:
    """Return how an array or an object is written; see `invigilate_runtime.Field`."""
    name, location = parameter["name"], parameter["in"]
    default = "form" if location == "query" else "simple"
    style = parameter.get("style", default)
    explode = parameter.get("explode", style == "form")
    types = {fact.type, *(option.type for option in fact.fields if fact.type == "union")}
    if style == "deepObject" and location == "query" and types == {"object"}:
        return "deepObject"
    if style != default:
        raise SpecError(f"{where}: the style {style} is not supported here ({name})")
    if location == "path" and "object" in types:
        raise SpecError(f"{where}: an object is not supported in path ({name})")
    if location == "query" and not explode and types & {"array", "object"}:
        return "comma"
    written = "form" if location == "query" else "pairs"
    return written if explode and "object" in types else ""


def _json_types(fact: Fact) -> list[str]:
    """Return the JSON types of a value; `any` if they do not matter."""
    if fact.type == "union":
        found = [type_ for option in fact.fields for type_ in _json_types(option)]
    else:
        strings = dict.fromkeys(("string", "timestamp", "date", "uuid", "comma"), "string")
        found = [{"object": "object", "array": "array", **strings}.get(fact.type, "any")]
    return [*found, "null"] if fact.nullable else found


def _models(fact: Fact) -> int:
    """Return the number of objects with documented fields among the alternatives of a value."""
    if fact.type == "object":
        return bool(fact.fields)
    return sum(_models(option) for option in fact.fields) + (_models(fact.items) if fact.items else 0)


def _is_plain(fact: Fact) -> bool:
    return fact.type not in {"array", "object", "file"} and all(_is_plain(option) for option in fact.fields)


def _plain_items(fact: Fact) -> bool:
    """Return whether a value is plain, or a list of plain values."""
    options = fact.fields if fact.type == "union" else (fact,)
    return all(_is_plain(option.items or option) for option in options)


def _writable(fact: Fact) -> bool:
    """Return whether a value can be written outside of JSON: it is plain, or an array or object of plain values."""
    if fact.type == "array":
        return fact.items is not None and _is_plain(fact.items)
    if fact.type == "union":
        return all(_writable(option) for option in fact.fields)
    if fact.type == "object":
        more = [fact.additional] if isinstance(fact.additional, Fact) else []
        return all(_is_plain(field_) for field_ in (*fact.fields, *more))
    return fact.type != "file"


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
