"""Private certificate authorities and proxies, all on 127.0.0.1."""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from invigilate import (
    APIConnectionError,
    APIError,
    ConfigurationError,
    InternalServerError,
    ISpringLearn,
    OutcomeUnknownError,
    SmarterProctoring,
)
from tests.support.modes import EVERY_BACKEND, INSTALL, TOKEN, Mode, proctoring, run, settle
from tests.support.proxy import Proxy
from tests.support.recorder import Answer, RecordedRequest, Recorder
from tests.support.scripted import Scripted

every_mode = pytest.mark.parametrize("mode", EVERY_BACKEND)

NAME = "api.example.test"
SIDS = {"exam_sid": "EX" + "1a" * 16, "session_sid": "ES" + "2b" * 16}
PATH = f"/v1/installs/{INSTALL}/exams/{SIDS['exam_sid']}/sessions/{SIDS['session_sid']}"
PASSWORD = "pass-of-the-proxy"
CREDENTIALS = base64.b64encode(f"user:{PASSWORD}".encode()).decode()


def booked(request: RecordedRequest) -> Answer:
    return Answer.of_json({"sid": SIDS["session_sid"]})


async def unsafe(client: Any) -> Any:
    return await settle(client.exam_sessions.schedule(**SIDS, card_token="tok_never_shown"))


def succeeding(mode: Mode, url: str, **options: Any) -> Any:
    async def scenario() -> Any:
        async with proctoring(mode, url, **options) as client:
            return await unsafe(client)

    result = run(mode, scenario)
    assert result.sid == SIDS["session_sid"]
    return result


def failing(kind: type[APIError], mode: Mode, url: str, **options: Any) -> Any:
    async def scenario() -> None:
        async with proctoring(mode, url, **options) as client:
            await unsafe(client)

    with pytest.raises(kind) as caught:
        run(mode, scenario)
    for link in chain(caught.value):
        assert_nothing_sensitive(f"{link} {link!r}")
    return caught.value


def chain(error: BaseException | None) -> list[BaseException]:
    """An error with its causes."""
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def not_sent(mode: Mode, url: str, **options: Any) -> APIConnectionError:
    """A request of which nothing was written, and which was therefore retried although it is not idempotent."""
    error: APIConnectionError = failing(APIConnectionError, mode, url, max_retries=1, **options)
    assert error.sent is False
    assert len(error.attempts) == 2
    return error


def rejected(mode: Mode, url: str, **options: Any) -> APIConnectionError:
    """A call that ends with the certificate of the server, which no retry mends: it is tried once, and not sent."""
    error: APIConnectionError = failing(APIConnectionError, mode, url, max_retries=3, **options)
    assert error.sent is False
    assert len(error.attempts) == 1
    assert "the certificate is not accepted (" in str(error)
    assert "), nothing was sent; retrying would not help (POST /v1/" in str(error)
    assert any("certificate verify failed" in str(link).lower() for link in chain(error))
    return error


def assert_nothing_sensitive(text: str) -> None:
    for secret in (TOKEN, PASSWORD, CREDENTIALS, "tok_never_shown"):
        assert secret not in text


@pytest.fixture(autouse=True)
def nothing_sensitive_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.records:
        assert_nothing_sensitive(record.getMessage())


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invigilate._policy.FIRST_BACKOFF", 0.0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("ca") / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Recorder]:
    """An HTTPS server whose certificate a private authority has signed."""
    with Recorder(booked, server_context(authority, "127.0.0.1", NAME)) as recorder:
        yield recorder


@pytest.fixture
def plain_server() -> Iterator[Recorder]:
    with Recorder(booked) as recorder:
        yield recorder


def port(recorder: Recorder) -> int:
    return int(recorder.url.rpartition(":")[2])


# Certificates.


def by_file(authority: trustme.CA, file: str) -> object:
    return file


def by_context(authority: trustme.CA, file: str) -> object:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def by_nothing(authority: trustme.CA, file: str) -> object:
    return False


@every_mode
@pytest.mark.parametrize("trust", [by_file, by_context, by_nothing], ids=lambda each: each.__name__)
def test_a_private_authority(
    trust: Callable[[trustme.CA, str], object],
    mode: Mode,
    server: Recorder,
    authority: trustme.CA,
    authority_file: str,
) -> None:
    succeeding(mode, server.url, verify=trust(authority, authority_file))
    assert server.only().header("token") == TOKEN


@every_mode
def test_an_unknown_authority_is_refused_and_nothing_was_sent(mode: Mode, server: Recorder) -> None:
    assert "unable to get local issuer certificate" in str(rejected(mode, server.url))
    assert (server.requests, server.connections) == ([], 1)


