"""The life of a call: what is sent again, what never is, and what its failures mean."""

from __future__ import annotations

import contextlib
import logging
import pickle
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invigilate import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncSmarterProctoring,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    InvigilateError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    ResponseDecodeError,
)
from tests.support.fakes import (
    EXAM,
    INSTALL,
    MODES,
    SESSION,
    TOKEN,
    Lost,
    Mode,
    Reply,
    Script,
    Sent,
    Step,
    collect,
    perform,
    proctoring,
    report,
    schedule,
    update,
)

GOOD = Reply(200, {"sid": SESSION})
DONE = Reply(200, "Successful")
RETRIED = [408, 429, 500, 502, 503, 504]
SENSITIVE = {"card_token": "tok_canary", "voucher_code": "canary-voucher", "email": "canary@example.com"}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test sleeps; these are the seconds that would have been waited."""
    waited: list[float] = []
    pause = anyio.sleep

    async def note(seconds: float) -> None:
        waited.append(seconds)
        await pause(0)

    monkeypatch.setattr("time.sleep", waited.append)
    monkeypatch.setattr("anyio.sleep", note)
    monkeypatch.setattr("random.random", lambda: 1.0)
    return waited


def reschedule(client: Any, **arguments: Any) -> Any:
    return client.exam_sessions.reschedule(**{"exam_sid": EXAM, "session_sid": SESSION, **arguments})


def post(client: Any) -> Any:
    return client.request("POST", "/v1/things", json={"a": 1})


NOT_IDEMPOTENT = [schedule, reschedule, post]


# Idempotent requests


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", [*(Reply(status) for status in RETRIED), Lost(OSError("gone"))], ids=str)
def test_an_idempotent_request_is_retried(step: Step, mode: Mode, waits: list[float]) -> None:
    server = Script(step, step, GOOD)
    assert perform(mode, server, update).sid == SESSION
    assert len(server.sent) == 3
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [300, 302, 304, 400, 401, 403, 404, 409, 422, 501, 505, 520])
def test_an_idempotent_request_is_not_retried_where_it_would_not_help(status: int, mode: Mode) -> None:
    server = Script(Reply(status), GOOD)
    with pytest.raises(APIStatusError) as caught:
        perform(mode, server, update)
    assert caught.value.status_code == status
    assert len(server.sent) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("retries", [0, 1, 4, 7])
def test_it_gives_up(retries: int, mode: Mode, waits: list[float]) -> None:
    server = Script(Reply(503, {"message": "down"}))
    with pytest.raises(InternalServerError) as caught:
        perform(mode, server, update, max_retries=retries)
    assert len(server.sent) == retries + 1
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0][:retries]
    assert [attempt.wait for attempt in caught.value.attempts] == [*waits, 0.0]
    assert [attempt.number for attempt in caught.value.attempts] == list(range(1, retries + 2))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [429, 503])
def test_the_server_says_how_long_to_wait(status: int, mode: Mode, waits: list[float]) -> None:
    server = Script(Reply(status, headers={"Retry-After": "60"}), Reply(status, headers={"retry-after": "0"}), GOOD)
    perform(mode, server, update)
    assert waits == [60.0, 0.0]


@pytest.mark.parametrize("mode", MODES)
def test_too_long_a_wait_is_refused_loudly(mode: Mode, waits: list[float]) -> None:
    server = Script(Reply(429, headers={"Retry-After": "61"}), GOOD)
    with pytest.raises(RateLimitError, match=r"61 s, more than the 60 s allowed") as caught:
        perform(mode, server, update)
    assert caught.value.retry_after == 61.0
    assert waits == []
    assert len(server.sent) == 1


def calls(mode: Mode, call: Any) -> list[Sent]:
    server = Script(Reply(503), Lost(OSError("x")), GOOD)
    perform(mode, server, call)
    return server.sent


@pytest.mark.parametrize("mode", MODES)
def test_retries_are_the_same_to_the_byte(mode: Mode) -> None:
    for call in (
        lambda client: update(client, title="Jürgen", start_date=None),
        lambda client: client.request("PUT", "/v1/x", json={"b": [1, None]}, params={"q": "ä b"}, idempotent=True),
    ):
        first, second, third = calls(mode, call)
        assert first == second == third
    assert calls("sync", update) == calls("async", update)


def test_cookies_do_not_make_a_retry_different() -> None:
    server = Script(Reply(503, headers={"set-cookie": "session=1; Path=/"}), GOOD)
    client = proctoring(server)
    update(client)
    update(client)
    assert len({sent.headers for sent in server.sent}) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_lost_connection_is_an_error_with_its_cause(mode: Mode) -> None:
    lost = httpx.ReadError("reset")
    for step, kind, sent in (
        (Lost(lost), APIConnectionError, True),
        (Lost(httpx.ConnectError("refused"), written=False), APIConnectionError, False),
        (Lost(httpx.ReadTimeout("slow")), APITimeoutError, True),
        (Lost(httpx.ConnectTimeout("slow"), written=False), APITimeoutError, False),
        (Lost(httpx.PoolTimeout("busy"), written=None), APITimeoutError, True),
    ):
        with pytest.raises(APIConnectionError) as caught:
            perform(mode, Script(step), update, max_retries=0)
        assert type(caught.value) is kind
        assert caught.value.sent is sent
        assert caught.value.__cause__ is step.error
        assert caught.value.status_code is None


NOT_SENT = Lost(httpx.ConnectError("refused"), written=False)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "first", [Reply(503), Reply(429), Lost(httpx.ReadError("x")), Lost(OSError("x"), None)], ids=str
)
def test_sent_is_false_only_if_no_attempt_was_sent(first: Step, mode: Mode) -> None:
    for steps, sent in (([first, NOT_SENT], True), ([NOT_SENT, first, NOT_SENT], True), ([NOT_SENT, NOT_SENT], False)):
        with pytest.raises(APIConnectionError) as caught:
            perform(mode, Script(*steps), update, max_retries=len(steps) - 1)
        assert caught.value.sent is sent
        assert len(caught.value.attempts) == len(steps)
        what = "nothing was sent"
        if sent:
            what += " this time, but an earlier attempt may have been received"
        if isinstance(first, Reply) and sent:
            what += f" ({first.status} {HTTPStatus(first.status).phrase})"
        assert f", {what}; no retries left (" in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_raw_responses_have_their_attempts(mode: Mode) -> None:
    def use(client: Any) -> Any:
        return client.course_offerings.with_raw_response.update(
            offering_sid="CO" + EXAM[2:], title="a", match_strings="b"
        )

    raw = perform(mode, Script(Reply(500), GOOD), use)
    assert [(item.number, item.status_code, item.wait) for item in raw.attempts] == [(1, 500, 0.5), (2, 200, 0.0)]
    assert raw.elapsed >= 0


# Requests that are not idempotent

BAD_RESPONSES: list[Any] = [b"", b"<html>", b'{"sid": ', [], "text", None, b"\xff"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", NOT_IDEMPOTENT)
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 408, 500, 501, 502, 503, 504, 520, 599])
def test_such_a_response_to_a_request_that_is_not_idempotent_is_an_unknown_outcome(
    call: Any, status: int, mode: Mode
) -> None:
    server = Script(Reply(status, {"message": "x"}, {"retry-after": "0", "location": "/v1/elsewhere"}), GOOD)
    with pytest.raises(OutcomeUnknownError) as caught:
        perform(mode, server, call, max_retries=5)
    assert len(server.sent) == 1
    error = caught.value
    assert error.status_code == status
    assert isinstance(error.__cause__, APIStatusError)
    assert error.__cause__.status_code == status
    assert error.sent_at is not None
    assert len(error.attempts) == 1
    assert str(error).startswith(f"outcome unknown: {status}")
    assert str(error).endswith(f" ({error.method} {error.path})")
    assert error.body == b'{"message": "x"}'


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", NOT_IDEMPOTENT)
@pytest.mark.parametrize("written", [True, None])
@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("x"),
        httpx.WriteError("x"),
        httpx.RemoteProtocolError("server disconnected"),
        httpx.ConnectError("looks as if nothing was sent"),
        OSError("x"),
        RuntimeError("whatever a transport raises"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_response_to_a_request_that_is_not_idempotent_is_an_unknown_outcome(
    call: Any, error: Exception, written: bool | None, mode: Mode
) -> None:
    server = Script(Lost(error, written), GOOD)
    with pytest.raises(OutcomeUnknownError) as caught:
        perform(mode, server, call, max_retries=5)
    assert len(server.sent) == 1
    assert caught.value.status_code is None
    assert isinstance(caught.value.__cause__, APIConnectionError)
    assert caught.value.__cause__.__cause__ is error
    # One short line: the reason, then what to do.
    reason = caught.value.message.removeprefix("outcome unknown: ").partition("; ")
    assert reason[0].startswith(("timed out (", "connection failed ("))
    assert reason[2] == "the request may have been processed, so check before retrying"
    assert caught.value.attempts[0].reason == f"{reason[0]}; not idempotent, so not retried"


@pytest.mark.parametrize("mode", MODES)
def test_the_attempts_of_an_undocumented_2xx_do_not_say_that_it_succeeded(mode: Mode) -> None:
    html = Reply(200, b"<html>", {"content-type": "text/html"})
    with pytest.raises(OutcomeUnknownError) as unknown:
        perform(mode, Script(html), schedule)
    assert [tuple(attempt) for attempt in unknown.value.attempts] == [
        (1, 200, "200, but not the documented response", 0.0)
    ]
    with pytest.raises(ResponseDecodeError) as undecodable:
        perform(mode, Script(Reply(503, b"", {"retry-after": "0"}), html), update, max_retries=1)
    assert [attempt.reason for attempt in undecodable.value.attempts] == [
        "503 Service Unavailable", "200, but not the documented response"
    ]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("body", BAD_RESPONSES, ids=repr)
def test_an_undecodable_success_is_an_unknown_outcome_unless_idempotent(body: Any, mode: Mode) -> None:
    reply = Reply(201, body, {"x-request-id": "req-5"})
    with pytest.raises(OutcomeUnknownError) as caught:
        perform(mode, Script(reply, GOOD), schedule)
    error = caught.value
    assert error.status_code == 201
    assert error.request_id == "req-5"
    assert error.body == reply.response().content
    assert isinstance(error.__cause__, ResponseDecodeError)
    assert error.__cause__.body == error.body
    with pytest.raises(ResponseDecodeError) as safe:
        perform(mode, Script(reply), update)
    assert safe.value.status_code == 201


NO_STRINGS: list[Any] = [
    b"<html>Please sign in</html>", {"error": {"code": "AUTHENTICATIONFAILED"}}, b"", b" ", None, True, [],
    b"Success ful", b'"Succ', b"\xff",
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("body", NO_STRINGS, ids=repr)
@pytest.mark.parametrize("media", ["application/json", "text/html; charset=utf-8", "application/octet-stream", None])
def test_what_is_no_json_string_is_of_unknown_outcome(media: str | None, body: Any, mode: Mode) -> None:
    reply = Reply(200, body, {"content-type": media} if media else {})
    with pytest.raises(OutcomeUnknownError, match="200, but expected a JSON string, got ") as caught:
        perform(mode, Script(reply, DONE), reschedule, max_retries=5)
    error = caught.value
    assert (error.status_code, error.body) == (200, reply.response().content)
    assert isinstance(error.__cause__, ResponseDecodeError)
    assert error.__cause__.body == error.body
    assert "sign in" not in str(error)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("media", ["text/plain", "Text/Plain; charset=utf-8"])
def test_plain_text_may_stand_for_a_documented_string(media: str, mode: Mode) -> None:
    headers = {"content-type": media}
    for body, value in ((b"Successful", "Successful"), (b'"Successful"', "Successful"), ("\u00fc".encode(), "\u00fc")):
        assert perform(mode, Script(Reply(200, body, headers)), reschedule) == value
    markup: list[Any] = [
        b"<html>Please sign in</html>",
        b"\xef\xbb\xbf <p>",
        b'{"error": ',
        b"[",
        {},
        b"",
        b" \n",
        None,
    ]
    for other in markup:
        with pytest.raises(OutcomeUnknownError):
            perform(mode, Script(Reply(200, other, headers)), reschedule)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("status", "told"), [(202, "the server only accepted the request for later"), (206, "the response is partial")]
)
def test_a_2xx_that_is_less_than_a_success_is_none(status: int, told: str, mode: Mode) -> None:
    for call, body in ((schedule, {"sid": SESSION}), (reschedule, "Successful")):
        reply = Reply(status, body)
        with pytest.raises(OutcomeUnknownError, match=f"{status}, but {told}") as caught:
            perform(mode, Script(reply, GOOD), call, max_retries=5)
        assert (caught.value.status_code, caught.value.body) == (status, reply.response().content)
    server = Script(Reply(status, {"sid": SESSION}))
    with pytest.raises(ResponseDecodeError, match=told):
        perform(mode, server, update)
    with pytest.raises(ResponseDecodeError, match=told):
        collect(mode, Script(Reply(status, {"results": []})), report)
    assert len(server.sent) == 1
    # What no specification describes may well mean 202.
    assert perform(mode, server, post).status_code == status


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [200, 204, 205])
def test_an_empty_2xx_is_of_unknown_outcome_where_content_is_documented(status: int, mode: Mode) -> None:
    for call in (schedule, reschedule):
        empty = "the response is empty, not JSON" if call is schedule else "expected a JSON string, got an empty body"
        with pytest.raises(OutcomeUnknownError, match=f"outcome unknown: {status}, but {empty}; ") as caught:
            perform(mode, Script(Reply(status, b""), GOOD), call, max_retries=5)
        assert (caught.value.status_code, caught.value.body) == (status, b"")
    with pytest.raises(ResponseDecodeError):
        perform(mode, Script(Reply(status, b"")), update)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [200, 201, 203, 299])
def test_any_other_2xx_with_the_documented_content_is_a_success(status: int, mode: Mode) -> None:
    assert perform(mode, Script(Reply(status, {"sid": SESSION})), schedule).sid == SESSION
    assert perform(mode, Script(Reply(status, "Successful")), reschedule) == "Successful"


@pytest.mark.parametrize("mode", MODES)
def test_a_raw_response_of_a_request_that_is_not_idempotent_stays_readable(mode: Mode) -> None:
    def use(client: Any) -> Any:
        return client.exam_sessions.with_raw_response.schedule(exam_sid=EXAM, session_sid=SESSION)

    raw = perform(mode, Script(Reply(200, b"<html>")), use)
    assert (raw.status_code, raw.content) == (200, b"<html>")
    with pytest.raises(OutcomeUnknownError):
        _ = raw.parsed
    assert raw.content == b"<html>"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", NOT_IDEMPOTENT)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 451])
def test_a_refused_request_that_is_not_idempotent_is_plain_and_sent_once(call: Any, status: int, mode: Mode) -> None:
    server = Script(Reply(status, headers={"Retry-After": "3"}), GOOD)
    with pytest.raises(APIStatusError) as caught:
        perform(mode, server, call, max_retries=5)
    assert len(server.sent) == 1
    assert caught.value.retry_after == 3.0
    if status == 429:
        assert type(caught.value) is RateLimitError
        assert "retry after 3 s" in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_a_change_that_a_lost_attempt_may_have_made_is_named(mode: Mode, waits: list[float]) -> None:
    def delete(client: Any) -> Any:
        return client.departments.delete(department_id="3fa85f64-5717-4562-b3fc-2c963f66afa6")

    note = "; an earlier attempt may have been applied, which would explain it"
    for first, expected in ((Lost(httpx.ReadError("x")), note), (Reply(503), note), (Reply(429), "")):
        server = Script(first, Reply(404, {"code": 404, "message": "Unknown"}))
        with pytest.raises(NotFoundError) as caught:
            perform(mode, server, delete, api="ispring", access_token=TOKEN)
        assert caught.value.message == f"404 Not Found: Unknown{expected}"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", NOT_IDEMPOTENT)
def test_a_refused_request_that_is_not_idempotent_is_retried_on_request(
    call: Any, mode: Mode, waits: list[float]
) -> None:
    limited = Reply(429, headers={"Retry-After": "3"})
    server = Script(limited, limited, DONE if call is reschedule else GOOD)
    perform(mode, server, lambda client: call(client.with_options(retry_refused=True)))
    assert len(server.sent) == 3
    assert waits == [3.0, 3.0]
    # Nothing else is: neither other refusals nor what may have been applied.
    for reply in (Reply(409), Reply(503), Reply(408)):
        server = Script(limited, reply, GOOD)
        with pytest.raises(APIError):
            perform(mode, server, lambda client: call(client.with_options(retry_refused=True)))
        assert len(server.sent) == 2


def test_retrying_refused_requests_is_a_yes_or_no() -> None:
    with pytest.raises(ConfigurationError, match="retry_refused: expected True or False"):
        proctoring(Script(GOOD)).with_options(retry_refused=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", NOT_IDEMPOTENT)
def test_a_request_that_is_not_idempotent_is_retried_if_nothing_was_written(
    call: Any, mode: Mode, waits: list[float]
) -> None:
    good = DONE if call is reschedule else GOOD
    server = Script(Lost(httpx.ConnectError("refused"), written=False), Lost(httpx.ConnectTimeout("x"), False), good)
    perform(mode, server, call)
    assert len(server.sent) == 3
    assert server.sent[0] == server.sent[1] == server.sent[2]
    assert waits == [0.5, 1.0]
    with pytest.raises(APIConnectionError) as caught:
        perform(mode, Script(Lost(httpx.ConnectError("refused"), written=False)), call)
    assert caught.value.sent is False
    assert len(caught.value.attempts) == 3


@pytest.mark.parametrize("mode", MODES)
def test_after_a_refused_connection_a_lost_reply_still_counts(mode: Mode) -> None:
    server = Script(Lost(httpx.ConnectError("x"), written=False), Lost(httpx.ReadError("x")), GOOD)
    with pytest.raises(OutcomeUnknownError) as caught:
        perform(mode, server, schedule)
    assert len(server.sent) == 2
    assert len(caught.value.attempts) == 2


STEPS = st.one_of(
    st.integers(200, 599).map(lambda status: Reply(status, "Successful")),
    st.sampled_from([True, False, None]).map(lambda written: Lost(httpx.ConnectError("x"), written)),
    st.just(DONE),
    st.just(GOOD),
    st.just(Reply(429, headers={"retry-after": "1"})),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=6), retries=st.integers(0, 5), mode=st.sampled_from(MODES))
def test_nobody_is_ever_booked_twice(steps: list[Step], retries: int, mode: Mode) -> None:
    """Of all attempts, at most the last may have reached the server; and a success is never made up."""
    server = Script(*steps, Reply(400))
    answer: Any = None
    failure: InvigilateError | None = None
    try:
        answer = perform(mode, server, reschedule, max_retries=retries)
    except InvigilateError as error:
        failure = error
    used = [*steps, Reply(400)][: len(server.sent)]
    for step in used[:-1]:
        assert isinstance(step, Lost)
        assert step.written is False
    assert 1 <= len(used) <= retries + 1
    last = used[-1]
    succeeded = isinstance(last, Reply) and last.body == "Successful" and last.status in {*range(200, 300)} - {202, 206}
    assert (failure is None) == succeeded == (answer is not None)
    if isinstance(last, Reply) and not succeeded:
        refused = 400 <= last.status <= 499 and last.status != 408
        assert isinstance(failure, APIStatusError if refused else OutcomeUnknownError)
    if isinstance(last, Lost):
        assert isinstance(failure, OutcomeUnknownError if last.written is not False else APIConnectionError)


@pytest.mark.parametrize("mode", MODES)
def test_the_error_remembers_what_was_sent_but_nothing_private(mode: Mode) -> None:
    def use(client: Any) -> Any:
        return schedule(
            client, type_="ad-hoc", amount=12.5, appointment_date_time="2026-03-04T16:30:00+01:00", **SENSITIVE
        )

    with pytest.raises(OutcomeUnknownError) as caught:
        perform(mode, Script(Reply(500)), use)
    assert caught.value.arguments == {
        "install_sid": INSTALL,
        "exam_sid": EXAM,
        "session_sid": SESSION,
        "type_": "ad-hoc",
        "amount": 12.5,
        "appointment_date_time": "2026-03-04T15:30:00.000Z",
    }


def test_arguments_of_nested_lists_are_left_out_of_it() -> None:
    from invigilate_runtime import Call, Field, Operation

    person = Field("", "", "", "object", fields=(Field("", "email", "", "string", sensitive=True),))
    operation: Operation[Any] = Operation(
        id="enroll",
        method="POST",
        path="/v1/enrollments",
        idempotent=False,
        returns="any",
        read=lambda value: value,
        documentation="",
        media="application/json",
        fields=(Field("people", "people", "body", "array", items=person), Field("room", "room", "body", "string")),
    )
    call = Call(operation, {"people": [{"email": "canary@example.com"}], "room": "5"})
    with pytest.raises(OutcomeUnknownError) as caught:
        proctoring(Script(Reply(500, {"message": "canary@example.com"}))).execute(call)
    assert "canary" not in repr(caught.value.arguments)
    assert "canary" not in str(caught.value)


class Subclass(httpx.HTTPTransport):
    """A user's transport that keeps to itself what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        raise httpx.ReadTimeout("after all of it was written", request=request)


