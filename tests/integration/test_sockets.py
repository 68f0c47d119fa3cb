"""Clients and bare sockets on 127.0.0.1: connections that are shared, end, and are stale.

Each scenario runs with the sync client, and with the async one under asyncio and trio.
"""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from invigilate import (
    AsyncSmarterProctoring,
    ConfigurationError,
    SmarterProctoring,
)
from tests.support.endings import (
    OFFERING,
    PAGE,
    SESSION,
    every_mode,
    nothing_sensitive_in_the_log,  # noqa: F401 (a fixture works by being here)
    report,
    safe,
    succeeding,
    unsafe,
    without_backoff,  # noqa: F401
)
from tests.support.modes import INSTALL, TOKEN, Mode, proctoring, run, settle
from tests.support.scripted import Peer, Scripted, answer, serve

# Connections are used again, and end when the client does.


@every_mode
def test_calls_share_a_connection(mode: Mode) -> None:
    with Scripted(serve(OFFERING)) as server:
        succeeding(mode, safe, server.url, times=30)
        assert (len(server.requests), server.connections) == (30, 1)


@every_mode
def test_views_share_the_connections(mode: Mode) -> None:
    with Scripted(serve(OFFERING)) as server:

        async def scenario() -> None:
            async with proctoring(mode, server.url) as client:
                for view in (client, client.for_install("AI" + "9" * 32), client.with_options(timeout=5)):
                    await safe(view)
                    if view is not client:
                        await settle(view.close())
                await safe(client)

        run(mode, scenario)
        assert (len(server.requests), server.connections) == (4, 1)


@every_mode
def test_closing_closes(mode: Mode) -> None:
    with Scripted(serve(OFFERING)) as server:

        async def scenario() -> None:
            async with proctoring(mode, server.url) as client:
                await safe(client)
                view = client.for_install(INSTALL)
                assert server.gone == 0
            assert server.wait_until(lambda each: each.gone == 1), "the connection stayed open"
            for closed in (client, view):
                with pytest.raises(ConfigurationError):
                    await safe(closed)

        run(mode, scenario)
        assert len(server.requests) == 1


def test_threads_share_a_client() -> None:
    # Each thread receives its own response, never that of another.
    def script(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            time.sleep(random.random() / 200)
            peer.send(answer({"title": json.loads(request.partition(b"\r\n\r\n")[2])["title"]}))

    with Scripted(script) as server, SmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:

        def work(thread: int) -> None:
            for turn in range(25):
                title = f"{thread}/{turn}"
                offering = client.course_offerings.update(offering_sid="CO" + "3c" * 16, title=title, match_strings="F")
                assert offering.title == title

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert len(server.requests) == 200
        assert server.connections <= 8


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_share_a_client(backend: Mode) -> None:
    def script(peer: Peer) -> None:
        while (request := peer.read()) is not None:
            time.sleep(random.random() / 200)
            peer.send(answer({"title": json.loads(request.partition(b"\r\n\r\n")[2])["title"]}))

    async def scenario() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:

            async def work(task: int) -> None:
                for turn in range(10):
                    title = f"{task}/{turn}"
                    offering = await client.course_offerings.update(
                        offering_sid="CO" + "3c" * 16, title=title, match_strings="F"
                    )
                    assert offering.title == title

            async with anyio.create_task_group() as tasks:
                for task in range(20):
                    tasks.start_soon(work, task)

    with Scripted(script) as server:
        run(backend, scenario)
        assert len(server.requests) == 200
        assert server.connections <= 20


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_call_leaves_nothing_behind(backend: Mode, caplog: pytest.LogCaptureFixture) -> None:
    # The response to the canceled request comes late; the next request must not take it for its own.
    def script(peer: Peer) -> None:
        while peer.read() is not None:
            if len(server.requests) == 1:
                peer.wait(0.3)
            peer.send(answer({"sid": f"number {len(server.requests)}"}))

    async def scenario() -> Any:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
            with anyio.move_on_after(0.1) as scope:
                await unsafe(client)
            assert scope.cancelled_caught
            return await unsafe(client)

    with Scripted(script) as server:
        assert run(backend, scenario).sid == "number 2"
        assert len(server.requests) == 2
    assert [record.levelname for record in caplog.records if "outcome unknown" in record.message] == ["ERROR"]


@every_mode
def test_connection_close_is_obeyed(mode: Mode) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(answer({"sid": "x"}, 200, "Connection: close"))

    with Scripted(script) as server:
        succeeding(mode, unsafe, server.url, times=20)
        assert (len(server.requests), server.connections) == (20, 20)


@every_mode
def test_cookies_are_not_kept(mode: Mode) -> None:
    with Scripted(serve(answer({"sid": "x"}, 200, "Set-Cookie: session=1; Path=/"))) as server:
        succeeding(mode, safe, server.url, times=2)
        assert b"cookie" not in server.requests[1].lower()


@every_mode
def test_the_transport_logs_nothing_of_its_own(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    # It would log whole URLs, and the headers of responses.
    with Scripted(serve(PAGE)) as server:
        succeeding(mode, report, server.url)
        succeeding(mode, report, server.url.replace("127.0.0.1", "localhost"))
    said = [record.getMessage() for record in caplog.records if record.name.startswith("http")]
    # httpx 0.27 logs that it loads certificates, before anything is sent.
    harmless = ("close.", "load_ssl_context ", "load_verify_locations ")
    assert [message for message in said if not message.startswith(harmless)] == []


# Idle connections that the server closed.


@every_mode
def test_idle_connections_that_the_server_closed(mode: Mode) -> None:
    def script(peer: Peer) -> None:
        while peer.read() is not None:
            peer.send(SESSION)
            if peer.idle_for(0.1):
                return

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            for turn in range(12):
                await unsafe(client)
                # Sometimes used before, mostly after it was closed.
                pause = 0.05 if turn % 4 == 0 else 0.15
                if mode == "sync":
                    time.sleep(pause)
                else:
                    await anyio.sleep(pause)

    with Scripted(script) as server:
        run(mode, scenario)
        assert len(server.requests) == 12


@every_mode
@pytest.mark.parametrize("delay", [0.0, 0.001, 0.02])
def test_connections_that_end_unannounced_after_each_response(mode: Mode, delay: float) -> None:
    # The end of the stream arrives when the next call is being written, or has been: nothing but a connection of its
    # own keeps a request that is not idempotent from an unknown outcome.
    def script(peer: Peer) -> None:
        if peer.read() is not None:
            peer.send(SESSION)
            time.sleep(delay)

    with Scripted(script) as server:
        succeeding(mode, unsafe, server.url, times=60)
        assert len(server.requests) == 60


@every_mode
def test_idempotent_requests_survive_connections_that_end_unannounced(mode: Mode) -> None:
    def script(peer: Peer) -> None:
        if peer.read() is not None:
            peer.send(OFFERING)
            time.sleep(0.001)

    with Scripted(script) as server:
        succeeding(mode, safe, server.url, times=40)
