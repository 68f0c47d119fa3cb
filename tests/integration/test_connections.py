"""The connections of a client, on real sockets: what ends one, what may be used again, and what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import json
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trustme

from invigilate import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncSmarterProctoring,
    ConfigurationError,
    ConnectionStats,
    ISpringLearn,
    OutcomeUnknownError,
    ResponseDecodeError,
    SmarterProctoring,
)
from invigilate._http import pool
from invigilate._http.connection import open_connection
from tests.support.endings import every_mode, failing, unsafe, without_backoff  # noqa: F401
from tests.support.modes import INSTALL, TOKEN, Mode, proctoring, run, settle
from tests.support.proxy import Proxy
from tests.support.scripted import Peer, Scripted, answer, answer_of, head

EXAM = "EX" + "1a" * 16


def echo(peer: Peer) -> None:
    """Respond to each request with its path."""
    while (request := peer.read()) is not None:
        peer.send(answer({"path": path_of(request)}))


def path_of(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode()


async def asked(client: Any, path: str) -> Any:
    return (await settle(client.request("GET", path))).parsed["path"]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


# Point 2: cancelled calls and Ctrl-C use up no connections.


def test_cancelled_calls_use_up_no_connections() -> None:
    def slow(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            time.sleep(random.random() * 0.006)
            peer.send(answer({"path": path_of(request)}))

    async def scenario() -> None:
        chance = random.Random(2)
        ended = {"done": 0, "cancelled": 0}

        async def one(number: int) -> None:
            try:
                async with asyncio.timeout(chance.random() * 0.03):
                    assert await asked(client, f"/echo/{number}") == f"/echo/{number}"
                ended["done"] += 1
            except TimeoutError:
                ended["cancelled"] += 1

        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url, timeout=5) as client:
            for start in range(0, 2000, 10):
                await asyncio.gather(*(one(start + number) for number in range(10)))
            assert min(ended.values()) > 50, ended
            assert client.connections.in_use == 0
            paths = await asyncio.gather(*(asked(client, f"/after/{number}") for number in range(100)))
            assert paths == [f"/after/{number}" for number in range(100)]
            assert client.connections.in_use == 0

    files = open_files()
    with Scripted(slow) as server:
        asyncio.run(scenario())
    assert open_files() <= files + 5


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_leaving_a_prefetching_loop_leaves_no_connection_in_use(backend: Mode) -> None:
    def pages(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            offset = int(re.search(rb"offset=(\d+)", request)[1]) if b"offset=" in request else 0  # type: ignore[index]
            time.sleep(random.random() * 0.005)
            rows = [{"sid": f"ES{offset + number:032x}"} for number in range(20)]
            peer.send(answer({"total": 2000, "count": 20, "offset": offset, "results": rows}))

    async def scenario() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url, timeout=5) as client:
            for _ in range(40):
                seen = 0
                async for _row in client.reports.service_distribution(limit=20).prefetch(20):
                    seen += 1
                    if seen == 60:
                        break
            gc.collect()
            for _ in range(200):
                if client.connections.in_use == 0:
                    break
                await anyio.sleep(0.01)
            assert client.connections.in_use == 0
            assert await client.reports.service_distribution(limit=20).first() is not None

    with Scripted(pages) as server:
        run(backend, scenario)


_INTERRUPTED = """
import random, signal, sys, time
from invigilate import SmarterProctoring

class Stop(BaseException):
    pass

def stop(number, frame):
    raise Stop

signal.signal(signal.SIGALRM, stop)
chance = random.Random(int(sys.argv[2]))
done = stopped = 0
with SmarterProctoring("t", "AI" + "0" * 32, base_url=sys.argv[1], timeout=5) as client:
    for number in range(1500):
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-5 + chance.random() * 0.002)
            path = client.request("GET", f"/echo/{number}").parsed["path"]
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert path == f"/echo/{number}", path
            done += 1
        except Stop:
            stopped += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    started = time.monotonic()
    for number in range(100):
        assert client.request("GET", f"/after/{number}").parsed["path"] == f"/after/{number}"
    assert time.monotonic() - started < 5
    assert client.connections.in_use == 0, client.connections
print(done, stopped)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_interrupts_leak_no_slot_and_hold_no_lock(seed: int) -> None:
    # In a process of its own: the signal may come at any instruction of the call.
    with Scripted(echo) as server:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _INTERRUPTED, server.url, str(seed)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert min(map(int, done.stdout.split())) > 30, done.stdout


