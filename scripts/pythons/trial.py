"""Installs the wheel in a fresh environment and runs tests there, away from the source tree."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .interpreters import Interpreter
from .suite import FOLDERS, FOR_TESTS, NOTED, SUITE

_INSTALLED = """
import json, sys
from importlib.metadata import distributions
import invigilate, invigilate_runtime, ispring_learn_client, smarterproctoring_client
modules = invigilate, invigilate_runtime, ispring_learn_client, smarterproctoring_client
versions = {d.name.lower().replace("_", "-"): d.version for d in distributions()}
print(json.dumps([[module.__file__ for module in modules], versions]))
"""
_SUMMARY = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+) in [\d.]+s", re.MULTILINE)


class Failed(Exception):
    """The wheel cannot be built or installed; the message says why."""


@dataclass
class Result:
    """What happened on one Python.

    Attributes:
        interpreter: the Python.
        outcome: the summary of pytest, or why it did not run.
        passed: whether everything that this Python needs was installed, and all tests passed.
        versions: the installed dependencies by name.
        left_out: extras that cannot be installed, each with the reason.
    """

    interpreter: Interpreter
    outcome: str = ""
    passed: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def noted(self) -> str:
        """The versions of note, such as `"httpx 0.28.1, typer 0.29.0"`."""
        return ", ".join(f"{name} {self.versions[name]}" for name in NOTED if name in self.versions)


def build(root: Path, folder: Path) -> Path:
    """Build the wheel of the tree as it is.

    Args:
        root: the repository.
        folder: where to put it.

    Raises:
        Failed: if it cannot be built.
    """
    done = _run([sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, root], cwd=folder)
    if done.returncode:
        raise Failed(f"the wheel cannot be built:\n{done.stdout}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def supported(root: Path) -> list[str]:
    """Return the Pythons in the classifiers of pyproject.toml, such as `"3.12"`."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pattern = re.compile(r"Programming Language :: Python :: (3\.\d+)")
    return [match[1] for text in project["classifiers"] if (match := pattern.fullmatch(text))]


def copy_tests(root: Path, folder: Path) -> None:
    """Copy what the tests need, without the packages: only the wheel can be imported there."""
    unwanted = shutil.ignore_patterns("__pycache__", "node_modules", ".*")
    for name in FOLDERS:
        shutil.copytree(root / name, folder / name, ignore=unwanted)
    for file in (root / "pyproject.toml", *root.glob("*.md")):
        shutil.copy(file, folder)


def oldest(pyproject: Path) -> list[str]:
    """Return the oldest versions that a project allows of its dependencies, those of all extras included.

    Args:
        pyproject: the pyproject.toml of the project.

    Returns:
        Constraints for pip, such as `"httpx==0.27"`, by name.

    Raises:
        Failed: if there is no single one for a dependency.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    texts = [*project.get("dependencies", ()), *(text for extra in extras for text in extra)]
    found: dict[str, str] = {}
    for requirement in map(Requirement, texts):
        name = canonicalize_name(requirement.name)
        if name == canonicalize_name(project["name"]):  # an extra may name other extras of the project itself
            continue
        lowest = [each.version for each in requirement.specifier if each.operator in {">=", "~=", "=="}]
        if len(lowest) != 1:
            raise Failed(f"{requirement}: expected a single lowest version")
        if found.setdefault(name, lowest[0]) != lowest[0]:
            raise Failed(f"{name}: expected one lowest version, got {found[name]} and {lowest[0]}")
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def try_on(
    interpreter: Interpreter,
    wheel: Path,
    tests: Path,
    folder: Path,
    extras: Sequence[str],
    *,
    required: bool,
    constraint: Path | None = None,
    arguments: Sequence[str] = (),
) -> Result:
    """Install the wheel and its extras, and run the tests.

    Args:
        interpreter: the Python.
        wheel: the wheel.
        tests: the folder that `copy_tests` filled.
        folder: where to create the environment.
        extras: the extras to install.
        required: whether an extra that cannot be installed is a failure.
        constraint: a file of constraints for pip; by default the newest dependencies are installed.
        arguments: arguments for pytest in place of the tests for the installed extras.
    """
    result = Result(interpreter)
    created = _run([interpreter.path, "-I", "-m", "venv", folder], cwd=folder.parent)
    if created.returncode:
        result.outcome = f"no environment: {_last(created.stdout)}"
        return result
    inside = folder / "bin" / "python"
    try:
        installed = _install(inside, wheel, extras, folder, constraint, result)
    except Failed as error:
        result.outcome = f"not installed: {error}"
        return result
    listed = _run([inside, "-I", "-c", _INSTALLED], cwd=folder)
    if listed.returncode:
        result.outcome = f"not importable: {_last(listed.stdout)}"
        return result
    places, result.versions = json.loads(listed.stdout)
    if outside := [place for place in places if not Path(place).is_relative_to(folder)]:
        result.outcome = f"imported from elsewhere: {outside[0]}"
        return result
    chosen = list(arguments) or [file for needed, files in SUITE.items() if needed <= installed for file in files]
    # No files are written into the folder: the other Pythons use it, too.
    command: list[str | Path] = [inside, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen]
    done = _run(command, cwd=tests, show=True)
    summary = _SUMMARY.findall(done.stdout)
    result.outcome = summary[-1] if summary else _last(done.stdout)
    result.passed = done.returncode == 0 and not (required and result.left_out)
    return result


def _install(
    inside: Path, wheel: Path, extras: Sequence[str], folder: Path, constraint: Path | None, result: Result
) -> frozenset[str]:
    """Install the wheel with each extra that can be installed, and return these extras."""
    pip: list[str | Path] = [inside, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    if constraint is not None:
        pip += ["--constraint", constraint]

    def install(names: Sequence[str]) -> str:
        wanted = [package for extra in ("", *names) for package in FOR_TESTS.get(extra, ())]
        target = f"{wheel}[{','.join(names)}]" if names else str(wheel)
        done = _run([*pip, target, *wanted], cwd=folder)
        return _reason(done.stdout) if done.returncode else ""

    if not install(extras):
        return frozenset(extras)
    # One of them has no wheel for this Python: find out which.
    if reason := install(()):
        raise Failed(reason)
    for extra in extras:
        if reason := install([extra]):
            result.left_out[extra] = reason
    return frozenset(extras) - set(result.left_out)


def _reason(output: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    return errors[-1] if errors else _last(output)


def _last(output: str) -> str:
    return (output.strip().splitlines() or ["no output"])[-1]


def _run(
    command: Sequence[str | Path], *, cwd: Path, show: bool = False, timeout: float = 900.0
) -> subprocess.CompletedProcess[str]:
    """Run a program without input. Its errors are part of its output, and a timeout counts as a failure."""
    words = [str(part) for part in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        done = subprocess.CompletedProcess(words, 1, f"{Path(words[0]).name} timed out after {timeout:.0f} s")
    if show:
        print(done.stdout, flush=True)
    return done


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables without those that lead back into the repository or change what pip does."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_ADDOPTS"}
    kept = {name: value for name, value in variables.items() if name not in dropped}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
