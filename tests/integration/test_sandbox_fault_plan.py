"""Which requests a fault is done to, pages that move, the command line, and many threads at once."""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from invigilate.sandbox import FAULTS, Sandbox, faults
from invigilate.sandbox.__main__ import main as sandbox_command
from invigilate.sandbox.faults.command import parse
from tests.support.caller import Caller

SCHEDULE, REPORT = "scheduleExamSession", "getServiceDistribution"


# --- when a fault is done -------------------------------------------------------------------------


def test_times_and_after(call: Caller) -> None:
    call.sandbox.faults.add(REPORT, faults.html_502(times=2, after=3))
    assert [call.report().status for _ in range(8)] == [200, 200, 200, 502, 502, 200, 200, 200]


def test_the_first_that_is_due_is_done(call: Caller) -> None:
    call.sandbox.faults.add(REPORT, faults.html_502(times=1))
    call.sandbox.faults.add("*", faults.unavailable(times=2))
    call.sandbox.faults.add("ispring", faults.html_520())
    assert [call.report().status for _ in range(4)] == [502, 503, 503, 200]
    assert call.token().status == 520
    fired = call.sandbox.faults.fired
    assert (fired.total(), fired.total("unavailable"), fired.total(operation_id="createAccessToken")) == (4, 2, 1)


def test_a_fault_waits_for_a_request_that_it_suits(call: Caller) -> None:
    planned = call.sandbox.faults.add(SCHEDULE, faults.drop_response(times=1))
    session = call.sandbox.open_sessions[0]
    for _ in range(3):
        assert call.schedule(session, {"type": "wrong"}).status == 400  # nothing to drop
    assert planned.fired == 0
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call.schedule(session, {})
    assert planned.fired == 1


def test_for_a_time_and_clearing(call: Caller) -> None:
    with call.sandbox.faults.during("*", faults.html_502()) as planned:
        assert call.report().status == 502
        assert call.sandbox.faults.planned == [planned]
    assert call.report().status == 200
    planned = call.sandbox.faults.add("*", faults.html_502())
    call.sandbox.faults.clear()
    assert call.report().status == 200
    assert (planned.fired, call.sandbox.faults.planned, len(call.sandbox.faults.fired)) == (0, [], 1)
    call.sandbox.faults.fired.clear()
    assert (list(call.sandbox.faults.fired), call.sandbox.faults.fired.total()) == ([], 0)


def test_what_cannot_be_planned(call: Caller) -> None:
    add = call.sandbox.faults.add
    with pytest.raises(ValueError, match="scheduleExamSession"):
        add("scheduleExam", faults.html_502())
    with pytest.raises(ValueError, match="connections"):
        add(SCHEDULE, faults.refuse())
    for wrong in ({"times": 0}, {"after": -1}, {"probability": 0.0}, {"probability": 1.5}):
        with pytest.raises(ValueError, match="probability"):
            faults.html_502(**wrong)
    with pytest.raises(ValueError, match="seconds"):
        faults.refuse(times=1)


def statuses(seed: int, number: int = 60) -> list[int]:
    with Sandbox(seed=seed) as sandbox:
        sandbox.faults.add(REPORT, faults.html_502(probability=0.3))
        sandbox.faults.add("*", faults.unavailable(probability=0.2))
        call = Caller(sandbox)
        found = [call.report(("limit", "1")).status for _ in range(number)]
        call.close()
        return found


def test_the_seed_decides_what_is_probable() -> None:
    first = statuses(3)
    assert first == statuses(3)
    assert first != statuses(4)
    counts = Counter(first)
    assert 8 <= counts[502] <= 28
    assert counts[503] > 0
    assert counts[200] > 15


def test_clearing_begins_the_draws_anew(call: Caller) -> None:
    def draw() -> list[int]:
        call.sandbox.faults.clear()
        call.sandbox.faults.add(REPORT, faults.html_502(probability=0.5))
        return [call.report(("limit", "1")).status for _ in range(20)]

    assert draw() == draw()


def test_other_operations_do_not_change_the_draws(call: Caller) -> None:
    def draw(with_others: bool) -> list[int]:
        call.sandbox.faults.clear()
        call.sandbox.faults.add("*", faults.html_502(probability=0.5))
        found = []
        for _ in range(20):
            found.append(call.report(("limit", "1")).status)
            if with_others:
                call.token()
        return found

    assert draw(False) == draw(True)


# --- pages ----------------------------------------------------------------------------------------


def pages(call: Caller, limit: int = 60) -> tuple[list[str], list[int]]:
    """All rows as a simple reader sees them who follows `next`, and the totals of the pages."""
    seen: list[str] = []
    totals: list[int] = []
    pairs = [("limit", str(limit))]
    while True:
        page = call.report(*pairs).json
        assert page["count"] == len(page["results"])
        seen += [row["sid"] for row in page["results"]]
        totals.append(page["total"])
        if page["next"] is None:
            return seen, totals
        query = parse_qs(urlsplit(page["next"]).query)
        assert query["offset"] == [str(len(seen))]
        pairs = [(name, values[0]) for name, values in query.items()]


