"""No response comes, or none in time: whether anything was sent decides what follows.

Each scenario runs with the sync client, and with the async one under asyncio and trio.
"""

from __future__ import annotations

import gzip
import itertools
import logging
import random
import socket
import threading
import time
from typing import Any

import pytest

from invigilate import (
    APIConnectionError,
    APITimeoutError,
    OutcomeUnknownError,
)
from tests.support.endings import (
    OFFERING,
    SESSION,
    SIDS,
    Call,
    failing,
    first_then,
    nothing_sensitive_in_the_log,  # noqa: F401 (a fixture works by being here)
    report,
    safe,
    succeeding,
    unknown,
    unsafe,
    without_backoff,  # noqa: F401
)
from tests.support.modes import EVERY_BACKEND, Mode, proctoring, run
from tests.support.scripted import Peer, Script, Scripted, answer, head, serve

every_mode = pytest.mark.parametrize("mode", EVERY_BACKEND)

# Nothing was sent.


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@every_mode
@pytest.mark.parametrize("call", [unsafe, safe], ids=["unsafe", "safe"])
def test_refused_connections_are_retried_and_nothing_was_sent(mode: Mode, call: Call) -> None:
    error = failing(APIConnectionError, mode, call, f"http://127.0.0.1:{free_port()}", max_retries=3)
    assert error.sent is False
    assert ", nothing was sent; " in str(error)
    assert len(error.attempts) == 4
    assert "nothing was sent" in str(error)


