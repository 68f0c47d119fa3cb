"""The benchmark of importing runs. What it measures is no matter of a test: machines differ, and are busy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "import_time.py"


def test_the_benchmark_prints_its_lines() -> None:
    command = [sys.executable, str(BENCHMARK), "--runs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    starts = [
        "import httpx ",
        "import invigilate ",
        "httpx.Client() ",
        "SmarterProctoring() ",
        "import invigilate / import httpx: ",
        "SmarterProctoring() / httpx.Client(): ",
    ]
    assert len(lines) == len(starts)
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True))


def test_importing_leaves_the_optional_parts_alone() -> None:
    # The sandbox, its libraries and the tools of this repository would cost many times as much.
    program = (
        "import sys, invigilate; "
        "heavy = {'openapi_core', 'yaml', 'rich', 'pydantic', 'invigilate.sandbox', 'dateutil', 'trio', 'asyncio'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
