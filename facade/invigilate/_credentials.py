"""Tokens that callers supply: strings and callables."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ._values import Await, Credentials, RequestOptions, Steps
from .errors import APITimeoutError, ConfigurationError

TokenSource = str | Callable[[], str]
AsyncTokenSource = str | Callable[[], str | Awaitable[str]]

HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


def check_token(token: object, name: str) -> str:
    """Check that a token can be sent in a header, without ever showing it.

    Raises:
        ConfigurationError: if it is not a string of printable ASCII without spaces.
    """
    if not isinstance(token, str):
        passed = "None" if token is None else f"a value of type {type(token).__name__}"
        raise ConfigurationError(f"{name}: expected a string, got {passed}")
    if token[:7].lower() == "bearer ":
        raise ConfigurationError(f"{name}: starts with 'Bearer '. Pass the token alone")
    if not HEADER_VALUE.fullmatch(token):
        problem = "an empty string" if not token else "a string with spaces, line breaks or characters beyond ASCII"
        raise ConfigurationError(f"{name}: expected a token of printable ASCII characters, got {problem}")
    return token


class TokenCredentials(Credentials):
    """A token, or a callable that is called before each request.

    Args:
        source: the token or the callable.
        header: the header that carries the token, and the prefix before it.
        name: the argument, for errors.
    """

    def __init__(
        self,
        source: TokenSource | AsyncTokenSource,
        header: tuple[str, str] = ("Authorization", "Bearer "),
        name: str = "token",
    ) -> None:
        self._source = source if callable(source) else check_token(source, name)
        self._name = name
        self.header = header

    def obtain(self, options: RequestOptions, deadline: float | None) -> Steps[str]:
        """See `Credentials`."""
        source: Any = self._source
        if callable(source):
            try:
                source = yield Await(source, deadline)
            except TimeoutError as error:
                if deadline is None or time.monotonic() < deadline:
                    raise  # the callable's own
                raise APITimeoutError("the deadline passed while the token callable ran") from error
        return check_token(source, self._name)
