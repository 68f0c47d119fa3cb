"""Every operation says whole where it was taken from, and nothing in a spec is left to be decided."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from capturer.captured import capture_problems
from capturer.specification import Operation, load_specs

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "openapi").glob("*.yaml"))
OPERATIONS = [operation for spec in load_specs(SPECS) for operation in spec.operations()]

GOOD: dict[str, Any] = {
    "page": "https://docs.ferries.example/crossings",
    "date": "2026-01-02",
    "extent": "partial",
    "unseen": {"response 200": "all"},
    "notes": ["The page was cut off."],
}


def test_there_are_operations_of_both_specs() -> None:
    assert len(OPERATIONS) >= 22
    assert {operation.spec.name for operation in OPERATIONS} == {"smarterproctoring.yaml", "ispring-learn.yaml"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_capture_is_complete(operation: Operation) -> None:
    assert capture_problems(operation.capture) == []


@pytest.mark.parametrize("file", SPECS, ids=lambda file: file.name)
def test_nothing_is_left_to_be_decided(file: Path) -> None:
    """What scripts/capture marks must not reach a spec."""

    def marked(node: Any, place: str = "") -> Iterator[str]:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            if str(value).startswith("TODO") or str(key).startswith("TODO"):
                yield f"{place} {key}"
            yield from marked(value, f"{place} {key}")

    assert list(marked({"a": [{"b": "TODO"}]})) == [" a 0 b"]
    assert list(marked(yaml.safe_load(file.read_text("utf-8")))) == []


def test_a_good_capture_has_no_problem() -> None:
    assert capture_problems(GOOD) == []
    assert capture_problems({**GOOD, "date": datetime.date(2026, 1, 2)}) == []
    full = {name: value for name, value in GOOD.items() if name not in {"unseen", "notes"}} | {"extent": "full"}
    assert capture_problems(full) == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("page", None, "page must"),
        ("page", "", "page must"),
        ("page", "TODO", "page must"),
        ("page", "http://docs.ferries.example/crossings", "page must"),
        ("page", "https://docs.ferries.example/", "page must"),
        ("page", "https://localhost/crossings", "page must"),
        ("page", "https://docs.ferries.example/a b", "page must"),
        ("page", "https://me:pw@docs.ferries.example/a", "page must"),
        ("page", "https://[docs/a", "page must"),
        ("date", None, "date must be a day"),
        ("date", "02.01.2026", "date must be a day"),
        ("date", "20260102", "date must be a day"),
        ("date", "2026-02-30", "date must be a day"),
        ("date", "2026-01-04", "date must not be in the future"),
        ("extent", None, "extent must"),
        ("extent", "most", "extent must"),
        ("extent", "full", "unseen is not allowed"),
        ("notes", None, "notes must be a list"),
        ("notes", [], "notes is required"),
        ("notes", "cut off", "notes must be a list"),
        ("notes", [" "], "notes must be a list"),
        ("unseen", {}, "unseen is required"),
        ("author", "me", "author is not a field"),
    ],
)
def test_what_is_missing_or_wrong_is_told(name: str, value: Any, problem: str) -> None:
    problems = capture_problems({**GOOD, name: value}, today=datetime.date(2026, 1, 3))
    assert len([text for text in problems if text.startswith(problem)]) == 1, problems


@pytest.mark.parametrize("name", GOOD)
def test_each_member_is_needed(name: str) -> None:
    assert capture_problems({key: value for key, value in GOOD.items() if key != name})


def test_today_is_the_latest_day_anywhere() -> None:
    latest = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=14)).date()
    assert capture_problems({**GOOD, "date": latest.isoformat()}) == []
    after = latest + datetime.timedelta(days=2)
    assert capture_problems({**GOOD, "date": after.isoformat()})
