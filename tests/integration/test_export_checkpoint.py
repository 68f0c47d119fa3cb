"""What a checkpoint keeps, and which exports may use it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from invigilate import APIError, SmarterProctoring, parse_timestamp
from invigilate._files import Lock
from invigilate.export import ExportArgumentError, ExportError, ExportProgress, Window, export, windows
from invigilate.export.checkpoint import Checkpoint
from invigilate.sandbox import Sandbox
from tests.support.exporting import PARTS, break_off, client_of, json_lines, names, parts_of_year
from tests.support.fakes import Reply, Script, Sent, ispring, proctoring

LEARNERS = [UUID(int=1), UUID(int=2)]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmarterProctoring]:
    with client_of(sandbox) as connected:
        yield connected


class StopError(Exception):
    """Raised to stop an export."""


def stop_when_written(progress: ExportProgress) -> None:
    if progress.phase == "writing":
        raise StopError


def contents(folder: Path) -> dict[str, bytes]:
    """The contents of all files of a folder."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_an_interrupted_export_reads_only_missing_parts(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring
) -> None:
    path, folder = tmp_path / "r.jsonl", tmp_path / "r.jsonl.checkpoint"
    export(parts_of_year(client), tmp_path / "undisturbed.jsonl")
    break_off(sandbox, client, path)
    assert not path.exists()
    assert names(folder) == ["lock", "rows.jsonl", "state.json"]
    rows = len(json_lines(folder / "rows.jsonl"))
    before = len(sandbox.requests)
    result = export(parts_of_year(client), path)
    assert len(sandbox.requests) - before == PARTS - 4
    assert (result.resumed_rows, result.parts) == (rows, PARTS)
    assert result.rows == result.total == len(json_lines(path)) > rows > 0
    assert path.read_bytes() == (tmp_path / "undisturbed.jsonl").read_bytes()
    assert names(tmp_path) == ["r.jsonl", "undisturbed.jsonl"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"statuses": ["Closed"]}, "filter statuses"),
        ({"sort_keys": ["appointmentDate"]}, "filter sortKeys"),
        ({"format": "csv"}, "columns, format"),
        ({"format": "csv", "csv_safe": True}, "columns, csv_safe, format"),
        ({"label": "from"}, "columns, label, labels"),
        ({"install": True}, "account, base URL or path"),
        ({"parts": 6}, "account, base URL or path, filter appointmentDateAfter, .*, labels"),
    ],
)
def test_an_export_with_other_arguments_is_refused(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, change: dict[str, Any], named: str
) -> None:
    path, private = tmp_path / "r.jsonl", {"course_title": "Private Lessons of Ada"}
    break_off(sandbox, client, path, filters=private)
    before, state = len(sandbox.requests), contents(tmp_path)
    options = {name: change[name] for name in ("format", "csv_safe", "label") if name in change}
    filters = {name: value for name, value in change.items() if name in ("statuses", "sort_keys")}
    view = client.for_install(sandbox.other_install_sid) if "install" in change else client
    source: Any = parts_of_year(view, **private, **filters)[: change.get("parts", PARTS)]
    with pytest.raises(ExportError, match=rf"belongs to an export with other arguments: {named}\. Pass") as caught:
        export({"a": source} if "label" in change else source, path, **options)
    # It names what differs, and shows neither value.
    for secret in ("Private", sandbox.token, sandbox.install_sid, sandbox.other_install_sid, "127.0.0.1", "Closed"):
        assert secret not in str(caught.value)
    assert len(sandbox.requests) == before
    assert contents(tmp_path) == state


def test_another_base_url_is_refused(tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring) -> None:
    break_off(sandbox, client, tmp_path / "r.jsonl")
    with Sandbox() as elsewhere, client_of(elsewhere, install_sid=sandbox.install_sid) as other:
        with pytest.raises(ExportError, match="other arguments: base URL or path"):
            export(parts_of_year(other), tmp_path / "r.jsonl")
        assert len(elsewhere.requests) == 0


