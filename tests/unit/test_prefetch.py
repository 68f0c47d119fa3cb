"""Pages in flight: the same rows, errors and warnings as page by page, only sooner."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import anyio
import httpx
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from invigilate import (
    APIConnectionError,
    APITimeoutError,
    AsyncSmarterProctoring,
    BadRequestError,
    IncompleteResultError,
    InvalidArgumentError,
    InvigilateError,
    ReportWarning,
    SmarterProctoring,
)
from tests.support.fakes import INSTALL, TOKEN

PATIENCE = 10.0
"""Seconds after which a test that waits has failed."""

Mode = str
MODES = ("sync", "asyncio", "trio")


def sid(number: int) -> str:
    return f"ES{number:032x}"


class Asked(NamedTuple):
    offset: int
    limit: int


Pages = Callable[[Asked], tuple[int, dict[str, Any]]]


class Server(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A report whose pages depend on what is asked alone, and come in any order.

    `before` is called with what was asked, while the request counts as being in flight.
    """

    def __init__(
        self,
        page: Pages,
        *,
        wait: Callable[[Asked], float] = lambda asked: 0.0,
    ) -> None:
        self.page = page
        self.wait = wait
        self.asked: list[Asked] = []
        self.now = self.most = self.ended = self.cancelled = 0
        self.changed = threading.Condition()

    def _begin(self, request: httpx.Request) -> Asked:
        query = request.url.params
        asked = Asked(int(query.get("offset", 0)), int(query.get("limit", 50)))
        with self.changed:
            self.asked.append(asked)
            self.now += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
        return asked

    def _end(self) -> None:
        with self.changed:
            self.now -= 1
            self.ended += 1
            self.changed.notify_all()

    def _answer(self, asked: Asked) -> httpx.Response:
        status, body = self.page(asked)
        return httpx.Response(status, content=json.dumps(body).encode())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asked = self._begin(request)
        try:
            time.sleep(self.wait(asked))
            return self._answer(asked)
        finally:
            self._end()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = self._begin(request)
        try:
            await anyio.sleep(self.wait(asked))
            return self._answer(asked)
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        finally:
            self._end()

    def until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE)


def plain(count: int, cap: int = 10, total: Callable[[int], Any] = lambda offset: ...) -> Pages:
    """The pages of a report of so many rows."""

    def page(asked: Asked) -> tuple[int, dict[str, Any]]:
        size = min(asked.limit, cap)
        rows = [{"sid": sid(number)} for number in range(asked.offset, min(asked.offset + size, count))]
        said = total(asked.offset)
        following = "/v1/next" if asked.offset + len(rows) < count else None
        return 200, {"results": rows, "total": count if said is ... else said, "next": following}

    return page


class Outcome(NamedTuple):
    """What a reader of a report saw."""

    rows: list[str]
    error: str | None
    warnings: list[str]
    total: int | None


