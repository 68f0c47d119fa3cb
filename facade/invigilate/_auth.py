"""Credentials: where tokens come from, how long they are good for, and what can be said of a refused one."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from ispring_learn_client.calls import UndecodableAnswer

from ._engine import Do, Limits, Step, carry_out
from ._outcomes import decoded
from ._requests import prepare
from ._shapes import is_number
from .errors import APITimeoutError, ConfigurationError

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
    header: tuple[str, str]
    """The header that carries the token, and what stands before it."""
    hidden: tuple[str, ...]
    """What else must not be shown: the passwords of proxies."""

    def obtain(self, limits: Limits, deadline: float | None) -> Generator[Step, Any, str]:
        """Get the token to send.

        Args:
            limits: of the calls that this takes.
            deadline: on the monotonic clock.
        """
        ...

    def forget(self, token: str) -> None:
        """Never give a token again that the server refused."""
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
    hidden: tuple[str, ...] = ()
    header: tuple[str, str] = ("token", "")

    def __init__(self, source: TokenSource | AsyncTokenSource, clock: Callable[[], float] = time.time) -> None:
        self._source = source if callable(source) else check_token(source, "token")
        self._clock = clock
        self._notice: str | None = None
        self._logged: set[int] = set()

    def __repr__(self) -> str:
        return "<TokenCredentials>"

    def forget(self, token: str) -> None:
        """See `Credentials`."""

    def obtain(self, limits: Limits, deadline: float | None) -> Generator[Step, Any, str]:
        """See `Credentials`."""
        token: Any = self._source
        if callable(token):
            try:
                token = yield Do("call", (token, deadline))
            except TimeoutError as error:
                if deadline is None or time.monotonic() < deadline:
                    raise  # it is the callable's own
                raise APITimeoutError("the deadline passed while the token callable ran") from error
        text = check_token(token, "token")
        moment = expiry(text)
        if moment is not None and moment <= self._clock():
            self._notice = (
                f"the token expired at {datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ} by the local clock"
            )
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

    A token is fetched once however many callers wait: each waits for the lock, and looks again. A failure is theirs
    in common, too.
    """

    header: tuple[str, str] = ("Authorization", "Bearer ")
    hidden: tuple[str, ...] = ()

    def __init__(
        self,
        access_token: str | None,
        client_id: str | None,
        client_secret: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._given = check_token(access_token, "access_token") if access_token is not None else None
        self._client_id, self._client_secret = client_id or "", client_secret or ""
        self.renewable = self._given is None
        self._clock = clock
        self._issued: Issued | None = None
        self._failures = 0
        self._failure: Exception | None = None

    def __repr__(self) -> str:
        return "<BearerCredentials>"

    def notice(self) -> str | None:
        """See `Credentials`."""
        return None

    def current(self) -> str | None:
        """The token to use now, or `None` if one must be fetched."""
        if self._given is not None:
            return self._given
        issued = self._issued
        usable = issued is not None and self._clock() < issued.good_until
        return issued.token if usable and issued is not None else None

    def forget(self, token: str) -> None:
        """See `Credentials`."""
        if self._issued is not None and self._issued.token == token:
            self._issued = None

    def obtain(self, limits: Limits, deadline: float | None) -> Generator[Step, Any, str]:
        """See `Credentials`."""
        token = self.current()
        if token is not None:
            return token
        seen = self._failures
        lock = yield Do("acquire", deadline)
        if lock is None:
            raise APITimeoutError("the deadline passed while another call fetched the access token")
        try:
            token = self.current()
            if token is not None:
                return token
            if self._failure is not None and self._failures > seen:
                raise self._failure
            return (yield from self._fetch(limits, deadline))
        finally:
            lock.release()

    def _fetch(self, limits: Limits, deadline: float | None) -> Generator[Step, Any, str]:
        from ispring_learn_client.api.access_tokens import create_access_token

        call = create_access_token.describe(
            client_id=self._client_id, client_secret=self._client_secret, grant_type="client_credentials"
        )
        prepared = prepare(call, {}, check_sids=False, page={})
        asked_at = self._clock()

        def read(content: bytes, /, *, status: int, media: str) -> tuple[str, float]:
            answer = call.decode(content, status=status, media=media).to_dict()
            token = answer.get("access_token")
            if not isinstance(token, str) or not _HEADER_VALUE.fullmatch(token):
                raise UndecodableAnswer("the answer of the token call holds no access token")
            return token, _seconds(answer.get("expires_in"))

        try:
            token, seconds = decoded(prepared, (yield from carry_out(prepared, self, limits, deadline)), read)
        except Exception as error:  # a cancelled fetch is no failure: whoever waits fetches for itself
            # Nor is one whose own deadline passed: others may have more time.
            if deadline is None or not isinstance(error, APITimeoutError):
                self._failures += 1
                self._failure = error
            raise
        # The lifetime counts from before the token was asked for.
        self._issued = Issued(token, asked_at + seconds - min(RENEW_EARLY, seconds / 2))
        return token


def _seconds(lifetime: object) -> float:
    """Read a lifetime, which some servers write as a text; of no known one, a token is good for one call."""
    if isinstance(lifetime, str) and lifetime.isascii() and lifetime.isdigit():
        lifetime = float(lifetime)
    return float(lifetime) if is_number(lifetime) and lifetime > 0 else 0.0
