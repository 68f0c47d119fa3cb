"""Shapes of responses of the sandbox: none differs from the specs, and each fault does, in clients and commands."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from opentelemetry.sdk.trace import TracerProvider

from invigilate import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    ISpringLearn,
    SmarterProctoring,
    _apis,
)
from invigilate.cli import ExitCode, main
from invigilate.cli.registry import async_client_of, recorded
from invigilate.drift import Recorder, check, record
from invigilate.otel import instrument
from invigilate.sandbox import Sandbox, faults
from invigilate.sandbox.exchange import Exchange
from invigilate.sandbox.faults.plan import Turn
from invigilate.sandbox.faults.responses import data_of, replace_data
from tests.support.bound import arguments_of, method_of
from tests.support.documented import ALL, Documented
from tests.support.learner import BEFORE, required
from tests.support.modes import MODES, Mode, ispring, proctoring, run, settle

every_mode = pytest.mark.parametrize("mode", MODES)
BY_ID = {each.id: each for each in ALL}
SCHEDULED = {"rescheduleExamSession", "cancelExamSession", "getOnboardingUrl"}
"""What only a scheduled session can do."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=120) as served:
        yield served
        assert served.defects == []


@pytest.fixture
def shapes(tmp_path: Path, sandbox: Sandbox) -> Path:
    sandbox.reset()
    return tmp_path / "shapes.json"


def learn(mode: Mode, sandbox: Sandbox, **options: Any) -> Any:
    keys = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    return ispring(mode, sandbox.ispring_url, max_retries=0, **keys, **options)


def proctor(mode: Mode, sandbox: Sandbox, install_sid: str | None = None) -> Any:
    options = {"token": sandbox.token, "install_sid": install_sid or sandbox.install_sid, "max_retries": 0}
    return proctoring(mode, sandbox.smarterproctoring_url, **options)


async def call(client: Any, operation: Documented) -> Any:
    result = method_of(client, operation)(**arguments_of(operation))
    return await settle(result.collect() if hasattr(result, "collect") else result)


def kinds(path: Path, operation: str) -> set[str]:
    return {each.kind for each in check(path).findings if each.operation == operation}


def test_no_operation_of_the_sandbox_differs(shapes: Path, sandbox: Sandbox) -> None:
    """Each operation of both APIs, called in turn by the sync and the async clients."""

    async def scenario(mode: Mode, operation: Documented) -> None:
        if operation.spec == "smarterproctoring":
            async with proctor(mode, sandbox, sandbox.example_install_sid) as client:
                if operation.id in SCHEDULED:
                    await call(client, BY_ID["scheduleExamSession"])
                await call(record(client, recorder), operation)
            return
        async with learn(mode, sandbox) as client:
            for earlier in BEFORE.get(operation.id, ()):
                await call(client, required(BY_ID[earlier], sandbox))
            refused = [AuthenticationError] if operation.id == "createAccessToken" else []  # the example has no account
            with suppress(*refused):
                await call(record(client, recorder), required(operation, sandbox))

    with Recorder(shapes) as recorder:
        for number, operation in enumerate(ALL):
            sandbox.reset()
            mode = MODES[number % len(MODES)]
            run(mode, partial(scenario, mode, operation))
    drift = check(shapes)
    assert drift.findings == []
    assert drift.unseen == {"smarterproctoring": [], "ispring": []}
    assert drift.unmatched == {"smarterproctoring": 0, "ispring": 0}
    assert "No difference." in drift.markdown()


FAULTS: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (faults.extra_fields, {}, "unknown field"),
    (faults.wrong_types, {}, "other type"),
    (faults.nulls, {}, "null"),
    (faults.new_enum_values, {}, "undocumented value"),
    (faults.status, {"status": 418}, "undocumented status"),
    (faults.html_520, {}, "undocumented media type"),
    (faults.not_json, {}, "not JSON"),
    (faults.empty_body, {}, "no body"),
]


