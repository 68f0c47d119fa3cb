"""What docs/downstream.md promises to a package of your own, tried with that of examples/downstream-sdk."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from regenerator.__main__ import main as regenerate

import invigilate
from invigilate import (
    UNSET,
    InvalidArgumentError,
    InvalidSidError,
    OutcomeUnknownError,
    Pager,
    ResponseDecodeError,
    parse_sid,
)
from tests.support.fakes import EXAM, INSTALL, SESSION, TOKEN, Reply, Script

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "downstream-sdk"
ROOM = "NR" + "0123456789abcdef" * 2
OTHER = "AI" + "f" * 32


@pytest.fixture(scope="module")
def northfield() -> Any:
    """The package of the example, from its source."""
    sys.path.insert(0, str(EXAMPLE / "src"))
    try:
        return importlib.import_module("northfield_proctoring")
    finally:
        sys.path.remove(str(EXAMPLE / "src"))


def client_of(northfield: Any, script: Script) -> Any:
    """A client of the example whose requests a script answers; the example's own constructor takes no transport."""

    class Scripted(northfield.Northfield):  # type: ignore[misc]
        __init__ = invigilate.SmarterProctoring.__init__

    return Scripted(TOKEN, INSTALL, base_url="https://gateway.example", max_retries=0, transport=script)


def test_what_is_committed_is_what_the_script_makes(capsys: pytest.CaptureFixture[str]) -> None:
    spec, output = EXAMPLE / "openapi" / "northfield.yaml", EXAMPLE / "src"
    command = ["--spec", str(spec), "--package", "northfield_client", "--output", str(output)]
    code = regenerate([*command, "--check"])
    assert code == 0, f"{capsys.readouterr().out}\nrun ./scripts/regenerate {' '.join(command)}"


def test_it_is_bound_by_public_names_alone() -> None:
    public = {
        "invigilate": set(invigilate.__all__),
        "invigilate.sandbox": {"Sandbox", "faults"},
    }
    used: dict[str, set[str]] = {}
    for path in [*EXAMPLE.glob("src/northfield_proctoring/*.py"), *EXAMPLE.glob("tests/*.py"), EXAMPLE / "reserve.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "invigilate":
                used.setdefault(str(node.module), set()).update(alias.name for alias in node.names)
            assert not (isinstance(node, ast.Import) and any("invigilate" in alias.name for alias in node.names))
    assert {"Resource", "RawView", "operation", "SmarterProctoring"} <= used["invigilate"]
    assert [(module, sorted(names - public[module])) for module, names in used.items() if names - public[module]] == []


def test_each_view_has_a_lazy_resource_of_its_own_and_shares_a_kept_one(northfield: Any) -> None:
    class Kept(northfield.Northfield):  # type: ignore[misc]
        @functools.cached_property
        def kept(self) -> Any:
            return northfield.Rooms(self)

    assert Kept.kept is not None
    client = Kept(TOKEN, INSTALL, base_url="https://gateway.example")
    assert client.kept is client.kept
    view = client.for_install(OTHER)
    assert client.rooms is client.rooms
    assert view.rooms._client is view
    # The trap that the page warns of: calls of the view would use the install of the first client.
    assert view.kept._client is client
    client.close()


def test_calls_without_a_resource(northfield: Any) -> None:
    rooms = importlib.import_module("northfield_client.api.rooms")
    seat = {"roomSid": ROOM, "seat": 3, "doorCode": "1"}
    room = {"sid": ROOM, "name": "One", "building": "arts", "seats": 1}
    page = {"total": 1, "results": [room]}
    script = Script(Reply(body=page), Reply(201, seat))
    client = client_of(northfield, script)
    pager = client.pages(rooms.list_rooms.describe(building="arts"))
    assert isinstance(pager, Pager)
    assert [row.name for row in pager] == ["One"]
    call = rooms.reserve_seat.describe(exam_sid=EXAM, session_sid=SESSION, room_sid=ROOM, needs="quiet")
    assert client.execute(call).to_dict() == seat
    path = f"https://gateway.example/northfield/v1/installs/{INSTALL}/exams/{EXAM}/sessions/{SESSION}/seat"
    assert [(sent.method, sent.url) for sent in script.sent] == [
        ("GET", "https://gateway.example/northfield/v1/rooms?building=arts"),
        ("POST", path),
    ]
    assert script.sent[1].json() == {"roomSid": ROOM, "needs": "quiet"}
    assert script.sent[1].header("token") == TOKEN


def test_unset_is_the_same_for_every_package(northfield: Any) -> None:
    script = Script(Reply(body={"sid": SESSION}), Reply(body={"total": 0, "results": []}))
    client = client_of(northfield, script)
    missing = client.exam_sessions.get(exam_sid=EXAM, session_sid=SESSION).notes
    assert missing is UNSET
    assert client.rooms.list(building=missing, minimum_seats=UNSET, free_at=UNSET).collect() == []
    assert [sent.query for sent in script.sent] == [[], []]


def test_undecodable_responses_are_the_errors_of_invigilate(northfield: Any) -> None:
    client = client_of(northfield, Script(Reply(201, b"<html>"), Reply(body=b"<html>"), Reply(body={"rows": []})))
    with pytest.raises(OutcomeUnknownError, match="not JSON"):
        client.rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room_sid=ROOM)
    with pytest.raises(ResponseDecodeError, match="not JSON"):
        client.rooms.list().collect()
    with pytest.raises(ResponseDecodeError, match="no list `results`"):
        client.rooms.list().collect()


def test_responses_keep_fields_that_the_document_does_not_have(northfield: Any) -> None:
    seat = {"roomSid": ROOM, "seat": "12b", "doorCode": None, "floor": 2}
    client = client_of(northfield, Script(Reply(201, seat)))
    found = client.rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room_sid=ROOM)
    assert json.dumps(found.to_dict(), sort_keys=True) == json.dumps(seat, sort_keys=True)
    assert found.additional_properties == {"floor": 2}


def test_kinds_of_sids_of_its_own(northfield: Any) -> None:
    client = client_of(northfield, Script(Reply(201, {})))
    with pytest.raises(InvalidSidError, match="exam_sid and room_sid seem to be swapped"):
        client.rooms.reserve_seat(exam_sid=ROOM, session_sid=SESSION, room_sid=EXAM)
    with pytest.raises(InvalidSidError):
        parse_sid(ROOM)


def test_check_refuses_the_error_of_another_operation(northfield: Any) -> None:
    client = client_of(northfield, Script(Reply(502, b"")))
    with pytest.raises(OutcomeUnknownError) as caught:
        client.rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room_sid=ROOM)
    with pytest.raises(InvalidArgumentError, match="error"):
        client.exam_sessions.check(caught.value)
