"""Seeded edits of saved pages are found: all that a format shows. See tests/pages/edits.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from capturer.specification import Spec

from tests.pages.edits import PAGES, edits_of, pages, run


def test_a_few_edits_of_our_own_pages_are_found() -> None:
    own = [(page, specs) for page, specs in pages() if page.parent == PAGES]
    assert {page.suffix for page, _ in own} == {".txt", ".md"}
    result = run(own, count=60, seed=1)
    assert result.made.total() == 60
    assert (result.missed, result.refused) == ([], [])


@pytest.mark.weekly
@pytest.mark.parametrize("chosen", pages(), ids=lambda chosen: chosen[0].name)
def test_all_edits_are_found(chosen: tuple[Path, list[Spec]]) -> None:
    result = run([chosen], count=None, seed=1)
    assert result.made.total() > 150
    assert (result.missed, result.refused) == ([], [])


def test_edits_of_the_vendors_pages_are_found() -> None:
    if not os.environ.get("INVIGILATE_PAGES"):
        pytest.skip("INVIGILATE_PAGES names no folder of saved pages")
    result = run(pages(), count=500, seed=1)
    assert (result.missed, result.refused) == ([], [])


def test_edits_are_of_many_kinds_and_each_changes_the_page() -> None:
    for page, _ in pages():
        text = page.read_text("utf-8")
        edits = edits_of(text)
        assert len({kind for kind, _, _ in edits}) > 15
        assert text not in {edited for _, _, edited in edits}


def test_a_comparison_that_overlooks_something_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that an edit can be missed."""
    monkeypatch.setattr("capturer.comparison.same", lambda one, other: True)
    result = run(pages()[:2], count=60, seed=1)
    assert len(result.missed) > 10
    assert "missed: " in str(result)
