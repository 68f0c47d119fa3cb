"""Charts in a real browser: they are drawn, without a network."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from invigilate.cli import main
from invigilate.sandbox import Sandbox
from tests.support.browser import DeadProxy, show
from tests.support.terminal import settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def chart(monkeypatch: pytest.MonkeyPatch) -> Path:
    with Sandbox(seed=7, report_rows=240) as sandbox, monkeypatch.context() as patch:
        for name, value in settings(sandbox).items():
            patch.setenv(name, value)
        assert main(["report", "--chart", "chart.html"]) == 0
    return Path("chart.html")


def test_a_chart_is_drawn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = chart(monkeypatch)
    with DeadProxy() as proxy:
        shown = show(page, folder / "profile", proxy)
    assert shown.complaints == []
    assert proxy.addresses == []
    document = re.sub(r"<script\b.*?</script>", "", shown.document, flags=re.DOTALL)
    drawn = re.findall(r"<svg\b.*?</svg>", document, re.DOTALL)
    assert len(drawn) == 1
    for text in ("240 exam sessions", "By service type and status", "By month of the appointment", "Cancelled"):
        assert f">{text}</text>" in drawn[0]
    # Each number of the tables is a bar, and no other is.
    bars = re.findall(r'aria-label="([^"]*)"[^>]*aria-roledescription="bar"', drawn[0])
    tables = re.findall(r"<table>.*?</table>", document, re.DOTALL)
    numbers = []
    for table in tables:
        rows = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
        numbers += [
            f"{row[0]}, {status}: {number}"
            for row in rows[1:]
            for status, number in zip(rows[0][1:-1], row[1:-1], strict=True)
            if number != "0"
        ]
    assert len(tables) == 2
    assert sorted(map(html.unescape, bars)) == sorted(map(html.unescape, numbers))
    assert sum(int(text.rsplit(" ", 1)[1]) for text in bars) == 2 * 240


def test_what_would_ask_the_network_is_seen(folder: Path) -> None:
    # Otherwise the test above would show nothing.
    page = folder / "page.html"
    page.write_text('<!doctype html><img src="http://elsewhere.invalid/x.png"><script>console.error("oh")</script>')
    with DeadProxy() as proxy:
        shown = show(page, folder / "profile", proxy)
    assert any(b"elsewhere.invalid" in address for address in proxy.addresses)
    assert any("oh" in line for line in shown.complaints)
