"""The rules of a release, as functions of values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.version import Version
from releaser import archives, changelog, index, installation, record, surface
from releaser.process import Failed, Refused, run
from releaser.repository import checked_version
from twine import repository, utils

from invigilate._apis import APIS

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
        (FIRST, "0.1.0", "no date but unreleased"),
        (FIRST, "0.2.0", "no section [0.2.0]"),
        (FIRST.replace(" - unreleased", ""), "0.1.0", "no date but nothing"),
        (FIRST.replace("unreleased", "2026-02-30"), "0.1.0", "no date but 2026-02-30"),
        (FIRST.replace("unreleased", "20260304"), "0.1.0", "no date but 20260304"),
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

RULES = """
# comment
wheel  package/**        src/package/**
wheel  {info}/LICENSE    LICENSE
wheel  {info}/RECORD     built
wheel  package/py.typed  required
sdist  *.md              *.md
"""
FILES = {"src/package/a.py": b"a", "src/package/py.typed": b"", "LICENSE": b"free", "A.md": b"# A", "B.md": b"# B"}
WHEEL = {"package/a.py": b"a", "package/py.typed": b"", "p-1.dist-info/LICENSE": b"free", "p-1.dist-info/RECORD": b""}


def found_problems(kind: str, found: dict[str, bytes], root: Path, files: dict[str, bytes]) -> list[str]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    rules = archives.rules(RULES, kind, "p-1.dist-info")
    return archives.problems(rules, found, root, [Path(name) for name in files])


def test_contents_as_listed(tmp_path: Path) -> None:
    assert found_problems("wheel", WHEEL, tmp_path, FILES) == []
    assert found_problems("sdist", {"A.md": b"# A", "B.md": b"# B"}, tmp_path, FILES) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"package/a.py": None}, ["missing: package/a.py"]),
        ({"p-1.dist-info/RECORD": None}, ["missing: p-1.dist-info/RECORD"]),
        ({"package/secret.env": b"x"}, ["not on the list: package/secret.env"]),
        ({"package/a.py": b"b"}, ["not as in the repository: package/a.py"]),
        ({"package/a.py": None, "a.py": b"a"}, ["missing: package/a.py", "not on the list: a.py"]),
    ],
)
def test_contents_that_are_not_as_listed(tmp_path: Path, change: dict[str, bytes | None], says: list[str]) -> None:
    found = {name: content for name, content in {**WHEEL, **change}.items() if content is not None}
    assert found_problems("wheel", found, tmp_path, FILES) == says


def test_what_is_required_may_not_go_from_the_repository_either(tmp_path: Path) -> None:
    fewer = {name: content for name, content in FILES.items() if not name.endswith("py.typed")}
    found = {name: content for name, content in WHEEL.items() if not name.endswith("py.typed")}
    assert found_problems("wheel", found, tmp_path, fewer) == ["missing: package/py.typed"]


def test_a_rule_for_each_api() -> None:
    text = "wheel {package}/py.typed required\nsdist openapi/{spec}.yaml required\nwheel a required\n"
    wheel = archives.rules(text, "wheel", "x", APIS)
    assert [rule.member for rule in wheel] == [*(f"{api.package}/py.typed" for api in APIS), "a"]
    assert [rule.member for rule in archives.rules(text, "sdist", "x", APIS)] == [
        f"openapi/{api.spec}.yaml" for api in APIS
    ]


def test_the_list_itself_is_well_formed() -> None:
    text = archives.CONTENTS.read_text(encoding="utf-8")
    for kind in ("sdist", "wheel"):
        assert len(archives.rules(text, kind, "x.dist-info", APIS)) > 10
    with pytest.raises(Refused, match=r"contents\.txt:1: expected"):
        archives.rules("wheel only-two\n", "wheel", "x.dist-info")


# --------------------------------------------------------------------------------------------------------------- index


@pytest.mark.parametrize(
    ("repository_url", "index_url", "says"),
    [
        ("https://a.example/", None, "go together"),
        (None, "https://a.example/simple/", "go together"),
        ("https://me:secret@a.example/", "https://a.example/simple/", "--repository-url contains credentials"),
        ("https://a.example/", "https://me@a.example/simple/", "--index-url contains credentials"),
        ("http://a.example/", "https://a.example/simple/", "http is only for this machine"),
        ("a.example", "https://a.example/simple/", "--repository-url: expected a URL like"),
        ("file:///index", "https://a.example/simple/", "--repository-url: expected a URL like"),
    ],
)
def test_where_nothing_is_uploaded_to(repository_url: str | None, index_url: str | None, says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        index.target(repository_url, index_url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("own", [utils.DEFAULT_REPOSITORY, utils.TEST_REPOSITORY, repository.WAREHOUSE_WEB])
def test_what_trusts_publishers_takes_no_password(own: str) -> None:
    other = "https://a.example/simple/"
    for pair in ((own, other), (other, own), (own.upper(), other)):
        with pytest.raises(Refused, match="accepts uploads with trusted publishing only"):
            index.target(*pair)


def test_the_default_repository_is_twines_own() -> None:
    where = index.target(None, None)
    assert where.repository_url is None
    assert "--repository-url" not in index.command(where, Path("x.whl"))
    own = index.target("http://127.0.0.1:8080/", "http://127.0.0.1:8080/simple")
    assert own.index_url == "http://127.0.0.1:8080/simple/"
    assert index.command(own, Path("x.whl"))[-3:] == ("--repository-url", "http://127.0.0.1:8080/", Path("x.whl"))


ACTIONS = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://a.example/"}


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "trusted publishing only"),
        ({"GITHUB_ACTIONS": "true"}, "trusted publishing only"),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": "https://a.example/"}, "trusted publishing only"),
        ({**ACTIONS, "TWINE_PASSWORD": "secret"}, "TWINE_PASSWORD must not be set"),
        ({**ACTIONS, "TWINE_PASSWORD": "secret", "TWINE_USERNAME": "me"}, "TWINE_PASSWORD and TWINE_USERNAME must not"),
    ],
)
def test_who_may_not_upload_to_the_default_repository(environment: dict[str, str], says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        index.check_publisher(index.target(None, None), environment)
    assert "secret" not in str(caught.value)


def test_who_may_upload() -> None:
    index.check_publisher(index.target(None, None), ACTIONS)
    own = index.target("https://a.example/", "https://a.example/simple/")
    index.check_publisher(own, {"TWINE_USERNAME": "me", "TWINE_PASSWORD": "secret"})
    with pytest.raises(Refused, match=r"^TWINE_PASSWORD must be set"):
        index.check_publisher(own, {"TWINE_USERNAME": "me"})
    with pytest.raises(Refused, match=r"^TWINE_USERNAME and TWINE_PASSWORD must be set"):
        index.check_publisher(own, {})


def test_credentials_go_only_where_they_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = {
        "TWINE_USERNAME": "me",
        "TWINE_PASSWORD": "secret",
        "TWINE_REPOSITORY": "elsewhere",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://a.example/",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "asked",
    }
    for name, value in everything.items():
        monkeypatch.setenv(name, value)
    default = index.credentials(index.target(None, None), everything)
    assert {name for name in default if name in everything} == {name for name in everything if name.startswith("ACT")}
    own = index.credentials(index.target("https://a.example/", "https://a.example/simple/"), everything)
    assert {name for name in own if name in everything} == {"TWINE_USERNAME", "TWINE_PASSWORD"}
    assert default["PYTHON_KEYRING_BACKEND"] == own["PYTHON_KEYRING_BACKEND"] == "keyring.backends.null.Keyring"


def test_what_is_still_to_be_uploaded(tmp_path: Path) -> None:
    sdist, wheel = tmp_path / "p-1.0.0.tar.gz", tmp_path / "p-1.0.0-py3-none-any.whl"
    sdist.write_bytes(b"sdist")
    wheel.write_bytes(b"wheel")
    built = [sdist, wheel]
    there: dict[str, str | None] = {path.name: record.digest(path) for path in built}
    assert index.missing(built, {}) == built
    assert index.missing(built, {sdist.name: there[sdist.name]}) == [wheel]
    assert index.missing(built, there) == []
    with pytest.raises(Refused, match="with other bytes: choose another version"):
        index.missing(built, {**there, wheel.name: "0" * 64})
    with pytest.raises(Refused, match="without a hash"):
        index.missing(built, {wheel.name: None})
    with pytest.raises(Refused, match=r"has p-1\.0\.0-cp311-cp311-linux\.whl, not from this build"):
        index.missing(built, {**there, "p-1.0.0-cp311-cp311-linux.whl": "0" * 64})


# -------------------------------------------------------------------------------------------------------------- record


def made(folder: Path) -> record.Record:
    names = {"sdist": "p-1.0.0.tar.gz", "wheel": "p-1.0.0-py3-none-any.whl", "sbom": "p-1.0.0.cdx.json"}
    for name in names.values():
        (folder / name).write_text(name)
    files = tuple(record.describe(folder / name, kind) for kind, name in names.items())
    whole = record.Record("p", "1.0.0", "c" * 40, 1, None, files, ("3.11.1",), (), {}, record.tools())
    (folder / record.NAME).write_text(whole.text())
    return whole


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    whole = made(tmp_path)
    assert record.read(tmp_path) == whole
    assert [path.name for path in whole.distributions(tmp_path)] == ["p-1.0.0.tar.gz", "p-1.0.0-py3-none-any.whl"]


def test_a_record_that_is_not_of_these_files(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"release\.json is missing: nothing was built"):
        record.read(tmp_path)
    made(tmp_path)
    (tmp_path / "p-1.0.0.tar.gz").write_text("another")
    with pytest.raises(Refused, match=r"p-1\.0\.0\.tar\.gz is not the file that was built"):
        record.read(tmp_path)
    (tmp_path / "p-1.0.0.tar.gz").unlink()
    with pytest.raises(Refused, match=r"p-1\.0\.0\.tar\.gz is missing"):
        record.read(tmp_path)


@pytest.mark.parametrize("name", ["../p-1.0.0.tar.gz", "p-2.0.0.tar.gz", "other-1.0.0.tar.gz"])
def test_a_record_names_only_what_a_release_is_called(tmp_path: Path, name: str) -> None:
    text = made(tmp_path).text().replace('"p-1.0.0.tar.gz"', json.dumps(name))
    (tmp_path / record.NAME).write_text(text)
    with pytest.raises(Refused, match=r"does not name one sdist, one wheel and one bill of materials of p-1\.0\.0"):
        record.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1}'])
def test_a_record_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / record.NAME).write_text(text)
    with pytest.raises(Refused, match="cannot be read"):
        record.read(tmp_path)


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
