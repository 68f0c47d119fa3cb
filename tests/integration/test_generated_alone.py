"""The generated packages without the facade, as docs/generated-packages.md describes them."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invigilate import specs
from invigilate.sandbox import Sandbox
from invigilate_runtime import UNSET, UnexpectedStatus
from smarterproctoring_client import AuthenticatedClient
from smarterproctoring_client.api.exam_sessions import get_exam_session, schedule_exam_session
from smarterproctoring_client.api.reports import get_service_distribution
from smarterproctoring_client.models import ScheduleExamSessionBody
from tests.docs.blocks import read
from tests.support.documented import operations as operations_of
from tests.support.index import outside
from tests.support.recorder import Answer, Recorder

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "generated-packages.md"
NODE_TOOLS = ROOT / "scripts" / "node" / "node_modules" / ".bin"
PACKAGES = ("smarterproctoring_client", "ispring_learn_client")
FUNCTIONS = ("describe", "sync", "sync_detailed", "asyncio", "asyncio_detailed")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(report_rows=30) as running:
        yield running


def operations(package: str) -> list[Any]:
    """The modules of all operations."""
    api = importlib.import_module(f"{package}.api")
    names = [found.name for found in pkgutil.walk_packages(api.__path__, f"{package}.api.") if not found.ispkg]
    return [importlib.import_module(name) for name in names]


def alone(tmp_path: Path, program: str, *arguments: str) -> Any:
    """What a program prints as JSON, where the generated packages are and the facade cannot be imported."""
    for package in PACKAGES:
        shutil.copytree(ROOT / "generated" / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    text = f"import sys; sys.modules['invigilate'] = None; sys.path.insert(0, {str(tmp_path)!r})\n"
    command = [sys.executable, "-I", "-W", "error", "-c", text + textwrap.dedent(program), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_they_work_where_the_facade_cannot_be_imported(tmp_path: Path, sandbox: Sandbox) -> None:
    program = """
        import asyncio, json, sys
        import ispring_learn_client, smarterproctoring_client
        from ispring_learn_client.api.access_tokens import create_access_token
        from ispring_learn_client.api.job_training import list_session_results
        from ispring_learn_client.models import CreateAccessTokenBody, ListSessionResultsBody
        from smarterproctoring_client.api.exam_sessions import get_exam_session

        proctoring, token, install, exam, session, training, identity, secret = sys.argv[1:]
        with smarterproctoring_client.AuthenticatedClient(proctoring, token) as client:
            found = get_exam_session.sync(install, exam, session, client=client)
        body = CreateAccessTokenBody(client_id=identity, client_secret=secret, grant_type="client_credentials")

        async def results():
            async with ispring_learn_client.Client(training) as client:
                issued = await create_access_token.asyncio(client=client, body=body)
            async with ispring_learn_client.AuthenticatedClient(training, issued.access_token) as client:
                return await list_session_results.asyncio(client=client, body=ListSessionResultsBody())

        files = [smarterproctoring_client.__file__, ispring_learn_client.__file__]
        print(json.dumps([found.sid, len(asyncio.run(results())) > 0, files]))
    """
    known = (sandbox.smarterproctoring_url, sandbox.token, sandbox.install_sid, sandbox.exam_sid, sandbox.session_sid)
    learn = (sandbox.ispring_url, sandbox.client_id, sandbox.client_secret)
    sid, any_results, files = alone(tmp_path, program, *known, *learn)
    assert (sid, any_results) == (sandbox.session_sid, True)
    assert all(Path(file).is_relative_to(tmp_path) for file in files)


def test_describing_and_decoding_takes_no_input_and_output(tmp_path: Path) -> None:
    program = """
        import json, sys
        from smarterproctoring_client.api.exam_sessions import get_exam_session
        from smarterproctoring_client.api.reports import get_service_distribution

        call = get_service_distribution.describe(install_sid="AI1", statuses=["Closed"], offset=5)
        page = call.operation.decode(b'{"results": [{"sid": "ES1"}], "total": 1}')
        (row,), _ = call.decode_page(b'{"results": [{"sid": "ES1"}]}')
        single = get_exam_session.describe(install_sid="AI1", exam_sid="EX1", session_sid="ES1")
        session = single.decode(b'{"sid": "ES1", "new": 1}')
        values = [call.operation.request(call.arguments)[:2], page.results[0] == row, session.to_dict()]
        print(json.dumps([values, sorted(sys.modules)]))
    """
    (request, same, session), modules = alone(tmp_path, program)
    assert request == ["GET", "/v1/installs/AI1/reports/serviceDistribution?statuses=Closed&offset=5"]
    assert same
    assert session == {"sid": "ES1", "new": 1}
    assert not {"httpx", "httpcore", "ssl", "socket", "asyncio", "http.client"} & set(modules)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_operation_has_the_documented_functions(package: str) -> None:
    modules = operations(package)
    documented = operations_of("smarterproctoring" if "proctoring" in package else "ispring-learn")
    assert {module.OPERATION.id for module in modules} == {operation.id for operation in documented}
    for module in modules:
        for name in FUNCTIONS:
            assert inspect.getdoc(getattr(module, name)), f"{module.__name__}.{name}"
            assert inspect.iscoroutinefunction(getattr(module, name)) == name.startswith("asyncio")
        for parameter in inspect.signature(module.describe).parameters.values():
            assert parameter.kind is parameter.KEYWORD_ONLY
        path = re.findall(r"{(\w+)}", module.OPERATION.path)
        for name in FUNCTIONS[1:]:
            kinds = [parameter.kind for parameter in inspect.signature(getattr(module, name)).parameters.values()]
            assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) == len(path)


def test_what_is_not_there(sandbox: Sandbox) -> None:
    """Each of these, the facade would have refused or repeated."""
    with Recorder(lambda request: Answer(503, b"busy")) as server, AuthenticatedClient(server.url, "t") as client:
        with pytest.raises(UnexpectedStatus) as caught:
            get_exam_session.sync("not-an-install", "EX1", "ES1", client=client)
        assert caught.value.content == b"busy"
        with pytest.raises(ValueError, match=r"^statuses: expected at least one value, got an empty list$"):
            get_service_distribution.sync_detailed("AI1", client=client, statuses=[])
        assert get_service_distribution.sync_detailed("AI1", client=client, exam_title="").parsed is None
        body = ScheduleExamSessionBody(appointment_date_time="tomorrow")
        assert schedule_exam_session.sync_detailed("AI1", "EX1", "ES1", client=client, body=body).status_code == 503
        first, second, third = server.requests
    assert first.target == "/v1/installs/not-an-install/exams/EX1/sessions/ES1"
    assert second.target == "/v1/installs/AI1/reports/serviceDistribution?examTitle="
    assert third.json() == {"appointmentDateTime": "tomorrow"}
    assert third.header("token") == "t"


def test_defaults_are_not_sent_and_unset_is_falsy() -> None:
    assert not UNSET
    assert ScheduleExamSessionBody().to_dict() == {}


def test_the_specs_are_those_of_the_packages() -> None:
    for name, package in zip(specs.NAMES, PACKAGES, strict=True):
        assert (ROOT / "generated" / package / "openapi.yaml").read_text(encoding="utf-8") == specs.read(name)


TYPESCRIPT = """
import type { operations, paths } from "./smarterproctoring";

