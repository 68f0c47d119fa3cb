"""What is kept of a release, and the commands that keep it and compare with it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from releaser import surface as releaser_surface
from releaser.repository import Repository
from reporter import __main__ as command
from reporter import rendering, surface, surface_changes
from reporter.changes import ReportError
from reporter.checking import check
from reporter.released import CALLS, TYPES, base, is_tagged, kept, read, record, specifications, version
from reporter.report import Report, make
from reporter.specification import load

from tests.golden.reports.scripted import edit

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {TYPES: ROOT / "tests" / "typing" / TYPES, CALLS: ROOT / "tests" / "released" / CALLS}
FILES = {"surface.json", "smarterproctoring.yaml", "ispring-learn.yaml", TYPES, CALLS}


def files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def run(root: Path, *arguments: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root / "scripts"), "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-m", "reporter", *arguments],
        cwd=root,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository of its own, with the scripts."""
    root = tmp_path / "tree"
    for name in (
        "openapi",
        "generated",
        "facade",
        "scripts/regenerator",
        "scripts/capturer",
        "scripts/reporter",
        "tests/typing",
    ):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tests/released").mkdir()
    shutil.copyfile(ROOT / "tests/released" / CALLS, root / "tests/released" / CALLS)
    return root


# What is kept in this repository


