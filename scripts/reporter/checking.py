"""Runs the checks of a release against a tree: its types under the type checkers, its programs under pytest."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import apis
from .changes import Change, ReportError
from .released import CALLS, TYPES, Released
from .type_relations import result_relation

CHECKERS = ("mypy", "pyright")
_PYRIGHT = Path("scripts/node/node_modules/.bin/pyright")
_SANDBOX = "invigilate/sandbox/"
_BEHIND = "it runs on the sandbox, which may not follow the changed specifications yet"


@dataclass
class Outcome:
    """The result.

    Attributes:
        changes: the checks that fail.
        notes: what was run, and what was skipped and why, one line each.
    """

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def unimportable(root: Path) -> str | None:
    """Return why the facade of a tree cannot be imported, or `None` if it can."""
    command = [sys.executable, "-c", "import invigilate; [getattr(invigilate, name) for name in invigilate.__all__]"]
    done = subprocess.run(command, env=_environment(root), capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines() or [f"Python ended with exit code {done.returncode}"]
    return said[-1].replace(f"{root}{os.sep}", "")


def check(
    root: Path,
    released: Released,
    *,
    checkers: Sequence[str] = CHECKERS,
    tools: Path | None = None,
    cache: Path | None = None,
    changes: Sequence[Change] = (),
) -> Outcome:
    """Run the checks of a release against a tree.

    Args:
        root: the tree.
        released: the record of the release.
        checkers: the type checkers to run.
        tools: the tree with the Node tools, if that is another one.
        cache: a folder for mypy's cache; by default that of the tree.
        changes: the other changes. Failures that mention the same old name have one cause, and while the
            specifications change, nobody knows whether the sandbox was taught: its programs are not judged.

    Raises:
        ReportError: if a checker or pytest itself fails.
    """
    outcome = Outcome()
    gone = {re.split(r"[.(]", change.name.removesuffix("()"))[-1].rstrip("=)") for change in changes if change.breaking}
    taught = all(change.area in {"surface", "documentation"} for change in changes)
    with tempfile.TemporaryDirectory(prefix="released-") as temporary:
        folder = Path(temporary)
        if (released.folder / TYPES).is_file():
            # A copy, so that no configuration of the tree applies to it.
            shutil.copyfile(released.folder / TYPES, folder / TYPES)
            failures: dict[int, dict[str, list[str]]] = {}
            for checker in checkers:
                if checker == "pyright" and not ((tools or root) / _PYRIGHT).exists():
                    outcome.notes.append(f"{TYPES}, pyright: not run; ./scripts/bootstrap --node installs it")
                    continue
                found = (
                    _mypy(root, folder, cache or root / ".mypy_cache" / "released")
                    if checker == "mypy"
                    else _pyright(root, folder, (tools or root) / _PYRIGHT)
                )
                for line, message in found:
                    failures.setdefault(line, {}).setdefault(checker, []).append(message)
                lines = len({line for line, _ in found})
                outcome.notes.append(f"{TYPES}, {checker}: {_said(lines, 'line') if lines else 'every line passes'}")
            source = (folder / TYPES).read_text(encoding="utf-8").splitlines()
            failed: list[Change] = []
            for line, by in sorted(failures.items()):
                breaking = not all(_is_narrower(message) for messages in by.values() for message in messages)
                said = "; ".join(f"{checker}: {'; '.join(messages)}" for checker, messages in by.items())
                said += "" if breaking else "; a narrower type of a result can be used as before"
                failed.append(
                    Change("fails", "released types", f"{TYPES}:{line}", breaking, said, source[line - 1].strip())
                )
            outcome.changes += _by_cause(failed, gone)
        else:
            outcome.notes.append(f"{TYPES}: {released.source} recorded none")
        if (released.folder / CALLS).is_file():
            shutil.copyfile(released.folder / CALLS, folder / CALLS)
            total, stopped = _run(root, folder, taught)
            text = _said(len(stopped), f"program of {total}") if stopped else f"all {total} programs pass"
            outcome.notes.append(f"{CALLS}: {text}")
            outcome.changes += _by_cause(stopped, gone)
        else:
            outcome.notes.append(f"{CALLS}: {released.source} recorded none")
    return outcome


def _by_cause(failed: list[Change], gone: set[str]) -> list[Change]:
    """Return one entry for all failures that mention the same name that is gone, or say the same."""
    causes: dict[tuple[bool | None, str], list[Change]] = {}
    for one in failed:
        named = set(re.findall(r"['\"](\w+)['\"]", one.reason)) & gone
        causes.setdefault((one.breaking, min(named, default=re.sub(r":\d{4,5}\b|0x\w+", "", one.reason))), []).append(
            one
        )
    return [
        replace(first, name=f"{first.name} and {len(others)} more", where=tuple(other.name for other in others))
        if others
        else first
        for first, *others in causes.values()
    ]


def _is_narrower(message: str) -> bool:
    """Return whether a checker reports only that a result has a narrower type than the line asserts."""
    if found := re.search(r'Expression is of type "([^"]*)", not "([^"]*)"', message):
        now, was = found.groups()
    elif found := re.search(r'mismatch: expected "([^"]*)" but received "([^"]*)"', message):
        was, now = found.groups()
    else:
        return False
    return result_relation(was, now) in {"same", "narrower"}


def _said(count: int, what: str) -> str:
    first, _, rest = what.partition(" ")
    counted = f"{count} {first}{'' if count == 1 else 's'} {rest}".rstrip()
    return f"{counted} fail{'s' if count == 1 else ''}"


def _environment(root: Path) -> dict[str, str]:
    """Return the environment in which the packages of the tree come before installed ones."""
    path = os.pathsep.join(str(root / name) for name in ("facade", "generated"))
    options = {variable for api in apis.read(root) for variable in api.variables.values()}
    cleared = {key: value for key, value in os.environ.items() if key not in options}
    return {**cleared, "PYTHONPATH": path, "MYPYPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}


def _mypy(root: Path, folder: Path, cache: Path) -> list[tuple[int, str]]:
    (folder / "mypy.ini").write_text("[mypy]\n", encoding="utf-8")
    options = ["--strict", "--no-error-summary", "--no-pretty", "--hide-error-context", "--python-version=3.11"]
    # Errors in the tree itself are found by its own checks.
    options += ["--follow-imports=silent", "--config-file=mypy.ini", f"--cache-dir={cache}"]
    command = [sys.executable, "-m", "mypy", *options, TYPES]
    done = subprocess.run(command, cwd=folder, env=_environment(root), capture_output=True, text=True, check=False)
    found = re.findall(rf"^{re.escape(TYPES)}:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    if done.returncode not in {0, 1} or bool(found) != bool(done.returncode):
        raise ReportError(f"mypy failed:\n{(done.stdout + done.stderr).strip()}")
    return [(int(line), message) for line, message in found]


def _pyright(root: Path, folder: Path, program: Path) -> list[tuple[int, str]]:
    settings = {
        "include": [TYPES],
        "extraPaths": [str(root / "facade"), str(root / "generated")],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "enableTypeIgnoreComments": False,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [str(program), "--outputjson", "--pythonpath", sys.executable, "--project", str(folder)]
    done = subprocess.run(command, cwd=folder, env=_environment(root), capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise ReportError(f"pyright failed:\n{(done.stdout + done.stderr).strip()}") from None
    if done.returncode not in {0, 1} or not report["summary"]["filesAnalyzed"]:
        raise ReportError(f"pyright failed:\n{(done.stdout + done.stderr).strip()}")
    return [
        (item["range"]["start"]["line"] + 1, " ".join(item["message"].split()))
        for item in report["generalDiagnostics"]
        if item["severity"] == "error" and Path(item["file"]).name == TYPES
    ]


def _run(root: Path, folder: Path, taught: bool) -> tuple[int, list[Change]]:
    """Run the programs.

    Args:
        root: the tree.
        folder: the folder with the programs.
        taught: whether the sandbox follows the specifications for sure.

    Returns:
        Their number, and those that fail. Failures of the sandbox do not count as breaking.
    """
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    results = folder / "results.xml"
    options = ["-q", "-p", "no:cacheprovider", "--noconftest", "--tb=short", f"--junitxml={results}"]
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", *options, f"--rootdir={folder}", CALLS]
    environment = {**_environment(root), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if not results.exists():
        raise ReportError(f"pytest failed:\n{(done.stdout + done.stderr).strip()}")
    cases = list(ElementTree.parse(results).iter("testcase"))
    served = _served(ast.parse((folder / CALLS).read_text(encoding="utf-8")))
    failed: list[Change] = []
    for case in cases:
        trouble = next((child for child in case if child.tag in {"failure", "error", "skipped"}), None)
        if trouble is None:
            continue
        said = " ".join((trouble.get("message") or trouble.tag).split())
        if "collection failure" in said:
            said = (trouble.text or said).strip().splitlines()[-1].removeprefix("E").strip()
        said = said.replace(f"{root}{os.sep}", "").replace(f"{folder}{os.sep}", "")
        said = said if len(said) <= 200 else said[:197] + "..."
        name = (case.get("name") or CALLS).partition("[")[0]
        frames = re.findall(r"^(\S+):\d+: in ", trouble.text or "", re.MULTILINE)
        of_sandbox = _SANDBOX in (frames or [""])[-1] or "InternalServerError: " in said
        if of_sandbox or (name in served and not taught):
            said += "; not judged: " + ("the sandbox failed" if of_sandbox else _BEHIND)
        shown = CALLS if name in CALLS else f"{CALLS}: {case.get('name')}"
        failed.append(Change("fails", "released calls", shown, "; not judged: " not in said, said))
    if not cases or bool(failed) != bool(done.returncode):
        raise ReportError(f"pytest failed:\n{(done.stdout + done.stderr).strip()}")
    return len(cases), failed


def _served(tree: ast.Module) -> set[str]:
    """Return the programs that use the sandbox, by themselves or through a fixture."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found: set[str] = set()
    while True:
        more = {
            one.name
            for one in functions
            if any("sandbox" in name.lower() or name in found for name in re.findall(r"\w+", ast.unparse(one)))
        }
        if more == found:
            return found
        found = more


__all__ = ["CHECKERS", "Outcome", "check", "unimportable"]
