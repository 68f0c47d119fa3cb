"""A release, from an unfinished tree to a call with the installed package, against a package index on loopback.

It is done in a copy of this tree with a history of its own, in the order in which the fixtures need each other: a dry
run, the preparation, builds that are killed and one that is not, uploads likewise, and a next version that breaks
callers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from invigilate.sandbox import Sandbox
from tests.support.index import LoopbackIndex, wheelhouse

REPOSITORY = Path(__file__).resolve().parents[2]
VERSION = "0.1.0"
SDIST, WHEEL, BILL = (
    f"invigilate-{VERSION}.tar.gz",
    f"invigilate-{VERSION}-py3-none-any.whl",
    f"invigilate-{VERSION}.cdx.json",
)
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- All of it.\n"
# One Python is enough to see that it works; a release tries all at hand.
HERE = ("--python", "{}.{}".format(*sys.version_info[:2]))
WHO = {"NAME": "Somebody", "EMAIL": "somebody@example.invalid"}


@dataclass(frozen=True)
class Clone:
    """A copy of the tree under git, with a history of its own."""

    root: Path

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TWINE_", "PYTHON", "GIT_", "GITHUB_", "ACTIONS_")) and name != "VIRTUAL_ENV"
        }
        git = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in WHO.items()}
        git |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return {**kept, **git, "PYTHONPATH": str(self.root / "scripts"), **more}

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=self.environment({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def start(self, *arguments: str, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "releaser", *arguments],
            cwd=self.root,
            env=self.environment(more or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def release(self, *arguments: str, more: Mapping[str, str] | None = None, code: int = 0) -> str:
        """What the command prints, when it ends with the code that is expected."""
        process = self.start(*arguments, more=more)
        printed, _ = process.communicate(timeout=300)
        assert process.returncode == code, printed
        return printed

    def kill_at(self, sign: str, *arguments: str, more: Mapping[str, str] | None = None) -> None:
        """Start the command, and kill it and all that it started once it prints a line with this sign."""
        process = self.start(*arguments, more=more)
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if sign in line:
                break
        else:
            pytest.fail(f"{sign!r} was never printed:\n{printed}")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The tree as it is, before its first release."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).is_file() and not re.match(r"tests/released/\d", name):
            (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, clone.root / name)
    version = clone.root / "facade" / "invigilate" / "_version.py"
    version.write_text(re.sub(r'"[^"]+"$', f'"{VERSION}"', version.read_text(), flags=re.MULTILINE))
    (clone.root / "CHANGELOG.md").write_text(CHANGELOG)
    clone.git("init", "--quiet", "--initial-branch=main")
    clone.commit("Begin")
    return clone


@pytest.fixture(scope="module")
def unfinished(clone: Clone) -> str:
    """What a dry run says in a tree that is not ready."""
    (clone.root / "notes.md").write_text("A file that nobody committed.\n")
    printed = clone.release("--dry-run", *HERE)
    refused = clone.release("--upload-only", more=NOWHERE, code=1)
    (clone.root / "notes.md").unlink()
    return printed + refused


# An index that does not exist: what is refused is refused before it is asked.
NOWHERE = {
    "TWINE_REPOSITORY_URL": "http://127.0.0.1:9/",
    "INVIGILATE_INDEX_URL": "http://127.0.0.1:9/simple/",
    "TWINE_USERNAME": "me",
    "TWINE_PASSWORD": "any",
}


@pytest.fixture(scope="module")
def prepared(clone: Clone, unfinished: str) -> Clone:
    """The tree with everything that a person commits for a release."""
    assert unfinished
    assert "is missing: nothing was built" not in unfinished
    printed = clone.release("--prepare", "--date", "2026-03-04")
    assert f"git tag v{VERSION} && git push origin v{VERSION}" in printed
    clone.commit("Release it")
    return clone


@pytest.fixture(scope="module")
def built(prepared: Clone) -> Path:
    """The folder dist/, from a build that was killed when all was made and nothing in place, and then left alone."""
    dist = prepared.root / "dist"
    assert json.loads((dist / "release.json").read_text())["open"]
    shutil.rmtree(dist)
    prepared.kill_at("the wheel alone runs", "--build-only", *HERE)
    assert not dist.exists()
    assert prepared.git("status", "--porcelain") == ""
    prepared.release("--build-only", *HERE)
    return dist


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory, shared: Callable[[str, Callable[[Path], object]], Path]
) -> Iterator[LoopbackIndex]:
    """An index that has what invigilate needs, and nothing else."""
    folder = tmp_path_factory.mktemp("index")
    with LoopbackIndex(folder / "uploaded", shared("wheelhouse", wheelhouse)) as running:
        yield running


def uploads(index: LoopbackIndex) -> dict[str, str]:
    """The variables that lead a release to an index; pip still takes the rest from where it always does."""
    return {name: value for name, value in index.environment().items() if name.startswith(("TWINE_", "INVIGILATE_"))}


@pytest.fixture(scope="module")
def released(prepared: Clone, built: Path, index: LoopbackIndex) -> LoopbackIndex:
    """The index after uploads that were killed, and one that was not."""
    assert index.files() == []
    prepared.kill_at(f"uploading {SDIST}", "--upload-only", more=uploads(index))
    prepared.kill_at(f"uploading {WHEEL}", "--upload-only", more=uploads(index))
    assert SDIST in index.files()
    printed = prepared.release("--upload-only", more=uploads(index))
    assert f"uploading {SDIST}" not in printed
    assert printed.endswith((f"invigilate {VERSION} is released\n", "byte for byte: done\n"))
    assert {path.name for path in built.iterdir()} == {SDIST, WHEEL, BILL, "release.json"}
    return index


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_dry_run_builds_an_unfinished_tree_and_says_what_a_release_would_refuse(unfinished: str) -> None:
    for part in (
        "the wheel alone runs README's first example",
        "a release would be refused:",
        "1 files differ from the commit, including notes.md",
        f"CHANGELOG.md has no section [{VERSION}]",
        f"tests/released/{VERSION} is missing",
        # And it is not uploaded.
        "refused: dist/ was built by a dry run of a tree that was not ready",
    ):
        assert part in unfinished


def test_what_is_prepared(prepared: Clone) -> None:
    text = (prepared.root / "CHANGELOG.md").read_text()
    heading = f"## [{VERSION}] - 2026-03-04"
    assert text == f"# Changelog\n\n## [Unreleased]\n\nNothing yet.\n\n{heading}\n\n### Added\n\n- All of it.\n"
    kept = prepared.root / "tests" / "released" / VERSION
    assert json.loads((kept / "surface.json").read_text())["version"] == VERSION


def test_what_was_built(prepared: Clone, built: Path) -> None:
    record = json.loads((built / "release.json").read_text())
    assert (record["version"], record["base"], record["open"]) == (VERSION, None, [])
    assert record["commit"] == prepared.git("rev-parse", "HEAD").strip()
    assert {file["name"]: file["sha256"] for file in record["files"]} == {
        name: digest(built / name) for name in (SDIST, WHEEL, BILL)
    }
    assert record["installed_on"] == [sys.version.split()[0]]
    assert record["source_date_epoch"] == int(prepared.git("log", "-1", "--format=%ct"))


def test_the_bill_of_materials(built: Path) -> None:
    bill = json.loads((built / BILL).read_text())
    main = bill["metadata"]["component"]
    assert (bill["bomFormat"], main["purl"]) == ("CycloneDX", f"pkg:pypi/invigilate@{VERSION}")
    assert main["hashes"] == [{"alg": "SHA-256", "content": digest(built / WHEEL)}]
    names = {component["name"] for component in bill["components"]}
    assert {"attrs", "httpx", "python-dateutil", "certifi"} <= names
    # Neither extras nor what it was built with.
    assert not names & {"pip", "hatchling", "twine", "openapi-core", "pyarrow", "typer"}
    pins = (REPOSITORY / "requirements" / "dev.txt").read_text()
    vendored = [part["name"] for part in bill["components"] if not part["purl"].startswith("pkg:pypi/")]
    assert vendored == ["swagger-ui-dist"]
    installed = [part for part in bill["components"] if part["name"] not in vendored]
    assert all(f"{part['name'].replace('_', '-')}=={part['version']} " in pins for part in installed)


def test_a_second_build_of_the_commit_is_the_first_one(prepared: Clone, built: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in built.iterdir()}
    assert "was already built from this commit, and its hashes match" in prepared.release("--build-only")
    assert {path.name: path.stat().st_mtime_ns for path in built.iterdir()} == before


def test_it_is_installed_by_name_and_calls_the_sandbox(
    prepared: Clone, released: LoopbackIndex, tmp_path: Path
) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "invigilate"]
    subprocess.run(pip, cwd=tmp_path, env=released.environment(), stdin=subprocess.DEVNULL, check=True)
    program = """
