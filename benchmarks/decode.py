"""What decoding a report row from bytes costs, as a multiple of `json.loads` alone.

    python benchmarks/decode.py [--rounds N]

Compared with the generated package is what the same generator makes of the same specification with its own templates;
it is made on the fly, in a temporary folder. Rounds of all candidates take turns, so that what else the machine does
falls on all alike, and the medians are compared.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smarterproctoring_client.models.service_distribution_page import ServiceDistributionPage
from smarterproctoring_client.models.service_distribution_row import ServiceDistributionRow

SPEC = Path(__file__).resolve().parents[1] / "openapi" / "smarterproctoring.yaml"
WANTED = 1.35
"""Decoding a row takes at most this many times as long as `json.loads` of its bytes."""

ROW: dict[str, Any] = {
    "sid": "ES" + "0123456789abcdef" * 2,
    "status": "Closed",
    "statusReason": "Completed",
    "billable": True,
    "schedulingModule": "smarter-scheduling",
    "workflowModule": "automated",
    "appointmentDate": "2026-03-04T15:30:00.000Z",
    "dateClosed": "2026-03-04T17:30:00.000Z",
    "dateCancelled": None,
    "exam": {"sid": "EX" + "0123456789abcdef" * 2, "title": "Midterm exam"},
    "course": {"sid": "CU" + "0123456789abcdef" * 2, "title": "Introduction to Statistics"},
    "user": {"sid": "US" + "0123456789abcdef" * 2, "firstName": "Ada", "lastName": "Lovelace", "externalId": "1234"},
    "courseOffering": {"sid": "CO" + "0123456789abcdef" * 2, "title": "Fall 2026"},
    "serviceType": "automated",
}
SHAPES: dict[str, Any] = {
    "a row, all members present": ROW,
    "a row, two missing": {key: value for key, value in ROW.items() if key not in {"dateClosed", "dateCancelled"}},
    "a row, one more": {**ROW, "later": "x"},
    "a page of 100 rows": {"total": 100, "count": 100, "offset": 0, "results": [ROW] * 100},
}


def stock(folder: Path) -> tuple[Any, Any]:
    """The row and the page of a package made with the generator's own templates."""
    (folder / "config.yaml").write_text("post_hooks: []\npackage_name_override: stock_client\n", encoding="utf-8")
    command = ["generate", "--path", str(SPEC), "--meta", "none", "--config", str(folder / "config.yaml")]
    subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *command, "--output-path", str(folder / "stock_client")],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    sys.path.insert(0, str(folder))
    models = importlib.import_module("stock_client.models")
    return models.ServiceDistributionRow, models.ServiceDistributionPage


def once(decode: Callable[[bytes], Any], content: bytes, number: int) -> float:
    """Microseconds of one decoding, over a number of them."""
    started = time.perf_counter()
    for _ in range(number):
        decode(content)
    return (time.perf_counter() - started) / number * 1e6


def compare(value: Any, ours: Any, theirs: Any, rounds: int) -> dict[str, float]:
    """Medians of all candidates for one shape, in microseconds."""
    content = json.dumps(value).encode()
    loads, read, read_stock = json.loads, ours.from_dict, theirs.from_dict
    assert read(loads(content)).to_dict() == value, "decoding lost something"
    candidates: dict[str, Callable[[bytes], Any]] = {
        "json.loads alone": loads,
        "json.loads + this package": lambda text: read(loads(text)),
        "json.loads + stock": lambda text: read_stock(loads(text)),
    }
    number = max(1, 2_000_000 // len(content) // 4)
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, decode in candidates.items():
            times[name].append(once(decode, content, number))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compares what decoding a report row and json.loads take.")
    parser.add_argument("--rounds", type=int, default=25, metavar="N", help="of each candidate, default 25")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        stock_row, stock_page = stock(Path(folder))
        for shape, value in SHAPES.items():
            page = "results" in value
            ours = ServiceDistributionPage if page else ServiceDistributionRow
            medians = compare(value, ours, stock_page if page else stock_row, rounds)
            alone = medians["json.loads alone"]
            print(f"{shape} ({len(json.dumps(value))} bytes)")
            for name, microseconds in medians.items():
                wanted = f", at most {WANTED} wanted" if "this package" in name and not page else ""
                print(f"  {name:<26}{microseconds:9.2f} µs {microseconds / alone:6.2f}{wanted}")


if __name__ == "__main__":
    main()
