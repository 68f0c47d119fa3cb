"""Faults of responses: others than the API's, and its own with other values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any, ClassVar

from invigilate.sandbox.documents import Document, walk
from invigilate.sandbox.exchange import Exchange, Phase, Response
from invigilate.sandbox.json_values import encode, is_array, is_object
from invigilate.sandbox.problems import FAULT, Problem

from .plan import Fault, Turn

HTML = {"Content-Type": "text/html"}


@dataclass(frozen=True, kw_only=True)
class InPlace(Fault):
    """A response instead of the API's. Nothing is applied then, unless `applied` is true."""

    applied: bool = False

    def reached(self, phase: Phase, turn: Turn) -> None:
        """See `Fault`."""
        if phase is (Phase.APPLIED if self.applied else Phase.RECEIVED) and turn.exchange.applied == self.applied:
            turn.fire()
            turn.exchange.response = self.respond(turn.exchange)

    def respond(self, exchange: Exchange) -> Response:
        """Build the response."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Html502(InPlace):
    """Responds 502 with a page of HTML, as a proxy does."""

    name: ClassVar[str] = "html_502"

    def respond(self, exchange: Exchange) -> Response:
        """See `InPlace`."""
        return Response(502, b"<html><head><title>502 Bad Gateway</title></head></html>", HTML.copy())


@dataclass(frozen=True, kw_only=True)
class Html520(InPlace):
    """Responds 520 with a page of HTML, as Cloudflare does when the server behind it sent no proper response."""

    name: ClassVar[str] = "html_520"

    def respond(self, exchange: Exchange) -> Response:
        """See `InPlace`."""
        page = b"<html><head><title>520: Web server is returning an unknown error</title></head></html>"
        return Response(520, page, HTML.copy())


@dataclass(frozen=True, kw_only=True)
class Status(InPlace):
    """Responds with `status` in the shape of the API's errors; `retry_after` in seconds, or (`as_date`) as a date."""

    name: ClassVar[str] = "status"
    status: int = 500
    retry_after: float | None = None
    as_date: bool = False

    def respond(self, exchange: Exchange) -> Response:
        """See `InPlace`."""
        headers: dict[str, str] = {}
        if self.retry_after is not None and self.as_date:
            # Dates have whole seconds: rounded up, so that no client retries too early.
            moment = datetime.now(UTC) + timedelta(seconds=self.retry_after, microseconds=999_999)
            headers["Retry-After"] = format_datetime(moment, usegmt=True)
        elif self.retry_after is not None:
            headers["Retry-After"] = f"{self.retry_after:g}"
        return exchange.refuse(Problem(self.status, FAULT, "A fault of the sandbox.", headers))


@dataclass(frozen=True, kw_only=True)
class TooManyRequests(Status):
    """Responds 429, with Retry-After if `retry_after` is set: in seconds, or (`as_date`) as a date."""

    name: ClassVar[str] = "too_many_requests"
    status: int = 429


@dataclass(frozen=True, kw_only=True)
class Unavailable(Status):
    """Responds 503, with Retry-After if `retry_after` is set: in seconds, or (`as_date`) as a date."""

    name: ClassVar[str] = "unavailable"
    status: int = 503


@dataclass(frozen=True, kw_only=True)
class Redirect(InPlace):
    """Redirects the client to another host, with `status` 301, 302, 307 or 308."""

    name: ClassVar[str] = "redirect"
    status: int = 302
    host: str = "https://elsewhere.example.com"

    def respond(self, exchange: Exchange) -> Response:
        """See `InPlace`."""
        return Response(self.status, b"", {"Location": self.host + exchange.path})


@dataclass(frozen=True, kw_only=True)
class EmptyBody(Fault):
    """Responds 200 with an empty body."""

    name: ClassVar[str] = "empty_body"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        turn.exchange.response = Response(200, b"", {"Content-Type": "application/json"})


@dataclass(frozen=True, kw_only=True)
class NotJson(Fault):
    """Responds 200 with a body that is declared as JSON, and is not."""

    name: ClassVar[str] = "not_json"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        turn.exchange.response = Response(200, b"Everything is fine.", {"Content-Type": "application/json"})


@dataclass(frozen=True, kw_only=True)
class Rewrite(Fault):
    """Other JSON instead of the response's."""

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        data = data_of(turn.exchange)
        if is_object(data) and is_array(data.get("results")):
            changed: Any = {**data, "results": [self.record(row) for row in data["results"]]}
        elif is_array(data):
            changed = [self.record(row) for row in data]
        else:
            changed = self.record(data)
        replace_data(turn.exchange, changed)

    def record(self, value: Any) -> Any:
        """Change a record: the response itself, or each of its rows."""
        raise NotImplementedError


def data_of(exchange: Exchange) -> Any:
    """The data of a response."""
    return json.loads(exchange.response.body) if exchange.response is not None else None


def replace_data(exchange: Exchange, data: object) -> None:
    """Put other data into a response."""
    if exchange.response is not None:
        exchange.response = Response(exchange.response.status, encode(data), exchange.response.headers)


@dataclass(frozen=True, kw_only=True)
class WrongTypes(Rewrite):
    """Changes each field of a record to another JSON type."""

    name: ClassVar[str] = "wrong_types"

    def record(self, value: Any) -> Any:
        """See `Rewrite`."""
        if is_object(value):
            return {name: _of_another_type(each) for name, each in value.items()}
        return _of_another_type(value)


def _of_another_type(value: Any) -> Any:
    if value is None:
        return []
    if isinstance(value, str):
        return len(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return [value] if is_object(value) else {"items": value}


@dataclass(frozen=True, kw_only=True)
class Nulls(Rewrite):
    """Sets each field of a record to null."""

    name: ClassVar[str] = "nulls"

    def record(self, value: Any) -> Any:
        """See `Rewrite`."""
        return dict.fromkeys(value) if is_object(value) else None


@dataclass(frozen=True, kw_only=True)
class ExtraFields(Rewrite):
    """Adds fields that are not documented to every object."""

    name: ClassVar[str] = "extra_fields"

    def record(self, value: Any) -> Any:
        """See `Rewrite`."""
        if is_object(value):
            fields = {name: self.record(each) for name, each in value.items()}
            return {**fields, "undocumentedText": "new", "undocumentedObject": {"since": [2027, None]}}
        return [self.record(each) for each in value] if is_array(value) else value

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        # A string has no fields.
        return exchange.applied and not isinstance(data_of(exchange), str)


@dataclass(frozen=True, kw_only=True)
class NewEnumValues(Fault):
    """Puts a new value where the response has one that is documented in an enumeration."""

    name: ClassVar[str] = "new_enum_values"

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        if not exchange.applied:
            return False
        documented = _documented_values(exchange.document)
        return any(isinstance(value, str) and value in documented for _, value in walk(data_of(exchange)))

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        documented = _documented_values(turn.exchange.document)
        replace_data(turn.exchange, _with_new_values(data_of(turn.exchange), documented))


def _with_new_values(value: Any, documented: frozenset[str]) -> Any:
    if is_object(value):
        return {name: _with_new_values(each, documented) for name, each in value.items()}
    if is_array(value):
        return [_with_new_values(each, documented) for each in value]
    return f"New {value}" if isinstance(value, str) and value in documented else value


@cache
def _documented_values(document: Document) -> frozenset[str]:
    """All strings of all enumerations of a spec."""
    return frozenset(_enumerated(document))


def _enumerated(document: Document) -> Iterator[str]:
    for name, node in walk(document.content):
        if name == "enum" and is_array(node):
            yield from (each for each in node if isinstance(each, str))
