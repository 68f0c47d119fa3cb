"""Faults of answers: others than the API's, and its own with other values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any, ClassVar

from invigilate.sandbox.documents import load
from invigilate.sandbox.exchange import Answer, Exchange, Phase
from invigilate.sandbox.json_text import encode, is_array, is_object

from .plan import APIS, Fault, Turn

HTML = {"Content-Type": "text/html"}


@dataclass(frozen=True, kw_only=True)
class InPlace(Fault):
    """An answer in place of the API's. Nothing is applied then, unless `applied` says so."""

    applied: bool = False

    def reached(self, phase: Phase, turn: Turn) -> None:
        """See `Fault`."""
        if phase is (Phase.APPLIED if self.applied else Phase.RECEIVED) and turn.exchange.applied == self.applied:
            turn.fire()
            turn.exchange.answer = self.answer(turn.exchange)

    def answer(self, exchange: Exchange) -> Answer:
        """What is answered."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Html502(InPlace):
    """Answers 502 with a page of HTML, as a proxy does."""

    kind: ClassVar[str] = "html_502"

    def answer(self, exchange: Exchange) -> Answer:
        """See `InPlace`."""
        return Answer(502, b"<html><head><title>502 Bad Gateway</title></head></html>", HTML.copy())


@dataclass(frozen=True, kw_only=True)
class Html520(InPlace):
    """Answers 520 with a page of HTML, as Cloudflare does when the server behind it gave no proper answer."""

    kind: ClassVar[str] = "html_520"

    def answer(self, exchange: Exchange) -> Answer:
        """See `InPlace`."""
        page = b"<html><head><title>520: Web server is returning an unknown error</title></head></html>"
        return Answer(520, page, HTML.copy())


@dataclass(frozen=True, kw_only=True)
class Status(InPlace):
    """Answers with this `status` in the shape of the API's errors, and `retry_after` seconds, or (`as_date`) a date."""

    kind: ClassVar[str] = "status"
    status: int = 500
    retry_after: float | None = None
    as_date: bool = False

    def answer(self, exchange: Exchange) -> Answer:
        """See `InPlace`."""
        body: dict[str, object] = {"code": self.status, "message": "The sandbox was told to answer so."}
        if exchange.api == "smarterproctoring":
            body = {**body, "code": "SANDBOXFAULT", "status": self.status}
        headers: dict[str, str] = {}
        if self.retry_after is not None and self.as_date:
            # Dates have whole seconds: rounded up, so that nobody comes too early.
            moment = datetime.now(UTC) + timedelta(seconds=self.retry_after, microseconds=999_999)
            headers["Retry-After"] = format_datetime(moment, usegmt=True)
        elif self.retry_after is not None:
            headers["Retry-After"] = f"{self.retry_after:g}"
        return Answer.json(body, self.status, headers)


@dataclass(frozen=True, kw_only=True)
class TooManyRequests(Status):
    """Answers 429, with Retry-After if `retry_after` is given: in seconds, or (`as_date`) as a date."""

    kind: ClassVar[str] = "too_many_requests"
    status: int = 429


@dataclass(frozen=True, kw_only=True)
class Unavailable(Status):
    """Answers 503, with Retry-After if `retry_after` is given: in seconds, or (`as_date`) as a date."""

    kind: ClassVar[str] = "unavailable"
    status: int = 503


@dataclass(frozen=True, kw_only=True)
class Redirect(InPlace):
    """Sends the client to another host, with `status` 301, 302, 307 or 308."""

    kind: ClassVar[str] = "redirect"
    status: int = 302
    host: str = "https://elsewhere.example.com"

    def answer(self, exchange: Exchange) -> Answer:
        """See `InPlace`."""
        return Answer(self.status, b"", {"Location": self.host + exchange.path})


@dataclass(frozen=True, kw_only=True)
class EmptyBody(Fault):
    """Answers 200 with an empty body."""

    kind: ClassVar[str] = "empty_body"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        turn.exchange.answer = Answer(200, b"", {"Content-Type": "application/json"})


