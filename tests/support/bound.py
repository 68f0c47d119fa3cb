"""Where the clients and the generated packages have the documented operations, found through public names only."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any

import ispring_learn_client
import smarterproctoring_client
from invigilate import (
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    ISpringLearn,
    Lazy,
    Operation,
    SmarterProctoring,
)
from tests.support.documented import Documented

CLIENTS: dict[str, tuple[type[Any], type[Any]]] = {
    "smarterproctoring": (SmarterProctoring, AsyncSmarterProctoring),
    "ispring-learn": (ISpringLearn, AsyncISpringLearn),
}
PACKAGES: dict[str, Any] = {"smarterproctoring": smarterproctoring_client, "ispring-learn": ispring_learn_client}


def reachable(client: object) -> dict[str, tuple[str, str]]:
    """Resource and method of each operation that a client, or its class, offers, by operationId."""
    return _reachable(client if isinstance(client, type) else type(client))


@functools.cache
def _reachable(kind: type[Any]) -> dict[str, tuple[str, str]]:
    return {
        generated_module(member).OPERATION.id: (name, method)
        for cls in kind.__mro__
        for name, lazy in vars(cls).items()
        if isinstance(lazy, Lazy)
        for method, member in vars(lazy.resource).items()
        if isinstance(member, Operation)
    }


def method_of(client: object, operation: Documented, *, raw: bool = False) -> Any:
    """The client's method for an operation."""
    places = reachable(client)
    assert operation.id in places, f"no method of {client!r} is {operation.id}"
    resource, method = places[operation.id]
    holder = getattr(client, resource)
    return getattr(holder.with_raw_response if raw else holder, method)


def generated_module(member: Any) -> Any:
    """The generated module behind a method of a resource."""
    return sys.modules[member.describe.__module__]


def module_of(operation: Documented) -> Any:
    """The generated module of an operation."""
    client = CLIENTS[operation.spec][0]
    resource, method = reachable(client)[operation.id]
    return generated_module(getattr(getattr(client, resource), method))


def arguments_of(operation: Documented) -> dict[str, Any]:
    """The examples of an operation as arguments, named by the generated table and not by a list of ours."""
    table = {(field.location, field.wire_name): field for field in module_of(operation).OPERATION.fields}
    arguments = {
        table[parameter.place, parameter.name].name: parameter.value
        for parameter in operation.parameters
        if parameter.value is not None
    }
    members: Mapping[str, Any] = operation.body if operation.media else {}
    return {**arguments, **{table["body", name].name: value for name, value in members.items()}}
