"""Pages in flight over real sockets, from a server that answers slowly, fails now and then, and counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from invigilate import AsyncSmarterProctoring, ReportWarning, SmarterProctoring
from invigilate.sandbox import Sandbox, faults

ROWS = 600
REPORT = "getServiceDistribution"


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=ROWS) as sandbox:
        yield sandbox


def read(sandbox: Sandbox, mode: str, ahead: int | None) -> list[Any]:
    """All rows as plain objects."""
    options: dict[str, Any] = {"base_url": sandbox.smarterproctoring_url, "max_retries": 5}

    def pager_of(client: Any) -> Any:
        pager = client.reports.service_distribution(limit=30)
        return pager if ahead is None else pager.prefetch(ahead)

    async def main() -> list[Any]:
        async with AsyncSmarterProctoring(sandbox.token, sandbox.install_sid, **options) as client:
            rows: list[Any] = await pager_of(client).collect()
            return rows

    if mode == "sync":
        with SmarterProctoring(sandbox.token, sandbox.install_sid, **options) as client:
            rows = pager_of(client).collect()
    else:
        rows = anyio.run(main, backend=mode)
    return [row.to_dict() for row in rows]


@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
def test_the_same_rows_in_the_same_order_though_the_server_fails_now_and_then(served: Sandbox, mode: str) -> None:
    expected = read(served, "sync", None)
    assert len(expected) == ROWS
    before = served.faults.fired.counts.total()
    with (
        served.faults.during(REPORT, faults.html_502(probability=0.15)),
        served.faults.during(REPORT, faults.drop_answer(probability=0.1)),
    ):
        found = read(served, mode, 8)
    assert found == expected
    assert served.faults.fired.counts.total() > before


@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
def test_rows_that_shift_between_pages_are_told(served: Sandbox, mode: str) -> None:
    with (
        served.faults.during(REPORT, faults.pages_shift(rows=2, most=20)),
        pytest.warns(ReportWarning) as seen,
    ):
        found = read(served, mode, 4)
    texts = [str(each.message) for each in seen]
    assert any("came on the page before, too: at row" in text for text in texts)
    assert any("the total changed from" in text for text in texts)
    # What came is given, and nothing is taken away: some rows twice.
    assert len({row["sid"] for row in found}) < len(found)


def test_several_threads_read_one_client(served: Sandbox) -> None:
    expected = read(served, "sync", None)
    found: list[list[Any]] = []
    with SmarterProctoring(served.token, served.install_sid, base_url=served.smarterproctoring_url) as client:

        def work() -> None:
            pager = client.reports.service_distribution(limit=30).prefetch(3)
            found.append([row.to_dict() for row in pager])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert found == [expected] * 4
