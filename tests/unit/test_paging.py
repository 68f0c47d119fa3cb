"""Reports page by page: every row once, or an error; never a silent end."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate import (
    APIError,
    APITimeoutError,
    AsyncSmarterProctoring,
    IncompleteResultError,
    InternalServerError,
    InvalidArgumentError,
    Pager,
    ReportWarning,
    ResponseDecodeError,
)
from invigilate._paging import Page, advance, whole_number
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

    def __init__(self, count: int, cap: int = 50, total: Total = TOTALS["exact"]) -> None:
        self.rows = [row(number) for number in range(count)]
        self.cap = cap
        self.total = total

    def __call__(self, sent: Sent) -> Reply:
        query = dict(sent.query)
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 50)), self.cap)
        rows = self.rows[offset : offset + limit]
        hostile = "https://elsewhere.example.com/next"
        return page(rows, total=self.total(len(self.rows)), next=hostile, first=hostile, count=len(rows), offset=offset)


@given(
    count=st.integers(0, 60),
    cap=st.integers(1, 70),
    limit=st.none() | st.integers(1, 70),
    start=st.none() | st.integers(0, 70),
    total=st.sampled_from(sorted(TOTALS)),
    mode=st.sampled_from(MODES),
)
def test_every_row_comes_once(
    count: int, cap: int, limit: int | None, start: int | None, total: str, mode: Mode
) -> None:
    server = Script(Report(count, cap, TOTALS[total]))
    given = {key: value for key, value in (("limit", limit), ("offset", start)) if value is not None}
    rows = collect(mode, server, lambda client: report(client, **given))
    assert numbers(rows) == list(range(start or 0, count))
    size = min(cap, limit or 50)
    left = max(0, count - (start or 0))
    # With a usable total nothing is asked in vain; without one, the end is an empty page.
    expected = max(1, math.ceil(left / size)) if total in {"exact", "float"} else math.ceil(left / size) + 1
    assert len(server.sent) == expected
    for number, sent in enumerate(server.sent):
        query = dict(sent.query)
        assert query.pop("limit", None) == (None if limit is None else str(limit))
        offset = (start or 0) + min(number * size, left)
        assert query.pop("offset", None) == (str(offset) if offset or start is not None else None)
        assert query == {}
        assert sent.url.startswith("https://api.smarterproctoring.com/v1/")


@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    totals=st.lists(st.none() | st.integers(0, 20), min_size=1, max_size=8),
)
def test_what_is_served_is_given_or_there_is_an_error(sizes: list[int], totals: list[int | None]) -> None:
    served: list[int] = []

    def serve(sent: Sent) -> Reply:
        offset = int(dict(sent.query).get("offset", 0))
        assert offset == len(served), "asked for other rows than those that follow"
        number = len(server.sent) - 1
        size = sizes[number] if number < len(sizes) else 0
        rows = [row(len(served) + index) for index in range(size)]
        served.extend(range(len(served), len(served) + size))
        return page(rows, total=totals[min(number, len(totals) - 1)])

    server = Script(serve)
    pager = report(proctoring(server))
    found: list[Any] = []
    missing: tuple[int, int] | None = None
    with warnings.catch_warnings(record=True):  # of totals that change
        warnings.simplefilter("always")
        try:
            for item in pager:
                found.append(item)
        except IncompleteResultError as error:
            missing = (error.received, error.total)
    last = totals[min(len(server.sent), len(totals)) - 1]
    if missing is None:
        assert last is None or len(served) >= last
    else:
        assert missing == (len(served), last)
        assert len(served) < missing[1]
    assert numbers(found) == served


@pytest.mark.parametrize("mode", MODES)
def test_a_report_that_grows_while_it_is_read(mode: Mode) -> None:
    server_side = Report(3, cap=2)

    def serve(sent: Sent) -> Reply:
        reply = server_side(sent)
        if len(server_side.rows) < 9:
            server_side.rows.append(row(len(server_side.rows)))
        return reply

    with pytest.warns(ReportWarning, match="the total changed from 3 to 4: at row 2"):
        rows = collect(mode, Script(serve), report)
    assert numbers(rows) == list(range(len(rows)))
    assert len(rows) >= 3


@pytest.mark.parametrize("mode", MODES)
def test_a_report_that_shrinks_below_the_place_where_it_is_read(mode: Mode) -> None:
    server = Script(page([row(0), row(1)], total=4), page([], total=1))
    with pytest.warns(ReportWarning, match="the total changed from 4 to 1: at row 2"):
        assert numbers(collect(mode, server, report)) == [0, 1]


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
    assert str(caught.value).startswith(f"GET /v1/installs/{INSTALL}/reports/serviceDistribution: ")
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
def test_pages_carry_their_envelope(mode: Mode) -> None:
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
    script = [page([row(0)], total=3), Reply(500), Reply(200, {}), page([], total=3), page([row(1), row(2)], total=3)]
    server = Script(*script)
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
def test_a_next_address_is_never_followed(mode: Mode) -> None:
    envelope = {"next": "https://elsewhere.example.com/steal", "prev": "//elsewhere.example.com", "total": 2}
    server = Script(page([row(0)], **envelope), page([row(1)], **envelope))
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
    server = Script(page([row(0)], total=2), Reply(503), Lost(OSError("gone")), page([row(1)], total=2))
    assert numbers(collect(mode, server, report)) == [0, 1]
    assert server.sent[1] == server.sent[2] == server.sent[3]


def test_paginate_reads_any_report() -> None:
    server = Script(Report(5, cap=2))
    pager: Pager[dict[str, Any]] = proctoring(server).paginate("/v1/reports/x", params={"limit": 2, "tag": ["a", "b"]})
    assert [item["position"] for item in pager] == [0, 1, 2, 3, 4]
    assert server.sent[2].url.endswith("/v1/reports/x?limit=2&tag=a&tag=b&offset=4")


def test_paginate_starts_where_it_is_told() -> None:
    server = Script(Report(5, cap=2))
    assert [item["position"] for item in proctoring(server).paginate("/v1/x", params={"offset": 3})] == [3, 4]


@given(offset=st.integers(0, 10**9), received=st.integers(0, 10**6), total=st.none() | st.integers(0, 10**9))
def test_advance(offset: int, received: int, total: int | None) -> None:
    following = advance(offset, received, total)
    if following.offset is not None:
        assert following.offset == offset + received > offset
        assert total is None or following.offset < total
    if received == 0:
        assert following.offset is None
        assert following.missing == max(0, (total or 0) - offset)
    else:
        assert following.missing == 0
        assert (following.offset is None) == (total is not None and offset + received >= total)


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
