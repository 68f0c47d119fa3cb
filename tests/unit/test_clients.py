"""The clients: where their settings come from, where they send to, and what their views share."""

from __future__ import annotations

import functools
import inspect
import io
import ssl
from collections.abc import Callable
from enum import Enum, IntEnum
from functools import partial
from typing import Any, TypeVar, cast

import anyio
import httpx
import pytest

from invigilate import (
    AsyncISpringLearn,
    AsyncPager,
    AsyncSmarterProctoring,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    InvalidArgumentError,
    ISpringLearn,
    NotFoundError,
    Pager,
    RawResponse,
    Resource,
    ResponseDecodeError,
    SmarterProctoring,
    operation,
)
from invigilate_runtime import Call, Field, Operation
from smarterproctoring_client.api.exam_sessions import schedule_exam_session
from smarterproctoring_client.api.installs import get_install_settings
from smarterproctoring_client.api.reports import get_service_distribution
from smarterproctoring_client.models import CourseOffering, ExamSession
from tests.golden.generated.nasty_client.api.wire import upload_files
from tests.support.fakes import (
    EXAM,
    INSTALL,
    MODES,
    OFFERING,
    SECRET,
    SESSION,
    TOKEN,
    TOKEN_REPLY,
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

OTHER = "AI" + "f" * 32
GOOD = Reply(200, {"sid": SESSION})
CLIENTS: list[type[Any]] = [SmarterProctoring, AsyncSmarterProctoring, ISpringLearn, AsyncISpringLearn]
CREDENTIALS = {
    SmarterProctoring: {"token": TOKEN, "install_sid": INSTALL},
    AsyncSmarterProctoring: {"token": TOKEN, "install_sid": INSTALL},
    ISpringLearn: {"client_id": "id", "client_secret": SECRET},
    AsyncISpringLearn: {"client_id": "id", "client_secret": SECRET},
}


def learn(client: Any) -> Any:
    return client.job_training.list_session_results()


# The environment


def test_the_environment_stands_in_for_what_was_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTERPROCTORING_TOKEN", "from-environment")
    monkeypatch.setenv("SMARTERPROCTORING_INSTALL_SID", OTHER)
    monkeypatch.setenv("SMARTERPROCTORING_BASE_URL", "https://gateway.example.com/proctoring/")
    server = Script(GOOD)
    schedule(SmarterProctoring(transport=server))
    schedule(SmarterProctoring("explicit", INSTALL, base_url="https://explicit.example.com", transport=server))
    first, second = server.sent
    assert first.url.startswith(f"https://gateway.example.com/proctoring/v1/installs/{OTHER}/")
    assert first.header("token") == "from-environment"
    assert second.url.startswith(f"https://explicit.example.com/v1/installs/{INSTALL}/")
    assert second.header("token") == "explicit"


def test_the_environment_of_ispring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISPRING_ACCESS_TOKEN", "from-environment")
    monkeypatch.setenv("ISPRING_ACCOUNT_URL", "https://own.ispringlearn.com")
    monkeypatch.setenv("ISPRING_BASE_URL", "https://api-learn.ispring.com")
    server = Script(Reply(200, []))
    learn(ISpringLearn(transport=server))
    assert server.sent[0].header("authorization") == "Bearer from-environment"
    assert server.sent[0].header("x-auth-account-url") == "https://own.ispringlearn.com"
    assert server.sent[0].url.startswith("https://api-learn.ispring.com/job-training/")
    learn(ISpringLearn("explicit", account_url="https://a.example", base_url="https://b.example", transport=server))
    assert server.sent[1].header("authorization") == "Bearer explicit"
    assert server.sent[1].header("x-auth-account-url") == "https://a.example"
    assert server.sent[1].url.startswith("https://b.example/")


def test_explicit_client_credentials_win_over_a_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISPRING_ACCESS_TOKEN", "from-environment")
    monkeypatch.setenv("ISPRING_CLIENT_ID", "wrong")
    monkeypatch.setenv("ISPRING_CLIENT_SECRET", "right")
    server = Script(TOKEN_REPLY, Reply(200, []))
    learn(ISpringLearn(client_id="id", transport=server))
    assert b"client_id=id&client_secret=right" in server.sent[0].content
    assert server.sent[1].header("authorization") == "Bearer issued-1"


def test_a_variable_that_is_empty_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "INSTALL_SID", "BASE_URL"):
        monkeypatch.setenv(f"SMARTERPROCTORING_{name}", "")
    with pytest.raises(ConfigurationError, match="SMARTERPROCTORING_TOKEN"):
        SmarterProctoring()
    with pytest.raises(ConfigurationError, match="no install_sid: pass `install_sid=`"):
        schedule(SmarterProctoring("t", transport=Script(GOOD)))