def test_a_list_that_shrinks(call: Caller) -> None:
    everything = pages(call)[0]
    call.sandbox.faults.add(REPORT, faults.pages_shrink(rows=5, most=10))
    seen, totals = pages(call)
    assert totals == [240, 235, 230, 230]
    assert seen == everything[:60] + everything[65:125] + everything[130:]
    assert call.sandbox.faults.fired.total("pages_shrink") == 4


def test_a_list_that_grows(call: Caller) -> None:
    everything = pages(call)[0]
    call.sandbox.faults.add(REPORT, faults.pages_grow(rows=30, most=75))
    seen, totals = pages(call)
    assert totals == [240, 270, 300, 315, 315, 315]
    assert seen[:240] == everything
    assert len(seen) == len(set(seen)) == 315
    assert all(len(sid) == 34 for sid in seen)


def test_a_list_that_shifts(call: Caller) -> None:
    everything = pages(call)[0]
    call.sandbox.faults.add(REPORT, faults.pages_shift(rows=2, most=4))
    seen, totals = pages(call)
    assert totals == [240, 242, 244, 244, 244]
    assert seen == everything[:60] + everything[58:118] + everything[116:]
    again = call.report(("limit", "5")).json["results"]
    assert [row["sid"] for row in again[4:]] == everything[:1]
    assert not {row["sid"] for row in again[:4]} & set(everything)


def test_a_limit_that_is_capped(call: Caller) -> None:
    call.sandbox.faults.add(REPORT, faults.cap_limit(limit=7))
    for query in ((), (("limit", "100"),), (("limit", "100"), ("statuses", "Closed"))):
        page = call.report(*query).json
        assert page["count"] == len(page["results"]) == 7
    assert {row["status"] for row in page["results"]} == {"Closed"}
    assert call.report(("limit", "3")).json["count"] == 3
    assert call.report(("limit", "x")).status == 400
    assert call.sandbox.faults.fired.total() == 4


@pytest.mark.parametrize(("value", "total"), [("missing", "-"), ("null", None), ("float", 240.0), ("string", "240")])
def test_totals(call: Caller, value: Any, total: object) -> None:
    call.sandbox.faults.add(REPORT, faults.wrong_total(value=value))
    page = call.report().json
    assert page.get("total", "-") == total
    assert type(page.get("total", "-")) is type(total)
    assert len(page["results"]) == 50


@pytest.mark.parametrize(
    ("value", "kind"), [("missing", None), ("null", type(None)), ("object", dict), ("string", str)]
)
def test_results(call: Caller, value: Any, kind: type | None) -> None:
    call.sandbox.faults.add(REPORT, faults.wrong_results(value=value))
    page = call.report().json
    assert ("results" in page) == (kind is not None)
    assert kind is None or isinstance(page["results"], kind)


def test_an_empty_page(call: Caller) -> None:
    call.sandbox.faults.add("*", faults.empty_page(times=1))
    assert call.report(("offset", "240")).json["results"] == []  # it is empty anyhow, so the fault waits
    assert call.training({}, **call.bearer()).status == 200  # nor is this a page
    page = call.report(("offset", "50")).json
    assert (page["total"], page["offset"], page["results"]) == (240, 50, [])
    assert len(call.report(("offset", "50")).json["results"]) == 50


# --- the command line -----------------------------------------------------------------------------


def test_faults_as_text() -> None:
    assert parse("scheduleExamSession:drop_response,times=1") == (SCHEDULE, faults.drop_response(times=1))
    assert parse("*:html_502,probability=0.05,applied=true") == ("*", faults.html_502(probability=0.05, applied=True))
    assert parse("*:too_many_requests, retry_after=3") == ("*", faults.too_many_requests(retry_after=3.0))
    assert parse("*:apply_late,response=504,delay=1")[1] == faults.apply_late(response="504", delay=1.0)
    assert parse("*:redirect,host=http://h:1")[1] == faults.redirect(host="http://h:1")
    for wrong in (
        "drop_response",
        "*:",
        ":drop_response",
        "*:drop",
        "*:drop_response,time=1",
        "*:drop_response,times",
        "*:drop_response,times=x",
        "*:html_502,applied=maybe",
        "*:apply_late,response=505",
        "*:drop_response,times=0",
    ):
        with pytest.raises(ValueError):
            parse(wrong)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "invigilate.sandbox", *arguments]