type Body = NonNullable<operations["scheduleExamSession"]["requestBody"]>["content"]["application/json"];
const booked: Body = { type: "b-virtual", amount: 25, cardToken: "tok_visa" };
type Report = paths["/v1/installs/{installSid}/reports/serviceDistribution"]["get"];
type Rows = NonNullable<Report["responses"][200]["content"]["application/json"]["results"]>;
const rows: Rows = [];
export { booked, rows };
// @ts-expect-error  no such session type is documented
export const wrong: Body = { type: "by-telephone" };
"""


def test_another_generator_takes_the_specs(tmp_path: Path) -> None:
    (block,) = (block for block in read(PAGE) if block.language == "bash")
    for tool in ("openapi-typescript", "tsc"):
        assert (NODE_TOOLS / tool).exists(), f"{tool} is missing: run ./scripts/bootstrap --node"
    # npx would look for the tools where the block is run; here they are those of this repository.
    npx = tmp_path / "bin" / "npx"
    npx.parent.mkdir()
    npx.write_text(f'#!/bin/sh\ntool=$1\nshift\nexec "{NODE_TOOLS}/$tool" "$@"\n', encoding="utf-8")
    npx.chmod(0o755)
    run("bash", "-euo", "pipefail", "-c", block.text, cwd=tmp_path, first=(npx.parent, Path(sys.executable).parent))
    assert (tmp_path / "smarterproctoring.yaml").read_text(encoding="utf-8") == specs.read("smarterproctoring")
    (tmp_path / "use.ts").write_text(TYPESCRIPT, encoding="utf-8")
    run(str(NODE_TOOLS / "tsc"), "--noEmit", "--strict", "--skipLibCheck", "use.ts", cwd=tmp_path)


def run(*command: str, cwd: Path, first: tuple[Path, ...] = ()) -> None:
    """Run a command, with more folders before those of PATH; a failure shows what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**outside(), "PATH": os.pathsep.join([*map(str, first), os.environ["PATH"]])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