def test_what_does_not_decide_the_content_may_change(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring
) -> None:
    break_off(sandbox, client, tmp_path / "r.jsonl")
    # Another token, page size and number of pages in flight; and the same times, written in another way.
    with client_of(sandbox, max_retries=5) as other:
        first, *rest = parts_of_year(other, limit=50)
        zone = datetime.fromisoformat("2026-01-01T02:00:00+02:00")
        same = other.reports.service_distribution(
            appointment_date_after=zone, appointment_date_before=zone + timedelta(days=60)
        )
        assert str(first.call.arguments["appointment_date_after"]) != str(zone)
        result = export([same, *(pager.prefetch(3) for pager in rest)], tmp_path / "r.jsonl")
    assert result.resumed_rows > 0


def test_the_state_reveals_neither_filters_nor_credentials(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring
) -> None:
    user: Any = client.reports.service_distribution().collect()[0].user
    private = {"user_sid": user["sid"], "course_title": "Private Lessons of Ada", "exam_sid": sandbox.exam_sid}
    break_off(sandbox, client, tmp_path / "r.jsonl", filters=private)
    state = (tmp_path / "r.jsonl.checkpoint" / "state.json").read_text()
    assert "filter userSid" in state
    secrets = [user["sid"], "Private", sandbox.exam_sid, sandbox.token, sandbox.install_sid, "127.0.0.1", "2026"]
    assert not [secret for secret in secrets if str(secret) in state]


def flip(path: Path, bit: int) -> None:
    """Flip a bit of a file, without changing its size and times."""
    found, content = path.stat(), bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("name", ["state.json", "rows.jsonl"])
def test_no_flipped_bit_changes_the_result(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, form: str, name: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # hundreds of exports would sync thousands of files
    path, folder, kept = tmp_path / f"r.{form}", tmp_path / f"r.{form}.checkpoint", tmp_path / "kept"
    source = parts_of_year(client, statuses=["Closed"])[2:5]
    undisturbed = tmp_path / f"undisturbed.{form}"
    rows = export(source, undisturbed).rows
    with pytest.raises(StopError):
        export(source, path, on_progress=stop_when_written)
    folder.rename(kept)
    errors, resumed = list[str](), set[int]()
    for bit in random.Random(20261126).sample(range(8 * (kept / name).stat().st_size), 40):
        shutil.copytree(kept, folder)
        flip(folder / name, bit)
        try:
            resumed.add(export(source, path).resumed_rows)
        except ExportError as error:
            errors.append(str(error))
            shutil.rmtree(folder)
        else:
            assert path.read_bytes() == undisturbed.read_bytes(), bit
            assert not folder.exists()
            path.unlink()
        assert not path.exists()
    # Damaged rows are read again, with all that follow; a damaged state is an error.
    assert len(errors) > 30 if name == "state.json" else errors == []
    assert all(f"Delete {folder} to start over" in error for error in errors)
    assert name == "state.json" or (max(resumed) < rows and len(resumed) == 3)


@pytest.mark.parametrize("damage", ["removed", "cut", "emptied", "longer", "of another export"])
def test_rows_that_do_not_match_their_records_are_read_again(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, damage: str
) -> None:
    path, rows = tmp_path / "r.csv", tmp_path / "r.csv.checkpoint" / "rows.jsonl"
    export(parts_of_year(client), tmp_path / "undisturbed.csv")
    break_off(sandbox, client, path)
    content = rows.read_bytes()
    if damage == "removed":
        rows.unlink()
    elif damage == "longer":
        rows.write_bytes(content + b'{"sid":"of a part that is not complete"}\n{"sid":')
    elif damage == "of another export":
        break_off(sandbox, client, tmp_path / "other.csv", filters={"statuses": ["Closed"]})
        shutil.copy(tmp_path / "other.csv.checkpoint" / "rows.jsonl", rows)
    else:
        rows.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    result = export(parts_of_year(client), path)
    assert path.read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
    assert (result.resumed_rows > 0) is (damage in {"longer", "cut"})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"layout": 3}', '{"layout": 3, "crc32": 0, "content": {}}', "\0"])
