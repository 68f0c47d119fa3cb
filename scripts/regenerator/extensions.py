"""The members that OpenAPI does not know and this generator does. A misspelled one would do nothing, silently."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

# Behind these, names are those of the API.
_NAMED_BY_THE_API = frozenset({"properties", "patternProperties", "headers", "schemas", "parameters", "responses"})
# In these, everything is.
_VALUES = frozenset({"example", "examples", "default", "enum", "const"})
_ARGUMENTS = ("comma-separated", "timestamp")
_FREE = frozenset({"x-capture", "x-inferred", "x-repeat"})


def problems(root: dict[str, Any], client_defaults: Iterable[str]) -> list[str]:
    """What of a specification the generator would misunderstand or pass over; nothing if all is known.

    Args:
        root: the document.
        client_defaults: the options of the clients that may stand in `x-client-default`.
    """
    found: list[str] = []
    version = str(root.get("openapi", ""))
    if not re.fullmatch(r"3\.1\.\d+", version):
        found.append(f"openapi: expected 3.1.x, got {version or 'nothing'}")
    known = sorted(client_defaults)
    for place, name, value in _extensions(root, ""):
        if name == "x-sensitive":
            if value is not True:
                found.append(f"{place}: x-sensitive is true, or is left out")
        elif name == "x-argument":
            if value not in _ARGUMENTS:
                found.append(f"{place}: x-argument is one of {', '.join(_ARGUMENTS)}")
        elif name == "x-client-default":
            if value not in known:
                found.append(f"{place}: x-client-default is an option of the clients: {', '.join(known)}")
        elif name not in _FREE:
            found.append(f"{place}: {name} is not known")
    return found


def check_package(name: str) -> str | None:
    """Why a package cannot be imported under a name; None if it can."""
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) and not keyword.iskeyword(name):
        return None
    return f"--package: expected a name that can be imported, like northfield_client, got {name!r}"


def _extensions(node: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _extensions(inner, f"{place}[{index}]")
    elif isinstance(node, dict):
        for name, inner in node.items():
            below = f"{place}.{name}" if place else name
            if name.startswith("x-"):
                yield place, name, inner
            elif name in _NAMED_BY_THE_API and isinstance(inner, dict):
                for key, child in inner.items():
                    yield from _extensions(child, f"{below}.{key}")
            elif name not in _VALUES:
                yield from _extensions(inner, below)