@dataclass(frozen=True, kw_only=True)
class NotJson(Fault):
    """Answers 200 with a body that says it is JSON, and is not."""

    kind: ClassVar[str] = "not_json"

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        turn.exchange.answer = Answer(200, b"Everything is fine.", {"Content-Type": "application/json"})


@dataclass(frozen=True, kw_only=True)
class Rewrite(Fault):
    """Other JSON in place of the answer's."""

    def act(self, turn: Turn) -> None:
        """See `Fault`."""
        data = answered(turn.exchange)
        if is_object(data) and is_array(data.get("results")):
            changed: Any = {**data, "results": [self.record(row) for row in data["results"]]}
        elif is_array(data):
            changed = [self.record(row) for row in data]
        else:
            changed = self.record(data)
        answer(turn.exchange, changed)

    def record(self, value: Any) -> Any:
        """What becomes of a record: of the answer, or of a row of it where it has several."""
        raise NotImplementedError


def answered(exchange: Exchange) -> Any:
    """The data of an answer."""
    return json.loads(exchange.answer.body) if exchange.answer is not None else None


def answer(exchange: Exchange, data: object) -> None:
    """Put other data into an answer."""
    if exchange.answer is not None:
        exchange.answer = Answer(exchange.answer.status, encode(data), exchange.answer.headers)


@dataclass(frozen=True, kw_only=True)
class WrongTypes(Rewrite):
    """Gives each member of a record another JSON type."""

    kind: ClassVar[str] = "wrong_types"

    def record(self, value: Any) -> Any:
        """See `Rewrite`."""
        if is_object(value):
            return {name: _of_another_type(member) for name, member in value.items()}
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
    """Gives each member of a record the value null."""

    kind: ClassVar[str] = "nulls"

    def record(self, value: Any) -> Any:
        """See `Rewrite`."""
        return dict.fromkeys(value) if is_object(value) else None


@dataclass(frozen=True, kw_only=True)
class ExtraFields(Rewrite):
    """Adds members that are not documented to every object."""

    kind: ClassVar[str] = "extra_fields"

    def record(self, value: Any) -> Any:
        """See `Rewrite`."""
        if is_object(value):
            members = {name: self.record(member) for name, member in value.items()}
            return {**members, "undocumentedText": "new", "undocumentedObject": {"since": [2027, None]}}
        return [self.record(each) for each in value] if is_array(value) else value

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        # A text has no members.
        return exchange.applied and not isinstance(answered(exchange), str)


@dataclass(frozen=True, kw_only=True)
class NewEnumValues(Rewrite):
    """Puts a new value where the answer has one that is documented in an enumeration."""

    kind: ClassVar[str] = "new_enum_values"

    def suits(self, exchange: Exchange) -> bool:
        """See `Fault`."""
        return exchange.applied and not _documented_values().isdisjoint(_texts(answered(exchange)))

    def record(self, value: Any) -> Any:
        """See `Rewrite`."""
        if is_object(value):
            return {name: self.record(member) for name, member in value.items()}
        if is_array(value):
            return [self.record(each) for each in value]
        return f"New {value}" if isinstance(value, str) and value in _documented_values() else value


def _texts(node: Any) -> Iterator[str]:
    return (text for text in _walk(node, lambda _name, value: [value]) if isinstance(text, str))


def _walk(node: Any, found: Callable[[str | None, Any], list[Any]], name: str | None = None) -> Iterator[Any]:
    yield from found(name, node)
    if is_object(node):
        for key, value in node.items():
            yield from _walk(value, found, key)
    elif is_array(node):
        for value in node:
            yield from _walk(value, found)


@cache
def _documented_values() -> frozenset[str]:
    """All texts of all enumerations."""
    return frozenset(
        text
        for api in APIS
        for values in _walk(load(api).content, lambda name, node: [node] if name == "enum" else [])
        for text in values
    )