@every_mode
@pytest.mark.parametrize(("fault", "options", "kind"), FAULTS, ids=[kind for _, _, kind in FAULTS])
def test_each_fault_is_found(
    mode: Mode, fault: Callable[..., Any], options: dict[str, Any], kind: str, shapes: Path, sandbox: Sandbox
) -> None:
    """In objects of SmarterProctoring, and in pages of iSpring Learn."""

    async def scenario() -> None:
        async with proctor(mode, sandbox, sandbox.example_install_sid) as client:
            with suppress(APIError):
                await call(record(client, recorder), BY_ID["provision"])
        async with learn(mode, sandbox) as client:
            with suppress(APIError):
                await settle(record(client, recorder).users.list(page_size=5).collect())

    with Recorder(shapes) as recorder:
        for name in ("provision", "listUsers"):
            sandbox.faults.add(name, fault(**options))
        run(mode, scenario)
    assert kind in kinds(shapes, "provision")
    assert kind in kinds(shapes, "listUsers")


@dataclass(frozen=True, kw_only=True)
class Forgetful(faults.Fault):
    """Omits a required field of the first row."""

    name: ClassVar[str] = "forgetful"

    def suits(self, exchange: Exchange) -> bool:
        return exchange.applied

    def act(self, turn: Turn) -> None:
        data: Any = data_of(turn.exchange)
        del (data["userProfiles"][0] if "userProfiles" in data else data)[
            "userId" if "userProfiles" in data else "course"
        ]
        replace_data(turn.exchange, data)


