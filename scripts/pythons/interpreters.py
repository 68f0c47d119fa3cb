"""Finds the Pythons of this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Printed by the interpreter itself: a name on the path can be a shim with no interpreter behind it.
_IDENTIFY = """
import ensurepip, json, os, platform, sys, sysconfig, venv
base = getattr(sys, "_base_executable", sys.executable)
threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(json.dumps([os.path.realpath(base), platform.python_version(), threaded]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that can create virtual environments.

    Attributes:
        path: the interpreter itself, not a shim and not that of an environment.
        version: its full version, such as `"3.12.1"` or `"3.15.0a1"`.
        free_threaded: whether it was built without the global interpreter lock.
    """

    path: Path
    version: str
    free_threaded: bool

    @property
    def name(self) -> str:
        """The version as in the name of its command, such as `"3.12"` or `"3.14t"`."""
        return ".".join(self.version.split(".")[:2]) + ("t" if self.free_threaded else "")


def find(names: Iterable[str]) -> dict[str, Interpreter]:
    """Return the Pythons of this machine: the running one, those on the path, and those of pyenv.

    Args:
        names: the versions to look for, such as `"3.12"` or `"3.14t"`.

    Returns:
        The first interpreter found for each name. Names without one are missing.
    """
    found: dict[str, Interpreter] = {}
    for name in names:
        for candidate in _candidates(name):
            interpreter = identify(candidate)
            if interpreter is not None and interpreter.name == name:
                found[name] = interpreter
                break
    return found


def identify(candidate: Path) -> Interpreter | None:
    """Return the interpreter behind a path or a command, or None if there is none that creates environments."""
    printed = _output(str(candidate), "-I", "-c", _IDENTIFY)
    if not printed:
        return None
    path, version, free_threaded = json.loads(printed)
    return Interpreter(Path(path), version, free_threaded)


def _candidates(name: str) -> Iterator[Path]:
    yield Path(sys.executable)
    for folder in os.get_exec_path():
        if path := shutil.which(f"python{name}", path=folder):
            yield Path(path)
    if root := _output("pyenv", "root"):
        releases = (Path(root) / "versions").glob(f"{name.removesuffix('t')}.*")
        # Newest first: 3.12.10 before 3.12.9.
        for release in sorted(releases, key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)])[::-1]:
            yield release / "bin" / "python"


def _output(*command: str) -> str:
    """Return what a command prints, or an empty string if it cannot be run or fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
