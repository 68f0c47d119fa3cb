"""Canaries in every sensitive field and credential, against servers that quote them wherever HTTP has room for them.

Each canary carries `MARK`, in whatever way it is escaped, cut out of its bytes or encoded; so one search finds it in
log records, texts, tracebacks and pickles. Only `.body` and `.headers` may hold it: they stay in memory.
"""

from __future__ import annotations

import base64
import copy
import functools
import html
import io
import itertools
import json
import logging
import pickle
import re
import socket
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote

import pytest
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback as RichTraceback

from invigilate import (
    APIError,
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    ConfigurationError,
    ISpringLearn,
    OutcomeUnknownError,
    SmarterProctoring,
)
from smarterproctoring_client.models import UserProfile
from tests.support.attempts import Attempt
from tests.support.bound import CLIENTS, arguments_of, method_of, module_of, reachable
from tests.support.documented import ALL, Documented
from tests.support.fakes import Lost, Reply, Script
from tests.support.modes import INSTALL, Mode, run, settle
from tests.support.scripted import Peer, Scripted, answer_of

MARK = "kanarie"
NUMBER = "47.0815423"
"""The canary of fields that take a number; it has no letters."""
DATE = "1947-08-15"
"""The canary of fields that take a date."""

TOKEN = f"tok.{MARK}-4711_x"
CLASSES: tuple[Mode, ...] = ("sync", "asyncio")
both_modes = pytest.mark.parametrize("mode", CLASSES)
DESCRIBED = {operation.key: module_of(operation).OPERATION for operation in ALL}
ARGUMENTS = {operation.key: arguments_of(operation.whole()) for operation in ALL}
of_every_operation = pytest.mark.parametrize("operation", ALL, ids=str)


# Where canaries go, and where they may not come out.


class Planted(NamedTuple):
    arguments: dict[str, Any]
    canaries: tuple[str, ...]


