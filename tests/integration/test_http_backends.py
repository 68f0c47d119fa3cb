"""`http_backend`: httpx by default, or httpx2, with a transport of the same library, and by public names alone."""

from __future__ import annotations

import ast
import logging
import ssl
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import trustme

from invigilate import (
    APIConnectionError,
    APITimeoutError,
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    ConfigurationError,
    ISpringLearn,
    OutcomeUnknownError,
    ResponseDecodeError,
    SmarterProctoring,
)
from invigilate.sandbox import Sandbox, faults
from tests.support.endings import OFFERING, failing, safe, succeeding, unknown, unsafe, without_backoff  # noqa: F401
from tests.support.modes import EVERY_BACKEND, INSTALL, TOKEN, Mode, backend, proctoring, run, settle
from tests.support.recorder import Answer, Recorder
from tests.support.scripted import Peer, Scripted, answer_of, serve

FACADE = Path(__file__).resolve().parents[2] / "facade"

every_mode = pytest.mark.parametrize("mode", EVERY_BACKEND)
every_backend = pytest.mark.parametrize("name", ["httpx", "httpx2"])
every_client = pytest.mark.parametrize(
    "client",
    [SmarterProctoring, AsyncSmarterProctoring, ISpringLearn, AsyncISpringLearn],
    ids=lambda each: each.__name__,
)


def transport_of(mode: Mode, **options: Any) -> Any:
    """A transport of the library of a mode, with connections of its own."""
    library = import_module(backend(mode))
    return (library.HTTPTransport if mode.startswith("sync") else library.AsyncHTTPTransport)(**options)


# Which library is imported.

_ONE_LIBRARY = """
import asyncio, sys

url, proxy, used, *others = sys.argv[1:]
sys.modules.update(dict.fromkeys(others))
from invigilate import AsyncSmarterProctoring, ConfigurationError, SmarterProctoring

options = {"base_url": url, "http_backend": used}
library = __import__(used)

def get(**more):
    with SmarterProctoring("t", "AI" + "0" * 32, **{**options, **more}) as client:
        return client.request("GET", "/x").parsed

async def get_async(**more):
    async with AsyncSmarterProctoring("t", "AI" + "0" * 32, **{**options, **more}) as client:
        return (await client.request("GET", "/x")).parsed

found = [get(), asyncio.run(get_async()), get(proxy=proxy)]
found += [get(transport=library.HTTPTransport()), asyncio.run(get_async(transport=library.AsyncHTTPTransport()))]
try:
    SmarterProctoring("t", base_url="https://127.0.0.1:9", verify="/missing", http_backend=used)
except ConfigurationError:
    print(found)
"""


@every_backend
def test_the_other_library_is_not_imported(name: str) -> None:
    others = ["httpx", "httpcore"] if name == "httpx2" else ["httpx2", "httpcore2"]
    with Scripted(serve(answer_of(b"1"))) as server:
        command = [sys.executable, "-c", _ONE_LIBRARY, server.url, server.url, name, *others]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[1, 1, 1, 1, 1]\n", done.stderr


