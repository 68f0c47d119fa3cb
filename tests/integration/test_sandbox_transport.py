"""The sandbox on the wire, and interceptors."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from invigilate.sandbox import (
    Exchange,
    Hangup,
    Phase,
    Response,
    Sandbox,
)
from tests.support.caller import Caller, exchange_bytes


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


@pytest.mark.alone
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
    with Sandbox() as sandbox:
        for url in (*sandbox.base_urls.values(), sandbox.control_url):
            assert urlsplit(url).hostname == "127.0.0.1"
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
    assert (third.api, third.operation_id) == ("ispring", "createAccessToken")
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


class Plan:
    """Does something to scheduling at one phase."""

    def __init__(self, phase: Phase, action: Any) -> None:
        self.phase = phase
        self.action = action
        self.seen: list[Phase] = []

    def connected(self, api: str) -> None:
        assert api in ("smarterproctoring", "ispring")

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
    # No response, however the socket reports it.
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call.schedule(session, {"amount": 1, "cardToken": "tok"})
    applied = phase is Phase.APPLIED
    assert len(call.sandbox.ledger) == applied
    assert (session not in call.sandbox.open_sessions) == applied
    assert plan.seen[-2:] == [phase, Phase.OVER]
    assert call.sandbox.requests[-1].status is None


def test_a_response_instead_of_the_operation(call: Caller) -> None:
    def respond(exchange: Exchange) -> None:
        exchange.response = Response(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"})

    call.sandbox.interceptors.append(Plan(Phase.RECEIVED, respond))
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


@pytest.mark.alone
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
