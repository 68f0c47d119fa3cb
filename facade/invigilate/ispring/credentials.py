"""Access tokens of iSpring Learn, fetched with client credentials.

Documentation: https://ispringhelpdocs.com/ispring-learn/access-token-86770677.html
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from invigilate._credentials import HEADER_VALUE
from invigilate._engine import Abandoned, Execution
from invigilate._requests import prepare
from invigilate._shapes import is_number
from invigilate._values import AcquireLock, Credentials, RequestOptions, Steps
from invigilate.errors import APITimeoutError
from invigilate_runtime import UndecodableResponse
from ispring_learn_client.api.access_tokens import create_access_token

RENEW_EARLY = 60.0
"""Seconds before its expiry at which a fetched token is no longer used: a request may wait and be retried."""


class Issued(NamedTuple):
    """A fetched token.

    Attributes:
        token: the token itself.
        usable_until: on the monotonic clock.
    """

    token: str
    usable_until: float

    def __repr__(self) -> str:
        return "<Issued token>"


class ClientCredentials(Credentials):
    """Fetches access tokens with the client credentials, and keeps each until shortly before it expires.

    A token is fetched once however many requests wait: each waits for the lock, and then looks again. They also share
    a failure.
    """

    renewable = True

    def __init__(self, client_id: str, client_secret: str, clock: Callable[[], float] | None = None) -> None:
        self._client_id, self._client_secret = client_id, client_secret
        self.account = client_id
        self._clock = clock or time.monotonic
        self._issued: Issued | None = None
        self._failures = 0
        self._failure: Exception | None = None

    def current(self) -> str | None:
        """Return the token to use now, or `None` if one must be fetched."""
        issued = self._issued
        return issued.token if issued is not None and self._clock() < issued.usable_until else None

    def reject(self, token: str) -> None:
        """See `Credentials`."""
        if self._issued is not None and self._issued.token == token:
            self._issued = None

    def obtain(self, options: RequestOptions, deadline: float | None) -> Steps[str]:
        """See `Credentials`."""
        token = self.current()
        if token is not None:
            return token
        seen = self._failures
        lock = yield AcquireLock(deadline)
        if lock is None:
            raise APITimeoutError("the deadline passed while another request fetched the access token")
        try:
            token = self.current()
            if token is not None:
                return token
            if self._failure is not None and self._failures > seen:
                # A copy: each request adds what it knows.
                failure = copy.copy(self._failure)
                failure.__dict__.update(self._failure.__dict__)
                raise failure from self._failure.__cause__
            return (yield from self._fetch(options, deadline))
        finally:
            lock.release()

    def _fetch(self, options: RequestOptions, deadline: float | None) -> Steps[str]:
        call = create_access_token.describe(
            client_id=self._client_id, client_secret=self._client_secret, grant_type="client_credentials"
        )
        prepared = prepare(call, {}, check_sids=False)
        asked_at = self._clock()

        def decode(content: bytes, /, *, status: int, media: str) -> tuple[str, float]:
            fields = call.decode(content, status=status, media=media).to_dict()
            token = fields.get("access_token")
            if not isinstance(token, str) or not HEADER_VALUE.fullmatch(token):
                raise UndecodableResponse("the response has no access token")
            return token, _seconds(fields.get("expires_in"))

        try:
            raw: Any = yield from Execution(prepared._replace(decode=decode), self, options, deadline, {}).steps()
            token, seconds = raw.parsed
        except Exception as error:  # a canceled fetch is not a failure: each waiting request fetches for itself
            # Nor is an abandoned one, or one whose own deadline passed: others may have more time.
            if not isinstance(error, Abandoned) and (deadline is None or not isinstance(error, APITimeoutError)):
                self._failures += 1
                self._failure = error
            raise
        # The lifetime counts from before the token was requested.
        self._issued = Issued(token, asked_at + seconds - min(RENEW_EARLY, seconds / 2))
        return str(token)


def _seconds(lifetime: object) -> float:
    """Read a lifetime, which some servers write as a string; without one, a token is used once."""
    if isinstance(lifetime, str) and lifetime.isascii() and lifetime.isdigit():
        lifetime = float(lifetime)
    return float(lifetime) if is_number(lifetime) and lifetime > 0 else 0.0
