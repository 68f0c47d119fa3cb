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
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "p"
version = "1.0.0"

[tool.hatch.build]
artifacts = ["p/left_over.py"]
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A project of one module under git, whose builds take what git ignores, too."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.invalid")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    root = tmp_path / "project"
    (root / "p").mkdir(parents=True)
    (root / "p" / "__init__.py").write_text('"""A package."""\n')
    (root / "pyproject.toml").write_text(PROJECT)
    (root / ".gitignore").write_text("left_over.py\n")
    found = Repository(root)
    found.git("init", "--quiet")
    found.git("add", "--all")
    found.git("commit", "--quiet", "--message", "Begin")
    (tmp_path / "output").mkdir()
    return found


def test_two_builds_are_the_same(small: Repository, tmp_path: Path) -> None:
    built = archives.build_twice(small, tmp_path / "output")
    assert "p/__init__.py" in archives.members(built.wheel)
    assert set(archives.members(built.sdist)) == {"p/__init__.py", "pyproject.toml", ".gitignore", "PKG-INFO"}


def test_a_build_that_takes_what_is_not_in_the_repository_is_refused(small: Repository, tmp_path: Path) -> None:
    (small.root / "p" / "left_over.py").write_text("what an earlier run left behind")
    with pytest.raises(Refused, match=r"two builds of p-1\.0\.0\.tar\.gz differ: the members p/left_over\.py"):
        archives.build_twice(small, tmp_path / "output")


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
