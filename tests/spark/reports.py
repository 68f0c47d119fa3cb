"""A server of reports on 127.0.0.1 for tests of scale, skew and failure: it only knows how to page and to filter."""

from __future__ import annotations

import json
import operator
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR: dict[str, Any] = {"after": "2026-01-01T00:00:00Z", "before": "2027-01-01T00:00:00Z"}
SERVICES = ("live", "automated", "proctoru")
STATUSES = ("Closed", "Scheduled", "Cancelled")


def sid_of(number: int) -> str:
    """The SID of an install."""
    return f"AI{number:032x}"


def wire(moment: datetime) -> str:
    """A time as the API sends it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Reports:
    """A server of reports.

    Args:
        sizes: how many rows each install has.
        pause: seconds before each page of rows, and at most 0.02 before each total.
        crowded: whether half of the rows of an install are in one day.

    Attributes:
        requests: install and query of each request.
        most: the largest number of requests at a time.
        answer: replaces a response, by status and body; called with install, query and body.
    """

    def __init__(self, sizes: Sequence[int], *, pause: float = 0.0, crowded: bool = False) -> None:
        self.installs = {sid_of(number): self._rows(number, size, crowded) for number, size in enumerate(sizes)}
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        self.tokens: set[str] = set()
        self.most = 0
        self.answer: Callable[[str, dict[str, list[str]], dict[str, Any]], tuple[int, dict[str, Any]]] | None = None
        self._pause = pause
        self._running = 0
        self._guard = threading.Lock()
        self.url = ""

    @staticmethod
    def _rows(install: int, size: int, crowded: bool) -> list[dict[str, Any]]:
        step = timedelta(days=364) / max(size, 1)
        rows = []
        for number in range(size):
            date = START + step * number
            if crowded and number % 2:
                date = START + timedelta(days=200, seconds=number)
            rows.append(
                {
                    "sid": f"ES{install:08x}{number:024x}",
                    "status": STATUSES[number % 3],
                    "billable": number % 2 == 0,
                    "appointmentDate": wire(date),
                    "dateClosed": wire(date + timedelta(hours=1)) if number % 3 == 0 else None,
                    "exam": {"title": f"Exam {number % 7}"},
                    "serviceType": SERVICES[number % 3],
                }
            )
        return sorted(rows, key=lambda row: str(row["appointmentDate"]))

    @property
    def sids(self) -> list[str]:
        """All rows, as install and SID."""
        return sorted(f"{install} {row['sid']}" for install, rows in self.installs.items() for row in rows)

    @property
    def reads(self) -> list[tuple[str, dict[str, list[str]]]]:
        """The requests of rows, without those that only ask for a total."""
        return [each for each in self.requests if each[1].get("limit") != ["1"]]

    def respond(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """The response to a request."""
        install = path.split("/")[3]
        if install not in self.installs:
            return 404, {"code": "RESOURCENOTFOUND", "message": "no such install"}
        rows = self.installs[install]
        for name, key in (("appointmentDate", "appointmentDate"), ("closeDate", "dateClosed")):
            for bound, keep in (("After", operator.ge), ("Before", operator.lt)):
                for at in query.get(f"{name}{bound}", []):
                    rows = [row for row in rows if row[key] and keep(row[key], at)]
        for name, key in (("statuses", "status"), ("serviceTypes", "serviceType")):
            if name in query:
                rows = [row for row in rows if row[key] in query[name]]
        offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["50"])[0])
        page = rows[offset : offset + limit]
        more = f"?offset={offset + limit}" if offset + limit < len(rows) else None
        body = {"results": page, "total": len(rows), "count": len(page), "next": more}
        return self.answer(install, query, body) if self.answer else (200, body)

    @contextmanager
    def serve(self) -> Iterator[Reports]:
        """Serve until the end of the block."""
        reports = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                with reports._guard:
                    reports.requests.append((parts.path.split("/")[3], query))
                    reports.tokens.add(self.headers.get("token") or self.headers.get("Authorization") or "")
                    reports._running += 1
                    reports.most = max(reports.most, reports._running)
                time.sleep(reports._pause if query.get("limit") != ["1"] else min(reports._pause, 0.02))
                status, body = reports.respond(parts.path, query)
                content = json.dumps(body).encode()
                with reports._guard:
                    reports._running -= 1
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Say nothing: a killed executor breaks its connection."""

        server = Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)
