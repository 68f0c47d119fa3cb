"""The rules of a release, as functions of values."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version
from releaser import archives, changelog, installation, surface
from releaser.process import Failed, Refused, run
from releaser.repository import checked_version

# ----------------------------------------------------------------------------------------------------------- changelog

FIRST = (
    "# Changelog\n\nWhat it is.\n\n## [Unreleased]\n\nNothing yet.\n\n## [0.1.0] - unreleased\n\n### Added\n\n- A.\n"
)
LATER = FIRST.replace("Nothing yet.", "### Added\n\n- B.").replace("- unreleased", "- 2026-01-02")


def test_a_section_that_is_there_is_dated() -> None:
    dated = changelog.dated(FIRST, "0.1.0", "2026-03-04", "not used")
    assert dated == FIRST.replace("- unreleased", "- 2026-03-04")
    assert changelog.problem(dated, "0.1.0") is None


def test_what_is_unreleased_becomes_the_section() -> None:
    dated = changelog.dated(LATER, "0.2.0", "2026-03-04", "not used")
    head = "# Changelog\n\nWhat it is.\n\n## [Unreleased]\n\nNothing yet.\n\n## [0.2.0] - 2026-03-04\n\n"
    assert dated == f"{head}### Added\n\n- B.\n\n## [0.1.0] - 2026-01-02\n\n### Added\n\n- A.\n"


def test_the_draft_becomes_the_section_where_nobody_wrote_one() -> None:
    dated = changelog.dated(FIRST, "0.2.0", "2026-03-04", "### Changed\n\n- C.\n")
    assert "\n## [Unreleased]\n\nNothing yet.\n\n## [0.2.0] - 2026-03-04\n\n### Changed\n\n- C.\n\n## [0.1.0]" in dated


@pytest.mark.parametrize("text", [FIRST, LATER])
def test_dating_twice_changes_nothing_and_keeps_the_date(text: str) -> None:
    once = changelog.dated(text, "0.2.0", "2026-03-04", "- C.")
    assert changelog.dated(once, "0.2.0", "2027-01-01", "- other") == once


@pytest.mark.parametrize(
    ("text", "version", "says"),
    [
        (FIRST, "0.2.0", "no known changes"),
        (LATER, "0.1.0", r"text under \[Unreleased\] and under \[0.1.0\]"),
        (FIRST.replace("### Added\n\n- A.\n", ""), "0.1.0", "is empty"),
        (FIRST.replace("Unreleased", "Next"), "0.1.0", r"no section \[Unreleased\]"),
        (FIRST + FIRST, "0.1.0", "has 2 sections"),
    ],
)
def test_what_cannot_be_dated(text: str, version: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        changelog.dated(text, version, "2026-03-04", "")


@pytest.mark.parametrize(
    ("text", "version", "says"),
    [
        (FIRST, "0.1.0", "is dated 'unreleased'"),
        (FIRST, "0.2.0", "no section [0.2.0]"),
        (FIRST.replace(" - unreleased", ""), "0.1.0", "has no date"),
        (FIRST.replace("unreleased", "2026-02-30"), "0.1.0", "is dated '2026-02-30'"),
        (FIRST.replace("unreleased", "20260304"), "0.1.0", "is dated '20260304'"),
        (FIRST.replace("### Added\n\n- A.\n", ""), "0.1.0", "is empty"),
    ],
)
def test_what_cannot_be_released(text: str, version: str, says: str) -> None:
    assert says in str(changelog.problem(text, version))


# ------------------------------------------------------------------------------------------------------------- version


@pytest.mark.parametrize("text", ["0.1.0", "1.2.3", "0.2.0rc1", "10.0.0"])
def test_versions(text: str) -> None:
    assert checked_version(text, "here") == text


@pytest.mark.parametrize(
    "text", ["", "one", "1.0", "v1.0.0", "1.0.0-rc1", "1.0.0+local", "01.0.0", "1.0.0.0", " 1.0.0"]
)
def test_versions_that_are_none(text: str) -> None:
    with pytest.raises(Refused, match=r"^here: "):
        checked_version(text, "here")


@pytest.mark.parametrize(
    ("version", "base"),
    [("0.1.0", None), ("0.1.1", "0.1.0"), ("0.2.0", "0.1.1"), ("0.11.0", "0.10.0"), ("0.2.0rc1", "0.1.1")],
)
def test_the_base_is_the_newest_release_below(version: str, base: str | None) -> None:
    # That of a pre-release is none: what 0.11.0rc1 may contain, 0.11.0 may.
    records = [Version(text) for text in ("0.11.0rc1", "0.10.0", "0.2.0", "0.2.0.dev1", "0.1.1", "0.1.0")]
    assert surface.base_of(version, records) == base


@pytest.mark.parametrize(
    ("version", "lowest", "fine"),
    [
        ("0.1.1", "0.1.1", True),
        ("0.2.0", "0.1.1", True),
        ("0.1.1", "0.2.0", False),
        ("0.2.0", "0.2.0", True),
        ("0.2.0rc1", "0.2.0", True),
        ("0.1.1rc1", "0.2.0", False),
        ("1.9.0", "2.0.0", False),
        ("0.1.1", "0.1.0", True),
    ],
)
def test_a_version_must_be_high_enough(version: str, lowest: str, fine: bool) -> None:
    report = surface.Report("0.1.0", lowest, ("parameter x removed: it is gone",) * 12, "")
    problem = surface.problem(version, report)
    assert (problem is None) is fine
    if problem is not None:
        assert problem.startswith(f"{version} cannot follow 0.1.0: these changes need {lowest} or later\n")
        assert problem.count("parameter x removed: it is gone") == 10
        assert "and 2 more" in problem


# ------------------------------------------------------------------------------------------------------------ contents

FILES = {"facade/p/__init__.py": b"a", "facade/p/py.typed": b"", "generated/q/__init__.py": b"b", "README.md": b"# A"}
WHEEL = {"p/__init__.py": b"a", "p/py.typed": b"", "p-1.dist-info/RECORD": b"built"}


def wheel(folder: Path, content: dict[str, bytes]) -> Path:
    path = folder / "p-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as opened:
        for name, data in content.items():
            opened.writestr(name, data)
    return path


def sdist(folder: Path, content: dict[str, bytes]) -> Path:
    path = folder / "p-1.0.0.tar.gz"
    with tarfile.open(path, "w:gz") as opened:
        for name, data in content.items():
            member = tarfile.TarInfo(f"p-1.0.0/{name}")
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
        if not content:
            member = tarfile.TarInfo("p-1.0.0/link")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/hosts"
            opened.addfile(member)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(content)
    return tmp_path / "tree"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, []),
        ({"p/__init__.py": b"b"}, ["not as in the repository: p/__init__.py"]),
        ({"q/__init__.py": b"b"}, ["without py.typed: q"]),
    ],
)
def test_what_other_tools_do_not_find_in_a_wheel(
    tmp_path: Path, tree: Path, change: dict[str, bytes], says: list[str]
) -> None:
    assert archives.problems(wheel(tmp_path, WHEEL | change), tree) == says


def test_what_other_tools_do_not_find_in_an_sdist(tmp_path: Path, tree: Path) -> None:
    assert archives.problems(sdist(tmp_path, {**FILES, "PKG-INFO": b"built"}), tree) == []
    assert archives.problems(sdist(tmp_path, FILES | {"README.md": b"# B"}), tree) == [
        "not as in the repository: README.md"
    ]
    with pytest.raises(Refused, match=r"p-1\.0\.0/link is not a file"):
        archives.problems(sdist(tmp_path, {}), tree)


# ---------------------------------------------------------------------------------------------------------- the others


def test_the_first_example_is_the_one_with_its_output_below() -> None:
    page = "```console\nx\n```\n\n```python\na = 1\n```\n\ntext\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n"
    with pytest.raises(Refused, match="no Python example"):
        installation.first_example(page.replace("```text", "```"))
    assert installation.first_example(page) == ("print(1)\n", "1\n")


def test_a_failing_program_shows_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"(?s)sh -c .*failed with exit code 7:\n  one\n  two"):
        run("sh", "-c", "echo one; echo two >&2; exit 7", cwd=tmp_path)
    with pytest.raises(Failed, match="cannot be run"):
        run("no-such-program", cwd=tmp_path)
    with pytest.raises(Failed, match=r"timed out after 0 s"):
        run("sleep", "60", cwd=tmp_path, timeout=0.1)