@every_mode
@pytest.mark.parametrize("reply", [b"", answer({}, 503, "Connection: close")], ids=["lost", "answered 503"])
def test_sent_covers_the_earlier_attempts_of_a_call(mode: Mode, reply: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve_once() -> None:
        connection, _ = listener.accept()
        listener.close()
        with connection:
            connection.settimeout(5)
            connection.recv(65536)
            connection.sendall(reply)

    thread = threading.Thread(target=serve_once, daemon=True)
    thread.start()
    error = failing(APIConnectionError, mode, safe, f"http://127.0.0.1:{listener.getsockname()[1]}", max_retries=1)
    thread.join(5)
    assert error.sent is True
    assert "nothing was sent this time, but an earlier attempt may have been received" in str(error)
    assert [attempt.status_code for attempt in error.attempts] == [503 if reply else None, None]


@every_mode
def test_a_request_that_is_not_idempotent_succeeds_when_the_server_comes_up(mode: Mode) -> None:
    port, up = free_port(), threading.Event()
    servers: list[Scripted] = []

    class Starter(logging.Handler):
        """Starts the server once a first attempt has failed."""

        def emit(self, record: logging.LogRecord) -> None:
            if "connection failed" in record.getMessage() and not up.is_set():
                up.set()
                servers.append(Scripted(serve(SESSION), port=port).__enter__())

    starter = Starter()
    logging.getLogger("invigilate").addHandler(starter)
    try:
        succeeding(mode, unsafe, f"http://127.0.0.1:{port}")
        assert [len(server.requests) for server in servers] == [1]
    finally:
        logging.getLogger("invigilate").removeHandler(starter)
        for server in servers:
            server.__exit__(None, None, None)


@every_mode
def test_a_host_that_has_no_ip_address(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    # No question leaves this machine.
    def getaddrinfo(host: object, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    error = failing(APIConnectionError, mode, unsafe, "https://invigilate.invalid", max_retries=1)
    assert error.sent is False
    assert len(error.attempts) == 2
    # trio asks twice for each attempt.
    assert len(asked) in {2, 4}


@every_mode
def test_a_connection_that_is_never_accepted(mode: Mode) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        # Fills the queue; what comes next is not even answered.
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            error = failing(APITimeoutError, mode, unsafe, f"http://127.0.0.1:{port}", timeout=0.3, max_retries=1)
        finally:
            for filler in fillers:
                filler.close()
    assert error.sent is False
    assert len(error.attempts) == 2


# Something was sent, and no whole answer came.


def reset_without_reading(peer: Peer) -> None:
    peer.idle_for(1)
    peer.reset()


def reset_after_reading(peer: Peer) -> None:
    peer.read()
    peer.reset()


def close_after_reading(peer: Peer) -> None:
    peer.read()


def reset_amid_the_head(peer: Peer) -> None:
    peer.read()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    time.sleep(0.02)
    peer.reset()


def reset_amid_the_body(peer: Peer) -> None:
    peer.read()
    peer.send(SESSION[:-5])
    time.sleep(0.02)
    peer.reset()


def truncated(peer: Peer) -> None:
    peer.read()
    peer.send(SESSION[:-5])


def truncated_chunks(peer: Peer) -> None:
    peer.read()
    peer.send(head(200, "Content-Type: application/json", "Transfer-Encoding: chunked") + b'c\r\n{"sid": "ES"}')


def senseless_length(peer: Peer) -> None:
    peer.read()
    peer.send(head(200, "Content-Length: many") + b"{}")


def another_protocol(peer: Peer) -> None:
    peer.read()
    peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")


def huge_header(peer: Peer) -> None:
    peer.read()
    peer.send(answer({}, 200, "X-Huge: " + "x" * 2_000_000))


BROKEN = [
    reset_without_reading,
    reset_after_reading,
    close_after_reading,
    reset_amid_the_head,
    reset_amid_the_body,
    truncated,
    truncated_chunks,
    senseless_length,
    another_protocol,
    huge_header,
]
BROKEN_AFTER_HEAD = [reset_amid_the_body, truncated, truncated_chunks]
every_break = pytest.mark.parametrize("script", BROKEN, ids=lambda script: script.__name__)


@every_mode
@every_break
def test_a_request_that_is_not_idempotent_is_sent_once_and_unknown(script: Script, mode: Mode) -> None:
    with Scripted(first_then(script, serve(SESSION))) as server:
        error = unknown(mode, server.url)
        assert isinstance(error.__cause__, APIConnectionError)
        assert error.__cause__.sent is True
        # An answer that broke off after its head at least said its status.
        assert error.status_code == (200 if script in BROKEN_AFTER_HEAD else None)
        server.wait_until(lambda each: each.gone == each.connections)
        assert server.connections == 1
        assert len(server.requests) <= 1


@every_mode
def test_a_reset_at_once(mode: Mode) -> None:
    # It may come before anything was written, or after: then again, or unknown. Never may two requests be read.
    with Scripted(first_then(lambda peer: peer.reset(), serve(SESSION))) as server:
        try:
            succeeding(mode, unsafe, server.url)
        except OutcomeUnknownError:
            assert (server.connections, server.requests) == (1, [])
        else:
            assert (server.connections, len(server.requests)) == (2, 1)


@every_mode
@every_break
def test_an_idempotent_request_is_sent_again(script: Script, mode: Mode) -> None:
    with Scripted(first_then(script, serve(OFFERING))) as server:
        assert succeeding(mode, safe, server.url).title == "Fall"
        assert server.connections == 2


@every_mode
def test_a_client_survives_what_became_of_its_connections(mode: Mode) -> None:
    def script(peer: Peer) -> None:
        (BROKEN[peer.number - 1] if peer.number <= len(BROKEN) else serve(SESSION))(peer)

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            for _ in BROKEN:
                with pytest.raises(OutcomeUnknownError):
                    await unsafe(client)
            await unsafe(client)

    with Scripted(script) as server:
        run(mode, scenario)
        assert server.connections == len(BROKEN) + 1


@every_mode
def test_more_than_was_announced_is_not_the_next_response(mode: Mode) -> None:
    # The rest of an answer whose length is wrong looks like an answer to the next call: it would be taken as booked.
    def script(peer: Peer) -> None:
        while peer.read() is not None:
            peer.send(SESSION + answer({"sid": "smuggled"}))

    async def scenario() -> list[Any]:
        async with proctoring(mode, server.url) as client:
            return [await unsafe(client) for _ in range(3)]

    with Scripted(script) as server:
        assert [session.sid for session in run(mode, scenario)] == [SIDS["session_sid"]] * 3


# Time.


@every_mode
def test_a_response_that_does_not_come(mode: Mode) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.wait(3)

    with Scripted(script) as server:
        error = unknown(mode, server.url, timeout=0.2)
        assert isinstance(error.__cause__, APITimeoutError)
        assert server.connections == 1
        error = failing(APITimeoutError, mode, safe, server.url, timeout=0.2, max_retries=1)
        assert error.sent is True
        assert len(error.attempts) == 2
        assert server.connections == 3


def trickle(*parts: bytes) -> Script:
    """Sends all but the first part byte by byte, each well within any timeout."""

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(parts[0])
        for byte in b"".join(parts[1:]):
            peer.send(bytes([byte]))
            peer.wait(0.03)

    return script


SLOW = {
    "body": trickle(head(200, "Content-Length: 200"), b" " * 200),
    "chunks": trickle(head(200, "Transfer-Encoding: chunked"), b"1\r\n \r\n" * 40),
    "head": trickle(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x" * 60),
    "gzip": trickle(head(200, "Content-Encoding: gzip", "Content-Length: 1000"), gzip.compress(random.randbytes(400))),
}


@every_mode
@pytest.mark.parametrize("part", SLOW)
def test_the_deadline_ends_a_trickle(part: str, mode: Mode) -> None:
    async def call(client: Any) -> None:
        await safe(client.with_options(deadline=0.4))

    with Scripted(SLOW[part]) as server:
        started = time.monotonic()
        try:
            error = failing(APITimeoutError, mode, call, server.url)
        finally:
            elapsed = time.monotonic() - started
        assert 0.35 <= elapsed < 1.2
        assert error.sent is True


@pytest.mark.alone
@every_mode
def test_the_deadline_covers_all_pages_of_a_report(mode: Mode) -> None:
    numbers = itertools.count()

    def script(peer: Peer) -> None:
        while peer.read() is not None:
            peer.wait(0.1)
            peer.send(answer({"total": 1000, "results": [{"sid": f"x{next(numbers)}"}]}))

    async def call(client: Any) -> None:
        await report(client.with_options(deadline=0.4))

    with Scripted(script) as server:
        started = time.monotonic()
        failing(APITimeoutError, mode, call, server.url)
        assert time.monotonic() - started < 1.5
        assert 2 <= len(server.requests) <= 5
