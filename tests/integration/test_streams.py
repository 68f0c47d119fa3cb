"""Streams on real sockets: TLS in TLS, bytes that hide in buffers, slow peers, and what a connection costs."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
import trustme

from invigilate import (
    APIConnectionError,
    APITimeoutError,
    AsyncSmarterProctoring,
    ConnectionStats,
    ResponseDecodeError,
    SmarterProctoring,
)
from invigilate._http import pool
from invigilate._http.connection import build_response, open_connection
from tests.support.endings import every_mode
from tests.support.modes import INSTALL, TOKEN, Mode, proctoring, run, settle
from tests.support.scripted import Peer, Scripted, answer, answer_of, head

NAME = "api.example.test"
Serve = Callable[[Any], None]


async def asked(client: Any, path: str) -> Any:
    return (await settle(client.request("GET", path))).parsed["path"]


def path_of(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", NAME).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Inner:
    """TLS within a TLS socket, as a server speaks it."""

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext) -> None:
        self._outer = outer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._run(self._tls.do_handshake)

    def _run(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._outer.recv(65536)
                if not data:
                    raise ConnectionError from None
                self._in.write(data)
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if data := self._out.read():
            self._outer.sendall(data)

    def recv(self, size: int) -> bytes:
        data: bytes = self._run(lambda: self._tls.read(size))
        return data

    def sendall(self, data: bytes) -> None:
        self._run(lambda: self._tls.write(data))

    def send_together(self, *parts: bytes) -> None:
        """Write each part as a record of its own, all of them in one write."""
        for part in parts:
            self._tls.write(part)
        self._flush()


@contextlib.contextmanager
def https_proxy(serve: Callable[[Inner], None], context: ssl.SSLContext) -> Iterator[str]:
    """A proxy that is spoken to over TLS, and plays the server at the end of the tunnel itself."""

    def accept() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            raw.settimeout(10)
            threading.Thread(target=tunnel, args=(raw,), daemon=True).start()

    def tunnel(raw: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as outer:
            assert outer.recv(65536).startswith(b"CONNECT api.example.test:443 ")
            outer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            serve(Inner(outer, context))

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@every_mode
@pytest.mark.parametrize("second", [False, True])
def test_tls_in_tls(mode: Mode, second: bool, server_tls: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    # Tickets of the inner handshake are data to the outer TLS, and must not be taken for an early response.
    connections = []

    def serve(inner: Inner) -> None:
        connections.append(inner)
        while data := inner.recv(65536):
            more = [answer({"path": "/of/another"})] if second else []
            inner.send_together(answer({"path": path_of(data)}), *more)

    async def scenario() -> None:
        async with proctoring(mode, f"https://{NAME}", proxy=proxy, verify=trust, max_retries=0) as client:
            for number in range(6):
                assert await asked(client, f"/{number}") == f"/{number}"

    with https_proxy(serve, server_tls) as proxy:
        run(mode, scenario)
    assert len(connections) == (6 if second else 1)


@pytest.mark.alone
@every_mode
@pytest.mark.parametrize("part", ["handshake", "response"])
def test_tls_in_tls_ends_at_the_deadline(
    mode: Mode, part: str, server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    class Dripping:
        def __init__(self, outer: ssl.SSLSocket) -> None:
            self._outer = outer

        def recv(self, size: int) -> bytes:
            return self._outer.recv(size)

        def sendall(self, data: bytes) -> None:
            for byte in data:
                self._outer.sendall(bytes([byte]))
                time.sleep(0.02)

    def tunnel(raw: socket.socket) -> None:
        with contextlib.suppress(OSError), server_tls.wrap_socket(raw, server_side=True) as outer:
            outer.recv(65536)
            outer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            inner = Inner(Dripping(outer) if part == "handshake" else outer, server_tls)  # type: ignore[arg-type]
            inner._outer = Dripping(outer)  # type: ignore[assignment]
            inner.recv(65536)
            inner.sendall(answer({"path": "x" * 1000}))

    async def scenario() -> None:
        options = {"proxy": f"https://127.0.0.1:{listener.getsockname()[1]}", "verify": trust, "max_retries": 0}
        async with proctoring(mode, f"https://{NAME}", timeout=0.4, **options) as client:
            await settle(client.with_options(deadline=0.5).request("GET", "/x"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: tunnel(listener.accept()[0]), daemon=True).start()
        started = time.monotonic()
        with pytest.raises(APITimeoutError):
            run(mode, scenario)
        assert time.monotonic() - started < 1.2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_record_behind_the_first_64_kib_is_seen(
    backend: Mode, server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    # An event loop reads up to 256 KiB at once; what TLS did not take of it must not wait for the next request.
    def serve(raw: socket.socket) -> None:
        with contextlib.suppress(OSError), server_tls.wrap_socket(raw, server_side=True) as connection:
            while data := connection.recv(65536):
                first = answer({"path": path_of(data), "pad": "x" * 65_000})
                connection.sendall(first + answer({"path": "/of/another", "pad": "x" * 20_000}))

    async def scenario() -> None:
        async with proctoring(backend, f"https://127.0.0.1:{port}", verify=trust, max_retries=0) as client:
            for number in range(8):
                time.sleep(0.01)  # a busy loop, so that all of it is there when it is read
                assert await asked(client, f"/{number}") == f"/{number}"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        run(backend, scenario)
        listener.shutdown(socket.SHUT_RDWR)


@every_mode
def test_the_context_of_the_caller_stays_as_it_is(mode: Mode, server_tls: ssl.SSLContext) -> None:
    changed: list[Any] = []

    class Watched(ssl.SSLContext):
        def set_alpn_protocols(self, protocols: Any) -> None:
            changed.append(protocols)

    async def scenario() -> None:
        async with proctoring(mode, f"https://{NAME}", verify=Watched(ssl.PROTOCOL_TLS_CLIENT)):
            pass

    run(mode, scenario)
    assert changed == []


# What a response may cost.


def test_a_gzip_body_of_many_members_takes_no_time() -> None:
    raw = gzip.compress(b"") * 100_000
    started = time.process_time()
    assert build_response(200, {"content-encoding": "gzip"}, raw, 1 << 22).body == raw
    assert time.process_time() - started < 0.5


def test_tiny_chunks_take_no_more_memory_than_their_bytes() -> None:
    def script(peer: Peer) -> None:
        while peer.read() is not None:
            peer.send(head(200, "Transfer-Encoding: chunked") + b"1\r\n \r\n" * 100_000 + b"2\r\n{}\r\n0\r\n\r\n")

    with Scripted(script) as server, SmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
        client.request("GET", "/warm")
        tracemalloc.start()
        client.request("GET", "/x")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4_000_000


def test_the_limit_holds_for_a_transport_that_returns_what_it_read() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b" " * 300_000))
    client = SmarterProctoring(TOKEN, INSTALL, transport=transport, max_response_bytes=200_000)
    with client, pytest.raises(ResponseDecodeError, match="larger than 200000 bytes"):
        client.request("GET", "/x")


@every_mode
def test_raw_deflate_is_not_requested(mode: Mode) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            await settle(client.request("GET", "/x"))

    with Scripted(lambda peer: peer.send(answer_of(b"{}")) if peer.read() else None) as server:
        run(mode, scenario)
        assert b"deflate" not in server.requests[0]


# The pool.


def test_connections_are_counted_from_any_thread() -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            peer.send(answer({"path": path_of(request)}))

    async def scenario() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
            await asked(client, "/1")
            assert await asyncio.to_thread(lambda: client.connections) == ConnectionStats(0, 1, 100)
            await asked(client, "/2")

    with Scripted(script) as server:
        client = AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url)
        assert client.connections == ConnectionStats(0, 0, 100)
        asyncio.run(scenario())
        assert server.connections == 1


def test_idle_connections_count_in_the_limit() -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            if path_of(request) == "/hold":
                release.wait(10)
            peer.send(answer({"path": path_of(request)}))

    async def scenario() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
            await asyncio.gather(*(asked(client, f"/{number}") for number in range(60)))
            assert client.connections.idle > 50
            held = [asyncio.ensure_future(client.request("POST", "/hold")) for _ in range(80)]
            assert await asyncio.to_thread(server.wait_until, lambda each: len(each.requests) == 140)
            open_now = server.connections - server.gone
            release.set()
            await asyncio.gather(*held)
        assert open_now <= 100

    release = threading.Event()
    with Scripted(script) as server:
        asyncio.run(scenario())


@every_mode
def test_a_client_that_is_closed_during_a_wait_is_not_retried(mode: Mode) -> None:
    def script(peer: Peer) -> None:
        while peer.read() is not None:
            peer.send(answer({}, 503, "Retry-After: 1"))

    async def scenario() -> Any:
        async with proctoring(mode, server.url, max_retries=5) as client:
            asyncio_close = threading.Timer(0.2, lambda: setattr(client._connections._pool, "closed", True))
            asyncio_close.start()
            with pytest.raises(APIConnectionError) as caught:
                await settle(client.request("GET", "/x"))
            return caught.value

    with Scripted(script) as server:
        error = run(mode, scenario)
    assert [attempt.status_code for attempt in error.attempts] == [503, None]
    assert error.sent is True


@every_mode
def test_a_deadline_that_ends_with_the_connecting_sends_nothing(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    async def late(*args: Any) -> Any:
        connection = await open_connection(*args)
        time.sleep(0.3)
        return connection

    monkeypatch.setattr(pool, "open_connection", late)

    async def scenario() -> None:
        async with proctoring(mode, server.url, max_retries=0) as client:
            await settle(client.with_options(deadline=0.2).request("POST", "/x"))

    with Scripted(lambda peer: peer.wait(1)) as server:
        with pytest.raises(APITimeoutError) as caught:
            run(mode, scenario)
        assert caught.value.sent is False
    assert server.requests == []


@every_mode
def test_a_socks_reply_in_pieces(mode: Mode) -> None:
    def socks(peer: Peer) -> None:
        raw = peer._socket
        raw.recv(100)
        for reply, ask in ((b"\x05\x00", True), (b"\x05\x00\x00\x03\x03abc\x00\x50", False)):
            for byte in reply:
                raw.sendall(bytes([byte]))
                time.sleep(0.005)
            if ask:
                raw.recv(100)
        raw.sendall(answer({"path": path_of(raw.recv(65536))}))

    async def scenario() -> None:
        options = {"proxy": server.url.replace("http", "socks5"), "allow_insecure_http": True, "max_retries": 0}
        async with proctoring(mode, "http://api.example.test", **options) as client:
            assert await asked(client, "/through") == "/through"

    with Scripted(socks) as server:
        run(mode, scenario)


@every_mode
@pytest.mark.parametrize("timeout", [1e10, None])
def test_a_timeout_longer_than_the_system_takes(mode: Mode, timeout: float | None) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url, timeout=timeout) as client:
            assert (await settle(client.with_options(deadline=1e10).request("GET", "/x"))).status_code == 200

    with Scripted(lambda peer: peer.send(answer_of(b"{}")) if peer.read() else None) as server:
        run(mode, scenario)


def test_repeated_cancels_of_an_upload_leave_no_socket() -> None:
    async def scenario() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
            for _ in range(8):
                body = {"x": "y" * 8_000_000}
                task = asyncio.create_task(client.request("PUT", "/x", json=body, idempotent=True))
                await asyncio.sleep(0.02)
                while not task.done():
                    task.cancel()
                    await asyncio.sleep(0)
            assert client.connections == ConnectionStats(0, 0, 100)
            after.append(len(os.listdir("/proc/self/fd")))

    after: list[int] = []
    with Scripted(lambda peer: peer.wait(5)) as server:
        before = len(os.listdir("/proc/self/fd"))
        anyio.run(scenario)
        # The server's ends stay open until it looks at them.
        assert after[0] - before <= 8 + 5


def ceaseless(peer: Peer) -> None:
    """Always have the next tiny chunk ready, so that the client never has to wait."""
    peer.read()
    peer.send(head(200, "Transfer-Encoding: chunked"))
    while True:
        peer.send(b"1\r\n \r\n" * 50_000)


@pytest.mark.alone
@every_mode
def test_a_server_that_never_lets_the_client_wait_ends_at_the_deadline(mode: Mode) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url, max_retries=0) as client:
            await settle(client.with_options(deadline=0.5).request("GET", "/x"))

    with Scripted(ceaseless) as server:
        started = time.monotonic()
        with pytest.raises(APITimeoutError):
            run(mode, scenario)
        assert time.monotonic() - started < 1.5


@pytest.mark.alone
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_server_that_never_lets_the_client_wait_starves_no_event_loop(backend: Mode) -> None:
    async def scenario() -> None:
        async with proctoring(backend, server.url) as client:
            with anyio.move_on_after(0.3) as scope:
                await client.request("GET", "/x")
            assert scope.cancelled_caught
            assert client.connections == ConnectionStats(0, 0, 100)

    with Scripted(ceaseless) as server:
        started = time.monotonic()
        run(backend, scenario)
        assert time.monotonic() - started < 1.3
