"""What grows with the number of operations: generating, importing, creating clients, first calls, and the wheel.

    python -m benchmarks.scale [--sizes N ...] [--runs N]

For each size, a copy of this library gets one API and nothing else: the synthetic specification of that many operations
(`tests/support/synthetic.py`), and a client for them. `./scripts/bench scale` prints the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import ROOT, Table
from tests.support.synthetic import document, names

if TYPE_CHECKING:
    from benchmarks.sections import Setting

SIZES = (22, 160, 500, 1_000)
JUDGED = 160
"""The size that `import invigilate` is judged at."""

REGISTRY = """
[synthetic]
title = "Synthetic"
spec = "synthetic"
package = "synthetic_client"
clients = ["Synthetic", "AsyncSynthetic"]
variables.token = "SYNTHETIC_TOKEN"
"""
CLIENT = '''"""The clients."""

from __future__ import annotations

from typing import Any

from invigilate._binding import Async, Lazy, Sync
from invigilate._clients import AsyncClient, BaseClient, SyncClient
from invigilate._credentials import TokenCredentials

from . import resources as r


class _Base(BaseClient):
{resources}

    def __init__(self, token: str, **options: Any) -> None:
        super().__init__(TokenCredentials(token), "https://synthetic.invalid", **options)


class Synthetic(_Base, SyncClient):
    """A client."""


class AsyncSynthetic(_Base, AsyncClient):
    """A client."""
'''
PROGRAMS = {
    "import httpx": "import httpx",
    "import invigilate": "import invigilate",
    "with the class of a client": "from invigilate import Synthetic",
    # What precedes COUNT does not count.
    "the first client": "from invigilate import Synthetic; COUNT; Synthetic('t')",
    "a further client": "from invigilate import Synthetic; Synthetic('t'); COUNT; Synthetic('t')",
    "a view": "from invigilate import Synthetic; c = Synthetic('t'); COUNT; c.with_options(timeout=5)",
    "the first call": (
        "import httpx; from invigilate import Synthetic; "
        "answer = httpx.MockTransport(lambda request: httpx.Response(200, json={'owner': {'name': 'y'}})); "
        "c = Synthetic('t', transport=answer); COUNT; "
        "c.items_0000.create(title='x', owner={'name': 'y'}, folder={'owner': {'name': 'z'}})"
    ),
}
GROWING = ("with the class of a client", "the first client", "a further client", "a view", "the first call")


class Figures(NamedTuple):
    """What was measured at one size.

    Attributes:
        regenerate: seconds.
        seconds: the least of each program.
        wheel: bytes of the package and the library in an archive.
    """

    regenerate: float
    seconds: dict[str, float]
    wheel: int


def measure(sizes: Sequence[int], folder: Path, runs: int) -> dict[int, Figures]:
    """Build the library for each number of operations, and measure all of them in turns.

    Args:
        sizes: the numbers of operations.
        folder: an empty folder.
        runs: how often each program runs, after a first time that compiles.
    """
    trees = {operations: folder / str(operations) for operations in sizes}
    regenerate = {operations: _build(tree, operations, min(runs, 3)) for operations, tree in trees.items()}
    least: dict[int, dict[str, float]] = {operations: {} for operations in sizes}
    for turn in range(runs + 1):
        for name, program in PROGRAMS.items():
            for operations, tree in trees.items():
                seconds = _timed(program, tree)
                if turn:
                    least[operations][name] = min(seconds, least[operations].get(name, seconds))
    return {size: Figures(regenerate[size], least[size], _archived(tree)) for size, tree in trees.items()}


def _build(folder: Path, operations: int, runs: int) -> float:
    """Make a copy of the library with one API, and return the seconds that generating it takes."""
    shutil.copytree(ROOT / "facade", folder / "facade", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "facade" / "invigilate" / "apis.toml").write_text(REGISTRY)
    _write_api(folder / "facade" / "invigilate" / "synthetic", operations)
    spec = folder / "synthetic.json"
    spec.write_text(json.dumps(document(operations)))
    command = [sys.executable, "-m", "regenerator", "--spec", str(spec), "--package", "synthetic_client"]
    command += ["--output", str(folder / "generated")]
    return min(_children(command, ROOT / "scripts") for _ in range(runs))


def _write_api(folder: Path, operations: int) -> None:
    """Write what a person writes for an API: a line for each operation, and for each resource."""
    resources: dict[str, list[str]] = {}
    for tag, module in names(operations):
        resources.setdefault(tag, []).append(module)
    lines = ["from __future__ import annotations\n"]
    lines.append("from invigilate._binding import AsyncRaw, M, RawView, Resource, SyncRaw, operation")
    lines += [f"from synthetic_client.api import {tag}" for tag in resources]
    for tag, modules in resources.items():
        name = tag.title().replace("_", "")
        lines += ["", "", f"class {name}(Resource[M]):", f'    """Resource {tag}."""', ""]
        lines.append(f"    with_raw_response: RawView[{name}[SyncRaw], {name}[AsyncRaw]] = RawView()")
        lines += [f"    {one.split('_')[0]} = operation(lambda: {tag}.{one}.describe)" for one in modules]
    folder.mkdir()
    (folder / "__init__.py").write_text('"""One API."""\n\nfrom .client import AsyncSynthetic, Synthetic\n')
    (folder / "resources.py").write_text("\n".join(lines) + "\n")
    lazy = [
        f"    {tag}: Lazy[r.{name}[Sync], r.{name}[Async]] = Lazy(r.{name})"
        for tag in resources
        for name in [tag.title().replace("_", "")]
    ]
    (folder / "client.py").write_text(CLIENT.replace("{resources}", "\n".join(lazy)))


def _children(command: Sequence[str], path: Path) -> float:
    """Return the seconds that a command takes of the processor, its own processes included."""
    before = os.times()
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(path)}, capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _timed(program: str, folder: Path) -> float:
    """Return the seconds that a program takes in a fresh interpreter, without what precedes COUNT."""
    before, _, counted = program.rpartition("COUNT; ")
    code = f"import time; {before}started = time.perf_counter(); {counted}; print(time.perf_counter() - started)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = os.pathsep.join(str(folder / part) for part in ("facade", "generated"))
    cache = str(folder / "pycache")
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**environment, "PYTHONPATH": path, "PYTHONPYCACHEPREFIX": cache},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return float(done.stdout)


def _archived(folder: Path) -> int:
    """Return the size of what a wheel contains, compressed as in a wheel."""
    path = folder / "content.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in ("facade", "generated"):
            for file in sorted((folder / part).rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(folder / part))
    return path.stat().st_size


def scale(table: Table, setting: Setting) -> None:
    """What grows with the number of operations."""
    _print(table, SIZES if setting.size.memory else SIZES[:2], setting.size.long_turns)


def _print(table: Table, sizes: Sequence[int], runs: int) -> None:
    table.heading("Scale: one API with so many operations; ratios are to the smallest, of imports to `import httpx`")
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        found = measure(sizes, Path(folder), runs)
    print(f"  {'operations':<28}" + "".join(f"{operations:>22,}" for operations in sizes))
    rows = zip(*(_cells(found, operations) for operations in sizes), strict=True)
    for name, row in zip(["regenerate", *PROGRAMS, "wheel"], rows, strict=True):
        print(f"  {name:<28}" + "".join(f"{cell:>22}" for cell in row), flush=True)
    first, last = sizes[0], sizes[-1]
    judged = found.get(JUDGED, found[last]).seconds
    table.at_most(
        f"import invigilate with {JUDGED if JUDGED in found else last} operations, to import httpx",
        judged["import invigilate"] / judged["import httpx"],
        1.0,
    )
    for name in ("a further client", "a view", "the first call"):
        ratio = found[last].seconds[name] / found[first].seconds[name]
        table.at_most(f"{name} with {last:,} operations, to {first:,}", ratio, 1.5)
    if len(sizes) > 2:
        middle = sizes[-2]
        each = (found[last].regenerate - found[middle].regenerate) / (last - middle)
        before = (found[middle].regenerate - found[first].regenerate) / (middle - first)
        what = f"regenerate, each operation from {middle:,} to {last:,}, to each from {first:,} to {middle:,}"
        table.at_most(what, each / before, 1.25)


def _cells(found: dict[int, Figures], operations: int) -> list[str]:
    first, here = found[min(found)], found[operations]
    cells = [f"{here.regenerate:.2f} s ({here.regenerate / first.regenerate:.1f} x)"]
    for name, seconds in here.seconds.items():
        base = first.seconds[name] if name in GROWING else here.seconds["import httpx"]
        cells.append(f"{seconds * 1000:.2f} ms ({seconds / base:.2f} x)")
    return [*cells, f"{here.wheel / 1024:.0f} KiB ({here.wheel / first.wheel:.1f} x)"]


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measures what grows with the number of operations.")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="N", help="how many operations")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="of each program, default 7")
    options = parser.parse_args(arguments)
    table = Table()
    _print(table, sorted(options.sizes), options.runs)
    return 0 if table.summary(judge=True) else 1


if __name__ == "__main__":
    sys.exit(main())
