"""Peak memory, time and CPU of exports of 100,000 and of 1,000,000 rows to JSON Lines, CSV and Parquet.

    python benchmarks/export_memory.py [--rows N N] [--formats jsonl csv parquet]

Each export runs in a process of its own. The report comes from a server in another one, which hands out canned pages:
the sandbox, which checks everything, is too slow for a million rows. Peak memory is that of the process as the system
counts it, Python and all libraries included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import socketserver
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from invigilate import SmarterProctoring
from invigilate.export import export

WANTED = 30.0
"""The larger export needs at most this many MiB more than the smaller one."""

INSTALL = "AI" + "0" * 32
PAGE = 1000
FORMATS = ["jsonl", "csv", "parquet"]
_PLACE = "77777777"


def canned(number: int) -> dict[str, Any]:
    """A row; the place of its page is written over when it is sent."""
    day, person = number % 28 + 1, number % 97
    closed = number % 3 == 0
    return {
        "sid": f"ES{_PLACE}{number:024x}",
        "status": "Closed" if closed else "Scheduled",
        "statusReason": "Completed" if closed else None,
        "billable": number % 5 != 0,
        "schedulingModule": "smarter-scheduling",
        "workflowModule": "automated",
        "appointmentDate": f"2026-03-{day:02}T15:30:00.000Z",
        "dateClosed": f"2026-03-{day:02}T17:30:00.{number % 1000:03}Z" if closed else None,
        "dateCancelled": None,
        "exam": {"sid": f"EX{number % 40:032x}", "title": f"Midterm exam {number % 40}"},
        "course": {"sid": f"CU{number % 20:032x}", "title": "Introduction to Statistics", "code": f"STA-{number % 20}"},
        "user": {"sid": f"US{person:032x}", "firstName": f"Ada {person}", "email": f"person{person}@example.com"},
        "courseOffering": {"sid": "CO" + "0123456789abcdef" * 2, "title": "Fall 2026"},
        "serviceType": "automated",
    }


class Pages(socketserver.StreamRequestHandler):
    """Answers each request on a connection with a page."""

    disable_nagle_algorithm = True
    rows: bytes = json.dumps([canned(number) for number in range(PAGE)], separators=(",", ":")).encode()
    total = 0

    def handle(self) -> None:
        """Serve a connection."""
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            asked = dict(re.findall(rb"[?&](offset|limit)=(\d+)", line))
            offset, limit = int(asked.get(b"offset", 0)), int(asked.get(b"limit", PAGE))
            count = min(limit, PAGE, self.total - offset)
            rows = self.rows
            if count < PAGE:
                rows = json.dumps([canned(number) for number in range(count)]).encode()
            # Pages begin at multiples of their size, so no SID comes twice.
            rows = rows.replace(_PLACE.encode(), b"%08x" % offset)
            body = b'{"total":%d,"count":%d,"offset":%d,"results":%s}' % (self.total, count, offset, rows)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.wfile.write(head + body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve(total: int, told: Any) -> None:
    """Serve a report until the process is ended."""
    Pages.total = total
    with _Server(("127.0.0.1", 0), Pages) as server:
        told.send(server.server_address[1])
        server.serve_forever()


def peak() -> float:
    """The largest amount of memory that this process had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says may be that of the process that started this one.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) / 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def measure(port: int, form: str, told: Any) -> None:
    """Export once, and tell rows, seconds, seconds of CPU, MiB at the peak, the size of the file, and warnings."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SmarterProctoring("token", INSTALL, base_url=f"http://127.0.0.1:{port}") as client,
    ):
        path = Path(folder) / f"report.{form}"
        started, used = time.perf_counter(), time.process_time()
        result = export(client.reports.service_distribution(limit=PAGE), path)
        seconds, used = time.perf_counter() - started, time.process_time() - used
        told.send((result.rows, seconds, used, peak(), path.stat().st_size, len(result.warnings)))


def in_process(work: Any, *arguments: Any) -> tuple[Any, Any]:
    """Start work in a process of its own; return the process and its first line."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours.recv()


def main() -> int:
    """Measure and print; 1 if more memory is needed than wanted."""
    parser = argparse.ArgumentParser(description="Peak memory and speed of exports.")
    parser.add_argument("--rows", type=int, nargs=2, default=[100_000, 1_000_000], metavar="N")
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    options = parser.parse_args()
    failed = False
    for form in options.formats:
        peaks: list[float] = []
        for total in options.rows:
            server, port = in_process(serve, total)
            process, (rows, seconds, used, most, size, odd) = in_process(measure, port, form)
            process.join()
            server.terminate()
            server.join()
            if rows != total or odd:
                sys.exit(f"{form}: {rows} rows of {total}, {odd} warnings")
            peaks.append(most)
            print(
                f"{form:<8}{rows:>10,} rows  {seconds:7.2f} s  {used:7.2f} s of CPU  {rows / seconds:>9,.0f} rows/s  "
                f"peak {most:7.1f} MiB  file {size / (1 << 20):7.1f} MiB",
                flush=True,
            )
        more = peaks[-1] - peaks[0]
        failed = failed or more > WANTED
        print(f"{form:<8}the larger one needs {more:+.1f} MiB, at most {WANTED:+.1f} wanted", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
