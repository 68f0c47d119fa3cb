"""What the sandbox refuses, and how."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from invigilate.sandbox import (
    Sandbox,
)
from tests.support.caller import Caller


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
