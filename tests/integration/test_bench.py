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

import pytest

from benchmarks import peers
from benchmarks.content import REPORT, SETTINGS, SPEC, rows
from benchmarks.measure import Table, Times
from benchmarks.server import Server

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({} if path is None else {"PATH": path})}
    command = [sys.executable, "-P", "-m", "benchmarks", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_sections_run_and_print_their_figures(tmp_path: Path) -> None:
    # Importing is run by a test of its own.
    sections = ["decode", "report", "latency", "small", "connections"]
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
    assert (
        "no section is called speed; there are decode, report, latency, small, connections, import, scale, memory"
        in done.stderr
    )


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
