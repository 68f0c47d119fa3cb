"""Loads 2,000,000 rows of 200 installs over a slow line: in one process, and with Spark on one and on two workers.

    python -m benchmarks.warehouse [--quick] [--without-spark] [--rows N] [--installs N] [--latency SECONDS]
    python -m benchmarks.warehouse --paper [--rows N] [--installs N] [--cpu SECONDS]

The server (`installs.py`) runs in a process of its own, as do the master, the workers and the driver of Spark, all on
127.0.0.1; each has a time limit. Spark needs `.venv-spark`, which `./scripts/test-spark` creates. `--paper` sends
nothing: it prints how long a load takes, by page size and by requests in flight.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from benchmarks.content import TOKEN
from benchmarks.installs import Installs, install_sids, sizes
from benchmarks.measure import ROOT
from invigilate import SmarterProctoring
from invigilate.export import export

SPARK = ROOT / ".venv-spark" / "bin" / "python"
SLOTS = 2
"""Tasks of a worker that run at once; more than cores is fine, since they wait for the server."""
PATIENCE = 180
"""Seconds that one load may take."""
IN_FLIGHT = (1, 4, 8, 32)


class Load(NamedTuple):
    """One way to load everything, and what it took.

    Attributes:
        title: which way.
        rows: in the result.
        seconds: of the load, without starting processes.
        partitions: rows of each partition; of each file of the result.
        requests: that the server received, also those that plan.
        concurrent: the most requests that the server had at once.
        server: the share of a core that the server used.
        cpu: CPU seconds of this process, if it loads.
    """

    title: str
    rows: int
    seconds: float
    partitions: list[int]
    requests: int
    concurrent: int
    server: float
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds

    @property
    def balance(self) -> float:
        """Rows of the largest partition, to those of the mean one."""
        return max(self.partitions) * len(self.partitions) / sum(self.partitions)


def one_process(server: Installs, installs: int, folder: Path) -> Load:
    """Export a mapping of pagers to Parquet."""
    server.statistics()
    with SmarterProctoring(TOKEN, base_url=server.url) as client:
        pagers = {
            sid: client.for_install(sid).reports.service_distribution(limit=1000) for sid in install_sids(installs)
        }
        started, used = time.monotonic(), time.process_time()
        result = export(pagers, folder / "report.parquet", label="installSid")
        seconds, used = time.monotonic() - started, time.process_time() - used
    load = _load("one process, 8 requests in flight", server, seconds, [result.rows])
    return load._replace(cpu=used)


def _load(title: str, server: Installs, seconds: float, partitions: list[int]) -> Load:
    seen = server.statistics()
    return Load(
        title, sum(partitions), seconds, partitions, seen["requests"], seen["concurrent"], seen["cpu"] / seconds
    )


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """Start a standalone master with workers, and return its URL."""
    home = subprocess.run(
        [str(SPARK), "-c", "import pyspark; print(pyspark.__path__[0])"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"spark://127.0.0.1:{port}"
    processes: list[subprocess.Popen[bytes]] = []

    def launch(name: str, ready: str, *arguments: str) -> None:
        log = folder / f"{name}.log"
        # It ends by itself, even if this process is killed.
        command = ["timeout", str(PATIENCE + 60), f"{home}/bin/spark-class", f"org.apache.spark.deploy.{arguments[0]}"]
        environment = {**os.environ, "SPARK_DAEMON_MEMORY": "256m", "PYSPARK_PYTHON": str(SPARK)}
        with log.open("wb") as output:
            processes.append(
                subprocess.Popen([*command, *arguments[1:]], env=environment, stdout=output, stderr=output)
            )
        end = time.monotonic() + 60
        while ready not in log.read_text(errors="replace"):
            if time.monotonic() > end or processes[-1].poll() is not None:
                raise RuntimeError(f"{name} of Spark did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    try:
        where = ["--host", "127.0.0.1", "--webui-port", "0"]
        launch("master", "I have been elected leader", "master.Master", *where, "--port", str(port))
        for number in range(1, workers + 1):
            room = ["--cores", str(SLOTS), "--memory", "1g", "--work-dir", str(folder / f"worker-{number}")]
            launch(f"worker-{number}", "Successfully registered with master", "worker.Worker", *where, *room, url)
        yield url
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(30)


def spark(server: Installs, installs: int, folder: Path, workers: int) -> Load:
    """Load with Spark on so many workers."""
    title = f"Spark, {workers} worker{'s' if workers > 1 else ''} with {SLOTS} tasks each"
    # Java's temporary files stay in the folder, and no settings of another Spark count.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    environment = {**kept, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": str(SPARK), "SPARK_LOCAL_DIRS": str(folder)}
    with cluster(folder, workers) as master:
        server.statistics()
        target = folder / "report"
        arguments = [master, server.url, str(target), str(workers * SLOTS), str(installs)]
        done = subprocess.run(
            [str(SPARK), "-P", "-m", "benchmarks.warehouse_spark", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{title}: exit code {done.returncode}\n{done.stderr[-3000:]}")
    seconds: float = json.loads(done.stdout.splitlines()[-1])["seconds"]
    partitions = [pq.read_metadata(path).num_rows for path in sorted(target.glob("*.parquet"))]
    return _load(title, server, seconds, partitions)


def show(load: Load, base: Load | None, one_worker: Load | None) -> None:
    """Print one line of the table."""
    speed_up = "" if base is None else f"{load.rate / base.rate:.2f}"
    workers = "" if one_worker is None else f"{load.rate / one_worker.rate:.2f}"
    balance = f"{load.balance:.2f}" if len(load.partitions) > 1 else ""
    print(
        f"  {load.title:<36}{load.seconds:>8.1f}{load.rate:>11,.0f}{speed_up:>10}{workers:>12}"
        f"{len(load.partitions):>7}{balance:>9}{load.requests:>10,}{load.requests / load.seconds:>8.1f}"
        f"{load.concurrent:>9}{load.server:>8.0%}",
        flush=True,
    )


def measure(installs: int, rows: int, latency: float, *, with_spark: bool) -> None:
    """Run all loads, and print a table."""
    each = sizes(installs, rows)
    busy = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    print(
        f"{rows:,} rows of {installs} installs, {each[-1]:,} to {each[0]:,} rows each, in pages of 1,000 at "
        f"{latency * 1e3:.0f} ms; {os.cpu_count()} cores{busy}"
    )
    print(
        f"  {'':<36}{'seconds':>8}{'rows/s':>11}{'speed-up':>10}{'to 1 worker':>12}{'parts':>7}{'balance':>9}"
        f"{'requests':>10}{'per s':>8}{'at once':>9}{'server':>8}",
        flush=True,
    )
    with Installs(installs, rows, latency) as server:
        loads: list[Load] = []

        def run(load: Load) -> None:
            if load.rows != rows:
                raise RuntimeError(f"{load.title} has {load.rows} rows, expected {rows}")
            show(load, loads[0] if loads else None, loads[1] if len(loads) > 1 else None)
            loads.append(load)

        with tempfile.TemporaryDirectory(prefix="invigilate-bench-") as folder:
            run(one_process(server, installs, Path(folder)))
        for workers in (1, 2) if with_spark and SPARK.exists() else ():
            with tempfile.TemporaryDirectory(prefix="invigilate-bench-") as folder:
                run(spark(server, installs, Path(folder), workers))
    if with_spark and not SPARK.exists():
        print("  Spark is left out: there is no .venv-spark; ./scripts/test-spark creates it")
    print(f"One process took {loads[0].cpu / rows * 1e6:.1f} CPU seconds per million rows.")
    print(
        "speed-up: rows per second to those of one process. balance: rows of the largest partition to the mean. "
        "at once: the\nmost requests that the server had at the same time. server: its share of a core."
    )


def paper(installs: int, rows: int, cpu: float) -> None:
    """Print how long a load takes: requests x seconds per response / requests in flight."""
    print(f"{installs:,} installs, {rows:,} rows; hours = requests x seconds per response / requests in flight / 3,600")
    print(f"  {'page size':>9}{'requests':>12}{'response':>10}" + "".join(f"{n:>9} in flight" for n in IN_FLIGHT))
    for page in (50, 100, 1000):
        # The last page of an install is half full on average.
        requests = rows // page + installs // 2
        for response in (0.05, 0.25, 1.0):
            cells = ((requests * response / n / 3600, n / response) for n in IN_FLIGHT)
            shown = "".join(f"{hours:>10.1f} h{rate:>5.0f}/s" for hours, rate in cells)
            print(f"  {page:>9,}{requests:>12,}{response:>8.2f} s{shown}")
    print(f"The client needs {rows / 1e6 * cpu / 3600:.1f} core hours, at {cpu:g} CPU seconds per million rows.")


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="warehouse", description="Loads the reports of many installs.")
    parser.add_argument("--installs", type=int, metavar="N", help="default 200; on paper 1000")
    parser.add_argument("--rows", type=int, metavar="N", help="of all installs, default 2000000; on paper 100000000")
    parser.add_argument("--latency", type=float, default=0.05, metavar="S", help="seconds, default 0.05")
    parser.add_argument("--without-spark", action="store_true", help="one process only")
    parser.add_argument("--quick", action="store_true", help="few rows, to check that it works; not a measurement")
    parser.add_argument("--paper", action="store_true", help="compute how long loads take; sends nothing")
    parser.add_argument("--cpu", type=float, default=5.0, metavar="S", help="on paper: CPU seconds per million rows")
    options = parser.parse_args(arguments)
    if options.paper:
        paper(options.installs or 1000, options.rows or 100_000_000, options.cpu)
        return 0
    installs, rows = (8, 20_000) if options.quick else (200, 2_000_000)
    measure(options.installs or installs, options.rows or rows, options.latency, with_spark=not options.without_spark)
    return 0


if __name__ == "__main__":
    sys.exit(main())
