"""Responses that nobody documents: of gateways, in unusual dress, and pointing elsewhere.

Each scenario runs with the sync client, and with the async one under asyncio and trio.
"""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from invigilate import (
    APIStatusError,
    InternalServerError,
    OutcomeUnknownError,
    ResponseDecodeError,
)
from tests.support.endings import (
    BOOKING,
    PAGE,
    SESSION,
    SIDS,
    every_mode,
    failing,
    nothing_sensitive_in_the_log,  # noqa: F401 (a fixture works by being here)
    report,
    safe,
    succeeding,
    unknown,
    unsafe,
    without_backoff,  # noqa: F401
)
from tests.support.modes import INSTALL, TOKEN, Mode, proctoring, run, settle
from tests.support.scripted import Peer, Scripted, answer, answer_of, head, serve

# httpx leaves generators of its own to the garbage collector where a connection breaks, and trio warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http(x|core)[.]:ResourceWarning")

# Answers that are none of ours.

HTML = b"<html><body><h1>502 Bad Gateway</h1> " + TOKEN.encode() + b"</body></html>"


@every_mode
@pytest.mark.parametrize(("status", "attempts"), [(500, 3), (502, 3), (503, 3), (504, 3), (520, 1), (599, 1)])
def test_errors_of_gateways(status: int, attempts: int, mode: Mode) -> None:
    with Scripted(serve(answer_of(HTML, status, "Content-Type: text/html"))) as server:
        error = failing(InternalServerError, mode, safe, server.url)
        assert (error.status_code, len(error.attempts), error.body) == (status, attempts, HTML)
        assert "html" not in str(error)
        assert len(server.requests) == attempts
        lost = unknown(mode, server.url)
        assert (lost.status_code, lost.body) == (status, HTML)
        assert len(server.requests) == attempts + 1


@every_mode
def test_an_html_page_in_place_of_a_success(mode: Mode) -> None:
    with Scripted(serve(answer_of(HTML, 200, "Content-Type: text/html"))) as server:
        error = failing(ResponseDecodeError, mode, safe, server.url)
        assert (error.status_code, error.body) == (200, HTML)
        assert unknown(mode, server.url).status_code == 200
        assert len(server.requests) == 2


@every_mode
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, mode: Mode) -> None:
    with Scripted(serve(SESSION)) as elsewhere:
        moved = answer_of(b"", status, f"Location: {elsewhere.url}/v1/take-it")
        with Scripted(serve(moved)) as server:
            error = failing(APIStatusError, mode, safe, server.url)
            assert (error.status_code, len(error.attempts)) == (status, 1)
            assert "redirects are not followed" in str(error)
            assert unknown(mode, server.url).status_code == status
            with pytest.raises(APIStatusError):
                succeeding(mode, report, server.url)
            assert len(server.requests) == 3
        assert (elsewhere.connections, elsewhere.requests) == (0, [])


