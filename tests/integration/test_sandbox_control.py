"""The control endpoint, as a test in another language uses it."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from invigilate.sandbox import Sandbox, faults
from tests.support.caller import Caller, Reply

TIMES = {"appointmentDateTime": "2030-03-04T15:30:00.000Z", "amount": 12.5, "cardToken": "tok_canary"}


class Control:
    """Sends requests to the control endpoint of a sandbox, knowing nothing but its URL."""

    def __init__(self, url: str) -> None:
        self.url = urlsplit(url)

    def send(self, method: str, path: str = "", data: Any = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection(str(self.url.hostname), self.url.port, timeout=10)
        body = None if data is None else json.dumps(data).encode()
        sent = {"Content-Type": "application/json"} if body else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, self.url.path + path, body, sent)
        response = connection.getresponse()
        reply = Reply(response.status, response.read(), dict(response.getheaders()))
        connection.close()
        return reply


@pytest.fixture
def control(call: Caller) -> Control:
    return Control(call.sandbox.control_url)


def test_the_overview_has_all_that_a_client_needs(call: Caller, control: Control) -> None:
    reply = control.send("GET")
    overview = reply.json
    assert reply.status == 200
    assert overview["urls"] == {
        "smarterproctoring": call.sandbox.smarterproctoring_url,
        "ispring": call.sandbox.ispring_url,
    }
    assert overview["environment"]["SMARTERPROCTORING_TOKEN"] == call.sandbox.token
    assert overview["identifiers"]["session_sid"] == call.sandbox.session_sid
    for endpoint in overview["endpoints"]:
        method, _, path = endpoint.partition(" ")
        assert path.startswith("/_sandbox")
        if method == "GET":
            assert control.send(method, path.removeprefix("/_sandbox")).status == 200
    assert len(overview["endpoints"]) == 19


def test_the_ledger_and_the_requests(call: Caller, control: Control) -> None:
    assert control.send("GET", "/ledger").json == []
    session = call.sandbox.open_sessions[0]
    assert call.schedule(session, TIMES).status == 200
    (charge,) = control.send("GET", "/ledger").json
    assert charge == {
        "install_sid": call.sandbox.install_sid,
        "session_sid": session.session_sid,
        "amount": "12.5",
        "currency": "USD",
        "at": call.sandbox.ledger[0].at.isoformat(),
        "voucher": False,
    }
    # What the control endpoint is asked is not among the requests.
    (request,) = control.send("GET", "/requests").json
    assert (request["api"], request["operation_id"], request["status"]) == (
        "smarterproctoring",
        "scheduleExamSession",
        200,
    )
    assert control.send("GET", "/defects").json == []


def test_faults(call: Caller, control: Control) -> None:
    plan = {"operation": "getServiceDistribution", "fault": "unavailable", "options": {"times": 2, "retry_after": 0.5}}
    reply = control.send("POST", "/faults", plan)
    assert reply.status == 201
    added = reply.json
    assert added.items() >= {"operation": "getServiceDistribution", "fault": "unavailable", "fired": 0}.items()
    assert added["options"].items() >= {"times": 2, "retry_after": 0.5, "status": 503, "as_date": False}.items()
    assert call.sandbox.faults.planned[0].fault == faults.unavailable(times=2, retry_after=0.5)
    late = {"operation": "*", "fault": "apply_late", "options": {"response": "504", "times": None}}
    assert control.send("POST", "/faults", late).status == 201
    assert [call.report().status, call.report().status, call.report().status] == [503, 503, 504]
    listed = control.send("GET", "/faults").json
    assert [(each["fault"], each["fired"]) for each in listed["planned"]] == [("unavailable", 2), ("apply_late", 1)]
    assert [each["name"] for each in listed["fired"]] == ["unavailable", "unavailable", "apply_late"]
    assert control.send("DELETE", f"/faults/{listed['planned'][1]['id']}").status == 204
    assert call.report().status == 200
    assert control.send("DELETE", f"/faults/{listed['planned'][1]['id']}").status == 404
    assert control.send("DELETE", "/faults").status == 204
    assert call.sandbox.faults.planned == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"operation": "*"},
        {"operation": "*", "fault": "nothing"},
        {"operation": "nothing", "fault": "html_502"},
        {"operation": "*", "fault": "html_502", "options": {"time": 1}},
        {"operation": "*", "fault": "html_502", "options": {"times": "x"}},
        {"operation": "*", "fault": "html_502", "options": {"times": 0}},
        {"operation": "*", "fault": "html_502", "options": [1]},
        {"operation": "*", "fault": "html_502", "times": 1},
        {"operation": "scheduleExamSession", "fault": "refuse"},
    ],
)
def test_faults_that_cannot_be_planned(call: Caller, control: Control, body: Any) -> None:
    reply = control.send("POST", "/faults", body)
    assert (reply.status, reply.json["code"]) == (400, "INVALIDINPUT")
    assert reply.json["message"]
    assert call.sandbox.faults.planned == []


def test_closing_a_session(call: Caller, control: Control) -> None:
    session = call.sandbox.open_sessions[0]
    path = f"/sessions/{session.session_sid}/close"
    assert control.send("POST", path).status == 409
    assert control.send("POST", f"/sessions/ES{'0' * 32}/close").status == 404
    assert call.schedule(session, TIMES).status == 200
    assert control.send("POST", path).status == 204
    (row,) = [row for row in call.rows() if row["sid"] == session.session_sid]
    assert row["status"] == "Closed"


def test_resetting(call: Caller, control: Control) -> None:
    sandbox = call.sandbox
    first, bearer = sandbox.open_sessions[0], call.bearer()
    before = call.rows()
    sandbox.faults.add("scheduleExamSession", faults.apply_late(times=1, delay=0.2, response="504"))
    assert call.schedule(sandbox.open_sessions[1], TIMES).status == 504
    assert call.schedule(first, TIMES).status == 200
    sandbox.expire_token(401)
    assert control.send("POST", "/reset").status == 204
    assert sandbox.open_sessions[0] == first
    for emptied in (sandbox.ledger, sandbox.requests, sandbox.faults.planned, sandbox.faults.fired):
        assert len(emptied) == 0
    assert call.rows() == before
    assert call.training({}, **bearer).status == 401
    time.sleep(0.3)
    assert sandbox.ledger == []  # what was to be applied late is gone
    assert call.schedule(first, TIMES).status == 200
    assert len(sandbox.ledger) == 1


def test_faults_of_connections_do_not_hit_it(call: Caller, control: Control) -> None:
    assert (
        control.send("POST", "/faults", {"operation": "*", "fault": "refuse", "options": {"seconds": 60}}).status == 201
    )
    assert control.send("POST", "/faults", {"operation": "*", "fault": "reset_on_connect"}).status == 201
    assert control.send("GET", "/ledger").status == 200
    assert control.send("DELETE", "/faults").status == 204
    assert call.report().status == 200


def test_web_pages_are_refused(control: Control) -> None:
    assert control.send("GET", Host="localhost:1234").status == 200
    for headers in (
        {"Origin": "http://127.0.0.1:3000"},
        {"Host": "evil.example.com"},
        {"Host": "127.0.0.1.evil.example.com"},
    ):
        reply = control.send("POST", "/reset", **headers)
        assert reply.status == 403
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
    assert (
        control.send("POST", "/faults", {"operation": "*", "fault": "html_502"}, Content_Type="text/plain").status
        == 400
    )


def test_unknown_paths(call: Caller, control: Control) -> None:
    assert control.send("GET", "/nothing").status == 404
    reply = control.send("PATCH", "/faults")
    assert (reply.status, sorted(reply.headers["Allow"].split(", "))) == (405, ["DELETE", "GET", "POST"])
    # The prefix means nothing to the APIs, nor their paths to the endpoint.
    assert call.send("GET", "/_sandbox/ledger", headers={"token": call.sandbox.token}).status == 404
    assert call.send("GET", "/v1", url=call.sandbox.control_url.removesuffix("/_sandbox")).status == 404


def test_it_is_on_loopback_and_has_the_port_that_was_asked_for() -> None:
    with Sandbox() as first:
        port = urlsplit(first.control_url).port or 0
    with Sandbox(control_port=port) as second:
        assert second.control_url == f"http://127.0.0.1:{port}/_sandbox"


def test_the_requests_of_the_page_work_and_are_all(call: Caller, control: Control) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n(CONTROL=.*?)^```$", page, re.DOTALL | re.MULTILINE)
    session = call.sandbox.open_sessions[0]
    assert call.schedule(session, TIMES).status == 200
    shown = []
    for line in block.replace("\\\n", " ").splitlines()[1:]:
        program, *words = shlex.split(line.replace("$SESSION_SID", session.session_sid))
        method, headers, data, path = "GET", {}, None, ""
        while words:
            match words.pop(0):
                case "-X":
                    method = words.pop(0)
                case "-H":
                    name, _, value = words.pop(0).partition(": ")
                    headers[name] = value
                case "-d":
                    data = json.loads(words.pop(0))
                case url:
                    path = url.removeprefix("$CONTROL")
        assert program == "curl"
        reply = control.send(method, path, data, **headers)
        assert reply.status in (200, 201, 204), (line, reply.body)
        variables = {session.session_sid: "{session_sid}", "1": "{id}", "2": "{times}", "3": "{times}", "50": "{users}"}
        shown.append(f"{method} /_sandbox" + "/".join(variables.get(part, part) for part in path.split("/")))
    assert sorted(shown) == sorted(control.send("GET").json["endpoints"])
    assert sorted(re.findall(r"^\| `(\w+ /_sandbox\S*)` \|", page, re.MULTILINE)) == sorted(shown)
    assert call.sandbox.ledger == []
