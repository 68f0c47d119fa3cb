"""Settings of clients: options, environment variables and URLs, checked before anything is sent."""

from __future__ import annotations

import inspect
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ._limits import Timeout
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
    timeout, also = options.timeout, ", a Timeout" if not isinstance(options.timeout, Timeout) else ""
    parts = timeout._asdict().items() if isinstance(timeout, Timeout) else [("", timeout)]
    named = [(f"timeout.{part}".rstrip("."), seconds, also) for part, seconds in parts]
    for name, value, others in [*named, ("deadline", options.deadline, "")]:
        if value is not None and not (is_number(value) and 0 < value < float("inf")):
            raise ConfigurationError(f"{name}: expected seconds above 0{others}, or None for no limit")
    if options.max_retries.__class__ is not int or options.max_retries < 0:
        raise ConfigurationError("max_retries: expected an integer of at least 0")
    if options.retry_refused.__class__ is not bool:
        raise ConfigurationError("retry_refused: expected True or False")
    observer: object = options.on_attempt
    call = getattr(observer, "__call__", None)  # noqa: B004  # of an object, it may be async, too
    if observer is not None and (call is None or any(map(inspect.iscoroutinefunction, (observer, call)))):
        raise ConfigurationError("on_attempt: expected a function that takes an AttemptEvent, and is not async")
    return options


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_OURS = frozenset(
    {
        "accept-encoding", "authorization", "connection", "content-encoding", "content-length", "content-range",
        "content-type", "cookie", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "range",
        "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip


def check_headers(headers: Mapping[str, str] | None, credentials: str) -> dict[str, str]:
    """Check headers that a client sends with every request. Errors never show their values.

    Args:
        headers: by name.
        credentials: the name of the header with the token.

    Raises:
        ConfigurationError: naming the header.
    """
    checked: dict[str, str] = {}
    passed: Any = {} if headers is None else headers
    if not hasattr(passed, "items"):
        raise ConfigurationError("headers: expected a mapping of names to strings")
    for name, value in passed.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError("headers: expected names such as X-Correlation-ID, got another string or type")
        if name.lower() in {*_OURS, credentials.lower()}:
            raise ConfigurationError(f"headers: {name} is set by the client. Leave it out")
        if not isinstance(value, str) or not _HEADER_TEXT.fullmatch(value):
            raise ConfigurationError(f"headers: expected a string of printable ASCII characters for {name}")
        if name.lower() in {other.lower() for other in checked}:
            raise ConfigurationError(f"headers: {name} is there twice")
        checked["User-Agent" if name.lower() == "user-agent" else name] = value
    return checked


def set_up_log() -> None:
    """Write the log to stderr if INVIGILATE_LOG says so, unless the application sets up handlers itself.

    Raises:
        ConfigurationError: if it is neither `debug` nor `info`.
    """
    level = (setting(None, "INVIGILATE_LOG") or "").upper()
    if level not in {"", "DEBUG", "INFO"}:
        raise ConfigurationError("INVIGILATE_LOG: expected debug or info")
    logger = logging.getLogger("invigilate")
    if level and not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        # Those of the root logger, whenever they are set up, are passed the same records.
        handler.addFilter(lambda _: not (logger.propagate and logging.getLogger().handlers))
        logger.addHandler(handler)
        logger.setLevel(level)
