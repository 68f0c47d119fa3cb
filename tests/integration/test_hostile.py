"""Servers and arguments that point elsewhere: redirects, URLs in pages, identifiers that would leave their place.

Nothing but the configured origin is ever contacted, no name but its own is ever looked up, and what would leave its
segment of a path never reaches a URL.
"""

from __future__ import annotations

import contextlib
import copy
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from invigilate import (
    APIError,
    APIStatusError,
    ConfigurationError,
    InvalidArgumentError,
    InvalidSidError,
    OutcomeUnknownError,
)
from tests.support.bound import CLIENTS, arguments_of, method_of, module_of
from tests.support.documented import ALL, Documented
from tests.support.fakes import Reply, Script
from tests.support.modes import TOKEN, Mode, run, settle
from tests.support.recorder import Answer, RecordedRequest, Recorder

CLASSES: tuple[Mode, ...] = ("sync", "asyncio")
both_modes = pytest.mark.parametrize("mode", CLASSES)
of_every_operation = pytest.mark.parametrize("operation", ALL, ids=str)
DESCRIBED = {operation.key: module_of(operation).OPERATION for operation in ALL}
ARGUMENTS = {operation.key: arguments_of(operation) for operation in ALL}
PAGED = [operation for operation in ALL if DESCRIBED[operation.key].pagination]