def test_a_damaged_state_is_refused(tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, content: str) -> None:
    folder = tmp_path / "r.csv.checkpoint"
    folder.mkdir()
    (folder / "state.json").write_text(content)
    with pytest.raises(ExportError, match=r"state\.json: the file is damaged\. Delete .*checkpoint to start over"):
        export(parts_of_year(client), tmp_path / "r.csv")
    (folder / "state.json").write_text('{"layout": 99}')
    with pytest.raises(ExportError, match=r"another version.* Delete .* to start over"):
        export(parts_of_year(client), tmp_path / "r.csv")
    assert len(sandbox.requests) == 0
    assert (folder / "state.json").exists()


@pytest.mark.parametrize("others", [["thesis.txt"], ["rows.jsonl"], ["rows.jsonl", "lock"], ["state.json.bak"]])
def test_a_folder_of_another_program_is_refused(tmp_path: Path, client: SmarterProctoring, others: list[str]) -> None:
    folder = tmp_path / "table"
    folder.mkdir()
    for name in others:
        (folder / name).write_text("precious")
    with pytest.raises(ExportError, match=r"not a checkpoint: the folder has other files and no state\.json\. Pass a"):
        export(parts_of_year(client), tmp_path / "r.csv", checkpoint=folder)
    assert names(tmp_path) == ["table"]
    assert contents(folder) == dict.fromkeys(others, b"precious")
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="must be a folder"):
        export(parts_of_year(client), tmp_path / "r.csv", checkpoint=tmp_path / "file")


def test_a_checkpoint_may_be_elsewhere(tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring) -> None:
    elsewhere = tmp_path / "elsewhere"
    break_off(sandbox, client, tmp_path / "r.csv", checkpoint=elsewhere)
    assert names(tmp_path) == ["elsewhere"]
    (elsewhere / "note").write_text("of the user")
    # The file may have another name.
    assert export(parts_of_year(client), tmp_path / "other.csv", checkpoint=str(elsewhere)).resumed_rows > 0
    assert (names(tmp_path), names(elsewhere)) == (["elsewhere", "other.csv"], ["note"])


def test_a_folder_of_an_export_killed_at_its_start_is_used(tmp_path: Path, client: SmarterProctoring) -> None:
    folder = tmp_path / "r.csv.checkpoint"
    folder.mkdir()
    (folder / "lock").write_text("")
    (folder / "state.json.tmp").write_text("{")
    assert client.reports.service_distribution().export(tmp_path / "r.csv").rows == 240
    assert names(tmp_path) == ["r.csv"]


