"""A specification as callers of the Python API see it: calls, their arguments, and the fields of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from openapi_python_client.strings import ClassName, PythonIdentifier
from regenerator.facts import Document, OperationFacts
from regenerator.media import choose
from regenerator.refusals import Refused
from regenerator.schemas import Fact, Node, SpecError, sid_schemas

from .changes import ReportError, Subject

# Types with a name of the generator's own.
_KINDS = {"comma": "comma-separated string"}
_RESERVED = frozenset({"additional_keys", "additional_properties", "from_dict", "to_dict"})


@dataclass(frozen=True)
class Member:
    """An argument of a call, or a field of a model.

    Attributes:
        fact: the facts of the specification.
        python: its name in Python.
        type: its type, in words.
        leaf: the facts of its scalar values; of the items, if it is an array.
        models: the models in it.
        schema: the name of the shared schema that it refers to, perhaps as null or this schema.
        subjects: the subjects of its changes.
        deprecated: whether it is documented as deprecated.
    """

    fact: Fact
    python: str
    type: str
    leaf: Fact
    models: frozenset[str]
    schema: str
    subjects: frozenset[Subject]
    deprecated: bool = False


@dataclass
class Model:
    """An object with documented fields, by wire name.

    Attributes:
        passed: whether callers pass it.
        returned: whether responses contain it.
        free: whether undocumented properties are allowed.
        schemas: where the document lists its properties.
        calls: the operations that use it; none if only webhooks do.
    """

    fields: dict[str, Member] = field(default_factory=dict)
    passed: bool = False
    returned: bool = False
    free: bool = False
    schemas: list[Node] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)


@dataclass
class Call:
    """An operation with its arguments, by place and wire name.

    Attributes:
        module: the generated module's name, and so that of the operation in Python.
        returns: the type of the response, in words.
        models: the models in its body and its response.
        deprecated: whether it is documented as deprecated.
    """

    facts: OperationFacts
    package: str
    module: str
    arguments: dict[tuple[str, str], Member]
    returns: str
    models: frozenset[str]
    deprecated: bool

    @property
    def path(self) -> str:
        """The generated module, as it is imported."""
        return f"{self.package}.api.{PythonIdentifier(self.facts.tag, 'tag')}.{self.module}"

    @property
    def subjects(self) -> frozenset[Subject]:
        """The subjects of its changes."""
        return frozenset({("operation", self.package, self.module)})


class Specification:
    """A specification.

    Attributes:
        root: the document.
        package: the generated package.
        calls: the operations, by operationId.
        models: the objects, by the name of their class.
        sids: the named SID schemas with their patterns.
        refusals: the operations that are not supported, and skipped.
        users: for each shared part, such as `("components", "schemas", "Book")`, the operations and webhooks that refer
            to it, directly or not, with its roles there: `passed` and `returned`.
    """

    def __init__(self, root: Node, package: str, source: str, *, skip_refused: bool = False) -> None:
        self.document = Document(root)
        self.root, self.package, self.source = self.document.root, package, source
        self.calls: dict[str, Call] = {}
        self.models: dict[str, Model] = {}
        self.sids = sid_schemas(root)
        operations, self.refusals = self.document.read()
        if self.refusals and not skip_refused:
            raise Refused(self.refusals)
        for facts in operations:
            self.calls[facts.id] = self._call(facts)
        self._events()
        self.users = self._users()

    def _call(self, facts: OperationFacts) -> Call:
        item = self.root["paths"][facts.path]
        node = item[facts.method.lower()]
        module = str(PythonIdentifier(facts.id, "field_"))
        body_name, body = "", None
        schemas: dict[tuple[str, str], Node] = {}
        deprecated: set[tuple[str, str]] = set()
        if "requestBody" in node:
            _, whole = choose(self.document.resolve(node["requestBody"])[0]["content"])
            body, shared = self.document.resolve(whole)
            schemas["content", "body"] = whole
            body_name = _class(shared or f"{facts.id}_body")
        for reference in [*node.get("parameters", []), *item.get("parameters", [])]:
            parameter, _ = self.document.resolve(reference)
            schemas[parameter["in"], parameter["name"]] = parameter["schema"]
            if parameter.get("deprecated"):
                deprecated.add((parameter["in"], parameter["name"]))
        properties = dict(self._properties(body)) if body else {}
        schemas |= {("body", wire): schema for wire, schema in properties.items()}
        arguments: dict[tuple[str, str], Member] = {}
        taken: set[str] = set()
        reached = {body_name} if body else set()
        for fact in facts.arguments:
            python = fact.client_default or _python(fact.wire_name)
            place = "request" if fact.location == "content" else fact.location
            python = f"{place}_{python}" if python in taken else python
            taken.add(python)
            member = self._member(
                fact, schemas[fact.location, fact.wire_name], body_name or facts.id, "passed", facts.id, ()
            )
            about = {("argument", self.package, module, python)}
            if fact.location == "body":
                about.add(("member", self.package, body_name, _python(fact.wire_name)))
            old = member.deprecated or (fact.location, fact.wire_name) in deprecated
            arguments[fact.location, fact.wire_name] = replace(
                member, python=python, subjects=frozenset(about), deprecated=old
            )
            reached |= member.models
        returns = "nothing" if facts.returns == "none" else facts.returns
        if facts.returned is not None:
            name = f"{facts.id}_response"
            member = self._member(facts.returned, facts.schema, name, "returned", facts.id, (), shared_only=True)
            returns, reached = member.type, reached | member.models
        deprecated_call = bool(node.get("deprecated"))
        return Call(facts, self.package, module, arguments, returns, frozenset(reached), deprecated_call)

    def _events(self) -> None:
        """Read the models of webhooks, which come in as responses do."""
        for item in self.root.get("webhooks", {}).values():
            content = self.document.resolve(item["post"].get("requestBody", {}))[0].get("content")
            if content:
                schema = choose(content)[1]
                fact = self.document.fact("event", schema, location="")
                self._member(fact, schema, item["post"]["operationId"], "returned", "", (), shared_only=True)

    def _users(self) -> dict[tuple[str, ...], dict[str, set[str]]]:
        users: dict[tuple[str, ...], dict[str, set[str]]] = {}
        parts: list[tuple[str, str, Any]] = []
        for call in self.calls.values():
            item = self.root["paths"][call.facts.path]
            node = item[call.facts.method.lower()]
            passed = [node.get("parameters"), node.get("requestBody"), item.get("parameters")]
            parts += [(call.facts.id, "passed", passed), (call.facts.id, "returned", node["responses"])]
        events = (item["post"] for item in self.root.get("webhooks", {}).values())
        parts += [(event["operationId"], "returned", event) for event in events]
        for name, role, start in parts:
            waiting, seen = [start], set[str]()
            while waiting:
                part = waiting.pop()
                if isinstance(part, list):
                    waiting += part
                elif isinstance(part, dict):
                    reference = part.get("$ref")
                    if isinstance(reference, str) and reference not in seen:
                        seen.add(reference)
                        place = tuple(reference.removeprefix("#/").split("/"))
                        users.setdefault(place, {}).setdefault(name, set()).add(role)
                        waiting.append(self.document.resolve(part)[0])
                    waiting += [value for key, value in part.items() if key not in {"example", "examples", "x-capture"}]
        return users

    def roles(self, path: tuple[str, ...]) -> set[str]:
        """Return whether callers pass what is at this place, and whether it is returned to them."""
        if path[0] == "paths":
            return {"returned"} if "responses" in path[:4] else {"passed"}
        if path[0] == "webhooks":
            return {"returned"}
        return set[str]().union(*self.users.get(path[:3], {}).values())

    def unreached(self) -> set[str]:
        """Return the classes of the shared schemas that no operation and no webhook refers to."""
        schemas = self.root.get("components", {}).get("schemas", {})
        return {_class(name) for name in schemas if ("components", "schemas", name) not in self.users}

    def shared(self, name: str) -> Node | None:
        """Return a shared schema as the document has it."""
        found: Node | None = self.root.get("components", {}).get("schemas", {}).get(name)
        return found

    def _properties(self, node: Node) -> Iterator[tuple[str, Node]]:
        for properties in self._listings(node):
            yield from properties.items()

    def _listings(self, node: Node) -> Iterator[Node]:
        """Yield the listings of an object's properties: its own, and those of the parts it is composed of."""
        for part in node.get("allOf", ()):
            yield from self._listings(self.document.resolve(part)[0])
        if "properties" in node:
            yield node["properties"]

    def _member(
        self,
        fact: Fact,
        schema: Node,
        within: str,
        role: str,
        operation: str,
        trail: tuple[str, ...],
        *,
        shared_only: bool = False,
    ) -> Member:
        """Read a value, and record the models in it."""
        found: set[str] = set()
        node, shared = self.document.resolve(schema)
        hint = within if shared_only else f"{within}_{fact.wire_name}"
        text = self._text(fact, schema, hint, role, operation, trail, found)
        text += " or null" if fact.nullable and fact.type != "any" else ""
        leaf = fact
        while leaf.type == "array" and leaf.items is not None:
            leaf = leaf.items
        python = _python(fact.wire_name)
        about = frozenset({("member", self.package, _class(within), python)})
        deprecated = bool(node.get("deprecated"))
        alternatives = [one for one in node.get("anyOf") or node.get("oneOf") or () if one.get("type") != "null"]
        if len(alternatives) == 1:
            shared = self.document.resolve(alternatives[0])[1]
        return Member(fact, python, text, leaf, frozenset(found), shared or "", about, deprecated)

    def _text(
        self,
        fact: Fact,
        schema: Node,
        hint: str,
        role: str,
        operation: str,
        trail: tuple[str, ...],
        found: set[str],
    ) -> str:
        node, shared = self.document.resolve(schema)
        if fact.type == "array":
            if fact.items is None:
                return "array"
            items = f"{hint}_item" if not shared else f"{shared}_item"
            inner = self._text(fact.items, node.get("items", {}), items, role, operation, trail, found)
            return f"array of {inner}"
        if fact.type == "union":
            alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ())]
            # A list of types is a union, too.
            alternatives = alternatives or [{**node, "type": kind} for kind in node.get("type", ())]
            options = [(index, one) for index, one in enumerate(alternatives) if one.get("type") != "null"]
            # As the generator names the models in it.
            texts = [
                self._text(one, part, f"{hint}_type_{index}", role, operation, trail, found)
                for one, (index, part) in zip(fact.fields, options, strict=True)
            ]
            return " or ".join(texts)
        if fact.type == "object" and not fact.fields and isinstance(fact.additional, Fact):
            values = fact.additional.fields if fact.additional.type == "union" else [fact.additional]
            return f"object of {' or '.join(value.type for value in values)}"
        if fact.type != "object" or not fact.fields:
            return _KINDS.get(fact.type, fact.type)
        alternatives = [one for one in node.get("anyOf") or node.get("oneOf") or () if one.get("type") != "null"]
        if len(alternatives) == 1:
            return self._text(fact, alternatives[0], hint, role, operation, trail, found)
        name = _class(shared or hint)
        found.add(name)
        self._model(name, fact, node, role, operation, trail, found)
        return name

    def _model(
        self, name: str, fact: Fact, node: Node, role: str, operation: str, trail: tuple[str, ...], found: set[str]
    ) -> None:
        model = self.models.setdefault(name, Model())
        model.passed |= role == "passed"
        model.returned |= role == "returned"
        model.free, model.schemas = fact.additional is not False, [*self._listings(node)]
        if operation and operation not in model.calls:
            model.calls.append(operation)
        if name in trail:
            return
        schemas = dict(self._properties(node))
        for child in fact.fields:
            member = self._member(child, schemas[child.wire_name], name, role, operation, (*trail, name))
            model.fields[child.wire_name] = member
            found |= member.models


def load(path: Path, package: str, *, skip_refused: bool = False) -> Specification:
    """Read a specification.

    Args:
        path: the file.
        package: the generated package.
        skip_refused: leave out operations that are not supported.

    Raises:
        ReportError: if it is missing, not YAML, or code cannot be generated from it.
    """
    try:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        root = yaml.load(path.read_text(encoding="utf-8"), loader)
        return Specification(root, package, path.name, skip_refused=skip_refused)
    except (OSError, yaml.YAMLError, SpecError) as error:
        raise ReportError(f"{path.name} cannot be read: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ReportError(
            f"{path.name} is not a supported OpenAPI document ({type(error).__name__}: {error})"
        ) from None


def _class(name: str) -> str:
    return str(ClassName(name, "field_"))


def _python(wire: str) -> str:
    name = str(PythonIdentifier(wire, "field_"))
    return f"{name}_" if name in _RESERVED else name


__all__ = ["Call", "Member", "Model", "Specification", "load"]