Answerer = Callable[[RecordedRequest], Answer]


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """The hosts and ports that anyone asked for: connecting begins with that, even for a bare address."""
    found: list[tuple[Any, Any]] = []
    look_up = socket.getaddrinfo

    def noting(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        found.append((host.decode() if isinstance(host, bytes) else host, int(port)))
        return look_up(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", noting)
    return found


@pytest.fixture
def elsewhere() -> Iterator[Recorder]:
    """Where nothing must arrive."""
    with Recorder(lambda request: Answer.of_json({"taken": True})) as recorder:
        yield recorder
        assert (recorder.connections, recorder.requests) == (0, [])


def client_of(operation: Documented, mode: Mode, url: str = "", **options: Any) -> Any:
    credential = {"access_token": TOKEN} if operation.spec == "ispring-learn" else {"token": TOKEN}
    if url:
        options["base_url"] = url
    return CLIENTS[operation.spec][mode != "sync"](**{**credential, "max_retries": 1, **options})


async def made(operation: Documented, client: Any, **changes: Any) -> Any:
    """Make a call with its documented arguments, and read it to its end."""
    result = method_of(client, operation)(**{**copy.deepcopy(ARGUMENTS[operation.key]), **changes})
    return await settle(result.collect() if hasattr(result, "collect") else result)


def address(template: str, origin: str, elsewhere: str) -> str:
    """An address of the tables below, with the hosts of this run."""
    here, there = urlsplit(origin).netloc, urlsplit(elsewhere).netloc
    port = urlsplit(elsewhere).port
    return template.replace("THERE", there).replace("HERE", here).replace("PORT", str(port))


ADDRESSES = {
    "other port": "http://THERE/take-it",
    "other name": "http://localhost:PORT/take-it",
    "other host": "http://attacker.example.test/take-it",
    "other scheme": "https://HERE/take-it",
    "other scheme and port": "https://THERE/take-it",
    "user": "http://HERE@THERE/take-it",
    "user and password": "http://user:password@THERE/take-it",
    "encoded user": "http://HERE%40THERE/take-it",
    "user with a slash": "http://HERE%2F@THERE/take-it",
    "fragment before the user": "http://THERE#@HERE/take-it",
    "query before the user": "http://THERE?@HERE/take-it",
    "no scheme": "//THERE/take-it",
    "three slashes": "///THERE/take-it",
    "one slash": "http:/THERE/take-it",
    "no slash": "http:THERE/take-it",
    "backslashes": "\\\\THERE\\take-it",
    "backslash for a slash": "http:\\\\THERE/take-it",
    "backslash before the user": "http://THERE\\@HERE/take-it",
    "slash and backslash": "/\\THERE/take-it",
    "tab in the scheme": "ht\ttp://THERE/take-it",
    "space before": "  http://THERE/take-it",
    "upper case": "HTTP://THERE/take-it",
    "decimal address": "http://2130706433:PORT/take-it",
    "short address": "http://127.1:PORT/take-it",
    "relative": "take-it",
    "absolute path": "/take-it",
    "upwards": "../../../take-it",
    "query alone": "?token=take-it",
    "same address": "http://HERE/take-it",
    "same host with a dot": "http://127.0.0.1.:PORT/take-it",
    "file": "file:///etc/hosts",
    "javascript": "javascript:alert(1)",
    "data": "data:application/json,{}",
    "empty": "",
    "unreadable": "http://[::1/take-it",
    "long": "http://THERE/" + "a" * 5000,
}
UNREADABLE = {
    "encoded user",
    "no slash",
    "backslash for a slash",
    "tab in the scheme",
    "javascript",
    "data",
    "unreadable",
}
"""Those that httpx cannot read, though nobody asks it to."""
READABLE = {name: template for name, template in ADDRESSES.items() if name not in UNREADABLE}
PLAIN = [
    "getServiceDistribution",
    "scheduleExamSession",
    "updateCourseOffering",
    "listSessionResults",
    "createAccessToken",
]


def assert_only(
    recorder: Recorder, looked_up: list[tuple[Any, Any]], targets: list[str], operation: Documented
) -> None:
    parts = urlsplit(recorder.url)
    # asyncio asks for names alone.
    assert set(looked_up) <= {(parts.hostname, parts.port)}
    assert [request.target for request in recorder.requests] == targets
    name, prefix = operation.credential or ("token", "")
    for request in recorder.requests:
        assert request.header(name) == (prefix + TOKEN if operation.credential else None)
        assert sum(TOKEN in value for _, value in request.headers) == (1 if operation.credential else 0)


@both_modes
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(status: int, mode: Mode, elsewhere: Recorder, looked_up: list[tuple[Any, Any]]) -> None:
    redirected(status, mode, READABLE, elsewhere, looked_up)


@both_modes
@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_redirects_to_no_url(name: str, mode: Mode, elsewhere: Recorder, looked_up: list[tuple[Any, Any]]) -> None:
    redirected(307, mode, {name: ADDRESSES[name]}, elsewhere, looked_up)


def redirected(
    status: int, mode: Mode, addresses: dict[str, str], elsewhere: Recorder, looked_up: list[tuple[Any, Any]]
) -> None:
    """Every kind of call ends with the redirect, is sent once, and goes nowhere else."""
    location = ""

    def answer(request: RecordedRequest) -> Answer:
        return Answer(status, b"", (("Location", location), ("Refresh", f"0;url={location}")))

    async def scenario(operation: Documented) -> None:
        nonlocal location
        client = client_of(operation, mode, origin.url)
        wanted = APIStatusError if DESCRIBED[operation.key].idempotent else OutcomeUnknownError
        for template in addresses.values():
            location = address(template, origin.url, elsewhere.url)
            with pytest.raises(wanted) as caught:
                await made(operation, client)
            assert caught.value.status_code == status
            assert "take-it" not in str(caught.value)
        await settle(client.close())

    with Recorder(answer) as origin:
        for operation in (each for each in ALL if each.id in PLAIN):
            origin.clear()
            run(mode, lambda: scenario(operation))  # noqa: B023
            target = operation.path + (f"?{operation.query}" if operation.query else "")
            assert_only(origin, looked_up, [target] * len(addresses), operation)


@both_modes
@of_every_operation
def test_no_operation_follows_a_redirect(
    operation: Documented, mode: Mode, elsewhere: Recorder, looked_up: list[tuple[Any, Any]]
) -> None:
    with Recorder(lambda _: Answer(307, b"{}", (("Location", f"{elsewhere.url}/take-it"),))) as origin:

        async def scenario() -> None:
            client = client_of(operation, mode, origin.url)
            with pytest.raises((APIStatusError, OutcomeUnknownError)):
                await made(operation, client)
            await settle(client.close())

        run(mode, scenario)
        assert_only(origin, looked_up, [origin.only().target], operation)


@both_modes
@pytest.mark.parametrize("operation", PAGED, ids=str)
def test_urls_in_pages(
    operation: Documented, mode: Mode, elsewhere: Recorder, looked_up: list[tuple[Any, Any]]
) -> None:
    link = ""
    paging = DESCRIBED[operation.key].pagination
    cursor = paging.type == "cursor"
    selector = "pageToken" if cursor else "offset"
    bare = operation.bare()

    def target(selected: object) -> str:
        parameters = [
            replace(each, value=selected) if each.name == selector else each
            for each in operation.parameters
            if each.required or (each.name == selector and selected)
        ]
        query = replace(bare, parameters=tuple(parameters)).query
        return f"{bare.path}?{query}".rstrip("?")

    def answer(request: RecordedRequest) -> Answer:
        sent = {**dict(request.query_pairs), **(request.json() if request.body else {})}
        first = selector not in sent
        links = dict.fromkeys(("next", "first", "last", "prev", "previous", "self", "url", "links"), link)
        page = {"total": 4, "count": 2, **links, paging.rows: [{"n": 0, "first": first}, {"n": 1}]}
        # A URL as a token is a token. At the end, another page would be an error.
        page[paging.next.split(" | ")[-1]] = link if first else None
        answered = Answer.of_json(page)
        relations = ", ".join(f'<{link.strip()}>; rel="{rel}"' for rel in ("next", "first", "last"))
        headers = (*answered.headers, ("Link", relations), ("Content-Location", link), ("Refresh", f"0;url={link}"))
        return Answer(200, answered.body, headers)

    async def scenario() -> None:
        nonlocal link
        client = client_of(operation, mode, origin.url)
        arguments = arguments_of(bare)
        for template in ADDRESSES.values():
            link = address(template, origin.url, elsewhere.url)
            targets = [target(None), target(link if cursor else 2)]
            if cursor and not link:
                targets.pop()
            pagers = [method_of(client, operation)(**arguments)]
            if not cursor:
                pagers.append(client.paginate(operation.path))
            for pager in pagers:
                origin.clear()
                assert len(await settle(pager.collect())) == 2 * len(targets)
                assert_only(origin, looked_up, targets, operation)
        await settle(client.close())

    with Recorder(answer) as origin:
        run(mode, scenario)


# Identifiers.

SID = "EX" + "1a" * 16
OUTSIDE = {
    "empty": "",
    "dot": ".",
    "dots": "..",
    "upwards": "../../../v2/installs",
    "encoded dots": "%2e%2e",
    "encoded once more": "%252e%252e%252f",
    "slash": f"{SID}/sessions",
    "slash alone": "/",
    "encoded slash": f"{SID}%2fsessions",
    "encoded slash in capitals": f"{SID}%2Fsessions",
    "backslash": f"{SID}\\..\\x",
    "encoded backslash": f"{SID}%5c..",
    "line feed": f"{SID}\n",
    "carriage return": f"{SID}\r\nHost: attacker.example.test",
    "encoded line break": f"{SID}%0d%0a",
    "NUL": f"{SID}\0",
    "NUL alone": "\0",
    "encoded NUL": f"{SID}%00",
    "tab": f"{SID}\t",
    "space": f" {SID}",
    "inner space": "EX 1a",
    "delete": f"{SID}\x7f",
    "query": f"{SID}?limit=1",
    "fragment": f"{SID}#x",
    "semicolon": f"{SID};x=1",
    "at": f"user@{SID}",
    "colon": "http://attacker.example.test",
    "two slashes": "//attacker.example.test",
    "braces": "{examSid}",
    "accent": "EXé" + "1a" * 15,
    "Cyrillic": "\u0415\u0425" + "1a" * 16,
    "other digits": "EX" + "\u0661" * 32,
    "wide dots": "\uff0e\uff0e\uff0f",
    "one dot leader": "\u2024\u2024",
    "division slash": "EX\u2215x",
    "line separator": f"{SID}\u2028",
    "right to left": f"{SID}\u202e",
    "no width": f"{SID}\u200b",
    "byte order mark": f"\ufeff{SID}",
    "surrogate": "EX\ud800",
    "long and outside": "../" * 50_000,
    "long and encoded": "%2e" * 50_000,
    "bytes": SID.encode(),
    "number": 7,
    "list": [SID],
    "object": {"sid": SID},
    "none": None,
}


ESCAPED = {
    "space",
    "inner space",
    "query",
    "fragment",
    "semicolon",
    "at",
    "braces",
    "accent",
    "Cyrillic",
    "other digits",
    "line separator",
    "right to left",
    "no width",
    "byte order mark",
}
"""What stays in its segment when it is percent-encoded, where the documentation says nothing of the identifier."""


def path_fields(operation: Documented) -> list[Any]:
    return [field for field in DESCRIBED[operation.key].fields if field.location == "path"]


def allowed(field: Any, check_sids: bool) -> set[str]:
    """Which of the above an argument of a path takes."""
    if field.type == "integer":
        return {"number"}
    anything = field.type == "string" and not field.enum and (not field.sid or not check_sids)
    return ESCAPED if anything else set()


IN_PATHS = [operation for operation in ALL if path_fields(operation)]
WITH_SIDS = [operation for operation in IN_PATHS if any(field.sid for field in path_fields(operation))]


def assert_refused(error: BaseException, argument: str, given: object) -> None:
    assert isinstance(error, InvalidArgumentError)
    text = str(error)
    assert text.startswith(f"{argument}: expected ")
    assert text.isprintable()
    assert len(text) < 400
    if isinstance(given, str) and len(given) > 3 and given.strip() != SID and given not in error.expected:
        assert given not in text


@both_modes
@pytest.mark.parametrize(
    ("operation", "check_sids"),
    [pytest.param(each, True, id=str(each)) for each in IN_PATHS]
    + [pytest.param(each, False, id=f"{each}-unchecked") for each in WITH_SIDS],
)
def test_identifiers_that_leave_their_place(operation: Documented, check_sids: bool, mode: Mode) -> None:
    transport = Script(Reply(200, {}))
    expected: list[str] = []

    async def scenario() -> None:
        client = client_of(operation, mode, "https://api.example.test", transport=transport, check_sids=check_sids)
        for field in path_fields(operation):
            for name, value in OUTSIDE.items():
                if name in allowed(field, check_sids):
                    placed = [replace(e, value=value) if e.name == field.wire_name else e for e in operation.parameters]
                    expected.append("https://api.example.test" + replace(operation, parameters=tuple(placed)).path)
                    with contextlib.suppress(APIError):  # what comes back is not an answer
                        await made(operation, client, **{field.name: value})
                    continue
                with pytest.raises(InvalidArgumentError) as caught:
                    await made(operation, client, **{field.name: value})
                # What may be any string is refused for the length of the URL.
                too_long = name == "long and encoded" and allowed(field, check_sids) == ESCAPED
                assert_refused(caught.value, "arguments" if too_long else field.name, value)
                if check_sids and field.sid and isinstance(value, str):
                    assert isinstance(caught.value, InvalidSidError)
        await settle(client.close())

    run(mode, scenario)
    assert [sent.url.partition("?")[0] for sent in transport.sent] == expected


@both_modes
@pytest.mark.parametrize("check_sids", [True, False])
def test_installs_that_leave_their_place(check_sids: bool, mode: Mode) -> None:
    transport = Script(Reply(200, {}))
    operation = next(each for each in ALL if each.id == "getInstallSettings")

    async def scenario() -> None:
        for name, value in OUTSIDE.items():
            if not isinstance(value, str) or not value or (name in ESCAPED and not check_sids):
                continue
            client = client_of(operation, mode, transport=transport, check_sids=check_sids, install_sid=value)
            for view in (client, client.for_install("AI" + "0f" * 16).for_install(value)):
                with pytest.raises(InvalidArgumentError) as caught:
                    await settle(view.installs.get_settings())
                named = "arguments" if not check_sids and name == "long and encoded" else "install_sid"
                assert_refused(caught.value, named, value)
            await settle(client.close())

    run(mode, scenario)
    assert transport.sent == []


@both_modes
@pytest.mark.parametrize("operation", IN_PATHS, ids=str)
def test_long_identifiers_are_refused_as_such(operation: Documented, mode: Mode) -> None:
    transport = Script(Reply(200, {}))

    async def scenario() -> None:
        client = client_of(operation, mode, transport=transport)
        for field in path_fields(operation):
            for value in ("E" * 100_000, SID + "1a" * 40_000):
                with pytest.raises(InvalidSidError if field.sid else InvalidArgumentError) as caught:
                    await made(operation, client, **{field.name: value})
                # Where any string will do, it is the URL that gets too long.
                assert_refused(caught.value, "arguments" if allowed(field, True) == ESCAPED else field.name, value)
        await settle(client.close())

    run(mode, scenario)
    assert transport.sent == []


@both_modes
@pytest.mark.parametrize("way", ["identifier of a safe call", "identifier of an unsafe call", "filter", "raw request"])
def test_what_is_too_long_for_a_url_is_refused_as_such(way: str, mode: Mode) -> None:
    long = "a" * 70_000
    operation = next(
        each for each in ALL if each.id == ("getExamSession" if "safe" in way else "getServiceDistribution")
    )
    if "unsafe" in way:
        operation = next(each for each in ALL if each.id == "scheduleExamSession")
    looked = [False]

    async def scenario() -> None:
        client = client_of(operation, mode, "http://127.0.0.1:9", check_sids=False, max_retries=0)
        looked[0] = True
        if way == "filter":
            await made(operation, client, course_title=long)
        elif way == "raw request":
            await settle(client.request("GET", f"/v1/{long}"))
        else:
            await made(operation, client, exam_sid=long)

    with pytest.raises(InvalidArgumentError):
        run(mode, scenario)
    assert looked == [True]


RAW_PATHS = [
    *(f"/v1/installs/{value}/x" for value in OUTSIDE.values() if isinstance(value, str) and len(value) < 1000),
    "//attacker.example.test/v1",
    "///attacker.example.test/v1",
    "http://attacker.example.test/v1",
    "https:/attacker.example.test",
    "/\\attacker.example.test",
    "\\\\attacker.example.test",
    "@attacker.example.test/v1",
    ":80/v1",
    ".attacker.example.test/v1",
    "v1/installs",
    "",
    " /v1",
    "/v1 ",
    "/v1\n",
    "/v1\r\nX: 1",
    "/v1/..",
    "/..;/v1",
    "/v1/./x",
    "/v1/%2e%2E/x",
    "/v1/.%2e/x",
    "/v1/%2e/x",
    "/v1?x=1",
    "/v1#x",
    "/v1//x",
]
ALLOWED = {"slash", "semicolon", "at", "colon", "encoded once more"}


@both_modes
def test_raw_paths_that_leave_their_place(mode: Mode) -> None:
    passed: list[str] = []
    for path in RAW_PATHS:
        transport = Script(Reply(200, {"results": []}))

        async def scenario() -> None:
            client = client_of(ALL[0], mode, transport=transport)  # noqa: B023
            for method in ("GET", "POST"):
                with pytest.raises(InvalidArgumentError) as caught:
                    await settle(client.request(method, path))  # noqa: B023
                assert_refused(caught.value, "path", path)  # noqa: B023
            with pytest.raises(InvalidArgumentError) as caught:
                client.paginate(path)  # noqa: B023
            assert_refused(caught.value, "path", path)  # noqa: B023
            await settle(client.close())

        try:
            run(mode, scenario)
        except pytest.fail.Exception:
            passed.append(path)
            continue
        assert transport.sent == []
    # These characters mean nothing to a path; wherever they stand, they stay in their segment and on their host.
    for path in passed:
        transport = Script(Reply(200, {}))

        async def sending() -> None:
            client = client_of(ALL[0], mode, transport=transport)  # noqa: B023
            await settle(client.request("GET", path))  # noqa: B023
            await settle(client.close())

        run(mode, sending)
        (sent,) = transport.sent
        assert sent.url == f"https://api.smarterproctoring.com{path}"
        assert path in {f"/v1/installs/{OUTSIDE[name]}/x" for name in ALLOWED} | {"/..;/v1"}


@both_modes
@pytest.mark.parametrize("value", ["..", "a/../b", "a%2fb", "\n", "a\r\nHost: x", "\0", "é", "&limit=0", "#x", "?"])
def test_values_of_a_query_stay_in_the_query(value: str, mode: Mode) -> None:
    transport = Script(Reply(200, {"results": []}))

    async def scenario() -> None:
        client = client_of(ALL[0], mode, transport=transport)
        await settle(client.request("GET", "/v1/x", params={value: value}))
        await settle(client.paginate("/v1/x", params={"q": value}).collect())
        await settle(client.reports.service_distribution(install_sid="AI" + "0f" * 16, course_title=value).collect())
        await settle(client.close())

    run(mode, scenario)
    assert [sent.query for sent in transport.sent] == [[(value, value)], [("q", value)], [("courseTitle", value)]]
    assert {urlsplit(sent.url).netloc for sent in transport.sent} == {"api.smarterproctoring.com"}
    assert [urlsplit(sent.url).path for sent in transport.sent][:2] == ["/v1/x", "/v1/x"]


@both_modes
@pytest.mark.parametrize("value", ["a\r\nX: 1", "a\nb", "a\0b", "é", " a", "a ", "\t", ""])
def test_values_of_a_header_stay_in_the_header(value: str, mode: Mode) -> None:
    transport = Script(Reply(200, []))
    operation = next(each for each in ALL if each.id == "listSessionResults")

    async def scenario() -> None:
        client = client_of(operation, mode, transport=transport)
        with pytest.raises((InvalidArgumentError, ConfigurationError)) as caught:
            await made(operation, client, account_url=value)
        assert str(caught.value).isprintable()
        await settle(client.close())

    run(mode, scenario)
    assert transport.sent == []
