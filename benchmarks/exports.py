"""The section `exports`: CPU time of exports, compared with the program in `limit.py`, and of reading the same rows.

    python -m benchmarks.exports CANDIDATE speed URL

runs one candidate in a process of its own, as `worker.py` does: a job is a line of JSON on standard input, its result a
line on standard output. What counts is the CPU time of the process, user and system, with all its threads.
"""

from __future__ import annotations

import contextlib
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.content import INSTALL_SID, TOKEN
from benchmarks.measure import Table, Worker, in_turns
from benchmarks.server import Server

if TYPE_CHECKING:
    from benchmarks.sections import Setting

LIMIT, TWIN = "httpx + msgspec + DuckDB", "httpx + msgspec + DuckDB, again"
ALONE = "the same, one request at a time"
OURS = "invigilate"
FORMS = {"jsonl": ("JSON Lines", 1.3), "csv": ("CSV", 1.5), "parquet": ("Parquet", 1.5)}

Job = Callable[[Path], int]
AT_ONCE = 8


def limit_job(url: str, at_once: int = AT_ONCE) -> Job:
    """The limit: files by `limit.py`, and record batches by DuckDB from its JSON Lines."""
    import duckdb
    import httpx

    from benchmarks import limit

    client = httpx.Client(base_url=url, headers={"token": TOKEN})
    connection: Any = duckdb.connect()

    def job(path: Path) -> int:
        if path.suffix == ".typed":
            raise ValueError("the limit has no typed rows")
        if path.suffix != ".arrow":
            return (limit.jsonl if path.suffix == ".jsonl" else limit.table)(client, path, at_once)
        lines = path.with_suffix(".jsonl")
        limit.jsonl(client, lines, at_once)
        batches = connection.sql(f"SELECT * FROM read_json('{lines}')").to_arrow_reader(1000)
        return sum(batch.num_rows for batch in batches)

    return job


def invigilate_job(url: str) -> Job:
    """This library: exports, record batches, and typed rows."""
    from invigilate import SmarterProctoring

    client = SmarterProctoring(TOKEN, INSTALL_SID, base_url=url)

    def job(path: Path) -> int:
        pager = client.reports.service_distribution(limit=1000)
        if path.suffix == ".typed":
            return sum(1 for _ in pager)
        if path.suffix == ".arrow":
            return sum(batch.num_rows for batch in pager.record_batches())
        return pager.export(path).rows

    return job


CANDIDATES: dict[str, Callable[[str], Job]] = {
    "limit": limit_job,
    "alone": partial(limit_job, at_once=1),
    "invigilate": invigilate_job,
}


def work(job: Job, form: str) -> dict[str, Any]:
    """Run a job; return its CPU seconds and the number of rows that it wrote or read."""
    with tempfile.TemporaryDirectory(prefix="invigilate-bench-") as folder:
        path = Path(folder) / f"report.{form}"
        gc.collect()
        started = time.process_time()
        rows = job(path)
        seconds = time.process_time() - started
        if path.exists():
            import duckdb

            written = duckdb.connect().execute(f"SELECT count(*) FROM '{path}'").fetchone()
            if written != (rows,):
                raise RuntimeError(f"{path.name} has {written} rows, expected {rows}")
    return {"seconds": seconds, "rows": rows}


def exports(table: Table, setting: Setting) -> None:
    """CPU time of exports, to the limit."""
    number = setting.size.exported
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(number))
        limit, ours, twin, alone = (
            stack.enter_context(Worker(title, name, server.url, speed=True, module="benchmarks.exports"))
            for title, name in ((LIMIT, "limit"), (OURS, "invigilate"), (TWIN, "limit"), (ALONE, "alone"))
        )

        def seconds(workers: list[Worker], form: str) -> Any:
            return in_turns(workers, {"form": form, "rows": number}, setting.size.exports)

        what = f"{number:,} rows in pages of 1,000"
        typed = seconds([ours], "typed")[OURS]
        for form, (name, most) in FORMS.items():
            times = seconds([limit, ours, twin, alone], form)
            table.heading(f"Export of {what} to {name}: CPU time")
            ratios = table.block({**times, "invigilate, typed rows, no file": typed}, LIMIT, "ms", 1e3, TWIN)
            table.at_most(f"export of {what} to {name}, CPU to the limit", ratios[OURS], most)
        times = seconds([limit, ours, twin], "arrow")
        table.heading(f"Record batches of {what}: CPU time")
        table.block(times, LIMIT, "ms", 1e3, TWIN)


def main() -> None:
    """Do jobs until standard input ends."""
    job = CANDIDATES[sys.argv[1]](sys.argv[3])
    for line in sys.stdin:
        print(json.dumps(work(job, json.loads(line)["form"])), flush=True)


if __name__ == "__main__":
    main()
