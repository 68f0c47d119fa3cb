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

Mode = Literal["sync", "asyncio", "trio"]
MODES: tuple[Mode, ...] = ("sync", "asyncio", "trio")

TOKEN = "token-of-the-tests.never-shown"
INSTALL = "AI" + "0f" * 16


async def settle(value: T | Awaitable[T]) -> T:
    """The value itself, or what is awaited of it."""
    if inspect.isawaitable(value):
        settled: T = await value
        return settled
    return value


def run(mode: Mode, scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Carry a scenario out. In sync mode there is no event loop, and nothing to wait for one."""
    if mode != "sync":
        return anyio.run(scenario, backend=mode)
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
    if mode == "sync":
        with client:
            yield client
    else:
        async with client:
            yield client


def proctoring(mode: Mode, url: str, **options: Any) -> Any:
    """A client of SmarterProctoring: `async with proctoring(mode, url) as client`."""
    kind: Any = SmarterProctoring if mode == "sync" else AsyncSmarterProctoring
    settings: dict[str, Any] = {"token": TOKEN, "install_sid": INSTALL, "base_url": url, **options}
    return _entered(mode, kind(**settings))


def ispring(mode: Mode, url: str, **options: Any) -> Any:
    """A client of iSpring Learn: `async with ispring(mode, url) as client`."""
    kind: Any = ISpringLearn if mode == "sync" else AsyncISpringLearn
    given = options if "client_id" in options else {"access_token": TOKEN, **options}
    return _entered(mode, kind(base_url=url, **given))


def wait_for_page_threads() -> None:
    """Wait until the threads of abandoned pages have ended, which a sync client does not do."""
    end = time.monotonic() + 5
    while any(thread.name == "invigilate-page" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.005)