def read(mode: Mode, server: Server, ahead: int | None, **options: Any) -> Outcome:
    """Read a report to its end, with so many pages in flight."""
    rows: list[str] = []
    arguments: dict[str, Any] = {"token": TOKEN, "install_sid": INSTALL, "transport": server, "max_retries": 0}
    limits = {name: options.pop(name) for name in ("deadline",) if name in options}

    def pager_of(client: Any) -> Any:
        pager = client.with_options(**limits).reports.service_distribution(**options)
        return pager if ahead is None else pager.prefetch(ahead)

    async def main() -> Any:
        async with AsyncSmarterProctoring(**arguments) as client:
            pager = pager_of(client)
            error = None
            try:
                async for row in pager:
                    rows.extend(row.to_dict().values())
            except InvigilateError as caught:
                error = caught
            return pager, error

    def sync() -> Any:
        with SmarterProctoring(**arguments) as client:
            pager = pager_of(client)
            error = None
            try:
                for row in pager:
                    rows.extend(row.to_dict().values())
            except InvigilateError as caught:
                error = caught
            return pager, error

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        pager, error = sync() if mode == "sync" else anyio.run(main, backend=mode)
    texts = [str(each.message) for each in seen if issubclass(each.category, ReportWarning)]
    assert texts == [str(each) for each in pager.warnings]
    return Outcome(rows, None if error is None else f"{type(error).__name__}: {error}", texts, pager.total)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 60),
    caps=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    totals=st.lists(st.one_of(st.just(0), st.integers(-30, 5), st.none()), min_size=1, max_size=3),
    shift=st.integers(0, 3),
    broken=st.one_of(st.none(), st.integers(0, 60)),
    cycle=st.one_of(st.none(), st.integers(1, 30)),
    linked=st.sampled_from([None, False, True]),
    named=st.booleans(),
    ahead=st.integers(1, 9),
    limit=st.one_of(st.none(), st.integers(1, 12)),
    offset=st.integers(0, 20),
    seed=st.integers(0, 2**16),
)
def test_whatever_the_server_does_the_reader_sees_the_same(
    mode: Mode,
    count: int,
    caps: list[int],
    totals: list[int | None],
    shift: int,
    broken: int | None,
    cycle: int | None,
    linked: bool | None,
    named: bool,
    ahead: int,
    limit: int | None,
    offset: int,
    seed: int,
) -> None:
    """Caps that differ, wrong, changing and missing totals, rows that shift or come again, pages that fail."""

    def page(asked: Asked) -> tuple[int, dict[str, Any]]:
        if broken is not None and asked.offset >= broken:
            return 400, {"message": f"no page at {asked.offset}"}
        cap = caps[asked.offset % len(caps)]
        first = max(0, asked.offset - (shift if asked.offset % 3 else 0))
        first = first if cycle is None else first % cycle
        key = "sid" if named else "name"
        rows = [{key: sid(number)} for number in range(first, min(first + min(asked.limit, cap), count))]
        change = totals[asked.offset % len(totals)]
        following = {} if linked is None else {"next": "/v1/next" if linked and rows else None}
        return 200, {"results": rows, "total": None if change is None else max(0, count + change), **following}

    arguments: dict[str, Any] = {"offset": offset} | ({} if limit is None else {"limit": limit})
    chance = random.Random(seed)
    one_by_one = read(mode, Server(page), None, **arguments)
    server = Server(page, wait=lambda asked: chance.random() / 1000)
    assert read(mode, server, ahead, **arguments) == one_by_one
    # Where pages differ, those that were asked for in vain may still be on the wire.
    assert server.most <= (ahead if len(caps) == len(totals) == 1 else 2 * ahead)


@pytest.mark.parametrize("mode", MODES)
def test_so_many_pages_are_in_flight_and_no_more(mode: Mode) -> None:
    # The first page alone, since it tells how many rows a page has; then each page waits until six are on their way.
    together = 6
    server = Server(plain(310))

    def wait(asked: Asked) -> float:
        if mode == "sync" and 0 < asked.offset <= 10 * together:
            server.until(lambda: len(server.asked) > together)
        return 0.01

    server.wait = wait
    outcome = read(mode, server, together)
    assert outcome == Outcome([sid(number) for number in range(310)], None, [], 310)
    assert server.most == together
    assert sorted(asked.offset for asked in server.asked) == list(range(0, 310, 10))
    assert server.asked[0].offset == 0


@pytest.mark.parametrize("mode", MODES)
def test_without_a_total_one_page_is_in_flight(mode: Mode) -> None:
    server = Server(plain(45, total=lambda offset: None))
    assert len(read(mode, server, 8).rows) == 45
    assert server.most == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_report_of_one_page_takes_one_request(mode: Mode) -> None:
    server = Server(plain(10))
    assert len(read(mode, server, 8).rows) == 10
    assert len(server.asked) == 1


def clients(server: Server, **options: Any) -> SmarterProctoring:
    return SmarterProctoring(TOKEN, INSTALL, transport=server, **options)


def test_an_error_comes_at_its_place_and_the_page_can_be_asked_for_again() -> None:
    whole = plain(60)
    failing = threading.Event()
    failing.set()

    def page(asked: Asked) -> tuple[int, dict[str, Any]]:
        return (400, {"message": "no"}) if asked.offset == 30 and failing.is_set() else whole(asked)

    server = Server(page)
    with clients(server) as client:
        pages = client.reports.service_distribution().prefetch(4).pages()
        assert [next(pages).offset for _ in range(3)] == [0, 10, 20]
        for _ in range(2):
            with pytest.raises(BadRequestError):
                next(pages)
        failing.clear()
        assert [each.offset for each in pages] == [30, 40, 50]
        assert list(pages) == []


def test_memory_is_bounded_by_what_is_in_flight() -> None:
    server = Server(plain(1000))
    with clients(server) as client:
        pages = client.reports.service_distribution().prefetch(5).pages()
        next(pages)
        server.until(lambda: server.ended == 6)
        time.sleep(0.02)
        assert len(server.asked) == 6
        next(pages)
        server.until(lambda: server.ended == 7)


