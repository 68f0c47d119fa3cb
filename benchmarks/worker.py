"""One candidate of a benchmark, in a process of its own: it runs jobs, and reports how long each took.

    python -m benchmarks.worker CANDIDATE base|speed URL

A job is a line of JSON on the standard input, a result a line of JSON on the standard output. Candidates keep their
process and their connection from round to round, so that they can take turns and yet are warm. This module also runs in
environments that hold nothing but a peer, so it imports at its top only the standard library.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable, Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.content import INSTALL_SID, REPORT, SETTINGS, TOKEN, rows

Rows = list[Any]


class Candidate:
    """What is compared. Each does the same: whole reports, single calls, and decoding bytes into what it returns.

    Args:
        url: the server.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def report(self, limit: int, ahead: int) -> Rows:
        """All rows of the report, in pages of `limit` rows, with `ahead` of them in flight where that can be had."""
        raise NotImplementedError

    def small(self, number: int) -> None:
        """One small call, so many times."""
        raise NotImplementedError

    def page(self, content: bytes) -> Any:
        """Decode a page of the report."""
        raise NotImplementedError

    def row(self, content: bytes) -> Any:
        """Decode a row of the report."""
        raise NotImplementedError


class Httpx(Candidate):
    """httpx with json.loads: what one writes by hand, with plain dicts for rows."""

    def __init__(self, url: str) -> None:
        import httpx

        super().__init__(url)
        self._client = httpx.Client(base_url=url, headers={"token": TOKEN})

    def report(self, limit: int, ahead: int) -> Rows:
        found: Rows = []
        while True:
            response = self._client.get(REPORT, params={"offset": len(found), "limit": limit})
            response.raise_for_status()
            page = json.loads(response.content)
            found += page["results"]
            if len(found) >= page["total"]:
                return found

    def small(self, number: int) -> None:
        for _ in range(number):
            response = self._client.get(SETTINGS)
            response.raise_for_status()
            json.loads(response.content)

    def page(self, content: bytes) -> Any:
        return json.loads(content)["results"]

    def row(self, content: bytes) -> Any:
        return json.loads(content)


class AsyncHttpx(Candidate):
    """As `Httpx`, in an event loop."""

    def __init__(self, url: str) -> None:
        import httpx

        super().__init__(url)
        self._loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(base_url=url, headers={"token": TOKEN})

    def report(self, limit: int, ahead: int) -> Rows:
        async def read() -> Rows:
            found: Rows = []
            while True:
                response = await self._client.get(REPORT, params={"offset": len(found), "limit": limit})
                response.raise_for_status()
                page = json.loads(response.content)
                found += page["results"]
                if len(found) >= page["total"]:
                    return found

        return self._loop.run_until_complete(read())

    def small(self, number: int) -> None:
        async def call() -> None:
            for _ in range(number):
                response = await self._client.get(SETTINGS)
                response.raise_for_status()
                json.loads(response.content)

        self._loop.run_until_complete(call())


class Invigilate(Candidate):
    """This library, sync."""

    def __init__(self, url: str) -> None:
        from invigilate import SmarterProctoring
        from invigilate_runtime import read_json
        from smarterproctoring_client.api.reports import get_service_distribution
        from smarterproctoring_client.models import ServiceDistributionRow

        super().__init__(url)
        self._client = SmarterProctoring(TOKEN, INSTALL_SID, base_url=url)
        self._decode_page = get_service_distribution.describe().decode_page
        self._read_json, self._row = read_json, ServiceDistributionRow.from_dict

    def report(self, limit: int, ahead: int) -> Rows:
        pager = self._client.reports.service_distribution(limit=limit)
        return (pager.prefetch(ahead) if ahead > 1 else pager).collect()

    def small(self, number: int) -> None:
        for _ in range(number):
            self._client.installs.get_settings()

    def page(self, content: bytes) -> Any:
        return self._decode_page(content)[0]

    def row(self, content: bytes) -> Any:
        return self._row(self._read_json(content))


class Instrumented(Invigilate):
    """This library with `invigilate.otel`, without an SDK: nothing is recorded."""

    def __init__(self, url: str) -> None:
        from invigilate.otel import instrument

        super().__init__(url)
        instrument(self._client, **self.providers())

    def providers(self) -> dict[str, Any]:
        """What records."""
        return {}


class Traced(Instrumented):
    """This library with `invigilate.otel` and the SDK: spans are recorded and dropped, metrics are kept."""

    def providers(self) -> dict[str, Any]:
        """See `Instrumented`."""
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider

        return {"tracer_provider": TracerProvider(), "meter_provider": MeterProvider([InMemoryMetricReader()])}


class AsyncInvigilate(Candidate):
    """This library, in an event loop."""

    def __init__(self, url: str) -> None:
        from invigilate import AsyncSmarterProctoring

        super().__init__(url)
        self._loop = asyncio.new_event_loop()
        self._client = AsyncSmarterProctoring(TOKEN, INSTALL_SID, base_url=url)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    def report(self, limit: int, ahead: int) -> Rows:
        async def read() -> Rows:
            pager = self._client.reports.service_distribution(limit=limit)
            return await (pager.prefetch(ahead) if ahead > 1 else pager).collect()

        rows: Rows = self._run(read())
        return rows

    def small(self, number: int) -> None:
        async def call() -> None:
            for _ in range(number):
                await self._client.installs.get_settings()

        self._run(call())


