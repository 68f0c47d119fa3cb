"""What must not be in any file of the repository, and what the pinned requirements must be."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import files, packages_distributions, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]

# Put together here, so that this file does not hold what it looks for.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("npmmirror", "com"),
        ("deb", "debian", "org"),
        ("crates", "io"),
    )
]
HOST = re.compile("|".join(rf"\b{re.escape(host)}\b" for host in REGISTRY_HOSTS), re.IGNORECASE)

# A folder of one machine, where a path begins: not inside a URL, a relative path or a word.
MACHINE_PATH = re.compile(
    r"(?<![\w.~:/}>*)\]-])/(?:work|root|home|tmp|Users|private|opt/pypi|opt/wheels)/[\w.-]"
    r"|\b[A-Za-z]:\\Users\\",
)


def repository_files() -> list[Path]:
    """What is tracked, and what would be with the next commit."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listing.stdout.decode().split("\0") if name)
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def found(pattern: re.Pattern[str]) -> list[str]:
    """Where the pattern occurs in the repository's text files."""
    places: list[str] = []
    for path in repository_files():
        data = path.read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), 1):
            if pattern.search(line):
                places.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    return places


def test_no_registry_hosts() -> None:
    assert found(HOST) == []


def test_no_paths_of_one_machine() -> None:
    assert found(MACHINE_PATH) == []


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("cd /" + "work/main", True),
        ('"/' + 'tmp/x"', True),
        ("(/" + "home/me/.venv/bin/python)", True),
        ("file:///" + "root/x", False),  # part of a URL: the registry check is what looks at those
        ("C:" + "\\Users\\me", True),
        ("https://example.test/work/items", False),
        ("../work/items", False),
        ("/v1/installs/home/x", False),
        ("/path/to/python3.12", False),
    ],
)
def test_what_counts_as_a_path_of_one_machine(line: str, bad: bool) -> None:
    assert bool(MACHINE_PATH.search(line)) is bad


@pytest.mark.parametrize("name", ["dev.txt", "spark.txt"])
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    requirements = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith((" ", "#"))]
    assert len(requirements) > 20
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+==[\w.+!]+ +--hash=sha256:[0-9a-f]{64}", requirement)
    # No option, no address: where files come from is the business of whoever installs them.
    assert not re.search(r"^\s*-|://|--(?!hash=sha256:)", text.replace("\n    --hash", " --hash"), re.M)


def test_every_folder_of_tests_is_run() -> None:
    """By `./scripts/test`, or by `./scripts/test-spark`."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    folders = {path.relative_to(ROOT).parts[1] for path in (ROOT / "tests").rglob("test_*.py")}
    assert {f"tests/{name}" for name in folders - {"spark"}} == set(listed["testpaths"])


def test_requirements_cover_what_the_project_declares() -> None:
    """The project is installed without its dependencies, so nothing else compares the two."""
    pins = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements" / "spark.txt").read_text(), re.MULTILINE))
    for text in requires("invigilate") or []:
        requirement = Requirement(text)
        if requirement.name == "invigilate":
            continue  # an extra that has those of another
        marker, name = requirement.marker, canonicalize_name(requirement.name)
        if name != "pyspark":
            assert version(name) in requirement.specifier, text
        # The environment of the tests of Spark.
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("export", "sandbox", "spark")):
            assert pins[name] in requirement.specifier, text


def imported_distributions(folder: Path) -> dict[str, set[str]]:
    """The distributions that the modules of a folder import, anywhere in them, and which modules do."""
    own = {path.name for root in ("facade", "generated") for path in (ROOT / root).iterdir()}
    own |= {Path(name).stem for name in own}
    providers = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                top, *below = name.split(".")
                known = set(providers.get(top, [top]))
                if len(known) > 1:  # a namespace that distributions share: the one with the module below it
                    known = {
                        each for each in known if any(file.parts[:2] == (top, *below[:1]) for file in files(each) or ())
                    }
                if top not in own | sys.stdlib_module_names:
                    for provider in known:
                        found.setdefault(canonicalize_name(provider), set()).add(path.name)
    return found


# Imported, and not declared.
ALREADY_THERE = {
    "pytest": "only pytest loads its plugin",
    "typing-extensions": "imported only by type checkers, which bring its types",
}


def test_everything_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for extra in project["optional-dependencies"].values() for text in extra]
    required, optional = (
        {canonicalize_name(Requirement(text).name) for text in texts} for texts in (project["dependencies"], extras)
    )
    found = imported_distributions(ROOT / "facade")
    undeclared = {name: modules for name, modules in found.items() if name not in required | optional}
    assert undeclared.keys() == ALREADY_THERE.keys(), undeclared
    # Whoever installs the SDK gets nothing that no module needs.
    generated = imported_distributions(ROOT / "generated")
    assert required - found.keys() - generated.keys() == set()


def test_an_import_is_found_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import os, attr.validators\nfrom . import x\nfrom yaml import load\ndef f():\n    import nobody.knows\n"
    )
    assert imported_distributions(tmp_path) == {"attrs": {"a.py"}, "pyyaml": {"a.py"}, "nobody": {"a.py"}}


def test_the_node_lock_file_has_hashes_and_no_addresses() -> None:
    text = (ROOT / "scripts" / "node" / "package-lock.json").read_text()
    lock = json.loads(text)
    assert "resolved" not in text
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []


def test_node_tools_are_pinned_exactly() -> None:
    package = json.loads((ROOT / "scripts" / "node" / "package.json").read_text())
    for name, wanted in package["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", wanted), name


def test_no_other_lock_files() -> None:
    """One way to install, so one place to update."""
    names = {"poetry.lock", "uv.lock", "Pipfile.lock", "pdm.lock", "yarn.lock", "pnpm-lock.yaml"}
    assert [path for path in repository_files() if path.name in names] == []
