"""The wheel alone, in an environment that has nothing but it and what it needs.

It is built of the tree as it is. The sandbox that it calls runs in this environment, as a process of its own. What is
installed has the versions of requirements/dev.txt.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest

from invigilate import __version__
from invigilate._apis import APIS

REPOSITORY = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    """What a command prints; a failure shows all of it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**outside(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout


def outside() -> dict[str, str]:
    """The environment without what leads back into the repository."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(
        sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, REPOSITORY, cwd=folder
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


@dataclass(frozen=True)
class Place:
    """An environment with the wheel, and a folder to run programs in."""

    python: Path
    folder: Path

    def run(self, program: str, **environment: str) -> str:
        """What a program prints there, with warnings as errors."""
        code = textwrap.dedent(program)
        return run(self.python, "-I", "-W", "error", "-c", code, cwd=self.folder, environment=environment)


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("place")
    # pip of this environment installs into the other one, which stays as empty as it can be.
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    constraints = folder / "constraints.txt"
    lines = (REPOSITORY / "requirements" / "dev.txt").read_text(encoding="utf-8").splitlines()
    pinned = (re.match(r"[A-Za-z0-9._-]+==[^ ;\\]+", line) for line in lines)
    constraints.write_text("".join(f"{pin[0]}\n" for pin in pinned if pin))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-input"]
    run(*command, "--disable-pip-version-check", "-c", constraints, wheel, cwd=folder)
    return Place(python, folder)


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    """What a sandbox of this environment says of itself."""
    command = [sys.executable, "-m", "invigilate.sandbox", "--json", "--report-rows", "120"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.communicate()


INFO = f"invigilate-{__version__}.dist-info"
GENERATED = {api.package for api in APIS}


def test_what_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for package in ("invigilate", "invigilate_runtime", *GENERATED):
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names
    for package in GENERATED:
        assert f"{package}/openapi.yaml" in names
    assert f"{INFO}/licenses/LICENSE" in names
    assert "invigilate/apis.toml" in names
    for name in ("index.html", "explorer.js", "explorer.css", "swagger-ui/swagger-ui-bundle.js", "swagger-ui/LICENSE"):
        assert f"invigilate/sandbox/explorer/{name}" in names
    assert f"{INFO}/licenses/facade/invigilate/sandbox/explorer/swagger-ui/NOTICE" in names
    # Nothing of the repository but the packages.
    packages = {"invigilate", "invigilate_runtime", "invigilate_pytest.py", *GENERATED, INFO}
    assert {name.split("/")[0] for name in names} == packages
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_its_links_work_on_an_index_page(wheel: Path) -> None:
    """Relative ones lead to files of the repository at the tag of the version, as the URLs of the project do."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = message_from_string(archive.read(f"{INFO}/METADATA").decode())
    urls = dict(entry.split(", ", 1) for entry in metadata.get_all("Project-URL", []))
    assert set(urls) == {"Changelog", "Documentation", "Issues", "Repository"}
    files = f"{urls['Repository']}/blob/v{__version__}/"
    assert urls["Changelog"] == f"{files}CHANGELOG.md"
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    page = str(metadata.get_payload())
    link = re.compile(r"\]\(([^)\s]+)\)")
    before, after = (link.findall(re.sub(r"(?ms)^```.*?^```$", "", text)) for text in (readme, page))
    assert len(before) == len(after) > 30
    for relative, absolute in zip(before, after, strict=True):
        if relative.startswith("https://"):
            assert absolute == relative
        else:
            assert absolute == files + (f"README.md{relative}" if relative.startswith("#") else relative)
            path = absolute.removeprefix(files).partition("#")[0]
            assert (REPOSITORY / path).is_file(), path
    # Code stays as it is.
    code = re.compile(r"(?ms)^```.*?^```$")
    assert code.findall(page) == code.findall(readme)


def test_it_names_no_place_on_the_machine_that_built_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            assert str(REPOSITORY).encode() not in archive.read(name), name


def test_only_what_it_needs_is_there(place: Place) -> None:
    listed = place.run(
        "from importlib.metadata import distributions; print(*(d.name.lower() for d in distributions()))"
    )
    names = {name.replace("_", "-") for name in listed.split()}
    assert {"invigilate", "httpx", "attrs", "python-dateutil"} <= names
    # Neither what the sandbox needs nor what this repository is developed with.
    assert not names & {"openapi-core", "pyyaml", "jsonschema", "rich", "pytest", "jinja2", "pydantic", "pip"}


def test_it_imports(place: Place) -> None:
    printed = place.run(
        """
        import invigilate
        for name in invigilate.__all__:
            getattr(invigilate, name)
        print(invigilate.__version__, invigilate.__file__)
        """
    )
    version, file = printed.split()
    assert version == __version__
    assert Path(file).is_relative_to(place.folder / "venv")


def test_the_sandbox_says_what_it_needs(place: Place) -> None:
    printed = place.run(
        """
        try:
            import invigilate.sandbox
        except ImportError as error:
            print(error)
        """
    )
    assert "pip install 'invigilate[sandbox]'" in printed


def test_the_specs_are_in_it(place: Place) -> None:
    printed = place.run(
        "from invigilate import specs; print(*(specs.read(name).count('operationId') for name in specs.NAMES))"
    )
    files = [REPOSITORY / "openapi" / f"{name}.yaml" for name in ("smarterproctoring", "ispring-learn")]
    assert printed.split() == [str(file.read_text(encoding="utf-8").count("operationId")) for file in files]


def test_it_calls_a_sandbox_of_another_environment(place: Place, served: dict[str, Any]) -> None:
    printed = place.run(
        """
        import json, os
        from invigilate import ISpringLearn, SmarterProctoring

        known = json.loads(os.environ["KNOWN"])
        with SmarterProctoring() as client:
            rows = client.reports.service_distribution(limit=50).collect()
            session = client.exam_sessions.schedule(
                exam_sid=known["exam_sid"],
                session_sid=known["session_sid"],
                appointment_date_time="2030-01-01T11:00:00+01:00",
            )
        with ISpringLearn() as client:
            results = client.job_training.list_session_results(checklist_id=known["checklist_id"])
        print(json.dumps([len(rows), session.status, session.appointment_date, len(results)]))
        """,
        KNOWN=json.dumps(served),
        **served["environment"],
    )
    assert json.loads(printed) == [120, "Scheduled", "2030-01-01T10:00:00.000Z", 8]


def test_it_calls_without_waiting(place: Place, served: dict[str, Any]) -> None:
    printed = place.run(
        """
        import asyncio
        from invigilate import AsyncISpringLearn, AsyncSmarterProctoring

        async def main():
            async with AsyncSmarterProctoring() as client, AsyncISpringLearn() as training:
                rows = [row async for row in client.reports.service_distribution(limit=50)]
                return len(rows), len(await training.job_training.list_session_results())

        print(*asyncio.run(main()))
        """,
        **served["environment"],
    )
    rows, results = printed.split()
    # The session that was scheduled above may be in the report already.
    assert int(rows) in {120, 121}
    assert int(results) >= 8


def test_its_types_are_seen(place: Place) -> None:
    program = place.folder / "program.py"
    lines = [
        "from invigilate import SmarterProctoring",
        "title: str | None = None",
        "for row in SmarterProctoring().reports.service_distribution(statuses=['Closed']): reveal_type(row)",
    ]
    program.write_text("\n".join(lines) + "\n")
    options = ["--strict", "--config-file=", "--cache-dir", str(place.folder / "cache")]
    command = [sys.executable, "-m", "mypy", *options, "--python-executable", str(place.python), "program.py"]
    assert "models.service_distribution_row.ServiceDistributionRow" in run(*command, cwd=place.folder)
    program.write_text(program.read_text().replace("statuses", "states"))
    with pytest.raises(AssertionError, match=r"Unexpected keyword argument \"states\""):
        run(*command, cwd=place.folder)
