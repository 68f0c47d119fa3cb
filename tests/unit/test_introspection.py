"""What editors, `help()`, `dir()` and mocks find in a client, and what creating one costs."""

from __future__ import annotations

import inspect
import pydoc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any
from unittest.mock import create_autospec

import pytest

from invigilate import (
    AsyncISpringLearn,
    AsyncSmarterProctoring,
    ISpringLearn,
    Lazy,
    Resource,
    SmarterProctoring,
    operation,
)
from smarterproctoring_client.api.exam_sessions import schedule_exam_session
from tests.support.bound import CLIENTS, reachable
from tests.support.fakes import EXAM, INSTALL, SESSION, TOKEN, Reply, Script, proctoring, schedule

CLASSES: list[type[Any]] = [kind for pair in CLIENTS.values() for kind in pair]


def client_of(kind: type[Any]) -> Any:
    return kind("token", transport=Script(Reply(200, {})))


def session_call(client: Any) -> Any:
    return client.exam_sessions.get


def string_call(client: Any) -> Any:
    return client.exam_sessions.reschedule


def raw_call(client: Any) -> Any:
    return client.exam_sessions.with_raw_response.get


def paged_call(client: Any) -> Any:
    return client.reports.service_distribution


def raw_paged_call(client: Any) -> Any:
    return client.reports.with_raw_response.service_distribution


ROW, SESSION_TYPE = "ServiceDistributionRow", "ExamSession"


@pytest.mark.parametrize(
    ("kind", "find", "returned"),
    [
        (SmarterProctoring, session_call, SESSION_TYPE),
        (SmarterProctoring, string_call, "str"),
        (SmarterProctoring, raw_call, f"RawResponse[{SESSION_TYPE}]"),
        (SmarterProctoring, paged_call, f"Pager[{ROW}]"),
        (SmarterProctoring, raw_paged_call, f"RawResponse[Page[{ROW}]]"),
        (AsyncSmarterProctoring, session_call, f"Coroutine[Any, Any, {SESSION_TYPE}]"),
        (AsyncSmarterProctoring, string_call, "Coroutine[Any, Any, str]"),
        (AsyncSmarterProctoring, raw_call, f"Coroutine[Any, Any, RawResponse[{SESSION_TYPE}]]"),
        (AsyncSmarterProctoring, paged_call, f"AsyncPager[{ROW}]"),
        (AsyncSmarterProctoring, raw_paged_call, f"Coroutine[Any, Any, RawResponse[Page[{ROW}]]]"),
    ],
)
def test_signature_and_help_of_a_call_show_what_it_returns(
    kind: type[Any], find: Callable[[Any], Any], returned: str
) -> None:
    call = find(client_of(kind))
    assert inspect.signature(call).return_annotation == returned
    lines = pydoc.plain(pydoc.render_doc(call)).splitlines()
    assert lines[2].startswith(f"{call.__name__}(*, ")
    assert lines[2].endswith(f") -> '{returned}'")


def test_every_call_of_every_client_shows_what_it_returns() -> None:
    seen = 0
    for kind in CLASSES:
        client = client_of(kind)
        for resource, method in reachable(client).values():
            for holder in (getattr(client, resource), getattr(client, resource).with_raw_response):
                returned = inspect.signature(getattr(holder, method)).return_annotation
                assert isinstance(returned, str)
                assert "Call[" not in returned, f"{resource}.{method}"
                seen += 1
    assert seen >= 88


def test_the_generated_function_keeps_its_own_signature() -> None:
    _ = client_of(SmarterProctoring).exam_sessions.schedule
    _ = client_of(AsyncSmarterProctoring).exam_sessions.schedule
    assert inspect.signature(schedule_exam_session.describe).return_annotation == "Call[ExamSession]"


@pytest.mark.parametrize("kind", CLASSES)
def test_dir_of_a_client_and_its_resources_shows_no_internals(kind: type[Any]) -> None:
    client = client_of(kind)
    shared = {"base_url", "close", "connections", "execute", "pages", "paginate", "request", "with_options"}
    own = {"for_install", "install_sid"} if "Smarter" in kind.__name__ else {"account_url"}
    resources = {resource for resource, _ in reachable(client).values()}
    assert {name for name in dir(client) if not name.startswith("__")} == shared | own | resources
    for name in resources:
        calls = {method for resource, method in reachable(client).values() if resource == name}
        found = {each for each in dir(getattr(client, name)) if not each.startswith("__")}
        assert found - {"check", "wait"} == {"with_raw_response", *calls}


class Mine(SmarterProctoring):
    """A subclass without a constructor of its own."""


@pytest.mark.parametrize("kind", [*CLASSES, Mine])
def test_a_wrong_keyword_of_a_constructor_names_the_class(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match=rf"^{kind.__name__}\(\) got an unexpected keyword argument 'tokens'$"):
        kind(tokens="a")


