"""What a checkpoint keeps, and which exports may use it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.export_kills import export_in_process
from invigilate import SmarterProctoring
from invigilate.export import ExportArgumentError, ExportError, ExportProgress, export_report
from invigilate.export.checkpoint import Checkpoint, Part
from invigilate.sandbox import Sandbox
from tests.support.exporting import (
    BY_DATE,
    WINDOWS,
    YEAR,
    Meddler,
    break_off,
    client_of,
    json_lines,
    rows_of,
)


def test_an_interrupted_export_reads_only_missing_windows(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        export_report(client, tmp_path / "undisturbed.jsonl", **WINDOWS)
        break_off(sandbox, client, path)
        folder = tmp_path / "r.jsonl.checkpoint"
        assert not path.exists()
        parts = sorted(each.name for each in folder.glob("part-*.jsonl"))
        assert parts == ["part-00000.jsonl", "part-00001.jsonl", "part-00002.jsonl"]
        rows = sum(len(json_lines(folder / part)) for part in parts)
        before = len(sandbox.requests)
        result = export_report(client, path, **WINDOWS)
        assert len(sandbox.requests) - before == 1 + 4 + 1
    assert (result.resumed_rows, result.windows) == (rows, 7)
    assert result.rows == len(json_lines(path)) > rows > 0
    assert path.read_bytes() == (tmp_path / "undisturbed.jsonl").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["r.jsonl", "undisturbed.jsonl"]


def test_without_windows_an_install_is_read_again_and_complete_ones_are_kept(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        installs = [sandbox.other_install_sid, sandbox.install_sid]
        whole: dict[str, Any] = {"installs": installs, "filters": {}, "window_by": None, "window": "auto"}
        first = len(rows_of(client.for_install(installs[0])))
        assert 0 < first <= 20
        break_off(sandbox, client, tmp_path / "r.jsonl", after=6, prefetch=1, page_size=20, **whole)
        before = len(sandbox.requests)
        result = export_report(client, tmp_path / "r.jsonl", page_size=20, **whole)
        assert len(sandbox.requests) - before == 12
    assert (result.resumed_rows, result.rows) == (first, first + 240)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"filters": {**BY_DATE, "statuses": ["Closed"]}}, "filter statuses"),
        ({"filters": {**BY_DATE, "appointment_date_before": "2026-12-01T00:00:00Z"}}, "filter appointmentDateBefore"),
        ({"filters": YEAR}, "filter sortKeys"),
        ({"window": timedelta(days=61)}, "window"),
        ({"window_by": None, "window": "auto"}, "window, window_by"),
        ({"format": "csv"}, "csv_safe|format"),
        ({"format": "parquet", "nested": "flatten"}, "format, nested"),
        ({"installs": ["AI" + "0" * 32]}, "base URL or install, install_column, installs"),
    ],
)
def test_an_export_with_other_arguments_is_refused(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        break_off(sandbox, client, tmp_path / "r.jsonl")
        before, state = len(sandbox.requests), contents(tmp_path)
        with pytest.raises(ExportError, match=rf"belongs to an export with other arguments: .*({named})"):
            export_report(client, tmp_path / "r.jsonl", **{**WINDOWS, **change})
        assert len(sandbox.requests) == before
    assert contents(tmp_path) == state


def contents(folder: Path) -> dict[str, bytes]:
    """The contents of all files of a folder."""
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_another_install_or_base_url_is_refused(tmp_path: Path) -> None:
    with Sandbox() as sandbox, Sandbox() as elsewhere, client_of(sandbox) as client:
        break_off(sandbox, client, tmp_path / "r.jsonl")
        with pytest.raises(ExportError, match="base URL or install"):
            export_report(client.for_install(sandbox.other_install_sid), tmp_path / "r.jsonl", **WINDOWS)
        with client_of(elsewhere) as other, pytest.raises(ExportError, match="base URL or install"):
            export_report(other, tmp_path / "r.jsonl", **WINDOWS)
        assert len(elsewhere.requests) == 0


def test_equal_filters_may_be_written_differently(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        break_off(sandbox, client, tmp_path / "r.jsonl")
        same = {**BY_DATE, "appointment_date_after": datetime(2026, 1, 1, tzinfo=UTC)}
        assert export_report(client, tmp_path / "r.jsonl", **{**WINDOWS, "filters": same}).resumed_rows > 0


def test_the_state_reveals_neither_filters_nor_the_token(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        user = client.reports.service_distribution().collect()[0].user
        assert isinstance(user, dict)
        private = {
            **YEAR,
            "user_sid": user["sid"],
            "course_title": "Private Lessons of Ada",
            "exam_sid": sandbox.exam_sid,
        }
        path = tmp_path / "r.jsonl"
        break_off(sandbox, client, path, filters=private)
        folder = tmp_path / "r.jsonl.checkpoint"
        state = b"".join(each.read_bytes() for each in folder.iterdir() if each.suffix == ".json")
        assert b"filter userSid" in state
        for secret in (
            user["sid"],
            "Private Lessons",
            sandbox.exam_sid,
            sandbox.token,
            sandbox.install_sid,
            "127.0.0.1",
        ):
            assert str(secret).encode() not in state
        if sys.platform != "win32":
            assert folder.stat().st_mode & 0o077 == 0


def test_parts_that_do_not_match_their_records_are_read_again(tmp_path: Path) -> None:
    path, folder = tmp_path / "r.jsonl", tmp_path / "r.jsonl.checkpoint"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        export_report(client, tmp_path / "undisturbed.jsonl", **WINDOWS)
        break_off(sandbox, client, path)
        with (folder / "part-00000.jsonl").open("ab") as file:
            file.write(b"{}\n")
        (folder / "part-00001.json").write_text("{")
        (folder / "part-00009.0123abcd.tmp").write_text("left by a process that was killed")
        # The same size, but another content.
        damaged = (folder / "part-00002.jsonl").read_bytes()
        (folder / "part-00002.jsonl").write_bytes(damaged.replace(b"Closed", b"Opened"))
        assert damaged.count(b"Closed") > 0
        assert export_report(client, path, **WINDOWS).resumed_rows == 0
    assert path.read_bytes() == (tmp_path / "undisturbed.jsonl").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["r.jsonl", "undisturbed.jsonl"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"layout": 2}', '{"layout": 2, "crc32": 0, "content": {}}'])
def test_a_damaged_state_is_refused(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "r.csv.checkpoint"
    folder.mkdir()
    (folder / "state.json").write_text(content)
    with Sandbox() as sandbox, client_of(sandbox) as client:
        with pytest.raises(ExportError, match=r"state\.json: the file is damaged\. Delete .*checkpoint to start over"):
            export_report(client, tmp_path / "r.csv")
        for other in ('{"layout": 99}', '{"layout": 1, "salt": "00", "plan": {}}'):
            (folder / "state.json").write_text(other)
            with pytest.raises(ExportError, match=r"another version.* Delete .* to start over"):
                export_report(client, tmp_path / "r.csv")
        assert len(sandbox.requests) == 0
    assert (folder / "state.json").exists()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("")
    with Sandbox() as sandbox, client_of(sandbox) as client:
        with pytest.raises(ExportError, match="the folder has other files"):
            export_report(client, tmp_path / "r.csv", checkpoint=tmp_path / "mine")
        with pytest.raises(ExportError, match="must be a folder"):
            export_report(client, tmp_path / "r.csv", checkpoint=tmp_path / "file")
    assert [each.name for each in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_checkpoint_may_be_elsewhere(tmp_path: Path) -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        break_off(sandbox, client, tmp_path / "r.csv", checkpoint=tmp_path / "elsewhere")
        assert sorted(each.name for each in tmp_path.iterdir()) == ["elsewhere"]
        (tmp_path / "elsewhere" / "note").write_text("of the user")
        result = export_report(client, tmp_path / "r.csv", checkpoint=str(tmp_path / "elsewhere"), **WINDOWS)
    assert result.resumed_rows > 0
    # Other files are kept.
    assert [each.name for each in (tmp_path / "elsewhere").iterdir()] == ["note"]


def test_a_checkpoint_in_use_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "r.csv.checkpoint"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        held = Checkpoint(folder, {})
        try:
            with pytest.raises(ExportError, match="another export is using this checkpoint"):
                export_report(client, tmp_path / "r.csv")
        finally:
            held.close()
        assert export_report(client, tmp_path / "r.csv").rows == 240


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


def test_an_existing_file_is_kept_unless_overwrite_is_set(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("precious")
    with Sandbox() as sandbox, client_of(sandbox) as client:
        with pytest.raises(ExportArgumentError, match="path: expected a file that does not exist, or overwrite=True"):
            export_report(client, path)
        assert (len(sandbox.requests), [each.name for each in tmp_path.iterdir()]) == (0, ["r.csv"])
        # One created in the meantime is kept too, and so are the rows read.
        path.unlink()
        break_off(sandbox, client, path)
        path.write_text("precious")
        before = len(sandbox.requests)
        with pytest.raises(ExportArgumentError, match="overwrite=True"):
            export_report(client, path, **WINDOWS)
        assert len(sandbox.requests) == before
        assert path.read_text() == "precious"
        assert export_report(client, path, **WINDOWS, overwrite=True).resumed_rows > 0
    assert path.read_text().startswith("sid,")


def test_a_file_created_while_the_report_is_read_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"

    def create(progress: ExportProgress) -> None:
        path.write_text("precious")

    with Sandbox() as sandbox, client_of(sandbox) as client:
        with pytest.raises(ExportArgumentError, match="overwrite=True"):
            export_report(client, path, on_progress=create)
        assert path.read_text() == "precious"
        path.unlink()
        assert export_report(client, path).resumed_rows == 240


def test_an_export_killed_after_it_finished_is_recognized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.csv"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "remove", lambda self: (_ for _ in ()).throw(SystemExit))
            with pytest.raises(SystemExit):
                export_report(client, path, **WINDOWS)
        content, before, later = path.read_bytes(), len(sandbox.requests), datetime.now(UTC)
        assert (tmp_path / "r.csv.checkpoint").exists()
        result = export_report(client, path, **WINDOWS)
        assert (len(sandbox.requests), path.read_bytes()) == (before, content)
    assert (result.rows, result.resumed_rows, result.windows) == (174, 174, 7)
    assert later - timedelta(minutes=5) < result.read_since < later
    assert [each.name for each in tmp_path.iterdir()] == ["r.csv"]


@pytest.mark.parametrize("interrupted", [False, True])
def test_with_overwrite_an_old_result_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: bool
) -> None:
    path = tmp_path / "r.jsonl"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "remove", lambda self: (_ for _ in ()).throw(SystemExit))
            with pytest.raises(SystemExit):
                export_report(client, path, **WINDOWS, overwrite=True)
        book(sandbox, client)
        if interrupted:
            # While the old parts are removed; the remaining ones must not count.
            with monkeypatch.context() as patch:
                patch.setattr(Path, "unlink", unlink_but(Path.unlink, "part-00003.jsonl"))
                with pytest.raises(SystemExit):
                    export_report(client, path, **WINDOWS, overwrite=True)
            left = {each.name for each in (tmp_path / "r.jsonl.checkpoint").iterdir()}
            assert {"state.json", "part-00003.jsonl"} <= left
        later = datetime.now(UTC).replace(microsecond=0)
        result = export_report(client, path, **WINDOWS, overwrite=True)
    assert (result.rows, result.resumed_rows) == (175, 0)
    assert result.read_since >= later
    assert sandbox.session_sid in {row["sid"] for row in json_lines(path)}
    assert [each.name for each in tmp_path.iterdir()] == ["r.jsonl"]


def unlink_but(unlink: Any, name: str) -> Any:
    """`Path.unlink` that exits at a certain file."""

    def removing(self: Path, missing_ok: bool = False) -> None:
        if self.name == name:
            raise SystemExit
        unlink(self, missing_ok)

    return removing


def book(sandbox: Sandbox, client: SmarterProctoring) -> None:
    """Schedule a session whose row is in the first window."""
    client.exam_sessions.schedule(
        exam_sid=sandbox.exam_sid,
        session_sid=sandbox.session_sid,
        type_="automated",
        appointment_date_time="2026-01-15T10:00:00Z",
    )


def test_read_since_is_when_the_oldest_rows_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = tmp_path / "r.csv", tmp_path / "r.csv.checkpoint"
    long_ago = datetime(2021, 6, 1, tzinfo=UTC)
    with Sandbox() as sandbox, client_of(sandbox) as client:
        break_off(sandbox, client, path)
        before = datetime.now(UTC)
        record = json.loads((folder / "part-00001.json").read_bytes())["content"]
        assert before - timedelta(minutes=5) < datetime.fromtimestamp(record["since"] / 1000, UTC) < before
        reading = Checkpoint.complete

        def complete(self: Checkpoint, index: int, part: Part) -> None:
            reading(self, index, replace(part, since=int(long_ago.timestamp() * 1000)))

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "complete", complete)
            break_off(sandbox, client, path, after=2)
        result = export_report(client, path, **WINDOWS)
    assert result.resumed_rows > 0
    # Complete windows never expire.
    assert result.read_since == long_ago


def test_a_checkpoint_that_is_marked_as_differed(tmp_path: Path) -> None:
    path, state = tmp_path / "r.jsonl", tmp_path / "r.jsonl.checkpoint" / "state.json"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        break_off(sandbox, client, path)
        assert json.loads(state.read_bytes())["content"]["differed"] is False
        book(sandbox, client)
        with pytest.raises(ExportError, match="the windows have 174 rows, and the report has 175"):
            export_report(client, path, **WINDOWS)
        assert json.loads(state.read_bytes())["content"]["differed"] is True
        # It stays marked when the export fails while it requests the totals of windows, or reads one again.
        for after in (1, 2):
            break_off(sandbox, client, path, after=after)
            assert json.loads(state.read_bytes())["content"]["differed"] is True
        before = len(sandbox.requests)
        result = export_report(client, path, **WINDOWS, parallel=1)
        queries = [request.query for request in list(sandbox.requests)[before:]]
    # The report, each complete window, the window that is read again, and the report once more.
    assert sum("limit=1" in query.split("&") for query in queries) == 1 + 6 + 1
    assert sum("limit=1000" in query for query in queries) == 1
    assert result.rows == len(json_lines(path)) == 175
    assert sandbox.session_sid in {row["sid"] for row in json_lines(path)}
    assert [each.name for each in tmp_path.iterdir()] == ["r.jsonl"]


def test_a_row_with_a_field_named_like_the_column_of_installs(tmp_path: Path) -> None:
    extra = [{"installSid": "AI" + "1" * 32}]

    def page(page: dict[str, Any], query: dict[str, str]) -> None:
        for row in page["results"]:
            row.update(extra[0])

    with Sandbox() as sandbox, client_of(sandbox) as client:
        sandbox.interceptors.append(Meddler(page=page))
        installs = [sandbox.install_sid]
        with pytest.raises(ExportError, match=r"row 'ES\w+' has a field 'installSid'; pass another install_column"):
            export_report(client, tmp_path / "r.jsonl", installs=installs)
        assert export_report(client, tmp_path / "r.jsonl", installs=installs, install_column="from").rows == 240
        # A field with the same value is accepted.
        extra[0] = {"installSid": sandbox.install_sid}
        export_report(client, tmp_path / "same.jsonl", installs=installs)
    row = json_lines(tmp_path / "r.jsonl")[0]
    assert (row["from"], row["installSid"]) == (sandbox.install_sid, "AI" + "1" * 32)
    assert json_lines(tmp_path / "same.jsonl")[0]["installSid"] == sandbox.install_sid


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_without_a_checkpoint_a_killed_export_leaves_a_hidden_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    with Sandbox() as sandbox:
        settings = {
            "token": sandbox.token,
            "install_sid": sandbox.install_sid,
            "base_url": sandbox.smarterproctoring_url,
        }
        arguments = {"checkpoint": False}
        passed = (settings, str(tmp_path / "r.csv"), arguments, 8, 0.0, os.devnull)
        process = context.Process(target=export_in_process, args=passed, daemon=True)
        process.start()
        process.join(60)
    assert process.exitcode == -signal.SIGKILL
    left = [each.name for each in tmp_path.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".r.csv.")
