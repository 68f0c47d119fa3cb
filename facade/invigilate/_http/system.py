"""How threads and tasks wait: for a socket, a slot, a pause, a callable of the caller, or a transport of the caller.

The methods of `Threads` are coroutines, too, but they block and never suspend. Only this module imports anyio.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from queue import Empty, SimpleQueue
from socket import socket
from typing import Any, NamedTuple, TypeVar

import anyio
from anyio import lowlevel, to_thread

from invigilate.errors import ConfigurationError

T = TypeVar("T")

AsyncEvent = anyio.Event

NO_LIMIT = 1e6
"""Seconds; selectors and timers accept no much longer waits."""

_Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


class Limit(NamedTuple):
    """How long one step may take, in seconds, and when all steps must have ended, on the monotonic clock."""

    timeout: float | None
    deadline: float | None = None

    def left(self) -> float:
        """Return the seconds left for the next step.

        Raises:
            TimeoutError: if the deadline has passed.
        """
        left = NO_LIMIT if self.deadline is None else self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline passed")
        return min(left, NO_LIMIT if self.timeout is None else self.timeout, NO_LIMIT)

    def shared(self, longest: float = NO_LIMIT) -> Limit:
        """Return a limit that several steps share: the timeout, and no more than `longest`, becomes a deadline."""
        left = min(self.left(), longest)
        return Limit(left, time.monotonic() + left)


def _in_time(work: Callable[[], T], seconds: float) -> T:
    """Run what cannot be interrupted in a thread, which is abandoned when time is up."""
    if seconds == NO_LIMIT:
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
    """Replaces itself in its queue when it is dropped, so that Ctrl-C between any two instructions loses no slot."""

    def __init__(self, queue: SimpleQueue[_Token]) -> None:
        self._queue = weakref.ref(queue)

    def __del__(self) -> None:
        queue = self._queue()
        if queue is not None:
            queue.put(_Token(queue))


class _Slot(NamedTuple):
    queue: SimpleQueue[_Token]
    token: list[_Token]

    def release(self) -> None:
        self.queue.put(self.token.pop())  # in this form, the token is always in exactly one place


class _ThreadSlots(SimpleQueue[_Token]):
    @property
    def value(self) -> int:
        return self.qsize()


class Threads:
    """Waits by blocking the thread, for a sync client."""

    def key(self) -> object:
        """Return the process, and the event loop if there is one; connections and slots are used in no other."""
        return os.getpid()

    def slots(self, number: int) -> _ThreadSlots:
        """Create slots; their `value` is how many are free."""
        slots = _ThreadSlots()
        for _ in range(number):
            slots.put(_Token(slots))
        return slots

    async def take(self, slots: Any, limit: Limit) -> Any:
        """Wait for a slot, and return an object with a method `release`. A slot that is dropped is released, too.

        Raises:
            TimeoutError: if none is free in time.
        """
        try:
            return _Slot(slots, [slots.get(timeout=limit.left())])
        except Empty:
            raise TimeoutError("no slot was free in time") from None

    async def wait(self, sock: socket, limit: Limit, *, writing: bool = False) -> None:
        """Wait until a socket is readable, or writable.

        Raises:
            TimeoutError: if it is not in time.
        """
        with _Selector() as selector:
            selector.register(sock, selectors.EVENT_WRITE if writing else selectors.EVENT_READ)
            if not selector.select(limit.left()):
                raise TimeoutError("the server was not ready in time")

    async def look_up(self, work: Callable[[], T], limit: Limit) -> T:
        """Run a function that looks up a host name."""
        return _in_time(work, limit.left())

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: ASYNC251 (see the module)

    async def call(self, function: Callable[[], Any], limit: Limit) -> Any:
        """Call a function of the caller."""
        value = _in_time(function, limit.left())
        if hasattr(value, "__await__"):
            getattr(value, "close", lambda: None)()
            raise ConfigurationError("token: an async callable needs an async client")
        return value

    def fail_after(self, seconds: float) -> AbstractContextManager[Any]:
        """Interrupt nothing: a blocking call has limits of its own."""
        return nullcontext()

    async def handle(self, transport: Any, request: Any) -> Any:
        """Send a request through a transport of httpx."""
        return transport.handle_request(request)

    async def chunks(self, stream: Iterable[bytes]) -> AsyncIterator[bytes]:
        """Read a response body."""
        for chunk in stream:
            yield chunk

    async def close(self, closable: Any) -> None:
        """Close a transport, or the stream of a response."""
        closable.close()


class EventLoop:
    """Waits by suspending the task, for an async client; its methods do what those of `Threads` do."""

    def key(self) -> object:
        """See `Threads`."""
        return os.getpid(), lowlevel.current_token()

    def slots(self, number: int) -> anyio.Semaphore:
        """See `Threads`."""
        return anyio.Semaphore(number, fast_acquire=True)

    async def take(self, slots: Any, limit: Limit) -> Any:
        """See `Threads`."""
        with anyio.fail_after(limit.left()):
            await slots.acquire()
        return slots

    async def wait(self, sock: socket, limit: Limit, *, writing: bool = False) -> None:
        """See `Threads`."""
        with anyio.fail_after(limit.left()):
            await (anyio.wait_writable(sock) if writing else anyio.wait_readable(sock))

    async def look_up(self, work: Callable[[], T], limit: Limit) -> T:
        """See `Threads`."""
        with anyio.fail_after(limit.left()):
            return await to_thread.run_sync(work, abandon_on_cancel=True)

    async def sleep(self, seconds: float) -> None:
        """See `Threads`."""
        await anyio.sleep(seconds)

    async def call(self, function: Callable[[], Any], limit: Limit) -> Any:
        """Call a function of the caller, and await what it returns."""
        value = function()
        if hasattr(value, "__await__"):
            with anyio.fail_after(limit.left()):
                value = await value
        return value

    def fail_after(self, seconds: float) -> AbstractContextManager[Any]:
        """Cancel what takes longer."""
        return anyio.fail_after(seconds)

    async def handle(self, transport: Any, request: Any) -> Any:
        """See `Threads`."""
        return await transport.handle_async_request(request)

    def chunks(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """See `Threads`."""
        return stream

    async def close(self, closable: Any) -> None:
        """See `Threads`; a canceled task closes it as well."""
        with anyio.CancelScope(shield=True):
            await closable.aclose()


System = Threads | EventLoop
