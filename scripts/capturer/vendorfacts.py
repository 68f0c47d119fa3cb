"""The command behind `scripts/compare-facts`: compares a spec with the facts of a vendor's own OpenAPI document.

One fact each is: a parameter with its location, type and required flag; a request body; a response by status; a field
with its type; a required flag; a value of an enum; brackets in the name of a parameter. A type includes its format.
Names that the project chooses itself are not facts: operation IDs, tags, and names of schemas unless both have them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .specification import load_yaml

Node = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "INVIGILATE_FACTS"
MOST = 0.03
"""The share of the facts that may differ."""
_FORMATS = {"dateTime": "date-time", "datetime": "date-time", "url": "uri"}  # only the latter are registered


class _Document:
    """An OpenAPI document.

    Attributes:
        schemas: the named schemas.
        parts: each parameter, request body and response by a key such as `GET /users query pageSize`: what the
            document states about it, and its schema.
    """

    def __init__(self, root: Node) -> None:
        self._root = root
        self.schemas: Node = root["components"]["schemas"]
        self.parts: dict[str, tuple[str, Node]] = {}
        for path, item in root["paths"].items():
            for method, operation in item.items():
                self._read(f"{method.upper()} {path}", operation)

    def resolve(self, node: Node) -> tuple[str, Node]:
        """Follow references, and unions of one schema with or without null. Returns the last name, and the node."""
        name = ""
        while True:
            union = [each for each in node.get("oneOf") or node.get("anyOf") or () if each.get("type") != "null"]
            if "$ref" in node:
                path, node = node["$ref"].split("/")[1:], self._root
                name = path[-1] if path[-1] != "schema" else path[-2]  # the latter of a parameter
                for step in path:
                    node = node[step]
            elif len(union) == 1:
                node = union[0]
            else:
                return name, node

    def model(self, node: Node) -> tuple[str, Node]:
        """Return the object or enum that a schema contains, below any arrays, and its name."""
        name, node = self.resolve(node)
        while node.get("type") == "array":
            name, node = self.resolve(node["items"])
        return (name if "properties" in node or "enum" in node else ""), node

    def describe(self, node: Node) -> str:
        """Describe the type of a schema, without fields, values, ranges, and null, which the facts never have."""
        node = self.resolve(node)[1]
        if union := node.get("oneOf") or node.get("anyOf"):
            return " or ".join(sorted({self.describe(each) for each in union} - {"null"}))
        types = node.get("type", "object" if "properties" in node else "any")
        types = " or ".join(each for each in types if each != "null") if isinstance(types, list) else types
        if types == "array":
            return f"array of {self.describe(node['items'])}"
        form = _FORMATS.get(node.get("format", ""), node.get("format", ""))
        return " ".join(filter(None, (types, form, "enum" if "enum" in node else "")))

    def _read(self, key: str, operation: Node) -> None:
        for parameter in operation.get("parameters", ()):
            _, each = self.resolve(parameter)
            name = each["name"].removesuffix("[]")
            stated = [self.describe(each["schema"]), each.get("style", ""), "required" if each.get("required") else ""]
            schema = {"$ref": f"{parameter['$ref']}/schema"} if "$ref" in parameter else each["schema"]
            self.parts[f"{key} {each['in']} {name}"] = ", ".join(filter(None, stated)), schema
            if name != each["name"]:  # apart, since the facts have them here and there
                self.parts[f"{key} {each['in']} {name} brackets"] = "brackets", {}
        bodies = {"body": operation["requestBody"]} if "requestBody" in operation else {}
        for part, body in [*bodies.items(), *operation["responses"].items()]:
            content = self.resolve(body or {})[1].get("content", {})
            stated = [f"{media}: {self.describe(each['schema'])}" for media, each in content.items()] or ["no body"]
            stated += ["required"] if (body or {}).get("required") else []
            self.parts[f"{key} {part}"] = ", ".join(stated), next((each["schema"] for each in content.values()), {})


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
        self._facts, self._spec = _Document(facts), _Document(spec)
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


def judge(comparison: Comparison, listed: Sequence[Node]) -> list[str]:
    """Return a summary, and what is wrong.

    Args:
        comparison: the comparison.
        listed: the known differences: keys as `facts`, in which `*` matches anything, with their `reason`, and with
            `aside` if they do not count because the facts do not apply to the spec.
    """
    problems: list[str] = []
    entries: dict[str, Node] = {}
    for entry in listed:
        for pattern in entry["facts"]:
            matches = re.compile(re.escape(pattern).replace(r"\*", ".*")).fullmatch
            keys = [key for key in comparison.differences if matches(key)]
            entries.update(dict.fromkeys(keys, entry))
            problems += [] if keys else [f"listed, but no difference matches it: {pattern}"]
        problems += [] if entry.get("reason", "").strip() else [f"no reason: {', '.join(entry['facts'])}"]
    for key, difference in comparison.differences.items():
        problems += [] if key in entries else [f"not listed: {key}: {difference}"]
    aside = {key for key, entry in entries.items() if entry.get("aside")} - comparison.added
    different = len(comparison.differences.keys() - comparison.added - aside)
    compared = len(comparison.facts - aside)
    share = f"{different} of {compared:,} facts differ ({different / compared:.1%})"
    if different > MOST * compared:
        problems.append(f"more than {MOST:.0%}: {share}")
    beside = f"{len(aside)} facts do not apply, and the spec has {len(comparison.added)} things more"
    return [f"{share}; {beside}", *problems]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0: every difference is listed; 1: problems; 2: no facts."""
    parser = argparse.ArgumentParser(
        prog="compare-facts", description="Compares a spec with a facts file, name by name."
    )
    default = Path(os.environ.get(VARIABLE) or ROOT.parent / "shared" / "reference" / "ispring" / "facts.yaml")
    parser.add_argument("facts", nargs="?", type=Path, default=default, help=f"(default: {VARIABLE}, or %(default)s)")
    parser.add_argument("--spec", type=Path, default=ROOT / "openapi" / "ispring-learn.yaml")
    options = parser.parse_args(arguments)
    if not options.facts.is_file():
        print(f"compare-facts: no facts: {options.facts}", file=sys.stderr)
        return 2
    files = (options.facts, options.spec, options.spec.with_suffix(".differences.yaml"))
    facts, spec, listed = (load_yaml(file.read_text(encoding="utf-8")) for file in files)
    comparison = Comparison(facts, spec)
    for key, difference in comparison.differences.items():
        print(f"{key}: {difference}")
    summary, *problems = judge(comparison, listed["differences"])
    print(summary)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0
