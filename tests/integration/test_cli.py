"""The command line against the sandbox, without a terminal."""

from __future__ import annotations

import csv
import inspect
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from invigilate import SmarterProctoring, __version__
from invigilate.cli import ExitCode, main
from invigilate.cli.app import application
from invigilate.sandbox import Sandbox, faults
from tests.support.exporting import Meddler
from tests.support.terminal import COMMAND, settings, start

ROOT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """What a command line gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=240) as sandbox:
        yield sandbox
        assert sandbox.defects == []


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process, in a folder of its own."""
    for name, value in settings(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> Done:
        code = main(shlex.split(line))
        return Done(int(code), *capsys.readouterr())

    return run


@pytest.fixture
def session(sandbox: Sandbox) -> str:
    return f"--exam-sid {sandbox.exam_sid} --session-sid {sandbox.session_sid}"


def commands() -> Iterator[tuple[str, Any]]:
    def walk(found: Any, path: str) -> Iterator[tuple[str, Any]]:
        inner = getattr(found, "commands", None)
        if inner is None:
            yield path, found
            return
        for name, other in inner.items():
            yield from walk(other, f"{path} {name}".strip())

    return walk(typer.main.get_command(application()), "")


def examples(found: Any) -> list[str]:
    return [line.replace("\\[", "[") for line in (found.epilog or "").splitlines() if line.startswith("invigilate ")]


EXAMPLES = [(path, line) for path, found in commands() for line in examples(found)]


def test_each_command_has_an_example() -> None:
    every = {path for path, _ in commands()}
    assert {path for path, _ in EXAMPLES} == every
    assert len(every) == 12
    for path, line in EXAMPLES:
        assert line.startswith(f"invigilate {path}")


@pytest.mark.parametrize("path", [path for path, _ in commands()])
def test_each_help_shows_its_examples(path: str, run: Run) -> None:
    done = run(f"{path} --help")
    assert (done.code, done.err) == (0, "")
    flat = " ".join(done.out.split())
    for other, line in EXAMPLES:
        assert other != path or line in flat
    assert "\x1b" not in done.out


# The sandbox has the help of a parser of its own.
@pytest.mark.parametrize("path", [path for path, _ in commands() if path != "sandbox"])
def test_each_help_names_all_options_whole(path: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = run(f"{path} --help").out
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    names = {name for found, command in commands() if found == path for each in command.params for name in each.opts}
    assert {name for name in names if name.startswith("--")} <= set(printed.split())


@pytest.mark.parametrize(("path", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_each_example_works_as_it_stands(path: str, line: str, run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    if path == "sandbox":
        with start(*shlex.split(line)[1:], folder=tmp_path, environment={}) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("export SMARTERPROCTORING_TOKEN=")
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        return
    if path == "mcp":
        # Its stdin has ended at once.
        with start(*shlex.split(line)[1:], folder=tmp_path, environment=settings(sandbox)) as process:
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "")
        assert "SmarterProctoring is served" in err
        return
    if path in {"sessions reschedule", "sessions cancel"}:
        with SmarterProctoring() as client:
            client.exam_sessions.schedule(
                exam_sid=sandbox.exam_sid, session_sid=sandbox.session_sid, appointment_date_time="2026-12-01T09:00:00Z"
            )
    write_rows(tmp_path / "bookings.csv", sandbox, 2)
    (tmp_path / "shapes.json").write_text('{"invigilate_shapes": 1, "apis": {}}')
    done = run(line.removeprefix("invigilate "))
    if path == "sid check":
        assert done.out == "EX1234567890abcdef1234567890abcdef\texam SID\n"
    assert done.code == 0, done.err
    assert done.out or done.err


def write_rows(path: Path, sandbox: Sandbox, number: int, **other: str) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["exam_sid", "session_sid", "appointment_date_time", "amount", "card_token", *other])
        for known in sandbox.open_sessions[:number]:
            cells = [known.exam_sid, known.session_sid, "2026-12-01T09:00:00Z", "10", "tok_visa_of_a_row"]
            writer.writerow([*cells, *other.values()])
    return path


def test_version_and_help(run: Run) -> None:
    assert run("--version") == Done(0, f"invigilate {__version__}\n", "")
    assert run("").code == ExitCode.USAGE
    assert run("sessions").code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("reprot", "No such command 'reprot'"),
        ("report --statusses x", "No such option"),
        ("report --statuses closed", "--statuses[0]: expected one of 'Scheduled', 'Closed', 'Cancelled', got 'closed'"),
        ("report --exam-sid ES00000000000000000000000000000000", "--exam-sid: expected an exam SID"),
        (
            "report --course-title ''",
            "--course-title: expected a string, got an empty string. It would match everything",
        ),
        ("report --billable no", "--billable: expected true or false, got 'no'"),
        ("report --offset x", "--offset: expected an integer, got 'x'"),
        ("report --max-rows 0", "--max-rows"),
        ("report --appointment-date-after 2026-10-01", "expected an offset such as Z or +02:00, or --timezone"),
        ("report --timezone Mars/Base", "--timezone: expected the IANA name of a time zone"),
        ("report --columns sid,,billable", "separated by commas, got an empty name"),
        ("report --chart chart.pdf", "--chart: expected a file name ending in one of .html, .svg, .png"),
        ("report --chart none/chart.svg", "--chart: there is no folder none"),
        ("report --overwrite", "--overwrite: needs --output or --chart"),
        ("report --chart x.svg --json", "--json: a chart is not JSON"),
        ("report --offset 1 --offset 2", "--offset: passed twice; it takes one value"),
        ("report --exam-sid {exam} --exam-sid {exam}", "--exam-sid: passed twice"),
        ("report --timezone UTC --timezone=UTC", "--timezone: passed twice"),
        ("report --max-rows 1 --max-rows 1", "--max-rows: passed twice"),
        (
            "report --close-date-after 2026-10-01 --close-date-before 2026-10-01 --timezone UTC",
            "--close-date-before: expected a time after --close-date-after, got an earlier one, or the same",
        ),
        (
            "report --bars --appointment-date-after 2026-10-01T09:00Z --appointment-date-before 2026-10-01T10:00+02:00",
            "--appointment-date-before: expected a time after --appointment-date-after, got an earlier one",
        ),
        (
            "sessions reschedule {both} --yes",
            "nothing to change: pass one of --type, --notes, --appointment-start-date",
        ),
        (
            "sessions reschedule {both} --appointment-start-date-time 2026-12-01T09:00Z "
            "--appointment-end-date-time 2026-12-01T08:00Z --yes",
            "--appointment-end-date-time: expected a time not before --appointment-start-date-time, got an earlier one",
        ),
        (
            "api smarterproctoring course-offerings update --title T --title U",
            "--title: passed twice; it takes one value",
        ),
        (
            "api smarterproctoring course-offerings update --offering-sid CO24192c526f99f2ca2d4a67f21df3acf3 --title T "
            "--match-strings A,B --match-strings C,D --yes",
            "--match-strings[0]: expected a string without a comma",
        ),
        (
            "report --output report.txt",
            "--output: expected a path ending in .csv, .jsonl or .parquet, got the suffix '.txt'",
        ),
        ("report --output report.csv --bars", "--output: exports the whole report"),
        ("report --csv-safe", "--csv-safe: only for --output"),
        ("report --checkpoint c", "--checkpoint: only for --output"),
        ("report --output r.jsonl --csv-safe", "--csv-safe: expected False unless the format is csv, got True with js"),
        ("report --output none/r.csv", "--output: expected a file in a folder that exists, got one in a folder that"),
        ("report --output r.csv --checkpoint none/c", "--checkpoint: expected a folder in a folder that exists"),
        ("report --appointment-date-after 0001-01-01 --timezone Asia/Tokyo", "outside the years 1 to 9999"),
        ("report --install-sid {install} --install-sid {install}", "--install-sid: the same value is passed twice"),
        ("sessions show --exam-sid EX1", "--session-sid: expected a value, since it is required"),
        ("sessions show --session-sid {exam} --exam-sid {session}", "seem to be swapped"),
        ("sessions schedule {both} --appointment-date-time 2026-10-01 --timezone UTC", "got a bare date"),
        ("sessions schedule {both} --amount ten", "--amount: expected a number"),
        ("sessions schedule {both} --secret pin", "--secret: expected one of card_token"),
        ("sessions schedule {both} --secret card_token", "--secret card_token: set INVIGILATE_CARD_TOKEN"),
        ("sessions schedule {both} --card-token tok_1", "--card-token: not an option, since it is sensitive"),
        ("sessions schedule {both} --retry-refused", "--retry-refused: needs --from"),
        ("sessions schedule {both} --confirmed 2:abc", "--confirmed: needs --from"),
        ("sessions schedule --from a.csv --results a.csv", "--results: that is the CSV file itself"),
        ("sessions schedule --from a.csv --results no/r.jsonl", "--results: there is no folder no; nothing was sent"),
        ("sessions schedule --from none.csv", "--from: none.csv: No such file or directory"),
        ("sid check", "Missing argument"),
    ],
)
def test_wrong_command_lines(line: str, problem: str, run: Run, session: str, sandbox: Sandbox) -> None:
    names = {"both": session, "exam": sandbox.exam_sid, "session": sandbox.session_sid, "install": sandbox.install_sid}
    done = run(line.format(**names))
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    *echoed, last = done.err.splitlines()
    assert problem in last
    assert last.startswith("invigilate: ")
    assert all(re.fullmatch(r"invigilate: --[a-z-]+ \S+Z", each) for each in echoed)
    assert len(sandbox.requests) == 0


@pytest.mark.parametrize(
    ("name", "line", "problem"),
    [
        ("SMARTERPROCTORING_TOKEN", "report", "no credentials for SmarterProctoring: set SMARTERPROCTORING_TOKEN"),
        ("SMARTERPROCTORING_INSTALL_SID", "report", "pass --install-sid, or set SMARTERPROCTORING_INSTALL_SID"),
        ("SMARTERPROCTORING_INSTALL_SID", "sessions show {both}", "pass --install-sid, or set SMARTERPROCTORING_INST"),
        (
            "ISPRING_CLIENT_SECRET",
            "api ispring job-training list-session-results",
            "or ISPRING_CLIENT_ID and ISPRING_CLIENT_SECRET",
        ),
    ],
)
def test_missing_settings(
    name: str, line: str, problem: str, run: Run, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    done = run(line.format(both=session))
    assert (done.code, done.out) == (ExitCode.SETTINGS, "")
    assert problem in done.err


def test_what_the_server_says_has_codes(run: Run, sandbox: Sandbox, session: str) -> None:
    show = f"sessions show {session}"
    unknown = f"sessions show --exam-sid {sandbox.exam_sid} --session-sid ES{'0' * 32}"
    assert run(unknown).code == ExitCode.NOT_FOUND
    move = f"sessions reschedule {session} --appointment-start-date-time 2026-12-01T09:00Z --yes"
    assert run(move).code == ExitCode.REFUSED
    with sandbox.faults.during("getExamSession", faults.status(status=418)):
        assert run(show).code == ExitCode.REFUSED
    with sandbox.faults.during("getExamSession", faults.not_json()):
        assert run(show).code == ExitCode.INCOMPLETE
    with sandbox.faults.during("getServiceDistribution", faults.empty_page(after=1)):
        done = run("report --page-size 50 --prefetch 1")
        assert done.code == ExitCode.INCOMPLETE
        # What came is there, and the error says that it is not all.
        assert len(done.out.splitlines()) == 51
        assert "is empty, but the total is 240" in done.err
    sandbox.expire_token(401)
    assert run(show).code == ExitCode.SETTINGS
    done = run("report")
    assert (done.code, done.out, done.err.count("\n")) == (ExitCode.SETTINGS, "", 1)


def test_no_connection(run: Run, sandbox: Sandbox, session: str) -> None:
    sandbox.close()
    for line in ("report --max-rows 1", f"sessions cancel {session} --cancellation-memo x --yes"):
        done = run(line)
        assert (done.code, done.out) == (ExitCode.NO_CONNECTION, "")
        assert "nothing was sent" in done.err


def test_debug_shows_where_an_error_comes_from(run: Run, sandbox: Sandbox) -> None:
    done = run(f"sessions show --exam-sid {sandbox.exam_sid} --session-sid ES{'0' * 32} --debug")
    assert done.code == ExitCode.NOT_FOUND
    assert "Traceback" in done.err
    assert "attempt 1" in done.err
    assert "\ninvigilate.errors.NotFoundError\n" in done.err
    # What the error says is said once.
    assert done.err.count("The exam session was not found.") == 1
    assert sandbox.token not in done.err


def test_the_report_as_text(run: Run, sandbox: Sandbox) -> None:
    done = run("report --page-size 100")
    lines = [line.split("\t") for line in done.out.splitlines()]
    assert done.code == 0
    assert done.err == ""
    assert lines[0] == ["appointmentDate", "serviceType", "status", "billable", "exam", "course", "sid"]
    with SmarterProctoring() as client:
        rows = client.reports.service_distribution().collect()
    expected = [
        [
            row.appointment_date or "", row.service_type, row.status, str(row.billable).lower(),
            (row.exam or {})["title"], (row.course or {})["title"], row.sid,
        ]
        for row in rows
    ]  # fmt: skip
    assert lines[1:] == expected
    done = run("report --columns 'sid, course.code' --max-rows 2 --timezone Asia/Tokyo")
    assert done.out == "sid\tcourse.code\n" + "".join(f"{r.sid}\t{(r.course or {})['code']}\n" for r in rows[:2])


def test_a_column_that_no_row_has_is_told(run: Run) -> None:
    done = run("report --columns sid,exam.foo,exam.title --max-rows 3")
    assert (done.code, len(done.out.splitlines())) == (0, 4)
    assert done.err == "invigilate: --columns: no row has exam.foo\n"
    # Of no rows nothing can be told, and JSON has no columns.
    assert run(f"report --columns exam.foo --exam-sid EX{'0' * 32}").err == ""


def test_the_report_as_json(run: Run, sandbox: Sandbox) -> None:
    done = run("report --json --statuses Closed --statuses Cancelled --sort-keys examTitle --billable false")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    with SmarterProctoring() as client:
        filters: Any = {"statuses": ["Closed", "Cancelled"], "sort_keys": ["examTitle"], "billable": False}
        assert rows == [row.to_dict() for row in client.reports.service_distribution(**filters)]
    assert {row["billable"] for row in rows} == {False}


def test_the_report_of_several_installs(run: Run, sandbox: Sandbox) -> None:
    done = run(f"report --json --install-sid {sandbox.install_sid} --install-sid {sandbox.other_install_sid}")
    installs = [json.loads(line)["installSid"] for line in done.out.splitlines()]
    assert installs == [sandbox.install_sid] * 240 + [sandbox.other_install_sid] * 12
    done = run(f"report --install-sid {sandbox.other_install_sid} --install-sid {sandbox.install_sid} --max-rows 13")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == [
        "installSid", *[sandbox.other_install_sid] * 12, sandbox.install_sid
    ]  # fmt: skip


def test_rows_of_an_install_that_is_named_say_it(run: Run, sandbox: Sandbox) -> None:
    # As exports of it do.
    other, own = sandbox.other_install_sid, sandbox.install_sid
    done = run(f"report --install-sid {other} --columns installSid,status --max-rows 2")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["installSid", other, other]
    assert json.loads(run(f"report --install-sid {other} --json --max-rows 1").out)["installSid"] == other
    # That of the environment does so only if it is asked for.
    assert run("report --columns installSid --max-rows 1").out == f"installSid\n{own}\n"
    assert "installSid" not in json.loads(run("report --json --max-rows 1").out)


def test_what_is_sensitive_is_masked_at_any_depth(run: Run, sandbox: Sandbox, session: str) -> None:
    whole = json.loads(run("report --json --max-rows 1").out)["user"]
    assert {"firstName", "lastName", "email"} < set(whole)
    shown = json.loads(run("report --columns user --max-rows 1").out.splitlines()[1])
    masked = {**whole, "firstName": "***", "lastName": "***", "email": "***"}
    assert shown == masked
    done = run("report --columns user.email,user.sid --max-rows 1")
    assert done.out == f"user.email\tuser.sid\n***\t{whole['sid']}\n"
    whole = json.loads(run(f"sessions show {session} --json").out)["enrollment"]
    done = run(f"sessions show {session}")
    shown = json.loads(dict(line.split("\t") for line in done.out.splitlines())["enrollment"])
    assert shown == {**whole, "user": {**whole["user"], "firstName": "***", "lastName": "***", "email": "***"}}
    assert whole["user"]["email"] not in done.out


def test_times_are_echoed_as_the_instants_used(run: Run, sandbox: Sandbox) -> None:
    after, before = "--appointment-date-after 2026-10-01", "--appointment-date-before 2026-11-01"
    done = run(f"report --json --timezone Europe/Berlin {after} {before}")
    assert done.err == (
        "invigilate: --appointment-date-after 2026-09-30T22:00:00.000Z\n"
        "invigilate: --appointment-date-before 2026-10-31T23:00:00.000Z\n"
    )
    with SmarterProctoring() as client:
        rows = client.reports.service_distribution(
            appointment_date_after="2026-10-01T00:00:00+02:00", appointment_date_before="2026-11-01T00:00:00+01:00"
        ).collect()
    assert [json.loads(line)["sid"] for line in done.out.splitlines()] == [row.sid for row in rows]
    assert rows


@pytest.mark.parametrize("rows", [2, 6])
@pytest.mark.parametrize("how", ["--yes", "--dry-run"])
def test_times_of_a_file_are_echoed_as_the_instants_used(
    rows: int, how: str, run: Run, sandbox: Sandbox, tmp_path: Path
) -> None:
    sessions = sandbox.open_sessions[:rows]
    lines = [f"{each.exam_sid},{each.session_sid},2026-12-{10 - n:02}T09:00" for n, each in enumerate(sessions)]
    (tmp_path / "rows.csv").write_text("\n".join(["exam_sid,session_sid,appointment_date_time", *lines]))
    done = run(f"sessions schedule --from rows.csv --timezone Europe/Berlin {how}")
    assert done.code == 0
    first, *_ = done.err.splitlines()
    if rows == 2:
        said = "2026-12-10T08:00:00.000Z (line 2), 2026-12-09T08:00:00.000Z (line 3)"
    else:
        said = "6 times from 2026-12-05T08:00:00.000Z (line 7) to 2026-12-10T08:00:00.000Z (line 2)"
    assert first == f"invigilate: appointment_date_time {said}"


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(("most", "asked"), [(None, 1000), (2000, 1000), (150, 150)])
def test_a_server_that_refuses_large_pages_is_asked_for_its_own(
    status: int, most: int | None, asked: int, run: Run, sandbox: Sandbox
) -> None:
    wanted = "" if most is None else f" --max-rows {most}"
    sandbox.interceptors.append(Meddler(refuse=lambda query: status if int(query.get("limit", 50)) > 100 else None))
    done = run(f"report --json{wanted}")
    assert (done.code, len(done.out.splitlines())) == (0, min(most or 240, 240))
    assert done.err == ""
    assert sandbox.requests[0].query == f"limit={asked}"
    assert ["limit" in request.query for request in sandbox.requests].count(True) == 1


def test_it_is_asked_for_all_installs_at_once(run: Run, sandbox: Sandbox) -> None:
    sandbox.interceptors.append(Meddler(refuse=lambda query: 413 if int(query.get("limit", 50)) > 100 else None))
    done = run(f"report --json --install-sid {sandbox.install_sid} --install-sid {sandbox.other_install_sid}")
    assert (done.code, len(done.out.splitlines()), done.err) == (0, 252, "")
    assert ["limit" in request.query for request in sandbox.requests].count(True) == 1


@pytest.mark.parametrize(("line", "status"), [("report --page-size 500", 413), ("report", 409)])
def test_other_refusals_are_told(line: str, status: int, run: Run, sandbox: Sandbox) -> None:
    with sandbox.faults.during("getServiceDistribution", faults.status(status=status)):
        done = run(line)
    assert (done.code, done.out, done.err.count("\n")) == (ExitCode.REFUSED, "", 1)


def test_a_report_that_changes_says_so(run: Run, sandbox: Sandbox) -> None:
    with sandbox.faults.during("getServiceDistribution", faults.pages_grow(rows=1, most=2)):
        done = run("report --json --page-size 100 --prefetch 1")
    assert done.code == 0
    assert "the total changed from 240 to" in done.err


def test_bars_in_numbers(run: Run, sandbox: Sandbox) -> None:
    counted = json.loads(run("report --bars --json").out)
    assert counted["total"] == 240
    assert sum(sum(parts.values()) for parts in counted["byServiceType"].values()) == 240
    over_time = counted["overTime"]
    assert sum(sum(p.values()) for p in over_time["sessions"].values()) + over_time["withoutAppointment"] == 240
    lines = [line.split("\t") for line in run("report --bars").out.splitlines()]
    assert lines[0] == ["by", "what", "status", "sessions"]
    assert sum(int(line[3]) for line in lines[1:] if line[0] == "service type") == 240


def test_charts(run: Run, tmp_path: Path) -> None:
    done = run("report --chart chart.svg")
    assert (done.code, done.err) == (0, "invigilate: chart.svg: 240 sessions\n")
    svg = (tmp_path / "chart.svg").read_text()
    for text in ("240 exam sessions", ">live<", ">Cancelled<", ">2026-04<"):
        assert text in svg
    assert set(re.findall(r"https?://[^\"' )]+", svg)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    # Labels of the axis stand beside each other.
    places = sorted(
        float(x) for x in re.findall(r'transform="translate\(([\d.]+),2\d\d[\d.]*\)"[^>]*>20\d\d-\d\d<', svg)
    )
    assert all(later - earlier > 60 for earlier, later in itertools.pairwise(places))
    assert run("report --chart chart.svg").err == "invigilate: --chart: chart.svg exists; --overwrite replaces it\n"


def test_charts_as_pictures_and_pages(run: Run, tmp_path: Path) -> None:
    assert run("report --chart chart.png --statuses Closed").code == 0
    content = (tmp_path / "chart.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(content[place : place + 4], "big") for place in (16, 20))
    assert 1200 < width < 2400
    assert 900 < height < 2400
    assert run("report --chart chart.html").code == 0
    page = (tmp_path / "chart.html").read_text()
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "default-src 'none'" in outside
    assert not re.search(r"(?:src|href)=|url\(|https?:", outside)
    assert "<td>automated-with-review</td>" in outside
    (chart,) = re.findall(r"^const chart = (.*);$", page, re.MULTILINE)
    assert "vconcat" in json.loads(chart)
    assert "http" not in chart
    assert sorted(os.listdir(tmp_path)) == ["chart.html", "chart.png"]


def test_a_session_is_shown(run: Run, sandbox: Sandbox, session: str) -> None:
    shown = dict(line.split("\t") for line in run(f"sessions show {session}").out.splitlines())
    whole = json.loads(run(f"sessions show {session} --json").out)
    assert shown["sid"] == whole["sid"] == sandbox.session_sid
    assert (shown["accessKey"], shown["URL"]) == ("***", "***")
    assert "***" not in json.dumps(whole)
    listed = run(f"sessions list --exam-sid {sandbox.exam_sid} --enrollment-sid {sandbox.enrollment_sid} --json")
    assert [json.loads(line)["sid"] for line in listed.out.splitlines()] == [sandbox.session_sid]


def test_a_dry_run_sends_nothing(run: Run, sandbox: Sandbox, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVIGILATE_CARD_TOKEN", "tok_very_secret_1")
    monkeypatch.delenv("SMARTERPROCTORING_TOKEN")
    line = f"sessions schedule {session} --amount 12.50 --secret card_token --notes é --dry-run"
    expected = {
        "method": "POST",
        "path": f"/v1/installs/{sandbox.install_sid}/exams/{sandbox.exam_sid}/sessions/{sandbox.session_sid}",
        "body": {"amount": 12.5, "cardToken": "***", "notes": "é"},
    }
    done = run(f"{line} --json")
    assert (done.code, json.loads(done.out), done.err) == (0, expected, "")
    method, path, body = run(line).out.rstrip("\n").split("\t")
    assert {"method": method, "path": path, "body": json.loads(body)} == expected
    assert len(sandbox.requests) == 0


def test_a_booking_with_a_card(run: Run, sandbox: Sandbox, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVIGILATE_CARD_TOKEN", "tok_very_secret_1")
    time = "--appointment-date-time 2026-12-01T09:00 --timezone Europe/Berlin"
    line = f"sessions schedule {session} {time} --amount 12.50 --secret card_token"
    # Nobody can be asked here.
    done = run(line)
    assert (done.code, done.out) == (ExitCode.NOT_CONFIRMED, "")
    assert "pass --yes to confirm" in done.err
    assert len(sandbox.requests) == 0
    # A variable alone sends no card.
    assert run(f"sessions schedule {session} --dry-run --json").out.endswith('"body": {}}\n')
    done = run(f"{line} --yes --json")
    assert done.code == 0
    assert json.loads(done.out)["appointmentDate"] == "2026-12-01T08:00:00.000Z"
    assert [(str(charge.amount), charge.session_sid) for charge in sandbox.ledger] == [("12.5", sandbox.session_sid)]
    assert "very_secret" not in done.out + done.err
    moved = run(f"sessions reschedule {session} --appointment-start-date-time 2026-12-02T09:00Z --yes")
    assert (moved.code, moved.out) == (0, "Successful\n")
    gone = run(f"sessions cancel {session} --cancellation-memo 'not now' --reason other-reason --yes --json")
    assert (gone.code, gone.out) == (0, '"Successful"\n')


@pytest.mark.parametrize("applied", [True, False])
def test_an_unknown_outcome(applied: bool, run: Run, sandbox: Sandbox, session: str) -> None:
    sandbox.faults.add("scheduleExamSession", faults.html_502(applied=applied, times=1))
    done = run(f"sessions schedule {session} --appointment-date-time 2026-12-01T09:00Z --yes")
    assert (done.code, done.out) == (ExitCode.OUTCOME_UNKNOWN, "")
    echoed, error, verdict, advice = done.err.splitlines()
    assert echoed == "invigilate: --appointment-date-time 2026-12-01T09:00:00.000Z"
    assert "outcome unknown: 502" in error
    assert verdict.startswith(f"invigilate: read back: {'APPLIED' if applied else 'NOT_VISIBLE'}: ")
    # The command that it names works as it stands.
    command = advice.partition("look with: invigilate ")[2]
    shown = dict(line.split("\t") for line in run(command).out.splitlines())
    assert shown["status"] == ("Scheduled" if applied else "Needs Proctor")
    assert [request.operation_id for request in sandbox.requests].count("scheduleExamSession") == 1


def test_an_offering(run: Run, sandbox: Sandbox) -> None:
    offering_sid = f"--offering-sid {sandbox.offering_sid}"
    line = f"api smarterproctoring course-offerings update {offering_sid} --title 'Fall 2026' --match-strings FA,AU"
    done = run(f"{line} --start-date null --end-date 2026-12-31 --timezone UTC --yes --json")
    assert done.code == 0
    offering = json.loads(done.out)
    assert (offering["title"], offering["startDate"]) == ("Fall 2026", None)
    # Nothing that was given is lost: the call replaces all match strings.
    several = run(line.replace("FA,AU", "FA --match-strings AU") + " --yes")
    assert "matchStrings\tFA,AU" in several.out or '["FA", "AU"]' in several.out
    # It can be sent again without harm, so a lost reply is repeated and no riddle.
    sandbox.faults.add("updateCourseOffering", faults.drop_response(times=1))
    assert run(f"{line} --yes").code == 0


def test_training(run: Run, sandbox: Sandbox) -> None:
    line = "api ispring job-training list-session-results"
    rows = [json.loads(row) for row in run(f"{line} --checklist-id {sandbox.checklist_id} --json").out.splitlines()]
    assert len(rows) == 8
    some = [row["sessionId"] for row in rows[:2]]
    several = " ".join(f"--checklist-id {checklist}" for checklist in sandbox.checklist_ids[:2])
    done = run(f"{line} {several} --session-ids {some[0]} --session-ids {some[1]} --columns sessionId")
    assert done.out.splitlines() == ["sessionId", *some]


def test_sids(run: Run, sandbox: Sandbox) -> None:
    done = run(f"sid check {sandbox.exam_sid} {sandbox.session_sid.upper()} 4111111111111111 --json")
    assert done.code == ExitCode.USAGE
    good, upper, card = map(json.loads, done.out.splitlines())
    assert good == {"argument": 1, "sid": sandbox.exam_sid, "kind": "ExamSid", "valid": True, "problem": None}
    assert [upper["argument"], card["argument"]] == [2, 3]
    assert "with upper-case hexadecimal digits" in upper["problem"]
    assert card["problem"].endswith("got a string of length 16")
    assert "4111" not in done.out + done.err
    # Which one it is can be told, and what is wrong with it, without repeating it.
    done = run(f"sid check {sandbox.exam_sid} ex{sandbox.exam_sid[2:]} tok_1")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == [sandbox.exam_sid, "argument 2", "argument 3"]
    assert "letters" not in done.out.splitlines()[2]
    assert run("sid check tok_1").out.startswith("?\texpected a SID")


def test_the_demo_runs_its_commands(run: Run, sandbox: Sandbox) -> None:
    done = run("demo")
    assert done.code == 0, done.err
    shown = re.findall(r"^\$ invigilate (\w+ \w+|\w+)", done.out, re.MULTILINE)
    assert shown == ["sessions list", "sessions schedule", "sessions schedule", "report"]
    assert "Charges in the sandbox: 25 USD" in done.out
    assert '"cardToken": "***"' in done.out
    assert "tok_of" not in done.out + done.err
    # It has a sandbox of its own, and leaves the environment as it was.
    assert len(sandbox.requests) == 0
    assert run("report --max-rows 1").code == 0
    assert len(sandbox.requests) == 1


def test_the_sandbox_has_the_options_of_its_class(run: Run) -> None:
    names = {"ports": "--port", "strict": "--no-strict"}
    parameters = set(inspect.signature(Sandbox).parameters)
    expected = {names.get(name, f"--{name.replace('_', '-')}") for name in parameters}
    assert expected <= set(re.findall(r"--[a-z-]+", run("sandbox --help").out))


def test_options_reach_the_sandbox(tmp_path: Path) -> None:
    with start("sandbox", "--open-sessions", "3", "--seed", "9", "--json", folder=tmp_path, environment={}) as process:
        assert process.stdout is not None
        served = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    with Sandbox(seed=9, open_sessions=3) as other:
        assert served["session_sid"] == other.session_sid


def test_who_stops_reading_ends_it_quietly(sandbox: Sandbox, tmp_path: Path) -> None:
    line = f"{shlex.join(COMMAND)} report --page-size 100 --json | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], env={**os.environ, **settings(sandbox)}, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (ExitCode.PIPE_CLOSED, "")
    assert json.loads(done.stdout)["sid"].startswith("ES")


def in_shell(line: str, sandbox: Sandbox, folder: Path, **other: str) -> Done:
    """Run a command line in a shell, for what it does with streams."""
    script = f'invigilate() {{ {shlex.join(COMMAND)} "$@"; }}; invigilate {line}'
    environment = {**os.environ, **settings(sandbox), **other}
    done = subprocess.run(["bash", "-c", script], env=environment, cwd=folder, capture_output=True, text=True)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("line", ["report --help", "sid check x", "--version"])
def test_a_pipe_that_nobody_reads_ends_it_quietly(line: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *shlex.split(line)], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (ExitCode.PIPE_CLOSED, "")


def test_without_stdin_nobody_is_asked(sandbox: Sandbox, session: str, tmp_path: Path) -> None:
    done = in_shell(f"sessions schedule {session} <&-", sandbox, tmp_path)
    assert (done.code, done.out) == (ExitCode.NOT_CONFIRMED, "")
    assert done.err == "invigilate: nothing was sent: there is no terminal to ask on; pass --yes to confirm\n"
    done = in_shell(f"sessions schedule {session} --secret card_token <&-", sandbox, tmp_path)
    assert (done.code, done.err.count("\n")) == (ExitCode.USAGE, 1)
    assert len(sandbox.requests) == 0


def test_without_stdout_nothing_is_done(sandbox: Sandbox, session: str, tmp_path: Path) -> None:
    for line in (f"sessions schedule {session} --yes", "report", "sid check x", "--help"):
        done = in_shell(f"{line} >&-", sandbox, tmp_path)
        text = "invigilate: stdout is closed, so nothing was done; send it to a file, or to /dev/null\n"
        assert done == Done(ExitCode.FAILED, "", text)
    assert in_shell("report >&- 2>&- <&-", sandbox, tmp_path) == Done(ExitCode.FAILED, "", "")
    assert len(sandbox.requests) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is there on Linux")
@pytest.mark.parametrize("line", ["report --json", "report --max-rows 1", "sid check x", "--help", "--version", ""])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_stdout_that_cannot_be_written_is_told(line: str, unbuffered: str, sandbox: Sandbox, tmp_path: Path) -> None:
    done = in_shell(f"{line} >/dev/full", sandbox, tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert (done.code, done.out) == (ExitCode.FAILED, "")
    assert re.fullmatch(r"invigilate: (stdout cannot be written|stdout or a file): No space left on device\n", done.err)


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full"])
def test_what_cannot_be_told_ends_nothing(closed: str, sandbox: Sandbox, session: str, tmp_path: Path) -> None:
    line = f"sessions schedule {session} --appointment-date-time 2026-12-01T09:00Z --yes --json {closed}"
    done = in_shell(line, sandbox, tmp_path)
    assert (done.code, json.loads(done.out)["status"]) == (0, "Scheduled")
    assert in_shell(f"report --statusses {closed}", sandbox, tmp_path).code == ExitCode.USAGE


def test_no_character_ends_a_command(sandbox: Sandbox, tmp_path: Path) -> None:
    offering = [
        "api",
        "smarterproctoring",
        "course-offerings",
        "update",
        "--offering-sid",
        sandbox.offering_sid,
        "--title",
        "Übung ✓",
        "--match-strings",
    ]
    for json_wanted in ([], ["--json"]):
        environment = {**settings(sandbox), "PYTHONIOENCODING": "ascii"}
        with start(*offering, "x", "--yes", *json_wanted, folder=tmp_path, environment=environment) as process:
            out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert "\\xdcbung \\u2713" in out or json.loads(out)["title"] == "Übung ✓"


HEAVY = "httpx altair narwhals vl_convert pyarrow pandas rich openapi_core yaml orjson asyncio invigilate.sandbox"


@pytest.mark.parametrize(
    "line", ["sid check EX1234567890abcdef1234567890abcdef", "sessions schedule --from x --dry-run"]
)
def test_what_sends_nothing_imports_little(line: str, tmp_path: Path) -> None:
    program = (
        "import sys; from invigilate.cli import main; main(sys.argv[1:]); "
        f"print(sorted(set({HEAVY.split()!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *shlex.split(line)], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("missing", "line", "extra"),
    [
        ("typer", "--help", "cli"),
        ("rich", "sid check x", "cli"),
        ("altair", "report --chart c.svg", "chart"),
        ("vl_convert", "report --chart c.svg", "chart"),
        ("openapi_core", "sandbox", "sandbox"),
        ("yaml", "demo", "sandbox"),
        ("mcp", "mcp", "mcp"),
    ],
)
def test_a_missing_extra_is_named(
    missing: str, line: str, extra: str, run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    for module in (
        "invigilate.cli",
        "invigilate.cli.smarterproctoring.report",
        "invigilate.cli.sandbox",
        "invigilate.cli.mcp",
    ):
        monkeypatch.setattr(f"{module}.find_spec", lambda name: None if name == missing else found(name))
    done = run(line)
    assert (done.code, done.out) == (ExitCode.MISSING_EXTRA, "")
    assert f'pip install "invigilate[{extra}]"' in done.err
    assert done.err.count("\n") == 1
    assert len(sandbox.requests) == 0
