"""The list of mutants that survive; ./scripts/mutants compares it with what it finds."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_list_names_modules_and_tests_that_exist_and_gives_reasons() -> None:
    listed = tomllib.loads((ROOT / "tests/mutants.toml").read_text(encoding="utf-8"))
    paths = [ROOT / "facade" / f"{name.replace('.', '/')}.py" for name in listed]
    paths += [ROOT / "tests/unit" / test for known in listed.values() for test in known["tests"]]
    assert [path for path in paths if not path.is_file()] == []
    groups = [group for known in listed.values() for group in known.get("survivors", ())]
    assert all(group["reason"].endswith(".") and group["mutants"] for group in groups)