def leave_by_break(rows: Iterator[Any]) -> None:
    for _ in rows:
        break


def leave_by_error(rows: Iterator[Any]) -> None:
    def use() -> None:
        for row in rows:
            raise KeyError(row.sid)

    with pytest.raises(KeyError):
        use()


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_error])
def test_whoever_leaves_the_loop_sends_nothing_more(leave: Callable[[Any], None]) -> None:
    released = threading.Event()
    lost: list[int] = []

    def page(asked: Asked) -> tuple[int, dict[str, Any]]:
        if asked.offset:
            assert released.wait(PATIENCE)
            lost.append(asked.offset)
            raise httpx.ReadError("lost")
        return plain(1000)(asked)

    server = Server(page)
    with clients(server, max_retries=3) as client:
        leave(iter(client.reports.service_distribution().prefetch(4)))
        gc.collect()
        server.until(lambda: len(server.asked) == 5)
        released.set()
        server.until(lambda: len(lost) == 4)
        # They would be repeated after half a second at most, if somebody waited for them.
        time.sleep(0.7)
        assert len(server.asked) == 5


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("way", ["break", "error", "cancelled"])
def test_whoever_leaves_the_async_loop_cancels_what_is_in_flight(backend: str, way: str) -> None:
    server = Server(plain(1000), wait=lambda asked: 60.0 if asked.offset else 0.0)

    async def main() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=server) as client:
            rows = aiter(client.reports.service_distribution().prefetch(4))
            if way == "cancelled":
                with anyio.move_on_after(0.2) as scope:
                    async for _ in rows:
                        pass
                assert scope.cancelled_caught
            else:
                await leave(rows, way)
            del rows
            gc.collect()
            with anyio.fail_after(PATIENCE):
                while server.cancelled < 4:
                    await anyio.sleep(0.01)
            assert server.now == 0
            assert len(server.asked) == 5

    async def leave(rows: AsyncIterator[Any], way: str) -> None:
        try:
            async for _ in rows:
                while len(server.asked) < 5:
                    await anyio.sleep(0.01)
                if way == "break":
                    break
                raise KeyError
        except KeyError:
            assert way == "error"

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_iterator_may_be_collected_in_another_thread(backend: str) -> None:
    server = Server(plain(1000), wait=lambda asked: 60.0 if asked.offset else 0.0)

    async def main() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=server) as client:
            kept = [client.reports.service_distribution().prefetch(4).pages()]
            await anext(kept[0])
            with anyio.fail_after(PATIENCE):
                while len(server.asked) < 5:
                    await anyio.sleep(0.01)
                await anyio.to_thread.run_sync(kept.clear)
                while server.cancelled < 4:
                    await anyio.sleep(0.01)

    anyio.run(main, backend=backend)


def test_the_rest_is_left_when_a_page_fails() -> None:
    def page(asked: Asked) -> tuple[int, dict[str, Any]]:
        return (400, {}) if asked.offset == 10 else plain(1000)(asked)

    server = Server(page)
    with clients(server) as client:
        rows = iter(client.reports.service_distribution().prefetch(3))
        with pytest.raises(BadRequestError):
            list(rows)
        server.until(lambda: server.now == 0)
        count = len(server.asked)
        time.sleep(0.02)
        assert len(server.asked) == count <= 5


@pytest.mark.parametrize("mode", MODES)
def test_the_deadline_is_that_of_the_whole_reading(mode: Mode) -> None:
    server = Server(plain(1000), wait=lambda asked: 0.05)
    started = time.monotonic()
    outcome = read(mode, server, 2, deadline=0.4)
    assert time.monotonic() - started < 5
    assert outcome.error is not None
    assert outcome.error.startswith(APITimeoutError.__name__)
    assert 0 < len(outcome.rows) < 1000


@pytest.mark.parametrize("mode", MODES)
def test_a_report_that_breaks_off(mode: Mode) -> None:
    outcome = read(mode, Server(plain(60, total=lambda offset: 100)), 8)
    assert outcome.rows == [sid(number) for number in range(60)]
    assert outcome.error is not None
    assert outcome.error.startswith(IncompleteResultError.__name__)
    assert "the page at row 60 is empty, but the total is 100" in outcome.error


