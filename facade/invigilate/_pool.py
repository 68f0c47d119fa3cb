"""The connections of a client: one for each request in flight, and a stack of idle ones.

A request takes the connection that was used last, or opens one. A connection goes back only after a whole response with
nothing left over; whatever else happens to it (an error, a cancelled task, Ctrl-C, a fork) ends it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ._base import ConnectionStats
from ._connection import Answer, Connection, Route, open_connection
from ._streams import Limit, Waits

if TYPE_CHECKING:
    from ._engine import Send

MAX_CONNECTIONS = 100
KEEP_ALIVE = 5.0
"""Seconds after which an idle connection is not used again: servers close them, too, and may do it at any moment."""


class ClosedError(RuntimeError):
    """The client was closed; nothing was sent."""


class Slots(Protocol):
    """So many may use a connection, or fetch a token, at once. A slot that is dropped goes back by itself."""

    @property
    def free(self) -> int:
        """How many slots are free."""
        ...

    async def take(self, timeout: float | None) -> Any:
        """Wait for a slot; it has a method `release`.

        Raises:
            TimeoutError: if none is free in time.
        """
        ...


class System(Waits, Protocol):
    """What differs between threads and an event loop."""

    def key(self) -> object:
        """The process, and the event loop if there is one. Neither connections nor slots outlive them."""
        ...

    def slots(self, number: int) -> Slots:
        """Create slots."""
        ...


class Held:
    """What belongs to one process and one event loop."""

    def __init__(self, system: System) -> None:
        self.key = system.key()
        self.slots = system.slots(MAX_CONNECTIONS)
        self.token_lock = system.slots(1)
        self.idle: deque[Connection] = deque()


class Pool:
    """See the module.

    Args:
        system: threads or an event loop.
        route: how the server is reached; `None` if nothing is sent this way.
        headers: those of every request.
        absolute: the prefix of each request target: the path of the base URL, or to an HTTP proxy the whole base URL.
        max_response_bytes: the largest body that is read, decoded.
    """

    def __init__(
        self, system: System, route: Route | None, headers: Mapping[str, str], absolute: str, max_response_bytes: int
    ) -> None:
        self._system = system
        self._route = route
        self._headers = list(headers.items())
        self._absolute = absolute
        self._most = max_response_bytes
        self._held: Held | None = None
        self.closed = False

    def held(self) -> Held:
        """What belongs to this process and event loop. What another one left is dropped unused."""
        if self._held is None or self._held.key != self._system.key():
            self._held = Held(self._system)
        return self._held

    def stats(self) -> ConnectionStats:
        """Count the connections, from any thread."""
        held = self._held
        if held is None:
            return ConnectionStats(0, 0, MAX_CONNECTIONS)
        return ConnectionStats(MAX_CONNECTIONS - held.slots.free, len(held.idle), MAX_CONNECTIONS)

    async def exchange(self, step: Send) -> Answer:
        """Send a request over a connection of its own, and read the whole response."""
        if self.closed:
            raise ClosedError("the client is closed")
        held = self.held()
        slot = await held.slots.take(Limit(step.timeout, step.deadline).left())
        try:
            return await self._exchange(held, step)
        finally:
            slot.release()

    async def _exchange(self, held: Held, step: Send) -> Answer:
        # What a server left on a kept connection, or that it closes it just now, must not decide over a call that
        # cannot be sent again.
        connection = self._kept(held) if step.reuse else None
        if connection is not None:
            try:
                return await self._over(held, connection, step)
            except TimeoutError:
                raise
            except Exception:
                if step.status is not None:
                    raise
                # The server closed it in the meantime, or left bytes on it: a new one takes the request.
        _prune(held, held.slots.free)
        assert self._route is not None
        limit = Limit(step.timeout, step.deadline)
        return await self._over(held, await open_connection(self._system, self._route, limit), step)

    async def _over(self, held: Held, connection: Connection, step: Send) -> Answer:
        headers = [*self._headers, *step.request.headers.items(), *step.credentials.items()]
        try:
            answer = await connection.exchange(step, self._absolute + step.request.target, headers, self._most)
        except BaseException:
            connection.stream.close()
            raise
        # Those of calls that cannot use them again are kept only if there is no other.
        if connection.reusable and held is self._held and (step.reuse or not held.idle):
            held.idle.append(connection)
        else:
            connection.stream.close()
        _prune(held, -1 if self.closed else held.slots.free + 1)
        return answer

    @staticmethod
    def _kept(held: Held) -> Connection | None:
        """Take the idle connection that was used last, if there is a young one."""
        _prune(held, held.slots.free + 1)
        try:
            return held.idle.pop()
        except IndexError:
            return None

    def close(self) -> None:
        """Close the idle connections; those in use end with their requests."""
        self.closed = True
        if self._held is not None and self._held.key == self._system.key():
            _prune(self._held, -1)


def _prune(held: Held, most: int) -> None:
    """Close the connections that idled too long, and those above `most`; -1 closes all."""
    oldest = time.monotonic() - KEEP_ALIVE
    while True:
        try:
            if held.idle[0].used_at >= oldest and len(held.idle) <= most:
                return
            connection = held.idle.popleft()
        except IndexError:
            return
        connection.stream.close()
