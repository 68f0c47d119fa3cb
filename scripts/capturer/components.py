"""Converts what a page says of values into schemas, in the conventions of the specs."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from .comparison import Comparison
from .facts import Field
from .names import is_sensitive, pascal, words
from .specification import INFERRED, OF_ARRAYS, Spec

Schema = dict[str, Any]
TODO = "TODO"
_TIMESTAMP = ".*Z"
_TIME = "1970-01-01T00:00:00.000Z"
_SID = re.compile(r"\^(?P<prefix>[A-Z]{2,})\[(?P<digits>[^\]]+)\]\{(?P<length>\d+)\}\$")
_OPEN = {"type": "object", "additionalProperties": True}
_OBJECTS = frozenset({"object", "object[]"})


class Components:
    """The components of a draft. Equal ones of the target spec are reused.

    Args:
        target: the spec that the operation belongs to, if there is one.
        new: whether the operation is new to it, so that its schemas need names that are free there.

    Attributes:
        schemas: schemas by name.
        parameters: parameters by name.
        reused: what is reused from the target, as `schemas/InstallSid`.
        unread: what the page does not say of a value, each with its place.
        suggested: what names and words suggest, each with its place.
    """

    def __init__(self, target: Spec | None, *, new: bool = True) -> None:
        self.schemas: dict[str, Schema] = {}
        self.parameters: dict[str, Schema] = {}
        self.reused: list[str] = []
        self.unread: list[str] = []
        self.suggested: list[str] = []
        self._target = target
        self._new = new
        self._theirs: Mapping[str, Any] = target.document.get("components", {}) if target else {}

    def parameter(self, field: Field, place: str) -> Schema:
        """Return a parameter: a reference to an equal one, or a new one."""
        where = f"{place} parameter {field.name}"
        for name, theirs in self._theirs.get("parameters", {}).items():
            if (theirs.get("name"), theirs.get("in")) == (field.name, place) and self._says_the_same(field, theirs):
                return self._reuse("parameters", name)
        facets = {key: value for key, value in field.facets.items() if key != "deprecated"}
        node: Schema = {"name": field.name, "in": place, **({"required": True} if field.required else {})}
        node |= {"description": TODO, **({"deprecated": True} if "deprecated" in field.facets else {})}
        if place == "query" and any(kind.endswith("[]") for kind in field.types):
            node |= {"style": "form", "explode": True}
            node[INFERRED] = "no page shows an array on the wire; repeated keys assumed"
        if field.required is None:
            node[INFERRED] = "shown in the page's sample and missing from its table; so optional"
            self.unread.append(f"{where}: whether it is required; the sample sends it, and no table lists it")
        types = field.types
        if place == "header" and not types:
            types = frozenset({"string"})
            self.unread.append(f"{where}: its type; assumed to be a string, as for every header")
        if field.nullable:
            self.unread.append(f"{where}: how null is written outside of JSON")
        self.unread += [f"{where}: {gap}" for gap in field.gaps]
        node["schema"] = self.schema(replace(field, types=types, facets=facets), where)
        return node | ({"example": field.examples[0]} if field.examples else {})

    def object(self, name: str, fields: Sequence[Field], where: str, *, answer: bool) -> Schema:
        """Return a reference to a new schema with the fields that a page lists, or only shows in a sample."""
        required = [field.name for field in fields if field.required]
        node: Schema = {"type": "object", "description": TODO, **({"required": required} if required else {})}
        name = self._free(name)
        self.schemas[name] = node
        if all(field.sampled for field in fields):
            node[INFERRED] = "fields and types are from the page's JSON sample"
            self.unread.append(f"{where}: its typed list; fields and types are from the JSON sample")
        node["properties"] = {
            field.name: self._property(name, field, f"{where} {field.name}", answer=answer) for field in fields
        }
        return _reference("schemas", name)

    def schema(self, field: Field, where: str) -> Schema:
        """Return the schema of a value, without the keys beside it in an object."""
        named = self._named(field)
        if named is not None:
            beside = {key: value for key, value in field.facets.items() if key != "pattern"}
            return {**({"anyOf": [named, {"type": "null"}]} if field.nullable else named), **beside}
        arrays = sorted(kind for kind in field.types if kind.endswith("[]"))
        plain = sorted(field.types - set(arrays))
        if "file" in plain:
            self.unread.append(f"{where}: what a file is on the wire")
        facets = {key: list(value) if key == "enum" else value for key, value in field.facets.items()}
        kinds = {} if plain == ["any"] else {"type": plain[0] if len(plain) == 1 else plain}
        options = [{**kinds, **facets}] if plain else []
        options += [self._array(field, kind) for kind in arrays] or ([] if plain else [{"type": TODO}])
        if len(options) == 1 and "type" in options[0] and field.nullable:
            (node,) = options
            node["type"] = [*([node["type"]] if isinstance(node["type"], str) else node["type"]), "null"]
            return node | ({"enum": [*node["enum"], None]} if "enum" in node else {})
        options += [{"type": "null"}] if field.nullable else []
        return {"anyOf": options} if len(options) > 1 else options[0]

    def _property(self, owner: str, field: Field, where: str, *, answer: bool) -> Schema:
        """Return a field of an object.

        One that only a sample shows may be null in a response, since nothing excludes that; in a request nothing allows
        it.
        """
        reasons: list[str] = []
        types, nullable = field.types, bool(field.nullable or (field.sampled and answer))
        if field.sampled:
            null = "null allowed, because the field is known from a sample only"
            reasons.append(null if answer else "the type is read off the page's sample")
        if not types and "enum" in field.facets:
            types = frozenset({"string"})
            reasons.append("the page shows no type; the listed values are assumed to be strings")
        node = self.schema(replace(field, types=types, nullable=nullable), where)
        if field.types & _OBJECTS:
            inner = (
                self.object(owner + pascal(field.name), field.fields, where, answer=answer) if field.fields else None
            )
            node = _with_properties(node, inner)
            if inner is None:
                reasons += ["fields undocumented"] if field.sampled else []
                self.unread.append(f"{where}: the fields of the object")
        if not types:
            reasons = [f"{TODO}: the page shows no type; say where this one comes from"]
            self.unread += [] if field.gaps else [f"{where}: its type; the sample shows nothing but null"]
        elif len(field.types) > 1 and field.loose_numbers:
            reasons.append("the page shows one value and mentions several; several are assumed to be sent as an array")
        elif any("any[]" in kind for kind in types):
            self.unread.append(f"{where}: the type of the array's items")
        self.unread += [f"{where}: {gap}" for gap in field.gaps]
        node |= {INFERRED: "; ".join(reasons)} if reasons else {}
        if is_sensitive(field.name):
            node["x-sensitive"] = True
            self.suggested.append(f"x-sensitive: {where}")
        node["description"] = TODO
        if field.examples and list(field.examples) != self._examples(node):
            node["examples"] = list(field.examples)
        if not answer and field.types == {"string"} and ("comma", "separated") in pairwise(words(field.words)):
            node["x-argument"] = "comma-separated"
            self.suggested.append(f"x-argument: comma-separated: {where}")
        return node

    def _named(self, field: Field) -> Schema | None:
        """Return a reference to the named schema of a SID or a timestamp, or None."""
        pattern, sid = field.facets.get("pattern", ""), _SID.fullmatch(field.facets.get("pattern", ""))
        example = _TIME if pattern == _TIMESTAMP else None
        if sid is not None:
            example = sid["prefix"] + ("1234567890abcdef" * 4)[: int(sid["length"])]
        if field.types != {"string"} or example is None or field.facets.keys() - {"pattern", "default", "deprecated"}:
            return None
        if not re.fullmatch(pattern, example):
            return None
        for place in (self.schemas, self._theirs.get("schemas", {})):
            for name, node in place.items():
                if node.get("pattern") == pattern and not node.keys() & {"enum", "minLength", "maxLength", "format"}:
                    return self._reuse("schemas", name) if place is not self.schemas else _reference("schemas", name)
        # `harbourSid` gives `HarbourSid`; a plain `sid` has only its prefix to be named by.
        plain = sid is not None and words(field.name) in (["sid"], ["id"])
        name = f"{sid['prefix'].capitalize()}Sid" if sid is not None and plain else pascal(field.name)
        name = self._free("Timestamp" if sid is None else name)
        self.schemas[name] = {"type": "string", "pattern": pattern, "description": TODO, "examples": [example]}
        return _reference("schemas", name)

    def _array(self, field: Field, kind: str) -> Schema:
        own = {key: value for key, value in field.facets.items() if key in OF_ARRAYS}
        rest = {key: value for key, value in field.facets.items() if key not in OF_ARRAYS}
        inner, name = frozenset({kind.removesuffix("[]")}), field.name.removesuffix("s")
        return {"type": "array", **own, "items": self.schema(Field(name=name, types=inner, facets=rest), "")}

    def _says_the_same(self, field: Field, node: Schema) -> bool:
        assert self._target is not None
        # What the spec only infers, this page documents: it needs a parameter of its own.
        if INFERRED in node and field.required is not None:
            return False
        comparison = Comparison("", self._target)
        comparison.compare_field(field.name, field, self._target.parameter(field.name, node))
        return not comparison.differences

    def _reuse(self, kind: str, name: str) -> Schema:
        """A reference to a component of the target, with all that it refers to."""
        place = f"{kind}/{name}"
        if place not in self.reused:
            self.reused.append(place)
            node: Schema = copy.deepcopy(self._theirs[kind][name])
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

    def _examples(self, node: Schema) -> list[Any]:
        target = next((name for _, name in _references(node)), "")
        return list(self.schemas.get(target, {}).get("examples", ()))


def _reference(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def _references(node: Any) -> Iterator[tuple[str, str]]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and str(node.get("$ref", "")).startswith("#/components/"):
        kind, name = node["$ref"].split("/")[2:4]
        yield kind, name
    for child in children:
        yield from _references(child)


def _with_properties(node: Schema, reference: Schema | None) -> Schema:
    """Return an object, or an array of objects, with its fields; if none are known, an open one."""
    if "items" in node:
        return {**node, "items": reference or dict(_OPEN)}
    if reference is None:
        return {**node, "additionalProperties": True}
    kinds = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
    others = [{"type": kind} for kind in kinds if kind != "object"]
    return {"anyOf": [reference, *others]} if others else dict(reference)
