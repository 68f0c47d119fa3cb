"""The files of an export: private, never opened through a link, complete or absent."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from invigilate import SmarterProctoring
from invigilate.export import ExportArgumentError, ExportError, ExportProgress, export
from invigilate.sandbox import Sandbox
from tests.support.exporting import FORMATS, break_off, client_of, names, parts_of_year

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such links, modes and owners")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(report_rows=60) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmarterProctoring]:
    with client_of(sandbox) as connected:
        yield connected


def mode(path: Path) -> int:
    """The permissions of a file, not of what it points to."""
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("before", [None, 0o777])
def test_files_are_private_whatever_the_umask_and_the_folder(
    tmp_path: Path, client: SmarterProctoring, umask: int, before: int | None, form: str
) -> None:
    path, folder, modes = tmp_path / f"r.{form}", tmp_path / "mine", dict[str, set[int]]()
    if before is not None:
        folder.mkdir()
        folder.chmod(before)
        path.touch()
        path.chmod(0o666)

    def look(progress: ExportProgress) -> None:
        for each in [folder, *folder.iterdir(), *tmp_path.glob(".r.*"), *([path] if before is None else [])]:
            if os.path.lexists(each):
                modes.setdefault(each.name, set()).add(mode(each))

    old = os.umask(umask)
    try:
        export(parts_of_year(client), path, checkpoint=folder, overwrite=True, on_progress=look)
    finally:
        os.umask(old)
    assert {"mine", "lock", "state.json", "rows.jsonl"} <= modes.keys()
    assert modes.pop("mine") == {0o700}
    assert set[int]().union(*modes.values()) == {mode(path)} == {0o600}


@pytest.mark.parametrize("form", FORMATS)
def test_a_temporary_file_is_private_and_a_planted_link_is_removed(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Links are planted while the export runs, under the names of files that it creates next."""
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)
    path, victim = tmp_path / f"r.{form}", tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    links = [tmp_path / f".r.{form}.abababab.tmp", tmp_path / f"r.{form}.checkpoint" / "state.json.tmp"]
    planted: set[Path] = set()

    def plant(progress: ExportProgress) -> None:
        for link in links:
            if not os.path.lexists(link):
                link.symlink_to(victim)
                planted.add(link)

    export(parts_of_year(client), tmp_path / f"undisturbed.{form}")
    export(parts_of_year(client), path, on_progress=plant)
    assert planted == set(links)
    assert path.read_bytes() == (tmp_path / f"undisturbed.{form}").read_bytes()
    assert not path.is_symlink()
    assert (victim.read_text(), mode(victim)) == ("precious", 0o644)


@pytest.mark.parametrize("name", ["lock", "state.json", "rows.jsonl"])
@pytest.mark.parametrize("what", ["link", "dangling link", "pipe", "folder", "another user's"])
def test_anything_in_place_of_a_file_of_the_checkpoint_is_refused(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    path, victim = tmp_path / "r.csv", tmp_path / "victim"
    break_off(sandbox, client, path)
    planted = tmp_path / "r.csv.checkpoint" / name
    if what == "another user's":
        number, opened = planted.stat().st_ino, os.fstat

        def fstat(descriptor: int) -> os.stat_result:
            values = list(found := opened(descriptor))
            values[stat.ST_UID] += found.st_ino == number
            return os.stat_result(values)

        monkeypatch.setattr(os, "fstat", fstat)
    else:
        planted.unlink()
        if what == "pipe":
            os.mkfifo(planted)
        elif what == "folder":
            planted.mkdir()
        else:
            planted.symlink_to(victim)
            if what == "link":
                victim.write_text("precious")
    sent = len(sandbox.requests)
    with pytest.raises(OSError, match=r"that belongs to this user, or a symbolic link\. Remove it|Is a directory") as e:
        export(parts_of_year(client), path)
    assert Path(e.value.filename) == planted
    assert os.path.lexists(planted)
    assert (len(sandbox.requests), path.exists()) == (sent, False)
    assert victim.exists() == (what == "link")
    assert what != "link" or victim.read_text() == "precious"


@pytest.mark.parametrize("why", ["link", "another user's"])
def test_a_folder_that_is_not_ours_is_refused(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    folder, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    if why == "link":
        folder.symlink_to(elsewhere)
    else:
        folder = elsewhere
        user = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises((ExportError, PermissionError), match=r"symbolic link"):
        export(parts_of_year(client), tmp_path / "r.csv", checkpoint=folder)
    assert (list(elsewhere.iterdir()), mode(elsewhere)) == ([], 0o755)


@pytest.mark.parametrize("form", FORMATS)
def test_a_link_in_place_of_the_result_is_replaced_only_with_overwrite(
    tmp_path: Path, client: SmarterProctoring, form: str
) -> None:
    path, victim = tmp_path / f"r.{form}", tmp_path / "victim"
    path.symlink_to(victim)
    for content in (None, "precious"):
        if content is not None:
            victim.write_text(content)
        with pytest.raises(ExportArgumentError, match=r"overwrite=True"):
            export(parts_of_year(client), path)
    export(parts_of_year(client), path, overwrite=True)
    assert not path.is_symlink()
    assert (victim.read_text(), mode(path)) == ("precious", 0o600)


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_at_any_moment_leaves_the_old_file(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path, syncing = tmp_path / f"r.{form}", os.fsync
    export(parts_of_year(client), tmp_path / f"undisturbed.{form}")
    path.write_text("old")
    failed: list[int | None] = []
    while True:
        left = [len(failed)]

        def fsync(descriptor: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == -1:
                raise OSError(errno.ENOSPC, "No space left on device")
            syncing(descriptor)

        try:
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", fsync)
                export(parts_of_year(client), path, overwrite=True)
        except OSError as error:
            failed.append(error.errno)
            if path.read_bytes() == b"old":
                continue
            # Only the folder had not been synced yet.
        break
    assert len(failed) > 5
    assert set(failed) == {errno.ENOSPC}
    assert path.read_bytes() == (tmp_path / f"undisturbed.{form}").read_bytes()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_error_of_the_engine_leaves_no_part_of_a_file(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = tmp_path / f"r.{form}"
    with monkeypatch.context() as patch:
        patch.setattr("invigilate.export.columns._shown", lambda *_, **__: "error('stopped')")
        with pytest.raises(Exception, match="stopped"):
            export(parts_of_year(client), path)
    assert names(tmp_path) == [f"{path.name}.checkpoint"]
    assert export(parts_of_year(client), path).resumed_rows > 0
    assert names(tmp_path) == [path.name]


@contextmanager
def not_root() -> Iterator[None]:
    """Root may write anywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_folder_that_cannot_be_written_to_is_named(
    sandbox: Sandbox, client: SmarterProctoring, checkpoint: bool
) -> None:
    sent = len(sandbox.requests)
    # Not in tmp_path: another user may have no access to its parents.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        with not_root(), pytest.raises(PermissionError, match=rf"Permission denied: '{folder}/\.?r\.csv\."):
            export(parts_of_year(client), Path(folder) / "r.csv", checkpoint=checkpoint)
        assert (len(sandbox.requests), os.listdir(folder)) == (sent, [])