def test_missing_credentials_are_named() -> None:
    for kind in (SmarterProctoring, AsyncSmarterProctoring):
        with pytest.raises(ConfigurationError, match="SMARTERPROCTORING_TOKEN"):
            kind()
    learners: list[Any] = [ISpringLearn, AsyncISpringLearn]
    for learner in learners:
        for given in ({}, {"client_id": "id"}, {"client_secret": SECRET}):
            with pytest.raises(ConfigurationError, match="ISPRING_CLIENT_SECRET") as caught:
                learner(**given)
            assert SECRET not in str(caught.value)


# URLs


@pytest.mark.parametrize(
    ("environment", "host"),
    [("production", "https://api.smarterproctoring.com/"), ("development", "https://api.dev.smarterproctoring.com/")],
)
def test_environments(environment: Any, host: str) -> None:
    server = Script(GOOD)
    schedule(proctoring(server, environment=environment))
    assert server.sent[0].url.startswith(host)


def test_another_environment() -> None:
    with pytest.raises(ConfigurationError, match="'production' or 'development'"):
        proctoring(Script(GOOD), environment="staging")


@pytest.mark.parametrize("kind", [SmarterProctoring, AsyncSmarterProctoring])
def test_an_environment_that_was_passed_wins_over_the_variable(
    kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTERPROCTORING_BASE_URL", "https://leftover.example.com")
    assert kind("t", environment="production").base_url == "https://api.smarterproctoring.com"
    assert kind("t", environment="development").base_url == "https://api.dev.smarterproctoring.com"
    assert kind("t").base_url == "https://leftover.example.com"
    server = Script(GOOD)
    schedule(proctoring(server, environment="production"))
    assert server.sent[0].url.startswith("https://api.smarterproctoring.com/")


@pytest.mark.parametrize("kind", [SmarterProctoring, AsyncSmarterProctoring])
@pytest.mark.parametrize("url", ["https://gateway.example.com", "https://api.smarterproctoring.com", ""])
def test_an_environment_and_a_base_url_contradict_each_other(kind: type[Any], url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^environment: contradicts `base_url`"):
        kind("t", environment="production", base_url=url)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    "url",
    [
        "http://api.smarterproctoring.com",
        "HTTP://api.smarterproctoring.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[fe80::1]",
        "http://2130706433",
        "http://127.1.example",
        "ftp://api.smarterproctoring.com",
        "file:///etc/hosts",
        "javascript:alert(1)",
        "api.smarterproctoring.com",
        "//api.smarterproctoring.com",
        "https://",
        "https:///v1",
        "https://user:canary-password@api.smarterproctoring.com",
        "https://canary-user@api.smarterproctoring.com",
        "https://@api.smarterproctoring.com",
        "https://api.smarterproctoring.com?token=canary",
        "https://api.smarterproctoring.com#canary",
        "https://api.smarterproctoring.com:0",
        "https://api.smarterproctoring.com:99999",
        "https://api.smarterproctoring.com:port",
        "https://[::1",
        "https://[1:2]",
        "https://good.example\\@evil.example",
        " ",
        5,
        b"https://api.smarterproctoring.com",
    ],
)
def test_credentials_go_over_https_to_a_plain_url(kind: type[Any], url: Any) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        kind(**CREDENTIALS[kind], base_url=url, transport=Script(GOOD))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.smarterproctoring.com\n",
        "https://api.smarter\nproctoring.com",
        "\thttps://api.smarterproctoring.com",
        "https://api.smarterproctoring.com/a b",
        "https://api.smarter proctoring.com",
        "https://api.smarterproctoring.com/../x",
        "https://api.smarterproctoring.com/\r\nX-Evil: 1",
        "https://api.smarterproctoring.com/?",
        "https://api.smarterproctoring.com/#",
    ],
)
def test_a_url_that_only_looks_plain(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        proctoring(Script(GOOD), base_url=url)


@pytest.mark.parametrize(
    ("url", "start"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/"),
        ("http://127.3.2.1:8000/", "http://127.3.2.1:8000/v1/"),
        ("http://localhost:8000/prefix//", "http://localhost:8000/prefix/v1/"),
        ("http://LOCALHOST", "http://localhost/v1/"),
        ("http://localhost.", "http://localhost./v1/"),
        ("http://[::1]:8000", "http://[::1]:8000/v1/"),
        ("https://gateway.example.com/a/b", "https://gateway.example.com/a/b/v1/"),
        ("HTTPS://Gateway.example.com", "https://gateway.example.com/v1/"),
    ],
)
def test_plain_http_is_for_this_machine(url: str, start: str) -> None:
    server = Script(GOOD)
    schedule(proctoring(server, base_url=url))
    assert server.sent[0].url.startswith(start)


def test_plain_http_elsewhere_is_asked_for_by_name() -> None:
    server = Script(GOOD)
    schedule(proctoring(server, base_url="http://proctoring.internal", allow_insecure_http=True))
    assert server.sent[0].url.startswith("http://proctoring.internal/v1/")
    with pytest.raises(ConfigurationError):
        proctoring(server, base_url="ftp://proctoring.internal", allow_insecure_http=True)


def test_what_cannot_be_verified_with() -> None:
    with pytest.raises(ConfigurationError, match="verify"):
        SmarterProctoring(TOKEN, verify="no-such-file.pem")
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        SmarterProctoring(TOKEN, proxy="canary://user:canary@proxy")
    assert "canary" not in str(caught.value)
    SmarterProctoring(TOKEN, verify=ssl.create_default_context()).close()


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"proxy": "http://user:canary@127.0.0.1:9"}, r"proxy=\."),
        ({"verify": False}, r"verify=\."),
        ({"proxy": "http://127.0.0.1:9", "verify": "no-such-file.pem"}, r"proxy= and verify=\."),
    ],
)
def test_a_transport_cannot_be_combined_with_what_it_ignores(kind: Any, options: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^transport: it would ignore {named} ") as caught:
        kind("token", transport=Script(GOOD), **options)
    assert "canary" not in str(caught.value)
    # What each option has by default may be passed.
    assert kind("token", transport=Script(GOOD), proxy=None, verify=True).connections == (0, 0, 100)


# Options and views


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": True},
        {"timeout": "30"},
        {"deadline": 0},
        {"deadline": -1},
        {"deadline": "5"},
        {"max_retries": -1},
        {"max_retries": 1.0},
        {"max_retries": True},
        {"max_retries": None},
    ],
    ids=str,
)
def test_limits_that_are_none(wrong: dict[str, Any]) -> None:
    name = next(iter(wrong))
    with pytest.raises(ConfigurationError, match=name):
        proctoring(Script(GOOD)).with_options(**wrong)
    if name != "deadline":
        with pytest.raises(ConfigurationError, match=name):
            proctoring(Script(GOOD), **wrong)


