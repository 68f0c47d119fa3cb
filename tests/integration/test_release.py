"""A release, from an unfinished tree to a call with the installed package, against a package index on loopback.

It is done in a copy of this tree with a history of its own, in the order in which the fixtures need each other: a dry
run, the preparation, a build that is killed and one that is not, uploads likewise, and a next version that breaks
callers. The upload is that of the publishing action, with what the workflow hands to it.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

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

    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TWINE_", "PYTHON", "GIT_", "GITHUB_", "ACTIONS_")) and name != "VIRTUAL_ENV"
        }
        git = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in WHO.items()}
        git |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return {**kept, **git, "PYTHONPATH": str(self.root / "scripts")}

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=self.environment(),
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

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "releaser", *arguments],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def release(self, *arguments: str, code: int = 0) -> str:
        """What the command prints, when it ends with the code that is expected."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=300)
        assert process.returncode == code, printed
        return printed

    def kill_at(self, sign: str, *arguments: str) -> None:
        """Start the command, and kill it and all that it started once it prints a line with this sign."""
        process = self.start(*arguments)
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
    (clone.root / "notes.md").unlink()
    return printed


@pytest.fixture(scope="module")
def prepared(clone: Clone, unfinished: str) -> Clone:
    """The tree with everything that a person commits for a release."""
    assert unfinished
    printed = clone.release("--prepare", "--date", "2026-03-04")
    assert f"git tag v{VERSION} && git push origin v{VERSION}" in printed
    clone.commit("Release it")
    return clone


@pytest.fixture(scope="module")
def built(prepared: Clone) -> Path:
    """The folder dist/, from a build that was killed when all was made and nothing in place, and then left alone."""
    dist = prepared.root / "dist"
    prepared.kill_at("the wheel alone runs", *HERE)
    assert not dist.exists()
    assert prepared.git("status", "--porcelain") == ""
    prepared.release(*HERE)
    return dist


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory, shared: Callable[[str, Callable[[Path], object]], Path]
) -> Iterator[LoopbackIndex]:
    """An index that has what invigilate needs, and nothing else."""
    folder = tmp_path_factory.mktemp("index")
    with LoopbackIndex(folder / "uploaded", shared("wheelhouse", wheelhouse)) as running:
        yield running


def twine(index: LoopbackIndex, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twine", *arguments]
    environment = index.environment()
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.fixture(scope="module")
def handed(prepared: Clone, built: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files that the workflow hands from its build job to the publishing action."""
    folder = tmp_path_factory.mktemp("handed")
    workflow = yaml.safe_load((prepared.root / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    fetched, published = workflow["upload"]["steps"]
    assert published["with"]["packages-dir"] == fetched["with"]["path"]
    (kept,) = (
        step["with"]["path"].split()
        for step in workflow["build"]["steps"]
        if step.get("with", {}).get("name") == fetched["with"]["name"]
    )
    for path in [path for pattern in kept for path in built.parent.glob(pattern)]:
        shutil.copy(path, folder)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def released(handed: list[Path], index: LoopbackIndex) -> LoopbackIndex:
    """The index after an upload that ended halfway, one that was tried again as a whole, and one of the rest.

    The action runs these two commands, and signs the files between them.
    """
    wheel, sdist = handed
    assert twine(index, "check", *handed).returncode == 0
    upload = ("upload", "--disable-progress-bar")
    assert twine(index, *upload, wheel).returncode == 0
    # Wheels go first, and this index refuses any file that is there.
    assert twine(index, *upload, wheel, sdist).returncode == 1
    assert index.files() == [WHEEL]
    assert twine(index, *upload, sdist).returncode == 0
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
        # And it is not taken for a release.
        "release: build/dry-run/invigilate-",
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


def test_what_is_uploaded_is_what_was_built(built: Path, released: LoopbackIndex) -> None:
    assert {path.name for path in built.iterdir()} == {SDIST, WHEEL, BILL, "release.json"}
    record = json.loads((built / "release.json").read_text())
    described = {file["name"]: file["sha256"] for file in record["files"] if file["kind"] != "sbom"}
    assert {name: digest(released.folder / name) for name in released.files()} == described


def test_the_command_of_the_page_uploads_to_an_index_of_ones_own(prepared: Clone, built: Path, tmp_path: Path) -> None:
    page = (prepared.root / "docs" / "releasing.md").read_text()
    (command,) = re.findall(r"^\.venv/bin/twine (upload dist/.*)$", page, re.MULTILINE)
    with LoopbackIndex(tmp_path) as index:
        files = [path for pattern in command.split()[1:] for path in built.parent.glob(pattern)]
        assert twine(index, "upload", *files).returncode == 0
        assert index.files() == [WHEEL, SDIST]


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


def test_a_released_version_is_not_built_from_another_commit(prepared: Clone, built: Path) -> None:
    assert built.exists()
    prepared.git("tag", f"v{VERSION}")
    prepared.git("tag", "v9.9.9")
    try:
        assert f"this commit has the tag v9.9.9, but its version is {VERSION}" in prepared.release(code=1)
        prepared.git("tag", "--delete", "v9.9.9")
        prepared.git("commit", "--quiet", "--allow-empty", "--message", "Later")
        printed = prepared.release(code=1)
        assert f"v{VERSION} is the tag of another commit" in printed
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
    printed = prepared.release(*HERE, code=1)
    assert f"refused: 0.1.1 cannot follow {VERSION}: these changes need 0.2.0 or later" in printed
    assert "parse_ispring_time" in printed

    # The report decides what it may be called.
    (prepared.root / "CHANGELOG.md").write_text(text)
    printed = prepared.release("--prepare", "--date", "2026-03-06")
    assert f"0.2.0 is prepared, compared with {VERSION}" in printed
    assert '"0.2.0"' in version.read_text()
    section = (prepared.root / "CHANGELOG.md").read_text().split("## [0.2.0] - 2026-03-06\n")[1]
    assert "parse_ispring_time" in section.split("\n## ")[0]