def test_there_is_a_record_of_each_release() -> None:
    folders = [path for path in (ROOT / "tests/released").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert folders
    assert sorted(folders) == sorted(kept(ROOT))
    for folder in folders:
        assert {path.name for path in folder.iterdir() if path.name != "__pycache__"} == FILES
        released = read(folder)
        assert released.version == folder.name
        assert set(released.specifications) == FILES - {"surface.json", TYPES, CALLS}
        assert len(released.surface) > 1000


def test_what_was_kept_runs_against_this_tree() -> None:
    """What fails is listed as breaking; whether that may be, the version says when it is released."""
    for folder in kept(ROOT):
        if all((folder / name).read_bytes() == path.read_bytes() for name, path in SOURCES.items()):
            continue  # the next test runs just this
        outcome = check(ROOT, read(folder))
        assert all(change.breaking and change.kind == "fails" for change in outcome.changes)
        assert len(outcome.notes) == 3
        types = sum(change.area == "released types" for change in outcome.changes)
        calls = sum(change.area == "released calls" for change in outcome.changes)
        holds = [bool(re.search(r"every line passes|all \d+ programs pass", note)) for note in outcome.notes]
        assert (all(holds[:2]), holds[2]) == (types == 0, calls == 0), outcome.notes


def test_what_the_next_release_keeps_holds_now(tmp_path: Path) -> None:
    """The programs of this tree run on it, and a record of it is no change to it."""
    record(ROOT, tmp_path / "now")
    report = make(ROOT, read(tmp_path / "now"))
    assert report.changes == ()
    assert (report.following, report.changelog, report.breaking) == (version(ROOT), "", False)
    assert report.notes[:2] == ("accepted.py, mypy: every line passes", "accepted.py, pyright: every line passes")
    assert re.fullmatch(r"public_calls\.py: all [1-9]\d programs pass", report.notes[2])


def test_the_kept_programs_need_nothing_of_the_tests() -> None:
    for path in [ROOT / "tests/released" / CALLS, *(folder / CALLS for folder in kept(ROOT))]:
        source = path.read_text(encoding="utf-8")
        modules = set(re.findall(r"^\s*(?:from|import) ([\w.]+)", source, re.MULTILINE))
        packages = {module.split(".")[0] for module in modules if module not in sys.stdlib_module_names}
        assert packages - sys.stdlib_module_names == {
            "httpx",
            "invigilate",
            "invigilate_runtime",
            "pytest",
            "smarterproctoring_client",
        }
        assert not [module for module in modules if re.search(r"\._", module)]


# The surface


def test_the_surface_holds_what_callers_use() -> None:
    public = surface.read(ROOT)
    assert public["invigilate.SmarterProctoring.exam_sessions.schedule"] == {
        "kind": "call",
        "describes": "smarterproctoring_client.api.exam_sessions.schedule_exam_session.describe",
    }
    (constructor,) = public["invigilate.SmarterProctoring.__init__"]["signatures"]
    parameters = {name: (kind, type_, default) for name, kind, type_, default in constructor["parameters"]}
    # Type aliases and the type variables of private base classes are written out.
    assert parameters["environment"] == ("keyword-only", "Literal['production', 'development'] | None", "None")
    assert parameters["token"] == ("positional or keyword", "str | Callable[[], str] | None", "None")
    assert public["invigilate.NotFoundError"]["bases"] == [
        *("Exception", "invigilate.APIError", "invigilate.APIStatusError", "invigilate.InvigilateError")
    ]
    assert public["invigilate.errors.NotFoundError"] == {"kind": "alias", "of": "invigilate.NotFoundError"}
    assert public["smarterproctoring_client.models.ExamSession.sid"]["type"] == "str | None | Unset"
    private = [name for name in public if re.search(r"\._(?!_)", name)]
    assert private == []


def test_the_specifications_and_the_surface_have_the_same_names() -> None:
    """What is told once is found by its name in Python, as the generator makes it."""
    public = surface.read(ROOT)
    for file, package in specifications(ROOT).items():
        spec = load(ROOT / "openapi" / file, package)
        assert spec.calls
        for call in spec.calls.values():
            (name,) = [name for name in public if re.fullmatch(rf"{package}\.api\.\w+\.{call.module}\.describe", name)]
            described = {parameter[0] for parameter in public[name]["signatures"][0]["parameters"]}
            assert described == {member.python for member in call.arguments.values()}
        for model, fields in spec.models.items():
            prefix = f"{package}.models.{model}."
            held = {name.removeprefix(prefix) for name, thing in public.items() if name.startswith(prefix)}
            if not fields.calls:
                continue  # the bodies of webhooks are not generated
            assert {member.python for member in fields.fields.values()} <= held


# Keeping


def test_a_record_has_the_same_bytes_whatever_the_hash_seed(tree: Path, tmp_path: Path) -> None:
    number = version(ROOT)
    for seed in ("1", "4294967295"):
        output = str(tmp_path / "kept" / seed)
        done = run(tree, "record", "--version", number, "--output", output, seed=seed)
        assert (done.returncode, done.stderr) == (0, "")
    first, second = (files(tmp_path / "kept" / seed) for seed in ("1", "4294967295"))
    assert first == second
    assert set(first) == FILES


def test_a_record_replaces_the_former_one_as_a_whole(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    record(tree, folder)
    (folder / "old.yaml").write_text("left over\n")
    record(tree, folder)
    assert set(files(folder)) == FILES
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_nothing_else_is_overwritten(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work\n")
    with pytest.raises(ReportError, match="is not a record"):
        record(tree, folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_record_of_another_version_is_refused(tree: Path) -> None:
    done = run(tree, "record", "--version", "7.7.7")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"record: version: expected {version(tree)}, as in facade/invigilate/_version.py, got '7.7.7'\n"
    )


def commit(tree: Path) -> None:
    """Make it a repository."""
    git = ["git", "-C", str(tree), "-c", "user.name=A", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "first"], check=True)


def test_the_record_of_a_released_version_stays(tree: Path, tmp_path: Path) -> None:
    number = version(tree)
    place = tree / "tests/released" / number
    commit(tree)
    assert run(tree, "record", "--version", number).returncode == 0
    kept_files = files(place)
    subprocess.run(["git", "-C", str(tree), "tag", f"v{number}"], check=True)
    for output in ((), ("--output", f"tests/released/../released/{number}")):
        done = run(tree, "record", "--version", number, *output)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"record: {number} is released (the tag v{number} exists), and its record must not change; set the next "
            "version first, or name another folder with --output\n"
        )
    assert files(place) == kept_files
    # What is released is compared with what is kept in this way.
    assert run(tree, "record", "--version", number, "--output", str(tmp_path / "again")).returncode == 0
    assert files(tmp_path / "again") == kept_files


def test_without_git_no_version_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_tagged(tmp_path, "0.1.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not is_tagged(tmp_path, "0.1.0")


# Comparing


def test_a_facade_that_cannot_be_imported(tree: Path, tmp_path: Path) -> None:
    """As long as a resource is bound to what is gone: nothing is told of it that is not so, and nothing is run."""
    record(tree, tmp_path / "kept")
    resources = tree / "facade/invigilate/smarterproctoring/resources.py"
    edit(resources, "    installs,\n", "    institutions as installs,\n")
    report = make(tree, read(tmp_path / "kept"))
    assert report.changes == ()
    assert report.notes[0] == "not run, since the facade cannot be imported"
    number = resources.read_text(encoding="utf-8").splitlines().index("    institutions as installs,") + 1
    place = f"to unbind: facade/invigilate/smarterproctoring/resources.py:{number}: "
    assert f"{place}institutions as installs," in report.notes
    assert report.unimportable is not None
    assert "cannot import name 'institutions'" in report.unimportable
    done = run(tree, "report", str(tmp_path / "kept"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The facade cannot be imported (")


def test_another_exit_code_breaks(tree: Path, tmp_path: Path) -> None:
    exits = tree / "facade/invigilate/cli/exits.py"
    found = re.search(r"    NOT_FOUND = (\d+), ", exits.read_text(encoding="utf-8"))
    assert found is not None
    before = surface.read(tree)
    assert before["invigilate.cli.ExitCode.NOT_FOUND"] == {"kind": "attribute", "value": found[1]}
    edit(exits, f"NOT_FOUND = {found[1]}, ", "NOT_FOUND = 55, ")
    (change,) = surface_changes.compare(before, surface.read(tree))
    assert (change.name, change.was, change.now) == ("invigilate.cli.ExitCode.NOT_FOUND", found[1], "55")
    assert change.breaking
    # What is said of it is no code.
    edit(exits, "The server did not find it", "The server does not have it")
    edit(exits, "NOT_FOUND = 55, ", f"NOT_FOUND = {found[1]}, ")
    assert surface_changes.compare(before, surface.read(tree)) == []


def test_packages_that_are_not_regenerated_are_refused(tree: Path) -> None:
    done = run(tree, "record", "--version", version(tree))
    assert done.returncode == 0, done.stderr
    edit(tree / "openapi/smarterproctoring.yaml", "^TZ[a-f0-9]{32}$", "^TZ[a-f0-9]{31}$")
    for arguments in (["report"], ["record", "--version", version(tree)]):
        done = run(tree, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(": generated/ does not match the specifications; run ./scripts/regenerate first\n")


def test_the_newest_release_is_what_is_compared_with(tree: Path) -> None:
    with pytest.raises(ReportError, match=r"tests/released/ has no record"), base(tree, None):
        pass
    record(tree, tree.parent / "first")
    text = (tree.parent / "first/surface.json").read_text(encoding="utf-8")
    for number in ("0.9.0", "0.10.0", "0.10.0rc1", "0.11.0rc1", "0.11.0rc2"):
        folder = tree / "tests/released" / number
        shutil.copytree(tree.parent / "first", folder)
        said = text.replace(f'"version": "{version(tree)}"', f'"version": "{number}"')
        (folder / "surface.json").write_text(said, encoding="utf-8")
    assert [path.name for path in kept(tree)] == [*("0.9.0", "0.10.0rc1", "0.10.0", "0.11.0rc1", "0.11.0rc2")]
    # A candidate is no base: its final version would have to be another one.
    with base(tree, None) as newest, base(tree, "0.9.0") as named:
        assert (newest.version, named.version) == ("0.10.0", "0.9.0")
    with base(tree, str(tree / "tests/released/0.9.0")) as placed:
        assert placed.version == "0.9.0"
    for number in ("0.9.0", "0.10.0"):
        shutil.rmtree(tree / "tests/released" / number)
    with base(tree, None) as candidate, base(tree, "0.10.0rc1") as named:
        assert (candidate.version, named.version) == ("0.11.0rc2", "0.10.0rc1")


def test_before_its_tag_a_version_may_contain_everything(tree: Path) -> None:
    """As `./scripts/release --prepare` and `--dry-run` see it: they compare with what is released."""
    number = version(tree)
    record(tree, tree / "tests/released" / number, {})
    commit(tree)
    edit(
        tree / "facade/invigilate/ispring/times.py",
        "def parse_ispring_time(\n    value: str",
        "def parse_ispring_time(\n    text: str",
    )
    repository = Repository(tree)
    for name in (None, number):
        with base(tree, name) as first:
            report = make(tree, first, checkers=())
        assert (report.following, report.breaking, report.unreleased) == (number, True, True)
        assert f"{number}: it is not released" in rendering.as_text(report)
    assert releaser_surface.base_of(number, repository.records()) is None
    subprocess.run(["git", "-C", str(tree), "tag", f"v{number}"], check=True)
    with base(tree, None) as tagged:
        report = make(tree, tagged, checkers=())
    assert (tagged.version, report.breaking, report.unreleased) == (number, True, False)
    assert report.following != number
    # While the next version is prepared, its own record is no base.
    following = report.following
    shutil.copytree(tree / "tests/released" / number, tree / "tests/released" / following)
    (tree / "facade/invigilate/_version.py").write_text(f'__version__ = "{following}"\n')
    with base(tree, None) as before:
        assert before.version == releaser_surface.base_of(following, repository.records()) == number


@pytest.mark.parametrize("name", ["9.9.9", "no-such-branch", "--upload-pack=x", "tests"])
def test_an_unknown_base(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    there = ", ".join(path.name for path in kept(ROOT))
    with pytest.raises(ReportError, match="BASE") as caught, base(ROOT, name):
        pass
    assert str(caught.value) == (
        f"BASE: expected a version below tests/released/ ({there}), a folder with a record, or a git revision, "
        f"got {name!r}"
    )


def test_a_git_revision(tree: Path) -> None:
    """Compared with what was committed, not with what lies in the tree."""
    commit(tree)
    edit(
        tree / "facade/invigilate/ispring/times.py",
        "def parse_ispring_time(\n    value: str",
        "def parse_ispring_time(\n    text: str",
    )
    with base(tree, "HEAD") as released:
        assert re.fullmatch(rf"{re.escape(version(tree))} at HEAD \([0-9a-f]{{9}}\)", released.source)
        assert set(files(released.folder)) == FILES
        report = make(tree, released, checkers=())
    assert {(change.kind, change.name) for change in report.changes if change.area == "surface"} == {
        ("removed", "invigilate.parse_ispring_time(value=)"),
        ("added", "invigilate.parse_ispring_time(text=)"),
    }
    assert report.breaking


def test_the_json_form_is_the_contract(tree: Path) -> None:
    # A record without checks: they are run by other tests.
    record(tree, tree / "tests/released" / version(tree), {})
    done = run(tree, "report", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    number = version(tree)
    assert report.pop("notes") == [f"{name}: {number} recorded none" for name in (TYPES, CALLS)]
    assert report == {
        "base": number,
        "current": number,
        "next": number,
        "breaking": False,
        "changes": [],
        "changelog": "",
        "specification": "",
        "unimportable": None,
    }


def test_without_node_pyright_is_not_run(tmp_path: Path) -> None:
    record(ROOT, tmp_path / "kept", {TYPES: SOURCES[TYPES]})
    outcome = check(ROOT, read(tmp_path / "kept"), checkers=("pyright",), tools=tmp_path)
    assert outcome.changes == []
    number = version(ROOT)
    assert outcome.notes == [
        "accepted.py, pyright: not run; ./scripts/bootstrap --node installs it",
        f"public_calls.py: {number} recorded none",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not a surface written by this script"),
        ("[]", "not a surface written by this script"),
        ('{"format": 99}', "a surface of format 99, and this script reads 3"),
        ('{"format": 2, "objects": {}}', "a surface of format 2, and this script reads 3"),
        ('{"format": 3, "objects": {}}', "not a surface written by this script"),
    ],
)
def test_a_record_that_is_none(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "surface.json").write_text(text)
    with pytest.raises(ReportError, match=re.escape(reason)):
        read(tmp_path)


def test_colours_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = Report("0.1.0", "0.1.0", "0.1.0", "0.1.0", (), "", ())
    monkeypatch.setattr(command, "make", lambda root, found: told)
    monkeypatch.setattr(command, "_check_generated", lambda: None)
    for terminal, no_color, coloured in ((False, "", False), (True, "", True), (True, "1", False)):
        monkeypatch.setattr("sys.stdout.isatty", lambda terminal=terminal: terminal, raising=False)
        monkeypatch.setenv("NO_COLOR", no_color)
        assert command.main(["report"]) == 0
        assert ("\x1b[" in capsys.readouterr().out) is coloured