def test_a_view_changes_what_is_named_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    timeouts: list[Any] = []

    class Watch(Script):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            timeouts.append(request.extensions["timeout"])
            return super().handle_request(request)

    server = Watch(Reply(503))
    client = proctoring(server, timeout=7, max_retries=1)
    expected = 0
    for view, attempts, timeout in (
        (client, 2, 7),
        (client.with_options(max_retries=0), 1, 7),
        (client.with_options(timeout=2), 2, 2),
        (client.with_options(timeout=None).with_options(max_retries=3), 4, None),
        (client.with_options(timeout=3).for_install(OTHER), 2, 3),
        (client.for_install(OTHER).with_options(timeout=4, max_retries=0), 1, 4),
        (client.with_options(), 2, 7),
        (client, 2, 7),
    ):
        with pytest.raises(InternalServerError):
            update(view)
        expected += attempts
        assert len(server.sent) == expected
        assert timeouts[-1] == dict.fromkeys(("connect", "read", "write", "pool"), timeout)
        assert type(view) is SmarterProctoring
    assert f"/installs/{OTHER}/" in server.sent[-6].url


def test_closing_a_view_closes_nothing() -> None:
    server = Script(GOOD)
    client = proctoring(server)
    with client.for_install(OTHER) as view:
        schedule(view)
    with client.with_options(timeout=1) as view, view.for_install(INSTALL):
        schedule(view)
    view.close()
    schedule(client)
    schedule(view)
    assert server.closed == 0
    client.close()
    client.close()
    assert server.closed == 1
    for closed in (client, view, client.for_install(OTHER), client.with_options(timeout=1)):
        with pytest.raises(ConfigurationError, match="closed"):
            schedule(closed)
    with pytest.raises(ConfigurationError, match="closed"):
        report(client).collect()
    assert len(server.sent) == 4


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_same_in_async(backend: str) -> None:
    server = Script(GOOD)

    async def main() -> None:
        async with AsyncSmarterProctoring(TOKEN, INSTALL, transport=server) as client:
            async with client.for_install(OTHER) as view:
                await schedule(view)
            await view.close()
            await schedule(client)
            assert server.closed == 0
        assert server.closed == 1
        for closed in (client, view):
            with pytest.raises(ConfigurationError, match="closed"):
                await schedule(closed)
        await client.close()

    anyio.run(main, backend=backend)
    assert server.closed == 1