def test_a_checkpoint_in_use_is_refused(tmp_path: Path, client: SmarterProctoring) -> None:
    held = Checkpoint(tmp_path / "r.csv.checkpoint", {})
    with pytest.raises(ExportError, match="another export is using this checkpoint"):
        client.reports.service_distribution().export(tmp_path / "r.csv")
    held.close()
    assert client.reports.service_distribution().export(tmp_path / "r.csv").rows == 240


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    folder = tmp_path / "r.csv.checkpoint"
    program = (
        "import pathlib, sys\nfrom invigilate.export.checkpoint import Checkpoint\n"
        "held = Checkpoint(pathlib.Path(sys.argv[1]), {})\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ExportError, match="another export is using"):
            Checkpoint(folder, {})
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    Checkpoint(folder, {}).close()
    assert not folder.exists()


def test_two_processes_never_lock_a_checkpoint_while_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiting process takes the lock as soon as it is free, and a third one opens the same file."""
    folder, closing = tmp_path / "checkpoint", os.close
    others: list[tuple[Lock, bool]] = []

    def close(descriptor: int) -> None:
        closing(descriptor)
        if not others:
            others.append((waiting, waiting.take()))
            second = Lock(folder / "lock")
            others.append((second, second.take()))

    held = Checkpoint(folder, {})
    waiting = Lock(folder / "lock")
    with monkeypatch.context() as patch:
        patch.setattr("invigilate._files.os.close", close)
        held.remove()
    folder.mkdir(exist_ok=True)
    third = Lock(folder / "lock")
    others.append((third, third.take()))
    assert sum(taken for _, taken in others) == 1
    for lock, _ in others:
        lock.close()


def test_an_existing_file_is_kept_unless_overwrite_is_set(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring
) -> None:
    path, message = tmp_path / "r.csv", "path: expected a file that does not exist, or overwrite=True"
    path.write_text("precious")
    with pytest.raises(ExportArgumentError, match=message):
        export(parts_of_year(client), path)
    assert (len(sandbox.requests), names(tmp_path)) == (0, ["r.csv"])
    # One created in the meantime is kept too, and so are the rows read.
    path.unlink()
    break_off(sandbox, client, path)

    def create(progress: ExportProgress) -> None:
        path.write_text("precious")

    with pytest.raises(ExportArgumentError, match=message):
        export(parts_of_year(client), path, on_progress=create)
    assert path.read_text() == "precious"
    assert export(parts_of_year(client), path, overwrite=True).resumed_rows == 174
    assert path.read_text().startswith("sid,")
    assert names(tmp_path) == ["r.csv"]


def killed_when_finished(client: SmarterProctoring, path: Path, patch: pytest.MonkeyPatch, **options: Any) -> None:
    """Export, and die after the file was written and before the checkpoint is removed."""
    with patch.context() as patched:
        patched.setattr(Checkpoint, "remove", lambda self: (_ for _ in ()).throw(StopError))
        with suppress(StopError):
            export(parts_of_year(client), path, **options)
    assert path.with_name(f"{path.name}.checkpoint").exists()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_killed_after_it_finished_is_recognized(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = tmp_path / f"r.{form}"
    killed_when_finished(client, path, monkeypatch)
    content, before, later = path.read_bytes(), len(sandbox.requests), datetime.now(UTC)
    shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-copy"))
    result = export(parts_of_year(client), path)
    assert (len(sandbox.requests), path.read_bytes()) == (before, content)
    assert (result.rows, result.resumed_rows, result.parts) == (174, 174, PARTS)
    assert later - timedelta(minutes=5) < result.read_since < later
    assert names(tmp_path) == [path.name]
    # Damaged since, the file is not the result.
    other = tmp_path.with_name(f"{tmp_path.name}-copy") / path.name
    flip(other, 8 * 300)
    with pytest.raises(ExportArgumentError, match="overwrite=True"):
        export(parts_of_year(client), other)
    other.unlink()
    assert export(parts_of_year(client), other).rows == 174
    assert other.read_bytes() == content


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_with_overwrite_a_finished_result_is_read_again(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = tmp_path / f"r.{form}"
    killed_when_finished(client, path, monkeypatch, overwrite=True)
    client.exam_sessions.schedule(
        exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, type_="automated",
        appointment_date_time="2026-01-15T10:00:00Z",
    )  # fmt: skip
    later = datetime.now(UTC) - timedelta(milliseconds=1)
    result = export(parts_of_year(client), path, overwrite=True)
    assert (result.rows, result.resumed_rows) == (175, 0)
    assert result.read_since >= later
    assert str(sandbox.session_sid) in path.read_text()
    assert names(tmp_path) == [path.name]


def test_read_since_is_when_the_oldest_rows_were_read(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = datetime(2021, 6, 1, tzinfo=UTC)
    with monkeypatch.context() as patch:
        patch.setattr("invigilate.export.files.time.time_ns", lambda: int(long_ago.timestamp() * 10**9))
        break_off(sandbox, client, tmp_path / "r.csv")
    result = export(parts_of_year(client), tmp_path / "r.csv")
    assert result.resumed_rows > 0
    # Complete parts never expire.
    assert result.read_since == long_ago


def test_warnings_and_misfits_of_complete_parts_are_kept(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring
) -> None:
    path = tmp_path / "r.csv"
    break_off(sandbox, client, path)
    state = tmp_path / "r.csv.checkpoint" / "state.json"
    content = json.loads(state.read_bytes())["content"]
    content["records"][0].update(warnings=["odd"], misfits={"sid": 3})
    checksum = sys.modules[Checkpoint.__module__]._checksum(content)
    state.write_text(json.dumps({"layout": 3, "crc32": checksum, "content": content}))
    result = export(parts_of_year(client), path)
    assert (result.warnings, dict(result.misfits)) == (("odd",), {"sid": 3})


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_without_a_checkpoint_a_killed_export_leaves_a_hidden_folder(tmp_path: Path, sandbox: Sandbox) -> None:
    program = (
        "import os, signal, sys\nfrom tests.support.exporting import export, parts_of_year, SmarterProctoring\n"
        "client = SmarterProctoring(sys.argv[1], sys.argv[2], base_url=sys.argv[3])\n"
        "die = lambda progress: progress.parts_done == 2 and os.kill(os.getpid(), signal.SIGKILL)\n"
        "export(parts_of_year(client), sys.argv[4], checkpoint=False, on_progress=die)\n"
    )
    arguments = [sandbox.token, str(sandbox.install_sid), sandbox.smarterproctoring_url, str(tmp_path / "r.csv")]
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run([sys.executable, "-c", program, *arguments], cwd=root, timeout=60)
    assert done.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(".r.csv.")


def test_windows_that_are_planned_differently_are_read_again(tmp_path: Path) -> None:
    """A row that moves into a window that is complete would be lost, since no other window has it any more."""
    path, start = tmp_path / "r.jsonl", datetime(2026, 1, 1, tzinfo=UTC)
    times = {f"ES{day}": start + timedelta(days=day) for day in range(8)}

    def respond(sent: Sent) -> Reply:
        query = parse_qs(urlsplit(sent.url).query)
        after, before = (parse_timestamp(query[f"appointmentDate{bound}"][0]) for bound in ("After", "Before"))
        rows = [{"sid": sid} for sid, time in times.items() if after <= time < before]
        return Reply(200, json.dumps({"results": rows[: int(query["limit"][0])], "total": len(rows)}).encode())

    with proctoring(Script(respond)) as client:

        def planned() -> list[Window]:
            report = client.reports.service_distribution(
                appointment_date_after=start, appointment_date_before=start + timedelta(days=8)
            )
            return windows(report, after="appointment_date_after", before="appointment_date_before", rows=2)

        def stop(progress: ExportProgress) -> None:
            if progress.parts_done == 2:
                raise StopError

        assert [window.total for window in planned()] == [2, 2, 2, 2]
        with pytest.raises(StopError):
            export(planned(), path, on_progress=stop)
        times["ES7"] = start + timedelta(days=2)
        assert [window.total for window in planned()] == [2, 2, 1, 2, 1]
        result = export(planned(), path)
    assert {row["sid"] for row in json_lines(path)} == set(times)
    assert (result.rows, result.total) == (8, 8)


def test_rows_of_another_account_are_not_added(tmp_path: Path) -> None:
    """All accounts of a region have the same URLs."""
    token = Reply(200, b'{"access_token": "secret-token-1", "expires_in": 1800, "token_type": "Bearer"}')
    rows = Reply(200, b'{"enrollments": [{"enrollmentId": "1"}]}')

    def exported(client_id: str, *steps: Reply) -> None:
        with ispring(Script(*steps), client_id=client_id) as client:
            export([client.enrollments.list(learner_ids=[each]) for each in LEARNERS], tmp_path / "r.jsonl")

    with pytest.raises(APIError):
        exported("first", token, rows, Reply(403))
    with pytest.raises(ExportError, match="belongs to an export with other arguments: account"):
        exported("second", token, rows)
    exported("first", token, rows)


def test_the_file_of_all_rows_is_not_overwritten(tmp_path: Path, client: SmarterProctoring) -> None:
    with pytest.raises(ExportArgumentError, match="checkpoint: expected another folder than that of the file"):
        export(parts_of_year(client), tmp_path / "rows.jsonl", checkpoint=tmp_path, overwrite=True)
    assert names(tmp_path) == []
