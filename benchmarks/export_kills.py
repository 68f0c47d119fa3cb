"""Exports that are killed at random moments, their files damaged in between, compared with undisturbed ones.

    python -m benchmarks.export_kills [--runs N] [--seed N]

Each export runs in a process that is killed (SIGKILL) again and again. After half of the kills, a file of the export
is removed, truncated, replaced by another one or by a symbolic link, or has a bit flipped. In the end the result must
have the bytes of an undisturbed export. A run may report an error instead, if its text says what to do: that is done,
and the export goes on. It ends with status 1 at the first wrong file, or error that says nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invigilate import SmarterProctoring
from invigilate.export import ExportError, export

if TYPE_CHECKING:
    # It takes long to import, and processes that export have no need of it.
    from invigilate.sandbox import Sandbox

SEED = 20261121
REPORTED = 4
"""Exit code of an export that reported an error."""
MOST_RUNS = 100
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Shape:
    """A kind of export.

    Attributes:
        name: of the test.
        most: how often one export is killed at most; then it may end.
        events: of so many events of a run, one is chosen at which it is killed.
        forms: formats, with the arguments that only they have.
        spans: how many parts the year is split into, for each install.
        overwrite: whether a file that is there is replaced.
        installs: whether it is of two installs, with labels.
    """

    name: str
    most: int
    events: int
    forms: Mapping[str, Mapping[str, Any]]
    spans: int
    overwrite: bool = False
    installs: bool = False


SHAPES = [
    Shape("parts of a year", 8, 90, {"csv": {}, "jsonl": {}, "parquet": {}}, 12),
    Shape("parts of two installs, overwriting", 5, 160, {"csv": {}, "parquet": {}}, 12, overwrite=True, installs=True),
    Shape("two installs", 4, 45, {"csv": {"csv_safe": True}, "jsonl": {}, "parquet": {}}, 1, installs=True),
]


def source_of(client: SmarterProctoring, spans: int, installs: Sequence[str]) -> Any:
    """The pagers of an export: a list of them, or with installs a mapping to lists."""
    bounds = [START + number * timedelta(days=365) / spans for number in range(spans + 1)]

    def pagers(view: SmarterProctoring) -> list[Any]:
        return [
            view.reports.service_distribution(
                appointment_date_after=after, appointment_date_before=before, sort_keys=["appointmentDate"], limit=25
            )
            for after, before in pairwise(bounds)
        ]

    return {sid: pagers(client.for_install(sid)) for sid in installs} if installs else pagers(client)


def export_in_process(
    settings: Mapping[str, Any],
    path: str,
    source: tuple[int, Sequence[str]],
    options: Mapping[str, Any],
    die_at: int,
    delay: float,
    told: str,
) -> None:
    """Export, and be killed: run this in a process of its own.

    Args:
        settings: of the client.
        path: the file.
        source: parts of the year, and installs.
        options: of the export.
        die_at: the number of the event at which the process is killed: a request, or a file that is opened, renamed
            or removed; 0 for never. A negative one counts only from the moment when the result gets its name.
        delay: seconds from then to the kill.
        told: a file for the text of an error that the export reports.
    """
    guard, count, waiting = threading.Lock(), 0, die_at < 0
    folder = str(Path(path).parent)

    def event() -> None:
        nonlocal count
        with guard:
            count += not waiting
            now = count == abs(die_at) > 0
        if now and delay:
            threading.Thread(target=die, daemon=True).start()
        elif now:
            os.kill(os.getpid(), signal.SIGKILL)

    def die() -> None:
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(name: str, given: tuple[Any, ...]) -> None:
        nonlocal waiting
        if name == "os.rename" and str(given[1]) == path:
            waiting = False
        if name in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"} and str(given[0]).startswith(folder):
            event()

    def token() -> str:
        event()
        text: str = settings["token"]
        return text

    sys.addaudithook(hook)
    with SmarterProctoring(**{**settings, "token": token}) as client:
        try:
            export(source_of(client, *source), path, **options)
        except (ExportError, OSError) as error:
            Path(told).write_text(str(error))
            sys.exit(REPORTED)


class WrongError(Exception):
    """A wrong file, or an error that says nothing."""


@dataclass
class Damage:
    """Damages files of exports."""

    random: random.Random
    victim: Path
    done: Counter[str] = field(default_factory=Counter[str])
    _earlier: dict[str, list[bytes]] = field(default_factory=dict[str, list[bytes]])

    def one_of(self, folder: Path) -> None:
        """Damage a file below a folder, if there is one."""
        files = sorted(each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
        if not files:
            return
        for each in files:
            self._earlier.setdefault(each.name, []).append(each.read_bytes())
        # The result is one file among many, and there only at the end.
        results = [each for each in files if each.parent == folder and self.random.random() < 0.5]
        file = self.random.choice(results or files)
        kind = self.random.choice(["removed", "truncated", "flipped", "replaced", "linked", "folder removed"])
        if kind == "folder removed" and file.parent == folder:
            kind = "removed"
        self.done[f"{kind} (the result)" if file in results else kind] += 1
        content, found = bytearray(file.read_bytes()), file.stat()
        if kind == "folder removed":
            shutil.rmtree(file.parent)
        elif kind == "removed":
            file.unlink()
        elif kind == "linked":
            file.unlink()
            file.symlink_to(self.victim)
        elif kind == "truncated":
            os.truncate(file, self.random.randrange(found.st_size + 1))
        elif kind == "replaced":
            # Files of the same name are what an older backup has, or another export.
            others = [*self._earlier[file.name], *(each.read_bytes() for each in files), b"{}", b"\0" * found.st_size]
            file.unlink()
            file.write_bytes(self.random.choice(others))
        elif content:
            bit = self.random.randrange(8 * len(content))
            content[bit // 8] ^= 1 << bit % 8
            file.write_bytes(content)
            os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))


def act(text: str, path: Path) -> str:
    """Do what the text of an error says.

    Returns:
        What was done.

    Raises:
        WrongError: if it says nothing.
    """
    if found := re.search(r"Remove it, or use another path: '(.*)'", text):
        Path(found[1]).unlink(missing_ok=True)  # a checkpoint without parts was removed with it
        return "link removed"
    if re.search(r"[Dd]elete .* (?:to start over|if it was a checkpoint)", text):
        shutil.rmtree(path.with_name(f"{path.name}.checkpoint"))
        return "checkpoint deleted"
    if "overwrite=True" in text:
        path.unlink()
        return "file removed"
    raise WrongError(f"an error that does not say what to do: {text}")


@dataclass
class Kills:
    """Kills exports from a sandbox, and counts what comes of it."""

    sandbox: Sandbox
    folder: Path
    seed: int = SEED
    kills: int = 0
    exports: int = 0
    resumed: set[str] = field(default_factory=set[str])
    acted: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        (self.folder / "victim").write_text("precious")
        self.damage = Damage(self._random, self.folder / "victim")
        self.settings: dict[str, Any] = {
            "token": self.sandbox.token,
            "install_sid": self.sandbox.install_sid,
            "base_url": self.sandbox.smarterproctoring_url,
        }
        # Its children are forked from a process that has imported everything, so each begins at once.
        self._context = multiprocessing.get_context("forkserver")
        modules = ["invigilate.export", "invigilate._http.transport", "invigilate._prefetch", "duckdb", "msgspec"]
        self._context.set_forkserver_preload(modules)

    def run(self, shape: Shape, kills: int) -> None:
        """Kill exports of one kind.

        Raises:
            WrongError: at the first wrong file.
        """
        until, installs = self.kills + kills, list[str]()
        if shape.installs:
            installs = [self.sandbox.other_install_sid, self.sandbox.install_sid]
        source, expected = (shape.spans, installs), dict[str, bytes]()
        with SmarterProctoring(**self.settings) as client:
            for form, own in shape.forms.items():
                undisturbed = self.folder / f"undisturbed.{form}"
                export(source_of(client, *source), undisturbed, overwrite=True, **own)
                expected[form] = undisturbed.read_bytes()
        while self.kills < until:
            form = list(shape.forms)[self.exports % len(shape.forms)]
            self.exports += 1
            folder = self.folder / f"{self.exports}"
            folder.mkdir()
            options = {**shape.forms[form], "overwrite": shape.overwrite}
            self._one(shape, folder / f"report.{form}", (source, options), expected[form], until)
        if (self.folder / "victim").read_bytes() != b"precious":
            raise WrongError("a file was written to through a link")

    def _one(self, shape: Shape, path: Path, arguments: tuple[Any, Any], expected: bytes, until: int) -> None:
        damaged = b""
        for run in range(MOST_RUNS):
            if run:
                self.resumed.add(path.suffix[1:])
            # Most land within the reading, and some when the result is there; one in three, a little after an event,
            # within a write.
            die_at = self._random.choice((self._random.randint(1, shape.events),) * 4 + (-self._random.randint(1, 20),))
            die_at = die_at if self.kills < until and run < shape.most else 0
            code, text = self._run(path, arguments, die_at)
            content = path.read_bytes() if path.exists() else None
            if content not in (None, expected, damaged) or (code == 0 and content != expected):
                raise WrongError(f"export {self.exports}, run {run}: a wrong {path.suffix} file, exit code {code}")
            if code == 0:
                break
            if code == REPORTED:
                self.acted[act(text, path)] += 1
            elif code == -signal.SIGKILL:
                self.kills += 1
                if self._random.random() < 0.5:
                    self.damage.one_of(path.parent)
            else:
                raise WrongError(f"export {self.exports}, run {run}: exit code {code}")
            damaged = path.read_bytes() if path.exists() else b""
        else:
            raise WrongError("an export that does not end")
        # Killed after the last of its rows was removed, an export leaves no more than its lock. A hidden temporary file
        # is left if the state that names it was lost.
        left = {each.name for each in path.parent.rglob("*") if not re.fullmatch(r"\..*\.tmp", each.name)}
        if not left <= {path.name, f"{path.name}.checkpoint", "lock"}:
            raise WrongError(f"export {self.exports}: left behind {sorted(left)}")

    def _run(self, path: Path, arguments: tuple[Any, Any], die_at: int) -> tuple[int | None, str]:
        told, delay = self.folder / "told", self._random.choice((0.0, 0.0, self._random.uniform(0.0, 0.02)))
        given = (self.settings, str(path), *arguments, die_at, delay, str(told))
        process = self._context.Process(target=export_in_process, args=given, daemon=True)
        process.start()
        process.join(60)
        return process.exitcode, told.read_text() if process.exitcode == REPORTED else ""


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description="Kill exports, damage their files, and compare what comes of it.")
    parser.add_argument("--runs", type=int, default=300, metavar="N", help="how many kills there are")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    from invigilate.sandbox import Sandbox

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Sandbox(report_rows=600) as sandbox:
        kills = Kills(sandbox, Path(folder), options.seed)
        for number, shape in enumerate(SHAPES):
            done, exports = kills.kills, kills.exports
            try:
                kills.run(shape, (options.runs - done) // (len(SHAPES) - number))
            except WrongError as error:
                print(f"{shape.name}: {error}")
                return 1
            print(f"{shape.name}: {kills.kills - done} kills, {kills.exports - exports} exports", flush=True)
        defects = len(sandbox.defects)
    damage, acted = (
        ", ".join(f"{n} {name}" for name, n in sorted(c.items())) for c in (kills.damage.done, kills.acted)
    )
    print(f"{kills.kills} kills, {kills.damage.done.total()} followed by damage: {damage}")
    print(f"{kills.acted.total()} errors that said what to do: {acted}")
    print(f"{kills.exports} exports, all with the bytes of undisturbed ones; {time.monotonic() - began:.0f} s")
    return int(defects > 0)


if __name__ == "__main__":
    sys.exit(main())
