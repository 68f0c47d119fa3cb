"""What the tests of exports share: servers that read bounds in their own way, and exports that are killed."""

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
    # It takes long to import, and processes that export have no need of it.
    from invigilate.sandbox import Exchange, Phase, Sandbox

YEAR = {"appointment_date_after": "2026-01-01T00:00:00Z", "appointment_date_before": "2027-01-01T00:00:00Z"}
"""Bounds with a part of the sandbox's report between them."""
BY_DATE = {**YEAR, "sort_keys": ["appointmentDate"]}
WINDOWS: dict[str, Any] = {"filters": BY_DATE, "window_by": "appointment_date", "window": timedelta(days=60)}
"""Arguments of an export of seven windows, 174 rows of the sandbox's 240."""


@contextlib.contextmanager
def client_of(sandbox: Sandbox, **options: Any) -> Iterator[SmarterProctoring]:
    """A client of a sandbox."""
    given = {"token": sandbox.token, "install_sid": sandbox.install_sid, "base_url": sandbox.smarterproctoring_url}
    with SmarterProctoring(**{**given, **options}) as client:
        yield client


def rows_of(client: SmarterProctoring, **filters: Any) -> list[Any]:
    """All rows of a report, read by a pager."""
    return client.reports.service_distribution(**filters).collect()


def csv_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON Lines."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


class Meddler:
    """Stands between clients and the sandbox.

    Args:
        query: changes the query of each request, given as a dictionary.
        page: changes each page; it is also given the query.
        refuse: says with which status a request is refused, if it is.
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
        self._asked: dict[int, dict[str, str]] = {}

    def connected(self, api: str) -> None:
        """See `Interceptor`."""

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        """See `Interceptor`."""
        from invigilate.sandbox import Answer, Phase

        if phase is Phase.RECEIVED:
            asked = dict(parse_qsl(exchange.query))
            self._asked[id(exchange)] = dict(asked)
            if self._refuse is not None and (status := self._refuse(asked)):
                exchange.answer = Answer.json({"code": "INVALIDINPUT", "message": "limit"}, status)
            if self._query is not None:
                pairs = [pair for pair in parse_qsl(exchange.query) if pair[0] not in asked or pair[0] == "sortKeys"]
                self._query(asked)
                asked.pop("sortKeys", None)
                exchange.query = urlencode([*pairs, *asked.items()])
        elif phase is Phase.APPLIED and self._page is not None and exchange.answer is not None:
            page = json.loads(exchange.answer.body)
            if "results" in page:
                self._page(page, self._asked[id(exchange)])
                exchange.answer = Answer.json(page)
        elif phase is Phase.OVER:
            self._asked.pop(id(exchange), None)


def break_off(sandbox: Sandbox, client: SmarterProctoring, path: Path, after: int = 4, **arguments: Any) -> None:
    """Let an export break off after some requests."""
    import pytest

    from invigilate.sandbox import faults

    with sandbox.faults.during("getServiceDistribution", faults.unavailable(after=after)), pytest.raises(APIError):
        export_report(client.with_options(max_retries=0), path, **{**WINDOWS, "parallel": 1, **arguments})


def moved(text: str, by: timedelta) -> str:
    """A time of a query, moved."""
    moment = parse_timestamp(text).astimezone(UTC) + by
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"
