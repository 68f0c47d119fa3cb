"""Reports page by page: every row once, or an error; never a silent end."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate import (
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncPager,
    AsyncSmarterProctoring,
    IncompleteResultError,
    InternalServerError,
    InvalidArgumentError,
    NotFoundError,
    Pager,
    Pagination,
    PermissionDeniedError,
    ReportWarning,
    ResponseDecodeError,
)
from invigilate._pagination import (
    CursorProgress,
    OffsetProgress,
    Page,
    Repeats,
    first_position,
    sids_of,
    whole_number,
)
from invigilate._requests import OFFSET
from smarterproctoring_client.models import ServiceDistributionRow
from tests.support.fakes import (
    INSTALL,
    MODES,
    TOKEN,
    Lost,
    Mode,
    Reply,
    Script,
    Sent,
    Step,
    collect,
    page,
    perform,
    proctoring,
    report,
)


def row(number: int) -> dict[str, Any]:
    return {"sid": f"row-{number}", "position": number}


def numbers(rows: list[Any]) -> list[int]:
    return [item.additional_properties["position"] for item in rows]


Total = Callable[[int], Any]
TOTALS: dict[str, Total] = {
    "exact": lambda count: count,
    "float": lambda count: float(count),
    "null": lambda count: None,
    "text": lambda count: str(count),
    "boolean": lambda count: True,
    "negative": lambda count: -1,
    "fraction": lambda count: count + 0.5,
    "object": lambda count: {"value": count},
}


class Report:
    """A server with rows, which does as the documentation says, or nearly."""

    def __init__(self, count: int, cap: int = 50, total: Total = TOTALS["exact"], linked: bool = True) -> None:
        self.rows = [row(number) for number in range(count)]
        self.cap = cap
        self.total = total
        self.linked = linked

    def __call__(self, sent: Sent) -> Reply:
        query = dict(sent.query)
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 50)), self.cap)
        rows = self.rows[offset : offset + limit]
        hostile = "https://elsewhere.example.com/next"
        following = {"next": hostile if offset + len(rows) < len(self.rows) else None} if self.linked else {}
        envelope = {"total": self.total(len(self.rows)), "first": hostile, "count": len(rows), "offset": offset}
        return page(rows, **envelope, **following)


@given(
    count=st.integers(0, 60),
    cap=st.integers(1, 70),
    limit=st.none() | st.integers(1, 70),
    start=st.none() | st.integers(0, 70),
    total=st.sampled_from(sorted(TOTALS)),
    linked=st.booleans(),
    mode=st.sampled_from(MODES),
)
def test_every_row_comes_once(
    count: int, cap: int, limit: int | None, start: int | None, total: str, linked: bool, mode: Mode
) -> None:
    server = Script(Report(count, cap, TOTALS[total], linked))
    given = {key: value for key, value in (("limit", limit), ("offset", start)) if value is not None}
    rows = collect(mode, server, lambda client: report(client, **given))
    assert numbers(rows) == list(range(start or 0, count))
    size = min(cap, limit or 50)
    left = max(0, count - (start or 0))
    # With a usable total nothing is requested in vain; without one, the end is an empty page. Without `next`, a full
    # page at the total may hide that there are more.
    pages, last = math.ceil(left / size), left % size or size
    full = left > 0 and not linked and ((pages > 1 and last == size) or last == limit)
    assert len(server.sent) == (max(1, pages) + full if total in {"exact", "float"} else pages + 1)
    for number, sent in enumerate(server.sent):
        query = dict(sent.query)
        assert query.pop("limit", None) == (None if limit is None else str(limit))
        offset = (start or 0) + min(number * size, left)
        assert query.pop("offset", None) == (str(offset) if offset or start is not None else None)
        assert query == {}
        assert sent.url.startswith("https://api.smarterproctoring.com/v1/")


class Said(NamedTuple):
    """What a page of the script below says besides its rows."""

    rows: list[int]
    total: int | None
    linked: bool | None


PAGES = st.builds(
    Said,
    rows=st.lists(st.integers(0, 3), max_size=4),
    total=st.none() | st.integers(0, 30),
    linked=st.sampled_from([None, False, True]),
)


@given(
    script=st.lists(PAGES, min_size=1, max_size=6),
    again=st.booleans(),
    named=st.booleans(),
    mode=st.sampled_from(MODES),
)
def test_what_is_served_is_returned_to_its_announced_end_or_there_is_an_error(
    script: list[Said], again: bool, named: bool, mode: Mode
) -> None:
    """Any sizes, totals and links, and the same pages again and again: bounded requests, and no silent end."""
    served: list[int] = []
    told: list[Said] = []

    def serve(sent: Sent) -> Reply:
        assert int(dict(sent.query).get("offset", 0)) == len(served), "asked for other rows than those that follow"
        number = len(told)
        said = script[number % len(script)] if again or number < len(script) else Said([], None, None)
        told.append(said)
        served.extend(said.rows)
        envelope: dict[str, Any] = {} if said.linked is None else {"next": "/v1/next" if said.linked else None}
        if said.total is not None:
            envelope["total"] = said.total
        return page([{"sid": f"row-{n}", "position": n} if named else {"position": n} for n in said.rows], **envelope)

    found: list[int] = []
    with warnings.catch_warnings():  # of totals that change, and of rows that come again
        warnings.simplefilter("ignore")
        try:
            found = [item["position"] for item in collect(mode, Script(serve), lambda c: c.paginate("/v1/x"))]
        except IncompleteResultError:
            pass
        else:
            assert found == served
            assert len(found) >= max((said.total or 0 for said in told), default=0)
            assert not told[-1].linked
    assert len(told) < 250


@given(
    rows=st.integers(0, 40),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    announces=st.lists(st.booleans(), min_size=1, max_size=4),
    ahead=st.none() | st.integers(1, 5),
    mode=st.sampled_from(MODES),
)
def test_a_consistent_server_is_read_whole_whichever_pages_announce_the_total(
    rows: int, sizes: list[int], announces: list[bool], ahead: int | None, mode: Mode
) -> None:
    def serve(sent: Sent) -> Reply:
        offset = int(dict(sent.query).get("offset", 0))
        size, announced = sizes[offset % len(sizes)], announces[offset % len(announces)]
        return page([row(n) for n in range(offset, min(rows, offset + size))], **{"total": rows} if announced else {})

    def pager(client: Any) -> Any:
        return report(client) if ahead is None else report(client).prefetch(ahead)

    assert numbers(collect(mode, Script(serve), pager)) == list(range(rows))


@pytest.mark.parametrize("mode", MODES)
def test_a_report_that_grows_while_it_is_read(mode: Mode) -> None:
    server_side = Report(3, cap=2)

    def serve(sent: Sent) -> Reply:
        reply = server_side(sent)
        if len(server_side.rows) < 9:
            server_side.rows.append(row(len(server_side.rows)))
        return reply

    with pytest.warns(ReportWarning, match="at row 2, the total changed from 3 to 4"):
        rows = collect(mode, Script(serve), report)
    assert numbers(rows) == list(range(len(rows)))
    assert len(rows) >= 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("said", [{}, {"total": None}, {"total": 0}, {"total": 1}, {"total": "1000"}])
def test_a_total_that_was_announced_holds(mode: Mode, said: dict[str, Any]) -> None:
    server = Script(page([row(0), row(1)], total=1000), page([], **said))
    with pytest.raises(IncompleteResultError, match="the page at row 2 is empty, but the total is 1000") as caught:
        collect(mode, server, report)
    assert (caught.value.total, caught.value.received) == (1000, 2)


@pytest.mark.parametrize("mode", MODES)
def test_a_report_that_shrinks_does_not_end_below_the_largest_total(mode: Mode) -> None:
    # One of four rows was deleted before the second page was read: the third slipped past the reader.
    server = Script(page([row(0), row(1)], total=4), page([row(3)], total=3), page([], total=3))
    with (
        pytest.warns(ReportWarning, match="at row 2, the total changed from 4 to 3"),
        pytest.raises(IncompleteResultError, match="the page at row 3 is empty, but the total is 4"),
    ):
        collect(mode, server, report)
    # A total that was wrong on one page costs nothing.
    server = Script(page([row(0), row(1)], total=4), page([row(2)], total=3), page([row(3)], total=4))
    with pytest.warns(ReportWarning, match="the total changed"):
        assert numbers(collect(mode, server, report)) == [0, 1, 2, 3]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("link", ["/v1/next?offset=2", {"offset": 2}, True])
def test_an_end_with_next_set_is_an_error(mode: Mode, link: Any) -> None:
    for total in ({}, {"total": 2}):
        # At the total, the rows that `next` announces are asked for once, by offset.
        server = Script(page([row(0), row(1)], next=link, **total), page([], **total))
        with pytest.raises(IncompleteResultError, match="the page at row 2 is empty, but `next` announced more rows"):
            collect(mode, server, report)
        assert [dict(sent.query).get("offset") for sent in server.sent] == [None, "2"]
        with pytest.raises(IncompleteResultError, match="`next` announced more rows"):
            collect(mode, Script(page([row(0), row(1)]), page([], next=link)), report)
    refused = Script(page([row(0), row(1)], total=2, next=link), Reply(404))
    with pytest.raises(NotFoundError):
        collect(mode, refused, report)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("none", [None, "", False])
def test_a_next_that_is_empty_is_the_end_at_the_total(mode: Mode, none: Any) -> None:
    server = Script(page([row(0)], total=2), page([row(1)], total=2, next=none))
    assert numbers(collect(mode, server, lambda client: report(client, limit=1))) == [0, 1]
    assert len(server.sent) == 2


@pytest.mark.parametrize("mode", MODES)
def test_more_rows_than_the_total_are_an_error(mode: Mode) -> None:
    def two_hundred(sent: Sent) -> Reply:
        offset = int(dict(sent.query).get("offset", 0))
        return page([row(n) for n in range(offset, min(offset + 50, 200))], total=100)

    server = Script(two_hundred)
    with pytest.raises(IncompleteResultError, match="received 150 rows, but the total is 100") as caught:
        collect(mode, server, report)
    assert (caught.value.total, caught.value.received) == (100, 150)
    assert len(server.sent) == 3
    with pytest.raises(IncompleteResultError, match="received 200 rows, but the total is 100"):
        collect(mode, Script(page(map(row, range(200)), total=100)), report)
    with pytest.raises(IncompleteResultError, match="received 9 rows, but the total is 3"):
        collect(mode, Script(page([row(7), row(8)], total=3)), lambda client: report(client, offset=7))
    # The total holds where a page announces none.
    with pytest.raises(IncompleteResultError, match="received 4 rows, but the total is 3"):
        collect(mode, Script(page([row(0), row(1)], total=3), page([row(2), row(3)])), report)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [400, 404, 416, 422])
def test_a_server_may_refuse_the_page_behind_the_total(mode: Mode, status: int) -> None:
    for ahead in (1, None):

        def pager(client: Any, ahead: int | None = ahead) -> Any:
            return report(client) if ahead is None else report(client).prefetch(ahead)

        server = Script(page([row(0)], total=2), page([row(1)], total=2), Reply(status))
        assert numbers(collect(mode, server, pager)) == [0, 1]
        assert len(server.sent) == 3
    with pytest.raises(PermissionDeniedError):
        collect(mode, Script(page([row(0)], total=2), page([row(1)], total=2), Reply(403)), report)


def test_a_report_that_grows_at_its_end_is_read_on() -> None:
    server = Script(page([row(0)], total=2), page([row(1)], total=2), page([row(2)], total=3), page([], total=3))
    with pytest.warns(ReportWarning, match="at row 2, the total changed from 2 to 3"):
        assert numbers(report(proctoring(server)).collect()) == [0, 1, 2]


A, B, C = [row(0), row(1)], [row(2), row(3)], [row(4), row(5)]
BARE_A, BARE_B = [{"name": "a"}, {"name": "b"}], [{"name": "c"}, {"name": "d"}]
ALIKE, OTHERS = [{"passed": True}] * 2, [{"passed": False}] * 2
SHUFFLED = [row(1), row(0)]


@pytest.mark.filterwarnings("ignore::invigilate.ReportWarning")  # of single rows that come again
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("total", [{}, {"total": 1000}])
@pytest.mark.parametrize(
    ("pages", "most"),
    [
        ([A], 2),
        ([BARE_A], 2),
        ([A, SHUFFLED], 2),
        ([A, B], 4),
        ([BARE_A, BARE_B], 4),
        ([A, B, C], 7),
        ([A, BARE_A, ALIKE], 7),
        ([[row(0)], [row(1)]], 26),
    ],
)
def test_pages_that_come_again_are_an_error(
    mode: Mode, pages: list[list[Any]], most: int, total: dict[str, int]
) -> None:
    server = Script(lambda sent: page(pages[(len(server.sent) - 1) % len(pages)], **total))
    with pytest.raises(
        IncompleteResultError, match="was received before: the server seems to ignore `params\\['offset'\\]`"
    ):
        collect(mode, server, lambda client: client.paginate("/v1/x"))
    assert len(server.sent) <= most


@pytest.mark.parametrize("pages", [[ALIKE], [ALIKE, OTHERS], [ALIKE[:1]], [ALIKE[:1], OTHERS[:1]]])
def test_pages_of_rows_that_are_all_alike_prove_nothing_one_by_one(pages: list[list[Any]]) -> None:
    server = Script(lambda sent: page(pages[(len(server.sent) - 1) % len(pages)]))
    with pytest.raises(IncompleteResultError, match="was received before"):
        proctoring(server).paginate("/v1/x").collect()
    assert 10 < len(server.sent) < 60

    def some(sent: Sent) -> Reply:
        number = len(bounded.sent) - 1
        return page(pages[number % len(pages)] if number < 8 else [])

    bounded = Script(some)
    assert len(proctoring(bounded).paginate("/v1/x").collect()) == 8 * len(pages[0])
    # A total bounds them, and the page behind it shows whether the server ignores the offset.
    counted = Script(lambda sent: page(pages[0], total=40))
    with pytest.raises(IncompleteResultError, match=r"received \d+ rows, but the total is 40"):
        proctoring(counted).paginate("/v1/x").collect()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("total", [3, 3.0, 1000])
def test_an_empty_page_before_the_total_is_an_error(mode: Mode, total: float) -> None:
    server = Script(page([row(0), row(1)], total=total), page([], total=total))
    with pytest.raises(IncompleteResultError) as caught:
        collect(mode, server, report)
    assert (caught.value.total, caught.value.received) == (total, 2)
    assert "2" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(IncompleteResultError):
        collect(mode, Script(page([], total=1)), report)
    with pytest.raises(IncompleteResultError):
        collect(mode, Script(page([], total=8)), lambda client: report(client, offset=7))


def test_that_error_names_the_call() -> None:
    with pytest.raises(IncompleteResultError) as caught:
        report(proctoring(Script(page([], total=1)))).collect()
    assert str(caught.value).endswith(f" (GET /v1/installs/{INSTALL}/reports/serviceDistribution)")
    assert caught.value.operation == "getServiceDistribution"


BROKEN: dict[str, Any] = {
    "no results": {"total": 3},
    "null": {"total": 3, "results": None},
    "an object": {"total": 3, "results": {"0": row(0)}},
    "a text": {"total": 3, "results": "[]"},
    "a number": {"total": 3, "results": 5},
    "a bare list": [row(0)],
    "a bare text": "results",
    "nothing": None,
    "no JSON": b"<html>It works</html>",
    "empty": b"",
    "half of it": b'{"total": 3, "results": [{"sid": ',
    "no UTF-8": b'{"results": ["\xff\xfe"]}',
    "a number of 5000 digits": b'{"results": [' + b"9" * 5000 + b"]}",
    "deep": b'{"results": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", BROKEN)
def test_a_page_without_a_list_of_rows_is_an_error_that_keeps_the_body(mode: Mode, kind: str) -> None:
    first = page([row(0), row(1)], total=4)
    broken = Reply(200, BROKEN[kind], {"x-request-id": "req-7"})
    read: list[Any] = []

    def use(client: Any) -> Any:
        pager = report(client)
        if mode == "sync":
            read.extend(pager)
            return None

        async def rows() -> None:
            async for item in pager:
                read.append(item)

        return rows()

    with pytest.raises(ResponseDecodeError) as caught:
        perform(mode, Script(first, broken), use)
    error = caught.value
    assert numbers(read) == [0, 1]
    assert error.body == broken.response().content
    assert error.status_code == 200
    assert error.request_id == "req-7"
    assert f"/v1/installs/{INSTALL}/reports/serviceDistribution" in str(error)
    assert "row-0" not in str(error)
    assert "\n" not in str(error)


def test_rows_of_any_shape_come_as_they_are() -> None:
    odd = [None, 5, "text", [1], {"sid": 5, "new": {"a": 1}}, {}]
    rows = report(proctoring(Script(page(odd, total=6)))).collect()
    assert rows[:4] == odd[:4]
    assert rows[4].sid == 5
    assert rows[4]["new"] == {"a": 1}
    assert rows[5].to_dict() == {}


def test_nothing_is_sent_until_it_is_read_and_again_for_each_reading() -> None:
    server = Script(Report(3, cap=2))
    pager = report(proctoring(server))
    assert server.sent == []
    assert pager.total is None
    for reading in (1, 2):
        assert numbers(list(pager)) == [0, 1, 2]
        assert len(server.sent) == 2 * reading
        assert pager.total == 3
    rows: Iterator[Any] = iter(pager)
    assert len(server.sent) == 4
    next(rows)
    assert len(server.sent) == 5
    one, two = iter(pager), iter(pager)
    assert [next(one).sid, next(two).sid, next(one).sid, next(two).sid] == ["row-0", "row-0", "row-1", "row-1"]


@pytest.mark.parametrize("mode", MODES)
def test_pages_have_their_envelope(mode: Mode) -> None:
    def use(client: Any) -> Any:
        pager = report(client, offset=1)
        if mode == "sync":
            return list(pager.pages())

        async def pages() -> list[Any]:
            return [item async for item in pager.pages()]

        return pages()

    pages: list[Page[Any]] = perform(mode, Script(Report(4, cap=2)), use)
    assert [(item.offset, len(item), item.total) for item in pages] == [(1, 2, 4), (3, 1, 4)]
    assert [entry.sid for entry in pages[0]] == ["row-1", "row-2"]
    assert pages[0].rows == list(pages[0])
    assert pages[0].envelope["count"] == 2
    assert "results" not in pages[0].envelope
    assert repr(pages[0]) == "<Page of 2 rows at 1 of 4>"


@pytest.mark.parametrize("mode", MODES)
def test_the_first_row_costs_one_page(mode: Mode) -> None:
    server = Script(Report(100))
    assert perform(mode, server, lambda client: report(client).first()).sid == "row-0"
    assert len(server.sent) == 1
    assert perform(mode, Script(page([], total=0)), lambda client: report(client).first()) is None


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_first_row_leaves_nothing_behind(backend: str) -> None:
    async def main() -> None:
        client = AsyncSmarterProctoring(TOKEN, INSTALL, transport=Script(Report(100)))
        first = await report(client).first()
        assert first is not None
        await client.close()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_reading_that_is_left_early_needs_no_closing(backend: str) -> None:
    async def main() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=Script(Report(100))) as client:
            async for _ in report(client):
                break
            async for _ in report(client).pages():
                break

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("mode", MODES)
def test_whoever_reads_on_after_an_error_misses_nothing(mode: Mode) -> None:
    last = page([row(1), row(2)], total=3, next=None)
    server = Script(page([row(0)], total=3), Reply(500), Reply(200, {}), page([], total=3), last)
    failures: list[type[Exception]] = []
    found: list[Any] = []

    def use(client: Any) -> Any:
        if mode == "sync":
            rows = iter(report(client))
            while len(failures) < 9:
                try:
                    found.append(next(rows))
                except StopIteration:
                    return None
                except APIError as error:
                    failures.append(type(error))
            return None

        async def read() -> None:
            rows = aiter(report(client))
            while len(failures) < 9:
                try:
                    found.append(await anext(rows))
                except StopAsyncIteration:
                    return
                except APIError as error:
                    failures.append(type(error))

        return read()

    perform(mode, server, use, max_retries=0)
    assert numbers(found) == [0, 1, 2]
    assert failures == [InternalServerError, ResponseDecodeError, IncompleteResultError]


@pytest.mark.parametrize("mode", MODES)
def test_both_clients_send_the_same(mode: Mode) -> None:
    server = Script(Report(5, cap=2))
    filters: dict[str, Any] = {
        "statuses": ["Closed", "Cancelled"],
        "exam_title": "Algebra & Co",
        "billable": False,
        "offset": 0,
        "limit": 2,
        "appointment_date_after": "2026-03-04T16:30:00+01:00",
    }
    collect(mode, server, lambda client: report(client, **filters))
    assert [sent.query for sent in server.sent] == [
        [
            ("statuses", "Closed"),
            ("statuses", "Cancelled"),
            ("examTitle", "Algebra & Co"),
            ("appointmentDateAfter", "2026-03-04T15:30:00.000Z"),
            ("billable", "false"),
            ("offset", str(offset)),
            ("limit", "2"),
        ]
        for offset in (0, 2, 4)
    ]
    assert len({sent.headers for sent in server.sent}) == 1


def test_a_limit_of_zero_is_refused_at_once() -> None:
    server = Script(Report(5))
    client = proctoring(server)
    for make in (
        lambda: report(client, limit=0),
        lambda: client.reports.with_raw_response.service_distribution(limit=0),
        lambda: client.paginate("/v1/x", params={"limit": 0}),
    ):
        with pytest.raises(InvalidArgumentError, match="limit"):
            make()
    assert server.sent == []


@pytest.mark.parametrize("wrong", [{"offset": -1}, {"limit": -1}])
def test_negative_places_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidArgumentError):
        report(proctoring(Script(Report(5))), **wrong)


@pytest.mark.parametrize("wrong", [{"offset": "2"}, {"offset": -2}, {"offset": True}, {"limit": "0"}, {"limit": -1}])
def test_paginate_refuses_what_is_no_place(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        proctoring(Script(Report(5))).paginate("/v1/x", params=wrong)


@pytest.mark.parametrize("mode", MODES)
def test_a_next_url_is_never_followed(mode: Mode) -> None:
    envelope = {"prev": "//elsewhere.example.com", "total": 2}
    first = page([row(0)], **envelope, next="https://elsewhere.example.com/steal")
    server = Script(first, page([row(1)], **envelope, next=None))
    collect(mode, server, report)
    assert {sent.url.split("/v1/")[0] for sent in server.sent} == {"https://api.smarterproctoring.com"}


@pytest.mark.parametrize("mode", MODES)
def test_a_page_that_fails_ends_the_reading_after_the_rows_before(mode: Mode) -> None:
    script: list[Step] = [page([row(0)], total=3), Reply(500, {"message": "down"})]
    with pytest.raises(InternalServerError) as caught:
        collect(mode, Script(*script), report, max_retries=0)
    assert len(caught.value.attempts) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_page_is_fetched_again_by_itself(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    server = Script(page([row(0)], total=2), Reply(503), Lost(OSError("gone")), page([row(1)], total=2, next=None))
    assert numbers(collect(mode, server, report)) == [0, 1]
    assert server.sent[1] == server.sent[2] == server.sent[3]


def test_paginate_reads_any_report() -> None:
    server = Script(Report(5, cap=2))
    pager: Pager[dict[str, Any]] = proctoring(server).paginate("/v1/reports/x", params={"limit": 2, "tag": ["a", "b"]})
    assert [item["position"] for item in pager] == [0, 1, 2, 3, 4]
    assert server.sent[2].url.endswith("/v1/reports/x?limit=2&tag=a&tag=b&offset=4")


def test_paginate_starts_at_the_offset_that_was_passed() -> None:
    server = Script(Report(5, cap=2))
    assert [item["position"] for item in proctoring(server).paginate("/v1/x", params={"offset": 3})] == [3, 4]


@given(
    offset=st.integers(0, 10**9),
    received=st.integers(0, 100),
    beyond=st.none() | st.integers(-200, 200),
    more=st.booleans(),
)
def test_a_page_advances_by_its_rows(offset: int, received: int, beyond: int | None, more: bool) -> None:
    total = None if beyond is None else max(0, offset + beyond)
    progress = OffsetProgress(OFFSET, offset, IncompleteResultError)
    page = Page([row(number) for number in range(received)], offset, {"total": total, "next": more or None}, OFFSET)
    end = offset + received
    if (received and total is not None and end > total) or (not received and (more or offset < (total or 0))):
        with pytest.raises(IncompleteResultError):
            progress.advance(page)
        assert (progress.position, progress.offset) == (offset, offset)
        return
    progress.advance(page)
    ended = not received or (total is not None and end >= total and not more)
    assert (progress.position, progress.offset) == (None if ended else end, end)
    assert progress.total == total


CURSOR = Pagination("cursor", rows="items", parameter="pageToken", limit="size", total="total", next="next")
Fields = dict[str, Any]


@pytest.mark.parametrize(
    ("pagination", "envelopes", "message", "received", "total"),
    [
        # Offsets: number of rows and envelope of each page; the last one raises.
        (OFFSET, [(2, {"total": 5}), (0, {})], "the page at row 2 is empty, but the total is 5", 2, 5),
        (OFFSET, [(2, {"next": "x"}), (0, {})], "the page at row 2 is empty, but `next` announced more rows", 2, 0),
        (OFFSET, [(0, {"next": "x"})], "the page at row 0 is empty, but `next` announced more rows", 0, 0),
        (
            OFFSET,
            [(2, {"total": 2, "next": "x"}), (0, {})],
            "the page at row 2 is empty, but `next` announced more rows",
            2,
            2,
        ),
        (OFFSET, [(2, {"total": 3}), (2, {})], "received 4 rows, but the total is 3", 4, 3),
        (OFFSET, [(2, {"total": 1})], "received 2 rows, but the total is 1", 2, 1),
        (
            OFFSET,
            [(1, {"total": 9}), (1, {"total": 2}), (0, {})],
            "the page at row 2 is empty, but the total is 9",
            2,
            9,
        ),
        (OFFSET, [(1, {"total": 3}), (0, {"total": 9})], "the page at row 1 is empty, but the total is 9", 1, 9),
        # Cursors.
        (CURSOR, [(2, {"next": "a"}), (1, {"next": 1.5})], "the page at row 2 has a `next` that is not a string", 3, 0),
        (CURSOR, [(2, {"next": -1, "total": 5})], "the page at row 0 has a `next` that is not a string", 2, 0),
        (CURSOR, [(2, {"next": "a", "total": 9}), (1, {"next": "a"})], "the page at row 2 repeats a `next`", 3, 9),
        (CURSOR, [(2, {"next": "a"}), (2, {"total": 3})], "received 4 rows, but the total is 3", 4, 3),
        (CURSOR, [(2, {"next": "a", "total": 5}), (2, {})], "received 4 rows, but the total is 5", 4, 5),
    ],
)
@pytest.mark.filterwarnings("ignore::invigilate.ReportWarning")
def test_what_cannot_reach_its_end_says_why(
    pagination: Pagination, envelopes: list[tuple[int, Fields]], message: str, received: int, total: int
) -> None:
    said: list[Any] = []

    def error(text: str, **details: int) -> IncompleteResultError:
        said.append((text, details))
        return IncompleteResultError(text)

    offset = pagination is OFFSET
    progress: Any = (OffsetProgress if offset else CursorProgress)(pagination, 0 if offset else "", error)
    for count, envelope in envelopes:
        before = vars(progress).copy()
        page = Page([row(progress.offset + number) for number in range(count)], progress.offset, envelope, pagination)
        if (count, envelope) != envelopes[-1]:
            progress.advance(page)
    with pytest.raises(IncompleteResultError):
        progress.advance(page)
    assert said == [(message, {"total": total, "received": received})]
    # The same page is due again.
    assert vars(progress) == before


def test_pages_of_an_offset_that_came_before_say_so() -> None:
    said: list[Any] = []

    def error(text: str, **details: int) -> IncompleteResultError:
        said.append((text, details))
        return IncompleteResultError(text)

    pages: list[tuple[Any, Any, str]] = [
        (OffsetProgress(OFFSET, 0, error), OFFSET, "the page at row 2 was received before: the server seems to ignore"
         " `offset`"),
        (CursorProgress(CURSOR, "", error), CURSOR, "received the same page again at row 2, with a new `next`"),
    ]  # fmt: skip
    for progress, pagination, message in pages:
        progress.advance(Page(A, 0, {"total": 9, "next": "a"}, pagination))
        with pytest.raises(IncompleteResultError):
            progress.advance(Page(A, 2, {"next": "b"}, pagination))
        received = 2 if pagination is OFFSET else 4
        assert said.pop() == (message, {"total": 9, "received": received})


def sids(*found: int) -> list[Any]:
    return [row(number) for number in found]


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ([(A, 4), (B, 5)], "at row 2, the total changed from 4 to 5; rows may be missing or duplicated"),
        (
            [(A, None), (sids(1, 2), None)],
            "at row 2, row-1 also came on the previous page; rows may be missing or duplicated",
        ),
        (
            [(sids(3, 2, 1), None), (sids(4, 3, 2, 1), None)],
            "at row 3, row-1, row-2, row-3 also came on the previous page; rows may be missing or duplicated",
        ),
        (
            [(sids(3, 2, 1, 0), None), (sids(4, 3, 2, 1, 0), None)],
            "at row 4, row-0, row-1, row-2 and 1 more also came on the previous page; rows may be missing or"
            " duplicated",
        ),
        (
            [(sids(4, 3, 2, 1, 0), None), (sids(5, 4, 3, 2, 1, 0), None)],
            "at row 5, row-0, row-1, row-2 and 2 more also came on the previous page; rows may be missing or"
            " duplicated",
        ),
    ],
)
def test_signs_of_change_are_warnings_of_the_line_that_reads(pages: list[tuple[Any, Any]], message: str) -> None:
    progress = OffsetProgress(OFFSET, 0, IncompleteResultError)
    (first, announced), (second, total) = pages
    progress.advance(Page(first, 0, {"total": announced}, OFFSET))
    with pytest.warns(ReportWarning) as caught:
        progress.advance(Page(second, len(first), {"total": total}, OFFSET))
    assert [str(warning.message) for warning in caught] == [message]
    assert caught[0].filename == __file__
    assert progress.warnings == [caught[0].message]
    assert (progress.warnings[0].offset, progress.offset) == (len(first), len(first) + len(second))
    # On the page after next the same rows are no news.
    progress = OffsetProgress(OFFSET, 0, IncompleteResultError)
    for rows in (A, B, sids(0, 9)):
        progress.advance(Page(rows, progress.offset, {}, OFFSET))
    assert progress.warnings == []


@pytest.mark.filterwarnings("ignore::invigilate.ReportWarning")
@pytest.mark.parametrize(
    ("start", "count", "shown"),
    [(2, 1, None), (None, 1, None), ("9", 1, None), (9, 0, None), (9, 1, "9"), (0, 1, "0"), (3.0, 1, "3")],
)
def test_a_page_that_says_it_starts_elsewhere_is_a_warning(start: Any, count: int, shown: str | None) -> None:
    progress = OffsetProgress(OFFSET, 0, IncompleteResultError)
    progress.advance(Page(A, 0, {}, OFFSET))
    progress.advance(Page(C[:count], 2, {"offset": start}, OFFSET))
    text = f"at row 2, the page says that it starts at row {shown}; rows may be missing or duplicated"
    assert [(str(warning), warning.offset) for warning in progress.warnings] == ([(text, 2)] if shown else [])


@pytest.mark.parametrize(
    ("pages", "position"),
    [
        # Full pages may not be the last ones: as long as one before, or as requested.
        ([(2, {"total": 4}), (2, {"total": 4})], 4),
        ([(2, {"total": 3}), (1, {"total": 3})], None),
        ([(1, {"total": 3}), (2, {"total": 3})], 3),
        ([(2, {"total": 2})], None),
        ([(2, {"total": 2}, 2)], 2),
        ([(3, {"total": 3}, 2)], 3),
        ([(1, {"total": 1}, 2)], None),
        ([(1, {"total": 1}, 0)], None),
        ([(2, {"total": 2, "next": None}, 2)], None),
        ([(2, {"total": 2, "next": "x"})], 2),
        ([(1, {})], 1),
        ([(0, {})], None),
        ([(3, {}), (1, {}), (2, {"total": 6})], None),
    ],
)
def test_where_the_next_page_is(pages: list[Any], position: int | None) -> None:
    progress = OffsetProgress(OFFSET, 0, IncompleteResultError)
    for count, envelope, *limit in pages:
        rows = [row(progress.offset + number) for number in range(count)]
        progress.advance(Page(rows, progress.offset, envelope, OFFSET, *limit))
    assert progress.position == position


def test_a_page_has_its_fields() -> None:
    found = Page([1, 2], 3, {"total": 9.0, "next": "x"}, OFFSET, 5)
    assert repr(found) == "<Page of 2 rows at 3 of 9>"
    assert (found.rows, found.offset, found.total, found.limit, found.next) == ([1, 2], 3, 9, 5, "x")
    assert (list(found), len(found)) == ([1, 2], 2)
    # Without a field for it, nothing is announced, whatever a field without a name holds.
    bare = Pagination("offset", rows="rows", parameter="offset")
    found = Page([], 0, {"": 7, "total": 8, "next": "x"}, bare)
    assert (found.total, found.limit, found.next) == (7, None, 7)
    names = OFFSET._replace(next="a | b")
    for envelope, token in (
        ({"a": "", "b": "x"}, "x"),
        ({"a": "y", "b": "x"}, "y"),
        ({"a": "", "b": None}, ""),
        ({}, None),
    ):
        assert Page([], 0, envelope, names).next == token


def test_positions_are_predicted_only_where_pages_are_known() -> None:
    progress = OffsetProgress(OFFSET, 4, IncompleteResultError)
    assert progress.predict(4, 2) is None
    progress.advance(Page(A, 4, {"total": 10}, OFFSET))
    assert [progress.predict(6, rows) for rows in (0, 2, 3, 4, 5)] == [6, 8, 9, None, None]
    assert progress.predict(None, 2) is None
    tokens = CursorProgress(CURSOR, "a", IncompleteResultError)
    assert [tokens.predict("b", 0), tokens.predict("b", 1), tokens.predict(None, 0)] == ["b", None, None]


def refusal(status: int) -> APIStatusError:
    return APIStatusError("refused", status_code=status)


def test_a_refusal_is_the_end_only_behind_the_total() -> None:
    def at(rows: int, **envelope: Any) -> OffsetProgress:
        progress = OffsetProgress(OFFSET, 0, IncompleteResultError)
        progress.advance(Page([row(number) for number in range(rows)], 0, envelope, OFFSET, rows))
        return progress

    for status in range(400, 600):
        progress = at(2, total=2)
        accepted = status in {400, 404, 416, 422}
        assert progress.accept_refusal(refusal(status)) is accepted
        assert progress.position == (None if accepted else 2)
    assert not at(2, total=3).accept_refusal(refusal(404))
    assert not at(2).accept_refusal(refusal(404))
    assert not at(2, total=2, next="x").accept_refusal(refusal(404))
    assert not at(2, total=2, next=None).accept_refusal(refusal(404))
    assert CursorProgress(CURSOR, "", IncompleteResultError).accept_refusal(refusal(404)) is False


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (7, 7),
        (7.0, 7),
        (-1, None),
        (7.5, None),
        (True, None),
        (False, None),
        (None, None),
        ("7", None),
        ([], None),
        ({}, None),
        (math.inf, None),
        (-math.inf, None),
        (math.nan, None),
        (10**400, 10**400),
    ],
)
def test_counts(value: Any, number: int | None) -> None:
    assert whole_number(value) == number


def test_a_deadline_holds_for_the_whole_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    given = proctoring(Script(Report(5, cap=1))).with_options(deadline=10)
    pager = report(given)
    now = 5000.0
    rows = iter(pager)
    next(rows)
    now += 9
    next(rows)
    now += 2
    with pytest.raises(APITimeoutError, match="deadline"):
        next(rows)
    assert next(iter(pager)).sid == "row-0"


@pytest.mark.parametrize("raw", [False, True])
def test_a_filter_that_changes_while_rows_are_read_changes_no_page(raw: bool) -> None:
    script = Script(*(Reply(200, {"results": [{"sid": str(n)}], "total": 3, "next": None}) for n in range(3)))
    client = proctoring(script)
    statuses = ["Scheduled"]
    if raw:
        rows: Any = iter(client.paginate("/v1/rows", params={"statuses": statuses}))
    else:
        rows = iter(client.reports.service_distribution(statuses=statuses))  # type: ignore[arg-type]
    next(rows)
    statuses[0] = "Closed"
    assert len(list(rows)) == 2
    assert [dict(sent.query)["statuses"] for sent in script.sent] == ["Scheduled"] * 3


def test_a_pager_shows_what_it_knows() -> None:
    pager = report(proctoring(Script(Report(4, cap=2))))
    assert (repr(pager), pager.total, pager.warnings, pager.cursor) == ("<Pager, total None>", None, [], None)
    assert pager.first().sid == "row-0"
    assert (repr(pager), pager.total, pager.cursor) == ("<Pager, total 4>", 4, 0)
    assert pager.prefetch(2).total is None
    assert len(pager.collect()) == 4
    assert pager.cursor is None
    client = AsyncSmarterProctoring(TOKEN, INSTALL, transport=Script(page([])))
    assert repr(client.reports.service_distribution()) == "<AsyncPager, total None>"


@pytest.mark.parametrize(
    ("wrong", "got"),
    [(0, "the number 0"), (101, "the number 101"), (True, "a value of type bool"), (2.0, "the number 2.0"),
     ("2", "a string of length 1")],
)  # fmt: skip
def test_how_many_pages_may_be_in_flight(wrong: Any, got: str) -> None:
    pager = report(proctoring(Script(page([]))))
    with pytest.raises(InvalidArgumentError) as caught:
        pager.prefetch(wrong)
    assert str(caught.value) == f"pages: expected an integer from 1 to 100, got {got}"
    for right in (1, 100):
        assert pager.prefetch(right) is not pager


def test_rows_become_files_and_tables(tmp_path: Path) -> None:
    pager = proctoring(Script(Report(5, cap=2))).paginate("/v1/x")
    result = pager.export(tmp_path / "rows", format="jsonl")
    assert (result.rows, (tmp_path / "rows").read_text().count("row-")) == (5, 5)
    assert pager.record_batches().read_all().num_rows == pager.to_arrow().num_rows == 5
    connection = duckdb.connect()
    for relation in (pager.to_duckdb(), pager.to_duckdb(connection)):
        assert relation.aggregate("count(*)").fetchall() == [(5,)]
    relation = pager.to_duckdb(connection)
    connection.close()
    with pytest.raises(duckdb.ConnectionException):
        relation.fetchall()


@pytest.mark.parametrize("mode", MODES)
def test_an_iterator_is_closed_while_pages_are_in_flight(mode: Mode) -> None:
    def use(client: Any) -> Any:
        if mode == "sync":
            rows = iter(report(client).prefetch(3))
            pages = report(client).pages()
            found = [next(rows).sid, next(rows).sid, len(next(pages))]
            rows.close()
            pages.close()
            return found

        async def read() -> Any:
            rows = aiter(report(client).prefetch(3))
            pages = report(client).pages()
            found = [(await anext(rows)).sid, (await anext(rows)).sid, len(await anext(pages))]
            await rows.aclose()
            await pages.aclose()
            return found

        return read()

    assert perform(mode, Script(Report(9, cap=2)), use) == ["row-0", "row-1", 2]


class Named:
    def __init__(self, name: str) -> None:
        self.name = name

    def to_dict(self) -> dict[str, str]:
        return {"name": self.name}


class Known(list[Any]):
    sids = ("a", "b")


CYCLES = [2, 4, 7, 8, 13, 14, 15, 16, 25]
"""How many pages show that a server sends 1, 2, 3 ... pages in turn."""


def proofs(*pages: list[Any], total: int | None = None) -> list[bool]:
    found, repeats = [], Repeats()
    for rows in pages:
        repeats = repeats.after(rows, sids_of(rows), total)
        found.append(repeats.certain)
    return found


def test_pages_that_come_again_are_recognized_as_soon_as_possible() -> None:
    cycles = [[sids(2 * number, 2 * number + 1) for number in range(length)] for length in range(1, 10)]
    first = [proofs(*(cycle * 4)).index(True) + 1 for cycle in cycles]
    assert first == CYCLES
    # The page before counts, whatever the mark is.
    assert proofs(A, B, C, C) == [False, False, False, True]
    # Rows that prove nothing are an error on the tenth occurrence.
    assert proofs(*[ALIKE] * 12) == [False] * 10 + [True] * 2
    assert proofs(*[sids(1)] * 12) == [False] * 10 + [True] * 2
    assert proofs(*[sids(1)] * 2, total=9) == [False, True]


def test_rows_without_sids_are_compared_as_json() -> None:
    one, other = [{"a": 1, "b": 2}, {"a": 3}], [{"b": 2, "a": 1}, {"a": 3}]
    assert proofs(one, other) == [False, True]
    assert proofs([Named("a"), Named("b")], [Named("a"), Named("b")]) == [False, True]
    assert proofs([Named("a"), Named("b")], [Named("a"), Named("c")]) == [False, False]
    exact = [[{"a": Decimal(number)}, {"a": Decimal(5)}] for number in (1, 2, 2)]
    assert proofs(*exact) == [False, False, True]


def test_rows_have_sids_in_each_of_their_forms() -> None:
    model = ServiceDistributionRow.from_dict({"sid": "a"})
    assert sids_of([{"sid": "a"}, model, {"sid": 5}, {}, Named("x"), None]) == ["a", "a"]
    assert sids_of(Known([1, 2, 3])) == ["a", "b"]


@pytest.mark.parametrize(
    ("pagination", "arguments", "expected"),
    [
        (CURSOR, {"pageToken": 5}, "pageToken: expected a string, got the number 5"),
        (CURSOR, {"size": 0}, "size: expected an integer of at least 1, got the number 0"),
        (CURSOR, {"pageToken": "a", "size": 1, "offset": "x"}, "a"),
        (CURSOR, {"size": None}, ""),
        (CURSOR._replace(limit=None), {"size": 0}, ""),
        (OFFSET, {"offset": "5"}, "offset: expected an integer of at least 0, got a string of length 1"),
        (OFFSET, {"limit": True}, "limit: expected an integer of at least 1, got a value of type bool"),
        (OFFSET, {"offset": -1}, "offset: expected an integer of at least 0, got the number -1"),
        (OFFSET, {"offset": 0, "limit": 1}, 0),
        (OFFSET, {"offset": 7}, 7),
        (OFFSET, {}, 0),
    ],
)
def test_where_paging_starts(pagination: Pagination, arguments: dict[str, Any], expected: Any) -> None:
    call: Any = types.SimpleNamespace(pagination=pagination, arguments=arguments)
    try:
        found = first_position(call)
    except InvalidArgumentError as error:
        found = str(error)
    assert found == expected


@pytest.mark.parametrize("mode", MODES)
def test_rows_are_resumed_at_their_page_and_pages_after_theirs(mode: Mode) -> None:
    server = Script(Report(4, cap=2))

    def use(client: Any) -> Any:
        pager = report(client)
        found: list[Any] = []
        if mode == "sync":
            for read_by in (iter, Pager.pages):
                next(read_by(pager))
                found.append(pager.cursor)
            return [*found, pager.first().sid, pager.cursor, pager.prefetch(3).first().sid]

        async def read() -> Any:
            for read_by in (aiter, AsyncPager.pages):
                await anext(read_by(pager))
                found.append(pager.cursor)
            return [*found, (await pager.first()).sid, pager.cursor, (await pager.prefetch(3).first()).sid]

        return read()

    assert perform(mode, server, use) == [0, 2, "row-0", 0, "row-0"]
    # The first row costs one page, whatever may be in flight.
    assert len(server.sent) == 4
