"""The extensions of OpenAPI that this generator supports. A misspelled one would silently do nothing."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

# The keys of these are names of the API.
_NAMED_BY_THE_API = frozenset({"properties", "patternProperties", "headers", "schemas", "parameters", "responses"})
# These contain values of the API.
_VALUES = frozenset({"example", "examples", "default", "enum", "const"})
_ARGUMENTS = ("comma-separated", "timestamp")
_UNCHECKED = frozenset({"x-capture", "x-inferred", "x-idempotent", "x-pagination"})


def problems(root: dict[str, Any], client_defaults: Iterable[str]) -> list[str]:
    """Return what the generator would misunderstand or ignore in a specification.

    Args:
        root: the document.
        client_defaults: the options of the clients that `x-client-default` may name.
    """
    found: list[str] = []
    version = str(root.get("openapi", ""))
    if not re.fullmatch(r"3\.1\.\d+", version):
        found.append(f"openapi: expected 3.1.x, got {version or 'nothing'}")
    known = sorted(client_defaults)
    for path, name, value in _extensions(root, ""):
        if name == "x-sensitive":
            if value is not True:
                found.append(f"{path}: x-sensitive must be true or omitted")
        elif name == "x-argument":
            if value not in _ARGUMENTS:
                found.append(f"{path}: x-argument must be one of {', '.join(_ARGUMENTS)}")
        elif name == "x-client-default":
            if value not in known:
                found.append(f"{path}: x-client-default must be one of {', '.join(known)}")
        elif name == "x-enum-varnames":
            if not isinstance(value, list) or len({*map(str.upper, map(str, value))}) < len(value):
                found.append(f"{path}: x-enum-varnames must be a list of different names")
        elif name not in _UNCHECKED:
            found.append(f"{path}: unknown extension {name}")
    return found


def check_package(name: str) -> str | None:
    """Return why a package name cannot be imported, or `None` if it can."""
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) and not keyword.iskeyword(name):
        return None
    return f"--package: expected a name that can be imported, like northfield_client, got {name!r}"


def _extensions(node: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _extensions(inner, f"{path}[{index}]")
    elif isinstance(node, dict):
        for name, inner in node.items():
            below = f"{path}.{name}" if path else name
            if name.startswith("x-"):
                yield path, name, inner
            elif name in _NAMED_BY_THE_API and isinstance(inner, dict):
                for key, child in inner.items():
                    yield from _extensions(child, f"{below}.{key}")
            elif name not in _VALUES:
                yield from _extensions(inner, below)