def test_a_transport_that_reports_nothing_is_not_trusted_for_its_family() -> None:
    transport = Subclass()
    with pytest.raises(OutcomeUnknownError):
        schedule(proctoring(transport))
    assert transport.calls == 1


def test_a_decoder_that_fails_in_its_own_way_is_an_unknown_outcome_too() -> None:
    from invigilate_runtime import Call, Operation

    def read(value: Any) -> Any:
        return value["missing"]

    operation: Operation[Any] = Operation(
        id="own", method="POST", path="/v1/own", idempotent=False, returns="any", read=read, documentation=""
    )
    with pytest.raises(OutcomeUnknownError):
        proctoring(Script(GOOD)).execute(Call(operation, {}))


# Deadlines


class Clock:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("time.monotonic", found)
    return found


def test_a_deadline_ends_the_retries(clock: Clock, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.now += seconds

    monkeypatch.setattr("time.sleep", wait)

    def slow(sent: Sent) -> Reply:
        clock.now += 1
        return Reply(503)

    server = Script(slow)
    with pytest.raises(InternalServerError) as caught:
        update(proctoring(server, max_retries=50).with_options(deadline=10))
    assert waits == [0.5, 1.0, 2.0]
    assert len(server.sent) == 4
    assert clock.now - 1000 <= 10
    assert "deadline" in caught.value.attempts[-1].reason


def test_each_attempt_has_no_longer_than_what_is_left(clock: Clock) -> None:
    timeouts: list[float] = []

    class Watch(Script):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            timeouts.append(request.extensions["timeout"]["read"])
            clock.now += 4
            return super().handle_request(request)

    with pytest.raises(InternalServerError):
        update(proctoring(Watch(Reply(503, headers={"retry-after": "0"})), timeout=5).with_options(deadline=9.5))
    assert timeouts == [5, 5, 1.5]


def test_a_deadline_that_passed_before_anything_was_sent(clock: Clock) -> None:
    def token() -> str:
        clock.now += 20
        return TOKEN

    server = Script(GOOD)
    with pytest.raises(APITimeoutError) as caught:
        schedule(proctoring(server, token=token).with_options(deadline=10))
    assert caught.value.sent is False
    assert server.sent == []


@pytest.mark.parametrize("first", [Reply(503), Lost(httpx.ReadError("x")), NOT_SENT], ids=str)
def test_a_deadline_that_passed_before_a_retry(first: Step, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def oversleep(seconds: float) -> None:
        clock.now += 20

    monkeypatch.setattr("time.sleep", oversleep)
    server = Script(first, GOOD)
    with pytest.raises(APITimeoutError, match="the deadline passed before the request was sent") as caught:
        update(proctoring(server).with_options(deadline=10))
    assert caught.value.sent is (first is not NOT_SENT)
    assert ("an earlier attempt may have been received" in str(caught.value)) is (first is not NOT_SENT)
    assert len(server.sent) == 1


DOWN = Reply(503, {"error": {"code": "DOWNFORREPAIR", "message": "later"}}, {"retry-after": "0"})


def test_a_deadline_error_has_status_and_code_of_the_response_before(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def oversleep(seconds: float) -> None:
        clock.now += 20

    client = proctoring(Script(DOWN, Lost(httpx.ReadTimeout("slow")), Lost(httpx.ConnectTimeout("slow"), False)))
    with pytest.raises(APITimeoutError) as caught:
        update(client.with_options(max_retries=1))
    assert ", the request may have been received (the response before: 503 DOWNFORREPAIR); " in str(caught.value)
    with pytest.raises(APITimeoutError) as caught:
        update(proctoring(Script(DOWN, Lost(httpx.ConnectTimeout("slow"), False)), max_retries=1))
    assert "an earlier attempt may have been received (503 DOWNFORREPAIR); no retries left" in str(caught.value)
    monkeypatch.setattr("time.sleep", oversleep)
    with pytest.raises(APITimeoutError) as caught:
        update(proctoring(Script(DOWN, GOOD), deadline=10))
    assert "an earlier attempt may have been received (503 DOWNFORREPAIR)" in str(caught.value)
    assert [attempt.status_code for attempt in caught.value.attempts] == [503]


# When it was sent


@pytest.fixture
def wall(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Both clocks: seconds since the epoch run with the monotonic ones."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0 + clock.now)
    return clock


def test_a_raw_response_knows_when_its_last_attempt_was_sent(wall: Clock) -> None:
    def slow(sent: Sent) -> Reply:
        wall.now += 3
        return GOOD if wall.now > 1005 else Reply(503, headers={"retry-after": "0"})

    client = proctoring(Script(slow))
    raw = client.course_offerings.with_raw_response.update(
        offering_sid="CO" + EXAM[2:], title="Fall", match_strings="FA"
    )
    assert (raw.sent_monotonic, raw.sent_at) == (1003.0, 1_700_001_003.0)
    assert raw.elapsed == 6.0


@pytest.mark.parametrize("step", [Reply(500), Reply(200, b"<html>"), Lost(httpx.ReadError("x")), Reply(302)], ids=str)
def test_an_unknown_outcome_knows_when_it_was_sent(step: Reply | Lost, wall: Clock) -> None:
    def slow(sent: Sent) -> Reply | Lost:
        wall.now += 3
        return step

    with pytest.raises(OutcomeUnknownError) as caught:
        schedule(proctoring(Script(NOT_SENT, slow)))
    error = caught.value
    assert (error.sent_monotonic, error.sent_at) == (1000.0, 1_700_001_000.0)
    stored = pickle.loads(pickle.dumps(error))
    # A monotonic clock means nothing to another process.
    assert (stored.sent_monotonic, stored.sent_at) == (None, 1_700_001_000.0)


@pytest.mark.parametrize("mode", MODES)
def test_a_token_that_cannot_be_renewed_leaves_a_call_that_was_sent(mode: Mode) -> None:
    issued = Reply(200, {"access_token": "a", "expires_in": 1800, "token_type": "bearer"})

    def use(client: Any) -> Any:
        return client.job_training.list_session_results()

    with pytest.raises(APIConnectionError) as caught:
        perform(mode, Script(NOT_SENT), use, api="ispring", max_retries=0)
    assert caught.value.sent is False
    with pytest.raises(APIConnectionError) as caught:
        perform(mode, Script(issued, Reply(401), NOT_SENT), use, api="ispring", max_retries=0)
    assert caught.value.sent is True


def test_a_response_that_is_complete_is_never_too_late(clock: Clock) -> None:
    def slow(sent: Sent) -> Reply:
        clock.now += 20
        return GOOD

    assert schedule(proctoring(Script(slow)).with_options(deadline=10)).sid == SESSION


def test_an_async_call_ends_at_its_deadline() -> None:
    class Stuck(Script):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.extensions["trace"]("http11.send_request_headers.started", {"request": request})
            await anyio.Event().wait()
            raise AssertionError

    async def main(call: Any) -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=Stuck()) as client:
            await call(client.with_options(deadline=0.02))

    with pytest.raises(APITimeoutError):
        anyio.run(main, update)
    with pytest.raises(OutcomeUnknownError) as caught:
        anyio.run(main, schedule)
    assert isinstance(caught.value.__cause__, APITimeoutError)


# Interruptions


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("written", [True, None])
def test_an_interrupted_request_that_is_not_idempotent_leaves_a_trace(
    mode: Mode, interrupt: type[BaseException], written: bool | None, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(BaseException) as caught:
        perform(mode, Script(Lost(interrupt(), written)), lambda client: schedule(client, **SENSITIVE))
    assert caught.type is interrupt or interrupt in {type(item) for item in getattr(caught.value, "exceptions", ())}
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(lines) == 1
    assert "outcome unknown" in lines[0]
    assert f"POST /v1/installs/{INSTALL}/exams/{EXAM}/sessions/{SESSION}" in lines[0]
    assert "canary" not in caplog.text


@pytest.mark.parametrize("step", [Lost(KeyboardInterrupt(), written=False)])
def test_an_interrupted_call_that_did_nothing_leaves_none(step: Step, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt):
        schedule(proctoring(Script(step)))
    with pytest.raises(KeyboardInterrupt):
        update(proctoring(Script(Lost(KeyboardInterrupt()))))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_canceled_request_that_is_not_idempotent_leaves_a_trace(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(Script):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.extensions["trace"]("http11.send_request_headers.started", {"request": request})
            await anyio.Event().wait()
            raise AssertionError

    async def main() -> bool:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=Stuck()) as client:
            with anyio.move_on_after(0.02) as scope:
                await schedule(client)
            return scope.cancelled_caught

    assert anyio.run(main, backend=backend)
    assert "outcome unknown" in caplog.text


# Logging


@pytest.fixture
def everything() -> Iterator[list[logging.LogRecord]]:
    """All that any logger says, at every level."""
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Keep()
    names = ["", "httpx", "httpcore", "httpcore.connection", "httpcore.http11", "invigilate"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield records
    logging.getLogger().removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("mode", MODES)
def test_no_log_of_anyone_shows_a_secret(mode: Mode, everything: list[logging.LogRecord]) -> None:
    def use(client: Any) -> Any:
        return schedule(client, notes="canary-notes", **SENSITIVE)

    for steps in ([GOOD], [Reply(500, {"message": "tok_canary"})], [Reply(400)], [Lost(OSError("tok_canary"))]):
        with contextlib.suppress(APIError):
            perform(mode, Script(*steps), use)
    perform(mode, Script(Reply(503), GOOD), lambda client: client.request("GET", "/v1/x", params={"q": "canary-q"}))
    assert [record for record in everything if record.name == "invigilate"]
    for record in everything:
        assert record.name.split(".")[0] not in {"httpx", "httpcore"}
        for text in (record.getMessage(), repr(record.args), repr(record.exc_info)):
            assert "canary" not in text
            assert TOKEN not in text


def test_other_users_of_httpx_keep_their_logs(everything: list[logging.LogRecord]) -> None:
    server = Script(GOOD)
    with httpx.Client(transport=server) as other:

        def meanwhile(sent: Sent) -> Reply:
            thread = threading.Thread(target=lambda: other.get("https://other.example.com/theirs"))
            thread.start()
            thread.join()
            return GOOD

        def token() -> str:
            other.get("https://other.example.com/token")
            return TOKEN

        update(proctoring(Script(meanwhile), token=token))
        other.get("https://other.example.com/after")
    texts = [record.getMessage() for record in everything if record.name == "httpx"]
    assert len(texts) == 3
    assert all("other.example.com" in text for text in texts)


def test_a_report_is_retried() -> None:
    server = Script(Reply(503), Reply(200, {"results": []}))
    assert report(proctoring(server)).collect() == []
    with pytest.raises(BadRequestError):
        report(proctoring(Script(Reply(400)))).collect()
