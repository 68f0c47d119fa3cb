"""The connections of a client: one for each request in flight, and a stack of idle ones.

A request takes the idle connection that was used last, or opens one. A connection is kept only after a complete
response with nothing after it; whatever else happens to it (an error, a canceled task, Ctrl-C, a fork) ends it.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress

from invigilate._values import ConnectionStats, Response, Send

from .connection import Connection, Route, open_connection
from .system import Limit, System, Threads

KEEP_ALIVE = 5.0
"""Seconds after which an idle connection is not used again: servers close them, too, and may do it at any moment."""


class LoopState:
    """The connections and slots of one process and event loop."""

    def __init__(self, system: System, max_concurrency: int) -> None:
        self.key = system.key()
        self.slots = system.slots(max_concurrency)
        self.token_lock = system.slots(1)
        self.idle: deque[Connection] = deque()

    def prune(self, max_idle: int) -> None:
        """Close connections that were idle for too long, and the oldest of more than `max_idle`; -1 closes all."""
        with suppress(IndexError):  # threads share the deque
            while time.monotonic() - (self.idle[0].idle_since or 0) > KEEP_ALIVE or len(self.idle) > max_idle:
                self.idle.popleft().stream.close()


class Pool:
    """Sends requests over idle connections and new ones.

    Args:
        system: threads or an event loop.
        route: how the server is reached.
        max_response_bytes: the largest body that is read, decoded.
        max_concurrency: how many requests may be in flight at once.
    """

    def __init__(self, system: System, route: Route, max_response_bytes: int, max_concurrency: int) -> None:
        self._system = system
        self._route = route
        self._max_bytes = max_response_bytes
        self._limit = max_concurrency
        # Threads may send their first requests together; tasks create it one after the other.
        self._state = LoopState(system, self._limit) if isinstance(system, Threads) else None
        self.closed = False

    def state(self) -> LoopState:
        """Return the state of this process and event loop; that of another one is dropped unused."""
        if self._state is None or self._state.key != self._system.key():
            self._state = LoopState(self._system, self._limit)
        return self._state

    def stats(self) -> ConnectionStats:
        """Count the connections, from any thread."""
        if self._state is None:
            return ConnectionStats(0, 0, self._limit)
        return ConnectionStats(self._limit - self._state.slots.value, len(self._state.idle), self._limit)

    async def exchange(self, send: Send) -> Response:
        """Send a request and read the whole response."""
        state = self.state()
        slot = await self._system.take(state.slots, Limit(send.timeout.pool, send.deadline))
        try:
            return await self._exchange(state, send.begin())
        finally:
            slot.release()

    async def _exchange(self, state: LoopState, send: Send) -> Response:
        state.prune(state.slots.value + 1)
        # The server may close an idle connection at any moment, or leave bytes on it. A request that is not
        # idempotent opens its own.
        if send.reuse and state.idle:
            try:
                return await self._over(state, state.idle.pop(), send)
            except Exception as error:
                if isinstance(error, TimeoutError) or send.status is not None:
                    raise
        state.prune(state.slots.value)
        limit = Limit(send.timeout.connect, send.deadline)
        return await self._over(state, await open_connection(self._system, self._route, limit), send)

    async def _over(self, state: LoopState, connection: Connection, send: Send) -> Response:
        headers = [*{**self._route.headers, **send.request.headers, **send.headers}.items()]
        try:
            return await connection.exchange(send, self._route.prefix + send.request.target, headers, self._max_bytes)
        finally:
            # One that was opened by a request without `reuse` is kept only if there is no other.
            if connection.idle_since is not None and state is self._state and (send.reuse or not state.idle):
                state.idle.append(connection)
            else:
                connection.stream.close()
            state.prune(-1 if self.closed else state.slots.value + 1)

    async def close(self) -> None:
        """Close the idle connections; those in use end with their requests."""
        self.closed = True
        if self._state is not None and self._state.key == self._system.key():
            self._state.prune(-1)
