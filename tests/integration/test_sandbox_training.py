"""iSpring Learn in the sandbox."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from invigilate.sandbox import (
    Sandbox,
)
from tests.support.caller import Caller


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
