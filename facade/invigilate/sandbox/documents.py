"""The specifications, read once per process, and the operations in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import yaml

from invigilate import specs

ApiName = Literal["smarterproctoring", "ispring-learn"]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class OperationEntry:
    """Where an operation stands in its document.

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
    """One specification."""

    name: ApiName
    content: dict[str, Any]
    operations: tuple[OperationEntry, ...]

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """A part of the document, or what it refers to."""
        found: Any = node
        if "$ref" in node:
            found = self.content
            for part in str(node["$ref"]).removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
        return cast("dict[str, Any]", found)

    def find(self, path: str) -> list[tuple[OperationEntry, dict[str, str]]]:
        """The operations at a path, with the path's variables, still percent-encoded."""
        # A template with fewer variables is the more exact one.
        found = [(entry, match.groupdict()) for entry in self.operations if (match := entry.pattern.fullmatch(path))]
        fewest = min((len(variables) for _, variables in found), default=0)
        return [(entry, variables) for entry, variables in found if len(variables) == fewest]


@cache
def load(name: ApiName) -> Document:
    """Read a specification. The document is kept and shared; it must not be changed."""
    content = _with_whole_patterns(yaml.load(specs.read(name), Loader=_loader))
    # The server is this one, whatever host the specification names.
    content["servers"] = [{"url": "/"}]
    return Document(name, content, tuple(_operations(content)))


def _operations(content: dict[str, Any]) -> Iterator[OperationEntry]:
    for template, item in content["paths"].items():
        parts = re.split(r"\{(\w+)\}", template)
        pattern = re.compile(
            "".join(f"(?P<{part}>[^/]+)" if position % 2 else re.escape(part) for position, part in enumerate(parts))
        )
        for method in _METHODS:
            if method in item:
                yield OperationEntry(item[method]["operationId"], method.upper(), template, pattern)


def _with_whole_patterns(node: Any) -> Any:
    # In a JSON Schema `$` is the end. In Python it is also the place before a last line feed, so
    # that a SID with a line feed would pass.
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
