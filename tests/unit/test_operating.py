"""What operators set: headers, limits, a timeout for each part, the hook for attempts, and the log."""

from __future__ import annotations

import gc
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate import (
    APIConnectionError,
    APITimeoutError,
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    AttemptEvent,
    AuthenticationError,
    ConfigurationError,
    ISpringLearn,
    OutcomeUnknownError,
    SmarterProctoring,
    Timeout,
)
from invigilate._limits import Pace
from tests.support.fakes import EXAM, INSTALL, SECRET, SESSION, TOKEN, Lost, Reply, Script, Sent

SESSION_REPLY = Reply(200, {"sid": SESSION, "status": "Scheduled"})
CLIENTS: list[Callable[..., Any]] = [
    lambda **options: SmarterProctoring(TOKEN, INSTALL, **options),
    lambda **options: AsyncSmarterProctoring(TOKEN, INSTALL, **options),
    lambda **options: ISpringLearn("canary", **options),
    lambda **options: AsyncISpringLearn("canary", **options),
]


def client(server: Script, **options: Any) -> SmarterProctoring:
    return SmarterProctoring(TOKEN, INSTALL, transport=server, **options)


def get(on: SmarterProctoring) -> None:
    on.exam_sessions.get(exam_sid=EXAM, session_sid=SESSION)


def schedule(on: SmarterProctoring) -> None:
    on.exam_sessions.schedule(exam_sid=EXAM, session_sid=SESSION, card_token="tok_canary", amount=1, currency="USD")


# Bad input


@pytest.mark.parametrize("new", CLIENTS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"headers": [("A", "b")]}, "headers: expected a mapping"),
        ({"headers": {"A b": "c"}}, "headers: expected names such as"),
        ({"headers": {"": "c"}}, "headers: expected names such as"),
        ({"headers": {1: "c"}}, "headers: expected names such as"),
        ({"headers": {"X-A": "secret\r\nX-B: c"}}, "headers: expected a string of printable ASCII characters for X-A"),
        ({"headers": {"X-A": ""}}, "headers: expected a string"),
        ({"headers": {"X-A": " a"}}, "headers: expected a string"),
        ({"headers": {"X-A": "ü"}}, "headers: expected a string"),
        ({"headers": {"X-A": 5}}, "headers: expected a string"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers: x-a is there twice"),
        ({"headers": {"authorization": "Basic secret"}}, "headers: authorization is set by the client"),
        ({"headers": {"Host": "secret"}}, "headers: Host is set by the client"),
        ({"headers": {"RANGE": "bytes=0-1"}}, "headers: RANGE is set by the client"),
        ({"headers": {"Content-encoding": "gzip"}}, "headers: Content-encoding is set by the client"),
        ({"headers": {"Proxy-Connection": "close"}}, "headers: Proxy-Connection is set by the client"),
        ({"max_concurrency": 0}, "max_concurrency: expected an integer from 1 to 10000"),
        ({"max_concurrency": 10_001}, "max_concurrency: expected an integer from 1 to 10000"),
        ({"max_concurrency": True}, "max_concurrency: expected an integer from 1 to 10000"),
        ({"max_concurrency": 1.0}, "max_concurrency: expected an integer from 1 to 10000"),
        ({"min_interval": -1}, "min_interval: expected seconds, 0 to 3600"),
        ({"min_interval": 1e10}, "min_interval: expected seconds, 0 to 3600"),
        ({"min_interval": 10**400}, "min_interval: expected seconds, 0 to 3600"),
        ({"min_interval": float("nan")}, "min_interval: expected seconds, 0 to 3600"),
        ({"min_interval": "1"}, "min_interval: expected seconds, 0 to 3600"),
        ({"on_attempt": 1}, "on_attempt: expected a function"),
        ({"timeout": 0}, "timeout: expected seconds above 0, a Timeout, or None"),
        ({"timeout": (1, 2)}, "timeout: expected seconds above 0, a Timeout, or None"),
        ({"timeout": Timeout(connect=0)}, "timeout.connect: expected seconds above 0, or None"),
        ({"timeout": Timeout(pool=float("inf"))}, "timeout.pool: expected seconds above 0, or None"),
    ],
)
def test_a_wrong_option_is_an_error_that_repeats_no_value(
    new: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
        new(**options)
    assert "secret" not in str(caught.value)


def test_an_async_hook_is_refused() -> None:
    async def hook(event: AttemptEvent) -> None:
        raise AssertionError

    class Hook:
        async def __call__(self, event: AttemptEvent) -> None:
            raise AssertionError

    for observer in (hook, Hook()):
        with pytest.raises(ConfigurationError, match=r"on_attempt: .* is not async"):
            SmarterProctoring(TOKEN, on_attempt=observer)


@pytest.mark.parametrize("new", CLIENTS)
@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_the_header_of_the_token_is_refused(new: Callable[..., Any], spelled: Callable[[str], str]) -> None:
    name = spelled(new()._credentials.header[0])
    with pytest.raises(ConfigurationError, match=f"headers: {name} is set by the client"):
        new(headers={name: "x"})


# Headers


def test_headers_go_out_with_every_request_and_replace_each_other_in_views() -> None:
    server = Script(SESSION_REPLY)
    with client(server, headers={"X-Correlation-ID": "a 1", "user-agent": "Registrar/2"}) as one:
        get(one)
        get(one.with_options(headers={"X-Correlation-ID": "b"}))
        get(one.with_options(headers=None))
        get(one.with_options(timeout=5).for_install(INSTALL))
        one.request("GET", "/v1/anything")
    sent = [(each.header("X-Correlation-ID"), each.header("User-Agent")) for each in server.sent]
    usual = sent[1][1]
    assert str(usual).startswith("invigilate/")
    assert sent == [("a 1", "Registrar/2"), ("b", usual), (None, usual), ("a 1", "Registrar/2"), ("a 1", "Registrar/2")]
    assert all(len(each.headers) == len({name.lower() for name, _ in each.headers}) for each in server.sent)
    assert all(TOKEN in str(each.headers) for each in server.sent)


def test_a_header_that_an_operation_sets_wins() -> None:
    server = Script(Reply(200, []))
    headers = {"x-auth-account-url": "https://other.example", "ACCEPT": "text/plain", "X-Own": "1"}
    with ISpringLearn("t", account_url="https://own.example", transport=server, headers=headers) as learn:
        learn.performance.list_competencies()
    assert server.sent[0].header("X-Auth-Account-Url") == "https://own.example"
    assert server.sent[0].header("Accept") == "application/json"
    assert server.sent[0].header("X-Own") == "1"


def test_the_token_call_has_the_headers_too() -> None:
    token = Reply(200, {"access_token": "canary", "expires_in": 600, "token_type": "bearer"})
    server = Script(token, Reply(200, {"departments": []}))
    with ISpringLearn(client_id="id", client_secret=SECRET, transport=server, headers={"X-Own": "1"}) as learn:
        learn.departments.list().collect()
    assert [each.header("X-Own") for each in server.sent] == ["1", "1"]


# Timeouts


def test_each_part_has_its_own_timeout() -> None:
    seen: list[Any] = []

    class Watch(Script):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request.extensions["timeout"])
            return super().handle_request(request)

    with client(Watch(SESSION_REPLY), timeout=Timeout(connect=1, write=None)) as one:
        get(one)
        get(one.with_options(timeout=Timeout(2, 3, 4, 5)))
        get(one.with_options(deadline=0.5))
    assert seen[0] == {"connect": 1, "read": 30.0, "write": None, "pool": 30.0}
    assert seen[1] == {"connect": 2, "read": 3, "write": 4, "pool": 5}
    assert all(0 < value <= 0.5 for value in seen[2].values())


