"""Compares a spec with facts, name by name.

One fact each is: a parameter with its location, type and required flag; a request body; a response by status; a field
with its type; a required flag; a value of an enum; brackets in the name of a parameter. A type includes its format.
Names that the project chooses itself are not facts: operation IDs, tags, and names of schemas unless both have them.
"""

from __future__ import annotations

from .document import Document, Node


class Comparison:
    """The comparison of a spec with facts.

    Attributes:
        facts: every fact by a key, such as `GET /users query pageSize`, `User.email` or `User.email required`.
        differences: what differs, by key.
        added: keys of what only the spec has, which contradicts no fact.
    """

    def __init__(self, facts: Node, spec: Node) -> None:
        self.facts: set[str] = set()
        self.differences: dict[str, str] = {}
        self.added: set[str] = set()
        self._facts, self._spec = Document(facts), Document(spec)
        self._seen: set[tuple[str, str]] = set()
        self._lost: set[str] = set()  # schemas of what the spec does not have
        for key in sorted({*self._facts.parts, *self._spec.parts}):
            failure = key.rpartition(" ")[2][0] in "45"
            expected, found = self._facts.parts.get(key), self._spec.parts.get(key)
            if failure and found and expected and expected[0] == "no body":
                found = expected  # the facts have no body for most errors; the spec has the usual one
            if expected or not failure:  # the spec lists further errors everywhere, as inferred
                self._typed(key, expected, found)
        while names := self._named() - {name for name, _ in self._seen}:
            for name in sorted(names):
                self._model(name, self._facts.schemas[name], self._spec.schemas.get(name, {}), name)

    def _named(self) -> set[str]:
        return self._facts.schemas.keys() & (self._spec.schemas.keys() | self._lost)

    def _fact(self, key: str, expected: str, found: str) -> None:
        if expected:
            self.facts.add(key)
        if expected != found:
            self.added |= set() if expected else {key}
            self.differences[key] = f"{expected or 'nothing'} in the facts, {found or 'nothing'} in the spec"

    def _typed(self, key: str, expected: tuple[str, Node] | None, found: tuple[str, Node] | None) -> None:
        (stated, schema), (stated_here, schema_here) = expected or ("", {}), found or ("", {})
        stated_here = stated if found and stated == "any" else stated_here
        (name, model), (name_here, model_here) = self._facts.model(schema), self._spec.model(schema_here)
        if expected and found and name in self._spec.schemas and name != name_here:
            self._fact(key, f"{stated} ({name})", f"{stated_here} ({name_here or 'another schema'})")
            return
        self._fact(key, stated, stated_here)
        if not expected or (name or key, name_here) in self._seen:
            return
        alike = found and self._facts.describe(schema) == self._spec.describe(schema_here)
        if alike and (name == name_here or name_here not in self._facts.schemas):
            self._model(name or key, model, model_here, name_here)
        elif name:
            self._lost.add(name)  # the last to be compared, since the spec may have it elsewhere
        else:
            self._model(key, model, {}, "")

    def _model(self, name: str, model: Node, here: Node, name_here: str) -> None:
        self._seen.add((name, name_here))
        fields, fields_here = model.get("properties", {}), here.get("properties", {})
        for field in {**fields, **fields_here}:
            sides = ((self._facts, fields.get(field)), (self._spec, fields_here.get(field)))
            stated = ((read.describe(each), each) if each is not None else None for read, each in sides)
            self._typed(f"{name}.{field}", *stated)
        flags, flags_here = set(model.get("required", ())), set(here.get("required", ()))
        for field in sorted(flags | flags_here & fields.keys()):
            lost = field in fields.keys() - fields_here.keys()  # one difference is enough
            states = ("required" if field in each or lost else "optional" for each in (flags, flags_here))
            self._fact(f"{name}.{field} required", *states)
        values, values_here = ([str(value) for value in each.get("enum", ())] for each in (model, here))
        for value in {**dict.fromkeys(values), **dict.fromkeys(values_here)}:
            states = ("a value" if value in (each or values) else "" for each in (values, values_here))
            self._fact(f"{name} = {value}", *states)
