"""Where the clients and the generated packages have the documented operations, found through public names alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import ispring_learn_client
import smarterproctoring_client
from invigilate import (
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    ISpringLearn,
    Operation,
    Resource,
    SmarterProctoring,
)
from tests.support.documented import Documented
from tests.support.modes import TOKEN

CLIENTS: dict[str, tuple[type[Any], type[Any]]] = {
    "smarterproctoring": (SmarterProctoring, AsyncSmarterProctoring),
    "ispring-learn": (ISpringLearn, AsyncISpringLearn),
}
PACKAGES: dict[str, Any] = {"smarterproctoring": smarterproctoring_client, "ispring-learn": ispring_learn_client}


def reachable(client: object) -> dict[str, tuple[str, str]]:
    """Resource and method of each operation that a client offers, by operationId."""
    return {
        generated_module(member).OPERATION.id: (name, method)
        for name, resource in vars(client).items()
        if isinstance(resource, Resource)
        for method, member in vars(type(resource)).items()
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
    """The generated module that a method of a resource was made of."""
    return sys.modules[member.describe.__module__]


def module_of(operation: Documented) -> Any:
    """The generated module of an operation."""
    client = CLIENTS[operation.spec][0](TOKEN)
    try:
        resource, method = reachable(client)[operation.id]
        return generated_module(getattr(type(getattr(client, resource)), method))
    finally:
        client.close()


def arguments_of(operation: Documented) -> dict[str, Any]:
    """The examples of an operation as arguments, named by the generated table and not by a list of ours."""
    table = {(field.place, field.wire): field for field in module_of(operation).OPERATION.fields}
    arguments = {
        table[parameter.place, parameter.name].name: parameter.value
        for parameter in operation.parameters
        if parameter.value is not None
    }
    members: Mapping[str, Any] = operation.body if operation.media else {}
    return {**arguments, **{table["body", name].name: value for name, value in members.items()}}
