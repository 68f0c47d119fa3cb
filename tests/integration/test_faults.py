"""Each fault on the wire: it does what its name says, as often as planned, and the records show what was applied."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from invigilate.sandbox import FAULTS, KnownSession, Sandbox, faults
from invigilate.sandbox.faults import TYPES, Fault
from tests.support.caller import Caller

SCHEDULE, REPORT = "scheduleExamSession", "getServiceDistribution"
PAID = {"amount": 10, "cardToken": "tok", "type": "automated"}


@dataclass
class Heard:
    """What came back on one connection, and how it ended: `closed`, `reset`, or `open` when it does not."""

    data: bytes
    end: str
    seconds: float

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    def header(self, name: str) -> str | None:
        for line in self.head.decode().split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return None


def complete(data: bytes) -> bool:
    """Whether a response is complete, according to its Content-Length."""
    head, end, body = data.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return bool(end) and len(body) >= int(length)


@dataclass
class Wire:
    """Sends single requests over bare sockets."""

    sandbox: Sandbox

    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.sandbox.smarterproctoring_url)
        return str(parts.hostname), parts.port or 0

    def ask(self, method: str, path: str, data: object = None, *, patience: float = 0.5) -> Heard:
        body = b"" if data is None else json.dumps(data).encode()
        head = f"{method} /v1/installs/{self.sandbox.install_sid}{path} HTTP/1.1\r\nHost: x\r\n"
        head += f"token: {self.sandbox.token}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        received, end, began = b"", "closed", time.perf_counter()
        try:
            client = socket.create_connection(self.address(), 5)
        except ConnectionResetError:
            # On loopback a reset may be faster than connecting.
            return Heard(received, "reset", time.perf_counter() - began)
        with client:
            client.settimeout(patience)
            try:
                client.sendall(head.encode() + b"\r\n" + body)
                while part := client.recv(65536):
                    received += part
                    if complete(received):
                        client.settimeout(0.03)  # whether it ends now
            except ConnectionError:
                end = "reset"
            except TimeoutError:
                end = "open"
        return Heard(received, end, time.perf_counter() - began)

    def schedule(self, session: KnownSession, **options: Any) -> Heard:
        return self.ask("POST", f"/exams/{session.exam_sid}/sessions/{session.session_sid}", PAID, **options)

    def report(self, query: str = "limit=2", **options: Any) -> Heard:
        return self.ask("GET", f"/reports/serviceDistribution?{query}", **options)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Sandbox(report_rows=30) as sandbox:
        yield Wire(sandbox)
        assert sandbox.defects == []


def charged(wire: Wire, session: KnownSession) -> int:
    return len(wire.sandbox.ledger.of_session(session.session_sid))


def check_record(wire: Wire, name: str, *, applied: bool, operation: str | None = SCHEDULE) -> None:
    (record,) = wire.sandbox.faults.fired
    assert (record.name, record.operation_id, record.applied) == (name, operation, applied)
    assert wire.sandbox.faults.fired.counts == {(name, operation): 1}


# --- what becomes of a booking --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "end", "applied"),
    [
        (faults.reset_before_reading(times=1), "reset", False),
        (faults.reset_after_reading(times=1), "reset", False),
        (faults.drop_response(times=1), "reset", True),
        (faults.close_without_response(times=1), "closed", True),
    ],
)
def test_connections_that_end_without_a_response(wire: Wire, fault: Fault, end: str, applied: bool) -> None:
    planned = wire.sandbox.faults.add(SCHEDULE, fault)
    first, second = wire.sandbox.open_sessions[:2]
    assert wire.report().status == 200  # another operation is left alone
    heard = wire.schedule(first)
    assert (heard.data, heard.end) == (b"", end)
    assert charged(wire, first) == applied
    check_record(wire, fault.name, applied=applied)
    assert planned.fired == 1
    # Once is once.
    assert wire.schedule(second).status == 200
    assert wire.schedule(first).status == (409 if applied else 200)


RESPONSES = [
    (faults.html_502, 502),
    (faults.html_520, 520),
    (faults.status, 500),
    (faults.too_many_requests, 429),
    (faults.unavailable, 503),
    (faults.redirect, 302),
]


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize(("fault", "status"), RESPONSES)
def test_responses_of_others(wire: Wire, fault: Any, status: int, applied: bool) -> None:
    wire.sandbox.faults.add(SCHEDULE, fault(times=1, applied=applied))
    session = wire.sandbox.open_sessions[0]
    heard = wire.schedule(session)
    assert (heard.status, heard.end) == (status, "open")
    assert charged(wire, session) == applied
    assert heard.header("Retry-After") is None
    assert (b"<html>" in heard.body) == (heard.header("Content-Type") == "text/html") == (status in (502, 520))
    check_record(wire, fault.name, applied=applied)
    assert wire.schedule(session).status == (409 if applied else 200)


def test_retry_after(wire: Wire) -> None:
    add = wire.sandbox.faults.add
    add(REPORT, faults.too_many_requests(times=1, retry_after=7))
    add(REPORT, faults.unavailable(times=1, retry_after=0.5))
    add(REPORT, faults.too_many_requests(times=1, retry_after=90, as_date=True))
    first, second, third = (wire.report() for _ in range(3))
    assert (first.status, first.header("Retry-After")) == (429, "7")
    assert json.loads(first.body) == {
        "code": "SANDBOXFAULT",
        "message": "A fault of the sandbox.",
        "status": 429,
    }
    assert (second.status, second.header("Retry-After")) == (503, "0.5")
    moment = parsedate_to_datetime(str(third.header("Retry-After"))).timestamp()
    assert (third.status, 88 < moment - time.time() <= 91) == (429, True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects(wire: Wire, status: int) -> None:
    wire.sandbox.faults.add("*", faults.redirect(status=status, host="https://evil.example.com"))
    heard = wire.report()
    assert heard.status == status
    assert str(heard.header("Location")).startswith("https://evil.example.com/v1/installs/AI")


@pytest.mark.parametrize(("response", "end"), [("reset", "reset"), ("close", "closed"), ("504", "open")])
def test_applied_late(wire: Wire, response: Any, end: str) -> None:
    wire.sandbox.faults.add(SCHEDULE, faults.apply_late(times=1, delay=0.2, response=response))
    session = wire.sandbox.open_sessions[0]
    heard = wire.schedule(session, patience=0.1)
    assert (heard.end, heard.data[:12]) == (end, b"HTTP/1.1 504" if response == "504" else b"")
    assert charged(wire, session) == 0
    check_record(wire, "apply_late", applied=False)
    assert wire.sandbox.faults.settle()
    assert charged(wire, session) == 1
    check_record(wire, "apply_late", applied=True)


def test_applied_when_told_to(wire: Wire) -> None:
    wire.sandbox.faults.add(SCHEDULE, faults.apply_late(times=2, delay=3600))
    sessions = wire.sandbox.open_sessions[:2]
    for session in sessions:
        wire.schedule(session)
    assert not wire.sandbox.faults.settle(timeout=0.01)
    wire.sandbox.faults.apply_now()
    assert [charged(wire, session) for session in sessions] == [1, 1]
    assert wire.sandbox.faults.settle()


@pytest.mark.parametrize("applied", [False, True])
def test_stalling(wire: Wire, applied: bool) -> None:
    wire.sandbox.faults.add(SCHEDULE, faults.stall(times=1, seconds=0.4, applied=applied))
    session = wire.sandbox.open_sessions[0]
    assert wire.schedule(session, patience=0.1).data == b""  # this client does not wait
    assert charged(wire, session) == applied
    check_record(wire, "stall", applied=applied)
    time.sleep(0.5)
    assert charged(wire, session) == 1
    check_record(wire, "stall", applied=True)


# --- connections that cannot be made --------------------------------------------------------------


def test_refused_connections(wire: Wire) -> None:
    kept = Caller(wire.sandbox)
    assert kept.report().status == 200
    with wire.sandbox.faults.during("smarterproctoring", faults.refuse(seconds=60)):
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                wire.report()
        # The connection that was idle has ended.
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            kept.report()
        assert kept.token().status == 200  # the other API goes on
    assert wire.report().status == 200
    check_record(wire, "refuse", applied=False, operation=None)
    wire.sandbox.faults.add("*", faults.refuse(seconds=0.2))
    with pytest.raises(ConnectionRefusedError):
        wire.report()
    time.sleep(0.3)
    assert wire.report().status == 200
    kept.close()


@pytest.mark.alone
def test_refusing_from_the_start_and_until_the_end() -> None:
    sandbox = Sandbox()
    planned = sandbox.faults.add("*", faults.refuse(seconds=60))
    sandbox.start()
    with pytest.raises(ConnectionRefusedError):
        Wire(sandbox).report()
    assert sandbox.faults.fired.total("refuse") == planned.fired == 2  # once for each API
    began = time.perf_counter()
    sandbox.close()
    sandbox.faults.clear()
    assert time.perf_counter() - began < 0.5


def test_resets_at_connecting(wire: Wire) -> None:
    wire.sandbox.faults.add("*", faults.reset_on_connect(times=2, after=1))
    ends = []
    for _ in range(5):
        heard = wire.report(patience=0.1)
        ends.append(heard.end)
    assert ends == ["open", "reset", "reset", "open", "open"]
    assert wire.sandbox.faults.fired.counts == {("reset_on_connect", None): 2}
    assert len(wire.sandbox.requests) == 3


@pytest.mark.parametrize("applied", [False, True])
def test_outages(wire: Wire, applied: bool) -> None:
    wire.sandbox.faults.add(SCHEDULE, faults.outage(times=1, seconds=0.3, applied=applied))
    session = wire.sandbox.open_sessions[0]
    assert wire.schedule(session).end == "reset"
    assert charged(wire, session) == applied
    with pytest.raises(ConnectionRefusedError):
        wire.report()
    time.sleep(0.4)
    assert wire.report().status == 200
    check_record(wire, "outage", applied=applied)


# --- bytes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [True, False])
def test_trickling(wire: Wire, headers: bool) -> None:
    wire.sandbox.faults.add(REPORT, faults.trickle(times=1, chunk=100, interval=0.005, headers=headers))
    heard = wire.report(patience=1)
    pieces = len(heard.data if headers else heard.body) / 100
    assert heard.seconds > 0.005 * (pieces - 1)
    assert json.loads(heard.body)["count"] == 2
    assert wire.report(patience=0.1).seconds < 0.3


def test_slow_headers(wire: Wire) -> None:
    wire.sandbox.faults.add(REPORT, faults.slow_headers(times=1, chunk=4, interval=0.01))
    with socket.create_connection(wire.address(), 5) as client:
        path = f"/v1/installs/{wire.sandbox.install_sid}/reports/serviceDistribution"
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\ntoken: {wire.sandbox.token}\r\n\r\n".encode())
        first = client.recv(65536)
        began = time.perf_counter()
        received = first
        while b"\r\n\r\n" not in received:
            received += client.recv(65536)
    assert len(first) < 20
    assert time.perf_counter() - began > 0.1


@pytest.mark.parametrize("reset", [False, True])
def test_truncated_bodies(wire: Wire, reset: bool) -> None:
    wire.sandbox.faults.add(REPORT, faults.truncate(times=1, share=0.25, reset=reset))
    heard = wire.report()
    length = int(str(heard.header("Content-Length")))
    assert (heard.end, len(heard.body)) == ("reset" if reset else "closed", length // 4)
    assert wire.sandbox.requests[-1].status == 200


@pytest.mark.parametrize(("by", "end"), [(-5, "open"), (5, "closed")])
def test_wrong_lengths(wire: Wire, by: int, end: str) -> None:
    wire.sandbox.faults.add(REPORT, faults.wrong_length(times=1, by=by))
    heard = wire.report(patience=0.2)
    assert heard.end == end
    assert int(str(heard.header("Content-Length"))) == len(heard.body) + by
    assert json.loads(heard.body)["count"] == 2
    with pytest.raises(ValueError, match="by"):
        faults.wrong_length(by=0)


def test_broken_gzip(wire: Wire) -> None:
    wire.sandbox.faults.add(SCHEDULE, faults.broken_gzip(times=1))
    session = wire.sandbox.open_sessions[0]
    heard = wire.schedule(session)
    assert heard.header("Content-Encoding") == "gzip"
    with pytest.raises((zlib.error, gzip.BadGzipFile, EOFError)):
        gzip.decompress(heard.body)
    check_record(wire, "broken_gzip", applied=True)
    wire.sandbox.faults.add(REPORT, faults.broken_gzip(times=1))
    url = f"{wire.sandbox.smarterproctoring_url}/v1/installs/{wire.sandbox.install_sid}/reports/serviceDistribution"
    with pytest.raises(httpx.DecodingError):
        httpx.get(url, headers={"token": wire.sandbox.token}, trust_env=False)


def test_duplicated_close(wire: Wire) -> None:
    wire.sandbox.faults.add(REPORT, faults.duplicate_close(times=1))
    heard = wire.report()
    assert (heard.status, heard.end) == (200, "closed")
    assert heard.head.count(b"\r\nConnection: close") == 2
    assert json.loads(heard.body)["count"] == 2


# --- bodies ---------------------------------------------------------------------------------------


def test_bodies_that_are_not_json(wire: Wire) -> None:
    wire.sandbox.faults.add(SCHEDULE, faults.empty_body(times=1))
    wire.sandbox.faults.add(SCHEDULE, faults.not_json(times=1))
    first, second = wire.sandbox.open_sessions[:2]
    heard = wire.schedule(first)
    assert (heard.status, heard.body, heard.header("Content-Length")) == (200, b"", "0")
    heard = wire.schedule(second)
    assert (heard.status, heard.header("Content-Type")) == (200, "application/json")
    with pytest.raises(ValueError):
        json.loads(heard.body)
    assert charged(wire, first) == charged(wire, second) == 1
    assert [record.applied for record in wire.sandbox.faults.fired] == [True, True]


def test_wrong_types_nulls_and_extra_fields(wire: Wire) -> None:
    plain = json.loads(wire.report().body)
    add = wire.sandbox.faults.add
    add(REPORT, faults.wrong_types(times=1))
    add(REPORT, faults.nulls(times=1))
    add(REPORT, faults.extra_fields(times=1))
    wrong, null, extra = (json.loads(wire.report().body) for _ in range(3))
    for other in (wrong, null, extra):
        assert {**other, "results": plain["results"]} == plain
    for row, changed in zip(plain["results"], wrong["results"], strict=True):
        assert all(type(changed[name]) is not type(value) for name, value in row.items())
    assert null["results"] == [dict.fromkeys(row) for row in plain["results"]]
    for row, changed in zip(plain["results"], extra["results"], strict=True):
        assert set(changed) - set(row) == {"undocumentedText", "undocumentedObject"}
        assert set(changed["exam"]) - set(row["exam"]) == {"undocumentedText", "undocumentedObject"}
        assert {name: changed[name] for name in ("sid", "status")} == {name: row[name] for name in ("sid", "status")}


def test_new_enum_values(wire: Wire) -> None:
    plain = json.loads(wire.report().body)["results"][0]
    wire.sandbox.faults.add("*", faults.new_enum_values(times=2))
    row = json.loads(wire.report().body)["results"][0]
    assert (row["status"], row["serviceType"]) == (f"New {plain['status']}", f"New {plain['serviceType']}")
    assert row["sid"] == plain["sid"]
    call = Caller(wire.sandbox)
    bearer = call.bearer()  # it has no such values, so the fault waits
    results = call.training({}, **bearer).json
    call.close()
    assert {each["sessionStatus"] for each in results} == {"New PASSED", "New IN_PROGRESS", "New NOT_STARTED"}
    assert wire.sandbox.faults.fired.counts == {
        ("new_enum_values", REPORT): 1,
        ("new_enum_values", "listSessionResults"): 1,
    }


# --- the table ------------------------------------------------------------------------------------


def test_every_fault_has_a_name_and_a_description() -> None:
    assert list(FAULTS) == list(TYPES)
    for name, fault in TYPES.items():
        assert getattr(faults, name) is fault
        assert fault.name == name
        assert FAULTS[name][0].isupper()
        assert FAULTS[name].endswith(".")
        assert name in faults.__all__
