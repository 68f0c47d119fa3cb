"""Errors: one line that support can act on, without anything that must not be shown; and they survive pickling."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import invigilate
from invigilate import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    Attempt,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    IncompleteResultError,
    InternalServerError,
    InvalidArgumentError,
    InvalidSidError,
    InvalidTimestampError,
    InvigilateError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ResponseDecodeError,
    Timeout,
    UnprocessableEntityError,
    errors,
)
from tests.support.fakes import (
    EXAM,
    INSTALL,
    MODES,
    SECRET,
    SESSION,
    TOKEN,
    TOKEN_REPLY,
    Lost,
    Mode,
    Reply,
    Script,
    ispring,
    page,
    perform,
    proctoring,
    report,
    schedule,
    update,
)

WHERE = f"/v1/installs/{INSTALL}/exams/{EXAM}/sessions/{SESSION}"
CLASSES = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, InvigilateError)]
CALLS = [kind for kind in CLASSES if issubclass(kind, APIError)]
STATUSES: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: APIStatusError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: APIStatusError,
    409: ConflictError,
    410: APIStatusError,
    418: APIStatusError,
    422: UnprocessableEntityError,
    429: RateLimitError,
    451: APIStatusError,
    499: APIStatusError,
}


def failing(call: Any, *steps: Reply | Lost, mode: Mode = "sync", **options: Any) -> Any:
    with pytest.raises(APIError) as caught:
        perform(mode, Script(*steps), call, **{"max_retries": 0, **options})
    return caught.value


def chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def shown(error: BaseException) -> str:
    """All that a traceback, a log or a pickle could show of an error and its causes."""
    parts = [text for item in chain(error) for text in (str(item), repr(item), str(item.args))]
    return " ".join([*parts, repr(pickle.dumps(error)), repr(getattr(error, "arguments", ""))])


def test_the_tree_is_the_documented_one() -> None:
    assert issubclass(APITimeoutError, APIConnectionError)
    assert issubclass(InvalidSidError, InvalidArgumentError)
    assert issubclass(InvalidTimestampError, InvalidArgumentError)
    assert issubclass(InvalidArgumentError, ValueError)
    assert issubclass(invigilate.ConfigurationError, ValueError)
    for kind in (APIConnectionError, APIStatusError, ResponseDecodeError, IncompleteResultError, OutcomeUnknownError):
        assert issubclass(kind, APIError)
    assert not issubclass(OutcomeUnknownError, (APIConnectionError, APIStatusError))
    assert {kind.__name__ for kind in CLASSES} <= set(errors.__all__)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", STATUSES)
def test_a_refusal_raises_the_class_of_its_status(status: int, mode: Mode) -> None:
    for call in (schedule, update):
        error = failing(call, Reply(status, {"code": 10032, "message": "no"}), mode=mode)
        assert type(error) is STATUSES[status]
        assert error.status_code == status
        assert (error.code, error.vendor_message) == ("10032", "no")
        assert f"{status} 10032: no" in str(error)


@pytest.mark.parametrize("mode", MODES)
def test_a_documented_code_decides_where_it_contradicts_the_status(mode: Mode) -> None:
    body = {"error": {"code": "AUTHENTICATIONFAILED", "message": "The token is not valid."}}
    for call in (schedule, update):
        error = failing(call, Reply(403, body), mode=mode)
        assert type(error) is AuthenticationError
        assert (error.status_code, error.code) == (403, "AUTHENTICATIONFAILED")
        assert str(error).startswith("403 AUTHENTICATIONFAILED: The token is not valid. (")
        other = failing(call, Reply(403, {"error": {"code": "NOTALLOWED"}}), mode=mode)
        assert type(other) is PermissionDeniedError
    with pytest.raises(PermissionDeniedError):
        # A code of one API means nothing to another.
        ispring(Script(Reply(403, body)), access_token="t").job_training.list_session_results()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 599])
def test_a_failed_server_of_an_idempotent_request(status: int) -> None:
    assert type(failing(update, Reply(status))) is InternalServerError


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_not_followed_and_says_so(status: int) -> None:
    server = Script(Reply(status, b"", {"location": "https://elsewhere.example.com/"}))
    with pytest.raises(APIStatusError, match="redirects are not followed") as caught:
        update(proctoring(server))
    assert type(caught.value) is APIStatusError
    assert len(server.sent) == 1
    assert "example.com" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"code": "INVALIDPROTOCOL", "message": "Use TLS"}, "INVALIDPROTOCOL", "Use TLS"),
        ({"code": 401, "message": "bad"}, "401", "bad"),
        ({"error": {"code": 7, "message": "inner"}}, "7", "inner"),
        ({"error": "invalid_client", "error_description": "unknown client"}, "invalid_client", "unknown client"),
        ({"error": "invalid_client"}, "invalid_client", None),
        ({"message": "only words"}, None, "only words"),
        ({"code": True, "message": 5}, None, None),
        ({"code": 1.5, "message": ["a"]}, None, None),
        ({"code": None, "message": None}, None, None),
        ({}, None, None),
        ([], None, None),
        ("text", None, None),
        (None, None, None),
        (b"", None, None),
        (b"<html><h1>502 Bad Gateway</h1></html>", None, None),
        (b"\xff\xfe", None, None),
        (b"[" * 100_000, None, None),
        (b'{"message": "line one\\nline two\\u2028\\u0000three"}', None, "line one line two three"),
    ],
)
def test_the_vendors_code_and_message(body: Any, code: str | None, message: str | None) -> None:
    for call, status in ((update, 400), (schedule, 400)):
        error = failing(call, Reply(status, body))
        assert (error.code, error.vendor_message) == (code, message)
        assert error.body == Reply(status, body).response().content
        assert str(error).isprintable()
        assert "html" not in str(error)


def test_a_code_that_is_the_status_is_shown_once() -> None:
    # iSpring's are.
    error = failing(update, Reply(401, {"code": 401, "message": "The client ID is wrong"}))
    assert error.code == "401"
    assert str(error).startswith("401 Unauthorized: The client ID is wrong (PUT ")
    assert "401 401" not in str(error)


def test_a_long_message_is_cut() -> None:
    error = failing(update, Reply(400, {"code": "C" * 999, "message": "x" * 100_000}))
    assert len(str(error)) < 1000


@pytest.mark.parametrize(
    "name", ["x-request-id", "X-Request-ID", "request-id", "x-correlation-id", "x-amzn-RequestId", "cf-ray"]
)
@pytest.mark.parametrize("call", [update, schedule])
def test_the_request_id_is_in_the_text(name: str, call: Any) -> None:
    for status in (400, 500):
        error = failing(call, Reply(status, {"message": "x"}, {name: "req-42"}))
        assert error.request_id == "req-42"
        assert "request ID req-42" in str(error)
    raw = proctoring(Script(Reply(200, {}, {name: "req-42"}))).course_offerings.with_raw_response
    assert raw.update(offering_sid="CO" + EXAM[2:], title="a", match_strings="b").request_id == "req-42"


@pytest.mark.parametrize("value", ["", "x" * 200, "two words", "\x07bell"])
def test_a_strange_request_id_is_left_out(value: str) -> None:
    error = failing(update, Reply(400, {}, {"x-request-id": value}))
    assert error.request_id is None


def test_a_request_id_that_repeats_a_secret_is_masked() -> None:
    error = failing(
        lambda client: schedule(client, card_token="tok_visa_1"), Reply(400, {}, {"cf-ray": "a-tok_visa_1"})
    )
    assert "tok_visa_1" not in shown(error)


@pytest.mark.parametrize(
    ("call", "steps", "reason"),
    [
        (update, [Reply(404, {"code": "NOTFOUND", "message": "gone"})], "404 NOTFOUND: gone"),
        (schedule, [Reply(500)], "outcome unknown: 500 Internal Server Error"),
        (schedule, [Lost(httpx.ReadTimeout("slow"))], "outcome unknown: timed out"),
        (update, [Lost(httpx.ConnectError("refused"), written=False)], "connection failed"),
        (update, [Reply(200, b"<html>")], "the response is not JSON "),
        (update, [Reply(503), Reply(503, {"code": "DOWN"}, {"x-request-id": "r-1"})], "503 DOWN"),
        (
            lambda client: report(client).collect(),
            [page([], total=3)],
            "the page at row 0 is empty, but the total is 3",
        ),
        (lambda client: client.request("GET", "/v1/x"), [Reply(400)], "400 Bad Request"),
    ],
)
def test_the_reason_comes_first_and_the_path_last(call: Any, steps: list[Reply | Lost], reason: str) -> None:
    error = failing(call, *steps, max_retries=len(steps) - 1)
    text = str(error)
    assert text.startswith(reason)
    assert "\n" not in text
    details = [f"{error.method} {error.path}"]
    details += [f"request ID {error.request_id}"] if error.request_id else []
    details += [f"{len(steps)} attempts"] if len(steps) > 1 else []
    assert text == f"{error.message} ({', '.join(details)})"
    assert error.path not in error.message


def test_the_text_names_the_call() -> None:
    error = failing(schedule, Reply(404, {"code": 1, "message": "no session"}))
    assert str(error) == f"404 1: no session (POST {WHERE})"
    assert repr(error) == f"<NotFoundError: {error}>"
    assert (error.method, error.path, error.operation) == ("POST", WHERE, "scheduleExamSession")
    assert error.attempts == (Attempt(1, 404, error.attempts[0].reason, 0.0),)


def test_attempts_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    error = failing(update, Reply(503), Lost(OSError("x")), Reply(500), max_retries=2)
    assert [(item.number, item.status_code) for item in error.attempts] == [(1, 503), (2, None), (3, 500)]
    assert "3 attempts" in str(error)
    assert all(item.reason for item in error.attempts)


def test_an_argument_error_is_one_line() -> None:
    error = InvalidArgumentError("amount", "a number", "None")
    assert str(error) == "amount: expected a number, got None"
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), twin.argument, twin.expected, twin.passed) == (type(error), "amount", "a number", "None")


@pytest.mark.parametrize("kind", CALLS, ids=lambda kind: kind.__name__)
def test_every_error_of_a_call_survives_pickling_without_what_is_bulky_or_private(kind: type[Any]) -> None:
    attempts = (Attempt(1, 503, "answered 503", 0.5), Attempt(2, None, "timed out", 0.0))
    error = kind("went wrong", method="PUT", path="/v1/x", operation="op", attempts=attempts, request_id="req-1")
    extras: dict[type[Any], dict[str, Any]] = {
        APIConnectionError: {"sent": False},
        APITimeoutError: {"sent": False},
        IncompleteResultError: {"total": 9, "received": 4},
        OutcomeUnknownError: {"arguments": {"exam_sid": EXAM}, "sent_at": 5.0, "status_code": 500},
    }
    extra = extras.get(kind, {"status_code": 418, "code": "c", "vendor_message": "m", "retry_after": 7.0})
    for name, value in extra.items():
        setattr(error, name, value)
    error.body, error.headers = b"canary-body", {"x": "canary-header"}
    error.__cause__ = ValueError("canary-cause")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(error, protocol)
        assert b"canary" not in data
        twin = pickle.loads(data)
        assert type(twin) is kind
        assert (str(twin), repr(twin), twin.args) == (str(error), repr(error), error.args)
        assert (twin.method, twin.path, twin.operation) == ("PUT", "/v1/x", "op")
        assert (twin.attempts, twin.request_id, twin.message) == (attempts, "req-1", "went wrong")
        assert {name: getattr(twin, name) for name in extra} == extra
        assert (twin.body, twin.headers, twin.__cause__) == (None, None, None)
    assert str(copy.deepcopy(error)) == str(error)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_made_by_a_users_test(kind: type[Any]) -> None:
    made = kind("a", "b", "c") if issubclass(kind, InvalidArgumentError) else kind("went wrong")
    assert str(made)
    assert "\n" not in str(made) + repr(made)
    assert type(pickle.loads(pickle.dumps(made))) is kind


SENSITIVE = {
    "card_token": "tok_canary/1",
    "voucher_code": "VOUCH \u00e9 & co",
    "first_name": "Adalovelace",
    "last_name": "O'Canary",
    "email": "canary@example.com",
    "phone": "+1 (555) 010-0142",
    "address1": "1 Canary Wharf",
    "address2": 'Room "9"',
    "postal_code": "62701-99",
}
ECHOES: dict[str, Callable[[str], str]] = {
    "raw": lambda value: value,
    "JSON": lambda value: json.dumps(value)[1:-1],
    "URL": lambda value: quote(value, safe=""),
    "upper case": lambda value: value.upper(),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("status", [400, 429, 500, 302])
def test_what_was_sent_in_sensitive_fields_never_comes_back(
    status: int, echo: str, mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echoed = {name: ECHOES[echo](value) for name, value in SENSITIVE.items()}
    # In pieces, since a long message is cut.
    for name, value in echoed.items():
        reply = Reply(
            status,
            {"code": f"BAD:{value}", "message": f"'{value}' is not allowed"},
            {"x-request-id": "id-" + quote(value, safe=""), "server": value.encode("ascii", "ignore").decode()},
        )
        error = failing(lambda client: schedule(client, notes="public", **SENSITIVE), reply, mode=mode)
        for text in (shown(error), caplog.text, repr([record.args for record in caplog.records])):
            assert value not in text, name
            assert SENSITIVE[name] not in text, name
            assert TOKEN not in text
        if status == 400:
            assert error.vendor_message == "'***' is not allowed"


def test_the_token_never_comes_back() -> None:
    body = {"message": f"token {TOKEN} has expired", "code": TOKEN.upper()}
    for status in (401, 403, 500):
        assert TOKEN.lower() not in shown(failing(update, Reply(status, body))).lower()
    error = failing(
        lambda client: client.job_training.list_session_results(),
        Reply(401, {"error": "invalid_client", "error_description": f"secret {SECRET} is wrong"}),
        api="ispring",
    )
    assert SECRET not in shown(error)
    assert "/api/v3/token" in str(error)


def test_what_the_transport_quotes_is_masked() -> None:

    lost = httpx.RemoteProtocolError("illegal header line: b'x: tok_canary_1 canary@example.com'")
    lost.__cause__ = OSError(5, f"while sending {TOKEN}")
    for call in (schedule, update):
        error = failing(
            (lambda client: schedule(client, card_token="tok_canary_1")) if call is schedule else update, Lost(lost)
        )
        for secret in ("tok_canary_1", "canary@", TOKEN) if call is schedule else ("canary@", TOKEN):
            assert secret not in shown(error)
        assert any(isinstance(item, httpx.RemoteProtocolError) for item in chain(error))


def test_an_undecodable_response_is_kept_but_not_shown() -> None:
    for body in (b'{"email": "canary-in-body', b"<p>canary-in-body</p>", b"\xffcanary-in-body", b'["canary-in-body"]'):
        for call, kind in ((update, ResponseDecodeError), (schedule, OutcomeUnknownError)):
            error = failing(call, Reply(200, body))
            assert type(error) is kind
            assert error.body == body
            assert "canary-in-body" not in shown(error)
            assert "canary-in-body" not in "".join(map(str, chain(error)))


def test_a_persons_data_that_nobody_sent_is_masked() -> None:
    error = failing(update, Reply(409, {"message": "taken by ada@example.com, +1 (555) 010-0199, 4242 4242 4242 4242"}))
    assert error.vendor_message == "taken by ***, ***, ***"


def test_what_a_raw_request_sent_is_masked() -> None:
    body = {"password": "hunter-22", "nested": [{"pin": "987654"}]}
    error = failing(
        lambda client: client.request("POST", "/v1/things", json=body, params={"who": "Ada Lovelace"}),
        Reply(400, {"message": "hunter-22 987654 Ada Lovelace Ada%20Lovelace"}),
    )
    assert error.vendor_message == "*** *** *** ***"


def test_a_path_with_odd_segments_is_not_shown() -> None:
    error = failing(lambda client: client.request("GET", "/v1/people/ada@example.com"), Reply(404))
    assert "ada" not in shown(error)
    error = failing(lambda client: schedule(client, exam_sid="4242424242424242"), Reply(404), check_sids=False)
    assert "4242" not in str(error)


def test_no_secret_is_in_the_repr_of_anything() -> None:
    server = Script(Reply(200, {"sid": SESSION, "accessKey": "canary-key"}))
    client = proctoring(server)
    raw = schedule(type("Client", (), {"exam_sessions": client.exam_sessions.with_raw_response}), card_token="tok_c")
    learn = ispring(Script(TOKEN_REPLY, Reply(200, [])))
    learn.job_training.list_session_results()
    from smarterproctoring_client.api.exam_sessions import schedule_exam_session

    call = schedule_exam_session.describe(exam_sid=EXAM, session_sid=SESSION, card_token="tok_c")
    views = (client.with_options(timeout=1), client.for_install(INSTALL))
    resources = (client.exam_sessions, client.exam_sessions.with_raw_response, report(client))
    things: list[Any] = [client, *views, *resources, raw, raw.parsed, learn, learn.job_training, call]
    for held in (client, learn):
        things += [value for name, value in vars(held).items() if name not in {"_defaults", "_options"}]
    for thing in things:
        text = repr(thing)
        for secret in (TOKEN, SECRET, "issued-1", "tok_c", "canary-key"):
            assert secret not in text, type(thing)


def test_what_was_received_is_not_in_a_repr() -> None:
    from invigilate._http.transport import Settings
    from invigilate._values import Response

    assert "canary" not in repr(Response(200, {"x": "canary"}, b"canary"))
    assert "canary" not in repr(Settings("https://a", False, "http://user:canary@proxy", True, None))


def test_what_is_sent_is_not_in_a_repr() -> None:
    from invigilate._values import PreparedRequest, Send
    from invigilate_runtime import Request

    request = Request("POST", "/v1/x?q=canary", {"X-Name": "canary"}, b'{"cardToken": "canary"}')
    prepared = PreparedRequest(
        request, lambda content, **_: None, False, True, "/v1/x", None, ("canary",), {"a": "canary"}
    )
    for thing in (request, prepared, Send(request, {"token": "canary"}, Timeout(), None, True)):
        assert "canary" not in repr(thing)
