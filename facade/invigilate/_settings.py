"""Settings of clients: options, environment variables and URLs, checked before anything is sent."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from urllib.parse import urlsplit

from ._shapes import is_number
from ._values import RequestOptions
from .errors import ConfigurationError

_URL = re.compile(
    r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9]\d{0,4})?(/[a-z0-9._~-]+)*/*", re.ASCII | re.IGNORECASE
)


def setting(passed: str | None, variable: str) -> str | None:
    """Return an option that was passed, or its environment variable; an empty variable counts as unset."""
    return passed if passed is not None else os.environ.get(variable) or None


def check_base_url(url: str, *, allow_insecure_http: bool, name: str = "base_url") -> tuple[str, bool]:
    """Check where credentials will be sent.

    Args:
        url: the base URL.
        name: the option, for the error.
        allow_insecure_http: allow plain http beyond this machine.

    Returns:
        The URL without a trailing slash, and whether it is on this machine.

    Raises:
        ConfigurationError: if it is not an https URL (or http, where that is allowed).
    """
    import ipaddress  # late: only host names that are addresses need it

    expected = f"{name}: expected a URL like https://host, without user, query or fragment"
    try:
        if not _URL.fullmatch(url) or {".", ".."} & set(url.split("/")):
            raise ConfigurationError(expected)
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except (TypeError, ValueError):
        raise ConfigurationError(expected) from None
    loopback = host.rstrip(".") == "localhost"
    with suppress(ValueError):
        loopback = ipaddress.ip_address(host).is_loopback
    if parts.scheme == "http" and not (loopback or allow_insecure_http):
        raise ConfigurationError(
            f"{name}: credentials are sent over https only; allow_insecure_http=True sends them in plain text"
        )
    return url.rstrip("/"), loopback


def check_options(options: RequestOptions) -> RequestOptions:
    """Check how long a request may take, and how often it is retried.

    Raises:
        ConfigurationError: naming the option.
    """
    for name, value in (("timeout", options.timeout), ("deadline", options.deadline)):
        if value is not None and not (is_number(value) and 0 < value < float("inf")):
            raise ConfigurationError(f"{name}: expected seconds above 0, or None for no limit")
    if options.max_retries.__class__ is not int or options.max_retries < 0:
        raise ConfigurationError("max_retries: expected an integer of at least 0")
    if options.retry_refused.__class__ is not bool:
        raise ConfigurationError("retry_refused: expected True or False")
    return options
