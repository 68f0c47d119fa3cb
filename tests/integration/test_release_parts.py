"""Parts of a release with real programs: builds that differ, Pythons at hand, and the package index of the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx
import pytest
from pythons import interpreters
from releaser import archives
from releaser.process import Refused
from releaser.repository import Repository

from tests.support.index import LoopbackIndex, outside

ROOT = Path(__file__).resolve().parents[2]
OURS = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
# With our settings of the two tools that check the contents.
CHECKS = OURS[OURS.index("[tool.check-sdist]") : OURS.index("[tool.ruff]")]
PROJECT = f"""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "p"
version = "1.0.0"
license-files = ["LICENSE"]
readme = "README.md"

[tool.hatch.build]
artifacts = ["/facade/p/left_over.py", "/facade/p/.env"]

[tool.hatch.build.targets.sdist]
include = ["/facade", "/generated", "/docs"]
exclude = []

[tool.hatch.build.targets.wheel]
only-include = ["facade", "generated"]
sources = ["facade", "generated"]
exclude = []

[tool.hatch.build.targets.wheel.force-include]

{CHECKS}
"""
FILES = {
    ".gitignore": "left_over.py\n.env\n",
    "LICENSE": "Free.\n",
    "README.md": "# P\n",
    "docs/page.md": "# Page\n",
    "facade/p/__init__.py": "",
    "facade/p/py.typed": "",
    "generated/q/__init__.py": "",
    "generated/q/openapi.yaml": "openapi: 3.1.0\n",
    "generated/q/py.typed": "",
    "pyproject.toml": PROJECT,
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A project of two modules under git, whose builds take what git ignores, too."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.invalid")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = tmp_path / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    found = Repository(root)
    found.git("init", "--quiet")
    found.git("add", "--all")
    found.git("commit", "--quiet", "--message", "Begin")
    (tmp_path / "output").mkdir()
    return found


def test_two_builds_are_the_same(small: Repository, tmp_path: Path) -> None:
    built = archives.build_twice(small, tmp_path / "output")
    assert "p/__init__.py" in archives.members(built.wheel)
    assert set(archives.members(built.sdist)) == {*FILES, "PKG-INFO"}


def test_a_build_that_takes_what_is_not_in_the_repository_is_refused(small: Repository, tmp_path: Path) -> None:
    (small.root / "facade" / "p" / "left_over.py").write_text("what an earlier run left behind")
    with pytest.raises(Refused, match=r"two builds of p-1\.0\.0\.tar\.gz differ: the members facade/p/left_over\.py"):
        archives.build_twice(small, tmp_path / "output")


SDIST_LACKS = ('"/docs"]\nexclude = []', '"/docs"]\nexclude = ["/docs/page.md"]')
WHEEL_LACKS = ('sources = ["facade", "generated"]\nexclude = []', 'sources = ["facade", "generated"]\nexclude = ["{}"]')
FORCED = ("force-include]\n", 'force-include]\n"docs" = "{}"\n')
DEFECTS = {
    "file missing from the sdist": (*SDIST_LACKS, "", r"tar\.gz: .* exit code 2:(?s:.*)docs/page\.md"),
    "data missing from the wheel": (*WHEEL_LACKS, "openapi.yaml", r"W101: .*:(?s:.*)q/openapi\.yaml"),
    "py.typed missing from the wheel": (*WHEEL_LACKS, "py.typed", r"W101: .*:(?s:.*)q/py\.typed"),
    "generated package missing": (
        'only-include = ["facade", "generated"]',
        'only-include = ["facade"]',
        "",
        "W101: ",
    ),
    "wrong top level": ('sources = ["facade", "generated"]', 'sources = ["generated"]', "", "W102: "),
    "tests in the wheel": (*FORCED, "tests", "W005: "),
    "bytecode in the wheel": (*FORCED, "p/__pycache__/page.pyc", "W102: "),
    "license missing": ('["LICENSE"]', "[]", "", r"exit code 2:(?s:.*)LICENSE"),
}


def defect(small: Repository, old: str, new: str, value: str) -> None:
    text = PROJECT.replace(old, new.replace("{}", value), 1)
    assert text != PROJECT
    (small.root / "pyproject.toml").write_text(text)


@pytest.mark.parametrize("name", ["file missing from the sdist", "data missing from the wheel"])
def test_wrong_contents_are_refused(small: Repository, tmp_path: Path, name: str) -> None:
    *change, says = DEFECTS[name]
    defect(small, *change)
    with pytest.raises(Refused, match=says):
        archives.build_twice(small, tmp_path / "output")


@pytest.mark.weekly
@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_every_defect_of_the_contents_is_refused(small: Repository, tmp_path: Path, name: str) -> None:
    test_wrong_contents_are_refused(small, tmp_path, name)


@pytest.mark.weekly
def test_a_folder_that_nobody_included_and_a_secret_are_refused(small: Repository, tmp_path: Path) -> None:
    (small.root / "examples").mkdir()
    (small.root / "examples" / "new.py").write_text("")
    with pytest.raises(Refused, match=r"exit code 2:(?s:.*)examples/new\.py"):
        archives.build_twice(small, tmp_path / "output")
    (small.root / "examples" / "new.py").unlink()
    (small.root / "facade" / "p" / ".env").write_text("TOKEN=1")
    small.git("add", "--force", "facade/p/.env")
    (tmp_path / "again").mkdir()
    with pytest.raises(Refused, match=r"W102: .*:(?s:.*)p/\.env"):
        archives.build_twice(small, tmp_path / "again")


def test_this_python_is_at_hand_and_one_that_does_not_exist_is_not(tmp_path: Path) -> None:
    here = "{}.{}".format(*sys.version_info[:2])
    found = interpreters.find([here, "3.99"])
    assert set(found) == {here}
    # One that is no environment itself, so that those made with it do not lean on ours.
    command = [str(found[here].path), "-I", "-c", "import sys; print(sys.prefix == sys.base_prefix)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True\n"


def test_the_command_explains_itself() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "release", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage: release " in done.stdout


def test_the_index_refuses_what_is_there_and_sends_nobody_elsewhere(tmp_path: Path) -> None:
    with LoopbackIndex(tmp_path / "index") as index:
        assert index.url.startswith("http://127.0.0.1:")
        # No redirect to another index.
        assert httpx.get(f"{index.url}attrs/", trust_env=False).status_code == 404
        (index.folder / "p-1.0.0.tar.gz").write_bytes(b"first")
        form = {":action": "file_upload", "name": "p", "version": "1.0.0"}
        content = {"content": ("p-1.0.0.tar.gz", b"second")}
        answer = httpx.post(index.upload_url, data=form, files=content, trust_env=False)
        assert answer.status_code in {400, 409}, answer.text
        assert (index.folder / "p-1.0.0.tar.gz").read_bytes() == b"first"
        url = index.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_the_index_ends_with_whoever_started_it(tmp_path: Path) -> None:
    program = f"""
        import sys, time
        from pathlib import Path
        from tests.support.index import LoopbackIndex
        index = LoopbackIndex(Path({str(tmp_path)!r}))
        index.start()
        print(index.url, flush=True)
        time.sleep(300)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        env=outside(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert httpx.get(url, trust_env=False).status_code == 200
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(url, trust_env=False, timeout=2)
        except httpx.TransportError:
            break
        assert time.monotonic() < deadline, "the index is still there"
        time.sleep(0.05)