@every_mode
def test_a_missing_field_is_found_in_one_page_of_many(mode: Mode, shapes: Path, sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with proctor(mode, sandbox, sandbox.example_install_sid) as client:
            await call(record(client, recorder), BY_ID["provision"])
        async with learn(mode, sandbox) as client:
            await settle(record(client, recorder).users.list(page_size=5).collect())

    with Recorder(shapes) as recorder:
        sandbox.faults.add("provision", Forgetful())
        sandbox.faults.add("listUsers", Forgetful(after=1, times=1))
        run(mode, scenario)
    found = [(each.field, each.kind, each.times) for each in check(shapes).findings]
    assert found == [("course", "missing field", 1), ("userProfiles[].userId", "missing field", 1)]


def test_views_and_prefetched_pages_are_recorded(shapes: Path, sandbox: Sandbox) -> None:
    with (
        Recorder(shapes) as recorder,
        SmarterProctoring(sandbox.token, base_url=sandbox.smarterproctoring_url) as client,
    ):
        view = record(client, recorder).for_install(sandbox.install_sid).with_options(max_retries=1)
        rows = list(view.reports.service_distribution(limit=50).prefetch(2))
    assert len(rows) == 120
    assert check(shapes).seen == {"smarterproctoring": {"getServiceDistribution": 3}}


def test_raw_requests_are_matched_to_operations_and_others_only_counted(shapes: Path, sandbox: Sandbox) -> None:
    with (
        Recorder(shapes) as recorder,
        SmarterProctoring(sandbox.token, base_url=sandbox.smarterproctoring_url) as client,
    ):
        record(client, recorder).request("GET", f"/v1/installs/{sandbox.install_sid}/settings")
        with pytest.raises(APIError):
            client.request("GET", "/v1/people/ada@example.org")
    drift = check(shapes)
    assert (drift.seen, drift.unmatched) == ({"smarterproctoring": {"getInstallSettings": 1}}, {"smarterproctoring": 1})
    assert "ada" not in shapes.read_text()
    assert "; 1 response to paths" in drift.markdown()


@pytest.mark.parametrize("traced_first", [True, False])
def test_recorded_within_a_trace(traced_first: bool, shapes: Path, sandbox: Sandbox) -> None:
    tracers = TracerProvider()
    with (
        Recorder(shapes) as recorder,
        SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client,
    ):
        for step in (True, False):
            if step is traced_first:
                instrument(client, tracer_provider=tracers)
            else:
                record(client, recorder)
        client.installs.get_settings()
        with pytest.raises(ConfigurationError, match="already instrumented"):
            instrument(client)
        with pytest.raises(ConfigurationError, match="already recorded"):
            record(client, recorder)
    assert check(shapes).seen == {"smarterproctoring": {"getInstallSettings": 1}}


def test_a_file_that_cannot_be_written_changes_no_call(
    tmp_path: Path, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    recorder = Recorder(folder / "shapes.json", interval=0)
    folder.rmdir()
    with SmarterProctoring(sandbox.token, sandbox.install_sid, base_url=sandbox.smarterproctoring_url) as client:
        record(client, recorder)
        for _ in range(2):
            assert client.installs.get_settings().sid == sandbox.install_sid
    with pytest.raises(FileNotFoundError):
        recorder.close()
    messages = [each.getMessage() for each in caplog.records if "shapes" in each.getMessage()]
    assert messages == ["shapes of responses are not recorded: FileNotFoundError"]
    folder.mkdir()
    recorder.close()
    assert check(folder / "shapes.json").seen == {"smarterproctoring": {"getInstallSettings": 2}}


# --- commands -------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shapes: Path, sandbox: Sandbox) -> Path:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return shapes


SETTINGS = ["api", "smarterproctoring", "installs", "get-settings"]
USERS = ["api", "ispring", "users", "list", "--page-size", "2"]


def test_commands_record_and_check(command: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (
        SETTINGS,
        USERS,
        ["report", "--max-rows", "3"],
        ["export", "ispring", "groups", "--output", "g.jsonl"],
    ):
        assert main(["drift", "record", "--output", "shapes.json", *line]) == 0, line
    assert "to compare them: invigilate drift check shapes.json" in capsys.readouterr().err
    assert main(["drift", "check", "shapes.json"]) == 0
    assert "No difference." in capsys.readouterr().out
    assert set(check(command).seen["ispring"]) == {"createAccessToken", "listUsers", "listGroups"}
    with sandbox.faults.during("*", faults.extra_fields()):
        for line in (SETTINGS, USERS):
            assert main(["drift", "record", *line]) == 0
    capsys.readouterr()
    assert main(["drift", "check", "shapes.json"]) == ExitCode.DRIFT
    done = capsys.readouterr()
    assert (
        "| smarterproctoring `getInstallSettings` | 200 | `undocumentedText` | unknown field: got string | 1 |"
        in done.out
    )
    assert "ispring `listUsers`" in done.out
    assert "/issues" in done.err
    assert main(["drift", "check", "shapes.json", "--json"]) == ExitCode.DRIFT
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["kind"] for row in rows} == {"unknown field"}


def test_tools_of_agents_are_recorded(command: Path) -> None:
    async def scenario() -> None:
        async with async_client_of(_apis.APIS[0]) as client:
            await client.request("GET", f"/v1/installs/{os.environ['SMARTERPROCTORING_INSTALL_SID']}/settings")

    with Recorder(command) as recorder:
        token = recorded.set(recorder)
        anyio.run(scenario)
        recorded.reset(token)
    assert check(command).seen == {"smarterproctoring": {"getInstallSettings": 1}}


def test_the_exit_code_is_that_of_the_recorded_command(
    command: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.faults.add("getInstallSettings", faults.status(status=418))
    assert main(["drift", "record", *SETTINGS]) == ExitCode.REFUSED
    assert kinds(command, "getInstallSettings") == {"undocumented status"}
    assert main(SETTINGS) == ExitCode.REFUSED
    assert check(command).seen == {"smarterproctoring": {"getInstallSettings": 1}}, "only under `drift record`"


def test_wrong_command_lines(command: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.write_text("{}")
    for line, said in (
        (["record", *SETTINGS], "expected a file of shapes"),
        (["record", "--sample", "2", *SETTINGS], "sample: expected"),
        (["record", "--output", "none/shapes.json", *SETTINGS], "existing folder"),
        (["record", "sandbox"], "No such command"),
        (["check", "shapes.json"], "expected a file of shapes"),
        (["check", "none.json"], "no such file"),
    ):
        assert main(["drift", *line]) == ExitCode.USAGE, line
        assert said in capsys.readouterr().err
    assert command.read_text() == "{}"


def test_without_a_response_no_file_is_announced(
    command: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SMARTERPROCTORING_TOKEN")
    assert main(["drift", "record", *SETTINGS]) != 0
    assert not command.exists()
    assert "the shapes are in" not in capsys.readouterr().err


def test_the_file_is_private_and_has_no_value(command: Path, sandbox: Sandbox) -> None:
    for line in (SETTINGS, USERS, ["report"], ["api", "ispring", "users", "list-all"]):
        assert main(["drift", "record", *line]) == 0
    assert stat.S_IMODE(os.stat(command).st_mode) == 0o600
    assert sorted(path.name for path in command.parent.iterdir()) == ["shapes.json"]
    text = command.read_text()
    with ISpringLearn(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, base_url=sandbox.ispring_url
    ) as client:
        users = [user.to_dict() for user in client.users.list().collect()]
    values = {*sandbox.environment.values(), *sandbox.identifiers.values(), *strings_of(users)}
    assert [value for value in values if len(value) > 8 and value in text] == []


def strings_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_of(item)
