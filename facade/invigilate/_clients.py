"""The four clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from ._auth import AsyncTokenSource, BearerCredentials, TokenCredentials, TokenSource
from ._base import MAX_RESPONSE_BYTES, BaseClient, setting
from ._binding import Async, Sync
from ._engine import Limits
from ._resources import ISpringLearnResources, SmarterProctoringResources
from ._runners import AsyncClient, SyncClient
from ._tracebacks import sealed
from .errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

    from ._transport import AsyncTransport, SyncTransport  # noqa: F401  # as base class arguments below

K = TypeVar("K")
X = TypeVar("X")

Environment = Literal["production", "development"]

_SMARTERPROCTORING = {
    "production": "https://api.smarterproctoring.com",
    "development": "https://api.dev.smarterproctoring.com",
}
_ISPRING = "https://api-learn.ispringlearn.com"


class _SmarterProctoringBase(BaseClient, Generic[K, X]):
    @sealed
    def __init__(
        self,
        token: K | None = None,
        install_sid: str | None = None,
        *,
        environment: Environment = "production",
        base_url: str | None = None,
        timeout: float | None = 30.0,
        max_retries: int = 2,
        check_sids: bool = True,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        allow_insecure_http: bool = False,
        proxy: str | None = None,
        verify: bool | str | ssl.SSLContext = True,
        transport: X | None = None,
    ) -> None:
        if environment not in _SMARTERPROCTORING:
            raise ConfigurationError("environment: expected 'production' or 'development'")
        source: Any = token if token is not None else setting(None, "SMARTERPROCTORING_TOKEN")
        if source is None:
            raise ConfigurationError("token: give one, or set SMARTERPROCTORING_TOKEN")
        super().__init__(
            TokenCredentials(source),
            setting(base_url, "SMARTERPROCTORING_BASE_URL", _SMARTERPROCTORING[environment]),
            {"install_sid": setting(install_sid, "SMARTERPROCTORING_INSTALL_SID")},
            Limits(timeout, max_retries),
            check_sids=check_sids,
            max_response_bytes=max_response_bytes,
            allow_insecure_http=allow_insecure_http,
            proxy=proxy,
            verify=verify,
            transport=transport,
        )

    def for_install(self, install_sid: str) -> Self:
        """Get a view of this client for another install, on the same connections. Closing it closes nothing.

        Args:
            install_sid: the install (`AI...`); it is checked when a call is made.
        """
        view = self._view()
        view._defaults = {**self._defaults, "install_sid": install_sid}
        return view


class SmarterProctoring(
    SmarterProctoringResources[Sync], _SmarterProctoringBase[TokenSource, "SyncTransport"], SyncClient
):
    """A client of SmarterProctoring.

    Use it as a context manager, or call `close()`. It may be used by many threads at once.

    Args:
        token: the API token, or a callable that is asked for it before each call. By default
            `SMARTERPROCTORING_TOKEN` of the environment.
        install_sid: the install (`AI...`) that calls work in unless they name another. By default
            `SMARTERPROCTORING_INSTALL_SID` of the environment.
        environment: `"production"` or `"development"`.
        base_url: another address. By default `SMARTERPROCTORING_BASE_URL` of the environment.
        timeout: seconds to connect, and to wait for each read and write; `None` for no limit.
        max_retries: how often a call may be sent again; calls that must not be repeated are sent again only if
            nothing of them was written.
        check_sids: check identifiers against their documented patterns before anything is sent.
        max_response_bytes: the largest response body that is read, in bytes after decompression; 64 MiB by default. A
            larger one is a `ResponseDecodeError`, or an `OutcomeUnknownError` for a call that must not be repeated.
        allow_insecure_http: accept plain http beyond this machine.
        proxy: address of a proxy; by default that of the environment.
        verify: `False`, a file of CA certificates, or an SSL context, instead of the usual certificates.
        transport: an httpx transport, for tests. It opens its own connections: it cannot be combined with `proxy` or
            `verify`, and `connections` does not count them.

    Raises:
        ConfigurationError: if the client cannot work as it is set up.

    Documentation: https://developers.smarterservices.com/proctoring/api/authentication
    """


class AsyncSmarterProctoring(
    SmarterProctoringResources[Async], _SmarterProctoringBase[AsyncTokenSource, "AsyncTransport"], AsyncClient
):
    """An async client of SmarterProctoring, for asyncio and trio; see `SmarterProctoring`.

    `token` may also be an async callable.
    """


class _ISpringLearnBase(BaseClient, Generic[X]):
    @sealed
    def __init__(
        self,
        access_token: str | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        account_url: str | None = None,
        base_url: str | None = None,
        timeout: float | None = 30.0,
        max_retries: int = 2,
        check_sids: bool = True,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        allow_insecure_http: bool = False,
        proxy: str | None = None,
        verify: bool | str | ssl.SSLContext = True,
        transport: X | None = None,
    ) -> None:
        # Explicit client credentials win over a token of the environment.
        token = access_token if client_id is not None else setting(access_token, "ISPRING_ACCESS_TOKEN")
        identity, secret = setting(client_id, "ISPRING_CLIENT_ID"), setting(client_secret, "ISPRING_CLIENT_SECRET")
        if token is None and (identity is None or secret is None):
            raise ConfigurationError(
                "access_token: give one, or client_id and client_secret, or set ISPRING_ACCESS_TOKEN, "
                "or ISPRING_CLIENT_ID and ISPRING_CLIENT_SECRET"
            )
        super().__init__(
            BearerCredentials(token, identity, secret),
            setting(base_url, "ISPRING_BASE_URL", _ISPRING),
            {"account_url": setting(account_url, "ISPRING_ACCOUNT_URL")},
            Limits(timeout, max_retries),
            check_sids=check_sids,
            max_response_bytes=max_response_bytes,
            allow_insecure_http=allow_insecure_http,
            proxy=proxy,
            verify=verify,
            transport=transport,
        )


class ISpringLearn(ISpringLearnResources[Sync], _ISpringLearnBase["SyncTransport"], SyncClient):
    """A client of iSpring Learn.

    With client credentials, access tokens are fetched when they are needed, kept until shortly before they expire,
    and renewed once when the server refuses one.

    Args:
        access_token: an access token; it is used as it is and not renewed. By default `ISPRING_ACCESS_TOKEN` of the
            environment.
        client_id: client ID of an API key. By default `ISPRING_CLIENT_ID` of the environment.
        client_secret: its secret. By default `ISPRING_CLIENT_SECRET` of the environment.
        account_url: address of the account, as in `https://myaccount.ispringlearn.com`; sent with each call if
            given. By default `ISPRING_ACCOUNT_URL` of the environment.
        base_url: address of the API. By default `ISPRING_BASE_URL` of the environment, or else
            `https://api-learn.ispringlearn.com`; accounts on ispring.com or in Europe need another.
        timeout: as for `SmarterProctoring`, like all that follows.

    Raises:
        ConfigurationError: if the client cannot work as it is set up.

    Documentation: https://ispringhelpdocs.com/ispring-learn/access-token-86770677.html
    """


class AsyncISpringLearn(ISpringLearnResources[Async], _ISpringLearnBase["AsyncTransport"], AsyncClient):
    """An async client of iSpring Learn, for asyncio and trio; see `ISpringLearn`."""
