"""Shared by the tests of exports: servers that change requests and pages, and interrupted exports."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from invigilate import APIError, ISpringLearn, SmarterProctoring, parse_timestamp
from invigilate.export import export

if TYPE_CHECKING:
    # Importing it is slow, and processes that export do not need it.
    from invigilate.sandbox import Exchange, Phase, Sandbox

FORMATS = ("jsonl", "csv", "parquet")
YEAR: dict[str, Any] = {
    "appointment_date_after": "2026-01-01T00:00:00Z",
    "appointment_date_before": "2027-01-01T00:00:00Z",
}
"""Bounds of 174 of the 240 rows of a sandbox."""
PARTS = 7


@contextlib.contextmanager
def client_of(sandbox: Sandbox, **options: Any) -> Iterator[SmarterProctoring]:
    """Connect to a sandbox."""
    own = {"token": sandbox.token, "install_sid": sandbox.install_sid, "base_url": sandbox.smarterproctoring_url}
    with SmarterProctoring(**{**own, **options}) as client:
        yield client


@contextlib.contextmanager
def learn_client_of(sandbox: Sandbox, **options: Any) -> Iterator[ISpringLearn]:
    """Connect to iSpring Learn in a sandbox."""
    own = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret, "base_url": sandbox.ispring_url}
    with ISpringLearn(**{**own, **options}) as client:
        yield client


def parts_of_year(client: SmarterProctoring, **filters: Any) -> list[Any]:
    """Pagers for spans of 60 days, which together have the rows of a year."""
    bounds = [datetime(2026, 1, 1, tzinfo=UTC) + number * timedelta(days=60) for number in range(PARTS)]
    bounds.append(datetime(2027, 1, 1, tzinfo=UTC))
    return [
        client.reports.service_distribution(appointment_date_after=after, appointment_date_before=before, **filters)
        for after, before in pairwise(bounds)
    ]


def csv_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file."""
    csv.field_size_limit(1 << 30)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def json_lines(path: Path) -> list[Any]:
    """Read the rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def names(folder: Path) -> list[str]:
    """List the names of the files of a folder."""
    return sorted(path.name for path in folder.iterdir())


class Meddler:
    """Changes requests and pages between clients and the sandbox.

    Args:
        query: changes the query of each request, as a dictionary.
        page: changes each page; it also receives the query.
        refuse: returns the status with which a request is refused, or `None`.
    """

    def __init__(
        self,
        *,
        query: Callable[[dict[str, str]], None] | None = None,
        page: Callable[[dict[str, Any], dict[str, str]], None] | None = None,
        refuse: Callable[[dict[str, str]], int | None] | None = None,
    ) -> None:
        self._query, self._page, self._refuse = query, page, refuse
        self._queries: dict[int, dict[str, str]] = {}

    def connected(self, api: str) -> None:
        """See `Interceptor`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """See `Interceptor`."""
        from invigilate.sandbox import Phase, Response

        if phase is Phase.RECEIVED:
            query = dict(parse_qsl(exchange.query))
            self._queries[id(exchange)] = dict(query)
            if self._refuse is not None and (status := self._refuse(query)):
                exchange.response = Response.json({"code": "INVALIDINPUT", "message": "limit"}, status)
            elif self._query is not None:
                self._query(query)
                exchange.query = urlencode(query)
        elif phase is Phase.APPLIED and self._page is not None and exchange.response is not None:
            page = json.loads(exchange.response.body)
            if "results" in page:
                self._page(page, self._queries[id(exchange)])
                exchange.response = Response.json(page)
        elif phase is Phase.OVER:
            self._queries.pop(id(exchange), None)


def break_off(sandbox: Sandbox, client: SmarterProctoring, path: Path, after: int = 4, **arguments: Any) -> None:
    """Let an export of several parts fail after some of them."""
    import pytest

    from invigilate.sandbox import faults

    filters = arguments.pop("filters", {})
    source = parts_of_year(client.with_options(max_retries=0), **filters)
    with sandbox.faults.during("getServiceDistribution", faults.unavailable(after=after)), pytest.raises(APIError):
        export(source, path, **arguments)


def moved(time: str, by: timedelta) -> str:
    """Move a time of a query."""
    moment = parse_timestamp(time).astimezone(UTC) + by
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"
