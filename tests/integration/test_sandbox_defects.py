"""Mistakes that the sandbox once had: extreme durations, past sessions, slow closing, long locks, unknown examples."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from invigilate.sandbox import Exchange, Phase, Sandbox
from tests.support.caller import Caller

SPECS = Path(__file__).resolve().parents[2] / "openapi"


def samples(spec: str, below: str = "/") -> dict[str, tuple[str, str, Any]]:
    """Method, path and body of each operation of a spec below a path, with the spec's own examples."""
    document = yaml.safe_load((SPECS / f"{spec}.yaml").read_text(encoding="utf-8"))

    def resolve(node: Any) -> Any:
        while "$ref" in node:
            found = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    found = {}
    for template, item in document["paths"].items():
        if not template.startswith(below):
            continue
        for method in {"get", "put", "post", "delete"} & item.keys():
            operation, path = item[method], template
            for parameter in map(resolve, [*item.get("parameters", ()), *operation.get("parameters", ())]):
                if parameter["in"] == "path":
                    example = parameter.get("example") or resolve(parameter["schema"])["examples"][0]
                    path = path.replace(f"{{{parameter['name']}}}", example)
            body = None
            for media in resolve(operation.get("requestBody", {})).get("content", {}).values():
                body = (
                    media["example"] if "example" in media else resolve(next(iter(media["examples"].values())))["value"]
                )
            found[operation["operationId"]] = (method.upper(), path, body)
    return found


SAMPLES = samples("smarterproctoring")


def configuration_path(sandbox: Sandbox) -> str:
    return f"/courses/{sandbox.course_sid}/exams/{sandbox.exam_sid}/configurations/{sandbox.exam_configuration_sid}"


# --- durations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("duration", [b"1e20", b"1e400", b"0", b"-5", b"527041"])
def test_extreme_durations_are_refused(call: Caller, duration: bytes) -> None:
    path, sandbox = f"/v1/installs/{call.sandbox.install_sid}{configuration_path(call.sandbox)}", call.sandbox
    headers = {"token": sandbox.token, "Content-Type": "application/json"}
    reply = call.send("PUT", path, b'{"duration": ' + duration + b"}", headers)
    assert (reply.status, reply.json["code"], reply.json["status"]) == (400, "INVALIDINPUT", 400)
    # Sessions of the exam can still be read and booked.
    row = next(row for row in call.rows(("examSid", sandbox.exam_sid)))
    assert call.proctoring("GET", f"/exams/{sandbox.exam_sid}/sessions/{row['sid']}").status == 200
    assert call.schedule(sandbox.open_sessions[0], {"appointmentDateTime": "2030-01-01T10:00:00.000Z"}).status == 200


def test_extreme_durations_are_refused_when_provisioning(call: Caller) -> None:
    body: dict[str, Any] = {
        "course": {"ids": {"sid": call.sandbox.course_sid}},
        "exam": {
            "ids": {"external": "exam-1"},
            "title": "Midterm",
            "configuration": {
                "ids": {"api": "configuration-1"},
                "type": "primary",
                "url": "https://exam.example.com/start",
                "duration": 1e20,
            },
        },
    }
    reply = call.send(
        "POST",
        f"/v2/installs/{call.sandbox.install_sid}/provision",
        json.dumps(body).encode(),
        {"token": call.sandbox.token, "Content-Type": "application/json"},
    )
    assert (reply.status, reply.json["code"]) == (400, "INVALIDINPUT")
    assert "duration" in reply.json["message"]


