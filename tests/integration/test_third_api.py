"""Another API costs a spec, a folder and an entry in the registry: a copy of the tree gets one, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THIRD = ROOT / "tests" / "golden" / "third_api"

pytestmark = pytest.mark.xdist_group("third_api")


def state(tree: Path) -> dict[str, str]:
    """The files of a tree, with their hashes."""
    return {
        path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tree.rglob("*")
        if path.is_file() and not {"__pycache__", ".mypy_cache"} & set(path.parts)
    }


def run(tree: Path, *command: str, code: int = 0, **environment: str) -> str:
    """Run a command of the tree, and return what it prints."""
    folders = os.pathsep.join(str(tree / name) for name in ("facade", "generated", "scripts"))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HARBOR_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env={**inherited, "PYTHONPATH": folders, "NO_COLOR": "1", "COLUMNS": "200", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A copy of the tree with the third API, regenerated and rendered, and the state before."""
    tree = tmp_path_factory.mktemp("third") / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", ".github/")):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    before = state(tree)
    shutil.copyfile(THIRD / "harbor.yaml", tree / "openapi" / "harbor.yaml")
    shutil.copytree(THIRD / "harbor", tree / "facade" / "invigilate" / "harbor")
    with (tree / "facade" / "invigilate" / "apis.toml").open("a", encoding="utf-8") as registry:
        registry.write((THIRD / "apis.toml").read_text(encoding="utf-8"))
    assert "harbor_client" in run(tree, "-m", "regenerator")
    run(tree, "-m", "docrender")
    return tree, before


@pytest.fixture(scope="module")
def tree(copied: tuple[Path, dict[str, str]]) -> Path:
    return copied[0]


def test_no_other_file_is_touched(copied: tuple[Path, dict[str, str]]) -> None:
    tree, before = copied
    after = state(tree)
    changed = {name for name in before if after.get(name) != before[name]}
    added = {name for name in after if name not in before}
    # Tables of these pages are rendered from the registry and the specs.
    pages = {
        "README.md",
        "docs/settings.md",
        "openapi/README.md",
        "docs/calls.md",
        "docs/sandbox.md",
    }
    assert changed == {"facade/invigilate/apis.toml", *pages}
    folders = ("openapi/harbor.yaml", "facade/invigilate/harbor/", "generated/harbor_client/")
    assert all(name.startswith(folders) for name in added)
    assert all(any(name.startswith(folder) for name in added) for folder in folders)


def test_it_regenerates_to_the_same_bytes(tree: Path) -> None:
    assert "as generated" in run(tree, "-m", "regenerator", "--check")


def test_it_type_checks(tree: Path) -> None:
    program = """
    from typing import assert_type

    from harbor_client.models.berth import Berth
    from invigilate import AsyncPager, Pager, RawResponse
    from invigilate.harbor import AsyncHarbor, Harbor

    client, other = Harbor("token"), AsyncHarbor("token")
    assert_type(client.berths.list(page_size=2), Pager[Berth])
    assert_type(client.berths.get(berth_id=7), Berth)
    assert_type(client.berths.with_raw_response.reserve(ship="Argo"), RawResponse[Berth])
    assert_type(other.berths.list(), AsyncPager[Berth])
    """
    (tree / "program.py").write_text(textwrap.dedent(program), encoding="utf-8")
    run(tree, "-m", "mypy", "--strict", "--no-incremental", "facade/invigilate/harbor", "program.py")
    (tree / "program.py").unlink()


def test_the_sandbox_answers_for_it(tree: Path) -> None:
    program = """
    import asyncio
    import os

    import invigilate
    from invigilate.sandbox import Sandbox

    with Sandbox() as sandbox:
        os.environ.update(sandbox.environment)
        with invigilate.Harbor() as client:
            pages = list(client.berths.list(page_size=10).pages())
            print(len(pages) > 1, {berth.name for page in pages for berth in page})
            print(client.berths.get(berth_id=7).free, client.berths.reserve(ship="Argo").free)
            try:
                client.berths.list(page_size=0).collect()
            except invigilate.InvalidArgumentError as error:
                print(error)

        async def main() -> None:
            async with invigilate.AsyncHarbor() as client:
                rows = [berth.name async for berth in client.berths.list(page_size=10).prefetch(3)]
                print(len(rows) == sum(map(len, pages)))

        asyncio.run(main())
    """
    (tree / "program.py").write_text(textwrap.dedent(program), encoding="utf-8")
    printed = run(tree, "program.py").splitlines()
    (tree / "program.py").unlink()
    assert printed == [
        "True {'North 7'}",
        "True False",
        "page_size: expected an integer of at least 1, got the number 0",
        "True",
    ]


def test_it_appears_in_the_command_line(tree: Path) -> None:
    assert "harbor berths reserve" in run(tree, "-m", "invigilate.cli", "apis")
    shown = run(tree, "-m", "invigilate.cli", "api", "harbor", "--help")
    assert "Places for ships." in shown
    assert "Reserve a berth." in run(tree, "-m", "invigilate.cli", "api", "harbor", "berths", "--help")
    reserve = ("-m", "invigilate.cli", "api", "harbor", "berths", "reserve")
    plan = run(tree, *reserve, "--ship", "Argo", "--dry-run", "--json", HARBOR_TOKEN="a-token")
    assert json.loads(plan)["path"] == "/v1/berths"


def test_a_file_of_its_changes_runs_from_the_command_line(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "ships.csv").write_text("ship\nArgo\nBeagle\n")
    program = """
    import os
    import subprocess
    import sys

    from invigilate.sandbox import Sandbox

    with Sandbox() as sandbox:
        environment = {**os.environ, **sandbox.environment}
        for _ in range(2):
            command = [sys.executable, "-m", "invigilate.cli", "api", "harbor", "berths", "reserve", *sys.argv[1:]]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            print(done.returncode, done.stdout.split(), done.stderr.splitlines()[-1])
    """
    (tree / "program.py").write_text(textwrap.dedent(program), encoding="utf-8")
    printed = run(tree, "program.py", "--from", str(tmp_path / "ships.csv"), "--yes").splitlines()
    (tree / "program.py").unlink()
    assert printed == [
        "0 ['line', 'outcome', 'message', '2', 'succeeded', '3', 'succeeded'] invigilate: 2 rows: 2 to send",
        "0 [] invigilate: 2 rows: 2 done",
    ]


def test_it_appears_in_the_tables_of_the_documentation(tree: Path) -> None:
    page = (tree / "docs" / "calls.md").read_text(encoding="utf-8")
    assert "(#harborberths)" in page
    assert "### harbor.berths" in page
    assert "| Harbor |" in (tree / "README.md").read_text(encoding="utf-8")
    assert "https://harbor.invalid/reserve-berth" in page


def test_it_appears_in_the_public_surface(tree: Path) -> None:
    program = "from reporter import surface; from pathlib import Path; print(*surface.read(Path('.')))"
    names = run(tree, "-c", program).split()
    assert "invigilate.harbor.Harbor" in names
    assert "harbor_client.api.berths.list_berths.describe" in names


def test_it_appears_in_specs_and_provenance(tree: Path) -> None:
    program = "from invigilate import provenance, specs; print(*specs.NAMES, *provenance.read())"
    assert {"harbor", "harbor_client"} <= set(run(tree, "-c", program).split())


def test_the_wheel_has_it(tree: Path, tmp_path: Path) -> None:
    run(tree, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"harbor_client/openapi.yaml", "harbor_client/py.typed", "invigilate/harbor/client.py"} <= names
    assert {"invigilate_runtime/_calls.py", "invigilate_pytest.py", "invigilate/apis.toml"} <= names
