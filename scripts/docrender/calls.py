"""The regions that list operations, from the clients and the specifications."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

from invigilate import Lazy, Operation
from invigilate._apis import API, APIS
from invigilate.sandbox.documents import load
from invigilate.sandbox.registry import shipped

EXTENTS = {"full": "in full", "partial": "in part", "guide": "from a guide", "document": "from the vendor's document"}


class Resource(NamedTuple):
    """A resource of a client.

    Attributes:
        name: as in code, after the variable that holds the client.
        what: the first line of its docstring.
        operations: what is bound, by name.
    """

    name: str
    what: str
    operations: dict[str, Any]


def calls(link: Callable[[str, str], str] | None = None) -> str:
    """A table for each resource, from the clients themselves.

    Args:
        link: returns the target of a call's link, from the name of its resource and its own: `ispring.users` and `get`.
            By default a call links to the page that it was captured from, and a column says how much of that was seen.
    """
    blocks: list[str] = []
    for api in APIS:
        extents = _extents(api)
        blocks.append(f"## {api.title}")
        for resource in resources_of(api):
            head = ["call", "request", "returns", "idempotent", *([] if link else ["captured"])]
            lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
            for name, bound in resource.operations.items():
                operation = bound.describe.__globals__["OPERATION"]
                annotated = str(bound.describe.__annotations__["return"])
                returned = annotated.replace("PagedCall[", "Pager[") if "PagedCall[" in annotated else annotated[5:-1]
                target = link(resource.name, name) if link else operation.documentation
                lines.append(
                    f"| [`{name}()`]({target}) | `{operation.method} {operation.path}` "
                    f"| `{returned}` | {'yes' if operation.idempotent else 'no'} |"
                    + ("" if link else f" {EXTENTS[extents[operation.id]]} |")
                )
            blocks += [f"### {resource.name}", resource.what, "\n".join(lines)]
    return "\n\n".join(blocks)


def resources() -> str:
    """The table of resources, each with the number of its calls."""
    lines = ["| resource | what it is | calls |", "|---|---|---|"]
    for api in APIS:
        for resource in resources_of(api):
            anchor = resource.name.replace(".", "")
            lines.append(f"| [`{resource.name}`](#{anchor}) | {resource.what} | {len(resource.operations)} |")
    return "\n".join(lines)


def coverage() -> str:
    """How much of the documentation of the operations was seen, counted in the specifications."""
    lines = [f"| API | operations | {' | '.join(EXTENTS.values())} |", "|---" * (2 + len(EXTENTS)) + "|"]
    for api in APIS:
        counts = Counter(_extents(api).values())
        numbers = " | ".join(str(counts[extent]) for extent in EXTENTS)
        lines.append(f"| {api.title} | {counts.total()} | {numbers} |")
    return "\n".join(lines)


def _extents(api: API) -> dict[str, str]:
    (entry,) = (each for each in shipped() if each.key == api.key)
    document = load(entry)
    return {each.operation_id: document.operation(each)["x-capture"]["extent"] for each in document.operations}


def resources_of(api: API) -> Iterator[Resource]:
    """The resources of an API, from its sync client."""
    client = getattr(import_module(f"invigilate.{api.key}"), api.clients[0])
    variable = api.key if APIS.index(api) else "client"
    for cls in client.__mro__:
        for name, holder in vars(cls).items():
            if isinstance(holder, Lazy):
                bound = {key: each for key, each in vars(holder.resource).items() if isinstance(each, Operation)}
                what = (inspect.getdoc(holder.resource) or "").partition("\n")[0]
                yield Resource(f"{variable}.{name}", what, bound)
