"""The reports of scripted changes, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reporter import rendering
from reporter.report import Report

from tests.golden.reports.scripted import CHANGES, FORMS, HERE, SPECS, make_base, of_pair, pairs, report

# Change -> the next version, and whether it breaks callers.
EXPECTED = {
    "renamed-field": ("0.2.0", True),
    "required-parameter": ("0.2.0", True),
    "narrower-field": ("0.1.1", False),
    "removed-operation": ("0.2.0", True),
    "enum-value": ("0.1.1", False),
    "new-endpoint": ("0.1.1", False),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("reports")
    make_base(folder / "base", folder / "released")
    return folder / "base", folder / "released"


@pytest.fixture(scope="module", params=sorted(CHANGES))
def made(
    request: pytest.FixtureRequest, base: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Report]:
    name: str = request.param
    return name, report(name, *base, tmp_path_factory.mktemp(name) / "tree")


@pytest.mark.parametrize("suffix", sorted(FORMS))
def test_the_report_is_what_is_kept(made: tuple[str, Report], suffix: str) -> None:
    name, found = made
    kept = (HERE / f"{name}.{suffix}").read_bytes()
    assert FORMS[suffix](found).encode() == kept, (
        "if the change of the report is meant: PYTHONPATH=scripts .venv/bin/python -m tests.golden.reports.scripted"
    )


def test_the_version_follows(made: tuple[str, Report]) -> None:
    name, found = made
    assert (found.following, found.breaking) == EXPECTED[name]
    assert (found.base, found.current) == ("0.1.0", "0.1.0")


def test_each_change_is_told_once(made: tuple[str, Report]) -> None:
    """Specification, client call, generated functions and models: one change."""
    _, found = made
    told = [change for change in found.changes if change.area not in {"documentation"}]
    told = [change for change in told if not change.area.startswith("released")]
    assert len(told) == (3 if made[0] == "narrower-field" else 1)


def test_a_break_is_noticed_by_what_was_kept(made: tuple[str, Report]) -> None:
    name, found = made
    held = {change.area for change in found.changes if change.kind == "fails" and change.breaking}
    assert held == ({"released types", "released calls"} if EXPECTED[name][1] and not found.unimportable else set())


def test_what_a_narrower_type_or_the_sandbox_says_is_not_judged(made: tuple[str, Report]) -> None:
    """Whether the sandbox was taught the change first decides nothing."""
    name, found = made
    held = [change.name for change in found.changes if change.kind == "fails" and not change.breaking]
    programs = "public_calls.py: test_the_sandbox_has_results and 1 more"
    expected = {"narrower-field": ["accepted.py:17", programs], "renamed-field": [programs]}
    assert held == expected.get(name, [])


# Pair of specifications -> the part of the version that it raises, and how many changes break callers.
EXPECTED_OF_PAIRS = {
    "narrower-request": ("major", 14),
    "narrower-response": ("minor", 0),
    "narrower-webhook": ("patch", 0),
    "renamed-header": ("major", 1),
    "renamed-scheme": ("patch", 0),
    "servers": ("major", 1),
    "unused-schema": ("patch", 0),
    # A timestamp that becomes a string no longer takes a `datetime`.
    "wider-request": ("major", 1),
    # May be null, may be missing, and other types; not: other values of an enum.
    "wider-response": ("major", 4),
}


@pytest.mark.parametrize("name", EXPECTED_OF_PAIRS)
def test_the_report_of_a_pair_of_specifications(name: str) -> None:
    found = of_pair(name)
    assert rendering.as_text(found) == (SPECS / f"{name}.txt").read_text(encoding="utf-8")
    assert (found.following, sum(bool(change.breaking) for change in found.changes)) == EXPECTED_OF_PAIRS[name]


def test_nothing_else_is_kept() -> None:
    assert pairs() == sorted(EXPECTED_OF_PAIRS)
    files = {f"{name}{suffix}" for name in pairs() for suffix in (".before.yaml", ".after.yaml", ".txt")}
    assert {path.name for path in SPECS.iterdir()} == files
    kept = {path.name for path in HERE.iterdir() if path.is_file()}
    reports = {f"{name}.{suffix}" for name in CHANGES for suffix in FORMS}
    assert kept == reports | {"accepted.py", "public_calls.py", "scripted.py"}
    for path in HERE.glob("*.json"):
        assert set(json.loads(path.read_text(encoding="utf-8"))) == {
            *("base", "current", "next", "breaking", "changes", "changelog", "notes", "specification", "unimportable")
        }
