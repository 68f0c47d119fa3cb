"""What is served beside the APIs, and which web pages may call the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .documents import Document
from .exchange import Connection, Exchange, Phase, Response
from .problems import INVALID_INPUT, Problem

_HOSTS = ("127.0.0.1", "localhost", "::1")
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"


class LocalService:
    """A service beside the APIs. Neither faults nor interceptors apply, and nothing is recorded.

    Args:
        name: its name in threads and errors.
    """

    def __init__(self, name: str) -> None:
        self.base_url = ""
        self.name = name
        self._document = Document(name, {}, ())

    def connected(self) -> None:
        """See `Service`."""

    def open(self, method: str, path: str, query: str, headers: Mapping[str, str], connection: Connection) -> Exchange:
        """See `Service`."""
        return Exchange(self.name, method, path, query, headers, connection, self._document, self.refuse)

    def identify(self, exchange: Exchange) -> None:
        """See `Service`."""

    def reach(self, phase: Phase, exchange: Exchange) -> None:
        """See `Service`."""

    def refuse(self, problem: Problem, *_inferred: str) -> Response:
        """See `Service`."""
        body = {"code": problem.code, "message": problem.message, "status": problem.status}
        return Response.json(body, problem.status, problem.headers)


def refuse_web_pages(headers: Mapping[str, str], allowed: str | None = None) -> None:
    """Refuse what a browser sends for a web page, unless its origin is the allowed one.

    Raises:
        Problem: the origin is another one, or the host is not this machine: a page may reach loopback under a name of
            its own (DNS rebinding).
    """
    try:
        host = urlsplit(f"//{headers.get('host', _HOSTS[0])}").hostname
    except ValueError:
        host = None
    if headers.get("origin", allowed) != allowed or host not in _HOSTS:
        raise Problem(403, INVALID_INPUT, "Requests from web pages are refused.")


def is_preflight(exchange: Exchange) -> bool:
    """Whether a browser asks if a page may send a request."""
    return exchange.method == "OPTIONS" and "access-control-request-method" in exchange.headers


def share(response: Response, exchange: Exchange, allowed: str) -> Response:
    """Let the page with the allowed origin read a response, or (preflight) send a request; no other page."""
    headers = {**response.headers, "Vary": "Origin"}
    if exchange.headers.get("origin") == allowed:
        headers |= {"Access-Control-Allow-Origin": allowed, "Access-Control-Expose-Headers": "*"}
        if is_preflight(exchange):
            headers["Access-Control-Allow-Methods"] = _METHODS
            # Those that the page named: "*" would not include Authorization.
            headers["Access-Control-Allow-Headers"] = exchange.headers.get("access-control-request-headers", "")
    return Response(response.status, response.body, headers)