class Stock(Candidate):
    """What openapi-python-client makes of the same specification with its own templates."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        package, models = import_module("stock_client"), import_module("stock_client.models")
        self._client = package.AuthenticatedClient(url, TOKEN, prefix="", auth_header_name="token")
        self._settings = import_module("stock_client.api.installs.get_install_settings").sync
        self._report = import_module("stock_client.api.reports.get_service_distribution").sync
        self._page, self._row = models.ServiceDistributionPage.from_dict, models.ServiceDistributionRow.from_dict

    def report(self, limit: int, ahead: int) -> Rows:
        found: Rows = []
        while True:
            page: Any = self._report(INSTALL_SID, client=self._client, offset=len(found), limit=limit)
            found += page.results
            if len(found) >= page.total:
                return found

    def small(self, number: int) -> None:
        for _ in range(number):
            self._settings(INSTALL_SID, client=self._client)

    def page(self, content: bytes) -> Any:
        return self._page(json.loads(content)).results

    def row(self, content: bytes) -> Any:
        return self._row(json.loads(content))


class OpenApiGenerator(Candidate):
    """What openapi-generator makes of the same specification with its generator `python`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        package = import_module("openapi_generated")
        self._client = package.ApiClient(package.Configuration(host=url, api_key={"token": TOKEN}))
        self._reports, self._installs = package.ReportsApi(self._client), package.InstallsApi(self._client)

    def report(self, limit: int, ahead: int) -> Rows:
        found: Rows = []
        while True:
            page = self._reports.get_service_distribution(INSTALL_SID, offset=len(found), limit=limit)
            found += page.results
            if len(found) >= page.total:
                return found

    def small(self, number: int) -> None:
        for _ in range(number):
            self._installs.get_install_settings(INSTALL_SID)

    def _decode(self, content: bytes, kind: str) -> Any:
        return self._client.deserialize(content.decode(), kind, "application/json")

    def page(self, content: bytes) -> Any:
        return self._decode(content, "ServiceDistributionPage").results

    def row(self, content: bytes) -> Any:
        return self._decode(content, "ServiceDistributionRow")


class Msgspec(Candidate):
    """The limit of decoding: typed structs, which drop what is not documented, and refuse a page for one wrong type."""

    def __init__(self, url: str) -> None:
        import msgspec

        super().__init__(url)
        fields = [(name, type(value) | None, None) for name, value in rows(1)[0].items() if value is not None]
        missing = [(name, str | None, None) for name, value in rows(1)[0].items() if value is None]
        row: Any = msgspec.defstruct("Row", [*fields, *missing])
        page_fields = [("total", int), ("count", int), ("offset", int), ("results", list[row])]
        page: Any = msgspec.defstruct("Page", page_fields)
        self._row, self._page = msgspec.json.Decoder(row).decode, msgspec.json.Decoder(page).decode

    def page(self, content: bytes) -> Any:
        return self._page(content).results

    def row(self, content: bytes) -> Any:
        return self._row(content)


CANDIDATES: dict[str, Callable[[str], Candidate]] = {
    "httpx": Httpx,
    "httpx, async": AsyncHttpx,
    "invigilate": Invigilate,
    "invigilate, async": AsyncInvigilate,
    "instrumented": Instrumented,
    "traced": Traced,
    "stock": Stock,
    "openapi-generator": OpenApiGenerator,
    "msgspec": Msgspec,
}


def work(candidate: Candidate, job: dict[str, Any]) -> dict[str, Any]:
    """Run a job; return the seconds that each repetition took, and the number of rows.

    Decoding is computing alone, so it counts the time of the processor; calls count the time on the clock.
    """
    kind, number = job["kind"], job.get("number", 1)
    content = Path(job["file"]).read_bytes() if "file" in job else b""
    found: Any = None
    # What the round before left behind is no part of this one.
    gc.collect()
    clock = time.perf_counter if kind in {"report", "small"} else time.process_time
    started = clock()
    if kind == "report":
        found = candidate.report(job["limit"], job["ahead"])
    elif kind == "small":
        candidate.small(number)
    else:
        decode = candidate.page if kind == "page" else candidate.row
        for _ in range(number):
            found = decode(content)
    seconds = (clock() - started) / number
    return {"seconds": seconds, "rows": len(found) if kind in {"report", "page"} else 1}


def main() -> None:
    """Do jobs until the standard input ends."""
    name, without_msgspec, url = sys.argv[1], sys.argv[2] == "base", sys.argv[3]
    if without_msgspec:
        # As if the extra were not installed: importing it fails.
        sys.modules["msgspec"] = None  # type: ignore[assignment]
    candidate = CANDIDATES[name](url)
    for line in sys.stdin:
        print(json.dumps(work(candidate, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