@every_mode
def test_the_urls_in_a_page_are_not_followed(mode: Mode) -> None:
    with Scripted(serve(PAGE)) as elsewhere:
        links = dict.fromkeys(("first", "next", "prev", "last"), f"{elsewhere.url}/v1/take-it?offset=2")
        # The last page says that there is no next one.
        ends: list[tuple[int, dict[str, None]]] = [(0, {}), (2, {"next": None})]
        rows = [[{"sid": str(n)}, {"sid": str(n + 1)}] for n, _ in ends]
        pages = [answer({"total": 4, "results": rows[n // 2], **links, **end}) for n, end in ends]
        with Scripted(serve(*pages)) as server:
            rows = succeeding(mode, report, server.url)
            assert [row.sid for row in rows] == ["0", "1", "2", "3"]
            targets = [request.split(b" ")[1].decode() for request in server.requests]
            path = f"/v1/installs/{INSTALL}/reports/serviceDistribution"
            assert targets == [path, f"{path}?offset=2"]
        assert (elsewhere.connections, elsewhere.requests) == (0, [])


@every_mode
def test_leaving_a_report_early_leaves_nothing_open(mode: Mode) -> None:
    # trio warns of generators that are left to the garbage collector, and here a warning is an error.
    page = answer({"total": 100, "results": [{"sid": "a"}, {"sid": "b"}]})

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            pager = client.reports.service_distribution()
            first = await settle(pager.first())
            assert first.sid == "a"
            if mode == "sync":
                for _ in pager:
                    break
                for _ in pager.pages():
                    break
            else:
                async for _ in pager:
                    break
                async for _ in pager.pages():
                    break

    with Scripted(serve(page)) as server:
        run(mode, scenario)
        assert (len(server.requests), server.connections) == (3, 1)


# Answers in unusual dress.


def chunked(body: bytes) -> bytes:
    chunks = [body[index : index + 7] for index in range(0, len(body), 7)]
    framed = b"".join(b"%x;extension=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return (
        head(200, "Content-Type: application/json", "Transfer-Encoding: chunked") + framed + b"0\r\nX-Late: 1\r\n\r\n"
    )


BODY = json.dumps({"title": "Größe", "matchStrings": ["F"] * 500}).encode()
DRESSED = {
    "gzip": answer_of(gzip.compress(BODY), 200, "Content-Encoding: gzip"),
    "deflate": answer_of(zlib.compress(BODY), 200, "Content-Encoding: deflate"),
    "chunked": chunked(BODY),
    "100": head(100) + answer_of(BODY),
    "103": head(103, "Link: </style.css>; rel=preload") + head(103, "Link: </more.css>") + answer_of(BODY),
    "201": answer_of(BODY, 201),
    "299": answer_of(BODY, 299),
    "lower-case head": b"HTTP/1.1 200\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY,
    "large header": answer_of(BODY, 200, "X-Large: " + "x" * 60_000),
    "wrong type": answer_of(BODY, 200, "Content-Type: text/plain; charset=latin-1"),
    "repeated header": answer_of(BODY, 200, "X-Request-Id: 1", "X-Request-Id: 1"),
}


@every_mode
@pytest.mark.parametrize("dress", DRESSED)
def test_unusual_responses(dress: str, mode: Mode) -> None:
    with Scripted(serve(DRESSED[dress])) as server:
        offering = succeeding(mode, safe, server.url, times=3)
        assert offering.title == "Größe"
        assert len(offering.match_strings) == 500
        assert (len(server.requests), server.connections) == (3, 1)


@every_mode
def test_a_response_that_ends_with_its_connection(mode: Mode) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.0 200 OK\r\n\r\n" + BODY)

    with Scripted(script) as server:
        assert succeeding(mode, safe, server.url, times=3).title == "Größe"
        assert (len(server.requests), server.connections) == (3, 3)


async def cancel(client: Any) -> Any:
    return await settle(client.exam_sessions.cancel(**SIDS, cancellation_memo="x"))


JSON, PLAIN, MARKUP = (f"Content-Type: {media}" for media in ("application/json", "text/plain", "text/html"))
SIGN_IN = b"<html>Please sign in</html>"


@every_mode
@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (answer_of(SIGN_IN, 200, MARKUP), 200, SIGN_IN),
        (answer_of(SIGN_IN, 200, PLAIN), 200, SIGN_IN),
        (answer_of(b'{"error": "expired"}', 200, JSON), 200, b'{"error": "expired"}'),
        (answer_of(b"", 200, JSON), 200, b""),
        (head(204), 204, b""),
        (answer_of(b'"Successful"', 202, JSON), 202, b'"Successful"'),
        (answer_of(b'"Succ"', 206, JSON, "Content-Range: bytes 0-5/12"), 206, b'"Succ"'),
    ],
    ids=["sign-in page", "sign-in page as text", "error object", "empty", "no content", "accepted", "part"],
)
def test_a_2xx_without_the_documented_string_is_an_unknown_outcome(
    mode: Mode, reply: bytes, status: int, body: bytes
) -> None:
    with Scripted(serve(reply)) as server:
        error = failing(OutcomeUnknownError, mode, cancel, server.url)
        assert (error.status_code, error.body) == (status, body)
        assert error.operation == "cancelExamSession"
        assert len(server.requests) == 1


@every_mode
@pytest.mark.parametrize("reply", [answer("Successful"), answer_of(b"Successful", 200, PLAIN + "; charset=utf-8")])
def test_a_documented_string(mode: Mode, reply: bytes) -> None:
    with Scripted(serve(reply)) as server:
        assert succeeding(mode, cancel, server.url) == "Successful"


@every_mode
def test_content_that_cannot_be_unpacked(mode: Mode) -> None:
    with Scripted(serve(answer_of(b"this is no gzip", 200, "Content-Encoding: gzip"))) as server:
        unknown(mode, server.url)
        assert len(server.requests) == 1


@every_mode
def test_a_refusal_that_cannot_be_unpacked_is_a_refusal(mode: Mode) -> None:
    with Scripted(serve(answer_of(b"this is no gzip", 409, "Content-Encoding: gzip"))) as server:
        with pytest.raises(APIStatusError) as caught:
            succeeding(mode, unsafe, server.url)
        assert caught.value.status_code == 409


@every_mode
def test_another_protocol_is_never_switched_to(mode: Mode) -> None:
    with Scripted(serve(head(101, "Upgrade: websocket", "Connection: Upgrade"))) as server:
        unknown(mode, server.url, timeout=0.5)
        assert len(server.requests) == 1


@every_mode
def test_a_refusal_before_the_whole_request_was_read(mode: Mode) -> None:
    # Closing with unread data resets the connection: the answer may or may not come through. Never a second call.
    def script(peer: Peer) -> None:
        peer.idle_for(1)
        peer.send(answer({"message": "too large"}, 413, "Connection: close"))

    async def call(client: Any) -> None:
        await settle(client.exam_sessions.schedule(**BOOKING, notes="x" * 3_000_000))

    with Scripted(script) as server:
        with pytest.raises((APIStatusError, OutcomeUnknownError)):
            succeeding(mode, call, server.url)
        assert server.connections == 1
