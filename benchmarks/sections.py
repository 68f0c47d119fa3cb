"""What is measured: one function for each section of the table."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import callers, import_time
from benchmarks.content import encoded, page, rows
from benchmarks.exports import exports
from benchmarks.measure import ROOT, Table, Worker, in_turns
from benchmarks.peers import Peer
from benchmarks.scale import scale
from benchmarks.server import Server

BASE, SPEED = "invigilate", "invigilate[speed]"
ASYNC, ASYNC_SPEED = "invigilate, async", "invigilate[speed], async"
HTTPX, TWIN, ASYNC_HTTPX = "httpx + json.loads", "httpx + json.loads, again", "httpx + json.loads, async"
LOADS, LOADS_TWIN = "json.loads alone", "json.loads alone, again"
MILLISECONDS, MICROSECONDS = 1e3, 1e6

LATENCY = 0.05
AHEAD = 8

CALL_LATENCY = 0.005


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        turns: how often each candidate takes its turn in what takes milliseconds.
        long_turns: the same in what takes up to a second.
        waits: the same in what waits for seconds.
        row_repeats: how often a row is decoded in a turn.
        page_repeats: how often a page is.
        calls: how many small calls are made in a turn.
        in_flight: how often a client takes its turn with so many calls in flight, and how many calls a turn has.
        rows: of the report without latency.
        slow_rows: of the report with latency.
        exports: how often an export is run.
        exported: how many rows it has.
        memory: whether exports are measured, which takes minutes.
    """

    turns: int
    long_turns: int
    waits: int
    row_repeats: int
    page_repeats: int
    calls: int
    in_flight: dict[int, tuple[int, int]]
    rows: int
    slow_rows: int
    exports: int
    exported: int
    memory: bool


# Many short turns: the least times are those that nothing interrupted.
FULL = Size(
    60, 9, 3, row_repeats=1_000, page_repeats=15, calls=50, in_flight={1: (10, 40), 8: (6, 240), 64: (5, 800)},
    rows=60_000, slow_rows=5_000, exports=6, exported=200_000, memory=True,
)  # fmt: skip
QUICK = Size(
    1, 1, 1, row_repeats=20, page_repeats=1, calls=5, in_flight={1: (1, 2), 8: (1, 8), 64: (1, 64)},
    rows=600, slow_rows=500, exports=1, exported=2_000, memory=False,
)  # fmt: skip


class Setting(NamedTuple):
    """With whom, and how much.

    Attributes:
        peers: the clients of other generators.
        size: how much is measured.
        folder: where something may be written that is kept.
    """

    peers: list[Peer]
    size: Size
    folder: Path


@contextlib.contextmanager
def _workers(*workers: Worker) -> Iterator[list[Worker]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(worker) for worker in workers]


def _peers(setting: Setting, url: str = "http://127.0.0.1:9") -> list[Worker]:
    return [Worker(peer.name, peer.name, url, python=peer.python, path=peer.path) for peer in setting.peers]


def decode(table: Table, setting: Setting) -> None:
    """Bytes to typed rows."""
    row = rows(1)[0]
    shapes = {
        "a row, all fields present": encoded(row),
        "a row, two fields missing": encoded({key: row[key] for key in row if key not in {"exam", "dateClosed"}}),
        "a row, one field more": encoded({**row, "later": "x"}),
        "a page of 100 rows": page([encoded(each) for each in rows(100)], 0, 100),
    }
    worst = {BASE: 0.0, SPEED: 0.0}
    with (
        tempfile.TemporaryDirectory() as folder,
        _workers(
            Worker(LOADS, "httpx"),
            Worker(BASE, "invigilate"),
            Worker(SPEED, "invigilate", speed=True),
            *_peers(setting),
            Worker("msgspec, typed structs", "msgspec", speed=True),
            Worker(LOADS_TWIN, "httpx"),
        ) as workers,
    ):
        for shape, content in shapes.items():
            path = Path(folder) / "content.json"
            path.write_bytes(content)
            whole = "page" in shape
            repeats = setting.size.page_repeats if whole else setting.size.row_repeats
            job = {"kind": "page" if whole else "row", "file": str(path), "number": repeats}
            times = in_turns(workers, job, setting.size.turns)
            table.heading(f"Bytes to typed rows: {shape}, {len(content):,} bytes")
            ratios = table.block(times, LOADS, "µs", MICROSECONDS, LOADS_TWIN)
            for title in worst:
                worst[title] = max(worst[title], ratios[title])
    table.at_most("bytes to typed rows, the worst shape, to json.loads alone", worst[BASE], 1.35)
    table.at_most("the same with [speed]", worst[SPEED], 1.0)


