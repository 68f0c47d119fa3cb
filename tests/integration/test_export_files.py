"""The files of an export: private, never opened through a link, and checked for damage."""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from invigilate import IncompleteResultError, SmarterProctoring
from invigilate.export import ExportArgumentError, ExportError, ExportProgress, export_report
from invigilate.sandbox import Sandbox
from tests.support.exporting import WINDOWS, Meddler, break_off, client_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such links, modes and owners")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(report_rows=60) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[SmarterProctoring]:
    with client_of(sandbox) as connected:
        yield connected


class StopError(Exception):
    """Raised to stop an export."""


def stop_in(phase: str) -> Callable[[ExportProgress], None]:
    """A progress function that stops the export at the beginning of a phase."""

    def on_progress(progress: ExportProgress) -> None:
        if progress.phase == phase:
            raise StopError

    return on_progress


def mode(path: Path) -> int:
    """The permissions of a file, not of what it points to."""
    return stat.S_IMODE(path.lstat().st_mode)


@posix
@pytest.mark.parametrize("name", ["state.json.tmp", "part-00000.json.tmp", "part-00000.abababab.tmp", ".r.csv.tmp"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_planted_link_is_removed_and_its_target_untouched(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, name: str, dangling: bool
) -> None:
    """The link is planted while the export runs, under the name of a file that it creates next."""
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)
    path, victim, planted = tmp_path / "r.csv", tmp_path / "victim", [0]
    link = path.with_name(".r.csv.abababab.tmp") if name == ".r.csv.tmp" else tmp_path / "r.csv.checkpoint" / name

    def plant(progress: ExportProgress) -> None:
        if not os.path.lexists(link):
            link.symlink_to(victim)
            planted[0] += 1

    if not dangling:
        victim.write_text("precious")
        victim.chmod(0o644)
    export_report(client, tmp_path / "undisturbed.csv", **WINDOWS)
    export_report(client, path, on_progress=plant, **WINDOWS)
    assert planted[0] > 0
    assert path.read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
    assert victim.exists() != dangling
    assert dangling or (victim.read_text(), mode(victim)) == ("precious", 0o644)


@posix
@pytest.mark.parametrize("name", ["lock", "state.json", "part-00000.json", "part-00000.jsonl"])
@pytest.mark.parametrize("what", ["link", "dangling link", "pipe", "folder", "another user's"])
def test_anything_in_place_of_a_file_of_the_checkpoint_is_refused(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    path, victim = tmp_path / "r.csv", tmp_path / "victim"
    break_off(sandbox, client, path)
    planted = tmp_path / "r.csv.checkpoint" / name
    if what == "another user's":
        planted.touch()
        number, opened = planted.stat().st_ino, os.fstat

        def fstat(descriptor: int) -> os.stat_result:
            found = opened(descriptor)
            values = list(found)
            values[stat.ST_UID] += found.st_ino == number
            return os.stat_result(values)

        monkeypatch.setattr(os, "fstat", fstat)
    else:
        planted.unlink(missing_ok=True)
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
        export_report(client, path, **WINDOWS)
    assert Path(e.value.filename) == planted
    assert os.path.lexists(planted)
    assert (len(sandbox.requests), path.exists()) == (sent, False)
    assert victim.exists() == (what == "link")
    assert what != "link" or victim.read_text() == "precious"


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("before", [None, 0o755, 0o777])
def test_files_are_private_whatever_the_umask_and_the_folder(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, umask: int, before: int | None
) -> None:
    path, folder = tmp_path / "r.csv", tmp_path / "mine"
    if before is not None:
        folder.mkdir()
        folder.chmod(before)
        path.touch()
        path.chmod(0o666)
    modes, rename = {"mine": set[int](), "lock": set[int]()}, os.replace

    def replace(source: Path, target: Path) -> None:
        modes["mine"].add(mode(folder))
        modes["lock"].add(mode(folder / "lock"))
        modes.setdefault(target.name, set()).add(mode(source))
        rename(source, target)
        modes[target.name].add(mode(target))

    monkeypatch.setattr(os, "replace", replace)
    old = os.umask(umask)
    try:
        export_report(client, path, checkpoint=folder, overwrite=True, **WINDOWS)
    finally:
        os.umask(old)
    assert {"state.json", "part-00000.json", "part-00006.jsonl", path.name} <= modes.keys()
    assert modes.pop("mine") == {0o700}
    assert set[int]().union(*modes.values()) == {mode(path)} == {0o600}


@posix
@pytest.mark.parametrize("why", ["link", "another user's"])
def test_a_folder_that_is_not_ours_is_refused(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    folder, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    elsewhere.chmod(0o755)
    if why == "link":
        folder.symlink_to(elsewhere)
    else:
        folder = elsewhere
        user = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises((ExportError, PermissionError), match=r"symbolic link"):
        export_report(client, tmp_path / "r.csv", checkpoint=folder)
    assert (list(elsewhere.iterdir()), mode(elsewhere)) == ([], 0o755)


@posix
def test_a_link_in_place_of_the_result_is_replaced_only_with_overwrite(
    tmp_path: Path, client: SmarterProctoring
) -> None:
    path, victim = tmp_path / "r.csv", tmp_path / "victim"
    path.symlink_to(victim)
    for content in (None, "precious"):
        if content is not None:
            victim.write_text(content)
        with pytest.raises(ExportArgumentError, match=r"overwrite=True, got r\.csv, which is a symbolic link$"):
            export_report(client, path)
    assert export_report(client, path, overwrite=True).rows == 60
    assert not path.is_symlink()
    assert (victim.read_text(), mode(path)) == ("precious", 0o600)


@posix
def test_a_device_or_pipe_is_refused(tmp_path: Path, client: SmarterProctoring) -> None:
    os.mkfifo(tmp_path / "pipe")
    # Through a link, so that a mistake replaces only the link.
    (tmp_path / "device").symlink_to(os.devnull)
    for path in (tmp_path / "pipe", tmp_path / "device"):
        with pytest.raises(ExportArgumentError, match="path: expected the path of a file, got a device or a pipe"):
            export_report(client, path, format="csv", overwrite=True)
        assert not path.is_file()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_full_disk_at_any_moment_leaves_the_old_file(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path, syncing = tmp_path / f"r.{form}", os.fsync
    export_report(client, tmp_path / f"undisturbed.{form}", **WINDOWS)
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
                export_report(client, path, overwrite=True, **WINDOWS, parallel=1)
        except OSError as error:
            failed.append(error.errno)
            if path.read_bytes() == b"old":
                continue
            # Only the folder had not been synced yet.
        break
    assert len(failed) > 5
    assert set(failed) == {errno.ENOSPC}
    assert path.read_bytes() == (tmp_path / f"undisturbed.{form}").read_bytes()


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


@posix
@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_folder_that_cannot_be_written_to_is_named(
    sandbox: Sandbox, client: SmarterProctoring, checkpoint: bool
) -> None:
    sent = len(sandbox.requests)
    # Not in tmp_path: another user may have no access to its parents.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        with not_root(), pytest.raises(PermissionError, match=rf"Permission denied: '{folder}/\.?r\.csv\."):
            export_report(client, Path(folder) / "r.csv", checkpoint=checkpoint)
        assert (len(sandbox.requests), os.listdir(folder)) == (sent, [])


@pytest.mark.parametrize("arguments", [{}, WINDOWS])
def test_a_report_that_ends_early_raises(
    tmp_path: Path, sandbox: Sandbox, client: SmarterProctoring, arguments: dict[str, Any]
) -> None:
    def end_early(page: dict[str, Any], query: dict[str, str]) -> None:
        if int(query.get("offset", 0)) >= 3:
            page["results"] = []

    path, meddler = tmp_path / "r.csv", Meddler(page=end_early)
    path.write_text("old")
    sandbox.interceptors.append(meddler)
    try:
        with pytest.raises(IncompleteResultError, match="is empty, but the total is"):
            export_report(client, path, page_size=3, overwrite=True, **arguments)
    finally:
        sandbox.interceptors.remove(meddler)
    assert path.read_text() == "old"


def flip(path: Path, bit: int) -> None:
    """Flip a bit of a file, without changing its size and times."""
    found, content = path.stat(), bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("kind", ["state", "records", "parts"])
def test_no_flipped_bit_of_a_checkpoint_changes_the_result(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch, form: str, kind: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # 480 exports would sync thousands of files
    path, folder, kept = tmp_path / f"r.{form}", tmp_path / f"r.{form}.checkpoint", tmp_path / "kept"
    undisturbed = tmp_path / f"undisturbed.{form}"
    arguments: dict[str, Any] = {**WINDOWS, "nested": "flatten"}
    export_report(client, undisturbed, **arguments)
    with pytest.raises(StopError):
        export_report(client, path, on_progress=stop_in("writing"), **arguments)
    folder.rename(kept)
    names = {"state": ["state.json"], "records": ["part-0000*.json"], "parts": ["part-0000*.jsonl"]}[kind]
    files = sorted(each for name in names for each in kept.glob(name))
    assert len(files) == (1 if kind == "state" else 7)
    bits = [(each.name, bit) for each in files for bit in range(8 * each.stat().st_size)]
    same, errors = 0, list[str]()
    for name, bit in random.Random(20261126).sample(bits, 80):
        shutil.copytree(kept, folder)
        flip(folder / name, bit)
        try:
            export_report(client, path, **arguments)
        except ExportError as error:
            errors.append(str(error))
            shutil.rmtree(folder)
        else:
            assert path.read_bytes() == undisturbed.read_bytes(), (name, bit)
            assert not folder.exists()
            same += 1
            path.unlink()
        assert not path.exists()
    # A damaged part is read again; a damaged state is an error.
    assert len(errors) > 60 if kind == "state" else same == 80
    assert all(f"Delete {folder} to start over" in error for error in errors)


@pytest.mark.parametrize("damage", ["swapped", "another export's", "older state"])
def test_parts_count_only_for_their_own_windows(tmp_path: Path, client: SmarterProctoring, damage: str) -> None:
    path, folder, undisturbed = tmp_path / "r.csv", tmp_path / "r.csv.checkpoint", tmp_path / "undisturbed.csv"
    automatic = {**WINDOWS, "window": "auto"}
    export_report(client, undisturbed, **automatic)
    states: list[bytes] = []

    def look(progress: ExportProgress) -> None:
        states.append((folder / "state.json").read_bytes())
        stop_in("writing")(progress)

    def stopped(path: Path, **arguments: Any) -> None:
        with pytest.raises(StopError):
            export_report(client, path, on_progress=look if path.suffix == ".csv" else stop_in("writing"), **arguments)

    stopped(path, **automatic)
    if damage == "swapped":
        for suffix in ("json", "jsonl"):
            (folder / f"part-00000.{suffix}").rename(folder / "other")
            (folder / f"part-00001.{suffix}").rename(folder / f"part-00000.{suffix}")
            (folder / "other").rename(folder / f"part-00001.{suffix}")
    elif damage == "another export's":
        stopped(tmp_path / "r.jsonl", **WINDOWS)
        for suffix in ("json", "jsonl"):
            shutil.copy(tmp_path / "r.jsonl.checkpoint" / f"part-00001.{suffix}", folder)
    else:
        stopped(path, **automatic, parallel=2)
        (folder / "state.json").write_bytes(states[0])
    export_report(client, path, **automatic)
    assert path.read_bytes() == undisturbed.read_bytes()


def test_a_finished_file_with_a_flipped_bit_is_not_the_result(
    tmp_path: Path, client: SmarterProctoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.csv"
    with monkeypatch.context() as patch:
        patch.setattr("invigilate.export.checkpoint.Checkpoint.remove", lambda _: (_ for _ in ()).throw(StopError))
        with suppress(StopError):
            export_report(client, path, **WINDOWS)
    content = path.read_bytes()
    flip(path, 8 * 300)
    with pytest.raises(ExportArgumentError, match="overwrite=True"):
        export_report(client, path, **WINDOWS)
    path.unlink()
    assert export_report(client, path, **WINDOWS).resumed_rows > 0
    assert path.read_bytes() == content


def test_a_part_damaged_while_the_export_runs_ends_it(tmp_path: Path, client: SmarterProctoring) -> None:
    path, part = tmp_path / "r.csv", tmp_path / "r.csv.checkpoint" / "part-00002.jsonl"

    def damage(progress: ExportProgress) -> None:
        if progress.phase == "writing":
            flip(part, 8 * 100)

    with pytest.raises(ExportError, match=r"part-00002\.jsonl: this part of the checkpoint is damaged"):
        export_report(client, path, on_progress=damage, **WINDOWS)
    assert not path.exists()
    result = export_report(client, path, **WINDOWS)
    assert 0 < result.resumed_rows < result.rows