def test_another_duration_leaves_past_sessions_alone(call: Caller) -> None:
    sandbox = call.sandbox
    sessions = [session for session in sandbox.open_sessions if session.exam_sid == sandbox.exam_sid]
    times = {"appointmentDateTime": "2030-01-01T10:00:00.000Z"}
    assert call.schedule(sessions[0], times).status == 200
    booked_before = next(row["sid"] for row in call.rows(("examSid", sandbox.exam_sid)))

    def read(sid: str) -> tuple[str, str, float]:
        session = call.proctoring("GET", f"/exams/{sandbox.exam_sid}/sessions/{sid}").json
        return session["appointmentDate"], session["appointmentEndDate"], session["duration"]

    sids = (booked_before, sessions[0].session_sid)
    before = [read(sid) for sid in sids]
    assert call.proctoring("PUT", configuration_path(sandbox), {"duration": 600}).status == 200
    assert [read(sid) for sid in sids] == before
    # New appointments have the new duration.
    assert call.schedule(sessions[1], times).json["appointmentEndDate"] == "2030-01-01T20:00:00.000Z"


# --- closing --------------------------------------------------------------------------------------


class HoldAfterSending:
    """Keeps the server's thread busy from when a response was sent until the sandbox begins to close."""

    def __init__(self) -> None:
        self.sent = threading.Event()

    def connected(self, api: str) -> None:
        pass

    def reached(self, phase: Phase, exchange: Exchange) -> None:
        if phase.value in ("sent", "answered"):
            self.sent.set()
            exchange.connection.wait(10)


def test_closing_right_after_a_response_is_prompt() -> None:
    sandbox = Sandbox(report_rows=10).start()
    hold = HoldAfterSending()
    sandbox.interceptors.append(hold)
    call = Caller(sandbox)
    assert call.report().status == 200  # and the connection is kept alive
    assert hold.sent.wait(10)
    began = time.perf_counter()
    sandbox.close()
    assert time.perf_counter() - began < 0.4
    call.close()


