"""OpenAPI documents, parsed once per process, and the operations in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import yaml

from .json_values import is_array, is_object
from .registry import ApiEntry

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class OperationEntry:
    """The location of an operation in its document.

    Attributes:
        operation_id: its operationId.
        method: HTTP method, in upper case.
        template: path with its parameters in braces.
        pattern: what a request's path has to match as a whole.
    """

    operation_id: str
    method: str
    template: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """The spec of one API."""

    name: str
    content: dict[str, Any]
    operations: tuple[OperationEntry, ...]

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """A node of the document, or what it refers to."""
        found: Any = node
        while "$ref" in found:
            reference, found = str(found["$ref"]), self.content
            for part in reference.removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
        return cast("dict[str, Any]", found)

    def operation(self, entry: OperationEntry) -> dict[str, Any]:
        """The operation object of an entry."""
        return cast("dict[str, Any]", self.content["paths"][entry.template][entry.method.lower()])

    def parameters(self, entry: OperationEntry) -> list[dict[str, Any]]:
        """The parameters of an operation, those of its path included."""
        nodes = (self.operation(entry), self.content["paths"][entry.template])
        return [self.resolve(each) for node in nodes for each in node.get("parameters", ())]

    def find(self, path: str) -> list[tuple[OperationEntry, dict[str, str]]]:
        """The operations at a path, with the path's variables, still percent-encoded."""
        # A template with fewer variables is the more exact one.
        found = [(entry, match.groupdict()) for entry in self.operations if (match := entry.pattern.fullmatch(path))]
        fewest = min((len(variables) for _, variables in found), default=0)
        return [(entry, variables) for entry, variables in found if len(variables) == fewest]

    def by_id(self, operation_id: str | None) -> OperationEntry | None:
        """The operation with an operationId."""
        return next((entry for entry in self.operations if entry.operation_id == operation_id), None)


@cache
def load(entry: ApiEntry) -> Document:
    """Parse the spec of an API. The document is cached and shared; do not change it."""
    content = _with_whole_patterns(yaml.load(entry.spec, Loader=LOADER))
    # The server is this one, whatever host the spec names.
    content["servers"] = [{"url": "/"}]
    return Document(entry.key, content, tuple(_operations(content)))


def walk(node: Any) -> Iterator[tuple[str | None, Any]]:
    """Every value of a JSON document at any depth, with its key."""
    pending: list[tuple[str | None, Any]] = [(None, node)]
    while pending:
        name, value = pending.pop()
        yield name, value
        if is_object(value):
            pending += reversed(list(value.items()))
        elif is_array(value):
            pending += [(None, each) for each in reversed(value)]


def _operations(content: dict[str, Any]) -> Iterator[OperationEntry]:
    for template, item in content["paths"].items():
        parts = re.split(r"\{([^{}]+)\}", template)
        names = parts[1::2]
        if not all(name.isidentifier() for name in names):
            raise ValueError(f"{template}: path parameters have to be identifiers")
        pattern = re.compile(
            "".join(f"(?P<{part}>[^/]+)" if position % 2 else re.escape(part) for position, part in enumerate(parts))
        )
        for method in _METHODS:
            if method in item:
                operation_id = item[method].get("operationId", f"{method.upper()} {template}")
                yield OperationEntry(operation_id, method.upper(), template, pattern)


def _with_whole_patterns(node: Any) -> Any:
    # In a JSON Schema `$` is the end. In Python it also matches before a trailing newline, so that a SID with a newline
    # would pass.
    if isinstance(node, dict):
        return {
            key: re.sub(r"(?<!\\)\$\Z", r"\\Z", value)
            if key == "pattern" and isinstance(value, str)
            else _with_whole_patterns(value)
            for key, value in cast("dict[str, Any]", node).items()
        }
    if isinstance(node, list):
        return [_with_whole_patterns(item) for item in cast("Iterable[Any]", node)]
    return node
