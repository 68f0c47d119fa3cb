"""A client making many small calls at once, in a process of its own; see the section `connections`.

    python -m benchmarks.callers CLIENT base URL

A job is a line of JSON on standard input, its result a line of JSON on standard output. What counts is the CPU time of
this process, user and system: waiting for the server is free.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from benchmarks.content import INSTALL_SID, SETTINGS, TOKEN

Call = Callable[[], Any]
AsyncCall = Callable[[], Awaitable[Any]]


def httpx_call(url: str) -> Call:
    """httpx with its defaults."""
    import httpx

    client = httpx.Client(base_url=url, headers={"token": TOKEN})

    def call() -> Any:
        while True:
            # With many threads, its pool may close a connection that another thread has just taken.
            with contextlib.suppress(httpx.ReadError):
                response = client.get(SETTINGS)
                break
        response.raise_for_status()
        return json.loads(response.content)

    return call


def httpx_async_call(url: str) -> AsyncCall:
    """As `httpx_call`, async."""
    import httpx

    client = httpx.AsyncClient(base_url=url, headers={"token": TOKEN})

    async def call() -> Any:
        response = await client.get(SETTINGS)
        response.raise_for_status()
        return json.loads(response.content)

    return call


def invigilate_call(url: str) -> Call:
    """This library."""
    from invigilate import SmarterProctoring

    return SmarterProctoring(TOKEN, INSTALL_SID, base_url=url).installs.get_settings


def invigilate_async_call(url: str) -> AsyncCall:
    """This library, async."""
    from invigilate import AsyncSmarterProctoring

    return AsyncSmarterProctoring(TOKEN, INSTALL_SID, base_url=url).installs.get_settings


def requests_call(url: str) -> Call:
    """requests, with room for all connections: it discards those above ten otherwise, with a warning for each."""
    import requests

    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=100))
    session.headers["token"] = TOKEN
    target = url + SETTINGS

    def call() -> Any:
        response = session.get(target)
        response.raise_for_status()
        return json.loads(response.content)

    return call


def _bare_request(url: str) -> tuple[Any, Any]:
    import httpcore

    host, _, port = urlsplit(url).netloc.partition(":")
    headers = [("Host", f"{host}:{port}"), ("token", TOKEN), ("Accept", "application/json")]
    return httpcore.Origin(b"http", host.encode(), int(port)), httpcore.Request("GET", url + SETTINGS, headers=headers)


def bare_call(url: str) -> Call:
    """The limit: one httpcore connection per call, from a stack of idle ones, and nothing that a client is needed for.

    There are no timeouts, no checks, no errors, and no word of what was sent.
    """
    import httpcore

    origin, request = _bare_request(url)
    pool = httpcore.ConnectionPool()
    idle: list[Any] = []

    def call() -> Any:
        try:
            connection = idle.pop()
        except IndexError:
            connection = pool.create_connection(origin)
        response = connection.handle_request(request)
        content = response.read()
        response.close()
        idle.append(connection)
        return json.loads(content)

    return call


def bare_async_call(url: str) -> AsyncCall:
    """As `bare_call`, async."""
    import httpcore

    origin, request = _bare_request(url)
    pool = httpcore.AsyncConnectionPool()
    idle: list[Any] = []

    async def call() -> Any:
        connection = idle.pop() if idle else pool.create_connection(origin)
        response = await connection.handle_async_request(request)
        content = await response.aread()
        await response.aclose()
        idle.append(connection)
        return json.loads(content)

    return call


# By title: httpx first, since the others are compared with it, then this library.
THREADED: dict[str, Callable[[str], Call]] = {
    "httpx": httpx_call,
    "invigilate": invigilate_call,
    "requests": requests_call,
    "bare connections, the limit": bare_call,
}
ASYNC: dict[str, Callable[[str], AsyncCall]] = {
    "httpx, async": httpx_async_call,
    "invigilate, async": invigilate_async_call,
    "bare connections, async": bare_async_call,
}


def in_threads(call: Call) -> Callable[[int, int], None]:
    """What makes so many calls, with so many threads."""

    def run(number: int, in_flight: int) -> None:
        left = iter(range(number))

        def work(_: int) -> None:
            for _ in left:
                call()

        with ThreadPoolExecutor(in_flight) as pool:
            list(pool.map(work, range(in_flight)))

    return run


def in_tasks(call: AsyncCall) -> Callable[[int, int], None]:
    """What makes so many calls, with so many tasks."""
    loop = asyncio.new_event_loop()

    async def work(left: Any) -> None:
        for _ in left:
            await call()

    async def together(number: int, in_flight: int) -> None:
        left = iter(range(number))
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(work(left))

    def run(number: int, in_flight: int) -> None:
        loop.run_until_complete(together(number, in_flight))

    return run


def main() -> None:
    """Do jobs until standard input ends."""
    name, url = sys.argv[1], sys.argv[3]
    run = in_threads(THREADED[name](url)) if name in THREADED else in_tasks(ASYNC[name](url))
    for line in sys.stdin:
        job = json.loads(line)
        number, in_flight = job["number"], job["in_flight"]
        # Servers and clients may have closed what was idle during the turns of others.
        run(in_flight, in_flight)
        gc.collect()
        started = time.process_time()
        run(number, in_flight)
        seconds = (time.process_time() - started) / number
        print(json.dumps({"seconds": seconds, "rows": number}), flush=True)


if __name__ == "__main__":
    main()
