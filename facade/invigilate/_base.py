"""What the sync and the async clients share: settings, preparing calls and reading answers."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar, overload
from urllib.parse import urlsplit

from smarterproctoring_client.calls import UndecodableAnswer, check_complete, read_json

from ._binding import Decode, DescribedCall, PagedCallLike, RawResponse
from ._engine import Limits, Prepared, Reply
from ._outcomes import decoded
from ._paging import Page
from ._requests import prepare
from ._shapes import is_number
from .errors import ConfigurationError, InvalidArgumentError
from .sids import describe_given

if TYPE_CHECKING:
    import ssl

    from ._auth import Credentials

T = TypeVar("T")


_ADDRESS = re.compile(
    r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9]\d{0,4})?(/[a-z0-9._~-]+)*/*", re.ASCII | re.IGNORECASE
)


# No server takes longer ones, and httpx takes them for a failure of the connection.
_LONGEST_TARGET = 60_000

MAX_RESPONSE_BYTES = 64 * 1024 * 1024


class ConnectionStats(NamedTuple):
    """The connections of a client at this moment.

    With a `transport=` of your own, `in_use` and `idle` are always 0: its connections are not counted.

    Attributes:
        in_use: connections with a request in flight.
        idle: open connections that wait for one.
        limit: how many may be in use, always 100.
    """

    in_use: int
    idle: int
    limit: int


class Unchanged(Enum):
    """The type of the default that leaves an option as it is; `None` means without limit."""

    UNCHANGED = "UNCHANGED"


UNCHANGED = Unchanged.UNCHANGED


@overload
def setting(given: str | None, variable: str, default: str) -> str: ...
@overload
def setting(given: str | None, variable: str, default: None = None) -> str | None: ...
def setting(given: str | None, variable: str, default: str | None = None) -> str | None:
    """An option that an environment variable can stand in for; an explicit one wins, an empty variable is none."""
    return given if given is not None else os.environ.get(variable) or default


def check_base_url(text: str, *, allow_insecure_http: bool) -> tuple[str, bool]:
    """Check where credentials will be sent.

    Args:
        text: the base URL.
        allow_insecure_http: accept plain http beyond this machine.

    Returns:
        The URL without a trailing slash, and whether it is on this machine.

    Raises:
        ConfigurationError: if it is no plain https address (or http, where that is accepted).
    """
    expected = "base_url: expected an address like https://host, without user, query or fragment"
    if not _ADDRESS.fullmatch(str(text)) or {".", ".."} & set(str(text).split("/")):
        raise ConfigurationError(expected)
    parts = urlsplit(text)
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigurationError(expected) from None
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not (loopback or allow_insecure_http):
        raise ConfigurationError(
            "base_url: credentials go over https only; allow_insecure_http=True sends them in plain text"
        )
    return text.rstrip("/"), loopback


def _is_loopback(host: str) -> bool:
    import ipaddress

    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_limits(limits: Limits) -> Limits:
    """Check how long and how often a call may be tried.

    Raises:
        ConfigurationError: naming the option.
    """
    for name, value in (("timeout", limits.timeout), ("deadline", limits.deadline)):
        if value is not None and not (is_number(value) and 0 < value < float("inf")):
            raise ConfigurationError(f"{name}: expected seconds above 0, or None for no limit")
    if limits.max_retries.__class__ is not int or limits.max_retries < 0:
        raise ConfigurationError("max_retries: expected 0 or more")
    return limits


class BaseClient:
    """Settings of a client, and what does no I/O."""

    _kind: str

    def __init__(
        self,
        credentials: Credentials,
        base_url: str,
        defaults: Mapping[str, Any],
        limits: Limits,
        *,
        check_sids: bool,
        max_response_bytes: int,
        allow_insecure_http: bool,
        proxy: str | None,
        verify: bool | str | ssl.SSLContext,
        transport: Any,
    ) -> None:
        from . import _system, _transport  # late, since they import httpx

        self._base_url, loopback = check_base_url(base_url, allow_insecure_http=allow_insecure_http)
        self._limits = check_limits(limits)
        self._credentials = credentials
        self._defaults = dict(defaults)
        self._check_sids = check_sids
        self._owner = True
        self._shared = {"closed": False}
        unused = " and ".join(["proxy="] * (proxy is not None) + ["verify="] * (verify is not True))
        if transport is not None and unused:
            raise ConfigurationError(f"transport: it would ignore {unused}. Configure the transport itself instead")
        if max_response_bytes.__class__ is not int or max_response_bytes < 1:
            raise ConfigurationError("max_response_bytes: expected an integer of at least 1")
        settings = _transport.Settings(self._base_url, loopback, proxy, verify, transport, max_response_bytes)
        self._connections = _transport.Connections(settings, getattr(_system, self._kind)())
        credentials.hidden = _transport.proxy_secrets(settings)
        self._attach(self)

    def _attach(self, runner: Any) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url}>"

    @property
    def connections(self) -> ConnectionStats:
        """How many connections this client and its views have in use, and how many are idle; see `ConnectionStats`."""
        stats: ConnectionStats = self._connections.stats()
        return stats

    def _view(self) -> Self:
        """A client on the same connections; closing it closes nothing."""
        view = copy.copy(self)
        view._owner = False
        view._attach(view)
        return view

    def with_options(
        self,
        *,
        timeout: float | Unchanged | None = UNCHANGED,
        max_retries: int | Unchanged = UNCHANGED,
        deadline: float | Unchanged | None = UNCHANGED,
    ) -> Self:
        """Get a view of this client with other limits, on the same connections. Closing it closes nothing.

        Args:
            timeout: seconds to connect, and to wait for each read and write; `None` for no limit.
            max_retries: how often a call may be sent again.
            deadline: seconds for a call with all its repeats, or for a pager with all its pages; `None` for no
                limit.

        Raises:
            ConfigurationError: if a value is none of these.
        """
        given = {"timeout": timeout, "max_retries": max_retries, "deadline": deadline}
        view = self._view()
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not UNCHANGED}
        view._limits = check_limits(self._limits._replace(**changes))
        return view

    def _prepare(self, call: DescribedCall, offset: int = 0) -> Prepared:
        if self._shared["closed"]:
            raise ConfigurationError("the client is closed")
        # An offset that the caller did not give is sent from the second page on.
        page = {"offset": offset} if offset else {}
        prepared = prepare(call, self._defaults, check_sids=self._check_sids, page=page)
        if len(prepared.request.target) > _LONGEST_TARGET:
            raise InvalidArgumentError(
                "arguments", f"an address of at most {_LONGEST_TARGET} characters", "a longer one"
            )
        return prepared

    def _raw(self, prepared: Prepared, reply: Reply, decode: Decode[T]) -> RawResponse[T]:
        return RawResponse(reply, lambda: decoded(prepared, reply, decode))


def decode_page(call: PagedCallLike[Any], offset: int) -> Decode[Page[Any]]:
    """Get the function that reads a page of a call."""

    def decode(content: bytes, /, *, status: int, media: str) -> Page[Any]:
        check_complete(status)
        value = read_json(content)
        results: Any = value.pop("results", None) if value.__class__ is dict else None
        if results.__class__ is not list:
            raise UndecodableAnswer("expected a JSON object with a list of results, and there is none")
        return Page(list(call.decode_rows(results)), offset, value, call.arguments.get("limit"))

    return decode


def page_start(call: PagedCallLike[Any]) -> int:
    """Where a pager starts.

    Raises:
        InvalidArgumentError: for a limit of 0, whose meaning no page documents.
    """
    limit = call.arguments.get("limit", 1)
    if limit.__class__ is not int or limit < 1:
        given = "0, which would never end" if limit == 0 else describe_given(limit)
        raise InvalidArgumentError("limit", "an integer of at least 1", given)
    start = call.arguments.get("offset", 0)
    if start.__class__ is not int or start < 0:
        raise InvalidArgumentError("offset", "an integer of at least 0", describe_given(start))
    return int(start)
