"""The sandbox, spoken to with http.client, httpx and bare sockets, so that it owes our client nothing."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from invigilate.sandbox import (
    INVENTED,
    Answer,
    Exchange,
    Hangup,
    KnownSession,
    Phase,
    Sandbox,
)
from invigilate.sandbox.acceptance import compile_acceptor
from invigilate.sandbox.documents import load
from invigilate.sandbox.validation import Specification

pytest_plugins = ["invigilate.sandbox.pytest_plugin"]

ALL_FIELDS_OF_A_ROW = {
    "sid", "status", "statusReason", "billable", "schedulingModule", "workflowModule",
    "appointmentDate", "dateClosed", "dateCancelled", "exam", "course", "user", "courseOffering",
    "serviceType",
}  # fmt: skip


@dataclass
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Caller:
    """Sends requests to a sandbox as a client of another make would."""

    sandbox: Sandbox
    connections: dict[str, http.client.HTTPConnection] = field(default_factory=dict)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        url: str | None = None,
    ) -> Reply:
        base = url or self.sandbox.smarterproctoring_url
        if base not in self.connections:
            parts = urlsplit(base)
            self.connections[base] = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        connection = self.connections[base]
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, response.read(), dict(response.getheaders()))

    def proctoring(self, method: str, path: str, data: object = None, *, install: str | None = None) -> Reply:
        headers = {"token": self.sandbox.token}
        body = None
        if data is not None:
            body = json.dumps(data).encode()
            headers["Content-Type"] = "application/json"
        return self.send(method, f"/v1/installs/{install or self.sandbox.install_sid}{path}", body, headers)

    def report(self, *pairs: tuple[str, str], install: str | None = None) -> Reply:
        query = f"?{urlencode(pairs)}" if pairs else ""
        return self.proctoring("GET", f"/reports/serviceDistribution{query}", install=install)

    def rows(self, *pairs: tuple[str, str]) -> list[dict[str, Any]]:
        """All rows of a report, over all pages."""
        rows: list[dict[str, Any]] = []
        while True:
            page = self.report(*pairs, ("offset", str(len(rows))), ("limit", "100")).json
            rows += page["results"]
            if not page["results"]:
                assert len(rows) == page["total"]
                return rows

    def schedule(self, session: KnownSession, data: object, method: str = "POST") -> Reply:
        path = f"/exams/{session.exam_sid}/sessions/{session.session_sid}"
        return self.proctoring(method, path, data)

    def token(self, **changes: str) -> Reply:
        form = {
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
            "grant_type": "client_credentials",
            **changes,
        }
        return self.send(
            "POST",
            "/api/v3/token",
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
            self.sandbox.ispring_url,
        )

    def training(self, data: object, **headers: str) -> Reply:
        return self.send(
            "POST",
            "/job-training/sessions/result/list",
            json.dumps(data).encode(),
            {"Content-Type": "application/json", **headers},
            self.sandbox.ispring_url,
        )

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token().json['access_token']}"}

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()


@pytest.fixture
def call() -> Iterator[Caller]:
    with Sandbox() as sandbox:
        caller = Caller(sandbox)
        yield caller
        caller.close()
        assert sandbox.defects == []


# --- the report -----------------------------------------------------------------------------------


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


# --- exam sessions --------------------------------------------------------------------------------


def test_schedule(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    example = load("smarterproctoring").content["paths"][
        "/v1/installs/{installSid}/exams/{examSid}/sessions/{sessionSid}"
    ]["post"]
    body = example["requestBody"]["content"]["application/json"]["example"]
    reply = call.schedule(session, {**body, "appointmentDateTime": "2026-09-09T10:00:00.000Z"})
    assert reply.status == 200
    documented = load("smarterproctoring").content["components"]["schemas"]["ExamSession"]
    details = reply.json
    assert len(details) == 67
    assert list(details) == list(documented["properties"])
    assert details["sid"] == session.session_sid == call.sandbox.session_sid
    assert details["examSid"] == call.sandbox.exam_sid
    assert details["enrollmentSid"] == call.sandbox.enrollment_sid
    assert details["userSid"] == call.sandbox.user_sid
    assert details["courseSid"] == call.sandbox.course_sid
    assert details["course"]["courseOffering"]["sid"] == call.sandbox.offering_sid
    assert details["status"] == "Scheduled"
    assert details["sessionType"] == "b-virtual"
    assert details["appointmentDate"] == "2026-09-09T10:00:00.000Z"
    assert details["appointmentEndDate"] > details["appointmentDate"]
    assert details["notes"] == body["notes"]
    assert details["proctor"]["email"] == body["email"]
    assert details["location"]["sid"] == body["proctorLocationSid"]
    assert session not in call.sandbox.open_sessions


def test_scheduling_twice_is_a_conflict_and_charges_once(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    body = {"type": "live", "amount": 5, "cardToken": "tok_canary"}
    assert call.schedule(session, body).status == 400
    assert call.sandbox.ledger == []
    body["type"] = "b-virtual"
    assert call.schedule(session, body).status == 200
    reply = call.schedule(session, body)
    assert reply.status == 409
    assert reply.json["code"] == "RESOURCECONFLICT"
    assert len(call.sandbox.ledger) == 1


def test_ledger(call: Caller) -> None:
    first, second, third, fourth = call.sandbox.open_sessions[:4]
    before = datetime.now(UTC)
    paid = {"amount": 49.9, "currency": "EUR", "cardToken": "tok_canary"}
    assert call.schedule(first, paid).status == 200
    voucher = {"amount": 49.9, "cardToken": "tok_canary", "voucherCode": "VOUCHER-CANARY"}
    assert call.schedule(second, voucher).status == 200
    assert call.schedule(third, {"amount": 12}).status == 200  # nobody to charge
    assert call.schedule(fourth, {"cardToken": "tok_canary"}).status == 200  # nothing to charge
    card, free = call.sandbox.ledger
    assert card.session_sid == first.session_sid
    assert card.install_sid == call.sandbox.install_sid
    assert (card.amount, card.currency, card.voucher) == (Decimal("49.9"), "EUR", False)
    assert card.at >= before.replace(microsecond=before.microsecond // 1000 * 1000)
    assert (free.session_sid, free.voucher) == (second.session_sid, True)
    assert free.amount == 0
    assert call.sandbox.ledger.total("EUR") == Decimal("49.9")
    assert call.sandbox.ledger.of_session(first.session_sid) == [card]
    assert "canary" not in repr(call.sandbox.ledger).lower()


def test_amounts_are_exact(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    path = f"/v1/installs/{call.sandbox.install_sid}/exams/{session.exam_sid}"
    reply = call.send(
        "POST",
        f"{path}/sessions/{session.session_sid}",
        b'{"amount": 0.1000000000000000000001, "cardToken": "tok"}',
        {"token": call.sandbox.token, "Content-Type": "application/json; charset=utf-8"},
    )
    assert reply.status == 200
    assert call.sandbox.ledger[0].amount == Decimal("0.1000000000000000000001")


def test_sessions_that_do_not_exist(call: Caller) -> None:
    session, other = call.sandbox.open_sessions[:2]
    assert other.exam_sid != session.exam_sid
    nowhere = "0" * 32
    for exam, sid in (
        (session.exam_sid, "ES" + nowhere),
        ("EX" + nowhere, session.session_sid),
        (other.exam_sid, session.session_sid),  # of another exam
    ):
        for method in ("POST", "PUT"):
            reply = call.proctoring(method, f"/exams/{exam}/sessions/{sid}", {})
            assert (reply.status, reply.json["code"]) == (404, "RESOURCENOTFOUND")
    path = f"/exams/{session.exam_sid}/sessions/{session.session_sid}"
    for install in ("AI" + nowhere, call.sandbox.other_install_sid):
        assert call.proctoring("POST", path, {}, install=install).status == 404
    assert call.sandbox.open_sessions[0] == session


def test_reschedule(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    early = {"appointmentDateTime": "2026-09-09T10:00:00.000Z", "type": "proctoru"}
    reply = call.schedule(session, early, "PUT")
    assert (reply.status, reply.json["code"]) == (409, "RESOURCECONFLICT")
    assert call.schedule(session, early).status == 200
    late = {
        "appointmentStartDateTime": "2026-09-10T10:00:00.000Z",
        "appointmentEndDateTime": "2026-09-10T11:30:00.000Z",
    }
    reply = call.schedule(session, late, "PUT")
    assert (reply.status, reply.json) == (200, "Successful")
    (row,) = call.rows(("appointmentDateAfter", "2026-09-10T10:00:00.000Z"),
                       ("appointmentDateBefore", "2026-09-10T10:00:00.001Z"),
                       ("serviceTypes", "proctoru"), ("statuses", "Scheduled"),
                       ("userSid", session.user_sid))  # fmt: skip
    assert row["sid"] == session.session_sid


def test_the_report_follows_the_sessions(call: Caller) -> None:
    first, second = call.sandbox.open_sessions[:2]
    for session in (second, first):
        body = {"type": "vtc", "appointmentDateTime": "2026-10-01T08:00:00.000Z"}
        assert call.schedule(session, body).status == 200
    page = call.report(("offset", "240")).json
    assert page["total"] == 242
    assert [row["sid"] for row in page["results"]] == [second.session_sid, first.session_sid]
    row = page["results"][1]
    assert (row["status"], row["serviceType"]) == ("Scheduled", "virtual-test-center")
    assert row["exam"]["sid"] == first.exam_sid
    found = call.rows(("serviceTypes", "virtual-test-center"), ("examSid", first.exam_sid))
    assert row in found


def test_a_session_of_the_report_can_be_rescheduled(call: Caller) -> None:
    rows = call.rows()
    position, row = next((i, row) for i, row in enumerate(rows) if row["status"] == "Scheduled")
    path = f"/exams/{row['exam']['sid']}/sessions/{row['sid']}"
    moved = {"appointmentDateTime": "2026-12-24T12:00:00.000Z"}
    assert call.proctoring("PUT", path, moved).status == 200
    after = call.rows()
    assert len(after) == len(rows)
    assert after[position] == {**row, "appointmentDate": "2026-12-24T12:00:00.000Z"}
    closed = next(row for row in rows if row["status"] == "Closed")
    path = f"/exams/{closed['exam']['sid']}/sessions/{closed['sid']}"
    assert call.proctoring("PUT", path, moved).status == 409
    assert call.proctoring("POST", path, {}).status == 409


# --- course offerings -----------------------------------------------------------------------------


def test_update_course_offering(call: Caller) -> None:
    path = f"/courseOfferings/{call.sandbox.offering_sid}"
    dates = {"startDate": "2026-08-01T00:00:00.000Z", "endDate": "2026-12-31T00:00:00.000Z"}
    body = {"title": "Autumn 2026", "matchStrings": "Autumn 2026, AU26", **dates}
    reply = call.proctoring("PUT", path, body)
    assert reply.status == 200
    offering = reply.json
    assert {key: offering[key] for key in ("sid", "title", "matchStrings", *dates)} == {
        "sid": call.sandbox.offering_sid,
        "title": "Autumn 2026",
        "matchStrings": ["Autumn 2026", "AU26"],
        **dates,
    }
    rows = call.rows(("courseOfferingSid", call.sandbox.offering_sid))
    assert {row["courseOffering"]["title"] for row in rows} == {"Autumn 2026"}
    shorter = {"title": "Autumn 2026", "matchStrings": "AU26", "startDate": None}
    offering = call.proctoring("PUT", path, shorter).json
    assert (offering["startDate"], offering["endDate"]) == (None, dates["endDate"])
    assert offering["matchStrings"] == ["AU26"]


@pytest.mark.parametrize(
    "body",
    [
        {"title": "A"},
        {"matchStrings": "a"},
        {"title": None, "matchStrings": "a"},
        {"title": "A", "matchStrings": ["a"]},
        {"title": "A", "matchStrings": "a", "startDate": "2026-01-01"},
        {"title": "A", "matchStrings": "a", "startDate": "2026-13-01T00:00:00.000Z"},
        {"title": "A", "matchStrings": "a", "begin": None},
        [],
        "text",
    ],
)
def test_wrong_offerings(call: Caller, body: object) -> None:
    reply = call.proctoring("PUT", f"/courseOfferings/{call.sandbox.offering_sid}", body)
    assert (reply.status, reply.json["code"]) == (400, "INVALIDINPUT")


def test_unknown_offering(call: Caller) -> None:
    body = {"title": "A", "matchStrings": "a"}
    assert call.proctoring("PUT", f"/courseOfferings/CO{'0' * 32}", body).status == 404


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "statusses=Closed",  # misspelt
        "statuses=closed",
        "statuses[]=Closed",
        "statuses=Closed,Scheduled",
        "serviceTypes=b-virtual",
        "billable=True",
        "billable=1",
        "billable=",
        "offset=-1",
        "offset=1_0",
        "offset=1.0",
        "offset=%201",
        "offset=" + "9" * 5000,
        "limit=-1",
        "limit=ten",
        "limit=5&limit=6",
        "sortKeys=title",
        "sortOrder=asc",
        "examSid=EX" + "0" * 31,
        "examSid=EX" + "A" * 32,
        "examSid=EX" + "0" * 32 + "%0A",
        "examSid=CU" + "0" * 32,
        "courseOfferingSid=x",
        "courseSid=x",
        "userSid=x",
        "appointmentDateAfter=2026-03-04T15:30:00.000%2B00:00",
        "appointmentDateBefore=2026-03-04",
        "closeDateAfter=Z",
        "closeDateBefore=2026-02-30T00:00:00.000Z",
    ],
)
def test_wrong_queries(call: Caller, query: str) -> None:
    reply = call.proctoring("GET", f"/reports/serviceDistribution?{query}")
    assert reply.status == 400
    body = reply.json
    assert (body["code"], body["status"]) == ("INVALIDINPUT", 400)
    assert body["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"amount": NaN}',
        b'{"amount": 1, "amount": 2}',
        b'{"amount": -1}',
        b'{"amount": "1"}',
        b'{"amount": true}',
        b'{"examLocale": 1}',
        b'{"notes": null}',
        b'{"type": "live"}',
        b'{"currencyCode": "USD"}',
        b'{"proctorLocationSid": "PT1234567890abcdef1234567890abcdef"}',
        b'{"appointmentDateTime": "2026-03-04T15:30:00.000+00:00"}',
        b'{"appointmentDateTime": "9999-12-31T23:59:00.000Z"}',
        b'{"notes": "\xff"}',
        b"[" * 100_000,
        b"[]",
        b"null",
    ],
)
def test_wrong_bodies(call: Caller, body: bytes) -> None:
    session = call.sandbox.open_sessions[0]
    reply = call.send(
        "POST",
        f"/v1/installs/{call.sandbox.install_sid}/exams/{session.exam_sid}/sessions/{session.session_sid}",
        body,
        {"token": call.sandbox.token, "Content-Type": "application/json"},
    )
    assert (reply.status, reply.json["code"]) == (400, "INVALIDINPUT")
    assert call.sandbox.open_sessions[0] == session


def test_wrong_media_types_and_unwanted_bodies(call: Caller) -> None:
    path = f"/v1/installs/{call.sandbox.install_sid}"
    token = {"token": call.sandbox.token}
    body = b'{"title": "A", "matchStrings": "a"}'
    offering = f"{path}/courseOfferings/{call.sandbox.offering_sid}"
    assert call.send("PUT", offering, body, token).status == 400
    wrong = {**token, "Content-Type": "text/plain"}
    assert call.send("PUT", offering, body, wrong).status == 400
    report = f"{path}/reports/serviceDistribution"
    assert call.send("GET", report, b"{}", token).status == 400


def test_messages_do_not_repeat_what_was_sent(call: Caller) -> None:
    body = {"cardToken": 4242424242424242, "type": "CANARY", "4111 1111": 1}
    reply = call.schedule(call.sandbox.open_sessions[0], body)
    assert reply.status == 400
    assert "cardToken" in reply.json["message"]
    for secret in ("4242", "CANARY", "4111"):
        assert secret not in reply.json["message"]


def test_half_a_surrogate_pair_goes_out_as_it_came(call: Caller) -> None:
    reply = call.schedule(call.sandbox.open_sessions[0], {"notes": "\ud800 and é"})
    assert reply.json["notes"] == "\ud800 and é"


def test_unknown_paths_and_methods(call: Caller) -> None:
    for path in ("/", "/v1", "/v2/installs", "//x", "/v1/installs/../x", "/%00"):
        reply = call.send("GET", path, headers={"token": call.sandbox.token})
        assert (reply.status, reply.json["code"]) == (404, "RESOURCENOTFOUND")
    reply = call.proctoring("PATCH", f"/courseOfferings/{call.sandbox.offering_sid}")
    assert (reply.status, reply.json["code"]) == (405, "UNSUPPORTEDHTTPVERB")
    assert reply.headers["Allow"] == "PUT"
    head = call.proctoring("HEAD", "/reports/serviceDistribution")
    assert (head.status, head.body) == (405, b"")
    assert call.report().status == 200  # on the same connection
    reply = call.send("GET", "/nowhere", url=call.sandbox.ispring_url)
    assert (reply.status, set(reply.json)) == (404, {"code", "message"})


@pytest.mark.parametrize("sid", ["x", "AI" + "0" * 31, "ai" + "0" * 32, "AI" + "0" * 32 + "%0a", "AI%2f" + "0" * 31])
def test_wrong_sids_in_paths(call: Caller, sid: str) -> None:
    assert call.report(install=sid).status == 400


def test_tokens(call: Caller) -> None:
    path = f"/v1/installs/{call.sandbox.install_sid}/reports/serviceDistribution"
    for headers in ({}, {"token": "x"}, {"Authorization": f"Bearer {call.sandbox.token}"}):
        reply = call.send("GET", path, headers=headers)
        assert (reply.status, reply.json["code"]) == (403, "AUTHENTICATIONFAILED")
    assert call.send("GET", path, headers={"Token": call.sandbox.token}).status == 200
    # A refused token learns nothing of the input.
    assert call.send("GET", f"{path}?x=1", headers={"token": "x"}).status == 403
    payload = call.sandbox.token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["exp"] > time.time()


@pytest.mark.parametrize(("status", "code"), [(401, "INVALIDTOKEN"), (403, "AUTHENTICATIONFAILED")])
def test_expired_tokens(call: Caller, status: Any, code: str) -> None:
    call.sandbox.expire_token(status)
    reply = call.report()
    assert (reply.status, reply.json["code"]) == (status, code)
    assert ("WWW-Authenticate" in reply.headers) == (status == 401)
    call.sandbox.expire_token(None)
    assert call.report().status == 200
    with Sandbox(expired_token=status) as old:
        caller = Caller(old)
        assert caller.report().status == status
        payload = old.token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert claims["exp"] < time.time()
        caller.close()


# --- iSpring Learn --------------------------------------------------------------------------------


def test_access_token(call: Caller) -> None:
    reply = call.token()
    assert reply.status == 200
    assert set(reply.json) == {"access_token", "expires_in", "token_type"}
    assert (reply.json["expires_in"], reply.json["token_type"]) == (1800, "bearer")
    assert call.token().json["access_token"] != reply.json["access_token"]
    assert call.sandbox.tokens_issued == 2


def test_wrong_credentials(call: Caller) -> None:
    for change in ({"client_secret": "x"}, {"client_id": "x"}):
        reply = call.token(**change)
        assert (reply.status, reply.json["code"]) == (401, 401)
    for change in ({"grant_type": "password"}, {"scope": "all"}):
        reply = call.token(**change)
        assert (reply.status, reply.json["code"]) == (400, 400)
    url = call.sandbox.ispring_url
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert call.send("POST", "/api/v3/token", b"client_id=a", form, url).status == 400
    assert call.send("POST", "/api/v3/token", b"", form, url).status == 400
    json_body = {"Content-Type": "application/json"}
    assert call.send("POST", "/api/v3/token", b"{}", json_body, url).status == 400
    assert call.sandbox.tokens_issued == 0


def test_bearer(call: Caller) -> None:
    token = call.token().json["access_token"]
    for wrong in ({}, {"Authorization": token}, {"Authorization": "Bearer x"}):
        reply = call.training({}, **wrong)
        assert (reply.status, reply.json["code"]) == (401, 401)
    assert call.training({}, Authorization=f"bearer {token}").status == 200
    call.sandbox.revoke_tokens()
    assert call.training({}, Authorization=f"Bearer {token}").status == 401
    assert call.training({}, **call.bearer()).status == 200


def test_tokens_expire() -> None:
    with Sandbox(token_lifetime=0.05) as sandbox:
        call = Caller(sandbox)
        headers = call.bearer()
        time.sleep(0.06)
        assert call.training({}, **headers).status == 401
        call.close()


def test_account(call: Caller) -> None:
    headers = call.bearer()
    account = {"X-Auth-Account-Url": call.sandbox.account_url}
    assert call.training({}, **headers, **account).status == 200
    account = {"X-Auth-Account-Url": "https://another.example.com"}
    reply = call.training({}, **headers, **account)
    assert (reply.status, reply.json["code"]) == (403, 403)


def test_session_results(call: Caller) -> None:
    headers = call.bearer()
    everything = call.training({}, **headers).json
    assert len(everything) == 40
    assert [each["sessionId"] for each in everything] == call.sandbox.training_session_ids
    assert {each["sessionStatus"] for each in everything} == {
        "NOT_STARTED", "IN_PROGRESS", "PASSED",
    }  # fmt: skip
    for each in everything:
        for name in ("startDate", "actualStartDate", "completionDate"):
            if each.get(name) is not None:
                datetime.strptime(each[name], "%d-%m-%Y, %H:%M:%S")
        if each["sessionStatus"] == "PASSED":
            assert 0 <= each["points"] <= each["totalPoints"]

    def found(**body: object) -> list[Any]:
        reply = call.training(body, **headers)
        assert reply.status == 200
        results: list[Any] = reply.json
        return results

    checklist, other = call.sandbox.checklist_ids[:2]
    assert checklist == call.sandbox.checklist_id
    one = [each for each in everything if each["checklistId"] == checklist]
    assert found(checklistId=checklist) == found(checklistId=[checklist]) == one
    assert len(found(checklistId=[checklist, other])) == 16
    ids = call.sandbox.training_session_ids[3:6]
    assert found(sessionIds=ids) == everything[3:6]
    assert found(sessionIds=[]) == []
    passed = [each for each in one if each["sessionStatus"] == "PASSED"]
    assert found(checklistId=checklist, sessionStatus="PASSED") == passed
    assert passed


@pytest.mark.parametrize(
    "body",
    [
        {"checklistID": "x"},
        {"checklistId": 1},
        {"checklistId": None},
        {"sessionIds": "x"},
        {"sessionIds": [1]},
        {"sessionStatus": "COMPLETED"},
        {"sessionStatus": ["PASSED"]},
        [],
    ],
)
def test_wrong_training_filters(call: Caller, body: object) -> None:
    reply = call.training(body, **call.bearer())
    assert reply.status == 400
    assert reply.json["code"] == 400
    assert reply.json["message"]


# --- the transport --------------------------------------------------------------------------------


def exchange_bytes(sandbox: Sandbox, data: bytes) -> bytes:
    """Send bytes, and read until the sandbox ends the connection."""
    address = urlsplit(sandbox.smarterproctoring_url)
    with socket.create_connection((str(address.hostname), address.port or 0), 10) as client:
        client.sendall(data)
        received = b""
        while part := client.recv(65536):
            received += part
        return received


def test_keep_alive_and_httpx(call: Caller) -> None:
    ports = set()
    with httpx.Client(base_url=call.sandbox.smarterproctoring_url) as client:
        for offset in range(3):
            reply = client.get(
                f"/v1/installs/{call.sandbox.install_sid}/reports/serviceDistribution",
                params={"statuses": ["Closed", "Scheduled"], "offset": offset},
                headers={"token": call.sandbox.token},
            )
            assert reply.status_code == 200
            assert reply.http_version == "HTTP/1.1"
            stream = reply.extensions["network_stream"]
            ports.add(stream.get_extra_info("client_addr"))
    assert len(ports) == 1


def test_chunked_bodies(call: Caller) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"title": "In parts",'
        yield b' "matchStrings": "a"}'

    with httpx.Client(base_url=call.sandbox.smarterproctoring_url) as client:
        for _ in range(2):
            reply = client.put(
                f"/v1/installs/{call.sandbox.install_sid}/courseOfferings/{call.sandbox.offering_sid}",
                content=parts(),
                headers={"token": call.sandbox.token, "Content-Type": "application/json"},
            )
            assert reply.status_code == 200
            assert reply.json()["title"] == "In parts"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\n", 400),
    ],
)
def test_unreadable_requests(call: Caller, head: bytes, status: int) -> None:
    answer = exchange_bytes(call.sandbox, head)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"code", "message", "status"}


def test_unusual_but_proper_requests(call: Caller) -> None:
    path = f"/v1/installs/{call.sandbox.install_sid}/reports/serviceDistribution?limit=0"
    token = f"token: {call.sandbox.token}\r\n"
    old = exchange_bytes(call.sandbox, f"GET {path} HTTP/1.0\r\n{token}\r\n".encode())
    assert old.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in old
    whole = f"GET {call.sandbox.smarterproctoring_url}{path} HTTP/1.1\r\n{token}"
    twice = exchange_bytes(  # without waiting for the first answer
        call.sandbox, f"{whole}\r\n{whole}Connection: close\r\n\r\n".encode()
    )
    assert twice.count(b"HTTP/1.1 200 ") == 2
    body = '{"title": "A", "matchStrings": ""}'
    offering = f"/v1/installs/{call.sandbox.install_sid}/courseOfferings/{call.sandbox.offering_sid}"
    asked_first = exchange_bytes(
        call.sandbox,
        f"PUT {offering} HTTP/1.1\r\n{token}Expect: 100-continue\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode(),
    )
    assert asked_first.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


def test_half_a_request_changes_nothing(call: Caller) -> None:
    session = call.sandbox.open_sessions[0]
    address = urlsplit(call.sandbox.smarterproctoring_url)
    with socket.create_connection((str(address.hostname), address.port or 0), 10) as client:
        client.sendall(
            f"POST /v1/installs/{call.sandbox.install_sid}/exams/{session.exam_sid}"
            f"/sessions/{session.session_sid} HTTP/1.1\r\ntoken: {call.sandbox.token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{}".encode()
        )
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert call.sandbox.open_sessions[0] == session
    assert call.sandbox.requests[-1].status is None


def test_idle_connections_are_closed() -> None:
    with Sandbox(idle_timeout=0.1) as sandbox:
        began = time.perf_counter()
        assert exchange_bytes(sandbox, b"") == b""
        assert time.perf_counter() - began < 5


def test_closes_promptly_with_open_connections() -> None:
    sandbox = Sandbox().start()
    call = Caller(sandbox)
    assert call.report().status == 200
    began = time.perf_counter()
    sandbox.close()
    sandbox.close()
    assert time.perf_counter() - began < 0.9
    call.close()
    port = urlsplit(sandbox.smarterproctoring_url).port or 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5).close()
    with pytest.raises(RuntimeError):
        sandbox.start()


def test_loopback_only() -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        Sandbox(host="0.0.0.0")
    with pytest.raises(RuntimeError):
        _ = Sandbox().smarterproctoring_url


def test_requests_are_recorded_without_secrets(call: Caller) -> None:
    call.report(("limit", "1"))
    call.send("GET", "/nowhere")
    call.token()
    first, second, third = call.sandbox.requests
    assert (first.api, first.method, first.query) == ("smarterproctoring", "GET", "limit=1")
    assert (first.operation_id, first.status) == ("getServiceDistribution", 200)
    assert (second.path, second.operation_id, second.status) == ("/nowhere", None, 404)
    assert (third.api, third.operation_id) == ("ispring-learn", "createAccessToken")
    text = repr(call.sandbox.requests) + repr(call.sandbox)
    assert call.sandbox.token not in text
    assert call.sandbox.client_secret not in text


def test_many_threads(call: Caller) -> None:
    sandbox = call.sandbox
    sessions = sandbox.open_sessions[:128]
    barrier = threading.Barrier(32)

    def work(number: int) -> list[int]:
        caller = Caller(sandbox)
        barrier.wait()
        statuses = []
        # Every session is wanted by two threads; one of them gets it.
        for session in sessions[number % 16 * 8 : number % 16 * 8 + 8]:
            body = {"amount": 10, "cardToken": "tok", "type": "automated"}
            statuses.append(caller.schedule(session, body).status)
            assert caller.report(("sortKeys", "appointmentDate"), ("limit", "5")).status == 200
        caller.close()
        return statuses

    with ThreadPoolExecutor(32) as pool:
        statuses = [status for each in pool.map(work, range(32)) for status in each]
    assert (statuses.count(200), statuses.count(409)) == (128, 128)
    assert len(sandbox.ledger) == 128
    assert sandbox.ledger.total() == 1280
    assert len({charge.session_sid for charge in sandbox.ledger}) == 128
    assert call.report().json["total"] == 240 + 128
    assert len(sandbox.requests) == 32 * 16 + 1


def test_several_sandboxes() -> None:
    with Sandbox(seed=1) as one, Sandbox(seed=1) as other:
        for sandbox in (one, other):
            call = Caller(sandbox)
            assert call.schedule(sandbox.open_sessions[0], {"voucherCode": "V"}).status == 200
            call.close()
        assert (len(one.ledger), len(other.ledger)) == (1, 1)


# --- interceptors ---------------------------------------------------------------------------------


class Plan:
    """Does something to scheduling at one phase."""

    def __init__(self, phase: Phase, action: Any) -> None:
        self.phase = phase
        self.action = action
        self.seen: list[Phase] = []

    def connected(self, api: str) -> None:
        assert api in ("smarterproctoring", "ispring-learn")

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        if exchange.operation_id == "scheduleExamSession":
            self.seen.append(phase)
            if phase is self.phase:
                self.action(exchange)


def hang_up(_exchange: Exchange) -> None:
    raise Hangup


def reset(_exchange: Exchange) -> None:
    raise Hangup(reset=True)


@pytest.mark.parametrize("phase", [Phase.ANNOUNCED, Phase.RECEIVED, Phase.VALIDATED, Phase.APPLIED])
@pytest.mark.parametrize("action", [hang_up, reset])
def test_hanging_up_at_each_phase(call: Caller, phase: Phase, action: Any) -> None:
    plan = Plan(phase, action)
    call.sandbox.interceptors.append(plan)
    session = call.sandbox.open_sessions[0]
    # Nothing came back, whichever way the socket says so.
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call.schedule(session, {"amount": 1, "cardToken": "tok"})
    applied = phase is Phase.APPLIED
    assert len(call.sandbox.ledger) == applied
    assert (session not in call.sandbox.open_sessions) == applied
    assert plan.seen[-1] is phase
    assert call.sandbox.requests[-1].status is None


def test_an_answer_in_place_of_the_operation(call: Caller) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.answer = Answer(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"})

    call.sandbox.interceptors.append(Plan(Phase.RECEIVED, answer))
    reply = call.schedule(call.sandbox.open_sessions[0], {"amount": 1, "cardToken": "tok"})
    assert (reply.status, reply.body) == (502, b"<html>bad gateway</html>")
    assert call.sandbox.ledger == []


def test_applying_late(call: Caller) -> None:
    held: list[Exchange] = []

    def hold(exchange: Exchange) -> None:
        held.append(exchange)
        raise Hangup

    call.sandbox.interceptors.append(Plan(Phase.VALIDATED, hold))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call.schedule(call.sandbox.open_sessions[0], {"amount": 1, "cardToken": "tok"})
    assert call.sandbox.ledger == []
    assert held[0].apply().status == held[0].apply().status == 200
    assert len(call.sandbox.ledger) == 1


def test_writing_in_one_s_own_way(call: Caller) -> None:
    def trickle(exchange: Exchange) -> None:
        def transmit(data: bytes) -> None:
            for start in range(0, len(data), 500):
                exchange.connection.send(data[start : start + 500])
                exchange.connection.wait(0.001)

        exchange.transmit = transmit

    call.sandbox.interceptors.append(Plan(Phase.ANNOUNCED, trickle))
    reply = call.schedule(call.sandbox.open_sessions[0], {})
    assert (reply.status, len(reply.json)) == (200, 67)


def test_stalling_does_not_hold_up_closing() -> None:
    sandbox = Sandbox().start()
    stalled = threading.Event()

    def stall(exchange: Exchange) -> None:
        stalled.set()
        exchange.connection.wait(60)

    sandbox.interceptors.append(Plan(Phase.VALIDATED, stall))
    call = Caller(sandbox)
    caller = threading.Thread(target=lambda: call.schedule(sandbox.open_sessions[0], {}), daemon=True)
    caller.start()
    assert stalled.wait(10)
    began = time.perf_counter()
    sandbox.close()
    assert time.perf_counter() - began < 2
    caller.join(5)
    call.close()


# --- the sandbox itself ---------------------------------------------------------------------------


def test_every_operation_is_known() -> None:
    from invigilate.sandbox import proctoring, training

    for name, operations in (
        ("smarterproctoring", proctoring.OPERATIONS),
        ("ispring-learn", training.OPERATIONS),
    ):
        for entry in load(name).operations:
            assert operations.find(entry.operation_id) is not None, entry.operation_id


def test_wrong_answers_of_its_own_are_loud(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from invigilate.sandbox.sessions import Session

    session, other = call.sandbox.open_sessions[:2]
    with monkeypatch.context() as patch:
        patch.setattr(Session, "details", lambda _self: {"sid": 5, "surprise": 1})
        reply = call.schedule(session, {})
        assert (reply.status, reply.json["code"]) == (500, "SANDBOXDEFECT")
        patch.setattr(Session, "details", lambda _self: 1 / 0)
        assert call.schedule(other, {}).status == 500
    wrong, crash = call.sandbox.defects
    assert wrong.operation_id == "scheduleExamSession"
    assert "sid" in wrong.message
    assert "surprise" in wrong.message
    assert "ZeroDivisionError" in crash.message
    call.sandbox.defects.clear()


def nested_examples(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from nested_examples(value)
            yield {other: node[other] for other in node if other != key}
            for odd in (None, True, 1, -1, 1.5, "", "x", [], {}, [None], {"x": 1}):
                yield {**node, key: odd}
        yield {**node, "undocumented": None}
    elif isinstance(node, list):
        for value in node:
            yield from nested_examples(value)
        yield [*node, None]
    yield node


@pytest.mark.parametrize("name", ["smarterproctoring", "ispring-learn"])
def test_quick_acceptance_is_never_laxer_than_jsonschema(name: Any) -> None:
    from jsonschema_path import SchemaPath
    from openapi_core.validation.schemas import oas31_schema_validators_factory

    document = load(name)
    root = SchemaPath.from_dict(document.content)
    values = [
        value
        for entry in document.operations
        for operation in [document.content["paths"][entry.template][entry.method.lower()]]
        for holder in [operation.get("requestBody"), operation["responses"].get("200")]
        if holder
        for media in holder["content"].values()
        for value in nested_examples(media["example"])
    ]
    compiled = 0
    for schema_name, schema in document.content["components"]["schemas"].items():
        accepts = compile_acceptor(schema, document.content)
        if accepts is None:
            continue
        compiled += 1
        thorough = oas31_schema_validators_factory.create(
            root,
            root / "components" / "schemas" / schema_name,
            forbid_unspecified_additional_properties=True,
        ).validator
        for value in values:
            if accepts(value):
                assert thorough.is_valid(value), (schema_name, value)
    assert compiled > 3


def test_documented_examples_are_valid() -> None:
    for name in ("smarterproctoring", "ispring-learn"):
        document = load(name)
        specification = Specification(document)
        for entry in document.operations:
            operation = document.content["paths"][entry.template][entry.method.lower()]
            answers = operation["responses"]
            answer = answers.get("200", answers.get("default"))
            example = answer["content"]["application/json"]["example"]
            assert specification.check(entry).answer_mistake(200, example) is None


def test_fixture(invigilate_sandbox: Sandbox) -> None:
    call = Caller(invigilate_sandbox)
    assert call.report().status == 200
    call.close()


def test_what_is_invented_is_listed() -> None:
    assert all(text.endswith(".") for texts in INVENTED.values() for text in texts)


def run(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def test_start_up_time(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import time; began = time.perf_counter()\n"
        "from invigilate.sandbox import Sandbox; imported = time.perf_counter()\n"
        "sandbox = Sandbox(report_rows=100_000).start(); started = time.perf_counter()\n"
        "print(f'import {imported - began:.3f} s, start {started - imported:.3f} s')\n"
        "sandbox.close()"
    )
    done = subprocess.run(run("-c", code), capture_output=True, text=True, check=True)
    with capsys.disabled():
        print(f"\nsandbox: {done.stdout.strip()}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command(number: signal.Signals) -> None:
    process = subprocess.Popen(
        run("-m", "invigilate.sandbox", "--json", "--seed", "3", "--report-rows", "20"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        values = told["environment"]
        reply = httpx.get(
            f"{values['SMARTERPROCTORING_BASE_URL']}/v1/installs"
            f"/{values['SMARTERPROCTORING_INSTALL_SID']}/reports/serviceDistribution",
            headers={"token": values["SMARTERPROCTORING_TOKEN"]},
        )
        assert reply.json()["total"] == 20
        with Sandbox(seed=3) as same:
            assert told["session_sid"] == same.session_sid
            assert values["ISPRING_CLIENT_SECRET"] == same.client_secret
    finally:
        process.send_signal(number)
        assert process.wait(10) == 0
        process.stdout.close()


def test_command_prints_exports() -> None:
    process = subprocess.Popen(run("-m", "invigilate.sandbox"), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(8)]
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    names = [line.split("=")[0].removeprefix("export ") for line in lines[:7]]
    assert names == [
        "SMARTERPROCTORING_BASE_URL", "SMARTERPROCTORING_TOKEN", "SMARTERPROCTORING_INSTALL_SID",
        "ISPRING_BASE_URL", "ISPRING_CLIENT_ID", "ISPRING_CLIENT_SECRET", "ISPRING_ACCOUNT_URL",
    ]  # fmt: skip
    assert lines[7].startswith("# ")


def test_without_the_extra() -> None:
    code = "import sys; sys.modules['yaml'] = None\nimport invigilate.sandbox"
    done = subprocess.run(run("-c", code), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "pip install 'invigilate[sandbox]'" in done.stderr


def test_the_plugin_imports_nothing_before_its_use() -> None:
    code = (
        "import sys, invigilate.sandbox.pytest_plugin\n"
        "assert not {'openapi_core', 'yaml', 'http.server'} & set(sys.modules)"
    )
    subprocess.run(run("-c", code), check=True)
