"""API tokens of SmarterProctoring, which are JSON web tokens: what their expiry can explain.

Documentation: https://developers.smarterservices.com/proctoring/api/authentication
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from invigilate._credentials import AsyncTokenSource, TokenCredentials, TokenSource
from invigilate._shapes import is_number
from invigilate._values import RequestOptions, Steps

logger = logging.getLogger("invigilate")


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


class ApiToken(TokenCredentials):
    """An API token, or a callable that is called before each request.

    An expired token is sent nevertheless, since only the server's clock counts; it is logged once, and mentioned in a
    later 401 or 403.

    Args:
        source: the token or the callable.
        clock: returns seconds since the epoch.
    """

    def __init__(self, source: TokenSource | AsyncTokenSource, clock: Callable[[], float] = time.time) -> None:
        super().__init__(source, ("token", ""))
        self._clock = clock
        self._notice: str | None = None
        self._logged: set[int] = set()

    def obtain(self, options: RequestOptions, deadline: float | None) -> Steps[str]:
        """See `Credentials`."""
        token = yield from super().obtain(options, deadline)
        moment = expiry(token)
        self._notice = None
        if moment is not None and moment <= self._clock():
            expired = f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"
            self._notice = f"the token expired at {expired} by the local clock"
            if hash(token) not in self._logged:
                self._logged.add(hash(token))
                logger.warning("%s; sending it nevertheless", self._notice)
        return token

    def notice(self) -> str | None:
        """See `Credentials`."""
        return self._notice