def test_the_command_misbehaves() -> None:
    given = ("--fault", f"{REPORT}:html_502,times=1", "--fault", "*:status,status=418", "--behaviour", "late_by_reads")
    process = subprocess.Popen(command("--json", *given), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        values = json.loads(process.stdout.readline())["environment"]
        path = f"/v1/installs/{values['SMARTERPROCTORING_INSTALL_SID']}/reports/serviceDistribution"
        with httpx.Client(base_url=values["SMARTERPROCTORING_BASE_URL"], trust_env=False) as client:
            found = [client.get(path, headers={"token": values["SMARTERPROCTORING_TOKEN"]}) for _ in range(2)]
        assert [each.status_code for each in found] == [502, 418]
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()


def test_the_command_lists_and_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert sandbox_command(["--list-faults"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name}: {text}" in listed for name, text in FAULTS.items())
    for wrong in (["--fault", "*:nothing"], ["--behaviour", "odd"]):
        with pytest.raises(SystemExit) as caught:
            sandbox_command(wrong)
        assert caught.value.code == 2
        assert wrong[0] in capsys.readouterr().err
    # This is only known once the sandbox exists.
    done = subprocess.run(command("--fault", "nowhere:html_502"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--fault" in done.stderr
    assert "Traceback" not in done.stderr


# --- all at once ----------------------------------------------------------------------------------


def random_plan(sandbox: Sandbox) -> None:
    for kind in (
        faults.drop_response, faults.close_without_response, faults.reset_before_reading, faults.reset_after_reading,
        faults.html_502, faults.html_520, faults.too_many_requests, faults.unavailable, faults.truncate,
        faults.empty_body, faults.not_json, faults.wrong_types, faults.nulls, faults.extra_fields, faults.broken_gzip,
        faults.duplicate_close, faults.new_enum_values,
    ):  # fmt: skip
        sandbox.faults.add("*", kind(probability=0.02))
    sandbox.faults.add("*", faults.reset_on_connect(probability=0.02))
    sandbox.faults.add("*", faults.apply_late(probability=0.03, delay=0.05))
    sandbox.faults.add("*", faults.apply_late(probability=0.02, delay=0.05, response="504"))
    sandbox.faults.add("*", faults.html_502(probability=0.03, applied=True))
    sandbox.faults.add("*", faults.wrong_length(probability=0.02, by=5))
    sandbox.faults.add("*", faults.wrong_length(probability=0.02, by=-5))
    sandbox.faults.add("*", faults.trickle(probability=0.02, chunk=400, interval=0.001))
    sandbox.faults.add("*", faults.stall(probability=0.01, seconds=60))
    sandbox.faults.add("*", faults.outage(times=2, after=200, seconds=0.05))
    sandbox.faults.add(REPORT, faults.pages_shift(probability=0.02))


def test_many_threads_under_many_faults(capsys: pytest.CaptureFixture[str]) -> None:
    sandbox = Sandbox(report_rows=60).start()
    random_plan(sandbox)
    sessions = sandbox.open_sessions
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        choice = random.Random(number)
        with httpx.Client(trust_env=False, timeout=0.3, headers={"token": sandbox.token}) as client:
            base = f"{sandbox.smarterproctoring_url}/v1/installs/{sandbox.install_sid}"
            for _ in range(40):
                session = choice.choice(sessions)
                try:
                    if choice.random() < 0.5:
                        path = f"{base}/exams/{session.exam_sid}/sessions/{session.session_sid}"
                        reply = client.post(path, json={"amount": 1, "cardToken": "tok"})
                    else:
                        reply = client.get(f"{base}/reports/serviceDistribution", params={"limit": 5})
                    outcome = str(reply.status_code)
                except httpx.HTTPError as error:
                    outcome = type(error).__name__
                if outcome == "ConnectError":
                    time.sleep(0.02)
                with lock:
                    asked[outcome] += 1

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert asked.total() == 32 * 40
    assert sandbox.faults.settle()
    ran, began = time.perf_counter() - began, time.perf_counter()
    sandbox.close()
    closed = time.perf_counter() - began
    assert closed < 1
    assert sandbox.defects == []
    fired = sandbox.faults.fired
    assert len({kind for kind, _ in fired.counts}) >= 20
    # No session was paid for twice, whatever happened on the way.
    assert all(len(sandbox.ledger.of_session(session.session_sid)) <= 1 for session in sessions)
    booked = [record for record in fired if record.operation_id == SCHEDULE and record.applied]
    assert len(booked) <= len(sandbox.ledger)
    left = [thread for thread in threading.enumerate() if "invigilate-sandbox" in thread.name]
    assert left == []
    with capsys.disabled():
        print(f"\n{asked.total()} calls in {ran:.1f} s, {fired.total()} faults, closed in {closed:.3f} s")


@pytest.mark.alone
def test_closing_under_stalls_and_trickles() -> None:
    sandbox = Sandbox().start()
    sandbox.faults.add(SCHEDULE, faults.stall(seconds=60))
    sandbox.faults.add(REPORT, faults.trickle(chunk=1, interval=1))
    sandbox.faults.add("createAccessToken", faults.apply_late(delay=60, response="504"))

    def ask(number: int) -> None:
        call = Caller(sandbox)
        try:
            call.report() if number % 2 else call.schedule(sandbox.open_sessions[number], {})
        except (http.client.HTTPException, OSError):
            pass
        finally:
            call.close()

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(32)]
    for thread in threads:
        thread.start()
    other = Caller(sandbox)
    assert other.token().status == 504
    deadline = time.monotonic() + 10
    while sandbox.faults.fired.total() < 33 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sandbox.faults.fired.total() == 33
    began = time.perf_counter()
    sandbox.close()
    assert time.perf_counter() - began < 1
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    other.close()
    assert sandbox.ledger == []