@every_mode
def test_a_certificate_for_another_name_is_refused(mode: Mode, authority: trustme.CA, authority_file: str) -> None:
    with Recorder(booked, server_context(authority, NAME)) as server:
        assert "IP address mismatch" in str(rejected(mode, server.url, verify=authority_file))
        assert (server.requests, server.connections) == ([], 1)


@every_mode
def test_an_expired_certificate_is_not_retried(mode: Mode, authority: trustme.CA, authority_file: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC)).configure_cert(context)
    with Recorder(booked, context) as server:
        assert "certificate has expired" in str(rejected(mode, server.url, verify=authority_file))
        assert (server.requests, server.connections) == ([], 1)


@every_mode
def test_an_idempotent_call_is_not_retried_for_a_certificate(mode: Mode, server: Recorder) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            await settle(client.exam_sessions.get(**SIDS))

    with pytest.raises(APIConnectionError, match="the certificate is not accepted") as caught:
        run(mode, scenario)
    assert (caught.value.sent, len(caught.value.attempts), server.connections) == (False, 1, 1)


@every_mode
def test_a_plain_server_where_tls_is_spoken(mode: Mode, plain_server: Recorder) -> None:
    not_sent(mode, plain_server.url.replace("http:", "https:"))
    assert plain_server.requests == []


@every_mode
def test_a_handshake_that_is_cut_off(mode: Mode) -> None:
    with Scripted(lambda peer: peer.reset() if peer.idle_for(1) else peer.close()) as server:
        not_sent(mode, server.url.replace("http:", "https:"), timeout=2)


