"""Clients of another language, typed by openapi-typescript from our specs, through the whole flow against the sandbox.

`typescript/flow-*.ts` are these clients: whatever a spec says wrongly, or in a way that
these tools do not understand, does not compile there or fails when it runs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from invigilate.sandbox import Sandbox
from tests.support.documented import SPECS

ROOT = Path(__file__).resolve().parents[2]
NODE_MODULES = ROOT / "scripts" / "node" / "node_modules"
SOURCES = Path(__file__).resolve().parent / "typescript"
PROCTOR_TYPE = "TS" + "0" * 32


def node(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with its output captured."""
    return subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


def compiled(folder: Path, specs: dict[str, Path]) -> subprocess.CompletedProcess[str]:
    """Type the clients from specs and compile them; the result is that of the type checker."""
    assert NODE_MODULES.is_dir(), "the Node tools are not installed: run ./scripts/bootstrap --node"
    for source in SOURCES.iterdir():
        if not source.name.startswith("flow-") or source.stem.removeprefix("flow-") in specs:
            shutil.copy(source, folder)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "node_modules").symlink_to(NODE_MODULES)
    tools = NODE_MODULES / ".bin"
    for name, spec in specs.items():
        # A documented default is what the server assumes, so the field stays optional.
        typed = [str(tools / "openapi-typescript"), str(spec), "--output", f"{name}.ts"]
        made = node(folder, *typed, "--default-non-nullable=false")
        assert made.returncode == 0, made.stdout + made.stderr
    return node(folder, str(tools / "tsc"), "--project", ".")


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both clients, compiled."""
    folder = tmp_path_factory.mktemp("clients")
    checked = compiled(folder, SPECS)
    assert checked.returncode == 0, checked.stdout
    return folder


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=60) as running:
        yield running
        assert running.defects == []


def ran(clients: Path, spec: str, *arguments: str) -> dict[str, Any]:
    """What a client saw."""
    done = node(clients, "node", f"built/flow-{spec}.js", *arguments)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_the_whole_flow_of_smarterproctoring(clients: Path, sandbox: Sandbox) -> None:
    credentials = (sandbox.token, sandbox.install_sid, sandbox.integration_sid, PROCTOR_TYPE)
    seen = ran(clients, "smarterproctoring", sandbox.smarterproctoring_url, *credentials)
    # Scheduled once, in spite of the second request.
    charges = [(charge.session_sid, charge.amount) for charge in sandbox.ledger]
    assert charges == [(seen["sessionSid"], Decimal("12.5"))]
    assert seen.pop("sessionSid") == seen.pop("scheduledSid")
    status, message = seen.pop("refusal")
    assert (status, type(message)) == (409, str)
    assert seen == {
        "results": ["Created", "Created"],
        "assigned": "Successful",
        "status": "Scheduled",
        "course": "object",
        "moved": "Successful",
        "movedTo": "2030-03-05T10:00:00.000Z",
        "cancelled": "Successful",
        "statuses": ["Cancelled"],
    }


def test_the_whole_flow_of_ispring_learn(clients: Path, sandbox: Sandbox) -> None:
    sandbox.populate(120)
    identity = (sandbox.client_id, sandbox.client_secret, sandbox.identifiers["course_id"])
    seen = ran(clients, "ispring-learn", sandbox.ispring_url, *identity)
    user = seen.pop("userId")
    assert seen.pop("users") > 120
    assert seen == {
        "subscriber": "ACTIVE",
        "refusal": 409,
        "registered": user,
        "status": "complete",
        "progress": [[user, 100]],
        "completed": user,
    }
    assert sandbox.tokens_issued == 1


def test_what_the_spec_lacks_does_not_compile(tmp_path: Path) -> None:
    document = yaml.safe_load(SPECS["smarterproctoring"].read_text(encoding="utf-8"))
    del document["components"]["schemas"]["ExamSession"]["properties"]["course"]
    lacking = tmp_path / "lacking.yaml"
    lacking.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    checked = compiled(tmp_path, {"smarterproctoring": lacking})
    assert checked.returncode != 0
    assert "Property 'course' does not exist" in checked.stdout
