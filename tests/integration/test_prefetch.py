"""Pages in flight over real sockets, from a server that responds slowly, fails now and then, and counts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
import trio

from invigilate import AsyncSmarterProctoring, ReportWarning, SmarterProctoring
from invigilate.sandbox import Sandbox, faults
from tests.support.modes import INSTALL, TOKEN, proctoring, run, wait_for_page_threads
from tests.support.recorder import Answer, RecordedRequest, Recorder

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
        served.faults.during(REPORT, faults.drop_response(probability=0.1)),
    ):
        found = read(served, mode, 8)
    assert found == expected
    assert served.faults.fired.counts.total() > before


@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
def test_rows_that_shift_between_pages_are_reported(served: Sandbox, mode: str) -> None:
    with (
        served.faults.during(REPORT, faults.pages_shift(rows=2, most=20)),
        pytest.warns(ReportWarning) as seen,
    ):
        found = read(served, mode, 4)
    texts = [str(each.message) for each in seen]
    assert any("at row " in text and " also came on the previous page; " in text for text in texts)
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


def slow_pages(request: RecordedRequest) -> Answer:
    """A page of ten rows; later ones take a while, so that they are in flight when the loop is left."""
    offset = int(dict(request.query_pairs).get("offset", 0))
    time.sleep(0.02 if offset > 60 else 0)
    rows = [{"sid": f"ES{number:032x}"} for number in range(offset, offset + 10)]
    return Answer.of_json({"results": rows, "total": 100_000, "next": "/v1/next"})


def tasks(mode: str) -> int:
    """How many tasks there are, apart from this one."""
    return len(asyncio.all_tasks()) - 1 if mode == "asyncio" else trio.lowlevel.current_statistics().tasks_living


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not condition():
            await anyio.sleep(0.005)


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
def test_a_hundred_loops_that_are_left_leave_no_task(mode: Any) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            await client.reports.service_distribution().first()
            before = tasks(mode)
            gc.disable()  # no task waits for the garbage collector
            try:
                for _ in range(100):
                    number = 0
                    async for _ in client.reports.service_distribution().prefetch(20):
                        number += 1
                        if number == 60:
                            break
                    await until(lambda: tasks(mode) == before)
            finally:
                gc.enable()
            assert len(await client.reports.service_distribution().prefetch(4).pages().__anext__()) == 10

    with Recorder(slow_pages) as server:
        run(mode, scenario)


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
@pytest.mark.parametrize("kept", ["rows", "pages"])
def test_closing_an_iterator_that_is_kept_waits_for_its_tasks(mode: Any, kept: str) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            await client.reports.service_distribution().first()
            before = tasks(mode)
            pager = client.reports.service_distribution(offset=100).prefetch(20)
            iterator: Any = aiter(pager) if kept == "rows" else pager.pages()
            async with contextlib.aclosing(iterator):
                await anext(iterator)
                assert tasks(mode) == before + 20
            assert tasks(mode) == before
            # Cancelled before they have begun.
            iterator = aiter(pager)
            await anext(iterator)
            await iterator.aclose()
            await iterator.aclose()
            assert tasks(mode) == before

    with Recorder(slow_pages) as server:
        run(mode, scenario)


@pytest.mark.parametrize("closing", [False, True])
def test_loops_that_are_left_leave_no_thread(closing: bool) -> None:
    with Recorder(slow_pages) as server, SmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
        for _ in range(5):
            rows: Any = iter(client.reports.service_distribution().prefetch(20))
            for number, _ in enumerate(rows):
                if number == 60:
                    break
            if closing:
                rows.close()
            else:
                del rows
            sent = len(server.requests)
            wait_for_page_threads()
            # What was on its way to the server may still arrive; nothing follows it.
            assert len(server.requests) <= sent + 20
            settled = len(server.requests)
            time.sleep(0.03)
            assert len(server.requests) == settled