def test_a_file_without_certificates(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for file in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        with pytest.raises(ConfigurationError, match="verify"):
            SmarterProctoring(TOKEN, INSTALL, verify=str(file))


@every_mode
def test_the_authorities_of_the_environment(
    mode: Mode, server: Recorder, authority_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    with Proxy({NAME: port(server)}) as proxy:
        succeeding(mode, f"https://{NAME}", proxy=proxy.url)


# A proxy that was passed.


@every_mode
def test_a_proxy_for_plain_http(mode: Mode, plain_server: Recorder) -> None:
    with Proxy({NAME: port(plain_server)}) as proxy:
        succeeding(mode, f"http://{NAME}", proxy=proxy.url, allow_insecure_http=True)
        assert proxy.lines == [f"POST http://{NAME}{PATH} HTTP/1.1"]
    request = plain_server.only()
    assert (request.path, request.header("host"), request.header("token")) == (PATH, NAME, TOKEN)


@every_mode
def test_a_passed_proxy_serves_loopback_too(mode: Mode, plain_server: Recorder) -> None:
    with Proxy({"127.0.0.1": port(plain_server)}) as proxy:
        succeeding(mode, plain_server.url, proxy=proxy.url)
        assert len(proxy.heads) == 1


@every_mode
def test_a_proxy_for_https_sees_neither_token_nor_path(mode: Mode, server: Recorder, authority_file: str) -> None:
    with Proxy({NAME: port(server)}) as proxy:
        succeeding(mode, f"https://{NAME}", proxy=proxy.url, verify=authority_file)
        assert proxy.lines == [f"CONNECT {NAME}:443 HTTP/1.1"]
        seen = proxy.heads[0].encode() + proxy.tunnelled
        assert TOKEN.encode() not in seen
        assert SIDS["session_sid"].encode() not in seen
    assert server.only().header("token") == TOKEN


@every_mode
def test_a_tunnel_is_used_again_by_idempotent_requests(mode: Mode, server: Recorder, authority_file: str) -> None:
    async def scenario() -> None:
        async with proctoring(mode, f"https://{NAME}", proxy=proxy.url, verify=authority_file) as client:
            for _ in range(5):
                await settle(client.course_offerings.update(offering_sid="CO" + "0" * 32, title="x", match_strings="x"))

    with Proxy({NAME: port(server)}) as proxy:
        run(mode, scenario)
        assert len(proxy.heads) == 1
    assert (len(server.requests), server.connections) == (5, 1)


@every_mode
@pytest.mark.parametrize("status", [403, 407, 502, 503])
def test_a_refused_tunnel_means_that_nothing_was_sent(status: int, mode: Mode, server: Recorder) -> None:
    with Proxy({}, refuse=status) as proxy:
        not_sent(mode, f"https://{NAME}", proxy=f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        assert proxy.lines == [f"CONNECT {NAME}:443 HTTP/1.1"] * 2
        assert TOKEN not in "".join(proxy.heads)


@every_mode
def test_a_proxy_that_is_not_there(mode: Mode) -> None:
    with Scripted(lambda peer: None) as once:
        gone = once.port
    for url in (f"https://{NAME}", f"http://{NAME}"):
        proxy = f"http://user:{PASSWORD}@127.0.0.1:{gone}"
        not_sent(mode, url, proxy=proxy, allow_insecure_http=True)


@every_mode
def test_a_proxy_that_hangs_up(mode: Mode) -> None:
    def script(peer: Any) -> None:
        peer.read()

    with Scripted(script) as proxy:
        # In a tunnel that was never made, nothing was sent; in plain http the proxy may have passed it on.
        not_sent(mode, f"https://{NAME}", proxy=proxy.url)
        failing(OutcomeUnknownError, mode, f"http://{NAME}", proxy=proxy.url, allow_insecure_http=True)
        assert len(proxy.requests) == 3


@every_mode
def test_a_certificate_behind_a_proxy_is_checked(mode: Mode, server: Recorder) -> None:
    with Proxy({NAME: port(server)}) as proxy:
        rejected(mode, f"https://{NAME}", proxy=proxy.url)
        assert TOKEN.encode() not in proxy.tunnelled
    assert server.requests == []


@every_mode
def test_an_error_of_a_proxy_for_plain_http_may_hide_what_happened(mode: Mode) -> None:
    with Proxy({}, refuse=502) as proxy:
        options = {"proxy": proxy.url, "allow_insecure_http": True}
        error = failing(OutcomeUnknownError, mode, f"http://{NAME}", **options)
        assert isinstance(error.__cause__, InternalServerError)
        assert len(proxy.heads) == 1


@every_mode
def test_credentials_for_a_proxy_go_to_the_proxy_alone(mode: Mode, server: Recorder, authority_file: str) -> None:
    with Proxy({NAME: port(server)}) as proxy:
        url = f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}"
        succeeding(mode, f"https://{NAME}", proxy=url, verify=authority_file)
        assert f"proxy-authorization: basic {CREDENTIALS}".lower() in proxy.heads[0].lower()
    assert server.only().header("proxy-authorization") is None


@pytest.mark.parametrize("proxy", ["nonsense", f"ftp://user:{PASSWORD}@host", f"http://user:{PASSWORD}@:x", ""])
def test_a_proxy_url_that_is_not_one(proxy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SmarterProctoring(TOKEN, INSTALL, proxy=proxy)
    assert_nothing_sensitive(f"{caught.value} {caught.value!r} {caught.value.__cause__}")


def test_a_proxy_is_not_shown() -> None:
    with SmarterProctoring(TOKEN, INSTALL, proxy=f"http://user:{PASSWORD}@127.0.0.1:9") as client:
        assert_nothing_sensitive(f"{client!r} {client.reports!r} {client.with_options(timeout=1)!r}")


# A proxy of the environment.


@every_mode
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_http_proxy(variable: str, mode: Mode, plain_server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy({NAME: port(plain_server)}) as proxy:
        monkeypatch.setenv(variable, f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        succeeding(mode, f"http://{NAME}", allow_insecure_http=True)
        assert proxy.lines == [f"POST http://{NAME}{PATH} HTTP/1.1"]


@every_mode
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_proxy(
    variable: str, mode: Mode, server: Recorder, authority_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy({NAME: port(server)}) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        succeeding(mode, f"https://{NAME}", verify=authority_file)
        assert proxy.lines == [f"CONNECT {NAME}:443 HTTP/1.1"]


@every_mode
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_of_the_environment_for_loopback(
    host: str, mode: Mode, plain_server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy({host: port(plain_server)}) as proxy:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        succeeding(mode, f"http://{host}:{port(plain_server)}")
        assert proxy.heads == []


@every_mode
def test_a_passed_proxy_wins(mode: Mode, plain_server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy({NAME: port(plain_server)}) as asked_for, Proxy({}) as other:
        monkeypatch.setenv("HTTP_PROXY", other.url)
        monkeypatch.setenv("NO_PROXY", "*")
        succeeding(mode, f"http://{NAME}", proxy=asked_for.url, allow_insecure_http=True)
        assert (len(asked_for.heads), other.heads) == (1, [])


def test_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy({}, refuse=502) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "example.invalid")
        monkeypatch.setattr("socket.getaddrinfo", _no_address)
        not_sent("sync", "https://api.example.invalid")
        assert proxy.heads == []


def _no_address(*args: Any, **kwargs: Any) -> Any:
    raise OSError("no name is looked up here")


@pytest.mark.parametrize(
    "proxy",
    [
        "http://127.0.0.1:not-a-port",
        "no-scheme-at-all:3128:1",
        f"ftp://user:{PASSWORD}@127.0.0.1:21",
        f"socks4://user:{PASSWORD}@127.0.0.1:1080",
    ],
)
def test_a_proxy_of_the_environment_that_cannot_be_used(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigurationError) as caught:
        ISpringLearn(TOKEN)
    assert_nothing_sensitive(f"{caught.value} {caught.value!r}")
