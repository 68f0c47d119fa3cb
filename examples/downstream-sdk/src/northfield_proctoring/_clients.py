"""The clients of invigilate, on Northfield's gateway, with one more resource."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from invigilate import Async, AsyncSmarterProctoring, Lazy, SmarterProctoring, Sync

from ._rooms import Rooms

GATEWAY = "https://proctoring.northfield.example"


def _gateway(base_url: str | None) -> str:
    return base_url or os.environ.get("NORTHFIELD_BASE_URL") or GATEWAY


class Northfield(SmarterProctoring):
    """Synchronous client for Northfield's gateway: everything that `SmarterProctoring` can do, and exam rooms.

    Args:
        token: as for `SmarterProctoring`.
        install_sid: as for `SmarterProctoring`.
        base_url: the gateway. Defaults to the environment variable `NORTHFIELD_BASE_URL`, or else to the one on campus.
        timeout: seconds to connect, and for each read and write; `None` for no limit.
        max_retries: the largest number of retries.

    Raises:
        ConfigurationError: if the client cannot work as configured.
    """

    rooms: Lazy[Rooms[Sync], Rooms[Async]] = Lazy(Rooms)

    def __init__(
        self,
        token: str | Callable[[], str] | None = None,
        install_sid: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 30.0,
        max_retries: int = 2,
    ) -> None:
        super().__init__(token, install_sid, base_url=_gateway(base_url), timeout=timeout, max_retries=max_retries)


class AsyncNorthfield(AsyncSmarterProctoring):
    """Asynchronous client for Northfield's gateway; see `Northfield`."""

    rooms: Lazy[Rooms[Sync], Rooms[Async]] = Lazy(Rooms)

    def __init__(
        self,
        token: str | Callable[[], str | Awaitable[str]] | None = None,
        install_sid: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 30.0,
        max_retries: int = 2,
    ) -> None:
        super().__init__(token, install_sid, base_url=_gateway(base_url), timeout=timeout, max_retries=max_retries)
