"""Reports that end early or go round in loops, over real sockets: each raises, and none ends without an error."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from invigilate import IncompleteResultError, ReportWarning, SmarterProctoring
from invigilate.cli import ExitCode, main
from invigilate.export import export
from tests.support.modes import INSTALL, MODES, TOKEN, Mode, proctoring, run, settle, wait_for_page_threads
from tests.support.recorder import Answer, RecordedRequest, Recorder

PAGE = 50

Pages = Callable[[int], dict[str, Any]]
"""The body for an offset; the server does not look at the limit."""


def rows(first: int, end: int) -> list[dict[str, Any]]:
    return [{"sid": f"ES{number:032x}", "status": "Closed"} for number in range(first, end)]


def bare(first: int, end: int) -> list[dict[str, Any]]:
    return [{"title": f"Exam {number}", "status": "Closed"} for number in range(first, end)]


def first_page_then(**rest: Any) -> Pages:
    return lambda offset: {"results": [], **rest} if offset else {"results": rows(0, PAGE), "total": 1000}


def shrinking(offset: int) -> dict[str, Any]:
    """A page that announces a smaller total, and ends there."""
    return {"results": rows(offset, min(offset + PAGE, 70)), "total": 70 if offset else 1000, "next": None}


def linked(offset: int) -> dict[str, Any]:
    return {"results": rows(offset, PAGE), "total": PAGE, "next": None if offset else f"/v1/x?offset={PAGE}"}


class Case(NamedTuple):
    """A server, what the error says, and after how many requests it comes."""

    pages: Pages
    error: str
    requests: int


SHORT = "the page at row 50 is empty, but the total is 1000"
CIRCLE = "was received before: the server seems to ignore `"
CASES: dict[str, Case] = {
    "1000 announced, then null": Case(first_page_then(total=None), SHORT, 2),
    "1000 announced, then 0": Case(first_page_then(total=0), SHORT, 2),
    "1000 announced, then none": Case(first_page_then(), SHORT, 2),
    "1000 announced, then 50": Case(first_page_then(total=PAGE), SHORT, 2),
    "1000 announced, then 70 with rows": Case(shrinking, "the page at row 70 is empty, but the total is 1000", 3),
    "next at the total": Case(linked, "the page at row 50 is empty, but `next` announced more rows", 2),
    "200 rows against 100": Case(
        lambda offset: {"results": rows(offset, min(offset + PAGE, 200)), "total": 100},
        "received 150 rows, but the total is 100",
        3,
    ),
    "200 rows in one page against 100": Case(
        lambda offset: {"results": rows(0, 200), "total": 100}, "received 200 rows, but the total is 100", 1
    ),
    "offset ignored": Case(lambda offset: {"results": bare(0, PAGE)}, CIRCLE, 2),
    "offset ignored, total announced": Case(lambda offset: {"results": bare(0, PAGE), "total": 200}, CIRCLE, 2),
    "offset ignored, rows with SIDs": Case(lambda offset: {"results": rows(0, PAGE), "total": 200}, CIRCLE, 2),
    "offset ignored, rows all alike": Case(
        lambda offset: {"results": bare(7, 8) * PAGE, "total": 200}, "received 250 rows, but the total is 200", 5
    ),
    "alternating": Case(lambda offset: {"results": bare(offset % 100, offset % 100 + PAGE)}, CIRCLE, 4),
    "alternating, total announced": Case(
        lambda offset: {"results": rows(offset % 100, offset % 100 + PAGE), "total": 1000}, CIRCLE, 4
    ),
}
WAYS: dict[str, Callable[[Any], Any]] = {
    "pages": lambda client: client.reports.service_distribution(),
    "prefetch": lambda client: client.reports.service_distribution().prefetch(4),
    "paginate": lambda client: client.paginate("/v1/anything"),
}
each_case = pytest.mark.parametrize("case", CASES)
quietly = pytest.mark.filterwarnings("ignore::invigilate.ReportWarning")


def serving(pages: Pages) -> Recorder:
    def answer(request: RecordedRequest) -> Answer:
        return Answer.of_json(pages(int(dict(request.query_pairs).get("offset", 0))))

    return Recorder(answer)


@quietly
@each_case
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", MODES)
def test_a_report_that_cannot_be_read_to_its_end_raises(case: str, way: str, mode: Mode) -> None:
    pages, message, requests = CASES[case]

    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            try:
                await settle(WAYS[way](client).collect())
            finally:
                wait_for_page_threads()

    with serving(pages) as server:
        with pytest.raises(IncompleteResultError) as caught:
            run(mode, scenario)
        assert message in str(caught.value)
        # Pages in flight are requested before one of them shows that they are in vain.
        assert len(server.requests) <= requests + (8 if way == "prefetch" else 0)


@quietly
@pytest.mark.parametrize("mode", MODES)
def test_the_rows_before_the_error_are_returned(mode: Mode) -> None:
    async def scenario() -> int:
        found = 0
        async with proctoring(mode, server.url) as client:
            pages = client.reports.service_distribution().pages()
            while True:
                try:
                    found += len(await settle(next(pages) if mode == "sync" else anext(pages)))
                except IncompleteResultError:
                    return found

    with serving(shrinking) as server:
        assert run(mode, scenario) == 70


@pytest.mark.parametrize("mode", MODES)
def test_the_first_row_of_a_page_that_contradicts_itself(mode: Mode) -> None:
    async def scenario() -> None:
        async with proctoring(mode, server.url) as client:
            await settle(client.reports.service_distribution().first())

    with serving(CASES["200 rows in one page against 100"].pages) as server, pytest.raises(IncompleteResultError):
        run(mode, scenario)
    with serving(lambda offset: {"results": [], "total": 3}) as server, pytest.raises(IncompleteResultError):
        run(mode, scenario)


@quietly
@each_case
def test_an_export_fails_and_leaves_no_file(case: str, tmp_path: Path) -> None:
    pages, message, _ = CASES[case]
    with serving(pages) as server, SmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
        with pytest.raises(IncompleteResultError) as caught:
            export(client.reports.service_distribution(limit=PAGE), tmp_path / "r.csv", checkpoint=False)
        wait_for_page_threads()
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@quietly
@each_case
@pytest.mark.parametrize("line", ["--json", "--bars", "--output r.csv"])
def test_the_command_line_ends_with_an_error(
    case: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages, message, _ = CASES[case]
    monkeypatch.chdir(tmp_path)
    with serving(pages) as server:
        for name, value in (("TOKEN", TOKEN), ("INSTALL_SID", INSTALL), ("BASE_URL", server.url)):
            monkeypatch.setenv(f"SMARTERPROCTORING_{name}", value)
        code = main(shlex.split(f"report --prefetch 1 {line}"))
    assert code == ExitCode.INCOMPLETE
    assert message in capsys.readouterr().err
    assert not (tmp_path / "r.csv").exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_report_without_flaw_costs_no_more_than_before(mode: Mode) -> None:
    """The documented envelope has `next`, so that the total need not be confirmed by a request."""

    def pages(offset: int) -> dict[str, Any]:
        end = min(offset + PAGE, 200)
        return {"results": rows(offset, end), "total": 200, "next": f"/v1/x?offset={end}" if end < 200 else None}

    async def scenario() -> list[Any]:
        async with proctoring(mode, server.url) as client:
            return list(await settle(client.reports.service_distribution().prefetch(3).collect()))

    with serving(pages) as server:
        assert len(run(mode, scenario)) == 200
        assert len(server.requests) == 4


def test_a_total_that_changes_is_still_only_a_warning_where_nothing_is_missing() -> None:
    def pages(offset: int) -> dict[str, Any]:
        return {"results": rows(offset, min(offset + PAGE, 120)), "total": 120 if offset else 119}

    with serving(pages) as server, SmarterProctoring(TOKEN, INSTALL, base_url=server.url) as client:
        with pytest.warns(
            ReportWarning, match="^at row 50, the total changed from 119 to 120; rows may be missing or duplicated"
        ):
            found = client.reports.service_distribution().collect()
        assert [json.dumps(row.to_dict()) for row in found] == [json.dumps(row) for row in rows(0, 120)]
