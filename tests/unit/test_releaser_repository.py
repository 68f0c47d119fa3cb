"""What a release reads from a repository and writes into it, and that docs/releasing.md tells it as it is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packaging.version import Version
from pythons import trial
from releaser import preparation, surface
from releaser.__main__ import main, unready
from releaser.process import Failed, Refused
from releaser.repository import Repository

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\nNothing yet.\n\n## [0.1.0] - unreleased\n\n- A.\n"
PROJECT = """\
[project]
name = "p"
classifiers = [
    "Programming Language :: Python :: 3",
    "Programming Language :: Python :: 3 :: Only",
    "Programming Language :: Python :: 3.11",
    "Programming Language :: Python :: 3.14",
]

[tool.hatch.metadata.hooks.custom]
repository = "https://github.com/owner/p"
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A small repository with one commit. What scripts/reporter keeps of it is one file."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.invalid")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000000 +0100")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    root = tmp_path / "repository"
    (root / "facade" / "invigilate").mkdir(parents=True)
    (root / "facade" / "invigilate" / "_version.py").write_text('"""The version."""\n\n__version__ = "0.1.0"\n')
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    (root / "pyproject.toml").write_text(PROJECT)
    (root / ".gitignore").write_text("/build/\n/dist/\n")
    found = Repository(root)
    found.git("init", "--quiet")
    commit(found)

    def keep(repository: Repository, version: str, folder: Path) -> None:
        folder.mkdir()
        (folder / "surface.json").write_text(f"{version} of {repository.version}")

    monkeypatch.setattr(surface, "record", keep)
    return found


def commit(repository: Repository) -> None:
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--allow-empty", "--message", "A commit")


def content(repository: Repository) -> dict[str, str]:
    return {file.as_posix(): (repository.root / file).read_text() for file in repository.files()}


def reports(monkeypatch: pytest.MonkeyPatch, following: str) -> list[str]:
    """Let the report say which version follows. Gives the releases that it is asked to compare with."""
    asked: list[str] = []

    def compare(repository: Repository, base: str) -> surface.Report:
        asked.append(base)
        return surface.Report(base, following, ("function f removed: it is gone",), "### Removed\n\n- `f`.\n")

    monkeypatch.setattr(surface, "compare", compare)
    return asked


def test_what_a_repository_says(repository: Repository) -> None:
    repository.check_is_top()
    assert (repository.version, repository.epoch) == ("0.1.0", 1700000000)
    assert trial.supported(repository.root) == ["3.11", "3.14"]
    assert re.fullmatch(r"[0-9a-f]{40}", repository.commit)
    assert (repository.changes(), repository.records(), repository.tagged("0.1.0")) == ([], [], None)
    (repository.root / "new.md").write_text("new")
    (repository.root / "dist").mkdir()
    (repository.root / "dist" / "ignored").write_text("")
    # Whatever the user's git shows.
    repository.git("config", "status.showUntrackedFiles", "no")
    assert repository.changes() == ["?? new.md"]
    assert Path("new.md") in repository.files()
    assert Path("dist/ignored") not in repository.files()
    repository.git("tag", "--annotate", "--message", "It", "v0.1.0")
    repository.git("tag", "vendor")
    assert repository.tagged("0.1.0") == repository.commit
    assert repository.version_tags_here() == ["v0.1.0"]


def test_a_folder_that_is_no_repository_of_its_own(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not the top of its git repository"):
        Repository(repository.root / "facade").check_is_top()
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(Refused, match="not a git repository with a commit"):
        Repository(tmp_path / "elsewhere").check_is_top()
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "elsewhere")], check=True)
    with pytest.raises(Refused, match="not a git repository with a commit"):
        Repository(tmp_path / "elsewhere").check_is_top()


@pytest.mark.parametrize("text", ["", "__version__ = '0.1.0'\n", '__version__ = "0.1"\n', '__version__ = "x"\n'])
def test_a_version_file_that_names_no_version(repository: Repository, text: str) -> None:
    (repository.root / "facade" / "invigilate" / "_version.py").write_text(text)
    with pytest.raises(Refused, match=r"_version\.py: expected a |_version\.py: 'x' is not a version"):
        assert repository.version


