"""Each documented operation, through the public clients, against Prism serving our specs.

Operations and examples are read off the specs: a new operation is tested as soon as it is documented, and fails where
it has no example or cannot be reached.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from invigilate import (
    APIStatusError,
    AsyncPager,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)
from tests.support.bound import CLIENTS, PACKAGES, arguments_of, method_of, module_of, reachable
from tests.support.documented import ALL, SPECS, UGLY, Documented, operations, resolved
from tests.support.modes import INSTALL, MODES, TOKEN, Mode, ispring, proctoring, run, settle
from tests.support.prism import Prism, forward_to_prism
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


def mode_of(*numbers: int) -> Mode:
    """The modes take turns: each operation is called in all of them, though not with all that it is called with."""
    return MODES[sum(numbers) % len(MODES)]


in_turn = pytest.mark.parametrize(
    ("operation", "mode"), [pytest.param(each, mode_of(n), id=f"{each}-{mode_of(n)}") for n, each in enumerate(ALL)]
)


def client_for(mode: Mode, operation: Documented, url: str, **options: Any) -> Any:
    """A client of the API of an operation."""
    return (proctoring if operation.spec == "smarterproctoring" else ispring)(mode, url, **options)


def plain(value: Any) -> Any:
    """A typed answer as JSON."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


async def answer_of(result: Any, example: Any) -> Any:
    """What a call gives, as JSON: of what pages, the first page. (Prism's next one is the same again.)"""
    if not hasattr(result, "pages"):
        return plain(await settle(result))
    page = await anext(result.pages()) if isinstance(result, AsyncPager) else next(result.pages())
    return whole_page(page, example)


def whole_page(page: Any, example: Any) -> Any:
    """A page as it came: its rows are what the other members of the example leave."""
    (rows,) = set(example) - set(page.envelope)
    return {**page.envelope, rows: plain(page.rows)}


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
        names.add("content-type")
    if operation.media is not None or operation.method in {"POST", "PUT", "PATCH"}:
        names.add("content-length")
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


@pytest.mark.parametrize(
    ("operation", "variant", "mode"),
    [
        pytest.param(operation, variant, mode_of(first, second), id=f"{operation}-{variant}")
        for first, operation in enumerate(ALL)
        for second, variant in enumerate(VARIANTS)
    ],
)
def test_call(operation: Documented, variant: str, mode: Mode, prism: ServePrism, wire: Wire) -> None:
    called = VARIANTS[variant](operation)
    recorder = wire(forward_to_prism(prism(SPECS[operation.spec]).url))

    async def scenario() -> Any:
        async with client_for(mode, operation, recorder.url) as client:
            return await answer_of(method_of(client, operation)(**arguments_of(called)), operation.answer)

    answer = run(mode, scenario)
    assert_on_the_wire(recorder.only(), called)
    assert answer == operation.answer


@in_turn
def test_raw_answer(operation: Documented, mode: Mode, prism: ServePrism, wire: Wire) -> None:
    recorder = wire(forward_to_prism(prism(SPECS[operation.spec]).url))

    async def scenario() -> Any:
        async with client_for(mode, operation, recorder.url) as client:
            return await settle(method_of(client, operation, raw=True)(**arguments_of(operation)))

    raw = run(mode, scenario)
    assert_on_the_wire(recorder.only(), operation)
    media = None if operation.answer is None else "application/json"
    assert (raw.status_code, raw.headers.get("content-type")) == (operation.status, media)
    paged = hasattr(raw.parsed, "rows")
    assert (whole_page(raw.parsed, operation.answer) if paged else plain(raw.parsed)) == operation.answer


@in_turn
def test_documented_errors(operation: Documented, mode: Mode, prism: ServePrism, wire: Wire) -> None:
    forward = forward_to_prism(prism(SPECS[operation.spec]).url)
    wanted = 0
    # With this header Prism answers with the example of that status.
    recorder = wire(lambda request: forward(replace(request, headers=(*request.headers, ("Prefer", f"code={wanted}")))))

    async def scenario() -> None:
        nonlocal wanted
        async with client_for(mode, operation, recorder.url, max_retries=0) as client:
            for wanted, example in operation.errors.items():
                recorder.clear()
                with pytest.raises(ERRORS[wanted]) as caught:
                    await answer_of(method_of(client, operation)(**arguments_of(operation)), operation.answer)
                assert_on_the_wire(recorder.only(), operation)
                assert_documented(caught.value, operation, wanted, example)

    run(mode, scenario)
    assert wanted in operation.errors


def assert_documented(error: APIStatusError, operation: Documented, status: int, example: Any) -> None:
    assert (error.status_code, json.loads(error.body or b"")) == (status, example)
    # What is neither a word nor an identifier may be personal, and is not shown.
    path = re.sub(r"[^/]*%[^/]*|(?<=/)[0-9]+(?=/|$)", "...", operation.path)
    assert (error.method, error.path, error.operation) == (operation.method, path, operation.id)
    assert error.code == (str(example["code"]) if "code" in example else None)
    assert error.vendor_message == example["message"]
    assert example["message"] in str(error)