def test_a_closed_client() -> None:
    with clients(Server(plain(1000), wait=lambda asked: 0.02)) as client:
        rows = iter(client.reports.service_distribution().prefetch(4))
        next(rows)
    with pytest.raises((ValueError, APIConnectionError), match="closed"):
        list(rows)


@pytest.mark.parametrize("ahead", [None, 1, 4])
@pytest.mark.parametrize("mode", MODES)
def test_signs_of_change_are_reported_with_their_offset_and_nothing_is_repaired(mode: Mode, ahead: int | None) -> None:
    def page(asked: Asked) -> tuple[int, dict[str, Any]]:
        # Two rows were added in front after the first page: the second page begins with the end of the first.
        first = asked.offset - 2 if asked.offset else 0
        total = 32 if asked.offset else 30
        rows = [{"sid": sid(number)} for number in range(first, min(first + 10, 30))]
        return 200, {"results": rows, "total": total}

    outcome = read(mode, Server(page), ahead)
    assert outcome.warnings == [
        "at row 10, the total changed from 30 to 32; rows may be missing or duplicated",
        f"at row 10, {sid(8)}, {sid(9)} also came on the previous page; rows may be missing or duplicated",
    ]
    numbers = [*range(10), *range(8, 30)]
    assert outcome.rows == [sid(number) for number in numbers]
    assert outcome.error is None


def test_a_warning_points_to_the_line_that_reads() -> None:
    for ahead in (None, 2):
        server = Server(plain(30, total=lambda offset: 31 if offset else 30))
        pager = clients(server).reports.service_distribution()
        with (
            pytest.warns(ReportWarning, match="from 30 to 31") as seen,
            pytest.raises(IncompleteResultError, match="the page at row 30 is empty, but the total is 31"),
        ):
            for _ in pager if ahead is None else pager.prefetch(ahead):
                pass
        assert {each.filename for each in seen} == {__file__}
        assert seen[0].message.offset == 10  # type: ignore[union-attr]


def test_many_repeated_rows_are_counted() -> None:
    def page(asked: Asked) -> tuple[int, dict[str, Any]]:
        # The second page has the rows of the first, and one more.
        return 200, {"results": [{"sid": sid(n)} for n in range(6 if asked.offset else 5)], "total": 11, "next": None}

    with pytest.warns(
        ReportWarning, match=f"^at row 5, {sid(0)}, {sid(1)}, {sid(2)} and 2 more also came on the previous page"
    ):
        assert len(clients(Server(page)).reports.service_distribution().collect()) == 11


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_ignores_the_offset_and_announces_no_total(mode: Mode) -> None:
    server = Server(lambda asked: (200, {"results": [{"sid": sid(n)} for n in range(5)]}))
    outcome = read(mode, server, None)
    assert outcome.error is not None
    assert "the page at row 5 was received before: the server seems to ignore `offset`" in outcome.error
    assert len(outcome.rows) == 5


def test_the_pager_itself_stays_as_it_is() -> None:
    server = Server(plain(35))
    with clients(server) as client:
        pager = client.reports.service_distribution()
        ahead = pager.prefetch(3)
        assert len(ahead.collect()) == 35
        assert len(ahead.collect()) == 35
        assert (ahead.total, pager.total) == (35, None)
        assert len(pager.collect()) == 35
        first = ahead.first()
        assert first is not None
        assert first.sid == sid(0)
        assert len(client.paginate("/v1/anything").prefetch(3).collect()) == 35


@pytest.mark.parametrize("pages", [0, -1, 101, 2.0, True, "8", None])
def test_what_is_no_number_of_pages(pages: Any) -> None:
    with clients(Server(plain(1))) as client, pytest.raises(InvalidArgumentError, match="pages: expected an integer"):
        client.reports.service_distribution().prefetch(pages)


@pytest.mark.parametrize("mode", MODES)
def test_the_first_row_costs_one_page_though_more_might_be_in_flight(mode: Mode) -> None:
    server = Server(plain(100))

    async def main() -> Any:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=server) as client:
            return await client.reports.service_distribution().prefetch(8).first()

    if mode == "sync":
        with clients(server) as client:
            row: Any = client.reports.service_distribution().prefetch(8).first()
    else:
        row = anyio.run(main, backend=mode)
    assert row.sid == sid(0)
    assert len(server.asked) == 1