def report(table: Table, setting: Setting) -> None:
    """A whole report without latency, over one connection."""
    number = setting.size.rows
    peers = [peer.name for peer in setting.peers]
    with (
        Server(number) as server,
        _workers(
            Worker(HTTPX, "httpx", server.url),
            Worker(BASE, "invigilate", server.url),
            Worker(SPEED, "invigilate", server.url, speed=True),
            *_peers(setting, server.url),
            Worker(ASYNC_HTTPX, "httpx, async", server.url),
            Worker(ASYNC, "invigilate, async", server.url),
            Worker(ASYNC_SPEED, "invigilate, async", server.url, speed=True),
            Worker(TWIN, "httpx", server.url),
        ) as workers,
    ):
        for limit in (100, 1000):
            job = {"kind": "report", "limit": limit, "ahead": 1, "rows": number}
            times = in_turns(workers, job, setting.size.long_turns)
            what = f"{number:,} rows in pages of {limit:,}"
            table.heading(f"{what}, no latency, one connection")
            ratios = table.block(times, HTTPX, "ms", MILLISECONDS, TWIN)
            table.at_most(f"{what}, to httpx with json.loads", ratios[BASE], 1.35)
            table.at_most("the same with [speed]", ratios[SPEED], 1.0)
            async_base, async_speed = (ratios[title] / ratios[ASYNC_HTTPX] for title in (ASYNC, ASYNC_SPEED))
            table.at_most("the same, async to async", async_base, 1.35)
            table.at_most("the same, async to async, with [speed]", async_speed, 1.0)
            _ahead_of(table, {peer: ratios[peer] / ratios[BASE] for peer in peers}, 1.0)


def _ahead_of(table: Table, times_faster: dict[str, float], wanted: float) -> None:
    for peer, faster in times_faster.items():
        limit = f"at least {wanted:g} x faster than {peer}" if wanted > 1 else f"ahead of {peer}"
        table.goal(f"the same, {limit}", f"{faster:.2f} x", faster >= wanted if wanted > 1 else faster > wanted)


