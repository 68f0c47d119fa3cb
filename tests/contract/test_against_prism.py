"""Each documented operation, through the public clients, against Prism serving our specs.

Operations and examples are read off the specs: a new operation is tested as soon as it is documented, and fails where
it has no example or cannot be reached.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from invigilate import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)
from tests.support.bound import CLIENTS, PACKAGES, arguments_of, method_of, module_of, reachable
from tests.support.documented import ALL, SPECS, UGLY, Documented, operations
from tests.support.modes import INSTALL, MODES, TOKEN, Mode, ispring, proctoring, run, settle
from tests.support.prism import Prism
from tests.support.recorder import Answerer, RecordedRequest, Recorder, forward_to

Wire = Callable[[str | Answerer], Recorder]
ServePrism = Callable[[Path], Prism]

VARIANTS: dict[str, Callable[[Documented], Documented]] = {
    "sample": lambda operation: operation,
    "whole": Documented.whole,
    "bare": Documented.bare,
}
ERRORS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
}
every_operation = pytest.mark.parametrize("operation", ALL, ids=str)
every_mode = pytest.mark.parametrize("mode", MODES)


def client_for(mode: Mode, operation: Documented, url: str, **options: Any) -> Any:
    """A client of the API of an operation."""
    return (proctoring if operation.spec == "smarterproctoring" else ispring)(mode, url, **options)


def plain(value: Any) -> Any:
    """A typed answer as JSON."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


async def answer_of(result: Any) -> Any:
    """What a call gives, as JSON: of a report, its rows."""
    if hasattr(result, "collect"):
        return {"results": plain(await settle(result.collect()))}
    return plain(await settle(result))


def assert_on_the_wire(request: RecordedRequest, operation: Documented) -> None:
    """The request is the documented one, and there is nothing else in it."""
    assert (request.method, request.path) == (operation.method, operation.path)
    assert request.query == operation.query
    assert request.body == operation.content
    assert request.header("Accept") == "application/json"
    assert request.header("Content-Type") == operation.media
    assert str(request.header("User-Agent")).startswith("invigilate/")
    names = {"host", "accept", "accept-encoding", "connection", "user-agent"}
    if operation.media is not None:
        names |= {"content-type", "content-length"}
        assert request.header("Content-Length") == str(len(operation.content))
    if operation.credential is not None:
        name, prefix = operation.credential
        names.add(name.lower())
        assert request.header(name) == prefix + TOKEN
    for parameter in operation.of("header"):
        names.add(parameter.name.lower())
        assert request.header(parameter.name) == parameter.value
    assert sorted(name.lower() for name, _ in request.headers) == sorted(names)


@pytest.mark.parametrize("spec", SPECS)
def test_every_operation_can_be_reached_from_both_clients(spec: str) -> None:
    documented = sorted(operation.id for operation in operations(spec))
    for kind in CLIENTS[spec]:
        assert sorted(reachable(kind(TOKEN))) == documented


@every_operation
def test_the_generated_table_names_every_parameter_and_every_member(operation: Documented) -> None:
    table = [(field.location, field.wire_name) for field in module_of(operation).OPERATION.fields]
    parameters = [(parameter.place, parameter.name) for parameter in operation.parameters]
    assert sorted(table) == sorted([*parameters, *(("body", name) for name in operation.members)])


@every_mode
@pytest.mark.parametrize("variant", VARIANTS)
@every_operation
def test_call(operation: Documented, variant: str, mode: Mode, prism: ServePrism, wire: Wire) -> None:
    called = VARIANTS[variant](operation)
    recorder = wire(prism(SPECS[operation.spec]).url)

    async def scenario() -> Any:
        async with client_for(mode, operation, recorder.url) as client:
            return await answer_of(method_of(client, operation)(**arguments_of(called)))

    answer = run(mode, scenario)
    assert_on_the_wire(recorder.only(), called)
    expected = operation.answer
    if isinstance(expected, dict) and "results" in expected:
        expected = {"results": expected["results"]}
    assert answer == expected


@every_mode
@every_operation
def test_raw_answer(operation: Documented, mode: Mode, prism: ServePrism, wire: Wire) -> None:
    recorder = wire(prism(SPECS[operation.spec]).url)

    async def scenario() -> Any:
        async with client_for(mode, operation, recorder.url) as client:
            return await settle(method_of(client, operation, raw=True)(**arguments_of(operation)))

    raw = run(mode, scenario)
    assert_on_the_wire(recorder.only(), operation)
    assert (raw.status_code, raw.headers["content-type"]) == (200, "application/json")
    if hasattr(raw.parsed, "rows"):
        assert {**raw.parsed.envelope, "results": plain(raw.parsed.rows)} == operation.answer
    else:
        assert plain(raw.parsed) == operation.answer