def test_a_client_closes_when_its_block_fails() -> None:
    server = Script(Reply(404))
    with pytest.raises(NotFoundError), proctoring(server) as client:
        schedule(client)
    assert server.closed == 1


def test_the_repr_says_where_it_goes() -> None:
    assert repr(proctoring(Script(GOOD))) == (
        f"<SmarterProctoring https://api.smarterproctoring.com, install_sid={INSTALL!r}>"
    )
    assert "AsyncISpringLearn" in repr(AsyncISpringLearn("canary", transport=Script(GOOD)))
    assert "canary" not in repr(AsyncISpringLearn("canary", transport=Script(GOOD)))


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, None])
def test_a_limit_of_responses_that_is_not_one(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_response_bytes: expected an integer of at least 1"):
        SmarterProctoring(TOKEN, max_response_bytes=limit)


@pytest.mark.parametrize("kind", CLIENTS)
def test_the_documented_options(kind: type[Any]) -> None:
    parameters = inspect.signature(kind).parameters
    positional = [name for name, item in parameters.items() if item.kind is item.POSITIONAL_OR_KEYWORD]
    options = {name: item.default for name, item in parameters.items() if item.kind is item.KEYWORD_ONLY}
    shared = {
        "base_url": None,
        "timeout": 30.0,
        "max_retries": 2,
        "deadline": None,
        "headers": None,
        "max_concurrency": 100,
        "min_interval": 0.0,
        "on_attempt": None,
        "check_sids": True,
        "max_response_bytes": 64 * 1024 * 1024,
        "allow_insecure_http": False,
        "proxy": None,
        "verify": True,
        "transport": None,
        "http_backend": "httpx",
    }
    if "Smarter" in kind.__name__:
        assert positional == ["token", "install_sid"]
        assert options == {"environment": None, **shared}
    else:
        assert positional == ["access_token"]
        assert options == {"client_id": None, "client_secret": None, "account_url": None, "region": None, **shared}


# Raw responses


@pytest.mark.parametrize("mode", MODES)
def test_a_raw_response_has_everything_that_came(mode: Mode) -> None:
    reply = Reply(201, {"sid": OFFERING, "new": 5}, {"X-Custom": "a", "x-request-id": "req-1"})

    def use(client: Any) -> Any:
        return client.course_offerings.with_raw_response.update(offering_sid=OFFERING, title="a", match_strings="b")

    raw: RawResponse[CourseOffering] = perform(mode, Script(reply), use)
    assert isinstance(raw, RawResponse)
    assert raw.status_code == 201
    assert raw.headers["x-custom"] == "a"
    assert raw.content == reply.response().content
    assert raw.request_id == "req-1"
    assert [attempt.status_code for attempt in raw.attempts] == [201]
    assert raw.parsed.sid == OFFERING
    assert raw.parsed["new"] == 5
    assert raw.parsed is raw.parsed
    assert repr(raw) == f"<RawResponse 201, {len(raw.content)} bytes>"


@pytest.mark.parametrize("mode", MODES)
def test_a_raw_response_is_decoded_on_first_access(mode: Mode) -> None:
    def use(client: Any) -> Any:
        return client.course_offerings.with_raw_response.update(offering_sid=OFFERING, title="a", match_strings="b")

    raw = perform(mode, Script(Reply(200, b"<html>")), use)
    for _ in range(2):
        with pytest.raises(ResponseDecodeError):
            _ = raw.parsed
    assert raw.content == b"<html>"


@pytest.mark.parametrize("mode", MODES)
def test_a_raw_page(mode: Mode) -> None:
    server = Script(page([{"sid": "a"}, {"sid": "b"}], total=9))
    raw = perform(mode, server, lambda client: client.reports.with_raw_response.service_distribution(offset=3, limit=2))
    assert [row.sid for row in raw.parsed] == ["a", "b"]
    assert (raw.parsed.offset, raw.parsed.total) == (3, 9)
    assert len(server.sent) == 1


# Responses


def test_odd_responses_decode_and_go_out_as_they_came() -> None:
    odd = {"sid": 5, "duration": "90", "exam": {"sid": EXAM}, "course": "text", "status": "Brand new", "unknown": [1]}
    answer: object = schedule(proctoring(Script(Reply(200, odd))))
    assert isinstance(answer, ExamSession)
    session = cast(Any, answer)
    assert (session.sid, session.duration, session.exam, session.course) == (5, "90", {"sid": EXAM}, "text")
    assert session.to_dict() == odd


# What is not captured


@pytest.mark.parametrize("mode", MODES)
def test_any_request(mode: Mode) -> None:
    server = Script(Reply(202, {"a": [1]}, {"x-request-id": "r"}))
    raw = perform(
        mode,
        server,
        lambda client: client.request(
            "post", "/v1/things/a%20b;c", params={"q": ["a b", 5], "flag": True, "n": 0.5}, json={"ü": None}
        ),
    )
    sent = server.sent[0]
    assert (sent.method, sent.url) == (
        "POST",
        "https://api.smarterproctoring.com/v1/things/a%20b;c?q=a%20b&q=5&flag=true&n=0.5",
    )
    assert sent.content == '{"ü":null}'.encode()
    assert sent.header("content-type") == "application/json"
    assert sent.header("token") == TOKEN
    assert (raw.status_code, raw.parsed, raw.request_id) == (202, {"a": [1]}, "r")


@pytest.mark.parametrize(
    ("body", "parsed"), [(b"", None), (b" ", None), (b"null", None), (b"text", "text"), (b"5", 5), (b"\xff", "\ufffd")]
)
def test_the_response_of_any_request(body: bytes, parsed: Any) -> None:
    assert proctoring(Script(Reply(200, body))).request("GET", "/v1/x").parsed == parsed


def test_a_request_without_body_has_none() -> None:
    server = Script(GOOD)
    proctoring(server).request("DELETE", "/v1/x")
    assert server.sent[0].content == b""
    assert server.sent[0].header("content-type") is None


HOSTILE = [
    "https://evil.example/v1/x",
    "http://evil.example",
    "//evil.example/v1/x",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/v1/https://evil.example",
    "@evil.example",
    ":443@evil.example",
    ".evil.example/x",
    "evil.example",
    "v1/x",
    "",
    "/",
    "?a=b",
    "#a",
    "/v1/x?token=1",
    "/v1/x#a",
    "/v1/../admin",
    "/..",
    "/v1/.",
    "/v1/./x",
    "/v1/%2e%2e/admin",
    "/v1/%2E%2e/admin",
    "/v1/.%2e/admin",
    "/v1/a%2fb",
    "/v1/a%5cb",
    "/v1/a%00",
    "/v1/a%0d%0aX-Evil:1",
    "/v1/a\r\nX-Evil: 1",
    "/v1/a\n",
    "/v1/a b",
    "/v1/\t",
    "/v1/\0",
    "/v1//x",
    "/v1/\u00e9",
    "/v1/\u2025/x",
    "/v1/{x}",
    "/v1/<x>",
    "javascript:alert(1)",
    5,
    None,
    b"/v1/x",
]


@pytest.mark.parametrize("path", HOSTILE, ids=repr)
def test_a_path_never_leads_elsewhere(path: Any) -> None:
    server = Script(page([]))
    client = proctoring(server)
    for call in (
        lambda: client.request("GET", path),
        lambda: client.paginate(path),
        lambda: perform("async", server, lambda item: item.request("GET", path)),
        lambda: perform("async", server, lambda item: item.paginate(path).collect()),
    ):
        with pytest.raises(InvalidArgumentError, match="path"):
            call()
    assert server.sent == []


@pytest.mark.parametrize("path", ["/v1/..;/admin", "/v1/%252e%252e/admin", "/v1/100%", "/v1/%zz"])
def test_a_path_of_doubtful_encoding_stays_what_it_is(path: str) -> None:
    server = Script(GOOD)
    proctoring(server).request("GET", path)
    assert server.sent[0].url == f"https://api.smarterproctoring.com{path}"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "GET /x HTTP/1.1\r\n", "", None, 5, "G\u0415T"])
