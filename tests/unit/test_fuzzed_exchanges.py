"""A server that answers anything its schema allows, and anything it does not: whole responses, generated.

Every operation gets every kind of status, media type and body. Whatever comes, the client raises nothing but its own
errors, keeps the bytes, shows no secret, and loses no field of what it decodes.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invigilate import APIError, APIStatusError, OutcomeUnknownError, ResponseDecodeError
from tests.support.bound import CLIENTS, arguments_of, method_of, module_of
from tests.support.documented import ALL, Documented
from tests.support.modes import TOKEN
from tests.unit.test_fuzzed_responses import EDITS as EDITS_OF_TEXT
from tests.unit.test_fuzzed_responses import JSON, SCALARS, UNREADABLE, Subject, bounded, due, edited, outgoing, same

CANARY = "canary-7f3a"
STATUSES = [100, 101, 103, 200, 201, 202, 203, 204, 205, 206, 226, 299, 300, 301, 302, 304, 307, 308, 400, 401,
            402, 403, 404, 405, 408, 409, 410, 415, 418, 422, 425, 429, 500, 502, 503, 504, 520, 599]  # fmt: skip
MEDIA = ["application/json", "application/problem+json", "text/html; charset=utf-8", "text/plain", "image/png", "", "x",
         "application/json; charset=utf-16", "application/json; charset=nonsense", "multipart/form-data"]  # fmt: skip
WEIRD = [b"", b"\xff\xfe", b"[" * 100_000, b"9" * 5000, b"1e999999999", b"NaN", b'"\\ud800"', b'{"a":1,"a":2}',
         b"<html>502</html>", b'{"code":{},"message":[]}', b"\xef\xbb\xbf{}", b"\x1f\x8b\x08garbage"]  # fmt: skip
OTHER_FIELDS = st.dictionaries(st.text(max_size=8), SCALARS, max_size=1)


def resolved(document: Any, node: Any) -> Any:
    while "$ref" in node:
        found = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def strings_of(schema: Any) -> st.SearchStrategy[Any]:
    pattern, kind = schema.get("pattern"), schema.get("format")
    if pattern:
        return st.from_regex(pattern, fullmatch=True) if not pattern.startswith("^(?=") else st.just("Aa1#aaaa")
    if kind == "uuid":
        return st.uuids().map(str)
    if kind in ("date", "date-time"):
        return (st.dates() if kind == "date" else st.datetimes()).map(lambda value: value.isoformat())
    return st.text(min_size=schema.get("minLength", 0), max_size=max(12, schema.get("minLength", 0)))


def value_of(draw: st.DrawFn, document: Any, schema: Any, depth: int = 0) -> Any:
    """A value that a schema of a spec allows, perhaps with fields that it does not name."""
    schema = resolved(document, schema)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return value_of(draw, document, draw(st.sampled_from(schema[union])), depth)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    types = schema.get("type", "any")
    kind = types if isinstance(types, str) else draw(st.sampled_from(types))
    if kind == "string":
        return draw(strings_of(schema))
    if kind == "array":
        least = schema.get("minItems", 0)
        size = draw(st.integers(least, max(least, 2 if depth < 4 else 0)))
        return [value_of(draw, document, schema.get("items", {}), depth + 1) for _ in range(size)]
    if kind == "object":
        needed, found = schema.get("required", ()), dict(draw(OTHER_FIELDS))
        optional = draw(st.integers(0, 3)) if depth < 5 else 0  # of 3 optional fields, so many are there
        for number, (name, each) in enumerate(schema.get("properties", {}).items()):
            if name in needed or number % 3 < optional:
                found[name] = value_of(draw, document, each, depth + 1)
        return found
    low, high = schema.get("minimum"), schema.get("maximum")
    scalars = {"integer": st.integers(low, high), "boolean": st.booleans(), "null": st.none()}
    if kind == "number":
        return draw(st.integers(low, high) | st.floats(low, high, allow_nan=False, allow_infinity=False))
    return draw(scalars.get(kind, JSON))


def documented_bodies(operation: Documented) -> dict[int, Any]:
    """The schema of each documented status, None without content; ranges stand for a status that nobody documents."""
    node = operation.document["paths"][operation.template][operation.method.lower()]
    found: dict[int, Any] = {}
    for status, response in node["responses"].items():
        number = {"4XX": 418, "5XX": 599, "default": 599}.get(status) or int(status)
        content = resolved(operation.document, response).get("content", {}).get("application/json", {})
        found[number] = content.get("schema")
    return found


class Exchange(Subject):
    """An operation whose sensitive arguments are canaries, with responses of any kind."""

    def __init__(self, operation: Documented, kind: int = 0) -> None:
        super().__init__(operation, kind)
        self.options: dict[str, Any] = {}
        self.secrets = {TOKEN} if operation.credential else set[str]()
        for field in self.described.fields:
            value = self.arguments.get(field.name)
            if field.sensitive and isinstance(value, str) and not (field.pattern or field.enum):
                self.arguments[field.name] = CANARY
                self.secrets.add(CANARY)
        answer = self.answer

        def handle(request: httpx.Request) -> httpx.Response:
            return answer()

        async def handle_async(request: httpx.Request) -> httpx.Response:
            return answer()

        self.transport.handle_request = handle  # type: ignore[method-assign]
        self.transport.handle_async_request = handle_async  # type: ignore[method-assign]

    def answer(self) -> httpx.Response:
        return httpx.Response(self.transport.status, headers=self.options, content=self.transport.body)


def judge(subject: Exchange, status: int, media: str, body: bytes) -> None:
    subject.transport.status = status
    subject.options = {"content-type": media, "location": "https://elsewhere.example.com/"} if media else {}
    wanted = due(subject, body) if 200 <= status < 300 else None
    try:
        found = subject.call(body)
    except APIError as raised:
        check_error(subject, raised, status, body)
        return
    assert 200 <= status < 300, (status, body[:200])
    check_found(subject, found, wanted)


def check_found(subject: Exchange, found: Any, wanted: Any) -> None:
    """Every field of what was decoded can be read, and goes out again as it came in."""
    rows = getattr(subject.described.pagination, "rows", "")
    if wanted is UNREADABLE:
        # A documented string may come as plain text, too.
        assert "string" in subject.described.returns
        assert found == subject.transport.body.removeprefix(b"\xef\xbb\xbf").strip().decode("utf-8", "replace")
        return
    assert same(outgoing(found, rows), wanted)
    pending = [found, *(getattr(found, "rows", None) or ())]
    while pending:
        value = pending.pop()
        assert isinstance(repr(value), str)
        for wire, name in getattr(type(value), "_NAMES", {}).items():
            inner = getattr(value, name)
            assert wire not in value.to_dict() or value[wire] is inner
            pending += inner if isinstance(inner, list) else [inner]


def check_error(subject: Exchange, error: APIError, status: int, body: bytes) -> None:
    assert error.body == body
    assert error.status_code == status
    shown = f"{error}{error!r}{error.__cause__!r}{error.__cause__}"
    assert not [each for each in subject.secrets if each in shown]
    assert "\n" not in f"{error}{error!r}"
    if 200 <= status < 300:
        assert type(error) is (ResponseDecodeError if subject.described.idempotent else OutcomeUnknownError)
    elif subject.described.idempotent or (400 <= status < 500 and status != 408):
        assert isinstance(error, APIStatusError)
    else:
        assert type(error) is OutcomeUnknownError


@st.composite
def exchanges(draw: st.DrawFn, operation: Documented) -> tuple[int, str, bytes]:
    """A status, a media type and a body: as documented, and in half of the cases not."""
    bodies = documented_bodies(operation)
    status = draw(st.sampled_from([*bodies] * 4 + STATUSES))
    media = draw(st.sampled_from([MEDIA[0]] * len(MEDIA) + MEDIA))
    schema = bodies[status] if status in bodies else draw(st.sampled_from([*bodies.values()]))
    value = None if schema is None else value_of(draw, operation.document, schema)
    body = json.dumps(value).encode() if value is not None or draw(st.booleans()) else b""
    damage = draw(st.sampled_from(["", "", "", "echo", "text", "weird"]))
    if damage == "echo":  # as a server does that quotes what it was sent
        body = json.dumps({"code": CANARY, "message": f"bad {CANARY}, {TOKEN}", "error": None}).encode()
    elif damage == "text":
        body = edited(body, draw(EDITS_OF_TEXT))
    elif damage == "weird":
        body = draw(st.sampled_from(WEIRD) | st.binary(max_size=40))
    return status, media, body


def fuzz(operation: Documented, examples: int) -> None:
    subject = Exchange(operation)

    @settings(bounded, max_examples=examples)
    @given(exchanges(operation))
    def check(exchange: tuple[int, str, bytes]) -> None:
        judge(subject, *exchange)

    check()


@pytest.mark.parametrize("operation", ALL, ids=str)
def test_responses_of_any_kind(operation: Documented) -> None:
    fuzz(operation, 8)


@pytest.mark.weekly
@pytest.mark.parametrize("operation", ALL, ids=str)
def test_many_responses_of_any_kind(operation: Documented) -> None:
    fuzz(operation, 500)


# Over a real socket: what no transport can be made to return.

SAMPLE = [each for each in ALL if each.id in {"getServiceDistribution", "scheduleExamSession", "getExamSession",
          "createUser", "listDepartments", "createAccessToken"}]  # fmt: skip
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
RAW = {
    "nothing": b"",
    "half a head": OK[:30],
    "promises more": OK + b"Content-Length: 5000\r\n\r\n{",
    "promises less": OK + b"Content-Length: 1\r\n\r\n{}{}",
    "negative length": OK + b"Content-Length: -5\r\n\r\n{}",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "bad chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "half a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n64\r\n{",
    "unknown coding": OK + b"Content-Encoding: br2\r\nContent-Length: 2\r\n\r\n{}",
    "not gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a long status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status 0": b"HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n",
    "NUL in a header": OK + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "Latin-1 in a header": OK + b"X-Request-Id: \xe9\xff\r\nContent-Length: 2\r\n\r\n[",
    "a huge header": OK + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    "only early hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
    "switched protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "a body without a length": OK + b"Connection: close\r\n\r\n" + b"\xff{",
    "204 with a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
    "a redirect nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[::\r\nContent-Length: 0\r\n\r\n",
    "Retry-After without sense": b"HTTP/1.1 503 x\r\nRetry-After: \xb2\r\nContent-Length: 0\r\n\r\n",
    "a charset without sense": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=\xff\r\n\r\n{",
}


@contextmanager
def raw_server() -> Iterator[tuple[str, list[bytes]]]:
    """A server that writes the last of some bytes to each connection, whatever is sent, and closes it."""
    answers: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                received = b""
                try:
                    while b"\r\n\r\n" not in received and (part := connection.recv(65_536)):
                        received += part
                    connection.sendall(answers[-1])
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(0.05)
                    while connection.recv(65_536):
                        pass
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", answers
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def check_raw(operation: Documented, case: str, error: Exception | None) -> None:
    if error is None:
        return
    assert isinstance(error, APIError), case
    assert TOKEN not in f"{error}{error!r}"
    idempotent = module_of(operation).OPERATION.idempotent
    # All of the request was sent, and no status says that it was refused.
    assert idempotent or type(error) is OutcomeUnknownError, (case, error)


@pytest.mark.parametrize("operation", SAMPLE, ids=str)
@pytest.mark.parametrize("kind", [0, 1], ids=["sync", "async"])
def test_bytes_that_are_hardly_http(operation: Documented, kind: int) -> None:
    raw = module_of(operation).OPERATION.pagination is not None
    options: dict[str, Any] = {"max_retries": 0, "timeout": 5}
    with raw_server() as (url, answers):

        def call(client: Any) -> Any:
            return method_of(client, operation, raw=raw)(**arguments_of(operation))

        async def main() -> None:
            async with CLIENTS[operation.spec][1](TOKEN, base_url=url, **options) as client:
                for case, answer in RAW.items():
                    answers.append(answer)
                    error: Exception | None = None
                    try:
                        await call(client)
                    except Exception as raised:  # any, so that its class is checked
                        error = raised
                    check_raw(operation, case, error)

        if kind:
            anyio.run(main)
            return
        with CLIENTS[operation.spec][0](TOKEN, base_url=url, **options) as client:
            for case, answer in RAW.items():
                answers.append(answer)
                error: Exception | None = None
                try:
                    call(client)
                except Exception as raised:  # any, so that its class is checked
                    error = raised
                check_raw(operation, case, error)
