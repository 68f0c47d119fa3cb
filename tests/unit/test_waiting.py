"""`exam_sessions.wait`: polls until a session is final, with growing pauses, and says what it saw when time is over."""

from __future__ import annotations

import time
from typing import Any

import anyio
import httpx
import pytest

from invigilate import APITimeoutError, InternalServerError, InvalidArgumentError, NotFoundError
from tests.support.fakes import EXAM, INSTALL, MODES, SESSION, Lost, Mode, Reply, Script, perform


class Clock:
    """Time that only passes in pauses."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    pause = anyio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            found.sleep(seconds)
        await pause(0)

    monkeypatch.setattr("time.monotonic", found.monotonic)
    monkeypatch.setattr("time.sleep", found.sleep)
    monkeypatch.setattr("anyio.sleep", sleep)
    return found


def session(status: Any) -> Reply:
    return Reply(200, {"sid": SESSION, "status": status})


def waited(mode: Mode, server: Script, **arguments: Any) -> Any:
    def use(client: Any) -> Any:
        return client.exam_sessions.wait(exam_sid=EXAM, session_sid=SESSION, **arguments)

    return perform(mode, server, use)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("final", ["Closed", "Cancelled", "Canceled", "closed"])
def test_a_session_is_polled_until_it_is_final(mode: Mode, final: str, clock: Clock) -> None:
    server = Script(*[session(status) for status in ("Scheduled", "Processing", None, "Scheduled", final)])
    assert waited(mode, server).status == final
    assert [(sent.method, sent.url.split(".com")[1]) for sent in server.sent] == [
        ("GET", f"/v1/installs/{INSTALL}/exams/{EXAM}/sessions/{SESSION}")
    ] * 5
    assert clock.pauses == [2.0, 4.0, 8.0, 16.0]


def test_the_pauses_do_not_grow_without_end(clock: Clock) -> None:
    server = Script(*[session("Scheduled")] * 9, session("Closed"))
    waited("sync", server, timeout=3600)
    assert clock.pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]


@pytest.mark.parametrize("mode", MODES)
def test_when_time_is_over_the_error_has_the_last_status(mode: Mode, clock: Clock) -> None:
    server, began = Script(session("Processing")), clock.now
    with pytest.raises(APITimeoutError) as caught:
        waited(mode, server, timeout=100)
    assert caught.value.message == "the session was not final after 100 s: the last status was 'Processing'"
    assert caught.value.operation == "getExamSession"
    # The last poll is close to the end, and not after it.
    assert 99 < clock.now - began <= 100


@pytest.mark.parametrize("mode", MODES)
def test_a_poll_that_takes_too_long_has_the_last_status_as_well(mode: Mode, clock: Clock) -> None:
    def busy(sent: Any) -> Lost:
        clock.now += 30
        return Lost(httpx.ReadTimeout(""))

    with pytest.raises(APITimeoutError, match="the session was not final after 20 s: the last status was 'Incident'"):
        waited(mode, Script(session("Incident"), busy), timeout=20)
    with pytest.raises(APITimeoutError, match="not final after 20 s: no status was received"):
        waited(mode, Script(busy), timeout=20)


@pytest.mark.parametrize("mode", MODES)
def test_other_statuses_can_end_the_wait(mode: Mode, clock: Clock) -> None:
    server = Script(session("Needs Proctor"), session("Scheduled"))
    assert waited(mode, server, until=["Scheduled", "Approval Denied"]).status == "Scheduled"


@pytest.mark.parametrize("mode", MODES)
def test_a_failed_poll_raises(mode: Mode, clock: Clock) -> None:
    with pytest.raises(NotFoundError):
        waited(mode, Script(session("Scheduled"), Reply(404, {"code": "NOTFOUND"})), timeout=60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"until": "Closed"}, "until: expected a list of statuses"),
        ({"until": []}, "until: expected at least one status"),
        ({"until": ""}, "until: expected a list of statuses"),
        ({"until": [1]}, "until: expected a list of statuses"),
        ({"timeout": 0}, "timeout: expected seconds above 0, or None for no limit"),
        ({"timeout": True}, "timeout: expected seconds above 0"),
        ({"install_sid": "AI1"}, "install_sid: expected"),
    ],
)
def test_wrong_arguments_send_nothing(arguments: dict[str, Any], message: str) -> None:
    server = Script(session("Closed"))
    with pytest.raises(InvalidArgumentError, match=message):
        waited("sync", server, **arguments)
    assert server.sent == []


def test_each_poll_keeps_the_deadline_of_the_client(clock: Clock) -> None:
    def busy(sent: Any) -> Reply:
        clock.now += 1
        return Reply(503, headers={"Retry-After": "5"})

    began = clock.now
    with pytest.raises(InternalServerError, match="503 Service Unavailable"):
        perform(
            "sync",
            Script(busy),
            lambda client: client.exam_sessions.wait(exam_sid=EXAM, session_sid=SESSION, timeout=500),
            deadline=3,
        )
    assert clock.now - began < 3


def test_statuses_may_come_from_an_iterator(clock: Clock) -> None:
    assert waited("sync", Script(session("Closed")), until=iter(["Closed"])).status == "Closed"
