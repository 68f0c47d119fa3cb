"""The control endpoint: what a test in another language needs of the sandbox, over HTTP.

It has a port of its own, so that no fault of a connection hits it, and the prefix `/_sandbox`. It sends no CORS headers
and refuses what comes from a web page.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from .api import Control
from .exchange import Exchange, Response
from .faults import Faults, Planned
from .faults.command import build, options
from .json_values import decode, is_array, is_object, plain
from .local import LocalService, refuse_web_pages
from .problems import NOT_FOUND, WRONG_METHOD, Problem, invalid, missing
from .records import Defect, Journal, RecordedRequest

PREFIX = "/_sandbox"

Endpoint = Callable[[Mapping[str, str], Any], object]
"""A function that is passed the variables of its path and the JSON body."""


class Controlled(Protocol):
    """The sandbox, as the control endpoint sees it."""

    requests: Journal[RecordedRequest]
    defects: Journal[Defect]
    faults: Faults

    @property
    def base_urls(self) -> dict[str, str]:
        """URLs by key of the API."""
        ...

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables."""
        ...

    @property
    def identifiers(self) -> dict[str, str]:
        """Known identifiers."""
        ...

    def reset(self) -> None:
        """Return to the initial state."""


class ControlService(LocalService):
    """Responds to control requests.

    Args:
        sandbox: the sandbox.
        controls: returns what the APIs offer.
    """

    def __init__(self, sandbox: Controlled, controls: Callable[[], Mapping[str, Control]]) -> None:
        super().__init__("control")
        self._sandbox = sandbox
        self._controls = controls
        self._endpoints: dict[str, Endpoint] = {
            "GET /": self._overview,
            "POST /reset": self._reset,
            "GET /requests": self._list_requests,
            "GET /defects": self._list_defects,
            "GET /faults": self._list_faults,
            "POST /faults": self._add_fault,
            "DELETE /faults": self._clear_faults,
            "DELETE /faults/{id}": self._remove_fault,
        }

    def respond(self, exchange: Exchange) -> Response:
        """See `Service`."""
        try:
            refuse_web_pages(exchange.headers)
            endpoint, variables = self._find(exchange)
            data = endpoint(variables, _body(exchange))
        except Problem as problem:
            return self.refuse(problem)
        if data is None:
            return Response(204, b"")
        return Response.json(data, 201 if isinstance(data, _Created) else 200)

    def _all(self) -> dict[str, Endpoint]:
        return {**self._endpoints, **{name: _endpoint(each) for name, each in self._controls().items()}}

    def _find(self, exchange: Exchange) -> tuple[Endpoint, dict[str, str]]:
        path = exchange.path.rstrip("/")
        allowed: list[str] = []
        for name, endpoint in self._all().items():
            method, _, template = name.partition(" ")
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", f"{PREFIX}{template}".rstrip("/"))
            match = re.fullmatch(pattern, path)
            if match is None:
                continue
            if method == exchange.method:
                return endpoint, match.groupdict()
            allowed.append(method)
        if allowed:
            raise Problem(405, WRONG_METHOD, "The path has no such method.", {"Allow": ", ".join(allowed)})
        raise Problem(404, NOT_FOUND, f"There is no such path; GET {PREFIX} lists all.")

    def _overview(self, _variables: Mapping[str, str], _body: Any) -> object:
        return {
            "urls": self._sandbox.base_urls,
            "environment": self._sandbox.environment,
            "identifiers": self._sandbox.identifiers,
            "endpoints": [name.replace(" ", f" {PREFIX}", 1).rstrip("/") for name in self._all()],
        }

    def _reset(self, _variables: Mapping[str, str], _body: Any) -> None:
        self._sandbox.reset()

    def _list_requests(self, _variables: Mapping[str, str], _body: Any) -> object:
        return _as_json(list(self._sandbox.requests))

    def _list_defects(self, _variables: Mapping[str, str], _body: Any) -> object:
        return _as_json(list(self._sandbox.defects))

    def _list_faults(self, _variables: Mapping[str, str], _body: Any) -> object:
        faults = self._sandbox.faults
        return {
            "planned": [_described(each) for each in faults.planned],
            "fired": _as_json(list(faults.fired)),
        }

    def _add_fault(self, _variables: Mapping[str, str], body: Any) -> object:
        if not is_object(body) or not isinstance(body.get("operation"), str) or not isinstance(body.get("fault"), str):
            raise invalid('The body has to be {"operation": "...", "fault": "...", "options": {...}}.')
        values = body.get("options", {})
        if not is_object(values) or body.keys() - {"operation", "fault", "options"}:
            raise invalid("options has to be an object, and there are no other fields.")
        try:
            fault = build(body["fault"], {name: str(value) for name, value in values.items()})
            planned = self._sandbox.faults.add(body["operation"], fault)
        except ValueError as error:
            raise invalid(f"{error}.") from None
        return _Created(_described(planned))

    def _clear_faults(self, _variables: Mapping[str, str], _body: Any) -> None:
        self._sandbox.faults.clear()

    def _remove_fault(self, variables: Mapping[str, str], _body: Any) -> None:
        faults = self._sandbox.faults
        for planned in faults.planned:
            if str(planned.id) == variables["id"]:
                faults.remove(planned)
                return
        raise missing("The fault")


class _Created(dict[str, Any]):
    """Data of a response with status 201."""


def _endpoint(control: Control) -> Endpoint:
    def respond(variables: Mapping[str, str], _body: Any) -> object:
        return _as_json(control(variables))

    return respond


def _body(exchange: Exchange) -> Any:
    if not exchange.body:
        return None
    if exchange.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise invalid("Content-Type: not application/json.")
    try:
        return plain(decode(exchange.body))
    except ValueError as error:
        raise invalid("The body is not JSON.") from error


def _described(planned: Planned) -> dict[str, Any]:
    fault = planned.fault
    values = {name: getattr(fault, name) for name in options(type(fault))}
    return {
        "id": planned.id,
        "operation": planned.operation,
        "fault": fault.name,
        "options": values,
        "fired": planned.fired,
    }


def _as_json(value: Any) -> Any:
    if is_array(value):
        return [_as_json(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _as_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value
