"""The command scripts/regenerate, run on copies of what it needs of the repository."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from regenerator.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
SPEC = "openapi/smarterproctoring.yaml"
REPORT = "generated/smarterproctoring_client/api/reports/get_service_distribution.py"
SIDS = "generated/smarterproctoring_client/sids.py"

PING = """
  /ping:
    get:
      operationId: getPing
      tags: [reports]
      summary: Ping
      x-capture: {page: https://example.invalid/ping, date: 2026-11-21, extent: guide, notes: [no page], unseen: [all]}
      x-idempotent: {value: true, reason: it only reads}
      responses:
        '204': {description: pong}
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository of its own; the script finds everything from its own place."""
    root = tmp_path / "copy"
    for name in ("openapi", "generated", "facade", "scripts/regenerator", "scripts/capturer", "tests/golden"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def run(root: Path, *arguments: str, seed: str = "0", path: Path | None = None) -> subprocess.CompletedProcess[str]:
    folders = [str(root / "scripts")] if path is None else [str(path), str(root / "scripts")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONHASHSEED": seed}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(
        [sys.executable, "-m", "regenerator", *arguments],
        cwd=root.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def state(root: Path) -> dict[str, str]:
    """Every file and folder with what is in it."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(root.rglob("*"))
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} no longer holds what this test changes"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_what_is_committed_is_what_the_script_makes() -> None:
    """The golden record as well."""
    for arguments in (["--check"], ["--check", "--golden"]):
        result = run(ROOT, *arguments)
        assert (result.returncode, result.stderr) == (0, ""), result.stdout


def test_the_same_bytes_whatever_the_hash_seed(copy: Path) -> None:
    before = state(copy / "generated")
    for seed in ("1", "2", "4294967295"):
        shutil.rmtree(copy / "generated")
        assert run(copy, seed=seed).returncode == 0
        assert state(copy / "generated") == before
    said = run(copy).stdout
    assert re.fullmatch(r"\d+ operations in smarterproctoring_client, ispring_learn_client: as generated\n", said)


def spec_edited(root: Path) -> None:
    edit(root / SPEC, "^TZ[a-f0-9]{32}$", "^TZ[a-f0-9]{31}$")


def default_edited(root: Path) -> None:
    edit(root / SPEC, "SID of the exam", "The SID of the exam")


def file_edited(root: Path) -> None:
    edit(root / SIDS, "^EX[", "^EY[")


def file_deleted(root: Path) -> None:
    (root / SIDS).unlink()


def file_added(root: Path) -> None:
    (root / "generated/smarterproctoring_client/models/added.py").write_text("A = 1\n")


def folder_deleted(root: Path) -> None:
    shutil.rmtree(root / "generated/ispring_learn_client")


def package_added(root: Path) -> None:
    (root / "generated/old_client").mkdir()
    (root / "generated/old_client/__init__.py").write_text("")


def template_changed(root: Path) -> None:
    edit(root / "openapi/templates/client.py.jinja", "without a facade.", "on its own.")


@pytest.mark.parametrize(
    ("change", "named", "lines"),
    [
        (spec_edited, "smarterproctoring_client/sids.py", ['-    "TimeZoneSid": "^TZ[a-f0-9]{32}$",']),
        (default_edited, "smarterproctoring_client/openapi.yaml", []),
        (file_edited, "smarterproctoring_client/sids.py", ['-    "ExamSid": "^EY[', '+    "ExamSid": "^EX[']),
        (file_deleted, "smarterproctoring_client/sids.py (missing)", ["+PATTERNS: dict[str, str] = {"]),
        (file_added, "smarterproctoring_client/models/added.py (not generated)", ["-A = 1"]),
        (folder_deleted, "ispring_learn_client (missing)", []),
        (package_added, "old_client (not generated)", []),
        (template_changed, "smarterproctoring_client/client.py", ["on its own."]),
    ],
)
def test_check_fails_with_a_diff_and_changes_nothing(
    copy: Path, change: Callable[[Path], None], named: str, lines: list[str]
) -> None:
    change(copy)
    before = state(copy)
    result = run(copy, "--check")
    assert result.returncode == 1, result.stderr
    assert f"\n  {named}\n" in result.stdout
    assert result.stdout.startswith("generated/ is not what scripts/regenerate generates")
    assert result.stdout.endswith("Run ./scripts/regenerate, and commit the result.\n")
    for line in lines:
        assert line in result.stdout
    assert len(result.stdout.splitlines()) < 180
    assert state(copy) == before


@pytest.mark.parametrize("change", [file_edited, file_deleted, file_added, folder_deleted, package_added])
def test_regenerating_mends_it(copy: Path, change: Callable[[Path], None]) -> None:
    before = state(copy)
    change(copy)
    result = run(copy)
    assert result.returncode == 0, result.stderr
    assert re.search(r": \d+ files? changed\n$", result.stdout)
    assert state(copy) == before


def template_broken(root: Path) -> None:
    edit(root / "openapi/templates/client.py.jinja", "class Client:", "{% if %}")


def template_wrong(root: Path) -> None:
    edit(root / "openapi/templates/model.py.jinja", "def __repr__(self)", "def __repr__(self")


def template_unknown(root: Path) -> None:
    edit(root / "openapi/templates/model.py.jinja", "{{ view.name }}", "{{ view.nothing.of.this }}")


