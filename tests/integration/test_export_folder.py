"""The folder of a checkpoint: one process at a time locks it, and other files in it are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from invigilate._files import Lock
from invigilate.export import ExportError, export_report
from invigilate.export.checkpoint import Checkpoint, Part
from invigilate.sandbox import Sandbox
from tests.support.exporting import WINDOWS, break_off, client_of


def names(folder: Path) -> list[str]:
    """The names of the files of a folder."""
    return sorted(each.name for each in folder.iterdir())


STRAYS = [
    "part-000001.json",
    "part-notes.json",
    "part-.json",
    "part-1.json",
    "part-00001.json.bak",
    "part-00001.tmp",
    "part-\u0660\u0661\u0662\u0663\u0664.json",
]


def test_files_with_names_similar_to_parts_are_kept(tmp_path: Path) -> None:
    path, folder = tmp_path / "r.csv", tmp_path / "r.csv.checkpoint"
    with Sandbox() as sandbox, client_of(sandbox) as client:
        break_off(sandbox, client, path)
        for name in STRAYS:
            (folder / name).write_text("{}")
        result = export_report(client, path, **WINDOWS)
    assert result.resumed_rows > 0
    assert names(folder) == sorted(STRAYS)


@pytest.mark.parametrize("error", [KeyboardInterrupt, PermissionError(13, "Permission denied")])
@pytest.mark.parametrize("number", [1, 3])
def test_an_error_while_records_are_read_removes_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any, number: int
) -> None:
    path, folder = tmp_path / "r.csv", tmp_path / "r.csv.checkpoint"
    created: list[int] = []

    def failing(**fields: Any) -> Part:
        created.append(1)
        if len(created) == number:
            raise error
        return Part(**fields)

    with Sandbox() as sandbox, client_of(sandbox) as client:
        break_off(sandbox, client, path)
        before = names(folder)
        assert sum(name.endswith(".jsonl") for name in before) == 3
        with monkeypatch.context() as patch:
            patch.setattr("invigilate.export.checkpoint.Part", failing)
            with pytest.raises((KeyboardInterrupt, PermissionError)):
                export_report(client, path, **WINDOWS)
        assert names(folder) == before
        assert export_report(client, path, **WINDOWS).resumed_rows > 0
    assert names(tmp_path) == ["r.csv"]


def test_a_refused_export_removes_no_part(tmp_path: Path) -> None:
    """The folder is unlocked before its parts are known."""
    with Sandbox() as sandbox, client_of(sandbox) as client:
        break_off(sandbox, client, tmp_path / "r.csv")
        before = names(tmp_path / "r.csv.checkpoint")
        with pytest.raises(ExportError, match="an export with other arguments"):
            export_report(client, tmp_path / "r.csv", checkpoint=tmp_path / "r.csv.checkpoint")
        assert names(tmp_path / "r.csv.checkpoint") == before
        # A new folder is removed.
        Checkpoint(tmp_path / "new", {}).close()
    assert names(tmp_path) == ["r.csv.checkpoint"]


@pytest.mark.parametrize("others", [["part-00000.json", "part-00001.jsonl"], ["part-00000.json", "lock"], ["part-x"]])
def test_parts_of_other_programs_are_refused(tmp_path: Path, others: list[str]) -> None:
    """Programs that write in parallel use such names."""
    folder = tmp_path / "table"
    folder.mkdir()
    for name in others:
        (folder / name).write_text("precious")
    with Sandbox() as sandbox, client_of(sandbox) as client:
        with pytest.raises(ExportError, match=r"no state\.json\. Pass a new folder"):
            export_report(client, tmp_path / "r.csv", checkpoint=folder)
        assert len(sandbox.requests) == 0
    assert names(tmp_path) == ["table"]
    assert {name: (folder / name).read_text() for name in names(folder)} == dict.fromkeys(others, "precious")


def test_a_folder_of_an_export_killed_at_its_start_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "r.csv.checkpoint"
    folder.mkdir()
    (folder / "lock").write_text("")
    (folder / "state.json.tmp").write_text("{")
    with Sandbox() as sandbox, client_of(sandbox) as client:
        assert export_report(client, tmp_path / "r.csv").rows == 240
    assert names(tmp_path) == ["r.csv"]


def test_two_processes_never_lock_a_checkpoint_while_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiting process takes the lock as soon as it is free, and a third one opens the same file."""
    folder = tmp_path / "checkpoint"
    others: list[tuple[Lock, bool]] = []
    closing = os.close

    def close(descriptor: int) -> None:
        closing(descriptor)
        if not others:
            others.append((waiting, waiting.take()))
            second = Lock(folder / "lock")
            others.append((second, second.take()))

    held = Checkpoint(folder, {})
    held.begin()
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


def test_a_checkpoint_that_cannot_be_removed_is_unlocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoint"
    held = Checkpoint(folder, {})
    held.begin()
    held.set_bounds(None)

    def fail(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        with pytest.raises(PermissionError):
            held.remove()
    again = Checkpoint(folder, {})
    again.begin()
    again.remove()
    assert names(tmp_path) == []


def test_a_thread_that_outlives_a_stopped_export_opens_nothing(tmp_path: Path) -> None:
    held = Checkpoint(tmp_path / "checkpoint", {})
    held.begin()
    held.close()
    with pytest.raises(ExportError, match="was stopped"):
        held.open_part(0)
    assert names(tmp_path) == []