def test_no_more_connections_than_the_limit() -> None:
    entered = threading.Semaphore(0)

    def held(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            entered.release()
            release.wait(10)
            peer.send(answer({"path": path_of(request)}))

    async def scenario() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
            tasks = [asyncio.create_task(asked(client, f"/{number}")) for number in range(130)]
            for _ in range(100):
                assert await asyncio.to_thread(entered.acquire, timeout=10)
            assert client.connections == ConnectionStats(100, 0, 100)
            assert server.connections == 100
            with pytest.raises(APITimeoutError) as late:
                await client.with_options(timeout=0.05, max_retries=0).request("GET", "/late")
            assert late.value.sent is False
            release.set()
            assert await asyncio.gather(*tasks) == [f"/{number}" for number in range(130)]
            assert client.connections.in_use == 0
            assert client.connections.idle <= 100

    release = threading.Event()
    with Scripted(held) as server:
        asyncio.run(scenario())


def test_threads_that_start_together_fetch_one_token() -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            token = {"access_token": "issued-1", "expires_in": 3600, "token_type": "bearer"}
            peer.send(answer(token if path_of(request).endswith("/token") else {"path": path_of(request)}))

    def first(client: ISpringLearn, start: threading.Barrier) -> None:
        start.wait()
        client.request("GET", "/x")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Scripted(script) as server, ThreadPoolExecutor(8) as threads:
            for _ in range(20):
                with ISpringLearn(client_id="id", client_secret="secret", base_url=server.url) as client:
                    list(threads.map(first, [client] * 8, [threading.Barrier(8)] * 8))
    finally:
        sys.setswitchinterval(interval)
    assert sum(path_of(request).endswith("/token") for request in server.requests) == 20


# Point 3: no response is taken for that of another request.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@every_mode
def test_a_second_response_in_the_same_write_is_not_taken_for_the_next(mode: Mode) -> None:
    def twice(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            peer.send(answer({"path": path_of(request)}) + answer({"path": "/of/another"}))

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            for number in range(10):
                assert await asked(client, f"/{number}") == f"/{number}"
            assert client.connections.idle == 0

    with Scripted(twice) as server:
        run(mode, scenario)
        assert server.connections == 10


@every_mode
@pytest.mark.parametrize("part", [1, 20])
def test_a_part_of_a_second_response_ends_the_connection(mode: Mode, part: int) -> None:
    def twice(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            peer.send(answer({"path": path_of(request)}) + answer({"path": "/of/another"})[:part])

    async def scenario() -> None:
        async with proctoring(mode, server.url, max_retries=0) as client:
            for number in range(5):
                assert await asked(client, f"/{number}") == f"/{number}"

    with Scripted(twice) as server:
        run(mode, scenario)


@every_mode
def test_an_unrequested_response_is_not_taken_for_the_next(mode: Mode) -> None:
    def later(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            peer.send(answer({"path": path_of(request)}))
            time.sleep(0.02)
            peer.send(answer({"path": "/of/another"}))

    async def scenario() -> None:
        async with proctoring(mode, server.url, max_retries=0) as client:
            for number in range(5):
                assert await asked(client, f"/{number}") == f"/{number}"
                await anyio.sleep(0.06) if mode != "sync" else time.sleep(0.06)

    with Scripted(later) as server:
        run(mode, scenario)


@every_mode
def test_a_second_response_over_tls_is_not_taken_for_the_next(mode: Mode, authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    def serve(raw: socket.socket) -> None:
        with context.wrap_socket(raw, server_side=True) as connection:
            while data := connection.recv(65536):
                # A record for each, which a client may receive in one read.
                connection.sendall(answer({"path": path_of(data)}))
                connection.sendall(answer({"path": "/of/another"}))

    async def scenario() -> None:
        async with proctoring(mode, f"https://127.0.0.1:{port}", verify=trust, max_retries=0) as client:
            for number in range(10):
                assert await asked(client, f"/{number}") == f"/{number}"

    with listening(serve) as port:
        run(mode, scenario)


@every_mode
def test_bytes_before_the_request_make_a_connection_unusable(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    # The bytes must be there when the client looks, so it looks a little later.
    async def slowly(*args: Any) -> Any:
        connection = await open_connection(*args)
        time.sleep(0.01)
        return connection

    monkeypatch.setattr(pool, "open_connection", slowly)

    def early(peer: Peer) -> None:
        if peer.number <= 2:
            peer.send(answer({"path": "/of/another", "sid": "ES" + "9" * 32}))
        time.sleep(0.03)
        echo(peer)

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            assert await asked(client, "/mine") == "/mine"

    with Scripted(early) as server:
        run(mode, scenario)
        assert [path_of(each) for each in server.requests] == ["/mine"]


class listening:  # noqa: N801
    """Run a function for each connection, in a thread; entering returns the port."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._serve(connection)

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


# Point 8: parent and child share no connection after a fork.


def test_a_fork_shares_no_connection() -> None:
    def ask_all(client: SmarterProctoring, name: str) -> int:
        wrong = 0
        for number in range(300):
            path = f"/{name}/{number}"
            wrong += client.request("GET", path).parsed["path"] != path
        return wrong

    with Scripted(echo) as server, SmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
        client.request("GET", "/warm")
        assert client.connections.idle == 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
            child = os.fork()
        if child == 0:
            code = 99
            try:
                code = min(98, ask_all(client, "child"))
            finally:
                os._exit(code)
        assert ask_all(client, "parent") == 0
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Point 10: deadlines hold.


def within(seconds: float, work: Callable[[], Any]) -> BaseException:
    started = time.monotonic()
    with pytest.raises(APIConnectionError) as caught:
        work()
    assert time.monotonic() - started < seconds
    return caught.value


@pytest.fixture
def four_dead_addresses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host with four addresses that accept no connection: their queues are full."""
    holders: list[socket.socket] = []
    found: list[Any] = []
    look_up = socket.getaddrinfo
    for number in range(2, 6):
        listener = socket.socket()
        listener.bind((f"127.0.0.{number}", 0))
        listener.listen(0)
        holders.append(listener)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            holders.append(filler)
        host, port = listener.getsockname()
        found += look_up(host, port, type=socket.SOCK_STREAM)

    def dead(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        return (
            found if host == "dead.example.test" and not kwargs.get("flags") else look_up(host, port, *args, **kwargs)
        )

    monkeypatch.setattr(socket, "getaddrinfo", dead)
    yield
    for each in holders:
        each.close()


def test_a_host_with_four_dead_addresses_takes_no_longer_than_the_deadline(four_dead_addresses: None) -> None:
    options = {"base_url": "http://dead.example.test", "allow_insecure_http": True}
    with SmarterProctoring(TOKEN, INSTALL, **options) as client:  # type: ignore[arg-type]
        error = within(1.3, lambda: client.with_options(deadline=0.8).request("GET", "/x"))
        assert isinstance(error, APITimeoutError)
        assert error.sent is False
        within(1.0, lambda: client.with_options(timeout=0.6, max_retries=0).request("GET", "/x"))


@every_mode
def test_a_silent_handshake_behind_a_proxy_ends_at_the_deadline(mode: Mode) -> None:
    def tunnel(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        peer.wait(5)

    async def scenario() -> None:
        async with proctoring(mode, "https://api.example.test", proxy=proxy.url) as client:
            await asked(client.with_options(deadline=0.5), "/x")

    with Scripted(tunnel) as proxy:
        assert within(1.0, lambda: run(mode, scenario)).sent is False  # type: ignore[attr-defined]


@every_mode
def test_a_large_body_to_a_slow_reader_ends_at_the_deadline(mode: Mode) -> None:
    def sip(peer: Peer) -> None:
        while peer._socket.recv(4096):
            peer.wait(0.05)

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            update = client.with_options(deadline=0.6, timeout=0.4).course_offerings.update
            await settle(update(offering_sid="CO" + "3c" * 16, title="x" * 12_000_000, match_strings="F"))

    with Scripted(sip) as server:
        within(1.6, lambda: run(mode, scenario))


def test_a_slow_token_callable_ends_at_the_deadline() -> None:
    release = threading.Event()

    def slow() -> str:
        release.wait(5)
        return TOKEN

    with Scripted(echo) as server, SmarterProctoring(slow, INSTALL, base_url=server.url) as client:
        error = within(0.8, lambda: client.with_options(deadline=0.3).request("GET", "/x"))
        assert "the deadline passed while the token callable ran" in str(error)
        release.set()
        assert client.with_options(deadline=5).request("GET", "/x").parsed["path"] == "/x"
    assert len(server.requests) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_slow_async_token_callable_ends_at_the_deadline(backend: Mode) -> None:
    async def slow() -> str:
        await anyio.sleep(5)
        return TOKEN

    async def scenario() -> None:
        async with AsyncSmarterProctoring(slow, INSTALL, base_url="http://127.0.0.1:9") as client:
            await client.with_options(deadline=0.3).request("GET", "/x")

    assert "the deadline passed while the token callable ran" in str(within(0.8, lambda: run(backend, scenario)))


def test_the_error_of_a_token_callable_stays_its_own() -> None:
    def failing_source() -> str:
        raise TimeoutError("of the secret store")

    with SmarterProctoring(failing_source, INSTALL, base_url="http://127.0.0.1:9") as client:
        for view in (client, client.with_options(deadline=5)):
            with pytest.raises(TimeoutError, match="of the secret store"):
                view.request("GET", "/x")


# Point 12: memory.

BOMB = gzip.compress(b" " * 50_000_000)


def endless(peer: Peer) -> None:
    peer.read()
    peer.send(head(200, "Content-Type: application/json", "Transfer-Encoding: chunked"))
    while True:
        peer.send(b"10000\r\n" + b" " * 65536 + b"\r\n")


def bomb(peer: Peer) -> None:
    while peer.read() is not None:
        peer.send(answer_of(BOMB, 200, "Content-Encoding: gzip", "Content-Type: application/json"))


@every_mode
@pytest.mark.parametrize("script", [endless, bomb])
def test_a_response_beyond_the_limit_is_not_read(mode: Mode, script: Callable[[Peer], None]) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url, max_response_bytes=1_000_000) as client:
            with pytest.raises(
                ResponseDecodeError, match=r"larger than 1000000 bytes \(max_response_bytes\)"
            ) as caught:
                await settle(client.request("GET", "/x"))
            assert len(caught.value.body or b"") <= 1_000_000
            with pytest.raises(OutcomeUnknownError, match="larger than 1000000 bytes"):
                await unsafe(client)
            assert client.connections.in_use == 0

    with Scripted(script) as server:
        run(mode, scenario)


@every_mode
def test_an_endless_body_of_an_error_is_still_that_error(mode: Mode) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(head(403, "Transfer-Encoding: chunked"))
        while True:
            peer.send(b"10000\r\n" + b" " * 65536 + b"\r\n")

    with Scripted(script) as server:
        error = failing(APIStatusError.__subclasses__()[2], mode, unsafe, server.url, max_response_bytes=100_000)
        assert (error.status_code, len(error.body)) == (403, 100_000)


def test_a_transport_of_the_callers_is_limited_too() -> None:
    class Parts(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" " * 65536

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Parts()))
    client = SmarterProctoring(TOKEN, INSTALL, transport=transport, max_response_bytes=200_000)
    with client, pytest.raises(ResponseDecodeError, match="larger than 200000 bytes"):
        client.request("GET", "/x")


@every_mode
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP"])
def test_compressed_bodies_are_read(mode: Mode, coding: str) -> None:
    import zlib

    body = json.dumps({"path": "/ä" * 1000}).encode()
    half = len(body) // 2
    packed = zlib.compress(body) if coding == "deflate" else gzip.compress(body[:half]) + gzip.compress(body[half:])

    def script(peer: Peer) -> None:
        while peer.read() is not None:
            peer.send(answer_of(packed, 200, f"Content-Encoding: {coding}"))

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            assert await asked(client, "/x") == "/ä" * 1000

    with Scripted(script) as server:
        run(mode, scenario)
        assert b"accept-encoding: gzip\r\n" in server.requests[0].lower()


# Point 14.


_CLOSED_LOOP = """
import asyncio, sys
from invigilate import AsyncISpringLearn

client = AsyncISpringLearn(client_id="id", client_secret="secret", base_url=sys.argv[1])

async def cut_off():
    asyncio.get_running_loop().create_task(client.request("GET", "/x"))
    await asyncio.sleep(0.5)

async def after():
    async with asyncio.timeout(5):
        print((await client.request("GET", "/x")).parsed)

loop = asyncio.new_event_loop()
loop.run_until_complete(cut_off())
loop.close()  # while the task holds the lock, without canceling it first
asyncio.run(after())
"""


def test_a_loop_that_closed_during_a_token_fetch_blocks_no_other_loop() -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            if path_of(request).endswith("/token"):
                if len(server.requests) == 1:
                    peer.wait(5)
                peer.send(answer({"access_token": "issued-1", "expires_in": 3600, "token_type": "bearer"}))
            else:
                peer.send(answer({"path": "ok"}))

    with Scripted(script) as server:
        command = [sys.executable, "-W", "ignore", "-c", _CLOSED_LOOP, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.stdout == "{'path': 'ok'}\n", done.stderr
        assert len(server.requests) == 3


@pytest.mark.parametrize("content", [None, "nothing"])
def test_a_bad_file_of_certificates_in_the_environment(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        SmarterProctoring(TOKEN, INSTALL)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_no_resource_warnings_after_failed_sends(backend: Mode) -> None:
    def rude(peer: Peer) -> None:
        peer.read()
        if peer.number % 3 == 0:
            peer.reset()
        elif peer.number % 3 == 1:
            peer.send(head(200, "Content-Length: 100") + b"{")

    async def scenario() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url, max_retries=0) as client:
            for _ in range(9):
                with pytest.raises(APIConnectionError):
                    await client.request("GET", "/x")
            for _ in range(6):
                with anyio.move_on_after(0.002):
                    with pytest.raises(APIConnectionError):
                        await client.request("GET", "/x")

    with Scripted(rude) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        run(backend, scenario)
        gc.collect()


# Point 15.


@every_mode
@pytest.mark.parametrize("status", [403, 407])
def test_a_refused_tunnel_names_its_status(mode: Mode, status: int) -> None:
    async def scenario() -> None:
        async with proctoring(mode, "https://api.example.test", proxy=proxy.url, max_retries=0) as client:
            await asked(client, "/x")

    with Proxy({}, refuse=status) as proxy, pytest.raises(APIConnectionError) as caught:
        run(mode, scenario)
    assert f"the proxy refused to open a tunnel: {status}" in str(caught.value)
    assert caught.value.sent is False


@every_mode
def test_a_stale_connection_fails_no_idempotent_call_without_retries(mode: Mode) -> None:
    def once(peer: Peer) -> None:
        if (request := peer.read()) is not None:
            peer.send(answer({"path": path_of(request)}))

    async def scenario() -> None:
        async with proctoring(mode, server.url, max_retries=0) as client:
            for number in range(60):
                assert await asked(client, f"/{number}") == f"/{number}"

    with Scripted(once) as server:
        run(mode, scenario)


@every_mode
def test_a_call_that_is_not_idempotent_opens_a_connection_of_its_own(mode: Mode) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            await asked(client, "/x")
            for _ in range(3):
                await settle(client.request("POST", "/y"))
            assert await asked(client, "/z") == "/z"
            assert client.connections.idle == 1

    with Scripted(echo) as server:
        run(mode, scenario)
        assert server.connections == 4


@every_mode
@pytest.mark.parametrize("password", [None, "right"])
def test_a_socks_proxy(mode: Mode, password: str | None) -> None:
    seen: list[bytes] = []

    def socks(raw: socket.socket) -> None:
        greeting = raw.recv(100)
        raw.sendall(b"\x05\x02" if password else b"\x05\x00")
        if password:
            seen.append(raw.recv(100))
            raw.sendall(b"\x01\x00")
        seen.append(raw.recv(100))
        raw.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
        assert greeting[0] == 5
        data = raw.recv(65536)
        raw.sendall(answer({"path": path_of(data)}))

    async def scenario() -> None:
        user = "user:right@" if password else ""
        options = {"proxy": f"socks5://{user}127.0.0.1:{port}", "allow_insecure_http": True}
        async with proctoring(mode, "http://api.example.test", **options) as client:
            assert await asked(client, "/through") == "/through"

    with listening(socks) as port:
        run(mode, scenario)
    assert b"api.example.test" in seen[-1]
    assert (b"right" in seen[0]) is bool(password)


@every_mode
def test_a_refusal_of_a_socks_proxy_is_reported(mode: Mode) -> None:
    def socks(raw: socket.socket) -> None:
        raw.recv(100)
        raw.sendall(b"\x05\x00")
        raw.recv(100)
        raw.sendall(b"\x05\x05\x00\x01\x7f\x00\x00\x01\x00\x50")

    async def scenario() -> None:
        options = {"proxy": f"socks5://127.0.0.1:{port}", "allow_insecure_http": True, "max_retries": 0}
        async with proctoring(mode, "http://api.example.test", **options) as client:
            await asked(client, "/through")

    with listening(socks) as port, pytest.raises(APIConnectionError, match="could not connect") as caught:
        run(mode, scenario)
    assert caught.value.sent is False
