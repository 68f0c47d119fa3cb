"""Credentials: fetched once for all who wait, renewed in time, never shown."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import threading
import time
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilate import (
    APIStatusError,
    APITimeoutError,
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ResponseDecodeError,
    SmarterProctoring,
)
from invigilate._credentials import TokenCredentials, check_token
from invigilate.ispring.credentials import ClientCredentials
from invigilate.smarterproctoring.credentials import ApiToken, expiry
from tests.support.fakes import (
    INSTALL,
    MODES,
    SECRET,
    TOKEN,
    TOKEN_REPLY,
    Lost,
    Mode,
    Reply,
    Script,
    Sent,
    ispring,
    perform,
    proctoring,
    schedule,
    update,
)


def jwt(**claims: Any) -> str:
    parts = ({"alg": "HS256"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*texts, "c2lnbmF0dXJl"])


def learn(client: Any) -> Any:
    return client.job_training.list_session_results()


class Account:
    """iSpring: issues numbered tokens, and takes those that it has not withdrawn."""

    def __init__(self, expires_in: Any = 1800, pause: float = 0.0) -> None:
        self.expires_in = expires_in
        self.pause = pause
        self.issued = 0
        self.good: set[str] = set()
        self.token_calls: list[Sent] = []
        self.used: list[str] = []
        self._guard = threading.Lock()

    def __call__(self, sent: Sent) -> Reply:
        if sent.url.endswith("/api/v3/token"):
            with self._guard:
                self.token_calls.append(sent)
                self.issued += 1
                token = f"issued-{self.issued}"
                self.good.add(token)
            time.sleep(self.pause)
            return Reply(200, {"access_token": token, "expires_in": self.expires_in, "token_type": "bearer"})
        header = sent.header("authorization") or ""
        self.used.append(header.removeprefix("Bearer "))
        if header.startswith("Bearer ") and self.used[-1] in self.good:
            return Reply(200, [])
        return Reply(401, {"message": "token refused"})


# SmarterProctoring


@pytest.mark.parametrize("mode", MODES)
def test_the_token_goes_out_in_its_header(mode: Mode) -> None:
    server = Script(Reply(200, {}))
    perform(mode, server, update)
    assert server.sent[0].header("token") == TOKEN
    assert server.sent[0].header("authorization") is None


@pytest.mark.parametrize("mode", MODES)
def test_a_callable_is_called_before_each_request_and_not_for_retries(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    given: list[str] = []

    def token() -> str:
        given.append(f"rotating-{len(given)}")
        return given[-1]

    server = Script(Reply(503), Reply(200, {}))
    perform(mode, server, update, token=token)
    assert given == ["rotating-0"]
    assert [sent.header("token") for sent in server.sent] == ["rotating-0", "rotating-0"]
    client = proctoring(Script(Reply(200, {})), token=token)
    update(client)
    update(client)
    assert len(given) == 3


def test_an_async_callable() -> None:
    async def token() -> str:
        await anyio.sleep(0)
        return "from-async"

    server = Script(Reply(200, {}))
    perform("async", server, update, token=token)
    assert server.sent[0].header("token") == "from-async"
    with pytest.raises(ConfigurationError, match="async"):
        update(proctoring(server, token=token))
    assert len(server.sent) == 1


@pytest.mark.parametrize("mode", MODES)
def test_what_the_callable_raises_comes_through(mode: Mode) -> None:
    def token() -> str:
        raise KeyError("vault")

    server = Script(Reply(200, {}))
    with pytest.raises(KeyError, match="vault"):
        perform(mode, server, schedule, token=token)
    assert server.sent == []


BAD_TOKENS = [
    "",
    " ",
    "canary token",
    "canary\n",
    "\ncanary",
    "canary\r\nX-Evil: 1",
    "canary\0",
    "cänary",
    "canary\u2028",
]


@pytest.mark.parametrize("bad", [*BAD_TOKENS, 5, b"canary", ["canary"]])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(bad: Any) -> None:
    for make in (
        lambda: SmarterProctoring(bad, INSTALL),
        lambda: AsyncSmarterProctoring(bad, INSTALL),
        lambda: ispring(Script(TOKEN_REPLY), access_token=bad),
        lambda: update(proctoring(Script(Reply(200, {})), token=lambda: bad)),
        lambda: perform("async", Script(Reply(200, {})), update, token=lambda: bad),
    ):
        with pytest.raises(ConfigurationError, match="token") as caught:
            make()
        assert "anary" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("token", ["Bearer canary-abc", "bearer canary-abc", "BEARER  canary-abc"])
def test_a_token_with_the_scheme_before_it_says_so(token: str) -> None:
    for make, name in (
        (lambda: SmarterProctoring(token, INSTALL), "token"),
        (lambda: AsyncSmarterProctoring(token, INSTALL), "token"),
        (lambda: ispring(Script(TOKEN_REPLY), access_token=token), "access_token"),
        (lambda: update(proctoring(Script(Reply(200, {})), token=lambda: token)), "token"),
    ):
        with pytest.raises(ConfigurationError, match=f"^{name}: starts with 'Bearer '") as caught:
            make()
        assert "canary" not in str(caught.value)


@given(st.text())
def test_a_token_is_printable_ascii_or_nothing(text: str) -> None:
    good = bool(text) and all("!" <= letter <= "~" for letter in text)
    if good:
        assert check_token(text, "token") == text
    else:
        with pytest.raises(ConfigurationError) as caught:
            check_token(text, "token")
        assert len(text) < 4 or text not in str(caught.value)


@pytest.mark.parametrize(
    ("token", "moment"),
    [
        (jwt(exp=1_700_000_000), 1_700_000_000.0),
        (jwt(exp=1_700_000_000.5), 1_700_000_000.5),
        (jwt(), None),
        (jwt(exp="1700000000"), None),
        (jwt(exp=True), None),
        (jwt(exp=None), None),
        (jwt(exp=-5), None),
        (jwt(exp=10**30), None),
        ("opaque", None),
        ("a.b.c", None),
        ("..", None),
        ("a..c", None),
        ("x." + base64.urlsafe_b64encode(b"[1]").decode() + ".y", None),
        ("x." + base64.urlsafe_b64encode(b"[" * 50_000).decode() + ".y", None),
        ("x." + base64.urlsafe_b64encode(b'{"exp": NaN}').decode() + ".y", None),
        ("x." + base64.urlsafe_b64encode(b'{"exp": 1e400}').decode() + ".y", None),
        ("x." + base64.urlsafe_b64encode(b"\xff\xfe").decode() + ".y", None),
        ("x.\u00e9.y", None),
    ],
)
def test_when_a_token_expires(token: str, moment: float | None) -> None:
    assert expiry(token) == moment


@given(st.text())
def test_no_string_breaks_the_reading_of_it(text: str) -> None:
    for token in (text, f"a.{text}.b"):
        found = expiry(token)
        assert found is None or found > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [401, 403])
def test_an_expired_token_is_sent_said_once_and_explains_the_refusal(
    mode: Mode, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    token = jwt(exp=1_700_000_000)
    server = Script(Reply(200, {}), Reply(200, {}), Reply(status, {"message": "no"}), Reply(404, {"message": "no"}))

    async def asynchronously(client: Any) -> tuple[Any, Any]:
        await update(client)
        await update(client)
        return await caught(client), await caught(client)

    async def caught(client: Any) -> Any:
        try:
            await update(client)
        except APIStatusError as error:
            return error

    def use(client: Any) -> Any:
        if mode == "async":
            return asynchronously(client)
        update(client)
        update(client)
        found = []
        for _ in range(2):
            with pytest.raises(APIStatusError) as info:
                update(client)
            found.append(info.value)
        return found

    refused, missing = perform(mode, server, use, token=token)
    assert len(server.sent) == 4
    assert type(refused) is (AuthenticationError if status == 401 else PermissionDeniedError)
    assert "the token expired at 2023-11-14T22:13:20Z by the local clock" in str(refused)
    assert "expired" not in str(missing)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "2023-11-14T22:13:20Z" in warnings[0].getMessage()
    assert token not in caplog.text + str(refused)


def test_a_token_that_is_still_good_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AuthenticationError) as caught:
        update(proctoring(Script(Reply(401)), token=jwt(exp=4_000_000_000)))
    assert "expired" not in str(caught.value)
    assert caplog.records == []


def test_a_token_that_expires_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    now = 1_699_999_990.0
    credentials = ApiToken(jwt(exp=1_700_000_000), clock=lambda: now)
    client = proctoring(Script(Reply(200, {}), Reply(200, {}), Reply(401)))
    client._credentials = credentials
    update(client)
    assert caplog.records == []
    now += 10
    update(client)
    assert len(caplog.records) == 1
    with pytest.raises(AuthenticationError, match="expired"):
        update(client)
    assert len(caplog.records) == 1


# iSpring


def test_nothing_is_fetched_until_it_is_needed() -> None:
    account = Account()
    server = Script(account)
    client = ispring(server)
    assert server.sent == []
    client.with_options(timeout=1)
    learn(client)
    learn(client)
    learn(client.with_options(max_retries=0))
    assert account.used == ["issued-1"] * 3
    assert len(account.token_calls) == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_token_call_itself(mode: Mode) -> None:
    server = Script(Account())
    perform(
        mode, server, learn, api="ispring", client_id="i d&", client_secret="s=1/+é ", account_url="https://a.example"
    )
    call = server.sent[0]
    assert (call.method, call.url) == ("POST", "https://api-learn.ispringlearn.com/api/v3/token")
    assert call.content == b"client_id=i%20d%26&client_secret=s%3D1%2F%2B%C3%A9%20&grant_type=client_credentials"
    assert call.header("content-type") == "application/x-www-form-urlencoded"
    assert call.header("authorization") is None
    assert server.sent[1].header("authorization") == "Bearer issued-1"


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [(1800, 1740), (300, 240), (120, 60), (100, 50), (10, 5), (1, 0.5), (1800.0, 1740)],
)
def test_a_token_is_renewed_shortly_before_its_end(expires_in: Any, lifetime: float) -> None:
    now = 1000.0
    account = Account(expires_in)
    client = ispring(Script(account))
    client._credentials = ClientCredentials("id", SECRET, clock=lambda: now)
    learn(client)
    now += lifetime - 0.01
    learn(client)
    assert account.used == ["issued-1", "issued-1"]
    now += 0.02
    learn(client)
    assert account.used[-1] == "issued-2"


@pytest.mark.parametrize("expires_in", [0, -5, None, "soon", True, [], float("nan")])
def test_a_token_of_no_known_lifetime_is_used_once(expires_in: Any) -> None:
    account = Account(expires_in)
    client = ispring(Script(account))
    learn(client)
    learn(client)
    assert account.used == ["issued-1", "issued-2"]


def test_a_lifetime_that_is_a_string_counts() -> None:
    account = Account("1800")
    client = ispring(Script(account))
    learn(client)
    learn(client)
    assert account.used == ["issued-1", "issued-1"]


@pytest.mark.parametrize("mode", MODES)
def test_a_refused_token_is_renewed_once(mode: Mode) -> None:
    account = Account()

    def serve(sent: Sent) -> Reply:
        if sent.header("authorization") == "Bearer issued-1":
            return Reply(401)
        return account(sent)

    server = Script(serve)
    assert perform(mode, server, learn, api="ispring", max_retries=0) == []
    assert [sent.header("authorization") for sent in server.sent] == [None, "Bearer issued-1", None, "Bearer issued-2"]


@pytest.mark.parametrize("mode", MODES)
def test_a_second_refusal_is_an_error(mode: Mode) -> None:
    account = Account()
    server = Script(lambda sent: account(sent) if "token" in sent.url else Reply(401, {"message": "still no"}))
    with pytest.raises(AuthenticationError, match="still no") as caught:
        perform(mode, server, learn, api="ispring", max_retries=5)
    assert account.issued == 2
    assert len(server.sent) == 4
    assert [attempt.status_code for attempt in caught.value.attempts] == [401, 401]


@pytest.mark.parametrize("mode", MODES)
def test_a_token_that_was_passed_is_not_renewed(mode: Mode) -> None:
    server = Script(Reply(401, {"message": "no"}))
    with pytest.raises(AuthenticationError):
        perform(mode, server, learn, api="ispring", access_token="given")
    assert [sent.header("authorization") for sent in server.sent] == ["Bearer given"]


def test_a_renewal_leaves_all_the_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    script = [TOKEN_REPLY, Reply(401), TOKEN_REPLY, Reply(503), Reply(503), Reply(200, [])]
    assert learn(ispring(Script(*script), max_retries=2)) == []


def test_a_request_that_is_not_idempotent_is_not_retried_with_a_new_token_but_the_next_has_one() -> None:
    account = Account()
    client = ispring(Script(account))
    learn(client)
    account.good.clear()
    with pytest.raises(AuthenticationError):
        client.request("POST", "/api/v3/things", json={})
    assert account.used == ["issued-1", "issued-1"]
    client.request("POST", "/api/v3/things", json={})
    assert account.used[-1] == "issued-2"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Reply(400, {"error": "invalid_client"}), BadRequestError),
        (Reply(401, {"message": "no"}), AuthenticationError),
        (Reply(503), InternalServerError),
        (Reply(200, {"expires_in": 5}), ResponseDecodeError),
        (Reply(200, {"access_token": None}), ResponseDecodeError),
        (Reply(200, {"access_token": "with space"}), ResponseDecodeError),
        (Reply(200, {"access_token": "a\r\nX-Evil: 1"}), ResponseDecodeError),
        (Reply(200, []), ResponseDecodeError),
        (Reply(200, b"<html>"), ResponseDecodeError),
    ],
)
def test_a_token_that_cannot_be_had(mode: Mode, step: Reply, kind: type[Exception]) -> None:
    server = Script(step)
    for call in (learn, lambda client: client.request("POST", "/api/v3/things")):
        with pytest.raises(kind) as caught:
            perform(mode, server, call, api="ispring", max_retries=0)
        assert not isinstance(caught.value, OutcomeUnknownError)
        assert " (POST /api/v3/token" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert "Evil" not in str(caught.value)
    assert {sent.url.split("/")[-1] for sent in server.sent} == {"token"}


def test_threads_fetch_one_token_between_them() -> None:
    account = Account(pause=0.05)
    client = ispring(Script(account))
    start = threading.Barrier(16)

    def work() -> None:
        start.wait()
        learn(client)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(account.token_calls) == 1
    assert account.used == ["issued-1"] * 16


class Slow(Script):
    """A server that takes its time, so that callers wait for each other."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep(0.01)
        return await super().handle_async_request(request)


