"""What the specs document of responses, for values and for shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from invigilate import _apis, specs
from invigilate._shapes import is_object
from invigilate.errors import ConfigurationError

Schema = Mapping[str, Any]
Branches = Sequence[Schema]
"""The alternatives of a schema, each without references and combinations; none if nothing is documented."""

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
HINTS = {
    # As in RFC 3339: without an offset, it is not known which time is meant.
    "date-time": re.compile(
        r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
    ),
    "date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "sid": re.compile(r"[A-Z]{2}[a-z0-9]{32}"),
    "number": re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?"),
    "empty": re.compile(""),
}
"""What strings may look like; others are `text`."""


class Documented:
    """What the spec of one API documents of responses.

    Attributes:
        operations: by method and path template.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._known: dict[int, list[Schema]] = {}  # by the identity of a schema, which the document keeps
        self.operations: dict[str, Mapping[str, Any]] = {
            f"{method.upper()} {path}": item[method]
            for path, item in document["paths"].items()
            for method in _METHODS
            if method in item
        }
        # A path without parameters comes before one whose parameter it would match.
        self._patterns = {
            key: re.compile(re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(key))).fullmatch
            for key in sorted(self.operations, key=lambda key: key.count("{"))
        }

    def key(self, method: str, path: str) -> str | None:
        """Return the key of the operation that a path or a path template belongs to."""
        wanted = f"{method.upper()} {path.partition('?')[0]}"
        if wanted in self.operations:
            return wanted
        return next((key for key, matches in self._patterns.items() if matches(wanted)), None)

    def response(self, key: str, status: str) -> tuple[Mapping[str, Any], bool] | None:
        """Return the documented response for a status, and whether only an inferred range or default covers it."""
        responses = self.operations[key]["responses"]
        for name in (status, f"{status[:1]}XX", "default"):
            if name in responses:
                found = self._resolved(responses[name])
                return found, name != status and "x-inferred" in found
        return None

    def _resolved(self, node: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(node)
        while "$ref" in found:
            target: Any = self._document
            for part in found.pop("$ref").removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            found = {**target, **found}
        return found

    def body(self, key: str, status: str, media: str) -> Branches:
        """Return what is documented for a body."""
        found = self.response(key, status)
        content: Mapping[str, Any] = found[0].get("content", {}) if found else {}
        return self.branches([content.get(media, {}).get("schema")])

    def branches(self, schemas: Sequence[Any]) -> Branches:
        """Return the alternatives of schemas of which each may apply."""
        return [branch for schema in schemas if is_object(schema) for branch in self._branches(schema)]

    def _branches(self, schema: Schema) -> list[Schema]:
        if id(schema) not in self._known:
            self._known[id(schema)] = self._alternatives(schema)
        return self._known[id(schema)]

    def _alternatives(self, schema: Schema) -> list[Schema]:
        whole = self._resolved(schema)
        combined = [whole.pop(word, None) for word in ("anyOf", "oneOf")]
        found: list[Schema] = [whole]
        for part in whole.pop("allOf", ()):
            found = [_merged(one, other) for one in found for other in self._branches(part)]
        for alternatives in filter(None, combined):
            found = [_merged(one, other) for one in found for part in alternatives for other in self._branches(part)]
        return found

    def within(self, branches: Branches, name: str | None = None) -> Branches:
        """Return what is documented for a field, or without a name for the other fields of an object."""
        if name is None:
            return self.branches([branch.get("additionalProperties") for branch in branches])
        return self.branches(
            [branch["properties"][name] for branch in branches if name in branch.get("properties", ())]
        )


def _merged(one: Schema, other: Schema) -> Schema:
    properties = {**one.get("properties", {}), **other.get("properties", {})}
    required = [*one.get("required", ()), *other.get("required", ())]
    more = {key: value for key, value in (("properties", properties), ("required", required)) if value}
    return {**one, **other, **more}


def types(branch: Schema) -> frozenset[str]:
    """Return the JSON types that a schema allows; an integer is also a number."""
    found = branch.get("type", TYPES)
    allowed = {found} if isinstance(found, str) else {*found}
    return frozenset(allowed | {"null"} if branch.get("nullable") else allowed)


def allowing(branches: Branches, type_: str) -> Branches:
    """Return the schemas that allow a JSON type."""
    wanted = {type_, "number"} if type_ == "integer" else {type_}
    return [branch for branch in branches if wanted & types(branch)]


def is_open(branches: Branches) -> bool:
    """Whether fields that are not documented are expected in an object."""
    return any(branch.get("additionalProperties") or "properties" not in branch for branch in branches)


def names(branches: Branches) -> set[str]:
    """Return the names of the documented fields of an object."""
    return {name for branch in branches for name in branch.get("properties", ())}


def hint(text: str) -> str:
    """Return what a string looks like."""
    found = next((name for name, pattern in HINTS.items() if pattern.fullmatch(text)), "text")
    if found in ("date-time", "date"):
        try:
            datetime.fromisoformat(text.upper())
        except ValueError:  # there is no such day or time
            return "text"
    return found


def differing(value: Any, branches: Branches) -> str | None:
    """Return the keyword that a scalar of a documented type does not satisfy, if it satisfies no schema."""
    keywords = [next(_failed(value, branch), None) for branch in branches]
    return None if None in keywords else next(iter(keywords), None)


def _failed(value: Any, branch: Schema) -> Iterator[str]:
    if value is None:
        return
    if value not in branch.get("enum", [branch.get("const", value)]):
        yield "enum"
    if isinstance(value, str):
        if "pattern" in branch and not re.search(branch["pattern"], value):
            yield "pattern"
        if branch.get("format") in ("date-time", "date", "uuid") and hint(value) != branch["format"]:
            yield "format"


def inferred(nodes: Sequence[Mapping[str, Any]], outer: str = "") -> str:
    """Return why parts of the spec are inferred and not documented; by default what holds for what they are part of."""
    return next((" ".join(node["x-inferred"].split()) for node in nodes if "x-inferred" in node), outer)


@cache
def documented(api: str) -> Documented:
    """Read the spec of an API, once.

    Raises:
        ConfigurationError: if there is no such API, or the extra is not installed.
    """
    known = {each.key: each.spec for each in _apis.APIS}
    if api not in known:
        raise ConfigurationError(f"api: expected {' or '.join(known)}")
    try:
        import yaml  # late: without the extra, this module can still be imported
    except ImportError:
        raise ConfigurationError('shapes need an extra: pip install "invigilate[drift]"') from None
    return Documented(yaml.load(specs.read(known[api]), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