@every_mode
@pytest.mark.parametrize(
    ("operation", "status"),
    [pytest.param(each, status, id=f"{each}-{status}") for each in ALL for status in each.errors],
)
def test_documented_error(operation: Documented, status: int, mode: Mode, prism: ServePrism, wire: Wire) -> None:
    forward = forward_to(prism(SPECS[operation.spec]).url)
    # With this header Prism answers with the example of that status.
    recorder = wire(lambda request: forward(replace(request, headers=(*request.headers, ("Prefer", f"code={status}")))))

    async def scenario() -> None:
        async with client_for(mode, operation, recorder.url, max_retries=0) as client:
            await answer_of(method_of(client, operation)(**arguments_of(operation)))

    with pytest.raises(ERRORS[status]) as caught:
        run(mode, scenario)
    assert_on_the_wire(recorder.only(), operation)
    error, example = caught.value, operation.errors[status]
    assert (error.status_code, json.loads(error.body or b"")) == (status, example)
    assert (error.method, error.path, error.operation) == (operation.method, operation.path, operation.id)
    assert error.code == (str(example["code"]) if "code" in example else None)
    assert error.vendor_message == example["message"]
    assert example["message"] in str(error)


@pytest.mark.parametrize(
    ("function", "mode"),
    [("sync", "sync"), ("sync_detailed", "sync")]
    + [(name, mode) for name in ("asyncio", "asyncio_detailed") for mode in MODES if mode != "sync"],
)
@every_operation
def test_generated_function_alone(
    operation: Documented, function: str, mode: Mode, prism: ServePrism, wire: Wire
) -> None:
    recorder = wire(prism(SPECS[operation.spec]).url)
    package, module = PACKAGES[operation.spec], module_of(operation)
    credential = operation.credential
    # How these packages are used without a facade: a client, and a function for each operation.
    alone = package.AuthenticatedClient(recorder.url, TOKEN) if credential else package.Client(recorder.url)
    places = {(field.location, field.wire_name): field.name for field in module.OPERATION.fields}
    arguments = {places[each.place, each.name]: each.value for each in operation.parameters}
    if operation.media:
        call = getattr(module, function)
        model = getattr(import_module(f"{package.__name__}.models"), call.__annotations__["body"].partition(" | ")[0])
        arguments["body"] = model.from_dict(operation.body)

    async def scenario() -> Any:
        if mode == "sync":
            with alone:
                return getattr(module, function)(client=alone, **arguments)
        async with alone:
            return await getattr(module, function)(client=alone, **arguments)

    result = run(mode, scenario)
    request = recorder.only()
    assert (request.method, request.path, request.query) == (operation.method, operation.path, operation.query)
    assert request.body == operation.content
    assert request.header("Content-Type") == operation.media
    for name in ("token", "Authorization"):
        sent = credential is not None and credential[0] == name
        assert request.header(name) == (f"{credential[1]}{TOKEN}" if sent and credential else None)
    for parameter in operation.of("header"):
        assert request.header(parameter.name) == parameter.value
    if function.endswith("_detailed"):
        assert (result.status_code, json.loads(result.content)) == (200, operation.answer)
        result = result.parsed
    assert plain(result) == operation.answer


# That the above can fail: Prism refuses whatever is not as documented.


def broken(operation: Documented) -> list[tuple[str, Documented]]:
    """An operation with one mistake at a time."""
    cases: list[tuple[str, Documented]] = []
    for parameter in operation.of("path"):
        cases.append((parameter.name, with_value(operation, parameter.name, "XX" + "0" * 32)))
    for parameter in operation.of("query"):
        if parameter.name.endswith(("s", "Order")) and isinstance(parameter.value, list | str):
            cases.append((parameter.name, with_value(operation, parameter.name, "unheard-of")))
    for name, schema in operation.members.items():
        # A text will do for neither an enumeration nor an object, and an object for nothing else.
        wrong: Any = "unheard-of" if "enum" in schema or "object" in schema.get("type", ()) else {"un": "documented"}
        if operation.media == "application/json" and name in operation.body:
            cases.append((name, replace(operation, body={**operation.body, name: wrong})))
    for name in operation.needed:
        body = {key: value for key, value in operation.body.items() if key != name}
        cases.append((f"no {name}", replace(operation, body=body)))
    return cases


def with_value(operation: Documented, name: str, value: Any) -> Documented:
    parameters = (replace(each, value=value) if each.name == name else each for each in operation.parameters)
    return replace(operation, parameters=tuple(parameters))


BROKEN = [pytest.param(case, id=f"{each}-{name}") for each in ALL for name, case in broken(each)]


@pytest.mark.parametrize("operation", BROKEN)
def test_prism_refuses_what_is_not_documented(operation: Documented, prism: ServePrism) -> None:
    server = prism(SPECS[operation.spec])
    if operation.media == "application/x-www-form-urlencoded":
        answer = httpx.post(server.url + operation.path, data=operation.body)
        assert answer.status_code in {400, 422}, answer.text
        return
    parameters = {each.name: each.value for each in operation.of("query")}

    async def scenario() -> None:
        async with client_for("sync", operation, server.url, max_retries=0) as client:
            client.request(operation.method, operation.path, params=parameters, json=operation.body, idempotent=True)

    with pytest.raises((BadRequestError, UnprocessableEntityError)):
        run("sync", scenario)