import json, os
from importlib.metadata import version
from invigilate import SmarterProctoring, provenance, specs

with SmarterProctoring() as client:
    session = client.exam_sessions.schedule(
        exam_sid=os.environ["EXAM"], session_sid=os.environ["SESSION"], appointment_date_time="2030-01-01T10:00:00Z"
    )
print(json.dumps([version("invigilate"), session.status, provenance.read(), specs.read("smarterproctoring")]))
"""
    with Sandbox() as sandbox:
        known = {
            "EXAM": sandbox.exam_sid,
            "SESSION": sandbox.session_sid,
            "SMARTERPROCTORING_TOKEN": sandbox.token,
            "SMARTERPROCTORING_INSTALL_SID": sandbox.install_sid,
            "SMARTERPROCTORING_BASE_URL": sandbox.smarterproctoring_url,
        }
        command = [str(python), "-I", "-W", "error", "-c", program]
        printed = subprocess.run(command, cwd=tmp_path, env={**released.environment(), **known}, capture_output=True)
    assert printed.returncode == 0, printed.stderr.decode()
    version, status, origin, specification = json.loads(printed.stdout)
    assert (version, status) == (VERSION, "Scheduled")
    pins = (REPOSITORY / "openapi" / "generator.yaml").read_text()
    for package, file in (("smarterproctoring_client", "smarterproctoring"), ("ispring_learn_client", "ispring-learn")):
        told = origin[package]
        spec = prepared.root / "openapi" / f"{file}.yaml"
        assert told["specification"] == {"file": f"openapi/{file}.yaml", "sha256": digest(spec)}
        for tool in ("generator", "formatter"):
            assert f"{told[tool]['name']}: {told[tool]['version']}\n" in pins
        templates = sorted((prepared.root / "openapi" / "templates").iterdir())
        listing = "".join(f"{digest(path)}  {path.name}\n" for path in templates)
        assert told["templates"] == {"sha256": hashlib.sha256(listing.encode()).hexdigest()}
    sha256 = origin["smarterproctoring_client"]["specification"]["sha256"]
    assert hashlib.sha256(specification.encode()).hexdigest() == sha256


def test_releasing_again_changes_nothing(prepared: Clone, released: LoopbackIndex) -> None:
    before = {name: (released.folder / name).stat().st_mtime_ns for name in released.files()}
    printed = prepared.release(*HERE, more=uploads(released))
    assert f"invigilate {VERSION} is already there, byte for byte: done" in printed
    assert {name: (released.folder / name).stat().st_mtime_ns for name in released.files()} == before


def test_other_bytes_of_the_version_are_refused(prepared: Clone, built: Path, tmp_path: Path) -> None:
    assert built.exists()
    (tmp_path / WHEEL).write_bytes(b"what somebody else released")
    with LoopbackIndex(tmp_path) as index:
        printed = prepared.release("--upload-only", more=uploads(index), code=1)
        assert index.files() == [WHEEL]
    assert f"refused: the index already has {WHEEL}, with other bytes: choose another version" in printed


def test_a_file_that_was_exchanged_is_not_uploaded(prepared: Clone, built: Path) -> None:
    whole = (built / WHEEL).read_bytes()
    try:
        (built / WHEEL).write_bytes(whole + b"!")
        printed = prepared.release("--upload-only", more=NOWHERE, code=1)
    finally:
        (built / WHEEL).write_bytes(whole)
    assert f"dist/{WHEEL} is not the file that was built" in printed


def test_an_index_that_does_not_answer_is_a_failure_to_be_repeated(prepared: Clone, built: Path) -> None:
    assert built.exists()
    printed = prepared.release("--upload-only", more=NOWHERE, code=3)
    assert "failed: the index cannot be read for invigilate: ConnectError" in printed


def test_the_default_repository_is_not_uploaded_to_from_here(prepared: Clone) -> None:
    # Nothing can leave this machine, whatever the command does.
    closed = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    assert "accepts uploads with trusted publishing only" in prepared.release(more=closed, code=1)
    actions = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9/"}
    password = {"TWINE_PASSWORD": "a-secret-of-somebody"}
    printed = prepared.release("--upload-only", more={**closed, **actions, **password}, code=1)
    assert "TWINE_PASSWORD must not be set" in printed
    assert "a-secret-of-somebody" not in printed


def test_a_released_version_is_not_built_from_another_commit(prepared: Clone, built: Path) -> None:
    assert built.exists()
    prepared.git("tag", f"v{VERSION}")
    prepared.git("tag", "v9.9.9")
    try:
        assert f"this commit has the tag v9.9.9, but its version is {VERSION}" in prepared.release(
            "--build-only", code=1
        )
        prepared.git("tag", "--delete", "v9.9.9")
        prepared.git("commit", "--quiet", "--allow-empty", "--message", "Later")
        printed = prepared.release("--build-only", code=1)
        assert f"v{VERSION} is the tag of another commit" in printed
        assert "is checked out" in prepared.release("--upload-only", more=NOWHERE, code=1)
    finally:
        prepared.git("reset", "--quiet", "--hard", f"v{VERSION}")
        prepared.git("tag", "--delete", f"v{VERSION}")


def test_a_broken_surface_with_a_patch_version_is_refused(prepared: Clone, built: Path) -> None:
    assert built.exists()
    prepared.git("tag", f"v{VERSION}")
    changed = 0
    facade = prepared.root / "facade" / "invigilate"
    for path in [*sorted(facade.rglob("*.py")), facade / "apis.toml"]:
        text, count = re.subn(r"\bparse_ispring_time\b", "parse_training_time", path.read_text())
        path.write_text(text)
        changed += count
    assert changed > 1
    version = prepared.root / "facade" / "invigilate" / "_version.py"
    version.write_text(version.read_text().replace(VERSION, "0.1.1"))
    text = (prepared.root / "CHANGELOG.md").read_text()
    section = "## [0.1.1] - 2026-03-05\n\n### Changed\n\n- A name.\n\n"
    (prepared.root / "CHANGELOG.md").write_text(text.replace(f"## [{VERSION}]", f"{section}## [{VERSION}]"))
    prepared.commit("Rename a function")
    printed = prepared.release("--build-only", *HERE, code=1)
    assert f"refused: 0.1.1 cannot follow {VERSION}: these changes need 0.2.0 or later" in printed
    assert "parse_ispring_time" in printed

    # The report decides what it may be called.
    (prepared.root / "CHANGELOG.md").write_text(text)
    printed = prepared.release("--prepare", "--date", "2026-03-06")
    assert f"0.2.0 is prepared, compared with {VERSION}" in printed
    assert '"0.2.0"' in version.read_text()
    section = (prepared.root / "CHANGELOG.md").read_text().split("## [0.2.0] - 2026-03-06\n")[1]
    assert "parse_ispring_time" in section.split("\n## ")[0]