@in_turn
def test_generated_functions_alone(operation: Documented, mode: Mode, prism: ServePrism, wire: Wire) -> None:
    recorder = wire(forward_to_prism(prism(SPECS[operation.spec]).url))
    package, module = PACKAGES[operation.spec], module_of(operation)
    places = {(field.location, field.wire_name): field.name for field in module.OPERATION.fields}
    arguments = {places[each.place, each.name]: each.value for each in operation.parameters}
    if operation.media:
        name = module.sync.__annotations__["body"].partition(" | ")[0]
        arguments["body"] = getattr(import_module(f"{package.__name__}.models"), name).from_dict(operation.body)

    # How these packages are used without a facade: a client, and a function for each operation.
    def alone() -> Any:
        if operation.credential:
            return package.AuthenticatedClient(recorder.url, TOKEN)
        return package.Client(recorder.url)

    async def scenario() -> list[Any]:
        async with alone() as client:
            return [
                await module.asyncio(client=client, **arguments),
                await module.asyncio_detailed(client=client, **arguments),
            ]

    if mode == "sync":
        with alone() as client:
            plainly, detailed = [each(client=client, **arguments) for each in (module.sync, module.sync_detailed)]
    else:
        plainly, detailed = run(mode, scenario)
    assert plain(plainly) == plain(detailed.parsed) == operation.answer
    assert detailed.status_code == operation.status
    assert (json.loads(detailed.content) if detailed.content else None) == operation.answer
    assert len(recorder.requests) == 2
    for request in recorder.requests:
        assert (request.method, request.path, request.query) == (operation.method, operation.path, operation.query)
        assert request.body == operation.content
        assert request.header("Content-Type") == operation.media
        for name in ("token", "Authorization"):
            prefix = operation.credential[1] if operation.credential and operation.credential[0] == name else None
            assert request.header(name) == (None if prefix is None else prefix + TOKEN)
        for parameter in operation.of("header"):
            assert request.header(parameter.name) == parameter.value


# That the above can fail: Prism refuses whatever is not as documented.


def broken(operation: Documented) -> list[tuple[str, Documented]]:
    """An operation with one mistake at a time."""
    cases: list[tuple[str, Documented]] = []
    for parameter in operation.parameters:
        wrong: Any = "XX" + "0" * 32
        schema = parameter.schema
        if parameter.place in {"path", "query"} and refuses_strings(operation.document, schema):
            cases.append((parameter.name, with_value(operation, parameter.name, wrong)))
    for name, schema in operation.members.items():
        # A text will do for neither an enumeration nor an object, and an object for nothing else.
        wrong = "unheard-of" if "enum" in schema or "object" in schema.get("type", ()) else {"un": "documented"}
        if operation.media == "application/json" and name in operation.body:
            cases.append((name, replace(operation, body={**operation.body, name: wrong})))
    for name in operation.needed:
        body = {key: value for key, value in operation.body.items() if key != name}
        cases.append((f"no {name}", replace(operation, body=body)))
    return cases


def refuses_strings(document: Any, schema: Any) -> bool:
    """Whether a schema, or that of the items, says more than that it is a string."""
    schema = resolved(document, schema)
    if schema.get("type") == "array":
        return refuses_strings(document, schema["items"])
    return bool({"pattern", "format", "enum"} & set(schema)) or schema.get("type") in {"integer", "number", "boolean"}


def with_value(operation: Documented, name: str, value: Any) -> Documented:
    parameters = (
        replace(each, value=[value] if isinstance(each.value, list) else value) if each.name == name else each
        for each in operation.parameters
    )
    return replace(operation, parameters=tuple(parameters))


@every_operation
def test_prism_refuses_what_is_not_documented(operation: Documented, prism: ServePrism) -> None:
    forward = forward_to_prism(prism(SPECS[operation.spec]).url)
    passed = [name for name, case in broken(operation) if forward(request_of(case)).status not in {400, 422}]
    assert passed == []


def request_of(operation: Documented) -> RecordedRequest:
    """The documented request of an operation, made without any client."""
    headers = [("Accept", "application/json")]
    headers += [("Content-Type", operation.media)] if operation.media else []
    headers += [(operation.credential[0], operation.credential[1] + TOKEN)] if operation.credential else []
    headers += [(each.name, each.value) for each in operation.of("header")]
    target = operation.path + (f"?{operation.query}" if operation.query else "")
    return RecordedRequest(operation.method, target, tuple(headers), operation.content)


@pytest.mark.parametrize("spec", SPECS)
def test_prism_refuses_a_call_without_token(spec: str, prism: ServePrism) -> None:
    forward = forward_to_prism(prism(SPECS[spec]).url)
    secured = [operation for operation in operations(spec) if operation.credential]
    assert secured
    for operation in secured:
        assert forward(request_of(replace(operation, credential=None))).status == 401, operation


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


def test_the_recorder_changes_nothing(prism: ServePrism, wire: Wire) -> None:
    # What Prism answers is the example of the spec, so that comparing with it says something of the client.
    for spec in SPECS:
        forward = forward_to_prism(prism(SPECS[spec]).url)
        recorder = wire(forward)
        recorded = forward_to(recorder.url)
        for operation in operations(spec):
            answers = [each(request_of(operation)) for each in (forward, recorded)]
            for answer in answers:
                assert answer.status == operation.status, f"{operation}: {answer.body!r}"
                assert (json.loads(answer.body) if answer.body else None) == operation.answer
