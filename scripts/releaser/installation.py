"""Installs the built wheel alone on each supported Python found, and runs README's first example there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythons.interpreters import Interpreter

from .process import Refused, outside, python, run
from .repository import Repository

# A block of Python followed by its output.
_LINES = r"(?:(?!```).*\n)*"
_EXAMPLE = re.compile(rf"^```python\n(?P<program>{_LINES})```\n\n```text\n(?P<printed>{_LINES})```$", re.MULTILINE)
_ORIGIN = """
import json
from importlib.metadata import entry_points, version
from invigilate import __version__, provenance, specs
(command,) = entry_points(group="console_scripts", name="invigilate")
for name in specs.NAMES:
    specs.read(name)
print(json.dumps([__version__, version("invigilate"), provenance.read()]))
"""


def install(repository: Repository, interpreter: Interpreter, wheel: Path, digest: str, folder: Path) -> Path:
    """Create an environment with the wheel, its dependencies and nothing else.

    Everything is checked against a hash: the wheel against its own, the rest against requirements/dev.txt. The wheel
    is installed by name, as users do, so that no path of this machine is recorded.

    Args:
        repository: the tree whose requirements/dev.txt pins the versions.
        interpreter: the Python to use.
        wheel: the wheel.
        digest: its SHA-256 in hexadecimal digits.
        folder: the folder of the environment.

    Returns:
        The environment's Python.

    Raises:
        Failed: if it cannot be installed.
    """
    run(interpreter.path, "-I", "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    name, version = wheel.name.split("-")[:2]
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{name}=={version} --hash=sha256:{digest}\n", encoding="utf-8")
    pip = python("-m", "pip", "--python", inside, "--disable-pip-version-check", "--no-input", "install", "--quiet")
    pins = repository.root / "requirements" / "dev.txt"
    source = ("--only-binary", ":all:", "--find-links", wheel.parent, "--constraint", pins, "--requirement", wanted)
    run(*pip, *source, cwd=folder)
    return inside


def first_example(readme: str) -> tuple[str, str]:
    """Return the first program in README.md that is followed by its output, and that output.

    Raises:
        Refused: if there is none.
    """
    match = _EXAMPLE.search(readme)
    if match is None:
        raise Refused("README.md has no Python example followed by its output")
    return match["program"], match["printed"]


def try_example(inside: Path, example: tuple[str, str], served: Mapping[str, str], folder: Path) -> None:
    """Run README's first example in an environment, against a new sandbox.

    Raises:
        Failed: if the program fails; a warning is a failure.
        Refused: if its output is not that in README.md.
    """
    program, expected = example
    # The program leaves its client open.
    warnings = ("-W", "error", "-W", "ignore::ResourceWarning")
    printed = run(inside, "-I", *warnings, "-c", program, cwd=folder, environment=outside(**served))
    if printed != expected:
        raise Refused(f"README.md's first example does not print the output below it, but:\n{printed}")


def provenance(inside: Path, version: str, folder: Path) -> dict[str, Any]:
    """Return what the installed package was generated from.

    Raises:
        Failed: if it does not have this information, or a specification or the command is missing.
        Refused: if it has another version.
    """
    named, installed, origin = json.loads(run(inside, "-I", "-c", _ORIGIN, cwd=folder, errors_apart=True))
    if (named, installed) != (version, version):
        raise Refused(f"the wheel of {version} is {named} in the package and {installed} in its metadata")
    return dict(origin)