async def together(number: int, work: Any) -> list[Any]:
    """What each of several tasks gives or raises."""
    results: list[Any] = [None] * number

    async def one(index: int) -> None:
        try:
            results[index] = await work(index)
        except Exception as error:
            results[index] = error

    async with anyio.create_task_group() as group:
        for index in range(number):
            group.start_soon(one, index)
    return results


def asynchronous(server: Any, **options: Any) -> AsyncISpringLearn:
    return AsyncISpringLearn(**{"client_id": "id", "client_secret": SECRET, "transport": server, **options})


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_fetch_one_token_between_them(backend: str) -> None:
    account = Account()

    async def main() -> list[Any]:
        async with asynchronous(Slow(account)) as client:
            return await together(50, lambda _: learn(client))

    assert anyio.run(main, backend=backend) == [[]] * 50
    assert len(account.token_calls) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_withdrawn_token_is_renewed_once_for_all(backend: str) -> None:
    account = Account()

    async def main() -> list[Any]:
        async with asynchronous(Slow(account)) as client:
            await learn(client)
            account.good.clear()
            return await together(50, lambda _: learn(client))

    assert anyio.run(main, backend=backend) == [[]] * 50
    assert len(account.token_calls) == 2


def test_those_who_waited_share_the_failure() -> None:
    server = Slow(Reply(400, {"error": "invalid_client"}))

    async def main() -> list[Any]:
        async with asynchronous(server) as client:
            first = await together(50, lambda _: learn(client))
            return [*first, *await together(1, lambda _: learn(client))]

    results = anyio.run(main)
    assert {type(result) for result in results} == {BadRequestError}
    assert len(server.sent) == 2


