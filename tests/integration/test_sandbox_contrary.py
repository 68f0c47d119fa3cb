"""Inventions: marked on the wire, flipped by `behaviour="contrary"`, and none that the SDK relies on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import invigilate.sandbox
from invigilate import ISpringLearn, SmarterProctoring
from invigilate.sandbox import INVENTED, PERMITTED, Sandbox
from tests.support import learn_probes
from tests.support.caller import Caller, Reply

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(invigilate.sandbox.__file__).parent
TIMES = {"appointmentDateTime": "2030-03-04T15:30:00.000Z", "type": "automated"}
NAMES = {each.name: each for group in INVENTED.values() for each in group}
FLIPPED = [name for name, each in NAMES.items() if each.contrary is not None]


@contextmanager
def server(behaviour: str, **options: Any) -> Iterator[Caller]:
    with Sandbox(behaviour=behaviour, **options) as sandbox:
        call = Caller(sandbox)
        yield call
        call.close()
        assert sandbox.defects == []


def inferred(reply: Reply) -> set[str]:
    return set(filter(None, reply.headers.get("X-Sandbox-Inferred", "").split(", ")))


def book(call: Caller, **fields: Any) -> Any:
    session = call.sandbox.open_sessions[0]
    assert call.schedule(session, {**TIMES, **fields}).status == 200
    return session


def session_path(session: Any) -> str:
    return f"/exams/{session.exam_sid}/sessions/{session.session_sid}"


def read(call: Caller, session: Any) -> Any:
    return call.proctoring("GET", session_path(session)).json


def sessions_of(call: Caller, session: Any, query: str = "") -> Reply:
    return call.proctoring("GET", f"/enrollments/{session.enrollment_sid}/exams/{session.exam_sid}/sessions{query}")


# --- what is seen under each reading --------------------------------------------------------------
# Each probe returns the response that rests on the invention, and what differs between the readings.


def undocumented_input(call: Caller) -> tuple[Reply, object]:
    reply = call.report(("statuss", "Closed"))
    return reply, (reply.status, call.schedule(call.sandbox.open_sessions[0], {"note": "?"}).status)


def token_refusal(call: Caller) -> tuple[Reply, object]:
    path = f"/v1/installs/{call.sandbox.install_sid}/settings"
    reply = call.send("GET", path, headers={"token": "x"})
    return reply, (reply.status, reply.json["code"], "WWW-Authenticate" in reply.headers)


def second_booking(call: Caller) -> tuple[Reply, object]:
    session = book(call, amount=5, cardToken="tok")
    reply = call.schedule(session, {**TIMES, "amount": 5, "cardToken": "tok"})
    return reply, (reply.status < 300, len(call.sandbox.ledger))


def conflict_status(call: Caller) -> tuple[Reply, object]:
    reply = call.schedule(call.sandbox.open_sessions[0], {"notes": "moved"}, "PUT")
    return reply, (reply.status, reply.json["code"])


def reschedule_time(call: Caller) -> tuple[Reply, object]:
    session = book(call)
    one, other = "2030-04-01T08:00:00.000Z", "2030-05-01T08:00:00.000Z"
    reply = call.schedule(session, {"appointmentStartDateTime": one, "appointmentDateTime": other}, "PUT")
    return reply, read(call, session)["appointmentDate"]


def appointment_end(call: Caller) -> tuple[Reply, object]:
    reply = call.schedule(call.sandbox.open_sessions[0], TIMES)
    return reply, reply.json["appointmentEndDate"]


def success_string(call: Caller) -> tuple[Reply, object]:
    reply = call.schedule(book(call), {"notes": "moved"}, "PUT")
    return reply, reply.json


def voucher_pays(call: Caller) -> tuple[Reply, object]:
    reply = call.schedule(call.sandbox.open_sessions[0], {"amount": 5, "cardToken": "tok", "voucherCode": "V"})
    return reply, [(charge.amount, charge.voucher) for charge in call.sandbox.ledger]


def canceled_status(call: Caller) -> tuple[Reply, object]:
    session = book(call)
    return call.proctoring("DELETE", session_path(session)), read(call, session)["status"]


def canceled_billable(call: Caller) -> tuple[Reply, object]:
    session = book(call)
    reply = call.proctoring("DELETE", session_path(session))
    row = next(row for row in call.rows() if row["sid"] == session.session_sid)
    return reply, row["billable"]


def refunds(call: Caller) -> tuple[Reply, object]:
    session = book(call, amount=5, cardToken="tok")
    return call.proctoring("DELETE", session_path(session)), call.sandbox.ledger.total()


def onboarding_status(call: Caller) -> tuple[Reply, object]:
    reply = call.proctoring("GET", f"{session_path(call.sandbox.open_sessions[0])}/onboard")
    return reply, reply.status


def active_sessions(call: Caller) -> tuple[Reply, object]:
    session = book(call)
    reply = sessions_of(call, session)
    everything = sessions_of(call, session, "?includeActive=true").json["results"]
    assert session.session_sid in [row["sid"] for row in everything]
    return reply, session.session_sid in [row["sid"] for row in reply.json["results"]]


def two_sessions(call: Caller) -> Any:
    """Give an enrollment a session that is Cancelled and one that waits."""
    session = call.sandbox.open_sessions[0]
    path = f"/exams/{session.exam_sid}/assignment"
    for change in ({"removed": [session.enrollment_sid]}, {"added": [session.enrollment_sid]}):
        assert call.proctoring("PUT", path, change).status == 200
    return session


def list_order(call: Caller) -> tuple[Reply, object]:
    reply = sessions_of(call, two_sessions(call))
    found = [row["status"] for row in reply.json["results"]]
    return reply, found.index("Cancelled") < found.index("Needs Proctor")


def list_page(call: Caller) -> tuple[Reply, object]:
    session = call.sandbox.open_sessions[0]
    for _ in range(50):
        for change in ({"removed": [session.enrollment_sid]}, {"added": [session.enrollment_sid]}):
            call.proctoring("PUT", f"/exams/{session.exam_sid}/assignment", change)
    reply = sessions_of(call, session)
    return reply, reply.json["count"]


def assignment_order(call: Caller) -> tuple[Reply, object]:
    session = call.sandbox.open_sessions[0]
    both = {"added": [session.enrollment_sid], "removed": [session.enrollment_sid]}
    reply = call.proctoring("PUT", f"/exams/{session.exam_sid}/assignment", both)
    return reply, [row["status"] for row in sessions_of(call, session).json["results"]]


def selection_union(call: Caller) -> tuple[Reply, object]:
    session, before = call.sandbox.open_sessions[0], len(call.sandbox.open_sessions)
    selection = {"courseSid": session.course_sid, "enrollmentSid": [session.enrollment_sid]}
    reply = call.proctoring("PUT", f"/exams/{session.exam_sid}/assignments", {"added": selection})
    return reply, len(call.sandbox.open_sessions) > before


def provision_by_email(call: Caller) -> tuple[Reply, object]:
    profile = call.proctoring("GET", f"/users/{call.sandbox.user_sid}/profile").json
    user = {"ids": {"external": "new"}, "firstName": "A", "lastName": "B", "email": profile["email"]}
    reply = provision(call, {"course": {"ids": {"sid": call.sandbox.course_sid}}, "user": user})
    return reply, reply.json["user"]["sid"] == call.sandbox.user_sid


def provision(call: Caller, body: object) -> Reply:
    headers = {"token": call.sandbox.token, "Content-Type": "application/json"}
    return call.send("POST", f"/v2/installs/{call.sandbox.install_sid}/provision", json.dumps(body).encode(), headers)


def partial_update(call: Caller) -> tuple[Reply, object]:
    path = f"/users/{call.sandbox.user_sid}"
    assert call.proctoring("PUT", path, {"mobilePhone": "+1 555 0100"}).status == 200
    reply = call.proctoring("PUT", path, {"homePhone": "+1 555 0101"})
    return reply, call.proctoring("GET", f"{path}/profile").json["mobilePhone"]


def taken_email(call: Caller) -> tuple[Reply, object]:
    body = {"firstName": "Ada", "lastName": "Example", "email": "ada@example.com"}
    call.proctoring("POST", "/users", body)
    reply = call.proctoring("POST", "/users", body)
    return reply, reply.status


def default_username(call: Caller) -> tuple[Reply, object]:
    reply = call.proctoring("GET", f"/users/{call.sandbox.user_sid}/profile")
    return reply, reply.json["username"]


def report_total(call: Caller) -> tuple[Reply, object]:
    reply = call.report()
    return reply, "total" in reply.json


def title_match(call: Caller) -> tuple[Reply, object]:
    reply = call.report(("examTitle", "final exam"))
    return reply, len(reply.json["results"])


def null_dates(call: Caller) -> tuple[Reply, object]:
    reply = call.report(("sortKeys", "closeDate"), ("limit", "1"))
    return reply, reply.json["results"][0]["dateClosed"]


def largest_limit(call: Caller) -> tuple[Reply, object]:
    reply = call.report(("limit", "100000"))
    return reply, reply.status


def page_links(call: Caller) -> tuple[Reply, object]:
    reply = call.report()
    return reply, reply.json["next"].startswith("http")


def offering_dates(call: Caller) -> tuple[Reply, object]:
    body = {"title": "A", "matchStrings": "a"}
    reply = call.proctoring("PUT", f"/courseOfferings/{call.sandbox.offering_sid}", body)
    return reply, reply.json["startDate"]


def account_check(call: Caller) -> tuple[Reply, object]:
    reply = call.training({}, **call.bearer(), **{"X-Auth-Account-Url": "https://another.example.com"})
    return reply, reply.status


def empty_filter(call: Caller) -> tuple[Reply, object]:
    reply = call.training({"sessionIds": []}, **call.bearer())
    return reply, len(reply.json)


def missing_values(call: Caller) -> tuple[Reply, object]:
    reply = call.training({}, **call.bearer())
    return reply, next("points" in row for row in reply.json if row["sessionStatus"] == "IN_PROGRESS")


def day_first(call: Caller) -> tuple[Reply, object]:
    reply = call.training({}, **call.bearer())
    return reply, reply.json[0]["startDate"]


def narrowed_checklists(call: Caller) -> tuple[Reply, object]:
    body = json.dumps({"sessionIds": call.sandbox.training_session_ids[:1]}).encode()
    headers = {**call.bearer(), "Content-Type": "application/json"}
    path = "/job-training/checklist/sessions/list"
    reply = call.send("POST", path, body, headers, call.sandbox.ispring_url)
    return reply, [len(row["sessionIds"]) for row in reply.json]


PROBES: dict[str, Callable[[Caller], tuple[Reply, object]]] = {
    probe.__name__.replace("_", "-"): probe
    for probe in (
        undocumented_input, token_refusal, second_booking, conflict_status, reschedule_time, appointment_end,
        success_string, voucher_pays, canceled_status, canceled_billable, refunds, onboarding_status, active_sessions,
        list_order, list_page, assignment_order, selection_union, provision_by_email, partial_update, taken_email,
        default_username, report_total, title_match, null_dates, largest_limit, page_links, offering_dates,
        account_check, empty_filter, missing_values, day_first, narrowed_checklists,
    )
} | learn_probes.PROBES  # fmt: skip


def test_every_contrary_reading_has_a_probe() -> None:
    assert sorted(PROBES) == sorted(FLIPPED)


@pytest.mark.parametrize("name", PROBES)
def test_contrary_readings(name: str) -> None:
    seen = []
    for behaviour in ("default", f"contrary:{name}"):
        with server(behaviour) as call:
            reply, difference = PROBES[name](call)
            assert name in inferred(reply)
            seen.append(difference)
    assert seen[0] != seen[1]


def test_names_in_code_and_list_are_the_same() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py") if path.name != "inventions.py")
    used = set(re.findall(r'(?:infer|flips)\(\s*"([\w-]+)"', source))
    used |= {f"provision-{each}" for each in ("matching", "required", "results", "sessions", "placement")}
    used |= set(re.findall(r'refuse\([^)]*"([\w-]+)"\)', source))
    assert used == set(NAMES)
    assert len(NAMES) == sum(map(len, INVENTED.values()))


# --- the page -------------------------------------------------------------------------------------


def test_the_page_lists_all_inventions_and_all_that_is_let_pass() -> None:
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8"))
    for subject, group in INVENTED.items():
        assert f"### {subject} " in page
        for each in group:
            contrary = "" if each.contrary is None else f" Contrary: {each.contrary}"
            assert f"- `{each.name}`: {each.text}{contrary}" in page
    for subject, texts in PERMITTED.items():
        assert subject in page
        assert all(f"- {text}" in page for text in texts)


# --- what is let pass -----------------------------------------------------------------------------


def test_what_is_let_pass_passes() -> None:
    with server("default") as call:
        first, second, third = call.sandbox.open_sessions[:3]
        past = {
            "appointmentDateTime": "1999-01-01T00:00:00.000Z",
            "amount": 10**9,
            "cardToken": "any",
            "currency": "USD",
        }
        assert call.schedule(first, past).status == 200
        # An overlap, with a location that does not exist.
        assert call.schedule(second, {**past, "proctorLocationSid": f"PL{'0' * 32}"}).status == 200
        assert call.proctoring("GET", "/settings", install=call.sandbox.other_install_sid).status == 200
        ends_first = {
            "appointmentStartDateTime": "2030-01-02T00:00:00.000Z",
            "appointmentEndDateTime": "2030-01-01T00:00:00.000Z",
        }
        assert call.schedule(first, ends_first, "PUT").status == 200
        dates = {"startDate": "2030-01-02T00:00:00.000Z", "endDate": "2030-01-01T00:00:00.000Z"}
        offering = {"title": "A", "matchStrings": "a", **dates}
        assert call.proctoring("PUT", f"/courseOfferings/{call.sandbox.offering_sid}", offering).status == 200
        for _ in range(5):
            assert call.schedule(third, TIMES).status == 200
            assert call.proctoring("DELETE", session_path(third)).status == 200
            two = {"added": [third.enrollment_sid]}
            assert call.proctoring("PUT", f"/exams/{third.exam_sid}/assignment", two).status == 200
            third = next(each for each in call.sandbox.open_sessions if each.enrollment_sid == third.enrollment_sid)


# --- the SDK --------------------------------------------------------------------------------------

EXAM = {
    "ids": {"external": "exam-1"},
    "title": "Midterm Exam",
    "limitedScope": True,
    "configuration": {
        "url": "https://exam.example.com/start",
        "access": {"open": "2030-03-02T08:00:00.000Z", "close": "2030-03-06T20:00:00.000Z"},
        "duration": 90,
        "password": "example-password",
        "proctorTypes": {},
    },
}


@pytest.mark.parametrize("behaviour", ["default", "contrary"])
def test_the_whole_flow_under_both_readings(behaviour: str) -> None:
    with (
        Sandbox(behaviour=behaviour, report_rows=130) as sandbox,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as typed,
    ):
        client: Any = typed  # optional fields of responses are read without a check here
        provisioned = [
            client.provisioning.provision(
                course={"ids": {"sid": sandbox.course_sid}},
                user={
                    "ids": {"external": name},
                    "firstName": name,
                    "lastName": "Example",
                    "email": f"{name}@example.com",
                },
                enrollment={"role": "learner"},
                exam=EXAM,
            ).to_dict()
            for name in ("ada", "grace")
        ]
        exam = provisioned[0]["exam"]["sid"]
        people = [each["enrollment"]["sid"] for each in provisioned]
        client.exams.update_assignments_by_enrollment(exam_sid=exam, added=people)
        listed = client.exam_sessions.list_for_enrollment
        (one,), (other,) = (
            listed(enrollment_sid=person, exam_sid=exam, include_active=True).collect() for person in people
        )
        for row in (one, other):
            booked = client.exam_sessions.schedule(
                exam_sid=exam,
                session_sid=row.sid,
                type_="automated",
                appointment_date_time="2030-03-04T15:30:00Z",
                amount=Decimal("12.50"),
                currency="USD",
                card_token="tok_example",
            )
            assert (booked.sid, booked.status) == (row.sid, "Scheduled")
        client.exam_sessions.reschedule(
            exam_sid=exam, session_sid=one.sid, appointment_start_date_time="2030-03-05T10:00:00Z"
        )
        session = client.exam_sessions.get(exam_sid=exam, session_sid=one.sid)
        assert session.appointment_date == "2030-03-05T10:00:00.000Z"
        assert client.exam_sessions.onboarding_url(exam_sid=exam, session_sid=one.sid).url.startswith("https://")
        client.exam_sessions.cancel(exam_sid=exam, session_sid=other.sid, cancellation_memo="withdrawn")
        sandbox.close_session(one.sid)

        rows = client.reports.service_distribution(exam_sid=exam).collect()
        assert ("Closed", one.sid) in [(row.status, row.sid) for row in rows]
        everything = client.reports.service_distribution(limit=50, sort_keys=["closeDate"]).collect()
        assert len(everything) == len({row.sid for row in everything}) == 130 + len(rows)
        assert len(sandbox.ledger.of_session(one.sid)) == 1

        with ISpringLearn(
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            account_url=sandbox.account_url,
            base_url=sandbox.ispring_url,
        ) as ispring:
            assert len(ispring.job_training.list_session_results()) == 40
        assert sandbox.defects == []