def test_the_first_release_is_prepared_and_ready(repository: Repository) -> None:
    assert len(unready(repository)) == 1
    preparation.prepare(repository, None, "2026-03-04")
    assert [path.as_posix() for path in repository.files() if path.parts[0] == "tests"] == [
        "tests/released/0.1.0/surface.json"
    ]
    assert "## [0.1.0] - 2026-03-04\n\n- A.\n" in content(repository)["CHANGELOG.md"]
    assert unready(repository) == ["2 files differ from the commit, including CHANGELOG.md"]
    commit(repository)
    assert unready(repository) == []
    assert repository.records() == [Version("0.1.0")]


def test_a_release_links_to_the_repository_that_it_is_made_in(repository: Repository) -> None:
    commit(repository)
    here = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "owner/p"}
    links = "the links of the release would lead to https://github.com/owner/p"
    assert not [line for line in unready(repository, here) if line.startswith(links)]
    (line,) = [line for line in unready(repository, {**here, "GITHUB_REPOSITORY": "fork/p"}) if links in line]
    assert line.endswith("but this repository is https://github.com/fork/p")


@pytest.mark.parametrize(("tag", "fine"), [("v0.1.0", True), ("v0.1.1", False), ("vendor", False)])
def test_the_tag_that_starts_the_workflow_is_that_of_the_version(
    repository: Repository, tag: str, *, fine: bool
) -> None:
    started = {"GITHUB_ACTIONS": "true", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": tag}
    said = f"the workflow runs for the tag {tag}, but its version is 0.1.0"
    assert (said in unready(repository, started)) is not fine
    assert said not in unready(repository, {**started, "GITHUB_REF_TYPE": "branch"})


@pytest.mark.parametrize("at", ["the record", "the changelog"])
def test_a_preparation_that_was_interrupted_is_run_again(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    reports(monkeypatch, "0.2.0")
    preparation.prepare(repository, None, "2026-03-04")
    commit(repository)
    repository.git("tag", "v0.1.0")
    commit(repository)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((surface, "record") if at == "the record" else (preparation, "replace")), fail)
        with pytest.raises(KeyboardInterrupt):
            preparation.prepare(repository, None, "2026-03-05")
    assert repository.version == "0.2.0"
    assert repository.records() == [Version("0.1.0")]
    preparation.prepare(repository, None, "2026-03-05" if at == "the changelog" else "2026-04-01")
    assert content(repository)["tests/released/0.2.0/surface.json"] == "0.2.0 of 0.2.0"
    assert "## [0.2.0] - 2026-03-05\n\n### Removed\n\n- `f`.\n" in content(repository)["CHANGELOG.md"]
    whole = content(repository)
    preparation.prepare(repository, None, "2026-05-01")
    assert content(repository) == whole
    assert list((repository.root / "build").iterdir()) == []


def test_what_is_compared_with_what(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    preparation.prepare(repository, None, "2026-03-04")
    commit(repository)
    # Without a tag it is still being prepared, and there is nothing before it.
    asked = reports(monkeypatch, "0.1.1")
    preparation.prepare(repository, None, None)
    assert (asked, repository.version) == ([], "0.1.0")
    # With one it is released, and the next version follows.
    repository.git("tag", "v0.1.0")
    commit(repository)
    preparation.prepare(repository, None, None)
    assert (asked, repository.version) == (["0.1.0"], "0.1.1")
    # What changed meanwhile can raise it before it is released; what was prepared is then in the way.
    asked = reports(monkeypatch, "0.2.0")
    with pytest.raises(Refused, match=r"0\.1\.1 is prepared and has no tag here, so 0\.2\.0 cannot be prepared"):
        preparation.prepare(repository, None, None)
    repository.git("checkout", "--quiet", "--", ".")
    repository.git("clean", "--quiet", "-d", "--force", "tests")
    preparation.prepare(repository, None, None)
    assert (asked, repository.version) == (["0.1.0", "0.1.0"], "0.2.0")


@pytest.mark.parametrize(
    ("wanted", "date", "says"),
    [
        ("0.1.1", None, "0.1.1 cannot follow 0.1.0: these changes need 0.2.0 or later"),
        ("0.1.0", None, "v0.1.0 is the tag of another commit: that version is released"),
        ("v0.2.0", None, "--version: expected a version like"),
    ],
)
def test_what_is_not_prepared(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, wanted: str, date: str | None, says: str
) -> None:
    preparation.prepare(repository, None, "2026-03-04")
    commit(repository)
    repository.git("tag", "v0.1.0")
    commit(repository)
    reports(monkeypatch, "0.2.0")
    with pytest.raises(Refused, match=re.escape(says)):
        preparation.prepare(repository, wanted, date)
    assert repository.changes() == []


def test_where_nothing_changed_the_version_must_be_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparation.prepare(repository, None, "2026-03-04")
    commit(repository)
    repository.git("tag", "v0.1.0")
    commit(repository)
    reports(monkeypatch, "0.1.0")
    with pytest.raises(Refused, match=r"nothing changed for callers since 0\.1\.0"):
        preparation.prepare(repository, None, None)
    # A fix is said in the changelog, and is a patch.
    path = repository.root / "CHANGELOG.md"
    path.write_text(path.read_text().replace("Nothing yet.", "### Fixed\n\n- F."))
    preparation.prepare(repository, None, "2026-03-05")
    assert repository.version == "0.1.1"
    assert "## [0.1.1] - 2026-03-05\n\n### Fixed\n\n- F.\n" in content(repository)["CHANGELOG.md"]


def test_a_tag_on_this_commit_is_a_release(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    preparation.prepare(repository, None, "2026-03-04")
    commit(repository)
    repository.git("tag", "v0.1.0")
    reports(monkeypatch, "0.1.0")
    with pytest.raises(Refused, match=r"nothing changed for callers since 0\.1\.0"):
        preparation.prepare(repository, None, None)
    with pytest.raises(Refused, match=r"v0\.1\.0 is the tag of this commit: that version is released"):
        preparation.prepare(repository, "0.1.0", None)


@pytest.mark.parametrize("wanted", [None, "0.1.1"])
def test_what_was_released_is_not_recorded_anew(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, wanted: str | None
) -> None:
    preparation.prepare(repository, None, "2026-03-04")
    commit(repository)
    repository.git("tag", "v0.1.0")
    (repository.root / "tests" / "released" / "0.1.0" / "surface.json").write_text("of another tree")
    commit(repository)
    reports(monkeypatch, "0.1.1")
    with pytest.raises(Refused, match=r"tests/released/0\.1\.0 differs from that in v0\.1\.0"):
        preparation.prepare(repository, wanted, None)


def test_a_record_that_is_missing_or_another_one(repository: Repository) -> None:
    assert "tests/released/0.1.0 is missing" in str(surface.record_problem(repository, "0.1.0"))
    preparation.prepare(repository, None, None)
    assert surface.record_problem(repository, "0.1.0") is None
    (repository.root / "tests" / "released" / "0.1.0" / "surface.json").write_text("another")
    assert str(surface.record_problem(repository, "0.1.0")).endswith("does not match this tree: surface.json")


@pytest.mark.parametrize(
    "printed",
    [
        "no JSON",
        "{}",
        '{"base": "0.0.9", "next": "0.1.0", "breaking": false, "changes": [], "changelog": ""}',
        '{"base": "0.1.0", "next": "x", "breaking": false, "changes": [], "changelog": ""}',
        '{"base": "0.1.0", "next": "0.2.0", "breaking": true, "changes": [], "changelog": ""}',
    ],
)
def test_a_report_that_cannot_be_relied_on(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, printed: str
) -> None:
    monkeypatch.setattr(surface, "_reporter", lambda *_: printed)
    with pytest.raises(Failed, match=r"the report of changes since 0\.1\.0 cannot be read"):
        surface.compare(repository, "0.1.0")


# ------------------------------------------------------------------------------------------------------- documentation

PAGE = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
SOURCES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "scripts" / "releaser").glob("*.py"))


def test_every_message_on_the_page_is_one_that_the_command_gives() -> None:
    refused = PAGE.partition("## What is refused, and why")[2].partition("## Trying it")[0]
    messages = re.findall(r"^\| `([^`]+)` \|", refused, re.MULTILINE)
    assert len(messages) > 15
    assert [message for message in messages if message not in SOURCES] == []


def test_every_option_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    described = capsys.readouterr().out
    pattern = r"--[a-z]+(?:-[a-z]+)*"
    assert set(re.findall(pattern, described)) - {"--help"} <= set(re.findall(pattern, PAGE))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--prepare", "--dry-run"],
        ["--version", "0.2.0"],
        ["--date", "2026-03-04", "--dry-run"],
        ["--python", "3.11", "--prepare"],
        ["--python", "3.7"],
        ["--prepare", "--version", "v0.2.0x"],
        ["--prepare", "--date", "4.3.2026"],
        ["--dry-run", "dist"],
    ],
)
def test_a_command_that_is_written_wrongly(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: release" in capsys.readouterr().err
