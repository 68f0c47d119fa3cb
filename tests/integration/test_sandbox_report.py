"""The service distribution report of the sandbox."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from invigilate.sandbox import (
    Sandbox,
)
from tests.support.caller import Caller

ALL_FIELDS_OF_A_ROW = {
    "sid", "status", "statusReason", "billable", "schedulingModule", "workflowModule",
    "appointmentDate", "dateClosed", "dateCancelled", "exam", "course", "user", "courseOffering",
    "serviceType",
}  # fmt: skip


def test_first_page(call: Caller) -> None:
    reply = call.report()
    assert reply.status == 200
    page = reply.json
    assert (page["total"], page["count"], page["offset"]) == (240, 50, 0)
    assert len(page["results"]) == 50
    assert page["prev"] is None
    for name, offset in (("first", 0), ("next", 50), ("last", 200)):
        url = urlsplit(page[name])
        assert f"{url.scheme}://{url.netloc}" == call.sandbox.smarterproctoring_url
        assert parse_qs(url.query) == {"offset": [str(offset)], "limit": ["50"]}
    assert all(set(row) == ALL_FIELDS_OF_A_ROW for row in page["results"])


def test_rows_are_varied(call: Caller) -> None:
    rows = call.rows()
    assert len({row["sid"] for row in rows}) == 240
    assert {row["status"] for row in rows} == {"Scheduled", "Closed", "Cancelled"}
    assert len({row["serviceType"] for row in rows}) == 8
    assert {row["billable"] for row in rows} == {True, False}
    for row in rows:
        assert (row["dateCancelled"] is not None) == (row["status"] == "Cancelled")
        assert row["dateClosed"] is None or row["status"] == "Closed"
        assert row["user"]["email"].endswith("@example.com")
        assert row["exam"]["sid"][:2] == "EX"
        assert row["course"]["sid"][:2] == "CU"
        assert row["courseOffering"]["sid"][:2] == "CO"


def test_links_lead_through_all_pages_and_keep_the_filters(call: Caller) -> None:
    pairs = [("statuses", "Closed"), ("statuses", "Scheduled"), ("limit", "70")]
    seen: list[str] = []
    page = call.report(*pairs).json
    while True:
        seen += [row["sid"] for row in page["results"]]
        if page["next"] is None:
            break
        url = urlsplit(page["next"])
        assert parse_qs(url.query)["statuses"] == ["Closed", "Scheduled"]
        page = call.send("GET", f"{url.path}?{url.query}", headers={"token": call.sandbox.token}).json
    assert len(seen) == len(set(seen)) == page["total"]
    assert page["last"] is not None
    assert parse_qs(urlsplit(page["prev"]).query)["offset"] == [str(page["offset"] - 70)]


@pytest.mark.parametrize(("offset", "limit", "count"), [(0, 240, 240), (200, 50, 40), (240, 50, 0), (10**9, 50, 0)])
def test_pages(call: Caller, offset: int, limit: int, count: int) -> None:
    page = call.report(("offset", str(offset)), ("limit", str(limit))).json
    assert (page["total"], page["count"], page["offset"]) == (240, count, offset)
    assert len(page["results"]) == count
    assert page["next"] is None


def test_page_of_nothing(call: Caller) -> None:
    page = call.report(("limit", "0")).json
    assert (page["total"], page["count"], page["results"]) == (240, 0, [])
    assert [page[name] for name in ("first", "next", "prev", "last")] == [None] * 4


def test_limit_is_cut() -> None:
    with Sandbox(max_limit=7) as sandbox:
        call = Caller(sandbox)
        page = call.report(("limit", "100")).json
        assert page["count"] == len(page["results"]) == 7
        assert "limit=7" in page["next"]
        call.close()


def test_empty_report() -> None:
    with Sandbox(report_rows=0) as sandbox:
        call = Caller(sandbox)
        page = call.report().json
        assert (page["total"], page["results"], page["first"], page["last"]) == (0, [], None, None)
        call.close()


@pytest.mark.parametrize(
    ("name", "field_path", "values"),
    [
        ("serviceTypes", ("serviceType",), ["live"]),
        ("serviceTypes", ("serviceType",), ["ad-hoc", "automated-with-review"]),
        ("statuses", ("status",), ["Cancelled"]),
        ("statuses", ("status",), ["Closed", "Scheduled"]),
    ],
)
def test_filters_of_several_values(call: Caller, name: str, field_path: Sequence[str], values: list[str]) -> None:
    everything = call.rows()
    found = call.rows(*((name, value) for value in values))
    assert found == [row for row in everything if row[field_path[0]] in values]
    assert 0 < len(found) < len(everything)


@pytest.mark.parametrize(
    ("name", "outer", "inner"),
    [
        ("courseOfferingSid", "courseOffering", "sid"),
        ("courseSid", "course", "sid"),
        ("courseTitle", "course", "title"),
        ("courseCode", "course", "code"),
        ("examTitle", "exam", "title"),
        ("examSid", "exam", "sid"),
        ("userSid", "user", "sid"),
    ],
)
def test_filters_of_one_value(call: Caller, name: str, outer: str, inner: str) -> None:
    everything = call.rows()
    value = everything[3][outer][inner]
    found = call.rows((name, value))
    assert found == [row for row in everything if row[outer][inner] == value]
    assert 0 < len(found) < len(everything)


@pytest.mark.parametrize("billable", [True, False])
def test_filter_billable(call: Caller, billable: bool) -> None:
    found = call.rows(("billable", str(billable).lower()))
    assert found == [row for row in call.rows() if row["billable"] is billable]
    assert found


@pytest.mark.parametrize(("name", "column"), [("appointmentDate", "appointmentDate"), ("closeDate", "dateClosed")])
def test_filters_of_time(call: Caller, name: str, column: str) -> None:
    everything = call.rows()
    times = sorted(row[column] for row in everything if row[column] is not None)
    low, high = times[len(times) // 3], times[2 * len(times) // 3]
    # At the bound itself: After is inclusive, Before is exclusive.
    after = call.rows((f"{name}After", low))
    assert after == [row for row in everything if (row[column] or "") >= low]
    before = call.rows((f"{name}Before", low))
    assert before == [row for row in everything if row[column] and row[column] < low]
    dated = [row for row in everything if row[column]]
    assert len(after) + len(before) == len(dated)
    between = call.rows((f"{name}After", low), (f"{name}Before", high))
    assert between == [row for row in dated if low <= row[column] < high]
    assert between


def test_filters_hold_together_and_unknown_sids_give_nothing(call: Caller) -> None:
    found = call.rows(("statuses", "Closed"), ("serviceTypes", "live"), ("billable", "true"))
    assert found
    assert all((row["status"], row["serviceType"], row["billable"]) == ("Closed", "live", True) for row in found)
    assert call.report(("examSid", "EX" + 32 * "0")).json["total"] == 0


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize(
    "keys",
    [
        ["appointmentDate"],
        ["closeDate"],
        ["courseTitle"],
        ["examTitle"],
        ["examTitle", "courseTitle", "appointmentDate"],
        ["courseTitle", "closeDate"],
    ],
)
def test_sorting(call: Caller, keys: list[str], order: str) -> None:
    def value(row: dict[str, Any], key: str) -> tuple[int, str]:
        text = {
            "appointmentDate": row["appointmentDate"],
            "closeDate": row["dateClosed"],
            "courseTitle": row["course"]["title"],
            "examTitle": row["exam"]["title"],
        }[key]
        return (1, "") if text is None else (0, text)

    # A booked session has to find its place among the others.
    assert call.schedule(call.sandbox.open_sessions[0], {}).status == 200
    scheduled = {"appointmentDateTime": "2026-03-01T10:00:00.000Z"}
    assert call.schedule(call.sandbox.open_sessions[0], scheduled).status == 200
    expected = sorted(
        call.rows(),
        key=lambda row: [value(row, key) for key in keys],
        reverse=order == "DESC",
    )
    assert call.rows(*(("sortKeys", key) for key in keys), ("sortOrder", order)) == expected


def test_sort_order_alone_changes_nothing(call: Caller) -> None:
    assert call.rows(("sortOrder", "DESC")) == call.rows()


def test_installs_have_reports_of_their_own(call: Caller) -> None:
    other = call.report(install=call.sandbox.other_install_sid).json
    assert other["total"] == 12
    ours = {row["sid"] for row in call.rows()}
    assert ours.isdisjoint(row["sid"] for row in other["results"])


def test_same_seed_same_data() -> None:
    def look(seed: int) -> tuple[object, ...]:
        with Sandbox(seed=seed) as sandbox:
            call = Caller(sandbox)
            rows = call.rows()
            sessions = call.training({}, **call.bearer()).json
            call.close()
            return (rows, sessions, sandbox.token, sandbox.install_sid, sandbox.session_sid)

    assert look(11) == look(11)
    assert all(one != other for one, other in zip(look(11), look(12), strict=True))


def test_hundred_thousand_rows(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(report_rows=100_000) as sandbox:
        call = Caller(sandbox)
        figures = []

        def timed(name: str, *pairs: tuple[str, str]) -> Any:
            began = time.perf_counter()
            reply = call.report(*pairs)
            figures.append(f"{name} {1000 * (time.perf_counter() - began):.1f} ms")
            assert reply.status == 200
            return reply.json

        timed("first call")
        page = timed("page at 99,950", ("offset", "99950"))
        assert (page["total"], page["count"], page["next"]) == (100_000, 50, None)
        query = (("statuses", "Closed"), ("sortKeys", "appointmentDate"), ("sortOrder", "DESC"))
        timed("filter and sort, first", *query)
        page = timed("filter and sort, again", *query, ("offset", "50000"))
        dates = [row["appointmentDate"] for row in page["results"]]
        assert dates == sorted(dates, reverse=True)
        assert {row["status"] for row in page["results"]} == {"Closed"}
        assert call.schedule(sandbox.open_sessions[0], {}).status == 200
        timed("after a booking", *query, ("offset", "50000"))
        assert timed("end", ("offset", "100000"))["count"] == 1
        assert sandbox.defects == []
        call.close()
    with capsys.disabled():
        print(f"\n100,000 rows: {'; '.join(figures)}")
