"""Shared by the tests of exports: servers that change requests and pages, and interrupted exports."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from invigilate import APIError, SmarterProctoring, parse_timestamp
from invigilate.export import export_report

if TYPE_CHECKING:
    # Importing it is slow, and processes that export do not need it.
    from invigilate.sandbox import Exchange, Phase, Sandbox

YEAR = {"appointment_date_after": "2026-01-01T00:00:00Z", "appointment_date_before": "2027-01-01T00:00:00Z"}
"""Bounds that a part of the report of the sandbox is in."""
BY_DATE = {**YEAR, "sort_keys": ["appointmentDate"]}
WINDOWS: dict[str, Any] = {"filters": BY_DATE, "window_by": "appointment_date", "window": timedelta(days=60)}
"""Arguments of an export of seven windows, 174 rows of the sandbox's 240."""


@contextlib.contextmanager
def client_of(sandbox: Sandbox, **options: Any) -> Iterator[SmarterProctoring]:
    """Connect to a sandbox."""
    own = {"token": sandbox.token, "install_sid": sandbox.install_sid, "base_url": sandbox.smarterproctoring_url}
    with SmarterProctoring(**{**own, **options}) as client:
        yield client


def rows_of(client: SmarterProctoring, **filters: Any) -> list[Any]:
    """Read all rows of a report with a pager."""
    return client.reports.service_distribution(**filters).collect()


def csv_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def json_lines(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


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
        self._query = query
        self._page = page
        self._refuse = refuse
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
            if self._query is not None:
                pairs = [pair for pair in parse_qsl(exchange.query) if pair[0] not in query or pair[0] == "sortKeys"]
                self._query(query)
                query.pop("sortKeys", None)
                exchange.query = urlencode([*pairs, *query.items()])
        elif phase is Phase.APPLIED and self._page is not None and exchange.response is not None:
            page = json.loads(exchange.response.body)
            if "results" in page:
                self._page(page, self._queries[id(exchange)])
                exchange.response = Response.json(page)
        elif phase is Phase.OVER:
            self._queries.pop(id(exchange), None)


def break_off(sandbox: Sandbox, client: SmarterProctoring, path: Path, after: int = 4, **arguments: Any) -> None:
    """Let an export fail after some requests."""
    import pytest

    from invigilate.sandbox import faults

    with sandbox.faults.during("getServiceDistribution", faults.unavailable(after=after)), pytest.raises(APIError):
        export_report(client.with_options(max_retries=0), path, **{**WINDOWS, "parallel": 1, **arguments})


def moved(time: str, by: timedelta) -> str:
    """Move a time of a query."""
    moment = parse_timestamp(time).astimezone(UTC) + by
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"