def latency(table: Table, setting: Setting) -> None:
    """A whole report at 50 ms latency, with pages in flight."""
    number = setting.size.slow_rows
    pages = -(-number // 100)
    # The first page says how many there are; then so many at a time.
    limit = LATENCY * (1 + -(-(pages - 1) // AHEAD))
    ours, ours_async = f"invigilate, prefetch({AHEAD})", f"invigilate, async, prefetch({AHEAD})"
    with (
        Server(number, LATENCY) as server,
        _workers(
            Worker(ours, "invigilate", server.url),
            Worker(ours_async, "invigilate, async", server.url),
        ) as ahead,
        _workers(
            Worker(HTTPX, "httpx", server.url),
            Worker(BASE, "invigilate", server.url),
            *_peers(setting, server.url),
            Worker(TWIN, "httpx", server.url),
        ) as one_by_one,
    ):
        job = {"kind": "report", "limit": 100, "ahead": AHEAD, "rows": number}
        times = in_turns(ahead, job, setting.size.long_turns)
        times |= in_turns(one_by_one, {**job, "ahead": 1}, setting.size.waits)
    what = f"{number:,} rows in pages of 100 at {LATENCY * MILLISECONDS:.0f} ms"
    table.heading(f"{what}, {AHEAD} in flight; the limit is {limit * MILLISECONDS:.0f} ms")
    ratios = table.block(times, HTTPX, "ms", MILLISECONDS, TWIN)
    for title in (ours, ours_async):
        table.at_most(f"{what}, {title}, to the limit", times[title].least / limit, 1.3)
        faster = {peer.name: ratios[peer.name] / ratios[title] for peer in setting.peers}
        _ahead_of(table, {HTTPX: 1 / ratios[title], **faster}, 5.0)


def small(table: Table, setting: Setting) -> None:
    """One small call."""
    with (
        Server(1) as server,
        _workers(
            Worker(HTTPX, "httpx", server.url),
            Worker(BASE, "invigilate", server.url),
            Worker(SPEED, "invigilate", server.url, speed=True),
            *_peers(setting, server.url),
            Worker(ASYNC_HTTPX, "httpx, async", server.url),
            Worker(ASYNC, "invigilate, async", server.url),
            Worker(TWIN, "httpx", server.url),
        ) as workers,
    ):
        times = in_turns(workers, {"kind": "small", "number": setting.size.calls}, setting.size.turns)
    table.heading("One small call: the settings of an install")
    ratios = table.block(times, HTTPX, "µs", MICROSECONDS, TWIN)
    table.at_most("one small call, to the same by httpx alone", ratios[BASE], 1.15)
    table.at_most("the same, async to async", ratios[ASYNC] / ratios[ASYNC_HTTPX], 1.15)


def otel(table: Table, setting: Setting) -> None:
    """One small call, traced and not."""
    with (
        Server(1) as server,
        _workers(
            Worker(BASE, "invigilate", server.url),
            Worker("instrument(), no SDK", "instrumented", server.url),
            Worker("instrument(), SDK", "traced", server.url),
            Worker(f"{BASE}, again", "invigilate", server.url),
        ) as workers,
    ):
        times = in_turns(workers, {"kind": "small", "number": setting.size.calls}, setting.size.turns)
    table.heading("One small call, with invigilate.otel and without")
    table.block(times, BASE, "µs", MICROSECONDS, f"{BASE}, again")


def connections(table: Table, setting: Setting) -> None:
    """Many small calls at once: what they take of the client's processor, apart from waiting."""
    with Server(1, CALL_LATENCY) as server:
        _in_flight(table, setting, server.url, callers.THREADED, "thread", {1: 1.0, 8: 1.0, 64: 2.0})
        _in_flight(table, setting, server.url, callers.ASYNC, "asyncio task", {1: 1.0, 8: 1.0, 64: 4.0})


def _in_flight(
    table: Table, setting: Setting, url: str, clients: Iterable[str], unit: str, goals: dict[int, float]
) -> None:
    base, ours, *_ = clients
    with _workers(*(Worker(name, name, url, module="benchmarks.callers") for name in clients)) as workers:
        for number, (turns, calls) in setting.size.in_flight.items():
            times = in_turns(workers, {"number": calls, "in_flight": number, "rows": calls}, turns)
            who = f"at {CALL_LATENCY * MILLISECONDS:.0f} ms by {number} {unit}{'s' if number > 1 else ''}"
            table.heading(f"Small calls {who}: calls per CPU second of the client")
            ratios = table.rates(times, base)
            table.at_least(f"small calls {who}, calls per CPU second, to httpx", ratios[ours], goals[number])


def importing(table: Table, setting: Setting) -> None:
    """What importing takes."""
    times = import_time.compare(setting.size.long_turns, setting.folder / "pycache")
    table.heading("Importing, and making a client, in a fresh interpreter")
    ratios = table.block(times, "import httpx", "ms", MILLISECONDS)
    table.at_most("import invigilate, to import httpx", ratios["import invigilate"], import_time.WANTED)


def memory(table: Table, setting: Setting) -> None:
    """What an export of a million rows needs."""
    script = ROOT / "benchmarks" / "export_memory.py"
    if not setting.size.memory or not script.exists():
        return
    table.heading("Exports: peak memory, and speed")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    print("\n".join(f"  {line}" for line in done.stdout.splitlines()), flush=True)
    found = re.findall(r"^(\w+) .* needs ([+-][\d.]+) MiB, at most \+?([\d.]+)", done.stdout, re.MULTILINE)
    for name, more, most in found:
        what = f"a million rows to {name}: at most {float(most):g} MiB above 100,000 rows"
        table.goal(what, f"{more} MiB", float(more) <= float(most))
    if done.returncode and not found:
        table.goal("exports", f"exit code {done.returncode}", False)
        print(done.stderr, file=sys.stderr)


SECTIONS = {
    "decode": decode,
    "report": report,
    "latency": latency,
    "small": small,
    "otel": otel,
    "connections": connections,
    "exports": exports,
    "import": importing,
    "scale": scale,
    "memory": memory,
}