def spec_broken(root: Path) -> None:
    edit(root / "openapi/ispring-learn.yaml", "paths:\n", "paths: [\n")


def spec_gone(root: Path) -> None:
    (root / "openapi/ispring-learn.yaml").unlink()


def no_x_idempotent(root: Path) -> None:
    edit(root / SPEC, "x-idempotent:", "x-idempotented:")


def no_x_capture(root: Path) -> None:
    edit(root / SPEC, "x-capture:", "x-captured:")


def other_ruff(root: Path) -> None:
    edit(root / "openapi/generator.yaml", "ruff: ", "ruff: 9")


def other_generator(root: Path) -> None:
    edit(root / "openapi/generator.yaml", "openapi-python-client: 0", "openapi-python-client: 7")


def ruff_fails(root: Path) -> None:
    (root / "broken" / "ruff").mkdir(parents=True)
    (root / "broken" / "ruff" / "__init__.py").write_text("")
    (root / "broken" / "ruff" / "__main__.py").write_text("import sys\nsys.exit('no ruff today')\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (template_broken, "client.py.jinja:"),
        (template_wrong, "ruff check failed on the generated code:"),
        (template_unknown, "nothing"),
        (spec_broken, "Error"),
        (spec_gone, "ispring-learn.yaml"),
        (no_x_idempotent, "has no x-idempotent"),
        (no_x_capture, "has no x-capture"),
        (other_ruff, "is pinned in generator.yaml, and 0."),
        (other_generator, "openapi-python-client 7"),
        (ruff_fails, "no ruff today"),
    ],
)
def test_a_failure_part_way_changes_nothing(copy: Path, change: Callable[[Path], None], reason: str) -> None:
    # There would be something to write.
    default_edited(copy)
    change(copy)
    before = state(copy)
    result = run(copy, path=copy / "broken")
    assert result.returncode == 2, result.stdout + result.stderr
    assert reason in result.stderr
    assert result.stderr.endswith("Nothing was changed.\n")
    assert "Traceback" not in result.stderr
    assert state(copy) == before


def test_a_missing_formatter_is_said_so(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(copy)
    version = importlib.metadata.version

    def lacking(name: str) -> str:
        if name == "ruff":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr("regenerator.__main__.ROOT", copy)
    monkeypatch.setattr(importlib.metadata, "version", lacking)
    assert main([]) == 2
    said = capsys.readouterr().err
    assert re.search(r"ruff [\d.]+ is pinned in generator.yaml, and none is installed\nNothing was changed", said)
    assert state(copy) == before


@pytest.mark.parametrize("failing", range(1, 5))
def test_an_exchange_that_fails_is_undone(copy: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    """Two packages are moved aside and two put in place: each of these may fail."""
    default_edited(copy)
    before = state(copy)
    rename, calls = Path.rename, 0

    def fail_once(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError("the disk is full")
        return rename(self, target)

    monkeypatch.setattr("regenerator.__main__.ROOT", copy)
    monkeypatch.setattr(Path, "rename", fail_once)
    assert main([]) == 2
    monkeypatch.undo()
    assert calls >= failing
    assert state(copy) == before


def test_an_operation_that_no_client_reaches(copy: Path) -> None:
    edit(copy / SPEC, "\npaths:\n", "\npaths:" + PING)
    result = run(copy)
    assert result.returncode == 3, result.stderr
    assert "getPing (smarterproctoring_client) cannot be reached from each client" in result.stderr
    assert "\n    get_ping = operation(lambda: reports.get_ping.describe)\n" in result.stderr
    # Doing what it says is enough.
    resources = copy / "facade/invigilate/smarterproctoring/resources.py"
    edit(
        resources,
        "    service_distribution = ",
        "    get_ping = operation(lambda: reports.get_ping.describe)\n    service_distribution = ",
    )
    assert run(copy, "--check").returncode == 0


def test_a_facade_that_cannot_be_imported_is_said_so(copy: Path) -> None:
    edit(
        copy / "facade/invigilate/smarterproctoring/resources.py",
        "reports.get_service_distribution.",
        "reports.get_something.",
    )
    result = run(copy)
    assert result.returncode == 3
    assert "the facade cannot be imported" in result.stderr
    assert "get_something" in result.stderr


def test_the_golden_record_is_held_to_it(copy: Path) -> None:
    edit(copy / "tests/golden/nasty.yaml", "Used before it is defined", "Used before that")
    edit(copy / "tests/golden/generated/nasty_client/client.py", "class Client:", "class Client_:")
    before = state(copy)
    result = run(copy, "--check", "--golden")
    assert result.returncode == 1
    assert "\n  nasty_client/client.py\n" in result.stdout
    assert state(copy) == before


def test_generated_files_say_where_they_come_from() -> None:
    files = [path for folder in ("generated", "tests/golden/generated") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 70
    for path in files:
        first, second = path.read_text(encoding="utf-8").splitlines()[:2]
        assert re.fullmatch(
            r"# Generated by scripts/regenerate from \S+\.yaml with openapi-python-client [\d.]+\.", first
        )
        assert second.startswith("# Do not edit: ")


def test_every_template_says_what_it_cures() -> None:
    templates = sorted((ROOT / "openapi/templates").iterdir())
    assert templates
    for path in templates:
        assert path.read_text(encoding="utf-8").startswith("{# Stock"), path.name