def test_a_method_is_one_of_the_usual(method: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="method"):
        proctoring(Script(GOOD)).request(method, "/v1/x")


@pytest.mark.parametrize(
    "value",
    [None, [], [None], {"a": 1}, {1}, b"x", pytest.param(object(), id="object()"), [["x"]]],
    ids=repr,
)
def test_a_query_takes_strings_numbers_and_lists_of_them(value: Any) -> None:
    server = Script(GOOD)
    with pytest.raises(InvalidArgumentError, match="params"):
        proctoring(server).request("GET", "/v1/x", params={"a": value})
    assert server.sent == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, float("-inf")], "\ud800"])
def test_a_query_takes_no_number_that_is_none(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="params"):
        proctoring(Script(GOOD)).request("GET", "/v1/x", params={"a": value})


def test_a_query_takes_a_users_own_enums_by_their_value() -> None:
    class Color(str, Enum):  # noqa: UP042 (the older kind, whose str() is not its value)
        RED = "red"

    class Number(IntEnum):
        ONE = 1

    server = Script(GOOD)
    proctoring(server).request("GET", "/v1/x", params={"color": Color.RED, "number": Number.ONE})
    assert server.sent[0].url.endswith("?color=red&number=1")


# Downstream operations


def own_operation() -> Operation[list[Any]]:
    return Operation(
        id="listRooms",
        method="GET",
        path="/v1/installs/{installSid}/rooms/{room}",
        idempotent=True,
        returns="array",
        read=lambda value: value,
        documentation="https://docs.example.com",
        fields=(
            Field("install_sid", "installSid", "path", "string", required=True, client_default="install_sid"),
            Field("room", "room", "path", "string", required=True),
            Field("size", "size", "query", "integer", minimum=1),
        ),
    )


