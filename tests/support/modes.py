"""One scenario for the sync client, and for the async one under asyncio and under trio."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

import anyio

from invigilate import AsyncISpringLearn, AsyncSmarterProctoring, ISpringLearn, SmarterProctoring

T = TypeVar("T")

Mode = Literal["sync", "asyncio", "trio", "sync, httpx2", "asyncio, httpx2"]
MODES: tuple[Mode, ...] = ("sync", "asyncio", "trio")
EVERY_BACKEND: tuple[Mode, ...] = (*MODES, "sync, httpx2", "asyncio, httpx2")

TOKEN = "token-of-the-tests.never-shown"
INSTALL = "AI" + "0f" * 16


async def settle(value: T | Awaitable[T]) -> T:
    """The value itself, or what is awaited of it."""
    if inspect.isawaitable(value):
        settled: T = await value
        return settled
    return value


def run(mode: Mode, scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a scenario. In sync mode there is no event loop, and nothing to wait for one."""
    if not mode.startswith("sync"):
        return anyio.run(scenario, backend=mode.partition(",")[0])
    coroutine = scenario()
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        coroutine.close()
    raise AssertionError("a scenario of the sync client waited for an event loop")


@asynccontextmanager
async def _entered(mode: Mode, client: Any) -> AsyncIterator[Any]:
    if mode.startswith("sync"):
        with client:
            yield client
    else:
        async with client:
            yield client


def proctoring(mode: Mode, url: str, **options: Any) -> Any:
    """A client of SmarterProctoring: `async with proctoring(mode, url) as client`."""
    kind: Any = SmarterProctoring if mode.startswith("sync") else AsyncSmarterProctoring
    settings: dict[str, Any] = {"token": TOKEN, "install_sid": INSTALL, "base_url": url, **options}
    return _entered(mode, kind(**settings, http_backend=backend(mode)))


def ispring(mode: Mode, url: str, **options: Any) -> Any:
    """A client of iSpring Learn: `async with ispring(mode, url) as client`."""
    kind: Any = ISpringLearn if mode.startswith("sync") else AsyncISpringLearn
    settings = options if "client_id" in options else {"access_token": TOKEN, **options}
    return _entered(mode, kind(base_url=url, **settings, http_backend=backend(mode)))


def backend(mode: Mode) -> str:
    """The HTTP library of a mode."""
    return "httpx2" if mode.endswith("httpx2") else "httpx"


def wait_for_page_threads() -> None:
    """Wait until the threads of abandoned pages have ended, which a sync client does not do."""
    end = time.monotonic() + 5
    while any(thread.name == "invigilate-page" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.005)
