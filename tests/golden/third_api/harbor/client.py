"""The clients for Harbor."""

from __future__ import annotations

from typing import Any

from invigilate._binding import Async, Lazy, Sync
from invigilate._clients import AsyncClient, BaseClient, SyncClient
from invigilate._credentials import TokenCredentials
from invigilate._settings import setting
from invigilate.errors import ConfigurationError

from . import resources as r


class _Base(BaseClient):
    berths: Lazy[r.Berths[Sync], r.Berths[Async]] = Lazy(r.Berths)

    def __init__(self, token: str | None = None, *, base_url: str | None = None, **options: Any) -> None:
        token = setting(token, "HARBOR_TOKEN")
        if token is None:
            raise ConfigurationError("no API token: pass `token=` or set HARBOR_TOKEN")
        url = setting(base_url, "HARBOR_BASE_URL") or "https://api.harbor.invalid"
        super().__init__(TokenCredentials(token), url, **options)


class Harbor(_Base, SyncClient):
    """Synchronous client for the Harbor API."""


class AsyncHarbor(_Base, AsyncClient):
    """Asynchronous client for the Harbor API."""
