"""How long the parts of a request may take, and how soon requests may follow each other."""

from __future__ import annotations

import threading
from typing import NamedTuple

LONGEST_INTERVAL = 3600
"""Seconds between two requests; the waits of many requests add up, and the system accepts no arbitrarily long one."""
MOST_CONCURRENCY = 10_000
"""Requests in flight at once; each has a slot in memory from the start."""


class Timeout(NamedTuple):
    """Seconds that each part of an attempt may take; `None` for no limit.

    Attributes:
        connect: to open a connection: name lookup, proxy and TLS included.
        read: for each read of the response.
        write: for each write of the request.
        pool: to wait until fewer than `max_concurrency` requests are in flight.
    """

    connect: float | None = 30.0
    read: float | None = 30.0
    write: float | None = 30.0
    pool: float | None = 30.0


class Pace:
    """Keeps an interval between the starts of requests, over all threads, tasks and views of a client.

    Args:
        interval: in seconds.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._next = 0.0
        self._lock = threading.Lock()

    def reserve(self, now: float, longest: float | None) -> float:
        """Reserve the next start, and return the seconds until then.

        Args:
            now: on the monotonic clock.
            longest: seconds after which the request would be too late: nothing is reserved then.
        """
        with self._lock:
            wait = max(0.0, self._next - now)
            if longest is None or wait < longest:
                self._next = now + wait + self.interval
        return wait