# Concurrency and pace


class Busy(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Counts the requests in flight."""

    def __init__(self) -> None:
        self.now = self.most = self.total = 0
        self.guard = threading.Lock()

    def enter(self) -> None:
        with self.guard:
            self.now += 1
            self.total += 1
            self.most = max(self.most, self.now)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.enter()
        time.sleep(0.02)
        with self.guard:
            self.now -= 1
        return httpx.Response(200, json={"sid": SESSION})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.enter()
        await anyio.sleep(0.02)
        with self.guard:
            self.now -= 1
        return httpx.Response(200, json={"sid": SESSION})


def test_threads_and_views_share_the_limit_of_requests_in_flight() -> None:
    busy = Busy()
    with SmarterProctoring(TOKEN, INSTALL, transport=busy, max_concurrency=2) as one:
        views = [one, one.with_options(timeout=5), one.for_install(INSTALL)] * 4
        threads = [threading.Thread(target=get, args=(view,)) for view in views]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert one.connections.limit == 2
    assert (busy.most, busy.total) == (2, 12)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_share_the_limit_of_requests_in_flight(backend: str) -> None:
    busy = Busy()

    async def main() -> None:
        async with (
            AsyncSmarterProctoring(TOKEN, INSTALL, transport=busy, max_concurrency=3) as one,
            anyio.create_task_group() as group,
        ):
            for _ in range(9):
                group.start_soon(lambda: one.exam_sessions.get(exam_sid=EXAM, session_sid=SESSION))

    anyio.run(main, backend=backend)
    assert (busy.most, busy.total) == (3, 9)


def test_the_timeout_of_the_pool_is_for_waiting_only_and_nothing_was_sent() -> None:
    started, release = threading.Event(), threading.Event()

    def slow(sent: Sent) -> Reply:
        started.set()
        assert release.wait(30)
        return SESSION_REPLY

    server = Script(slow)
    with client(server, max_concurrency=1, timeout=Timeout(pool=0.05), max_retries=0) as one:
        holder = threading.Thread(target=get, args=(one,))
        holder.start()
        assert started.wait(30)
        with pytest.raises(APITimeoutError) as caught:
            schedule(one)
        release.set()
        holder.join(30)
    assert not caught.value.sent
    assert len(server.sent) == 1


def test_the_time_at_which_a_request_was_sent_is_after_its_wait_for_others() -> None:
    started, release, sent = threading.Event(), threading.Event(), list[float]()
    events: list[AttemptEvent] = []

    def slow(_: Sent) -> Reply:
        started.set()
        assert release.wait(30)
        return SESSION_REPLY

    def lost(_: Sent) -> Reply:
        sent.append(time.monotonic())
        return Reply(500)

    with client(Script(slow, lost), max_concurrency=1, on_attempt=events.append) as one:
        holder = threading.Thread(target=get, args=(one,))
        holder.start()
        assert started.wait(30)
        threading.Timer(0.3, release.set).start()
        with pytest.raises(OutcomeUnknownError) as caught:
            schedule(one)
        holder.join(30)
    assert caught.value.sent_monotonic is not None
    assert sent[0] - 0.2 < caught.value.sent_monotonic <= sent[0]
    assert next(each for each in events if each.operation == "scheduleExamSession").elapsed < 0.2


def test_an_abandoned_page_that_waits_for_others_is_not_sent() -> None:
    waiting, release = threading.Event(), threading.Event()
    rows = Reply(200, {"results": [{"a": 1}] * 10, "total": 100})

    def slow(_: Sent) -> Reply:
        waiting.set()
        assert release.wait(30)
        return rows

    server = Script(rows, slow, rows)
    with client(server, max_concurrency=1) as one:
        iterator = iter(one.paginate("/v1/x", params={"limit": 10}).prefetch(5))
        next(iterator)
        assert waiting.wait(30)
        pages = [each for each in threading.enumerate() if each.name == "invigilate-page"]
        del iterator
        gc.collect()
        release.set()
        for thread in pages:
            thread.join(30)
    assert len(server.sent) == 2


def test_requests_start_no_closer_than_the_interval() -> None:
    starts: list[float] = []

    def note(sent: Sent) -> Reply:
        starts.append(time.monotonic())
        return SESSION_REPLY

    with client(Script(note), min_interval=0.05) as one:
        threads = [threading.Thread(target=get, args=(view,)) for view in [one, one.with_options(timeout=9)] * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    starts.sort()
    assert len(starts) == 6
    # The sixth may start 0.25 s after the first at the earliest; a busy machine only makes it later.
    assert starts[-1] - starts[0] > 0.2


def test_a_request_that_would_start_too_late_is_not_sent() -> None:
    server = Script(SESSION_REPLY)
    with client(server, min_interval=60) as one:
        get(one)
        with pytest.raises(APITimeoutError, match="the deadline would pass before the request was sent") as caught:
            schedule(one.with_options(deadline=0.2))
    assert not caught.value.sent
    assert len(server.sent) == 1


@given(
    interval=st.floats(0.001, 10),
    calls=st.lists(st.tuples(st.floats(0, 5), st.none() | st.floats(0, 20)), min_size=1, max_size=30),
)
def test_reserved_starts_keep_the_interval(interval: float, calls: list[tuple[float, float | None]]) -> None:
    pace, now, starts = Pace(interval), 1000.0, list[float]()
    for pause, longest in calls:
        now += pause
        wait = pace.reserve(now, longest)
        assert wait >= 0
        if longest is None or wait < longest:
            starts.append(now + wait)
    assert all(later - sooner >= interval - 1e-6 for sooner, later in pairwise(starts))


# The hook


def test_the_hook_sees_each_attempt_and_nothing_sensitive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    events: list[AttemptEvent] = []
    server = Script(Reply(503), Lost(httpx.ConnectError("x"), written=False), Reply(200, {}, {"x-request-id": "r-7"}))
    with client(server, on_attempt=events.append) as one:
        before = time.time()
        get(one)
    first, second, third = events
    assert [each.number for each in events] == [1, 2, 3]
    assert (first.status_code, first.outcome, first.decision) == (503, "unknown", "retry")
    assert (second.status_code, second.outcome, second.decision) == (None, "not sent", "retry")
    assert (third.status_code, third.outcome, third.decision) == (200, "succeeded", "done")
    assert (third.request_id, third.operation, third.idempotent, third.method) == ("r-7", "getExamSession", True, "GET")
    assert first.wait > 0 == third.wait
    assert all(before - 1 < each.started_at < time.time() + 1 and 0 <= each.elapsed < 30 for each in events)
    assert TOKEN not in str(events)
    assert first.path.endswith(f"/exams/{EXAM}/sessions/{SESSION}")


def test_the_hook_sees_an_unknown_outcome_and_an_interrupted_attempt() -> None:
    events: list[AttemptEvent] = []
    lost, interrupted = Script(Lost(httpx.ReadError("tok_canary"))), Script(Lost(KeyboardInterrupt()))
    with client(lost, on_attempt=events.append) as one, pytest.raises(OutcomeUnknownError):
        schedule(one)
    with client(interrupted, on_attempt=events.append) as one, pytest.raises(KeyboardInterrupt):
        schedule(one)
    assert [(each.outcome, each.decision, each.status_code) for each in events] == [("unknown", "raise", None)] * 2
    assert events[1].reason == "interrupted by KeyboardInterrupt"
    assert "canary" not in str(events)


def test_the_hook_sees_a_response_that_is_incomplete() -> None:
    events: list[AttemptEvent] = []
    with (
        client(Script(SESSION_REPLY), on_attempt=events.append, max_response_bytes=5) as one,
        pytest.raises(OutcomeUnknownError) as caught,
    ):
        schedule(one)
    assert [(each.outcome, each.decision, each.status_code) for each in events] == [("unknown", "raise", 200)]
    assert len(caught.value.attempts) == 1


def test_the_hook_sees_the_renewal_of_a_token() -> None:
    events: list[AttemptEvent] = []
    token = Reply(200, {"access_token": "canary", "expires_in": 600, "token_type": "bearer"})
    server = Script(token, Reply(401), token, Reply(401))
    learn = ISpringLearn(client_id="id", client_secret=SECRET, transport=server, on_attempt=events.append)
    with learn, pytest.raises(AuthenticationError):
        learn.departments.list().collect()
    assert [(each.operation, each.status_code, each.decision) for each in events] == [
        ("createAccessToken", 200, "done"),
        ("listDepartments", 401, "retry"),
        ("createAccessToken", 200, "done"),
        ("listDepartments", 401, "raise"),
    ]
    assert "canary" not in str(events)


def test_an_exception_in_the_hook_is_logged_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def hook(event: AttemptEvent) -> None:
        raise RuntimeError("of the hook")

    with client(Script(SESSION_REPLY), on_attempt=hook) as one:
        get(one)
        schedule(one)
    refusing = Script(Lost(httpx.ConnectError("x"), written=False))
    with client(refusing, on_attempt=hook, max_retries=0) as one, pytest.raises(APIConnectionError):
        get(one)
    records = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [each.getMessage() for each in records] == ["on_attempt raised an exception, which is ignored"] * 3
    assert all("of the hook" in str(each.exc_info) for each in records)


# The log


@pytest.mark.parametrize(("level", "lines"), [("debug", 2), ("INFO", 0), ("", 0)])
def test_the_log_of_the_environment(level: str, lines: int) -> None:
    program = (
        "import httpx, invigilate\n"
        "server = httpx.MockTransport(lambda request: httpx.Response(200, json={}))\n"
        f"for _ in range(2):\n"
        f"    client = invigilate.SmarterProctoring({TOKEN!r}, {INSTALL!r}, transport=server)\n"
        f"client.exam_sessions.get(exam_sid={EXAM!r}, session_sid={SESSION!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
        env={"INVIGILATE_LOG": level, "PATH": ""},
    )  # fmt: skip
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == lines
    assert all("invigilate: " in line for line in done.stderr.splitlines())
    assert TOKEN not in done.stderr


@pytest.mark.parametrize(("before", "after"), [("logging.basicConfig()", ""), ("", "logging.basicConfig()")])
def test_the_log_of_the_environment_is_written_once(before: str, after: str) -> None:
    program = (
        f"import httpx, invigilate, logging\n{before}\n"
        "server = httpx.MockTransport(lambda request: httpx.Response(200, json={}))\n"
        f"client = invigilate.SmarterProctoring({TOKEN!r}, {INSTALL!r}, transport=server)\n{after}\n"
        f"client.exam_sessions.get(exam_sid={EXAM!r}, session_sid={SESSION!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
        env={"INVIGILATE_LOG": "debug", "PATH": ""},
    )  # fmt: skip
    assert len(done.stderr.splitlines()) == 2


def test_a_wrong_level_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVIGILATE_LOG", "verbose")
    with pytest.raises(ConfigurationError, match="INVIGILATE_LOG: expected debug or info"):
        SmarterProctoring(TOKEN)
