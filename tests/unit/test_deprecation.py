"""Deprecations, as a package uses them that renames an operation, an argument and two of its own functions."""

from __future__ import annotations

import ast
import asyncio
import importlib
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

import invigilate
from invigilate import AsyncSmarterProctoring, SmarterProctoring, operation
from invigilate._deprecation import deprecated, renamed_argument
from tests.support.fakes import EXAM, INSTALL, SESSION, TOKEN, Reply, Script

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "downstream-sdk"
ROOM = "NR" + "0123456789abcdef" * 2
PAGE = {"total": 1, "results": [{"sid": ROOM, "name": "One", "building": "arts", "seats": 1}]}
SEAT = {"roomSid": ROOM, "seat": 1, "doorCode": "1"}
FORM = re.compile(r"use .+ instead of .+, which is removed in (\d+\.\d+)")


@pytest.fixture(scope="module")
def renamed() -> Any:
    """The resource of the next version of the example: `find` is now `list`, and `room` is now `room_sid`."""
    sys.path.insert(0, str(EXAMPLE / "src"))
    try:
        northfield: Any = importlib.import_module("northfield_proctoring")
        rooms = importlib.import_module("northfield_client.api.rooms")
    finally:
        sys.path.remove(str(EXAMPLE / "src"))

    class Rooms(northfield.Rooms):  # type: ignore[misc]
        find = operation(
            lambda: deprecated("use list instead of find, which is removed in 1.2")(rooms.list_rooms.describe)
        )
        reserve_seat = operation(
            lambda: renamed_argument("room", "room_sid", removed_in="1.2")(rooms.reserve_seat.describe)
        )

        @deprecated("use list().first() instead of any_room, which is removed in 1.2")
        def any_room(self) -> Any:
            return self.list().first()

        @deprecated("use list().first() instead of wait_for_room, which is removed in 1.2")
        async def wait_for_room(self) -> Any:
            return await self.list().first()

    return Rooms


def shown(caught: pytest.WarningsRecorder) -> tuple[str, str, str]:
    """The message of the only warning, and the file and source line that it points to."""
    (warning,) = caught.list
    assert warning.category is DeprecationWarning
    line = Path(warning.filename).read_text(encoding="utf-8").splitlines()[warning.lineno - 1]
    return str(warning.message), Path(warning.filename).name, line.strip()


def sync_rooms(renamed: Any, *steps: Reply) -> Any:
    return renamed(SmarterProctoring(TOKEN, INSTALL, base_url="https://gateway.example", transport=Script(*steps)))


def async_rooms(renamed: Any, *steps: Reply) -> Any:
    return renamed(AsyncSmarterProctoring(TOKEN, INSTALL, base_url="https://gateway.example", transport=Script(*steps)))


def test_a_renamed_operation(renamed: Any) -> None:
    with pytest.warns(DeprecationWarning, match="instead of") as caught:
        pager = sync_rooms(renamed, Reply(body=PAGE)).find(building="arts")
    assert [room.name for room in pager] == ["One"]
    assert shown(caught) == (
        "use list instead of find, which is removed in 1.2",
        "test_deprecation.py",
        'pager = sync_rooms(renamed, Reply(body=PAGE)).find(building="arts")',
    )


def test_a_renamed_argument(renamed: Any) -> None:
    rooms = sync_rooms(renamed, Reply(201, SEAT))
    with pytest.warns(DeprecationWarning, match="instead of") as caught:
        seat = rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room=ROOM)
    assert seat.room_sid == ROOM
    assert shown(caught) == (
        "use room_sid instead of room, which is removed in 1.2",
        "test_deprecation.py",
        "seat = rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room=ROOM)",
    )


def test_a_renamed_argument_of_a_raw_call(renamed: Any) -> None:
    rooms = sync_rooms(renamed, Reply(201, SEAT))
    with pytest.warns(DeprecationWarning, match="instead of") as caught:
        response = rooms.with_raw_response.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room=ROOM)
    assert response.status_code == 201
    assert shown(caught)[2].startswith("response = ")


def test_a_renamed_argument_without_blocking(renamed: Any) -> None:
    async def main() -> Any:
        rooms = async_rooms(renamed, Reply(201, SEAT))
        # The line of the call, not that of the event loop that runs it.
        task = asyncio.create_task(rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room=ROOM))
        return await task

    with pytest.warns(DeprecationWarning, match="instead of") as caught:
        assert asyncio.run(main()).seat == 1
    assert shown(caught)[1:] == (
        "test_deprecation.py",
        "task = asyncio.create_task(rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room=ROOM))",
    )


