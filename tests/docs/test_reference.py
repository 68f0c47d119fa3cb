"""The generated reference: it has everything, says it in words, and its links lead somewhere."""

from __future__ import annotations

import inspect
import posixpath
import re
from pathlib import Path

import pytest
from docrender.calls import calls
from docsite import reference
from docsite.catalog import Entry, entries
from docsite.page import Page
from docsite.types import in_words

import invigilate
from invigilate import export, sandbox
from invigilate.smarterproctoring import sids
from tests.support.documented import ALL

DOCS = Path(__file__).resolve().parents[2] / "docs"
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {page.path: page for page in reference.pages()}


def test_pages_are_the_same_bytes_twice(pages: dict[str, Page]) -> None:
    assert list(reference.pages()) == list(pages.values())


def test_every_operation_has_a_page(pages: dict[str, Page]) -> None:
    found = [(entry.api.spec, entry.operation.id) for entry in entries() if entry.path in pages]
    assert sorted(found) == sorted(each.key for each in ALL)
    assert all(page.summary and "\n" not in page.summary for page in pages.values())


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: str(entry.call))
def test_a_page_has_everything(entry: Entry, pages: dict[str, Page]) -> None:
    text, operation = pages[entry.path].text, entry.operation
    assert text.startswith(f"# {entry.call}\n")
    for part in (f"`{operation.method} {operation.path}`", f"`{operation.id}`", operation.documentation):
        assert part in text
    assert f"**Idempotent:** {'Yes' if operation.idempotent else 'No'}. {entry.node['x-idempotent']['reason']}" in text
    assert ("OutcomeUnknownError" in text) is not operation.idempotent
    for name in inspect.signature(entry.describe).parameters:
        assert f"\n| `{name}`" in text
    for note in entry.node["x-capture"]["notes"]:
        assert " ".join(note.split()) in text
    for field in operation.fields:
        assert all(f"`{value}`" in text for value in field.enum)


def test_types_are_in_words(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert not re.search(r"Literal\[|\bUnset\b|\| None", page.text), page.path


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("str | Unset", "`str`"),
        ("list[str] | None | Unset", "list of `str`, or `None`"),
        ("Literal['a', 'b'] | Unset", "`str`"),
        ("list[ExamFile | Mapping[str, Any]]", "list of `ExamFile` or mapping"),
        ("float | Decimal | None", "`float`, `Decimal`, or `None`"),
        ("Any", "any JSON value"),
        ("list[R]", "list of rows"),
    ],
)
def test_a_type_in_words(annotation: str, words: str) -> None:
    assert in_words(annotation) == words


def test_every_public_class_has_a_page(pages: dict[str, Page]) -> None:
    for module in (invigilate, export, sandbox, sids):
        for name in module.__all__:
            if not name.startswith("_") and inspect.isclass(getattr(module, name)):
                assert f"reference/classes/{name}.md" in pages, name


def test_what_pages_import_exists(pages: dict[str, Page]) -> None:
    for page in pages.values():
        if page.path.startswith("reference/classes/"):
            for line in re.findall(r"^from \S+ import \w+$", page.text, re.MULTILINE):
                exec(line, {})


def test_links_lead_somewhere(pages: dict[str, Page]) -> None:
    for page in pages.values():
        for target in _LINK.findall(page.text):
            if "://" not in target:
                path = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), target.partition("#")[0]))
                assert path in pages or (DOCS / path).is_file(), f"{page.path}: {target}"


def test_the_table_of_calls_links_to_the_pages(pages: dict[str, Page]) -> None:
    text = (DOCS / reference.CALLS).read_text(encoding="utf-8")
    assert calls() in text
    linked = reference.rendered(text)
    targets = [target for target in _LINK.findall(reference.linked_calls()) if target in pages]
    assert sorted(targets) == sorted(entry.path for entry in entries())
    assert "| captured |" in calls()
    assert "captured" not in reference.linked_calls()
    assert reference.linked_calls() in linked
    assert reference.rendered(linked) == linked


def test_a_tab_of_curl_names_the_variables_that_it_needs(pages: dict[str, Page]) -> None:
    text = pages["reference/ispring/users/get.md"].text
    assert (
        "Set `ISPRING_BASE_URL` and `ISPRING_ACCESS_TOKEN` first: see [With curl](../../../credentials.md#with-curl)."
        in text
    )
    for entry in entries():
        assert pages[entry.path].text.count(" first: see [With curl](") == 1, entry.path