def test_closing_does_not_wait_for_half_a_request() -> None:
    sandbox = Sandbox(report_rows=10).start()
    url = urlsplit(sandbox.smarterproctoring_url)
    with socket.create_connection((str(url.hostname), url.port or 0), 10) as client:
        client.sendall(b"PUT /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(0.1)  # until the head was read
        began = time.perf_counter()
        sandbox.close()
        assert time.perf_counter() - began < 0.4


# --- locks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("slow", ["sorting", "listing"])
def test_a_long_search_does_not_block_the_install(call: Caller, monkeypatch: pytest.MonkeyPatch, slow: str) -> None:
    sandbox = call.sandbox
    archive = sandbox._proctoring.install.archive
    compute = archive._make_columns
    begun, go_on = threading.Event(), threading.Event()

    def compute_slowly() -> Any:
        begun.set()
        assert go_on.wait(30)
        return compute()

    monkeypatch.setattr(archive, "_make_columns", compute_slowly)
    results: list[int] = []

    def search() -> None:
        own = Caller(sandbox)
        path = f"/enrollments/{sandbox.enrollment_sid}/exams/{sandbox.exam_sid}/sessions"
        reply = own.proctoring("GET", path) if slow == "listing" else own.report(("sortKeys", "appointmentDate"))
        results.append(reply.status)
        own.close()

    thread = threading.Thread(target=search, daemon=True)
    thread.start()
    assert begun.wait(10)
    call.connections.clear()
    done = threading.Event()

    def book() -> None:
        session = sandbox.open_sessions[0]
        results.append(call.schedule(session, {}).status)
        results.append(call.report(("limit", "1")).status)
        done.set()

    threading.Thread(target=book, daemon=True).start()
    try:
        assert done.wait(5), "the install is blocked"
    finally:
        go_on.set()
        thread.join(30)
    assert results == [200, 200, 200]


def test_sorting_in_steps_is_stable() -> None:
    from invigilate.sandbox.smarterproctoring.archive import NEVER
    from invigilate.sandbox.smarterproctoring.report import _LAST, _sorted_in_steps

    assert _LAST == -NEVER
    for values in (
        [5, 3, 5, _LAST, 1, 3, -_LAST, 10**12, _LAST, 5],
        [7] * 10,
        [_LAST] * 5,
        [],
        [number * 7919 % 1009 for number in range(5000)],
    ):
        positions = list(range(len(values)))
        for descending in (False, True):
            expected = sorted(positions, key=values.__getitem__, reverse=descending)
            assert _sorted_in_steps(positions, values, descending=descending) == expected


# --- the examples of the specs --------------------------------------------------------------------

# In an order in which each of them can succeed: a session is booked before it is moved, and so on.
ORDER = (
    "getExamSession",
    "listEnrollmentExamSessions",
    "scheduleExamSession",
    "rescheduleExamSession",
    "getOnboardingUrl",
    "cancelExamSession",
    "getServiceDistribution",
    "updateCourseOffering",
    "updateExamAssignments",
    "updateExamAssignmentsByEnrollment",
    "getExamConfiguration",
    "updateExamConfiguration",
    "getUserProfile",
    "updateAdminUser",
    "getInstallSettings",
    "provision",
)


def test_samples_of_the_spec_work_as_they_are(call: Caller) -> None:
    assert {*ORDER, "createUser"} == set(SAMPLES)
    for name in ORDER:
        method, path, body = SAMPLES[name]
        headers = {"token": call.sandbox.token}
        if body is not None:
            headers["Content-Type"] = "application/json"
        reply = call.send(method, path, None if body is None else json.dumps(body).encode(), headers)
        assert reply.status == 200, (name, reply.body)
        if name == "getExamSession":
            session = reply.json
            for field in ("sid", "installSid", "examSid", "enrollmentSid", "userSid", "courseSid"):
                assert session[field][2:] == "1234567890abcdef1234567890abcdef", field
        if name == "listEnrollmentExamSessions":
            assert [row["sid"] for row in reply.json["results"]] == [session["sid"]]


def test_the_sample_of_a_new_user_works_for_a_new_user(call: Caller) -> None:
    method, path, body = SAMPLES["createUser"]
    headers = {"token": call.sandbox.token, "Content-Type": "application/json"}
    assert call.send(method, path, json.dumps(body).encode(), headers).status == 200


def test_samples_of_job_training_find_something(call: Caller) -> None:
    headers = {**call.bearer(), "Content-Type": "application/json"}
    found = {}
    for name, (method, path, body) in samples("ispring-learn", "/job-training").items():
        reply = call.send(method, path, json.dumps(body).encode(), headers, call.sandbox.ispring_url)
        assert reply.status == 200
        found[name] = len(reply.json)
    assert len(found) == 4
    assert all(found.values()), found


# --- what a fuzzer found: numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [b"1e9999999999999999999999", b"-1e-99999999999999999999", b"0e99999999999999999999"]
)
def test_an_exponent_beyond_decimals_is_refused(call: Caller, number: bytes) -> None:
    # Once no response at all: the decimal module raises something else than a ValueError.
    path, sandbox = f"/v1/installs/{call.sandbox.install_sid}{configuration_path(call.sandbox)}", call.sandbox
    headers = {"token": sandbox.token, "Content-Type": "application/json"}
    reply = call.send("PUT", path, b'{"duration": ' + number + b"}", headers)
    assert (reply.status, reply.json["code"]) == (400, "INVALIDINPUT")
    assert sandbox.defects == []


@pytest.mark.parametrize("duration", [b"90.0", b"9E1", b"9.00e+1"])
def test_a_number_without_a_fraction_is_an_integer(call: Caller, duration: bytes) -> None:
    # As JSON Schema has it.
    path, sandbox = f"/v1/installs/{call.sandbox.install_sid}{configuration_path(call.sandbox)}", call.sandbox
    headers = {"token": sandbox.token, "Content-Type": "application/json"}
    reply = call.send("PUT", path, b'{"duration": ' + duration + b"}", headers)
    assert (reply.status, reply.json["duration"]) == (200, 90)
    assert sandbox.defects == []
