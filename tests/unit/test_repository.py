"""What must not be in any file of the repository, and what the pinned requirements must be."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

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


def test_every_requirement_is_pinned_and_hashed() -> None:
    text = (ROOT / "requirements" / "dev.txt").read_text()
    requirements = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith((" ", "#"))]
    assert len(requirements) > 20
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+==[\w.+!]+ +--hash=sha256:[0-9a-f]{64}", requirement)
    # No option, no address: where files come from is the business of whoever installs them.
    assert not re.search(r"^\s*-|://|--(?!hash=sha256:)", text.replace("\n    --hash", " --hash"), re.M)


def test_requirements_cover_what_the_project_declares() -> None:
    """The project is installed without its dependencies, so nothing else compares the two."""
    from importlib.metadata import requires, version

    from packaging.requirements import Requirement

    for text in requires("invigilate") or []:
        requirement = Requirement(text)
        assert version(requirement.name) in requirement.specifier, text


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