def test_threads_share_the_failure_too() -> None:
    def refuse(sent: Sent) -> Reply:
        time.sleep(0.05)
        return Reply(400, {"error": "invalid_client"})

    server = Script(refuse)
    client = ispring(server)
    start = threading.Barrier(16)
    failures: list[Exception] = []

    def work() -> None:
        start.wait()
        try:
            learn(client)
        except BadRequestError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 16
    assert len(server.sent) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_fetch_fails_nobody_else(backend: str) -> None:
    account = Account()

    class Stuck(Script):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if not self.sent:
                self._next(request, b"")
                await anyio.Event().wait()
            return await super().handle_async_request(request)

    async def main() -> list[Any]:
        async with asynchronous(Stuck(account)) as client, anyio.create_task_group() as group:
            scope = anyio.CancelScope()

            async def fetching() -> None:
                with scope:
                    await learn(client)

            group.start_soon(fetching)
            await anyio.sleep(0.01)
            group.start_soon(stop, scope)
            return await together(5, lambda _: learn(client))
        raise AssertionError

    async def stop(scope: anyio.CancelScope) -> None:
        await anyio.sleep(0.01)
        scope.cancel()

    assert anyio.run(main, backend=backend) == [[]] * 5
    assert len(account.token_calls) == 2


def test_an_interrupted_fetch_leaves_the_lock_free() -> None:
    server = Script(Lost(KeyboardInterrupt()), TOKEN_REPLY, Reply(200, []))
    client = ispring(server)
    with pytest.raises(KeyboardInterrupt):
        learn(client)
    assert learn(client) == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_waiting_for_anothers_fetch_ends_at_the_deadline(backend: str) -> None:
    class Stuck(Script):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anyio.sleep(5)
            raise AssertionError

    async def main() -> None:
        async with asynchronous(Stuck(TOKEN_REPLY)) as client, anyio.create_task_group() as group:
            group.start_soon(learn, client)
            await anyio.sleep(0.01)
            with pytest.raises(APITimeoutError, match="deadline"):
                await learn(client.with_options(deadline=0.02))
            group.cancel_scope.cancel()

    anyio.run(main, backend=backend)


