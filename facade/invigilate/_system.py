"""What differs between threads and an event loop: how a socket, a slot, a pause and a transport are waited for.

The methods of `Threads` are coroutines, too, but they block and never suspend. This module names anyio.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from ._streams import Limit
from .errors import ConfigurationError

T = TypeVar("T")

AsyncEvent = anyio.Event

_forks: list[None] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _forks.append(None))


def in_time(work: Callable[[], T], seconds: float | None) -> T:
    """Run what cannot be interrupted; when time is up, it is left to its thread.

    Raises:
        TimeoutError: if it took longer.
    """
    if seconds is None:
        return work()
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), name="invigilate-wait", daemon=True).start()
    return result.result(seconds)


class _Token:
    """A token that is dropped is replaced, so that Ctrl-C between any two instructions loses none."""

    __slots__ = ("_queue",)

    def __init__(self, queue: weakref.ref[SimpleQueue[_Token]]) -> None:
        self._queue = queue

    def __del__(self) -> None:
        queue = self._queue()
        if queue is not None:
            queue.put(_Token(self._queue))


class _ThreadSlot:
    __slots__ = ("_queue", "_token")

    def __init__(self, queue: SimpleQueue[_Token], token: _Token) -> None:
        self._queue = queue
        self._token = [token]

    def release(self) -> None:
        # In this form the token is always in exactly one place.
        self._queue.put(self._token.pop())


class _ThreadSlots:
    def __init__(self, number: int) -> None:
        self._queue: SimpleQueue[_Token] = SimpleQueue()
        for _ in range(number):
            self._queue.put(_Token(weakref.ref(self._queue)))

    @property
    def free(self) -> int:
        return self._queue.qsize()

    async def take(self, timeout: float | None) -> _ThreadSlot:
        try:
            return _ThreadSlot(self._queue, self._queue.get(timeout=timeout))
        except Empty:
            raise TimeoutError("none became free in time") from None


class Threads:
    """What a sync client needs of the system; see `System` in `_pool.py`."""

    def key(self) -> object:
        """See `System`."""
        return len(_forks)

    def slots(self, number: int) -> _ThreadSlots:
        """See `System`."""
        return _ThreadSlots(number)

    async def wait(self, sock: socket.socket, timeout: float | None, *, writing: bool = False) -> None:
        """See `Waits`."""
        if sys.platform == "win32":
            # A connection that fails is reported as an exception there.
            ready = any(select.select([] if writing else [sock], [sock] if writing else [], [sock], timeout))
        else:
            poll = select.poll()
            poll.register(sock, select.POLLOUT if writing else select.POLLIN)
            ready = bool(poll.poll(None if timeout is None else timeout * 1000))
        if not ready:
            raise TimeoutError("the server was not ready in time")

    async def look_up(self, work: Callable[[], T], limit: Limit) -> T:
        """See `Waits`."""
        return in_time(work, limit.left())

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: ASYNC251 (see the module)

    async def call(self, source: Callable[[], Any], limit: Limit) -> Any:
        """Call a token callable."""
        value = in_time(source, limit.left())
        if hasattr(value, "__await__"):
            getattr(value, "close", lambda: None)()
            raise ConfigurationError("token: an async callable needs an async client")
        return value

    def within(self, seconds: float | None) -> AbstractContextManager[Any]:
        """Nothing can be interrupted: the steps inside have limits of their own."""
        return nullcontext()

    async def handle(self, transport: Any, request: Any) -> Any:
        """Send a request through a transport of httpx."""
        return transport.handle_request(request)

    async def parts(self, stream: Iterable[bytes]) -> AsyncIterator[bytes]:
        """Read a response body."""
        for part in stream:
            yield part

    async def end(self, thing: Any) -> None:
        """Close a transport, or the stream of a response."""
        thing.close()


class _TaskSlots:
    def __init__(self, number: int) -> None:
        self._semaphore = anyio.Semaphore(number, fast_acquire=True)

    @property
    def free(self) -> int:
        return self._semaphore.value

    async def take(self, timeout: float | None) -> _TaskSlots:
        try:
            self._semaphore.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.fail_after(timeout):
                await self._semaphore.acquire()
        return self

    def release(self) -> None:
        self._semaphore.release()


def _wake(ready: Any) -> None:
    if not ready.done():
        ready.set_result(True)


def _expire(ready: Any) -> None:
    if not ready.done():
        ready.set_exception(TimeoutError("the server was not ready in time"))


class EventLoop:
    """What an async client needs of the system; see `System` in `_pool.py`."""

    def key(self) -> object:
        """See `System`."""
        loop = _asyncio_loop()
        return len(_forks), loop if loop is not None else anyio.lowlevel.current_token()

    def slots(self, number: int) -> _TaskSlots:
        """See `System`."""
        return _TaskSlots(number)

    async def wait(self, sock: socket.socket, timeout: float | None, *, writing: bool = False) -> None:
        """See `Waits`."""
        loop = _asyncio_loop()
        if loop is not None:
            add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
            ready = loop.create_future()
            try:
                add(sock, _wake, ready)
            except NotImplementedError:
                pass  # the loop that Windows has by default
            else:
                timer = None if timeout is None else loop.call_later(timeout, _expire, ready)
                try:
                    await ready
                finally:
                    remove(sock)
                    if timer is not None:
                        timer.cancel()
                return
        with anyio.fail_after(timeout):
            await (anyio.wait_writable(sock) if writing else anyio.wait_readable(sock))

    async def look_up(self, work: Callable[[], T], limit: Limit) -> T:
        """See `Waits`."""
        with anyio.fail_after(limit.left()):
            return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)

    async def sleep(self, seconds: float) -> None:
        """Wait, under whichever event loop runs."""
        await anyio.sleep(seconds)

    async def call(self, source: Callable[[], Any], limit: Limit) -> Any:
        """Call a token callable, and await what it returns."""
        value = source()
        if hasattr(value, "__await__"):
            with anyio.fail_after(limit.left()):
                value = await value
        return value

    def within(self, seconds: float | None) -> AbstractContextManager[Any]:
        """End what takes longer."""
        return anyio.fail_after(seconds)

    async def handle(self, transport: Any, request: Any) -> Any:
        """See `Threads`."""
        return await transport.handle_async_request(request)

    def parts(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """See `Threads`."""
        return stream

    async def end(self, thing: Any) -> None:
        """Close a transport, or the stream of a response, even if the task is being cancelled."""
        with anyio.CancelScope(shield=True):
            await thing.aclose()


def _asyncio_loop() -> Any:
    import asyncio  # late: sync clients do without it, and it takes long

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
