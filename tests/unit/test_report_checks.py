"""What the checks of a release say, and where old names are still used."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from regenerator.unbinding import stale
from reporter import checking, uses
from reporter.changes import Change

FAILED = Change("fails", "released calls", "public_calls.py: test_a", True, "AttributeError: no 'title' here")


@pytest.mark.parametrize(
    ("message", "narrower"),
    [
        ('Expression is of type "str", not "str | Unset | None"  [assert-type]', True),
        ('Expression is of type "list[str]", not "list[str | None]"  [assert-type]', True),
        ('Expression is of type "str | None", not "str"  [assert-type]', False),
        ('Expression is of type "str", not "Any"  [assert-type]', False),
        ('"assert_type" mismatch: expected "str | None" but received "str"', True),
        ('"assert_type" mismatch: expected "str" but received "bytes"', False),
        ('"ExamSession" has no attribute "x"  [attr-defined]', False),
    ],
)
def test_narrower_types(message: str, narrower: bool) -> None:
    assert checking._is_narrower(message) is narrower


def test_failures_of_one_cause_are_one_entry() -> None:
    """They mention the same name that is gone, or say the same but for a port or an address."""
    other = replace(FAILED, name="public_calls.py: test_b", reason="TypeError: unexpected argument 'title'")
    ports = [
        replace(FAILED, name=f"public_calls.py: {port}", reason=f"ConnectError: 127.0.0.1:{port}")
        for port in (40001, 40002)
    ]
    found = checking._by_cause([FAILED, other, *ports], {"title"})
    assert [one.name for one in found] == ["public_calls.py: test_a and 1 more", "public_calls.py: 40001 and 1 more"]
    assert found[0].where == ("public_calls.py: test_b",)
    assert len(checking._by_cause([FAILED, other], set())) == 2
    assert len(checking._by_cause([FAILED, replace(FAILED, breaking=False)], {"title"})) == 2


def test_programs_that_use_the_sandbox() -> None:
    source = """
def sandbox(): ...
def client(sandbox): ...
def test_a(client): ...
def test_b(): ...
async def test_c():
    with Sandbox() as served: ...
"""
    assert checking._served(ast.parse(source)) == {"sandbox", "client", "test_a", "test_c"}


def test_old_names_are_found_where_code_has_them(tmp_path: Path) -> None:
    files = {
        "facade/a.py": "result.old_name\n",
        "tests/b.py": "call(old_name=1)\nold_name = 2\n",
        "examples/c.py": "x['oldName']\n",
        "docs/d.md": "The field `oldName`, and oldNames.\n",
        "tests/released/0.1.0/e.py": "result.old_name\n",
        "docs/f.txt": "oldName\n",
        "generated/g.py": "result.old_name\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    change = Change("renamed", "field", "Thing.old_name", True, "", uses=("old_name", "oldName"))
    (found,) = uses.located(tmp_path, [change], [])
    assert found.uses == ("facade/a.py:1", "tests/b.py:1", "examples/c.py:1", "docs/d.md:1")
    server = Change("removed", "specification", "the server", True, "", uses=("oldNames",))
    assert uses.located(tmp_path, [server], [])[0].uses == ("docs/d.md:1",)
    assert uses.located(tmp_path, [replace(change, uses=())], [])[0].uses == ()


def test_bindings_without_an_operation(tmp_path: Path) -> None:
    folder = tmp_path / "facade/invigilate/shop"
    folder.mkdir(parents=True)
    (folder / "resources.py").write_text(
        "from shop_client.api import (\n    books,\n    pens,\n)\n\n\nclass Books:\n"
        "    get = operation(lambda: books.get_book.describe)\n"
        "    list = operation(lambda: books.list_books.describe)\n"
    )
    (tmp_path / "generated/shop_client/api/books").mkdir(parents=True)
    (tmp_path / "generated/shop_client/api/books/get_book.py").touch()
    assert stale(tmp_path) == [
        "facade/invigilate/shop/resources.py:3: pens,",
        "facade/invigilate/shop/resources.py:9: list = operation(lambda: books.list_books.describe)",
    ]
