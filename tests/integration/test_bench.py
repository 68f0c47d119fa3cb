"""The benchmarks run, and all come to the same rows. What they measure is not tested: machines are busy."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from benchmarks import peers
from benchmarks.content import REPORT, SETTINGS, SPEC, rows
from benchmarks.installs import Installs, install_sids, sizes
from benchmarks.measure import Table, Times
from benchmarks.server import Server

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({} if path is None else {"PATH": path})}
    command = [sys.executable, "-P", "-m", "benchmarks", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_sections_run_and_print_their_figures(tmp_path: Path) -> None:
    # Importing is run by a test of its own.
    sections = ["decode", "report", "latency", "small", "connections", "exports", "otel"]
    done = bench(*sections, "--quick", "--without-java", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    blocks = done.stdout.split("\n\n")
    headings = [block.splitlines()[0] for block in blocks[1:]]
    assert [heading for heading in headings if heading.startswith("Bytes to typed rows")] == headings[:4]
    assert [heading.split(",")[0].split(":")[0] for heading in headings[4:]] == [
        "600 rows in pages of 100",
        "600 rows in pages of 1",
        "500 rows in pages of 100 at 50 ms",
        "One small call",
        *(f"Small calls at 5 ms by {number}" for number in ("1 thread", "8 threads", "64 threads")),
        *(f"Small calls at 5 ms by {number}" for number in ("1 asyncio task", "8 asyncio tasks", "64 asyncio tasks")),
        *["Export of 2"] * 3,
        "Record batches of 2",
        "One small call",
        "Goals",
        "Noise",
    ]
    for block in blocks[1:-2]:
        lines = block.splitlines()[2:]
        figures = [re.fullmatch(r"  (.{33}) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)(  noise)?", line) for line in lines]
        assert all(figures), block
        # Each took some time, and one of them is what the others are compared with.
        assert all(float(found[2]) > 0 for found in figures if found), block
        assert any(found[4] == "1.00" for found in figures if found), block
    decoding = {line[2:35].strip() for line in blocks[1].splitlines()[2:]}
    assert {"json.loads alone", "invigilate", "invigilate[speed]", "stock", "msgspec, typed structs"} <= decoding
    goals = blocks[-2].splitlines()[1:]
    assert len(goals) > 15
    assert all(line.endswith("not judged") for line in goals)
    # The page that explains the table has the goals that are printed, each as met.
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    explained = page[page.index("\nGoals\n") :].split("\n\n")[0].splitlines()[2:]

    def goal(line: str) -> str:
        return re.sub(r"[\d,]+", "N", re.split(r"\s{2,}", line.strip())[0])

    wording = [goal(line) for line in explained if "openapi-generator" not in line]
    assert wording[: len(goals)] == list(map(goal, goals))
    assert all(line.endswith("  met") for line in explained)
    # At 50 ms, pages in flight are faster on any machine.
    latency = {line[2:35].strip(): float(line[36:].split()[0]) for line in blocks[7].splitlines()[2:]}
    assert latency["invigilate, prefetch(8)"] < latency["invigilate"]
    assert latency["invigilate"] > 250


def test_without_java_it_fails_with_a_message(tmp_path: Path) -> None:
    done = bench("decode", "--quick", "--folder", str(tmp_path), path=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "bench: no java found: openapi-generator needs Java 17 or later; --without-java leaves it out\n"
    )


def test_an_old_java_is_not_tried(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    done = bench("decode", "--quick", "--folder", str(tmp_path), path=f"{tmp_path}:{os.defpath}")
    assert done.returncode == 2
    assert "java is version 11.0.2" in done.stderr


def test_an_unknown_section_is_refused() -> None:
    done = bench("speed")
    assert done.returncode == 2
    sections = "decode, report, latency, small, otel, connections, exports, import, scale, memory"
    assert f"no section is called speed; there are {sections}" in done.stderr


def warehouse(*arguments: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "benchmarks.warehouse", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_a_load_of_many_installs_is_measured() -> None:
    title, _, line, cpu, *_ = warehouse("--quick", "--without-spark")
    assert title.startswith("20,000 rows of 8 installs, 920 to 7,359 rows each, in pages of 1,000 at 50 ms")
    found = re.fullmatch(
        r"  one process, 8 requests in flight +([\d.]+) +([\d,]+) +1 +(\d+) +[\d.]+ +(\d+) +\d+%", line
    )
    assert found, line
    seconds, rate, requests, most = (float(each.replace(",", "")) for each in found.groups())
    assert rate * seconds == pytest.approx(20_000, rel=0.1)
    # Each install has its pages, and no page is requested twice.
    assert requests == sum(-(-rows // 1000) for rows in sizes(8, 20_000))
    assert 2 <= most <= 8
    assert re.fullmatch(r"One process took [\d.]+ CPU seconds per million rows\.", cpu)


def test_loads_on_paper_are_computed() -> None:
    lines = warehouse("--paper", "--installs", "10", "--rows", "720000", "--cpu", "5")
    cells = next(line.split() for line in lines if line.startswith("      1,000"))
    # 725 requests of 50 ms, one after the other, at 20 a second, take 36 seconds.
    assert cells[:6] == ["1,000", "725", "0.05", "s", "0.0", "h"]
    assert cells[6] == "20/s"
    slow = [line.split() for line in lines if line.startswith("         50")][-1]
    assert slow[1] == "14,405"
    assert float(slow[4]) == pytest.approx(14_405 / 3600, abs=0.05)


def test_the_server_of_many_installs_takes_half_open_bounds() -> None:
    middle = "2026-07-01T12:00:00Z"
    with Installs(3, 5000, 0.0) as server:
        url = f"{server.url}/v1/installs/{install_sids(3)[0]}/reports/serviceDistribution?limit=1000"
        whole = get(url)["total"]
        low, high = (get(f"{url}&appointmentDate{bound}={middle}") for bound in ("Before", "After"))
        assert whole == sizes(3, 5000)[0] == int(str(low["total"])) + int(str(high["total"]))
        results: Any = high["results"]
        assert results[0]["appointmentDate"] >= "2026-07-01T12:00:00.000Z"
        assert len({row["sid"] for row in results}) == 1000
        seen = server.statistics()
        assert (seen["requests"], seen["concurrent"]) == (3, 1)
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            get(f"{server.url}/else")
        refused.value.close()


def test_goals_are_judged_by_the_least_times(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table()
    times = {"base": Times(2.0, 3.0), "ours": Times(2.6, 9.0), "base, again": Times(2.1, 3.0)}
    ratios = table.block(times, "base", "s", 1, "base, again")
    assert ratios == {"base": 1.0, "ours": 1.3, "base, again": 1.05}
    table.at_most("ours", ratios["ours"], 1.35)
    assert table.summary(judge=True)
    table.at_most("ours, stricter", ratios["ours"], 1.2)
    assert not table.summary(judge=True)
    said = capsys.readouterr().out
    assert re.search(r"^  ours: at most 1.35 x +1.30 x  met$", said, re.MULTILINE)
    assert re.search(r"^  ours, stricter: at most 1.2 x +1.30 x  NOT MET$", said, re.MULTILINE)
    assert "differed by up to 5%" in said


def test_a_peer_is_made_once_and_anew_when_the_specification_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "spec.yaml"
    shutil.copyfile(SPEC, spec)
    monkeypatch.setattr("benchmarks.peers.SPEC", spec)
    made = peers.stock(tmp_path).path / "stock_client" / "__init__.py"
    before = made.stat().st_mtime_ns
    peers.stock(tmp_path)
    assert made.stat().st_mtime_ns == before
    spec.write_text(spec.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    peers.stock(tmp_path)
    assert made.stat().st_mtime_ns > before


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=10) as response:
        found: dict[str, object] = json.load(response)
        return found


def test_the_server_responds_as_documented() -> None:
    with Server(250) as server:
        page = get(f"{server.url}{REPORT}?offset=200&limit=100")
        assert page["results"] == rows(250)[200:]
        assert (page["total"], page["count"], page["offset"], page["next"]) == (250, 50, 200, None)
        assert page["prev"] == f"{REPORT}?offset=100&limit=100"
        assert "defaultTimezone" in get(server.url + SETTINGS)
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            get(f"{server.url}/else")
        refused.value.close()


def test_the_pinned_requirements_are_hashed() -> None:
    text = (ROOT / "benchmarks" / "openapi-generator.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^(\S+)==\S+ \\\n    --hash=sha256:", text, re.MULTILINE)
    wanted = re.findall(r"^([\w-]+)", (ROOT / "benchmarks" / "openapi-generator.in").read_text(encoding="utf-8"), re.M)
    assert set(wanted) <= set(pins)
    assert "://" not in text