@pytest.mark.parametrize("ahead", [None, 3])
def test_a_warning_that_is_an_error_loses_no_page(ahead: int | None) -> None:
    server = Server(plain(30, total=lambda offset: 30 if offset < 20 else 31))
    with clients(server) as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        pager = client.reports.service_distribution()
        pages = (pager if ahead is None else pager.prefetch(ahead)).pages()
        assert [next(pages).offset for _ in range(2)] == [0, 10]
        with pytest.raises(ReportWarning, match="at row 20, the total changed from 30 to 31"):
            next(pages)
        warnings.simplefilter("ignore")
        assert next(pages).offset == 20


def test_without_more_threads_it_goes_on_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(plain(60))
    start, started = threading.Thread.start, 0

    def limited(thread: threading.Thread) -> None:
        nonlocal started
        if thread.name == "invigilate-page":
            started += 1
            if started % 3 == 0:
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    with clients(server) as client:
        pages = client.reports.service_distribution().prefetch(4).pages()
        found: list[str] = []
        while True:
            try:
                found += [row.sid for row in next(pages)]  # type: ignore[misc]
            except RuntimeError:
                continue
            except StopIteration:
                break
    assert found == [sid(number) for number in range(60)]


def test_a_warning_in_code_that_belongs_to_no_module() -> None:
    server = Server(plain(20, total=lambda offset: 20 + offset))
    with clients(server) as client, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        pager = client.reports.service_distribution()
        with pytest.raises(IncompleteResultError, match="the page at row 20 is empty, but the total is 40"):
            exec("for _ in pager: pass", {"pager": pager})
    assert str(seen[0].message).startswith("at row 10, the total changed from 20 to 30")


@pytest.mark.parametrize("mode", MODES)
def test_rows_without_sids_that_come_again_and_again(mode: Mode) -> None:
    server = Server(lambda asked: (200, {"results": [{"name": "a"}, {"name": "b"}]}))

    async def main() -> Any:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=server) as client:
            return await client.paginate("/v1/anything").collect()

    def read_all() -> None:
        if mode == "sync":
            with clients(server) as client:
                client.paginate("/v1/anything").collect()
        else:
            anyio.run(main, backend=mode)

    with pytest.raises(IncompleteResultError, match="the page at row 2 was received before"):
        read_all()
    assert len(server.asked) == 2


@pytest.mark.parametrize("mode", MODES)
def test_a_token_callable_sees_the_variables_of_the_reader(mode: Mode) -> None:
    variable: ContextVar[str] = ContextVar("tenant", default="none")
    seen: list[str] = []

    def token() -> str:
        seen.append(variable.get())
        return TOKEN

    def pager_of(client: Any) -> Any:
        return client.reports.service_distribution().prefetch(3)

    async def main() -> Any:
        variable.set("north")
        async with AsyncSmarterProctoring(token, INSTALL, transport=server) as client:
            return await pager_of(client).collect()

    server = Server(plain(50))
    if mode == "sync":
        reset = variable.set("north")
        with SmarterProctoring(token, INSTALL, transport=server) as client:
            rows = pager_of(client).collect()
        variable.reset(reset)
    else:
        rows = anyio.run(main, backend=mode)
    assert len(rows) == 50
    assert set(seen) == {"north"}
    assert len(seen) >= 5


def test_an_interrupted_start_of_threads_loses_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(asked: Asked) -> tuple[int, dict[str, Any]]:
        rows = [{"sid": sid(n)} for n in range(asked.offset, min(asked.offset + 5, 40))]
        return 200, {"results": rows, "total": 40, "next": None}

    start, starts = threading.Thread.start, iter(range(1_000_000))

    def interrupted(thread: threading.Thread) -> None:
        if thread.name == "invigilate-page" and next(starts) == 2:
            raise KeyboardInterrupt
        start(thread)

    rows = iter(clients(Server(page)).reports.service_distribution().prefetch(3))
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(rows)
    assert [row.sid for row in rows] == [sid(n) for n in range(40)]


def test_trio_in_a_thread_where_an_asyncio_loop_waits() -> None:
    """Playwright leaves such a loop behind between two calls: tasks on it would never run."""

    async def reader() -> list[str]:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=Server(plain(60))) as client:
            with trio.fail_after(PATIENCE):
                return [str(row.sid) async for row in client.reports.service_distribution(limit=10).prefetch(3)]

    loop = asyncio.new_event_loop()
    asyncio._set_running_loop(loop)
    try:
        assert trio.run(reader) == [sid(number) for number in range(60)]
    finally:
        asyncio._set_running_loop(None)
        loop.close()