def test_one_callers_deadline_is_not_anothers() -> None:
    account = Account()

    class Late(Script):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anyio.sleep(0.05)
            return await super().handle_async_request(request)

    async def main() -> list[Any]:
        async with asynchronous(Late(account)) as client:
            hasty = client.with_options(deadline=0.03, max_retries=0)
            return await together(3, lambda index: learn(client if index else hasty))

    hurried, *others = anyio.run(main)
    assert isinstance(hurried, APITimeoutError)
    assert others == [[], []]


def test_nothing_is_shown_of_credentials() -> None:
    account = Account()
    client = ispring(Script(account))
    learn(client)
    credentials: Any = client._credentials
    for thing in (client, credentials, TokenCredentials(TOKEN), ApiToken(TOKEN), *vars(credentials).values()):
        if not isinstance(thing, str):
            assert "issued-1" not in repr(thing)
            assert SECRET not in repr(thing)
            assert TOKEN not in repr(thing)


def test_an_abandoned_page_fails_no_other_request() -> None:
    """A reader leaves while its thread fetches the token; a thread that waits for it fetches for itself."""
    tokens = iter(range(100))
    asked, released = threading.Event(), threading.Event()

    def serve(sent: Sent) -> Reply:
        if "/token" not in sent.url:
            return Reply(200, {"results": [], "total": 0})
        if next(tokens) == 0:
            asked.set()
            return Reply(503, None, {"Retry-After": "0.3"})
        return Reply(200, {"access_token": "issued", "expires_in": 1800, "token_type": "bearer"})

    client = ispring(Script(serve))
    pages: Any = client.paginate("/rows").prefetch(2).pages()
    results: list[Any] = []

    def other() -> None:
        asked.wait()
        released.set()
        try:
            results.append(client.request("GET", "/rows").status_code)
        except Exception as error:
            results.append(error)

    reader = threading.Thread(target=read, args=(pages,), daemon=True)
    waiter = threading.Thread(target=other)
    reader.start()
    waiter.start()
    released.wait()
    time.sleep(0.1)  # the other thread waits for the lock now
    pages.close()
    waiter.join(10)
    assert results == [200]


def read(pages: Any) -> None:
    """Read one page, whatever becomes of it."""
    with contextlib.suppress(Exception):
        next(pages)