def sensitive_paths(fields: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the sensitive fields of an operation are, by the generated table; `*` stands for the items of an array.

    All within a sensitive field is sensitive. One of a few documented values cannot be a canary.
    """
    for field in fields:
        path = (*before, field.name or field.wire_name) if field.name or field.wire_name else before
        if field.sensitive:
            if not field.enum:
                yield path, field
            continue
        yield from sensitive_paths(field.fields, path)
        if field.items is not None:
            yield from sensitive_paths((field.items,), (*path, "*"))


def plain(number: int) -> str:
    return f"{MARK}-{number}-zq"


def ugly(number: int) -> str:
    """Characters that JSON, URLs, headers and Python's own quoting of bytes each write in their own way."""
    return f"Ünï/\"{MARK}'{number}\\ü & c+d%41=é"


def canary(field: Any, number: int, make: Callable[[int], str]) -> Any:
    if field.type == "number":
        return float(NUMBER)
    if field.type == "date":
        return DATE
    if field.type == "array":
        return [canary(field.items, number, make)]
    if field.type == "object":
        documented = {each.wire_name: canary(each, number, make) for each in field.fields}
        return {**documented, **({"undocumented": make(number)} if field.additional else {})}
    return f"{MARK}-{number}".capitalize().replace("-", "#") + "aB1#xyz" if field.pattern else make(number)


def strings_within(value: Any) -> list[str]:
    if not isinstance(value, dict | list):
        return [str(value)]
    inner = value.values() if isinstance(value, dict) else value
    return list(dict.fromkeys(itertools.chain.from_iterable(map(strings_within, inner))))


def planted(operation: Documented, make: Callable[[int], str]) -> Planted:
    """The documented example with a canary in every sensitive field."""
    arguments = copy.deepcopy(ARGUMENTS[operation.key])
    canaries: list[str] = []
    for number, (path, field) in enumerate(sensitive_paths(DESCRIBED[operation.key].fields), 1):
        holder: Any = arguments
        for step in path[:-1]:
            holder = holder[0] if step == "*" else holder.setdefault(step, {})
        holder[path[-1]] = canary(field, number, make)
        canaries += strings_within(holder[path[-1]])
    return Planted(arguments, tuple(canaries))


SECRET = [operation for operation in ALL if any(sensitive_paths(DESCRIBED[operation.key].fields))]
OTHERS = [operation for operation in ALL if operation not in SECRET]


def share(ways: Sequence[str], way: str) -> list[Documented]:
    """The operations with a sensitive field, and a part of the others, whose only secret is the token.

    In all the ways together, there is each of them.
    """
    return SECRET + OTHERS[ways.index(way) :: len(ways)]


def assert_clean(text: str, where: str) -> None:
    for forbidden in (MARK, NUMBER, DATE, encoded_proxy_password):
        position = text.lower().find(forbidden.lower())
        assert position < 0, f"{where} shows a canary: ...{text[max(0, position - 80) : position + 60]!r}..."


def _from_base64(word: re.Match[str]) -> str:
    cut = word[0][: -1 if len(word[0]) % 4 == 1 else None]
    return base64.b64decode(cut + "=" * (-len(cut) % 4)).decode("utf-8", "replace")


DECODERS: tuple[Callable[[str], str], ...] = (
    html.unescape,
    unquote,
    lambda text: text.encode("latin-1", "replace").decode("utf-8", "replace"),
    lambda text: re.sub(r"[A-Za-z0-9+/]{8,}", _from_base64, text),
)


def decodings(text: str) -> set[str]:
    """What can be made of a message by decoding it up to four times."""
    found = {text}
    for _ in range(4):
        found |= {decode(each) for each in found for decode in DECODERS}
    return found


PROXY_PASSWORD = f"{MARK}-of-the-proxy"
encoded_proxy_password = base64.b64encode(f"user:{PROXY_PASSWORD}".encode()).decode()


def chain(error: BaseException) -> list[BaseException]:
    """An error and all that it is linked to, in both ways."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and link not in found:
            found.append(link)
            waiting += [link.__cause__, link.__context__]
    return found


def search_error(error: BaseException) -> None:
    for link in chain(error):
        # What is suppressed is shown nowhere; all that is shown stands in the traceback below.
        if isinstance(link, APIError):
            kept = {name: value for name, value in vars(link).items() if name not in {"body", "headers"}}
            assert_clean(repr(kept), f"an attribute of {type(link).__name__}")
            data = pickle.dumps(link)
            assert_clean(data.decode("latin-1"), f"the pickle of {type(link).__name__}")
            again = pickle.loads(data)
            assert_clean(f"{again} {again!r} {vars(again)}", f"the unpickled {type(link).__name__}")
            assert (again.body, again.headers) == (None, None)
        assert_clean(f"{link} {link!r} {link.args}", f"{type(link).__name__} of the chain")
    assert_clean("".join(traceback.format_exception(error)), "the traceback")
    assert_clean("\n".join(decodings(str(error))), "the decoded message")
    assert "\n" not in str(error)


def search_result(value: Any) -> None:
    # A documented text, and JSON that nothing is known of, are what came; nobody can say which of it is a secret.
    for each in [value, *getattr(value, "rows", value if isinstance(value, list) else [])]:
        if not isinstance(each, str | dict | list):
            assert_clean(f"{each!r} {each}", f"the repr of {type(each).__name__}")


class Collector(logging.Handler):
    """Keeps every record, and renders it at once, as handlers do."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.texts.append(f"{logging.Formatter('%(name)s %(message)s').format(record)} {record.__dict__}")


@pytest.fixture(autouse=True)
def everything_logged() -> Iterator[Collector]:
    collector = Collector()
    root = logging.getLogger()
    # Those of httpx and httpcore among them, each of which may have a level of its own.
    names = [
        name for name in logging.root.manager.loggerDict if name.split(".")[0] in {"httpx", "httpcore", "invigilate"}
    ]
    loggers = [root, *map(logging.getLogger, {*names, "httpx", "httpcore", "httpcore.http11", "httpcore.connection"})]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    root.addHandler(collector)
    yield collector
    root.removeHandler(collector)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for text in collector.texts:
        assert_clean(text, "a log record")


@pytest.fixture(autouse=True)
def without_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invigilate._policy.FIRST_BACKOFF", 0.0)


# Ways of a server to quote what it was sent.

Echo = Callable[[list[str]], bytes]


def told(secrets: list[str]) -> str:
    return " and ".join(secrets)


def in_json(status: int, body: Callable[[str], Any], **kwargs: Any) -> Echo:
    return lambda secrets: answer_of(json.dumps(body(told(secrets)), **kwargs).encode(), status)


def in_headers(status: int, *names: str) -> Echo:
    def echo(secrets: list[str]) -> bytes:
        values = itertools.cycle([secret for secret in secrets if secret.isascii()] or ["nothing"])
        return answer_of(b'{"message": "no"}', status, *(f"{name}: {next(values)}" for name in names))

    return echo


def raw(template: str) -> Echo:
    return lambda secrets: template.replace("\n", "\r\n").replace("@", told(secrets)).encode()


def as_text(status: int, *headers: str) -> Echo:
    return lambda secrets: answer_of(f"<html>{told(secrets)}</html>".encode(), status, *headers)


def entities(text: str) -> str:
    return "".join(f"&#x{ord(character):x}" for character in text)


def escaped_quotes(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def misread(text: str) -> str:
    return text.encode().decode("latin-1")


TRACES = ("X-Request-Id", "Location", "Set-Cookie", "WWW-Authenticate", "Server", "Warning")
ECHOES: dict[str, Echo] = {
    "message": in_json(400, lambda text: {"code": text, "message": text}, ensure_ascii=False),
    "escaped": in_json(401, lambda text: {"error": {"code": text, "message": f"refused: {text}"}}),
    "oauth": in_json(403, lambda text: {"error": text, "error_description": text}),
    "json in json": in_json(404, lambda text: {"error": {"code": 1, "message": json.dumps({"sent": text})}}),
    "json in json in json": in_json(404, lambda text: {"message": json.dumps(json.dumps({"sent": text}))}),
    "quoted": in_json(409, lambda text: {"code": quote(text, safe=""), "message": f"/x?c={quote_plus(text)}"}),
    "quoted twice": in_json(409, lambda text: {"message": quote(quote(text, safe=""), safe="")}),
    "html escaped": in_json(422, lambda text: {"message": text.replace("&", "&amp;").replace('"', "&quot;")}),
    "entities": in_json(
        422, lambda text: {"message": "".join(f"&#{ord(c):05};" for c in text), "code": entities(text)}
    ),
    "quoted for SQL": in_json(
        400, lambda text: {"message": f"near '{escaped_quotes(text)}'", "code": text.replace("'", "''")}
    ),
    "decomposed": in_json(400, lambda text: {"message": unicodedata.normalize("NFD", text), "code": text.upper()}),
    "mojibake": in_json(400, lambda text: {"message": misread(text), "code": misread(misread(text))}),
    "over-encoded": in_json(400, lambda text: {"message": entities(json.dumps(quote(quote(misread(text)))))}),
    "base64": in_json(400, lambda text: {"message": base64.b64encode(json.dumps([text]).encode()).decode()}),
    "repr": in_json(422, lambda text: {"message": f"got {text!r} as {text.encode()!r}"}),
    "in a list": in_json(422, lambda text: [{"error": {"message": text}}]),
    "html": as_text(500, "Content-Type: text/html"),
    "in 429": in_headers(429, "Retry-After", *TRACES),
    "in 408": in_json(408, lambda text: {"message": text}),
    "in 503": in_headers(503, "Retry-After", *TRACES),
    "in 418": in_headers(418, *TRACES[::-1], "X-Correlation-Id", "CF-Ray"),
    "redirect": in_headers(307, "Location", "X-Request-Id"),
    "no json": as_text(200),
    "no json, with headers": lambda secrets: in_headers(200, *TRACES)(secrets).replace(b'{"message', b'["message'),
    "other json": in_json(200, lambda text: text),
    "other list": in_json(200, lambda text: [text, {text: text}]),
    "other page": in_json(200, lambda text: {"results": {text: text}, "total": text}),
    "short": in_json(200, lambda text: {"results": [], "total": 5, text: text}),
    "gzip": as_text(200, "Content-Encoding: gzip"),
    "charset": lambda secrets: as_text(200, f"Content-Type: text/html; charset={quote(told(secrets))}")(secrets),
    "status line": raw("HTTP/1.1 @ OK\n\n"),
    "protocol": raw("@ 200 OK\n\n"),
    "reason": raw("HTTP/1.1 400 @\nContent-Length: 0\n\n"),
    "header name": raw("HTTP/1.1 200 OK\n@: 1\n\n"),
    "header line": raw("HTTP/1.1 200 OK\n@\n\n"),
    "header value": raw("HTTP/1.1 200 OK\nX-Echo: \x00@\n\n"),
    "folded header": raw("HTTP/1.1 200 OK\n @\n\n"),
    "length": raw("HTTP/1.1 200 OK\nContent-Length: @\n\n"),
    "two lengths": raw("HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: @\n\n"),
    "encoding": raw("HTTP/1.1 200 OK\nTransfer-Encoding: @\n\n"),
    "chunk": raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n@\n"),
    "truncated": raw("HTTP/1.1 200 OK\nContent-Length: 99999\n\n@"),
    "early hints": raw("HTTP/1.1 103 @\n\nHTTP/1.1 @\n\n"),
    "nothing": lambda secrets: b"",
}


class Hostile:
    """Quotes what it is told to quote, in the way of the moment."""

    echo: Echo = ECHOES["message"]
    secrets: tuple[str, ...] = ()

    def __call__(self, peer: Peer) -> None:
        while peer.read() is not None:
            peer.send(self.echo(list(self.secrets)))
            peer.close()


async def search_call(client: Any, call: Callable[[], Any]) -> bool:
    """Make a call, and search all that comes of it; whether it failed."""
    try:
        result = call()
        search_result(result)
        for part in (client, *(getattr(client, resource) for resource, _ in reachable(client).values())):
            assert_clean(repr(part), "the repr of a client")
        if hasattr(result, "collect"):
            pager, result = result, await settle(result.collect())
            search_result(pager)
        else:
            result = await settle(result)
        search_result(result)
    except APIError as error:
        search_error(error)
        return True
    return False


def client_of(operation: Documented, mode: Mode, url: str, **options: Any) -> Any:
    credential = {"access_token": TOKEN} if operation.spec == "ispring-learn" else {"token": TOKEN}
    kind = CLIENTS[operation.spec][mode != "sync"]
    return kind(**{**credential, "base_url": url, "max_retries": 1, "timeout": 5, **options})


async def close(client: Any) -> None:
    await settle(client.close())


# httpx leaves generators of its own to the garbage collector where a connection breaks.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http(x|core)[.]:ResourceWarning")


def matrix() -> Iterator[Any]:
    for name in ECHOES:
        ways: tuple[tuple[Callable[[int], str], Mode], ...] = ((plain, "sync"), (ugly, "sync"), (ugly, "asyncio"))
        for make, mode in ways:
            yield pytest.param(name, make, mode, id=f"{name}-{make.__name__}-{mode}")


@pytest.mark.parametrize(("echo", "make", "mode"), [*matrix()])
def test_no_canary_comes_out(echo: str, make: Callable[[int], str], mode: Mode) -> None:
    hostile = Hostile()
    hostile.echo = ECHOES[echo]
    leaks: list[str] = []

    async def scenario(operation: Documented) -> None:
        arguments, canaries = planted(operation, make)
        token = (TOKEN,) if DESCRIBED[operation.key].secured else ()
        hostile.secrets = (*token, *canaries) or ("nothing",)
        client = client_of(operation, mode, server.url)
        try:
            for raw_too in (False, True):
                method = method_of(client, operation, raw=raw_too)
                await search_call(client, lambda: method(**arguments))  # noqa: B023
        except AssertionError as error:
            leaks.append(f"{operation}: {error}")
        finally:
            await close(client)

    with Scripted(hostile) as server:
        for operation in share([*ECHOES], echo):
            run(mode, lambda: scenario(operation))  # noqa: B023
    assert not leaks, "\n".join(leaks)


def test_decoding_finds_a_canary() -> None:
    for encoded in (entities(quote(quote(MARK))), base64.b64encode(misread(entities(MARK)).encode()).decode()):
        assert MARK not in encoded
        assert any(MARK in each for each in decodings(f"400: {encoded} is wrong"))


def test_every_sensitive_field_has_a_canary() -> None:
    found = {
        operation.key: [".".join(path) for path, _ in sensitive_paths(DESCRIBED[operation.key].fields)]
        for operation in ALL
    }
    assert found["smarterproctoring", "scheduleExamSession"][:2] == ["card_token", "voucher_code"]
    assert "exam.configuration.password" in found["smarterproctoring", "provision"]
    assert found["ispring-learn", "createAccessToken"] == ["client_secret"]
    assert found["ispring-learn", "createUser"][:2] == ["fields", "password"]
    for operation in ALL:
        for make in (plain, ugly):
            canaries = planted(operation, make).canaries
            assert len(canaries) >= len(found[operation.key])
            assert all(MARK in each.lower() or each in {NUMBER, DATE} for each in canaries)


@both_modes
@pytest.mark.parametrize(
    "echo", ["message", "quoted", "json in json", "header line", "no json", "redirect", "truncated"]
)
def test_raw_requests(echo: str, mode: Mode) -> None:
    secrets = [f"{plain(number)}/ü" if echo != "header line" else plain(number) for number in range(4)]
    hostile = Hostile()
    hostile.echo, hostile.secrets = ECHOES[echo], (TOKEN, *secrets)
    body = {"deep": [{"er": [secrets[0]]}], "list": [secrets[1]]}
    params = {"q": secrets[2], "qs": ["x", secrets[3]]}

    async def scenario() -> None:
        client = client_of(ALL[0], mode, server.url)
        await search_call(client, lambda: client.request("POST", "/v1/x", params=params, json=body))
        hostile.secrets = (TOKEN, *secrets[2:])
        await search_call(client, lambda: client.request("GET", f"/v1/{INSTALL}/x", params=params))
        await search_call(client, lambda: client.paginate("/v1/x", params=params))
        await close(client)

    with Scripted(hostile) as server:
        run(mode, scenario)


# What is kept in answers.


@of_every_operation
def test_responses_are_shown_without_what_is_sensitive_in_them(operation: Documented) -> None:
    # Every text of a member that the specification marks as sensitive, at any depth, and all beyond it.
    answer = copy.deepcopy(operation.answer)
    transport = Script(lambda _: Reply(200, answer))
    client = CLIENTS[operation.spec][0](TOKEN, transport=transport)
    described = DESCRIBED[operation.key]
    method = method_of(client, operation, raw=described.pagination is not None)

    def models(value: Any) -> Iterator[Any]:
        value = getattr(value, "parsed", value)
        for each in getattr(value, "rows", value if isinstance(value, list) else [value]):
            if hasattr(each, "to_dict"):
                yield each
                for inner in each._fields().values():
                    yield from models(inner)

    for model in models(method(**arguments_of(operation))):
        for name in type(model)._SENSITIVE:
            setattr(model, name, [plain(1)] if name.endswith("s") else plain(1))
        model.additional_properties = {"extra": plain(2), plain(3): {"deep": plain(4)}}
        assert_clean(f"{model} {model!r} {[model]!r}", f"the repr of {type(model).__name__}")


# Credentials.


def token_sources(mode: Mode) -> list[Any]:
    async def later() -> str:
        return TOKEN

    return [TOKEN, lambda: TOKEN, *([] if mode == "sync" else [later])]


CANCEL = {"exam_sid": "EX" + "1a" * 16, "session_sid": "ES" + "2b" * 16, "cancellation_memo": "moved"}


@both_modes
@pytest.mark.parametrize("echo", ["message", "html", "header line", "protocol", "in 418", "truncated"])
def test_tokens_of_callables(echo: str, mode: Mode) -> None:
    hostile = Hostile()
    hostile.echo, hostile.secrets = ECHOES[echo], (TOKEN,)
    with Scripted(hostile) as server:
        for source in token_sources(mode):

            async def scenario() -> None:
                client = client_of(ALL[0], mode, server.url, token=source, install_sid=INSTALL)  # noqa: B023
                await search_call(client, client.reports.service_distribution)
                await search_call(client, lambda: client.exam_sessions.cancel(**CANCEL))
                await close(client)

            run(mode, scenario)


@both_modes
@pytest.mark.parametrize("echo", [echo for echo in ECHOES if echo != "nothing"])
def test_the_client_secret(echo: str, mode: Mode) -> None:
    # The call of the token fails, in the middle of another call.
    hostile = Hostile()
    hostile.echo, hostile.secrets = ECHOES[echo], (plain(1),)
    operation = next(each for each in ALL if each.id == "listSessionResults")

    async def scenario() -> None:
        options = {"access_token": None, "client_id": "id", "client_secret": plain(1)}
        client = client_of(operation, mode, server.url, **options)
        assert await search_call(client, lambda: method_of(client, operation)(**arguments_of(operation)))
        assert_clean(f"{vars(client)}", "the attributes of a client")
        await close(client)

    with Scripted(hostile) as server:
        run(mode, scenario)


@both_modes
def test_fetched_tokens_and_those_that_they_replaced(mode: Mode) -> None:
    # The first token is refused, the second one fetched, and then the server quotes both.
    issued = [f"{MARK}-first", f"{MARK}-second"]
    count = itertools.count()

    def script(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            if b"/token" in request.split(b"\r\n")[0]:
                token = issued[min(next(count), 1)]
                peer.send(answer_of(json.dumps({"access_token": token, "expires_in": 600}).encode()))
            else:
                status = 401 if b"first" in request else 403
                peer.send(answer_of(json.dumps({"message": " or ".join(issued)}).encode(), status))

    operation = next(each for each in ALL if each.id == "listSessionResults")

    async def scenario() -> None:
        options = {"access_token": None, "client_id": "id", "client_secret": "s"}
        client = client_of(operation, mode, server.url, **options)
        assert await search_call(client, lambda: method_of(client, operation)(**arguments_of(operation)))
        await close(client)

    with Scripted(script) as server:
        run(mode, scenario)


@both_modes
@pytest.mark.parametrize("named", ["by an argument", "by the environment"])
@pytest.mark.parametrize("target", ["http://api.example.test", "https://api.example.test"])
@pytest.mark.parametrize("echo", ["message", "html", "reason", "header line", "protocol", "in 503", "truncated"])
def test_the_password_of_a_proxy(
    echo: str, target: str, named: str, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = Hostile()
    hostile.echo, hostile.secrets = ECHOES[echo], (PROXY_PASSWORD, encoded_proxy_password)

    async def scenario() -> None:
        proxy = server.url.replace("://", f"://user:{PROXY_PASSWORD}@")
        if named == "by the environment":
            monkeypatch.setenv("all_proxy", proxy)
            monkeypatch.delenv("no_proxy", raising=False)
        client = client_of(
            ALL[0],
            mode,
            target,
            proxy=proxy if named == "by an argument" else None,
            allow_insecure_http=True,
            install_sid=INSTALL,
            verify=False,
        )
        assert_clean(f"{client!r} {client._connections!r} {vars(client)}", "the repr of a client")
        assert await search_call(client, client.reports.service_distribution)
        await close(client)

    with Scripted(hostile) as server:
        run(mode, scenario)
        assert any(encoded_proxy_password.encode() in request for request in server.requests)


@pytest.mark.parametrize("kind", [SmarterProctoring, AsyncSmarterProctoring, ISpringLearn, AsyncISpringLearn])
@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{MARK}@api.example.test",
        f"https://{MARK}@api.example.test",
        f"https://api.example.test?token={MARK}",
        f"https://api.example.test#{MARK}",
        f"https://api.example.test/ {MARK}",
        f"ftp://{MARK}",
        f"http://{MARK}.example.test",
        f"//{MARK}",
        f"https://api.example.test:{MARK}",
        f"https://api.example.test\n{MARK}",
    ],
)
def test_secrets_in_a_url(url: str, kind: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind("token", base_url=url)
    search_error(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        kind("token", proxy=f"nonsense://user:{MARK}@proxy.example.test")
    search_error(caught.value)


@pytest.mark.parametrize("flaw", ["a b", "\n", "\r\nX: 1", "ü", "\0"])
def test_tokens_that_cannot_be_sent(flaw: str) -> None:
    for kind in (SmarterProctoring, AsyncSmarterProctoring, ISpringLearn, AsyncISpringLearn):
        with pytest.raises(ConfigurationError) as caught:
            kind(MARK + flaw)
        search_error(caught.value)
    with SmarterProctoring(lambda: MARK + flaw, INSTALL, transport=Script(Reply(200, {"results": []}))) as client:
        with pytest.raises(ConfigurationError) as caught:
            client.reports.service_distribution().collect()
        search_error(caught.value)


# Reading a session back.


def test_what_is_said_of_a_session_that_was_read_back() -> None:
    operation = next(each for each in ALL if each.id == "scheduleExamSession")
    arguments, canaries = planted(operation, plain)
    hostile = Hostile()
    hostile.echo, hostile.secrets = ECHOES["html"], (TOKEN, *canaries)
    with Scripted(hostile) as server, client_of(operation, "sync", server.url) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            client.exam_sessions.schedule(**arguments)
        error: OutcomeUnknownError = pickle.loads(pickle.dumps(caught.value))
        for name in ("html", "protocol", "truncated", "in 418"):
            hostile.echo, hostile.secrets = ECHOES[name], (TOKEN,)
            result = client.exam_sessions.check(error)
            assert_clean(f"{result} {result!r} {tuple(result)}", "a verdict")
        hostile.echo = in_json(
            200, lambda text: {"status": "Scheduled", "email": text, "extra": text, "user": {"x": text}}
        )
        result = client.exam_sessions.check(error)
        assert_clean(f"{result} {result!r} {tuple(result)}", "a verdict")


# Tracebacks that show local variables.


def rendered(error: BaseException) -> Iterator[tuple[str, str]]:
    """All that the usual tools show of an exception, with the local variables of each frame."""
    captured = traceback.TracebackException.from_exception(error, capture_locals=True)
    yield "traceback", "".join(captured.format())
    console = Console(file=io.StringIO(), width=500, color_system=None)
    with console.capture() as shown:
        console.print(
            RichTraceback.from_exception(
                type(error),
                error,
                error.__traceback__,
                show_locals=True,
                locals_max_length=10_000,
                locals_max_string=100_000,
                extra_lines=0,
            )
        )
    yield "rich", shown.get()
    yield "pytest", str(pytest.ExceptionInfo.from_exception(error).getrepr(showlocals=True, chain=True))


def search_locals(error: BaseException | None) -> None:
    assert error is not None
    search_error(error)
    for tool, text in rendered(error):
        assert type(error).__name__ in text
        assert_clean(text, f"the traceback of {type(error).__name__} by {tool}")


def test_the_tools_show_local_variables() -> None:
    def leaking(card_token: str) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        leaking(plain(1))
    for tool, text in rendered(caught.value):
        assert MARK in text, tool


def refused_port() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def wrong_sids(arguments: dict[str, Any], fields: Any) -> None:
    for field in fields:
        if field.sid and field.name in arguments:
            arguments[field.name] = "wrong"


def wrong_value(arguments: dict[str, Any], fields: Any) -> None:
    field = [field for field in fields if not field.sensitive][-1]
    arguments[field.name] = object()


def wrong_name(arguments: dict[str, Any], fields: Any) -> None:
    arguments["misspelled"] = 1


SPOILED: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "a wrong SID": wrong_sids,
    "a wrong value": wrong_value,
    "a wrong name": wrong_name,
}
STAGES = {
    **dict.fromkeys(SPOILED, "nothing"),
    "refused": "nothing",
    "400": "message",
    "401": "escaped",
    "reset": "truncated",
    "no HTTP": "header line",
    "no JSON": "no json",
    "silence": "silence",
    "deadline": "silence",
}


@both_modes
@pytest.mark.parametrize("stage", STAGES)
def test_no_local_variable_of_a_traceback_shows_a_canary(stage: str, mode: Mode) -> None:
    hostile = Hostile()
    leaks: list[str] = []
    failed = 0

    def script(peer: Peer) -> None:
        if STAGES[stage] == "silence":
            peer.read()
            time.sleep(0.1)
        else:
            hostile(peer)

    async def scenario(operation: Documented) -> None:
        nonlocal failed
        arguments, canaries = planted(operation, plain)
        described = DESCRIBED[operation.key]
        hostile.secrets = (*([TOKEN] if described.secured else []), *canaries)
        if stage in SPOILED:
            SPOILED[stage](arguments, described.fields)
        url = refused_port() if stage == "refused" else server.url
        client = client_of(operation, mode, url, timeout=0.03 if stage == "silence" else 5, max_retries=0)
        if stage == "deadline":
            client = client.with_options(deadline=0.03)
        for view in (False, True):
            method = method_of(client, operation, raw=view)
            error = await Attempt(functools.partial(method, **arguments)).error()
            if error is None and stage in {"a wrong SID", "no JSON"}:
                continue  # it has no SID, or its documented response is any string
            failed += 1
            try:
                search_locals(error)
            except AssertionError as leak:
                leaks.append(f"{operation}: {leak}")
        await close(client)

    with Scripted(script) as server:
        hostile.echo = ECHOES.get(STAGES[stage], ECHOES["nothing"])
        for operation in share([*STAGES], stage):
            run(mode, lambda: scenario(operation))  # noqa: B023
    assert not leaks, "\n".join(leaks)
    assert failed > len(SECRET) / 2


@both_modes
@pytest.mark.parametrize("echo", ["message", "truncated", "no json"])
def test_no_local_variable_shows_a_raw_request_or_a_client_secret(echo: str, mode: Mode) -> None:
    hostile = Hostile()
    hostile.echo = ECHOES[echo]
    operation = next(each for each in ALL if each.id == "listSessionResults")

    async def scenario() -> None:
        client = client_of(ALL[0], mode, server.url)
        body, params = {"deep": [plain(1)]}, {"q": plain(2)}
        post = functools.partial(client.request, "POST")
        get = functools.partial(client.paginate, "/v1/x")
        for attempt, sent in (
            (functools.partial(post, "/v1/x", params=params, json=body), (plain(1), plain(2))),
            (functools.partial(post, "not relative", params=params, json=body), ()),
            (functools.partial(post, "/v1/x", params=params, json={**body, "x": object()}), ()),
            (functools.partial(get, params=params), (plain(2),)),
            (functools.partial(get, params={**params, "x": object()}), ()),
        ):
            hostile.secrets = (TOKEN, *sent)
            error = await Attempt(attempt).error()
            if error is not None:
                search_locals(error)
        hostile.secrets = (plain(1),)
        await close(client)
        client = client_of(operation, mode, server.url, access_token=None, client_id="id", client_secret=plain(1))
        search_locals(
            await Attempt(functools.partial(method_of(client, operation), **ARGUMENTS[operation.key])).error()
        )
        await close(client)

    with Scripted(hostile) as server:
        run(mode, scenario)


@both_modes
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_no_local_variable_shows_what_was_interrupted(interruption: type[BaseException], mode: Mode) -> None:
    operation = next(each for each in ALL if each.id == "scheduleExamSession")
    arguments, _ = planted(operation, plain)
    calls = itertools.count()

    def source() -> str:
        if next(calls) % 2:
            raise interruption
        return TOKEN

    async def scenario() -> None:
        client = client_of(operation, mode, "http://127.0.0.1", token=source, transport=Script(Lost(interruption())))
        attempt = Attempt(functools.partial(method_of(client, operation), **arguments))
        search_locals(await attempt.error())
        error = await attempt.error()
        search_locals(error)
        assert isinstance(error, interruption)
        if isinstance(error, Exception):
            # A mistake in a callable of the caller can still be found.
            assert "in source" in "".join(traceback.format_exception(error))
        await close(client)

    run(mode, scenario)


@pytest.mark.parametrize("kind", [SmarterProctoring, AsyncSmarterProctoring, ISpringLearn, AsyncISpringLearn])
@pytest.mark.parametrize(
    "options", [{"base_url": "ftp://x"}, {"timeout": -1}, {"proxy": f"x://user:{MARK}@y"}, {"verify": "/missing"}]
)
def test_no_local_variable_shows_the_credentials_of_a_client(options: dict[str, Any], kind: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Attempt(functools.partial(kind, TOKEN, **options)).begun()
    error = caught.value
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next  # without the frame of this test
    search_locals(error)


def test_what_the_caller_was_handling_keeps_its_traceback() -> None:
    client = SmarterProctoring(TOKEN, INSTALL, transport=Script(Reply(400, {})))
    own = KeyError("own")

    def handling() -> None:
        try:
            raise own
        except KeyError:
            client.installs.get_settings()

    with pytest.raises(APIError) as caught:
        handling()
    assert caught.value.__context__ is own
    assert own.__traceback__ is not None


def test_rich_shows_no_sensitive_field_of_a_model() -> None:
    profile = UserProfile.from_dict({"sid": "US" + "0" * 32, "email": plain(1), "firstName": plain(2), "x": plain(3)})
    shown = pretty_repr(profile)
    assert "US000" in shown
    assert_clean(shown, "rich")
