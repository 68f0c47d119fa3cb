"""Converts what a page says of values into schemas, in the conventions of the specs."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pagecheck.comparison import differences_of_field
from pagecheck.facts import Field, fields_of_sample
from pagecheck.specification import Spec, SpecField
from pagecheck.values import as_object, first_of

from .names import is_sensitive, pascal, words

Node = dict[str, Any]
TODO = "TODO"
TIMESTAMP = ".*Z"
TIME = "1970-01-01T00:00:00.000Z"

_SID = re.compile(r"\^(?P<prefix>[A-Z]{2,})\[(?P<digits>[^\]]+)\]\{(?P<length>\d+)\}\$")
_OF_ARRAYS = frozenset({"minItems", "maxItems", "uniqueItems", "default", "deprecated"})
_NULL_FROM_SAMPLE = "null allowed, because the field is known from a sample only"
_TYPE_FROM_SAMPLE = "the type is read off the page's sample"


def sid_example(pattern: str) -> str | None:
    """Return a value that matches a SID pattern, or None for another kind of pattern."""
    match = _SID.fullmatch(pattern)
    if match is None:
        return None
    value = match["prefix"] + ("1234567890abcdef" * 4)[: int(match["length"])]
    return value if re.fullmatch(pattern, value) else None


class Components:
    """The components of a draft. Equal ones of the target spec are reused.

    Args:
        target: the spec that the operation belongs to, if there is one.
        new: whether the operation is new to it, so that its schemas need names that are free there.
    """

    def __init__(self, target: Spec | None, *, new: bool = True) -> None:
        self.schemas: dict[str, Node] = {}
        self.parameters: dict[str, Node] = {}
        self.reused: list[str] = []
        """What is reused from the target, as `schemas/InstallSid`."""
        self.unread: list[str] = []
        """What the page does not say of a value, each with its place."""
        self.suggested: dict[str, list[str]] = {"x-sensitive": [], "x-argument: comma-separated": []}
        """What names and words suggest, each with the places."""
        self._target = target
        self._new = new
        self._theirs: Mapping[str, Any] = target.document.get("components", {}) if target else {}

    def parameter(self, field: Field, place: str) -> Node:
        """Return a parameter: a reference to an equal one, or a new one."""
        where = f"{place} parameter {field.name}"
        for name, theirs in self._theirs.get("parameters", {}).items():
            if (theirs.get("name"), theirs.get("in")) == (field.name, place) and self._says_the_same(field, theirs):
                return self._reuse("parameters", name)
        node: Node = {"name": field.name, "in": place}
        if field.required:
            node["required"] = True
        node["description"] = TODO
        facets = dict(field.facets)
        if facets.pop("deprecated", False):
            node["deprecated"] = True
        if place == "query" and any(kind.endswith("[]") for kind in field.types):
            node |= {"style": "form", "explode": True}
            node["x-inferred"] = "no page shows an array on the wire; repeated keys assumed"
        if field.required is None:
            node["x-inferred"] = "shown in the page's sample and missing from its table; so optional"
            self.unread.append(f"{where}: whether it is required; the sample sends it, and no table lists it")
        types = field.types
        if place == "header" and not types:
            types = frozenset({"string"})
            self.unread.append(f"{where}: its type; assumed to be a string, as for every header")
        if field.nullable:
            self.unread.append(f"{where}: how null is written outside of JSON")
        self.unread += [f"{where}: {gap}" for gap in (*field.gaps, *field.unread)]
        shown = Field(name=field.name, types=types, nullable=field.nullable, facets=facets)
        node["schema"] = self.schema(shown, where)
        if field.examples:
            node["example"] = field.examples[0]
        return node

    def object(self, name: str, fields: Sequence[Field], sample: Any, where: str, *, answer: bool) -> Node:
        """Return a reference to a new schema with the fields that a page lists."""
        node: Node = {"type": "object", "description": TODO}
        required = [field.name for field in fields if field.required]
        if required:
            node["required"] = required
        name = self._free(name)
        self.schemas[name] = node
        node["properties"] = {
            field.name: self._member(name, field, as_object(first_of(sample)), f"{where} {field.name}", answer=answer)
            for field in fields
        }
        if not answer:
            self._suggest_lists(fields, node, where)
        return {"$ref": f"#/components/schemas/{name}"}

    def sampled(self, name: str, sample: Mapping[str, Any], where: str, *, answer: bool) -> Node:
        """Return a reference to a new schema with the fields that only a JSON sample shows.

        In a response each may be null, since nothing excludes that; in a request none, since nothing allows it.
        """
        node: Node = {"type": "object", "description": TODO}
        node["x-inferred"] = "fields and types are from the page's JSON sample"
        name = self._free(name)
        self.schemas[name] = node
        node["properties"] = {
            field.name: self._member(name, field, sample, f"{where} {field.name}", from_sample=True, answer=answer)
            for field in fields_of_sample(sample)
        }
        self.unread.append(f"{where}: its typed list; fields and types are from the JSON sample")
        return {"$ref": f"#/components/schemas/{name}"}

    def schema(self, field: Field, where: str) -> Node:
        """Return the schema of a value, without the keys beside it in an object."""
        facets = dict(field.facets)
        named = self._named(field, facets)
        if named is not None:
            beside = {key: value for key, value in facets.items() if key != "pattern"}
            return {**({"anyOf": [named, {"type": "null"}]} if field.nullable else named), **beside}
        arrays = sorted(kind for kind in field.types if kind.endswith("[]"))
        plain = sorted(kind for kind in field.types if not kind.endswith("[]"))
        if "file" in plain:
            self.unread.append(f"{where}: what a file is on the wire")
        options = [self._plain(plain, facets)] if plain else []
        options += [self._array(field.name, kind, facets) for kind in arrays]
        if not options:
            return {"type": [TODO, "null"] if field.nullable else TODO}
        if len(options) > 1:
            return {"anyOf": options + ([{"type": "null"}] if field.nullable else [])}
        (node,) = options
        if field.nullable and "type" in node:
            kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
            node["type"] = [*kinds, "null"]
            if "enum" in node:
                node["enum"] = [*node["enum"], None]
        elif field.nullable:
            node = {"anyOf": [node, {"type": "null"}]}
        return node

    def _member(
        self,
        owner: str,
        field: Field,
        sample: Mapping[str, Any] | None,
        where: str,
        *,
        answer: bool,
        from_sample: bool = False,
    ) -> Node:
        shown = sample.get(field.name) if sample else None
        reasons: list[str] = []
        if from_sample:
            reasons.append(_NULL_FROM_SAMPLE if answer else _TYPE_FROM_SAMPLE)
        types, nullable = field.types, bool(field.nullable or (from_sample and answer))
        if not types and "enum" in field.facets:
            types = frozenset({"string"})
            reasons.append("the page shows no type; the listed values are assumed to be strings")
        node = self.schema(Field(name=field.name, types=types, nullable=nullable, facets=field.facets), where)
        inner = as_object(first_of(shown))
        if inner is not None and field.types & {"object", "object[]"}:
            reference = self.sampled(owner + pascal(field.name), inner, where, answer=answer) if inner else None
            node = _with_members(node, reference)
            if reference is None:
                reasons += ["fields undocumented"] if from_sample else []
                self.unread.append(f"{where}: the fields of the object")
        elif field.types & {"object", "object[]"}:
            node = _with_members(node, None)
            self.unread.append(f"{where}: the fields of the object")
        if not types:
            reasons = [f"{TODO}: the page shows no type; say where this one comes from"]
            if not field.gaps:
                self.unread.append(f"{where}: its type; the sample shows nothing but null")
        elif len(field.types) > 1 and field.loose_numbers:
            reasons.append("the page shows one value and mentions several; several are assumed to be sent as an array")
        elif any("any[]" in kind for kind in types):
            self.unread.append(f"{where}: the type of the array's items")
        self.unread += [f"{where}: {gap}" for gap in (*field.gaps, *field.unread)]
        if reasons:
            node["x-inferred"] = "; ".join(reasons)
        if is_sensitive(field.name):
            node["x-sensitive"] = True
            self.suggested["x-sensitive"].append(where)
        node["description"] = TODO
        if field.examples and list(field.examples) != self._examples(node):
            node["examples"] = list(field.examples)
        return node

    def _suggest_lists(self, fields: Sequence[Field], node: Node, where: str) -> None:
        for field in fields:
            told = words(field.words)
            if field.types == {"string"} and ("comma", "separated") in pairwise(told):
                node["properties"][field.name]["x-argument"] = "comma-separated"
                self.suggested["x-argument: comma-separated"].append(f"{where} {field.name}")

    def _named(self, field: Field, facets: Mapping[str, Any]) -> Node | None:
        """Return a reference to the named schema of a SID or a timestamp, or None."""
        pattern = facets.get("pattern")
        if field.types != {"string"} or pattern is None or set(facets) - {"pattern", "default", "deprecated"}:
            return None
        example = TIME if pattern == TIMESTAMP else sid_example(pattern)
        if example is None:
            return None
        for place in (self.schemas, self._theirs.get("schemas", {})):
            for name, node in place.items():
                if node.get("pattern") == pattern and not node.keys() & {"enum", "minLength", "maxLength", "format"}:
                    return self._reuse("schemas", name) if place is not self.schemas else _reference("schemas", name)
        name = self._free("Timestamp" if pattern == TIMESTAMP else _sid_name(field.name, pattern))
        self.schemas[name] = {"type": "string", "pattern": pattern, "description": TODO, "examples": [example]}
        return _reference("schemas", name)

    def _plain(self, kinds: list[str], facets: Mapping[str, Any]) -> Node:
        node: Node = {} if kinds == ["any"] else {"type": kinds[0] if len(kinds) == 1 else kinds}
        for key, value in facets.items():
            node[key] = list(value) if key == "enum" else value
        return node

    def _array(self, name: str, kind: str, facets: Mapping[str, Any]) -> Node:
        inner = kind.removesuffix("[]")
        own = {key: value for key, value in facets.items() if key in _OF_ARRAYS}
        rest = {key: value for key, value in facets.items() if key not in _OF_ARRAYS}
        item = Field(name=name.removesuffix("s"), types=frozenset({inner}), facets=rest)
        items = self._array(name, inner, rest) if inner.endswith("[]") else self.schema(item, "")
        return {"type": "array", **own, "items": items}

    def _says_the_same(self, field: Field, node: Mapping[str, Any]) -> bool:
        assert self._target is not None
        described = self._target.describe(field.name, node.get("schema", {}), required=node.get("required", False))
        own = (node["example"],) if "example" in node else ()
        stands = Field(
            name=field.name,
            types=described.field.types,
            nullable=described.field.nullable,
            required=described.field.required,
            facets=described.field.facets,
            examples=own or described.field.examples,
        )
        # What the spec only infers, this page documents: it needs a parameter of its own.
        if "x-inferred" in node and field.required is not None:
            return False
        marked = "x-inferred" in node
        return not differences_of_field(
            field, SpecField(field=stands, schema=node, inferred=described.inferred, parameter_inferred=marked)
        )

    def _reuse(self, kind: str, name: str) -> Node:
        """A reference to a component of the target, with all that it refers to."""
        place = f"{kind}/{name}"
        if place not in self.reused:
            self.reused.append(place)
            node: Node = copy.deepcopy(self._theirs[kind][name])
            (self.schemas if kind == "schemas" else self.parameters)[name] = node
            for inner in _references(node):
                self._reuse(*inner)
        return _reference(kind, name)

    def _free(self, name: str) -> str:
        taken = {*self.schemas, *(self._theirs.get("schemas", {}) if self._new else ())}
        number, found = 2, name
        while found in taken:
            found, number = f"{name}{number}", number + 1
        return found

    def _examples(self, node: Node) -> list[Any]:
        target = node.get("$ref") or next((item["$ref"] for item in node.get("anyOf", ()) if "$ref" in item), None)
        return list(self.schemas[str(target).rsplit("/", 1)[1]].get("examples", [])) if target else []


def _sid_name(name: str, pattern: str) -> str:
    """`harbourSid` gives `HarbourSid`; a plain `sid` has only its prefix to be named by."""
    match = _SID.fullmatch(pattern)
    if match is not None and words(name) in (["sid"], ["id"]):
        return f"{match['prefix'].capitalize()}Sid"
    return pascal(name)


def _reference(kind: str, name: str) -> Node:
    return {"$ref": f"#/components/{kind}/{name}"}


def _references(node: Any) -> list[tuple[str, str]]:
    if isinstance(node, dict):
        own = [tuple(node["$ref"].split("/")[2:4])] if str(node.get("$ref", "")).startswith("#/components/") else []
        return [(kind, name) for kind, name in own] + [pair for value in node.values() for pair in _references(value)]
    return [pair for value in node for pair in _references(value)] if isinstance(node, list) else []


def _with_members(node: Node, reference: Node | None) -> Node:
    """Return an object, or an array of objects, with its fields; if none are known, an open one."""
    if node.get("type") == "array" or "items" in node:
        return {**node, "items": reference or {"type": "object", "additionalProperties": True}}
    if reference is None:
        return {**node, "additionalProperties": True}
    kinds = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
    others = [{"type": kind} for kind in kinds if kind != "object"]
    return {"anyOf": [reference, *others]} if others else dict(reference)