@pytest.mark.parametrize("operation", [each for each in ALL if each.credential], ids=str)
def test_prism_refuses_a_call_without_token(operation: Documented, prism: ServePrism) -> None:
    url = f"{prism(SPECS[operation.spec]).url}{operation.path}?{operation.query}"
    headers = {"Content-Type": operation.media} if operation.media else {}
    answer = httpx.request(operation.method, url, content=operation.content, headers=headers)
    assert answer.status_code == 401


@every_mode
def test_an_sid_that_is_not_checked_here_is_refused_there(mode: Mode, prism: ServePrism) -> None:
    async def scenario() -> Any:
        url = prism(SPECS["smarterproctoring"]).url
        async with proctoring(mode, url, check_sids=False) as client:
            return await settle(client.reports.service_distribution(install_sid="elsewhere").first())

    with pytest.raises((BadRequestError, UnprocessableEntityError)):
        run(mode, scenario)


# What the client object supplies.


@every_mode
def test_the_install_of_the_client_and_of_a_view(mode: Mode, prism: ServePrism, wire: Wire) -> None:
    recorder = wire(prism(SPECS["smarterproctoring"]).url)
    other = "AI" + "1e" * 16

    async def scenario() -> None:
        async with proctoring(mode, recorder.url) as client:
            await settle(client.reports.service_distribution().collect())
            await settle(client.for_install(other).reports.service_distribution().collect())

    run(mode, scenario)
    paths = [f"/v1/installs/{sid}/reports/serviceDistribution" for sid in (INSTALL, other)]
    assert [request.target for request in recorder.requests] == paths


@every_mode
def test_ispring_with_client_credentials(mode: Mode, prism: ServePrism, wire: Wire) -> None:
    recorder = wire(prism(SPECS["ispring-learn"]).url)
    account = "https://somebody.ispringlearn.com"
    identity = {"client_id": "id & co", "client_secret": UGLY, "account_url": account}

    async def scenario() -> None:
        async with ispring(mode, recorder.url, **identity) as client:
            for _ in range(3):
                await settle(client.job_training.list_session_results())

    run(mode, scenario)
    token, *calls = recorder.requests
    assert (token.method, token.target) == ("POST", "/api/v3/token")
    assert parse_qs(token.body.decode(), strict_parsing=True) == {
        "client_id": ["id & co"],
        "client_secret": [UGLY],
        "grant_type": ["client_credentials"],
    }
    assert token.header("Authorization") is None
    assert len(calls) == 3
    for call in calls:
        # The token of the spec's example, which Prism hands out.
        assert call.header("Authorization") == "Bearer example-access-token"
        assert call.header("X-Auth-Account-Url") == account
        assert call.body == b"{}"


@every_mode
def test_several_checklists_are_sent_as_an_array_and_one_as_a_string(mode: Mode, prism: ServePrism, wire: Wire) -> None:
    recorder = wire(prism(SPECS["ispring-learn"]).url)
    one, other = "3fa85f64-5717-4562-b3fc-2c963f66afa6", "5ed816e6-a515-41da-9c78-b376b4eff826"

    async def scenario() -> None:
        async with ispring(mode, recorder.url) as client:
            await settle(client.job_training.list_session_results(checklist_id=one))
            await settle(client.job_training.list_session_results(checklist_id=[one, other]))

    run(mode, scenario)
    bodies = [json.loads(request.body) for request in recorder.requests]
    assert bodies == [{"checklistId": one}, {"checklistId": [one, other]}]


@every_mode
def test_match_strings_as_a_list(mode: Mode, prism: ServePrism, wire: Wire) -> None:
    recorder = wire(prism(SPECS["smarterproctoring"]).url)
    sid = "CO" + "0" * 32

    async def scenario() -> None:
        async with proctoring(mode, recorder.url) as client:
            update: Callable[..., Any | Awaitable[Any]] = client.course_offerings.update
            await settle(update(offering_sid=sid, title="Größe", match_strings=["a b", "c"], end_date=None))

    run(mode, scenario)
    # "Größe" as it is, in UTF-8; null where it is documented; the list as one text.
    assert recorder.only().body == '{"title":"Größe","matchStrings":"a b,c","endDate":null}'.encode()


def test_the_recorder_changes_nothing(prism: ServePrism) -> None:
    # What Prism answers is the example of the spec, so that comparing with it says something of the client.
    for operation in ALL:
        headers = {"Content-Type": operation.media} if operation.media else {}
        if operation.credential:
            headers[operation.credential[0]] = operation.credential[1] + TOKEN
        url = f"{prism(SPECS[operation.spec]).url}{operation.path}?{operation.query}"
        with Recorder(forward_to(prism(SPECS[operation.spec]).url)) as recorder:
            direct = httpx.request(operation.method, url, content=operation.content, headers=headers)
            recorded = httpx.request(
                operation.method,
                f"{recorder.url}{operation.path}?{operation.query}",
                content=operation.content,
                headers=headers,
            )
        assert direct.status_code == recorded.status_code == 200, f"{operation}: {direct.text}"
        assert direct.json() == recorded.json() == operation.answer
