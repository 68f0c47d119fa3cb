"""What a specification says of its operations, beyond what the generator's templates get to see.

The generator hands its templates no extension, no pattern and no description of a parameter. This module reads them
from the document itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

Node = dict[str, Any]


class SpecError(Exception):
    """The specification cannot be generated from; the text says where and why."""


@dataclass(frozen=True)
class Fact:
    """One argument, or one member of a nested object. The names are those of the generated `Field`."""

    wire: str
    place: str
    kind: str
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
    free: bool = False
    client_default: str | None = None
    description: str = ""
    default: Any = None
    inferred: str = ""


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
    media: str | None
    secured: bool
    body_required: bool
    facts: tuple[Fact, ...] = field(default=())


class Document:
    """A specification with its references resolved on demand."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.marked: dict[str, Node] = {}

    def resolve(self, node: Node) -> tuple[Node, str | None]:
        """Follow `$ref`; siblings of the reference win. Gives the node and the name of the last target."""
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
                    raise SpecError(f"the reference {reference} leads nowhere")
                target = target[part]
            name = reference.rsplit("/", 1)[1]
            node = target
        return {**node, **siblings}, name

    def operations(self) -> list[OperationFacts]:
        """Read all operations, in the order of the document."""
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
        if (
            not capture.get("page")
            or not capture.get("date")
            or capture.get("extent") not in {"full", "partial", "guide"}
        ):
            raise SpecError(f"{where}: x-capture needs page, date and extent (full, partial or guide)")
        if len(node["tags"]) != 1:
            raise SpecError(f"{where}: exactly one tag names the resource")
        media, body_required, members = self._body(where, node)
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
            answer=self._answer(where, node),
            media=media,
            secured=bool(node.get("security", self.root.get("security", []))),
            body_required=body_required,
            facts=(*self._parameters(where, node, item), *members),
        )

    def _parameters(self, where: str, node: Node, item: Node) -> list[Fact]:
        facts: dict[tuple[str, str], Fact] = {}
        for reference in [*node.get("parameters", []), *item.get("parameters", [])]:
            parameter, _ = self.resolve(reference)
            place, wire = parameter["in"], parameter["name"]
            if place not in {"path", "query", "header"}:
                raise SpecError(f"{where}: parameters in {place} are not supported ({wire})")
            if "schema" not in parameter:
                raise SpecError(f"{where}: the parameter {wire} has no schema")
            if place == "query" and (parameter.get("style", "form") != "form" or not parameter.get("explode", True)):
                raise SpecError(f"{where}: only exploded form style is supported in queries ({wire})")
            fact = self.fact(wire, parameter["schema"], place=place, required=bool(parameter.get("required")))
            if place != "body" and fact.kind == "object":
                raise SpecError(f"{where}: objects are not supported in {place} ({wire})")
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
        return media, bool(body.get("required")), members

    def _answer(self, where: str, node: Node) -> str:
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
            return "any"
        if list(content) != ["application/json"]:
            raise SpecError(f"{where}: only application/json answers are supported")
        schema = content["application/json"].get("schema", {})
        kind = self.fact("answer", schema, place="").kind
        return {"object": "object", "array": "array", "string": "text", "timestamp": "text"}.get(kind, "any")

    def fact(
        self,
        wire: str,
        schema: Node,
        *,
        place: str,
        required: bool = False,
        trail: tuple[str, ...] = (),
    ) -> Fact:
        """Read a schema, nested members included; a recursive schema ends as a free-form object."""
        node, name = self.resolve(schema)
        if name is not None and name in trail:
            return Fact(wire, place, "any", required=required, nullable=True)
        trail = (*trail, name) if name else trail
        if "allOf" in node:
            node = self._merged(node)
        nullable = False
        kinds = node.get("type")
        kinds = [kinds] if isinstance(kinds, str) else list(kinds or [])
        if "null" in kinds:
            nullable = True
            kinds.remove("null")
        alternatives = node.get("anyOf") or node.get("oneOf")
        base = Fact(
            wire,
            place,
            "any",
            required=required,
            sensitive=bool(node.get("x-sensitive")),
            description=node.get("description", ""),
            default=node.get("default"),
            inferred=node.get("x-inferred", ""),
        )
        if alternatives:
            return self._union(base, alternatives, nullable, trail)
        if len(kinds) > 1:
            return self._union(base, [{**node, "type": kind} for kind in kinds], nullable, trail)
        if not kinds:
            kinds = ["object"] if "properties" in node else ["any"]
        return self._plain(base, kinds[0], node, name, nullable, trail)

    def _union(self, base: Fact, alternatives: list[Node], nullable: bool, trail: tuple[str, ...]) -> Fact:
        options: list[Fact] = []
        for alternative in alternatives:
            if alternative.get("type") == "null":
                nullable = True
                continue
            plain = {key: value for key, value in alternative.items() if key not in {"anyOf", "oneOf"}}
            options.append(self.fact("", plain, place="", trail=trail))
        nullable = nullable or any(option.nullable for option in options)
        if len(options) == 1:
            only = options[0]
            return replace(
                only,
                wire=base.wire,
                place=base.place,
                required=base.required,
                nullable=nullable,
                sensitive=base.sensitive or only.sensitive,
                description=base.description or only.description,
                default=base.default if base.default is not None else only.default,
                inferred=base.inferred or only.inferred,
            )
        return replace(base, kind="union", nullable=nullable, fields=tuple(options))

    def _plain(
        self,
        base: Fact,
        kind: str,
        node: Node,
        name: str | None,
        nullable: bool,
        trail: tuple[str, ...],
    ) -> Fact:
        if kind not in {"string", "integer", "number", "boolean", "array", "object", "any"}:
            raise SpecError(f"{base.wire}: the type {kind!r} is not supported")
        pattern = node.get("pattern")
        special = {"comma-separated": "comma", "timestamp": "timestamp"}.get(node.get("x-argument", ""))
        if kind == "string" and special:
            kind = special
        elif kind == "string" and (pattern == ".*Z" or node.get("format") == "date-time"):
            kind = "timestamp"
        elif kind == "string" and node.get("format") in {"date", "uuid"}:
            kind = node["format"]
        elif kind == "string" and node.get("format") in {"binary", "byte"}:
            raise SpecError(f"{base.wire}: binary content is not supported")
        enum = node.get("enum", [node["const"]] if "const" in node else [])
        members: tuple[Fact, ...] = ()
        if kind == "object":
            needed = set(node.get("required", ()))
            members = tuple(
                self.fact(wire, child, place="", required=wire in needed, trail=trail)
                for wire, child in node.get("properties", {}).items()
            )
        return replace(
            base,
            kind=kind,
            nullable=nullable or None in enum,
            pattern=pattern if kind == "string" else None,
            sid=name if kind == "string" and pattern and name and name.endswith("Sid") else None,
            enum=tuple(value for value in enum if value is not None),
            minimum=node.get("minimum"),
            maximum=node.get("maximum"),
            items=self.fact("", node["items"], place="", trail=trail) if kind == "array" and "items" in node else None,
            fields=members,
            free=kind == "object" and (not members or bool(node.get("additionalProperties", False))),
        )

    def _merged(self, node: Node) -> Node:
        """Join the parts of an `allOf`, which is a single reference or a few objects."""
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
    """The named SID schemas of a document with their patterns."""
    schemas = root.get("components", {}).get("schemas", {})
    return {name: node["pattern"] for name, node in schemas.items() if name.endswith("Sid") and "pattern" in node}


_NAME_MAPS = frozenset(
    {
        "properties",
        "patternProperties",
        "$defs",
        "schemas",
        "parameters",
        "responses",
        "requestBodies",
        "headers",
    }
    | {"securitySchemes", "content", "paths", "callbacks", "links"}
)
_DOCUMENTATION = frozenset({"default", "example", "examples", "format"})


def generator_view(document: Document) -> Node:
    """Copy a document without what the generator would turn into behaviour, its schemas marked for `marked`.

    Documented defaults are documentation: the generator would send them unasked. Formats would be decoded into other
    types, while answers stay as documented.
    """
    document.marked.clear()

    def copy(node: Any, names: bool) -> Any:
        if isinstance(node, list):
            return [copy(item, False) for item in node]
        if not isinstance(node, dict):
            return node
        if names:
            return {key: copy(value, False) for key, value in node.items()}
        view = {
            key: value if key == "servers" else copy(value, key in _NAME_MAPS)
            for key, value in node.items()
            if key not in _DOCUMENTATION
        }
        if "properties" in node or "allOf" in node:
            view["x-node"] = str(len(document.marked))
            document.marked[view["x-node"]] = node
        return view

    result: Node = copy(document.root, False)
    return result