def test_a_mock_of_a_client_has_its_resources_and_their_calls() -> None:
    for kind in CLASSES:
        mock = create_autospec(kind, instance=True)
        for resource, method in reachable(client_of(kind)).values():
            call = getattr(getattr(mock, resource), method)
            call.return_value = "booked"
            assert call(exam_sid="a") == "booked"
            call.assert_called_once_with(exam_sid="a")
    mock = create_autospec(SmarterProctoring, instance=True)
    with pytest.raises(AttributeError, match="nothing"):
        _ = mock.nothing
    with pytest.raises(AttributeError, match="nothing"):
        _ = mock.exam_sessions.nothing
    with pytest.raises(TypeError, match="base"):
        mock.with_options(base="x")


# Lazy resources


def client_class(number: int, created: list[str]) -> type[SmarterProctoring]:
    """A client class with so many resources more."""

    class Room(Resource[Any]):
        get = operation(lambda: schedule_exam_session.describe)

        def __init__(self, client: Any, *, raw: bool = False) -> None:
            super().__init__(client, raw=raw)
            created.append(type(self).__name__)

    resources: dict[str, Any] = {f"room_{index}": Lazy(Room) for index in range(number)}
    made: type[SmarterProctoring] = type("Many", (SmarterProctoring,), resources)
    return made


def calls_during(work: Callable[[], object]) -> int:
    """Count the calls of functions, of Python and of C."""
    counted = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def test_creating_a_client_costs_the_same_whatever_the_number_of_its_resources() -> None:
    created: list[str] = []
    few, many = client_class(20, created), client_class(500, created)
    transport = Script(Reply(200, {"sid": SESSION}))

    def create(kind: type[SmarterProctoring]) -> Callable[[], object]:
        return lambda: kind(TOKEN, INSTALL, transport=transport).with_options(max_retries=0).for_install(INSTALL)

    for kind in (few, many):
        create(kind)()  # what is imported late, is imported now
    assert calls_during(create(few)) == calls_during(create(many)) > 0
    assert created == []


def test_a_resource_is_created_on_first_use_and_once() -> None:
    created: list[str] = []
    client: Any = client_class(3, created)(TOKEN, INSTALL, transport=Script(Reply(200, {"sid": SESSION})))
    assert created == []
    assert client.room_1.get(exam_sid=EXAM, session_sid=SESSION).sid == SESSION
    assert client.room_1 is client.room_1
    assert created == ["Room"]
    # A view has its own.
    view = client.for_install("AI" + "f" * 32)
    assert created == ["Room"]
    assert view.room_1 is not client.room_1
    assert created == ["Room", "Room"]


def test_calls_of_a_view_are_those_of_the_view() -> None:
    server = Script(Reply(200, {"sid": SESSION}))
    client = proctoring(server)
    other = "AI" + "f" * 32
    schedule(client)
    schedule(client.for_install(other))
    schedule(client)
    assert [sent.url.split("/")[5] for sent in server.sent] == [INSTALL, other, INSTALL]


# Settings


def test_the_settings_of_a_client_can_be_read() -> None:
    client = proctoring(Script(Reply(200, {})), base_url="https://gateway.example.com/proctoring//")
    assert (client.base_url, client.install_sid) == ("https://gateway.example.com/proctoring", INSTALL)
    assert client.with_options(timeout=1).base_url == client.base_url
    other = "AI" + "f" * 32
    assert (client.for_install(other).install_sid, client.install_sid) == (other, INSTALL)
    assert SmarterProctoring("t").install_sid is None
    assert SmarterProctoring("t", environment="development").base_url == "https://api.dev.smarterproctoring.com"
    learner = ISpringLearn("t", account_url="https://own.ispringlearn.com")
    assert learner.account_url == "https://own.ispringlearn.com"
    assert (ISpringLearn("t").account_url, ISpringLearn("t").base_url) == (None, "https://api-learn.ispringlearn.com")
    for name in ("base_url", "install_sid"):
        with pytest.raises(AttributeError):
            setattr(client, name, "x")


def test_the_repr_names_the_install() -> None:
    other = "AI" + "f" * 32
    assert repr(proctoring(Script(Reply(200, {}))).for_install(other)) == (
        f"<SmarterProctoring https://api.smarterproctoring.com, install_sid='{other}'>"
    )
    assert repr(SmarterProctoring("canary")) == "<SmarterProctoring https://api.smarterproctoring.com>"
    assert repr(AsyncISpringLearn("canary", account_url="https://a.example")) == (
        "<AsyncISpringLearn https://api-learn.ispringlearn.com, account_url='https://a.example'>"
    )
