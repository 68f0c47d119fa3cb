"""The shell blocks of docs/downstream.md, run in order and unchanged: build, publish, install by name, call.

They run in a copy of the source archive, against an index on loopback. pip and twine know no other index.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from invigilate import __version__
from tests.docs.blocks import ROOT, read
from tests.support.index import LoopbackIndex, outside, wheelhouse

PAGE = ROOT / "docs" / "downstream.md"
EXAMPLE = ROOT / "examples" / "downstream-sdk"
WORKFLOW = EXAMPLE / ".github" / "workflows" / "publish.yml"
BLOCKS = read(PAGE)
STEPS = [block for block in BLOCKS if block.language == "bash"]

# What the steps install beside what invigilate requires: its own requirements are in the wheelhouse.
TOOLS = ("build", "hatchling", "mypy", "pytest", "twine")


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    """Run a command, and return its output; a failure shows all of it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=outside() if environment is None else environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}\n{done.stdout}"
    return done.stdout


def unpacked(folder: Path) -> Path:
    """Build the source archive of the tree, and unpack it."""
    run(sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", folder, ROOT, cwd=folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def equip(source: Path) -> None:
    """Create the environment that scripts/bootstrap would create in minutes.

    It has the packages of this one, and the stamps that bootstrap looks for, so that bootstrap does not change it.
    """
    run(sys.executable, "-m", "venv", "--without-pip", source / ".venv", cwd=source)
    (packages,) = (source / ".venv").glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    packages.joinpath("here.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in here))
    stamps = r"""
        digest() { cat -- "$@" | cksum; }
        identity=$(.venv/bin/python -c 'import sys; print(sys.version.split()[0], sys.base_prefix)')
        printf %s "$PWD | $identity | $(digest requirements/dev.txt)" >.venv/.requirements
        printf %s "$(digest pyproject.toml facade/invigilate/_version.py)" >.venv/.project
    """
    run("bash", "-euo", "pipefail", "-c", stamps, cwd=source)


def python3(folder: Path) -> Path:
    """Create a folder for PATH where `python3` is the interpreter of the tests."""
    folder.mkdir()
    command = folder / "python3"
    command.write_text(f'#!/bin/sh\nexec "{getattr(sys, "_base_executable", sys.executable)}" "$@"\n')
    command.chmod(0o755)
    return folder


@dataclass(frozen=True)
class Walk:
    """The results of the steps.

    Attributes:
        folder: where they were run.
        source: the unpacked source archive.
        printed: what each block printed.
        uploaded: the names of the files on the index.
    """

    folder: Path
    source: Path
    printed: list[str]
    uploaded: list[str]

    def elsewhere(self, program: str) -> str:
        """Run a program where only the package was installed, by name, and return its output."""
        return run(self.folder / "elsewhere" / "bin" / "python", "-I", "-W", "error", "-c", program, cwd=self.folder)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """The steps, run once."""
    scratch = tmp_path_factory.mktemp("downstream")
    (scratch / "source").mkdir()
    source = unpacked(scratch / "source")
    equip(source)
    house = wheelhouse(scratch / "house", "sandbox")
    pins = ROOT / "requirements" / "dev.txt"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--only-binary", ":all:"]
    run(*download, "--dest", house, "--constraint", pins, *TOOLS, cwd=scratch, environment=dict(os.environ))
    work = scratch / "work"
    work.mkdir()
    # One shell for all blocks, so that they may change its folder. A line between them tells their output apart.
    mark = "==> next block"
    script = f"\necho; echo '{mark}'\n".join(block.text for block in STEPS)
    with LoopbackIndex(scratch / "index", house) as index:
        environment = index.environment(
            INVIGILATE=str(source),
            PATH=f"{python3(scratch / 'bin')}{os.pathsep}{os.environ['PATH']}",
            PIP_NO_COMPILE="1",
        )
        printed = run("bash", "-euo", "pipefail", "-c", script, cwd=work, environment=environment)
        yield Walk(work, source, printed.split(f"\n{mark}\n"), index.files())


def test_every_step_was_run(walk: Walk) -> None:
    assert len(walk.printed) == len(STEPS) > 0
    sections = re.split(r"^## (?=\d\. )", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert [section[0] for section in sections] == list("1234567")
    # A step either runs commands, or shows parts of the files that the other steps use.
    assert [section[0] for section in sections if "```bash\n" not in section] == ["2", "4"]


def test_the_program_prints_what_the_page_shows(walk: Walk) -> None:
    (block,) = (block for block in BLOCKS if block.language == "text")
    assert block.follows is STEPS[-1]
    assert walk.printed[-1] == block.text


def test_both_packages_are_on_the_index(walk: Walk) -> None:
    assert walk.uploaded == [
        f"invigilate-{__version__}-py3-none-any.whl",
        f"invigilate-{__version__}.tar.gz",
        "northfield_proctoring-1.0.0-py3-none-any.whl",
        "northfield_proctoring-1.0.0.tar.gz",
    ]


def test_it_was_installed_by_name_and_from_the_index(walk: Walk) -> None:
    printed = walk.elsewhere(
        "import json, invigilate, northfield_client, northfield_proctoring\n"
        "from importlib.metadata import distribution, distributions\n"
        "print(json.dumps([[d.name for d in distributions()], invigilate.__version__,\n"
        "    [m.__file__ for m in (invigilate, northfield_client, northfield_proctoring)],\n"
        "    [distribution(n).read_text('direct_url.json') for n in ('invigilate', 'northfield-proctoring')]]))"
    )
    names, version, files, origins = json.loads(printed)
    assert {"northfield-proctoring", "invigilate", "httpx"} <= set(names)
    # Neither the sandbox's requirements nor what the package is developed with.
    assert not {"openapi-core", "pytest", "mypy", "twine"} & set(names)
    assert version == __version__
    assert all(Path(file).is_relative_to(walk.folder / "elsewhere") for file in files)
    assert origins == [None, None]


def test_the_script_of_the_archive_made_what_is_committed(walk: Walk) -> None:
    """`regenerate` ran from the unpacked archive, whose environment is not this repository's."""
    made = walk.folder / "northfield-proctoring" / "src" / "northfield_client"
    committed = EXAMPLE / "src" / "northfield_client"
    assert tree(made) == tree(committed), (
        "run ./scripts/regenerate --spec $PWD/examples/downstream-sdk/openapi/northfield.yaml "
        "--package northfield_client --output $PWD/examples/downstream-sdk/src"
    )
    assert "2 operations in northfield_client" in "".join(walk.printed)


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def test_its_own_tests_passed(walk: Walk) -> None:
    tests = (EXAMPLE / "tests" / "test_rooms.py").read_text(encoding="utf-8").count("\ndef test_")
    output = "".join(walk.printed)
    assert f"{tests} passed" in output
    assert "Success: no issues found" in output


def test_what_was_uploaded_holds_both_packages_and_the_types(walk: Walk) -> None:
    dist = walk.folder / "northfield-proctoring" / "dist"
    (wheel,), (source,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    for name in ("northfield_client/py.typed", "northfield_proctoring/py.typed", "northfield_client/openapi.yaml"):
        assert name in names
    packages = {"northfield_client", "northfield_proctoring", "northfield_proctoring-1.0.0.dist-info"}
    assert {name.partition("/")[0] for name in names} == packages
    with tarfile.open(source) as archive:
        parts = {name.split("/")[1] for name in archive.getnames()}
    # Neither the environment nor what was built before.
    assert parts == {"PKG-INFO", "README.md", "openapi", "pyproject.toml", "reserve.py", "src", "tests"}


def test_the_files_that_the_page_shows_are_those_of_the_example() -> None:
    shown = [block for block in BLOCKS if block.file_name]
    assert {block.file_name for block in shown} == {
        "src/northfield_proctoring/_rooms.py",
        "src/northfield_proctoring/_clients.py",
    }
    for block in shown:
        text = (EXAMPLE / str(block.file_name)).read_text(encoding="utf-8")
        assert block.text.partition("\n")[2] in text, str(block)
    described, uploaded = (block.text for block in BLOCKS if block.language == "yaml")
    assert described in (EXAMPLE / "openapi" / "northfield.yaml").read_text(encoding="utf-8")
    assert uploaded in WORKFLOW.read_text(encoding="utf-8")


def test_the_workflow_runs_what_the_page_runs() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    (script,) = (step["run"] for step in jobs["build"]["steps"] if "run" in step)
    on_the_page = {line.replace(".venv/bin/", "") for block in STEPS for line in block.text.splitlines()}
    lines = [line for line in script.splitlines() if line.startswith("python -m ") and " pip " not in line]
    assert len(lines) == 4
    assert set(lines) <= on_the_page
    fetched, published = jobs["upload"]["steps"]
    (kept,) = (step["with"] for step in jobs["build"]["steps"] if "upload-artifact" in step.get("uses", ""))
    assert kept["path"] == fetched["with"]["path"] == "dist/"
    # The action uploads dist/ unless told otherwise.
    assert "packages-dir" not in published["with"]
    # Its commit is the one that releases invigilate.
    assert published["uses"] in (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")


def test_each_block_is_run_or_compared() -> None:
    assert {block.language for block in BLOCKS} == {"bash", "python", "text", "yaml"}
    assert all(block.file_name for block in BLOCKS if block.language == "python")


def test_the_example_allows_this_version_and_no_other_minor_one() -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (needed,) = (Requirement(text) for text in project["dependencies"] if text.startswith("invigilate"))
    assert needed.specifier.contains(__version__, prereleases=True), (
        "allow this version in the example's pyproject.toml"
    )
    major, minor = (int(part) for part in __version__.split(".")[:2])
    assert not needed.specifier.contains(f"{major}.{minor + 1}.0" if major == 0 else f"{major + 1}.0.0")
    (said,) = re.findall(r"`(invigilate[><=].*?)`", PAGE.read_text(encoding="utf-8"))
    assert Requirement(said) == needed