def execute(arguments: dict[str, Any], client: Any) -> Any:
    return client.execute(Call(own_operation(), arguments))


@pytest.mark.parametrize("mode", MODES)
def test_a_call_created_by_hand_is_sent_under_all_policies(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    server = Script(Reply(503), Reply(200, [1, 2]))
    call = Call(own_operation(), {"room": "a-1", "size": 3})
    assert perform(mode, server, lambda client: client.execute(call)) == [1, 2]
    assert server.sent[1].url.endswith(f"/v1/installs/{INSTALL}/rooms/a-1?size=3")
    for wrong in ({"room": ".."}, {"room": "a", "size": 0}, {"room": "a", "size": None}):
        with pytest.raises(InvalidArgumentError):
            perform(mode, server, partial(execute, wrong))
    with pytest.raises(ResponseDecodeError):
        perform(mode, Script(Reply(200, {})), lambda client: client.execute(call))
    assert len(server.sent) == 2


@pytest.mark.parametrize("mode", MODES)
def test_generated_calls_are_sent(mode: Mode) -> None:
    call = schedule_exam_session.describe(exam_sid=EXAM, session_sid=SESSION)
    assert perform(mode, Script(GOOD), lambda client: client.execute(call)).sid == SESSION
    paged = get_service_distribution.describe(limit=5)
    server = Script(page([{"sid": "a"}], total=1))
    rows = perform(mode, server, lambda client: client.pages(paged).collect())
    assert [row.sid for row in rows] == ["a"]
    kind = Pager if mode == "sync" else AsyncPager
    assert type(perform(mode, server, lambda client: [client.pages(paged)])[0]) is kind


def test_documentation_and_signature_reach_the_method() -> None:
    method = proctoring(Script(GOOD)).exam_sessions.schedule
    assert method.__doc__ == schedule_exam_session.describe.__doc__
    described = inspect.signature(schedule_exam_session.describe)
    assert list(inspect.signature(method).parameters.values()) == list(described.parameters.values())
    assert getattr(method, "__name__", "") == "schedule"
    assert getattr(method, "__qualname__", "") == "ExamSessions.schedule"


def test_resources_are_made_once_and_belong_to_their_client() -> None:
    client = proctoring(Script(GOOD))
    assert client.exam_sessions is client.exam_sessions
    assert client.exam_sessions.schedule is client.exam_sessions.schedule
    assert client.for_install(OTHER).exam_sessions is not client.exam_sessions
    assert ispring(Script(GOOD)).job_training is not None


def test_a_wrong_keyword_is_reported_under_the_name_that_was_called() -> None:
    with SmarterProctoring("token", install_sid=INSTALL) as client:
        call: Any = client.exam_sessions.get
        with pytest.raises(TypeError, match=r"^ExamSessions\.get\(\) got an unexpected keyword argument 'exam'$"):
            call(exam="x")


def test_a_function_that_is_bound_twice_keeps_its_own_name() -> None:
    mode = TypeVar("mode")

    class Rooms(Resource[mode]):
        settings = operation(lambda: get_install_settings.describe)
        again = operation(lambda: get_install_settings.describe)

    assert get_install_settings.describe.__name__ == "describe"
    assert Rooms.settings.describe.__qualname__.endswith("Rooms.settings")
    assert Rooms.again.describe.__qualname__.endswith("Rooms.again")
    assert inspect.signature(Rooms.again.describe) == inspect.signature(get_install_settings.describe)


def test_an_access_token_beside_client_credentials_is_a_contradiction() -> None:
    passed: tuple[tuple[str | None, str | None], ...] = (("id", None), (None, "secret"), ("id", "secret"))
    for client_id, client_secret in passed:
        with pytest.raises(ConfigurationError, match="access_token: contradicts `client_id` and `client_secret`"):
            ISpringLearn("token", client_id=client_id, client_secret=client_secret)


def test_an_empty_base_url_is_not_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTERPROCTORING_BASE_URL", "http://localhost:1")
    monkeypatch.setenv("ISPRING_BASE_URL", "http://localhost:1")
    for create in (lambda: SmarterProctoring("t", base_url=""), lambda: ISpringLearn("t", base_url="")):
        with pytest.raises(ConfigurationError, match="base_url: expected a URL"):
            create()


@pytest.mark.parametrize("verify", [None, 0, "", 1.5])
def test_a_wrong_verify_is_refused(verify: Any) -> None:
    with pytest.raises(ConfigurationError, match="verify: expected True, False, a file of CA certificates"):
        SmarterProctoring("t", verify=verify)


def test_an_explicit_secret_wins_over_a_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISPRING_CLIENT_ID", "id")
    monkeypatch.setenv("ISPRING_ACCESS_TOKEN", "of-the-environment")
    script = Script(Reply(200, {"access_token": "fetched", "expires_in": 1800, "token_type": "bearer"}), Reply(200, []))
    ISpringLearn(client_secret="secret", transport=script).job_training.list_session_results()
    assert script.sent[-1].header("authorization") == "Bearer fetched"


def test_a_decorated_constructor_of_a_subclass_stays_decorated() -> None:
    seen: list[str] = []

    def noted(function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            seen.append("called")
            return function(*args, **kwargs)

        return call

    class Own(SmarterProctoring):
        @noted
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    assert Own("t").base_url
    assert seen == ["called"]


# iSpring Learn


@pytest.mark.parametrize(
    "region", ["ispringlearn.com", "ispring.com", "ispringlearn.eu", "ispring.eu", "ispringlearn.ru"]
)
def test_a_region_selects_the_host(region: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISPRING_BASE_URL", "https://other.example")
    assert ISpringLearn("token", region=region).base_url == f"https://api-learn.{region}"


def test_a_wrong_region_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"region: expected one of 'ispringlearn\.com', "):
        ISpringLearn("token", region="eu")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="region: contradicts `base_url`"):
        ISpringLearn("token", region="ispring.com", base_url="https://other.example")


@pytest.mark.parametrize("mode", MODES)
def test_a_refused_filter_is_named(mode: Mode) -> None:
    one = ["3fa85f64-5717-4562-b3fc-2c963f66afa6"]
    refusal = Reply(400, {"code": 400, "message": "Unknown"})

    def message(use: Callable[[Any], Any], *replies: Reply, **options: Any) -> str:
        with pytest.raises(BadRequestError) as caught:
            perform(mode, Script(*replies), use, api="ispring", **(options or {"access_token": TOKEN}))
        return caught.value.message

    hint = "; one unknown ID in `departments` can fail the whole request"
    plain = "400 Bad Request: Unknown"
    assert message(lambda client: client.users.list_all(departments=one), refusal) == plain + hint
    # Not of a request without a filter, of a filter by login, of an update, or of the request for a token.
    assert message(lambda client: client.users.list_all(), refusal) == plain
    assert message(lambda client: client.users.list_all(logins=["ada"]), refusal) == plain
    assert message(lambda client: client.groups.update_members(group_id=one[0], user_ids=one), refusal) == plain
    credentials = {"client_id": "id", "client_secret": SECRET}
    assert hint not in message(lambda client: client.users.list_all(departments=one), refusal, **credentials)


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_state_can_be_set_and_an_empty_filter_cannot(mode: Mode) -> None:
    group = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
    server = Script(Reply(200, b""))
    options = {"api": "ispring", "access_token": TOKEN}
    perform(mode, server, lambda client: client.groups.update_members(group_id=group, user_ids=[]), **options)
    perform(mode, server, lambda client: client.departments.update(department_id=group, code=""), **options)
    assert [sent.json() for sent in server.sent] == [{"userIds": []}, {"code": ""}]
    with pytest.raises(InvalidArgumentError, match=r"session_ids: .* got an empty list\. It would match everything"):
        perform(mode, server, lambda client: client.job_training.list_session_results(session_ids=[]), **options)
    assert len(server.sent) == 2


def test_the_docstring_of_an_operation_is_that_of_the_call() -> None:
    bound = ISpringLearn("token").users.list
    assert bound.__doc__ == ISpringLearn.users.list.__doc__
    assert str(bound.__doc__).startswith("List users.")
    assert str(type(ISpringLearn.users.list).__doc__).startswith("An operation of a resource")


@pytest.mark.parametrize("mode", MODES)
def test_a_file_is_read_once_however_often_its_call_is_sent(mode: Mode) -> None:
    server = Script(Reply(204, b""))
    call = upload_files.describe(file=io.BytesIO(b"DATA"))
    for _ in range(2):
        perform(mode, server, lambda client: client.execute(call))
    assert [b"DATA" in sent.content for sent in server.sent] == [True, True]
