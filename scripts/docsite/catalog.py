"""The operations of all APIs, with everything that their pages show."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from docrender.calls import Resource, resources_of
from regenerator.references import follow

from invigilate._apis import API, APIS
from invigilate.cli.fields import summary
from invigilate.sandbox.registry import find
from invigilate_runtime import Operation

_METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class Entry:
    """An operation, as the client has it and as the spec describes it.

    Attributes:
        api: the API.
        resource: the resource, with the variable that holds the client: `client.exam_sessions`.
        name: the method of the resource.
        describe: the generated function.
        node: the operation in the spec.
        document: the whole spec.
    """

    api: API
    resource: Resource
    name: str
    describe: Any = field(repr=False)
    node: dict[str, Any] = field(repr=False)
    document: dict[str, Any] = field(repr=False)

    @property
    def operation(self) -> Operation[Any]:
        """The static description."""
        found: Operation[Any] = self.describe.__globals__["OPERATION"]
        return found

    @property
    def client(self) -> str:
        """The variable that holds the client: `client` or `ispring`."""
        return self.resource.name.partition(".")[0]

    @property
    def call(self) -> str:
        """The call, without arguments: `client.exam_sessions.schedule`."""
        return f"{self.resource.name}.{self.name}"

    @property
    def folder(self) -> str:
        """The folder of the resource's pages, below that of the reference."""
        return f"{self.api.key}/{self.resource.name.partition('.')[2]}"

    @property
    def path(self) -> str:
        """The page of the operation."""
        return f"reference/{self.folder}/{self.name}.md"

    @property
    def returns(self) -> str:
        """What the call returns, as annotated: `list[User]`; for a pager, its rows."""
        annotated = str(self.describe.__annotations__["return"])
        return annotated.partition("[")[2][:-1]

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """A node of the spec, or what it refers to; what stands beside a reference wins."""
        target, _, beside = follow(self.document, node)
        return {**target, **beside}


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All operations, in the order of the clients."""
    return tuple(each for api in APIS for each in _entries(api))


def _entries(api: API) -> Iterator[Entry]:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(find(api.key).spec, loader)
    nodes = {
        item[method]["operationId"]: item[method]
        for item in document["paths"].values()
        for method in _METHODS
        if method in item
    }
    for resource in resources_of(api):
        for name, bound in resource.operations.items():
            identifier = bound.describe.__globals__["OPERATION"].id
            yield Entry(api, resource, name, bound.describe, nodes[identifier], document)


def introduction(documented: Any) -> tuple[str, str]:
    """The first paragraph of a docstring, and what follows it before the first section."""
    first, _, rest = summary(documented).partition("\n\n")
    return first, rest
