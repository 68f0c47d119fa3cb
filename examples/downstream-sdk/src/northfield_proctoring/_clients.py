"""The clients of invigilate, led to Northfield's gateway, with one resource more."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from invigilate import Async, AsyncSmarterProctoring, SmarterProctoring, Sync

from ._rooms import Rooms

GATEWAY = "https://proctoring.northfield.example"


def _gateway(base_url: str | None) -> str:
    return base_url or os.environ.get("NORTHFIELD_BASE_URL") or GATEWAY


class Northfield(SmarterProctoring):
    """A client of Northfield's gateway: everything that `SmarterProctoring` can do, and exam rooms.

    Args:
        token: as for `SmarterProctoring`.
        install_sid: as for `SmarterProctoring`.
        base_url: the gateway. By default `NORTHFIELD_BASE_URL` of the environment, or else the one on campus.
        timeout: seconds to connect, and to wait for each read and write; `None` for no limit.
        max_retries: how often a call may be sent again.

    Raises:
        ConfigurationError: if the client cannot work as it is set up.
    """

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

    # A property, and not an attribute: views, such as for_install() gives them, are copies of a client, and must
    # have a resource of their own.
    @property
    def rooms(self) -> Rooms[Sync]:
        """Exam rooms, and seats in them."""
        return Rooms(self)


class AsyncNorthfield(AsyncSmarterProctoring):
    """An async client of Northfield's gateway; see `Northfield`."""

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

    @property
    def rooms(self) -> Rooms[Async]:
        """Exam rooms, and seats in them."""
        return Rooms(self)