@every_client
def test_a_backend_that_is_not_installed_names_the_extra(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(ConfigurationError) as caught:
        client(TOKEN, http_backend="httpx2")
    assert str(caught.value) == 'http_backend: httpx2 is not installed. Run `pip install "invigilate[httpx2]"`'


@every_client
@pytest.mark.parametrize("value", ["requests", "HTTPX", "", None, ["httpx"], "json"])
def test_an_unknown_backend_is_refused(client: Any, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client(TOKEN, http_backend=value)
    assert str(caught.value) == "http_backend: expected 'httpx' or 'httpx2'"


# Transports of the caller.


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """All that the HTTP libraries log, at every level."""
    names = ["httpx", "httpx2"]
    names += [f"{core}.{part}" for core in ("httpcore", "httpcore2") for part in ("connection", "http11", "proxy")]
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {record.getMessage()}")

    handler = Keep()
    for name in names:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield lines
    for name in names:
        logging.getLogger(name).removeHandler(handler)
        logging.getLogger(name).setLevel(logging.NOTSET)


@every_mode
def test_a_transport_of_the_same_library(mode: Mode, logged: list[str]) -> None:
    with Scripted(serve(OFFERING)) as server:
        succeeding(mode, safe, server.url, times=3, transport=transport_of(mode))
        assert (len(server.requests), server.connections) == (3, 1)
        # It would log whole URLs, and the headers of responses. What others log with it is kept.
        harmless = ("close.", "load_ssl_context ", "load_verify_locations ")  # the last two by httpx 0.27
        assert [line for line in logged if not line.partition(": ")[2].startswith(harmless)] == []
        import_module(backend(mode)).get(server.url)
    assert any(line.startswith(f"{backend(mode)}: HTTP Request: GET ") for line in logged)


@every_mode
def test_a_transport_that_cannot_connect_sent_nothing(mode: Mode) -> None:
    with Scripted(lambda peer: None) as once:
        url = once.url
    error = failing(APIConnectionError, mode, unsafe, url, transport=transport_of(mode), max_retries=1)
    assert (error.sent, len(error.attempts)) == (False, 2)


@every_mode
def test_a_tunnel_of_a_transport_that_is_refused_sent_nothing(mode: Mode) -> None:
    def refuse(peer: Peer) -> None:
        peer.read()
        peer.send(answer_of(b"", 403))

    with Scripted(refuse) as server:
        transport = transport_of(mode, proxy=import_module(backend(mode)).Proxy(server.url))
        error = failing(
            APIConnectionError, mode, unsafe, "https://api.example.test", transport=transport, max_retries=0
        )
    assert error.sent is False
    assert server.requests[0].startswith(b"CONNECT ")


@every_mode
def test_a_transport_that_lost_the_response_may_have_sent_the_request(mode: Mode) -> None:
    with Scripted(lambda peer: peer.reset() if peer.read() else None) as server:
        unknown(mode, server.url, transport=transport_of(mode))
        assert len(server.requests) == 1


@every_mode
def test_a_transport_that_waits_too_long_times_out(mode: Mode) -> None:
    def silent(peer: Peer) -> None:
        peer.read()
        peer.wait(2)

    with Scripted(silent) as server:
        options = {"transport": transport_of(mode), "timeout": 0.1, "max_retries": 0}
        failing(APITimeoutError, mode, safe, server.url, **options)


# httpx leaves generators of its own to the garbage collector, and trio warns of it.
@pytest.mark.filterwarnings("ignore:Async generator 'http(x|core)[.]:ResourceWarning")
@every_mode
def test_a_transport_has_the_limit_of_the_client(mode: Mode) -> None:
    with Scripted(serve(answer_of(b" " * 300_000))) as server:
        failing(ResponseDecodeError, mode, safe, server.url, transport=transport_of(mode), max_response_bytes=200_000)


@pytest.mark.parametrize("kind", ["HTTPTransport", "AsyncHTTPTransport", "MockTransport"])
@every_backend
def test_a_transport_of_the_other_library_is_refused_before_anything_is_sent(name: str, kind: str) -> None:
    other = "httpx" if name == "httpx2" else "httpx2"
    library = import_module(other)
    calls: list[Any] = []
    transport = library.MockTransport(calls.append) if kind == "MockTransport" else getattr(library, kind)()
    client: Any = AsyncSmarterProctoring if kind.startswith("Async") else SmarterProctoring
    with pytest.raises(ConfigurationError) as caught:
        client(TOKEN, INSTALL, transport=transport, http_backend=name)
    assert str(caught.value) == f'transport: comes from {other}. Pass http_backend="{other}" as well'
    assert calls == []
    client(TOKEN, INSTALL, transport=transport, http_backend=other)


def test_a_transport_of_httpx2_whoever_imported_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    # As after `httpx2.alias_httpx()`, which makes both names one library.
    httpx2 = import_module("httpx2")
    monkeypatch.setitem(sys.modules, "httpx", httpx2)
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"a": 1}))
    with SmarterProctoring(TOKEN, INSTALL, transport=transport) as client:
        assert client.request("GET", "/x").parsed == {"a": 1}


# Faults, and certificates.


@every_mode
@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        (faults.reset_after_reading, False),
        (faults.drop_response, True),
        (faults.close_without_response, True),
        (faults.truncate, True),
        (faults.broken_gzip, True),
        (faults.html_502, False),
        (faults.not_json, True),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)
def test_faults_leave_the_outcome_unknown(mode: Mode, fault: Any, applied: bool) -> None:
    with Sandbox() as sandbox:
        sandbox.faults.add("scheduleExamSession", fault(times=1))
        sids = {"exam_sid": sandbox.exam_sid, "session_sid": sandbox.session_sid}
        url, identity = sandbox.smarterproctoring_url, {"token": sandbox.token, "install_sid": sandbox.install_sid}

        async def scenario() -> None:
            async with proctoring(mode, url, **identity) as client:
                await settle(client.exam_sessions.schedule(**sids, amount=12, card_token="tok"))

        with pytest.raises(OutcomeUnknownError) as caught:
            run(mode, scenario)
        assert len(caught.value.attempts) == 1
        assert len(sandbox.ledger) == applied


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system has no file of certificates")
@pytest.mark.parametrize("mode", ["sync, httpx2", "asyncio, httpx2", "sync"])
def test_httpx2_trusts_the_authorities_of_the_system(
    mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "system.pem"))
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile=str(tmp_path / "system.pem"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    with Recorder(lambda request: Answer.of_json({"title": "Fall"}), context) as server:
        if mode == "sync":  # httpx brings authorities of its own
            failing(APIConnectionError, mode, safe, server.url)
        else:
            assert succeeding(mode, safe, server.url).title == "Fall"


# Public names alone.


def imports(path: Path) -> set[str]:
    """The packages that a module imports at any place, for type checking or not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", sorted((FACADE / "invigilate" / "_http").glob("*.py")), ids=lambda path: path.stem)
def test_no_private_name_of_a_library(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {"invigilate", "__future__"}
    for node in ast.walk(tree):
        # Only `self` has private attributes, and no module is imported from within a library.
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            assert ast.unparse(node.value) == "self", f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "setattr", "delattr", "hasattr"}:
            name = node.args[1]
            assert isinstance(name, ast.Constant), f"{path.name}:{node.lineno}: {ast.unparse(node)}"
            assert not str(name.value).startswith("_") or name.value == "__await__"
    for imported in imports(path):
        parts = imported.split(".")
        assert parts[0] in own or not any(part.startswith("_") for part in parts), imported
