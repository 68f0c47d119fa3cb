"""Credentials: where tokens come from, how long they are good for, and what can be said of a refused one."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from ._policy import local_time
from ._shapes import is_number
from .errors import ConfigurationError, ResponseDecodeError

logger = logging.getLogger("invigilate")

TokenSource = str | Callable[[], str]
AsyncTokenSource = str | Callable[[], str | Awaitable[str]]

RENEW_EARLY = 60.0
"""Seconds before its end at which a fetched token is no longer used: a call may wait and be repeated."""

_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


class Issued(NamedTuple):
    """A token that was fetched.

    Attributes:
        token: the token itself.
        good_until: on the monotonic clock.
    """

    token: str
    good_until: float

    def __repr__(self) -> str:
        return "<Issued token>"


class Credentials(Protocol):
    """Where the token of a call comes from."""

    renewable: bool

    @property
    def header(self) -> tuple[str, str]:
        """The header that carries the token, and what stands before it."""
        ...

    def notice(self) -> str | None:
        """What may explain that the token was refused."""
        ...


def check_token(token: object, name: str) -> str:
    """Check that a token can stand in a header, without ever repeating it.

    Raises:
        ConfigurationError: if it is no text of printable ASCII without spaces.
    """
    if not isinstance(token, str):
        raise ConfigurationError(f"{name}: expected a text, got a value of type {type(token).__name__}")
    if not _HEADER_VALUE.fullmatch(token):
        flaw = "an empty text" if not token else "a text with spaces, line breaks or characters beyond ASCII"
        raise ConfigurationError(f"{name}: expected a token of printable ASCII characters, got {flaw}")
    return token


def expiry(token: str) -> float | None:
    """Read when a JSON web token expires, in seconds since the epoch; `None` if it does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    import base64

    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        moment = claims.get("exp")
    except (ValueError, AttributeError, RecursionError):
        return None
    return float(moment) if is_number(moment) and 0 < moment < 253402300800 else None


class TokenCredentials:
    """The token of SmarterProctoring: a text, or a callable that is asked before each call.

    An expired token is sent all the same, since only the server's clock counts; it is logged once, and added to a
    later 401 or 403.
    """

    renewable = False

    def __init__(self, source: TokenSource | AsyncTokenSource, clock: Callable[[], float] = time.time) -> None:
        self._source = source if callable(source) else check_token(source, "token")
        self._clock = clock
        self._notice: str | None = None
        self._logged: set[int] = set()

    def __repr__(self) -> str:
        return "<TokenCredentials>"

    @property
    def header(self) -> tuple[str, str]:
        """See `Credentials`."""
        return "token", ""

    def ask(self) -> object:
        """Get the token, or something awaitable that gives it."""
        return self._source() if callable(self._source) else self._source

    def accept(self, token: object) -> str:
        """Check a token that `ask` gave, and note when it has expired."""
        text = check_token(token, "token")
        moment = expiry(text)
        if moment is not None and moment <= self._clock():
            self._notice = f"the token expired at {local_time(moment)} by the local clock"
            if hash(text) not in self._logged:
                self._logged.add(hash(text))
                logger.warning("%s; it is sent all the same", self._notice)
        else:
            self._notice = None
        return text

    def notice(self) -> str | None:
        """See `Credentials`."""
        return self._notice


class BearerCredentials:
    """The token of iSpring Learn: given, or fetched with the client credentials and kept until shortly before it ends.

    A token is fetched once however many callers wait: each takes a ticket, waits for the lock, and looks again.
    """

    def __init__(
        self,
        access_token: str | None,
        client_id: str | None,
        client_secret: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._given = check_token(access_token, "access_token") if access_token is not None else None
        self._client_id = client_id or ""
        self._client_secret = client_secret or ""
        self.renewable = self._given is None
        self._clock = clock
        self._issued: Issued | None = None
        self._failures = 0
        self._failure: Exception | None = None
        self.lock = threading.Lock()

    def __repr__(self) -> str:
        return "<BearerCredentials>"

    @property
    def header(self) -> tuple[str, str]:
        """See `Credentials`."""
        return "Authorization", "Bearer "

    def current(self, refused: str | None = None) -> str | None:
        """The token to use now, or `None` if one must be fetched.

        Args:
            refused: a token that the server refused; it is forgotten, unless it has been replaced already.
        """
        if self._given is not None:
            return self._given
        issued = self._issued
        if issued is None or issued.token == refused or self._clock() >= issued.good_until:
            self._issued = None if issued is self._issued else self._issued
            return None
        return issued.token

    def ticket(self) -> int:
        """What a caller holds while it waits for the lock."""
        return self._failures

    def fetch(self, ticket: int) -> Fetch:
        """Begin to fetch a token, unless somebody did meanwhile; for the holder of the lock.

        Args:
            ticket: taken before waiting for the lock.

        Raises:
            APIError: that of the fetch which was under way when the ticket was taken: it failed for all who waited.
        """
        if self._failures != ticket and self._failure is not None:
            raise self._failure
        return Fetch(self, self.current() or "", self._clock())

    def describe(self) -> Any:
        """Describe the call that fetches a token."""
        from ispring_learn_client.api.access_tokens import create_access_token

        return create_access_token.describe(
            client_id=self._client_id, client_secret=self._client_secret, grant_type="client_credentials"
        )

    def failed(self, error: Exception) -> None:
        """Note that a fetch failed, for those who wait."""
        self._failures += 1
        self._failure = error

    def keep(self, issued: Issued) -> None:
        """Keep a fetched token."""
        self._issued = issued

    def notice(self) -> str | None:
        """See `Credentials`."""
        return None


class Fetch:
    """The fetching of a token; a context manager that tells those who wait when it fails.

    Attributes:
        call: the call to carry out, or `None` if there is a token already.
        token: the token.
    """

    def __init__(self, credentials: BearerCredentials, token: str, asked_at: float) -> None:
        self._credentials = credentials
        self._asked_at = asked_at
        self.token = token
        self.call: Any = None if token else credentials.describe()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # A cancelled fetch is no failure: whoever waits next fetches for itself.
        if isinstance(error, Exception):
            self._credentials.failed(error)

    def done(self, answer: Any) -> None:
        """Keep the token of an answer; its lifetime counts from before it was asked for.

        Raises:
            ResponseDecodeError: if there is no token in it.
        """
        token, lifetime = answer.access_token, answer.expires_in
        if not isinstance(token, str) or not _HEADER_VALUE.fullmatch(token):
            raise ResponseDecodeError("the answer of the token call holds no access token")
        seconds = float(lifetime) if is_number(lifetime) and lifetime > 0 else 0.0
        self._credentials.keep(Issued(token, self._asked_at + seconds - min(RENEW_EARLY, seconds / 2)))
        self.token = token