def test_renamed_methods(renamed: Any) -> None:
    with pytest.warns(DeprecationWarning, match="instead of") as caught:
        room = sync_rooms(renamed, Reply(body=PAGE)).any_room()
    assert room.name == "One"
    assert shown(caught)[2] == "room = sync_rooms(renamed, Reply(body=PAGE)).any_room()"

    async def main() -> Any:
        later = async_rooms(renamed, Reply(body=PAGE)).wait_for_room()
        return await asyncio.gather(later)

    with pytest.warns(DeprecationWarning, match="instead of") as caught:
        (room,) = asyncio.run(main())
    assert room.name == "One"
    assert shown(caught)[2] == "later = async_rooms(renamed, Reply(body=PAGE)).wait_for_room()"


def test_new_names_do_not_warn(renamed: Any) -> None:
    rooms = sync_rooms(renamed, Reply(201, SEAT), Reply(body=PAGE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room_sid=ROOM).seat == 1
        assert rooms.list().first().name == "One"


def test_both_names_at_once_raise(renamed: Any) -> None:
    rooms = sync_rooms(renamed, Reply(201, SEAT))
    with (
        pytest.warns(DeprecationWarning, match="instead of"),
        pytest.raises(TypeError, match="multiple values for keyword argument 'room_sid'"),
    ):
        rooms.reserve_seat(exam_sid=EXAM, session_sid=SESSION, room=ROOM, room_sid=ROOM)


def test_warnings_point_past_this_library() -> None:
    @deprecated("use new instead of old, which is removed in 1.2")
    def old() -> None: ...

    # As if a module of this library, called by another, called it; and a module without a name.
    inner: dict[str, Any] = {"__name__": "invigilate._inner", "old": old}
    exec(compile("def call():\n    old()\n", "inner", "exec"), inner)
    outer: dict[str, Any] = {"__name__": "invigilate.sub.outer", "call": inner["call"]}
    exec(compile("def call_it():\n    call()\n", "outer", "exec"), outer)
    with pytest.warns(DeprecationWarning, match="instead of") as caught:
        outer["call_it"]()
    assert shown(caught)[2] == 'outer["call_it"]()'
    with pytest.warns(DeprecationWarning, match="instead of") as caught:
        exec(compile("old()", "nameless", "exec"), {"old": old})
    assert caught.list[0].filename == "nameless"


def test_names_and_docstrings_are_kept() -> None:
    def new(*, count: int = 1) -> int:
        """Count."""
        return count

    decorators: list[Callable[..., Any]] = [
        deprecated("use that instead of new, which is removed in 1.2"),
        renamed_argument("number", "count", removed_in="1.2"),
    ]
    for decorate in decorators:
        function = decorate(new)
        assert (function.__name__, function.__doc__, function.__wrapped__) == ("new", "Count.", new)


PROGRAM = """
from invigilate._deprecation import deprecated, renamed_argument

class Rooms:
    @deprecated("use list instead of find, which is removed in 1.2")
    def find(self) -> int:
        return 1

    @deprecated("use wait instead of wait_long, which is removed in 1.2")
    async def wait_long(self) -> int:
        return 1

    @renamed_argument("room", "room_sid", removed_in="1.2")
    def reserve(self, *, room_sid: str) -> int:
        return 1

number: int = Rooms().reserve(room_sid="a")
Rooms().find()
Rooms().wait_long
Rooms().reserve(room="a")
"""


def test_type_checkers_report_them(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    lines = PROGRAM.splitlines()
    command = [sys.executable, "-m", "mypy", "--strict", "--enable-error-code=deprecated", "--no-pretty", str(program)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.findall(r"^.*program\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert [(lines[int(number) - 1], bool(FORM.search(text))) for number, text in found] == [
        ("Rooms().find()", True),
        ("Rooms().wait_long", True),
        ('Rooms().reserve(room="a")', False),
    ], done.stdout
    assert 'Unexpected keyword argument "room"' in found[2][1]


def deprecations(source: str) -> list[str]:
    """The messages of the deprecations of a module."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "deprecated":
                found.append(ast.literal_eval(node.args[0]))
            elif node.func.id == "renamed_argument":
                old, new, until = map(ast.literal_eval, [*node.args, *(option.value for option in node.keywords)])
                found.append(f"use {new} instead of {old}, which is removed in {until}")
    return found


def test_every_deprecation_names_its_removal_and_none_is_overdue() -> None:
    source = '@deprecated("use a instead of b, which is removed in 9.1")\ndef b(): ...\n'
    source += 'c = operation(renamed_argument("d", "e", removed_in="9.2")(f))\n'
    assert deprecations(source) == [
        "use a instead of b, which is removed in 9.1",
        "use e instead of d, which is removed in 9.2",
    ]
    for path in (ROOT / "facade").rglob("*.py"):
        for message in deprecations(path.read_text(encoding="utf-8")):
            match = FORM.fullmatch(message)
            assert match, f"{path.name}: {message}"
            assert Version(invigilate.__version__) < Version(match[1]), f"{path.name}: remove it now: {message}"
