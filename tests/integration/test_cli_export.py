"""`invigilate export`, end to end: processes against a sandbox."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from invigilate import ISpringLearn, SmarterProctoring, _apis
from invigilate.cli import ExitCode, main
from invigilate.cli.fields import operation_of
from invigilate.cli.registry import operations, resources
from invigilate.sandbox import Sandbox, faults
from tests.support.exporting import Meddler, csv_rows, json_lines
from tests.support.terminal import settings, start, terminal

REPORT = "export smarterproctoring reports service-distribution"
OPERATION = "getServiceDistribution"
YEAR = "--appointment-date-after 2026-01-01T00:00Z --appointment-date-before 2027-01-01T00:00Z"
FORMATS = ["csv", "jsonl", "parquet"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=600) as sandbox:
        yield sandbox
        assert sandbox.defects == []


class Program:
    """The command line in processes of their own, in a folder of its own."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.environment, self.folder = settings(sandbox), folder

    def start(self, line: str) -> subprocess.Popen[str]:
        return start(*shlex.split(line), folder=self.folder, environment=self.environment)

    def __call__(self, line: str) -> tuple[int, str, str]:
        with self.start(line) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def fails(self, line: str) -> tuple[int, str]:
        """Return the exit code, and the error, which is the only line but for times."""
        code, out, err = self(line)
        lines = [each for each in err.splitlines() if not re.fullmatch(r"invigilate: --[a-z-]+ \S+Z", each)]
        assert (out, len(lines)) == ("", 1), err
        return code, lines[0].removeprefix("invigilate: ")

    def files(self) -> list[str]:
        return sorted(os.listdir(self.folder))


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Program:
    return Program(sandbox, tmp_path)


def rows_in(path: Path) -> list[dict[str, Any]]:
    """Read a file in any format. In CSV and Parquet objects are JSON."""
    assert path.stat().st_mode & 0o777 == 0o600
    if path.suffix == ".jsonl":
        return json_lines(path)
    return csv_rows(path) if path.suffix == ".csv" else pq.read_table(path).to_pylist()


def reports(sandbox: Sandbox, install: str | None = None, **filters: Any) -> list[dict[str, Any]]:
    known: dict[str, Any] = {"token": sandbox.token, "base_url": sandbox.smarterproctoring_url}
    with SmarterProctoring(install_sid=install or sandbox.install_sid, **known) as client:
        return [row.to_dict() for row in client.reports.service_distribution(**filters)]


def people(sandbox: Sandbox) -> list[dict[str, Any]]:
    known: dict[str, Any] = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    with ISpringLearn(**known, account_url=sandbox.account_url, base_url=sandbox.ispring_url) as client:
        return [row.to_dict() for row in client.users.list()]


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_a_report(form: str, run: Program, sandbox: Sandbox) -> None:
    expected = reports(sandbox, statuses=["Closed"])
    code, out, err = run(f"{REPORT} --statuses Closed --output rows.{form}")
    assert (code, out, err) == (0, "", f"invigilate: rows.{form}: {len(expected)} rows\n")
    rows = rows_in(run.folder / f"rows.{form}")
    assert [row["sid"] for row in rows] == [row["sid"] for row in expected]
    if form == "jsonl":
        assert rows == expected
    else:
        assert [json.loads(row["exam"]) for row in rows] == [row["exam"] for row in expected]
    assert run.files() == [f"rows.{form}"]


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_ispring(form: str, run: Program, sandbox: Sandbox) -> None:
    expected = people(sandbox)
    code, out, err = run(f"export ispring users --page-size 4 --output people.{form}")
    assert (code, out, err) == (0, "", f"invigilate: people.{form}: {len(expected)} rows\n")
    rows = rows_in(run.folder / f"people.{form}")
    assert [row["userId"] for row in rows] == [row["userId"] for row in expected]
    assert len([request for request in sandbox.requests if "pageSize=4" in request.query]) == 4


PAGED = [
    (api, name)
    for api in _apis.APIS
    for name, describe in operations(api).items()
    if operation_of(describe).pagination is not None
]


def test_each_operation_that_pages_can_be_exported(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process, since there are many.
    for name, value in settings(sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with ISpringLearn() as client:
        quiz = next(iter(client.quizzes.list()))
    needed = {
        "smarterproctoring exam-sessions": f"--exam-sid {sandbox.exam_sid} --enrollment-sid {sandbox.enrollment_sid}",
        "ispring reports": f"--quiz-id {quiz.quiz_id}",
    }
    for number, (api, name) in enumerate(PAGED):
        line = f"export {api.key} {name} {needed.get(f'{api.key} {name.split()[0]}', '')} --output {number}.parquet"
        assert main(shlex.split(line)) == 0, line
        pagination = operation_of(operations(api)[name]).pagination
        assert pagination is not None
        assert pq.read_schema(f"{number}.parquet").names == [*dict(pagination.columns), "additional"]
    assert len(PAGED) == 15


def test_the_documented_commands_work(run: Program) -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    lines = re.findall(r"^invigilate (export .* --output .*)$", page, re.MULTILINE)
    assert [run(line)[0] for line in lines] == [0, 0]
    assert run.files() == ["closed.csv", "users.parquet"]


def test_names_may_be_those_of_python(run: Program, sandbox: Sandbox) -> None:
    assert run("export ispring users list_v1 --output a.jsonl")[0] == 0
    assert run("export ispring users list-v1 --output b.jsonl")[0] == 0
    assert run("export ispring users --output c.jsonl")[0] == 0
    first, second, third = (rows_in(run.folder / f"{name}.jsonl") for name in "abc")
    assert first == second
    assert len(third) == len(first)
    asked = [request.path.rpartition("/")[2] for request in sandbox.requests if "/users" in request.path]
    assert asked == ["users", "users", "v2"]


@pytest.mark.parametrize("form", FORMATS)
def test_several_installs(form: str, run: Program, sandbox: Sandbox) -> None:
    installs = [sandbox.other_install_sid, sandbox.install_sid]
    line = " ".join(f"--install-sid {sid}" for sid in installs)
    code, _, err = run(f"{REPORT} {line} --output rows.{form}")
    assert (code, err) == (0, f"invigilate: rows.{form}: 612 rows\n")
    rows = rows_in(run.folder / f"rows.{form}")
    assert [row["installSid"] for row in rows] == [installs[0]] * 12 + [installs[1]] * 600
    assert [row["sid"] for row in rows] == [row["sid"] for sid in installs for row in reports(sandbox, sid)]
    assert next(iter(rows[0])) == "installSid"


def test_an_install_that_is_passed_is_a_column_and_that_of_the_environment_is_none(
    run: Program, sandbox: Sandbox
) -> None:
    assert run(f"{REPORT} --install-sid {sandbox.other_install_sid} --output one.csv")[0] == 0
    assert {row["installSid"] for row in rows_in(run.folder / "one.csv")} == {sandbox.other_install_sid}
    assert run(f"{REPORT} --output own.csv")[0] == 0
    assert "installSid" not in rows_in(run.folder / "own.csv")[0]


def test_the_report_is_a_short_form(run: Program) -> None:
    for line in (REPORT, "export smarterproctoring reports", "report"):
        assert run(f"{line} --statuses Closed --csv-safe --checkpoint kept --output {len(line)}.csv")[0] == 0
    assert len(run.files()) == 3
    assert len({(run.folder / name).read_bytes() for name in run.files()}) == 1
    code, out, _ = run("report --page-size 100 --output short.jsonl --json")
    assert (code, json.loads(out)["rows"]) == (0, 600)


def test_the_page_size_and_the_pages_ahead(run: Program, sandbox: Sandbox) -> None:
    assert run(f"{REPORT} --limit 100 --prefetch 1 --output rows.jsonl")[0] == 0
    assert [request.query for request in sandbox.requests] == [
        "limit=100" if offset == 0 else f"offset={offset}&limit=100" for offset in range(0, 600, 100)
    ]


def test_the_summary_in_json(run: Program, sandbox: Sandbox) -> None:
    installs = f"--install-sid {sandbox.install_sid} --install-sid {sandbox.other_install_sid}"
    with sandbox.faults.during(OPERATION, faults.pages_grow(rows=1, most=1)):
        code, out, err = run(f"{REPORT} {installs} --limit 300 --prefetch 1 --output rows.csv --json")
    assert (code, out.count("\n")) == (0, 1)
    summary = json.loads(out)
    assert summary.pop("seconds") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*\+00:00", summary.pop("read_since"))
    warned = [each for each in summary["warnings"] if each.startswith(f"{sandbox.install_sid}: at row ")]
    assert len(warned) >= 1
    # Warnings are told on stderr as well, and nothing else is.
    assert err.splitlines() == [f"invigilate: {each}" for each in summary.pop("warnings")]
    rows = len(rows_in(run.folder / "rows.csv"))
    expected = {"path": "rows.csv", "rows": rows, "total": rows, "parts": 2, "resumed_rows": 0, "misfits": {}}
    assert summary == expected


def test_values_that_do_not_fit_are_counted(run: Program, sandbox: Sandbox) -> None:
    def page(page: dict[str, Any], query: dict[str, str]) -> None:
        page["results"][0]["billable"] = "perhaps"

    sandbox.interceptors.append(Meddler(page=page))
    code, _, err = run(f"{REPORT} --output rows.parquet")
    assert (code, err.splitlines()[1]) == (
        0,
        "invigilate: billable: 1 values do not fit the column; they are in the column additional",
    )
    assert json.loads(rows_in(run.folder / "rows.parquet")[0]["additional"]) == {"billable": "perhaps"}
    code, out, _ = run(f"{REPORT} --output again.parquet --json")
    assert (code, json.loads(out)["misfits"]) == (0, {"billable": 1})


def test_strings_that_spreadsheets_would_run(run: Program, sandbox: Sandbox) -> None:
    def page(page: dict[str, Any], query: dict[str, str]) -> None:
        page["results"][0]["statusReason"] = "=1+1"

    sandbox.interceptors.append(Meddler(page=page))
    assert run(f"{REPORT} --output plain.csv")[0] == 0
    assert run(f"{REPORT} --output safe.csv --csv-safe")[0] == 0
    found = [rows_in(run.folder / f"{name}.csv")[0]["statusReason"] for name in ("plain", "safe")]
    assert found == ["=1+1", "'=1+1"]


def test_a_file_is_only_replaced_if_that_is_asked_for(run: Program, sandbox: Sandbox) -> None:
    path = run.folder / "rows.csv"
    path.write_text("mine")
    path.chmod(0o644)
    code, error = run.fails(f"{REPORT} --output rows.csv")
    assert (code, error) == (
        ExitCode.USAGE,
        "--output: expected a file that does not exist, or --overwrite, got one that exists",
    )
    assert (path.read_text(), run.files(), len(sandbox.requests)) == ("mine", ["rows.csv"], 0)
    assert run(f"{REPORT} --output rows.csv --overwrite")[0] == 0
    assert len(rows_in(path)) == 600


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("export nothing users --output r.csv", "No such command 'nothing'"),
        ("export ispring nothing --output r.csv", "No such command 'nothing'"),
        ("export ispring users nothing --output r.csv", "No such command 'nothing'"),
        ("export ispring users get --output r.csv", "export ispring users get: it does not page, so it has no rows"),
        ("export ispring webhooks --output r.csv", "export ispring webhooks: it does not page, so it has no rows"),
        ("export ispring users", "Missing option '--output'; see invigilate export ispring users list --help"),
        (REPORT, "Missing option '--output'"),
        (f"{REPORT} --output r.txt", "--output: expected a path ending in .csv, .jsonl or .parquet, got the suffix"),
        (f"{REPORT} --output r", "--output: expected a path ending in .csv, .jsonl or .parquet, got no suffix"),
        (f"{REPORT} --output no/r.csv", "--output: expected a file in a folder that exists, got one in a folder that"),
        (f"{REPORT} --output folder.csv", "--output: expected the path of a file, got a folder"),
        (f"{REPORT} --output ''", "--output: expected a path ending in .csv"),
        (f"{REPORT} --output r.csv --output s.csv", "--output: passed twice; it takes one value"),
        (f"{REPORT} --output r.csv --checkpoint no/c", "--checkpoint: expected a folder in a folder that exists, got "),
        (f"{REPORT} --output r.jsonl --csv-safe", "--csv-safe: expected False unless the format is csv, got True"),
        (f"{REPORT} --output r.csv --statuses closed", "--statuses[0]: expected one of 'Scheduled', 'Closed', "),
        (f"{REPORT} --output r.csv --exam-sid {{install}}", "--exam-sid: expected an exam SID"),
        (f"{REPORT} --output r.csv --offset 5", "No such option"),
        (f"{REPORT} --output r.csv --max-rows 5", "No such option"),
        (f"{REPORT} --output r.csv --limit 0", "--limit: expected"),
        (f"{REPORT} --output r.csv --prefetch 0", "Invalid value for '--prefetch'"),
        (
            f"{REPORT} --output r.csv --appointment-date-after 2026-10-01",
            "--appointment-date-after: expected an offset such as Z or +02:00, or --timezone, got a bare date",
        ),
        (
            f"{REPORT} --output r.csv --appointment-date-before 2026-10-01T09:00",
            "--appointment-date-before: expected an offset such as Z or +02:00, or --timezone, got a time without an",
        ),
        (
            f"{REPORT} --output r.csv --close-date-after 2026-10-02T00:00Z --close-date-before 2026-10-01T00:00Z",
            "--close-date-before: expected a time after --close-date-after, got an earlier one",
        ),
        (
            f"{REPORT} --output r.csv --rows-per-part 10 --close-date-after 2026-10-02T00:00Z",
            "--rows-per-part: needs both bounds of a time, as in --appointment-date-after and -before",
        ),
        ("export ispring users --output r.csv --rows-per-part 10", "--rows-per-part: needs both bounds of a time"),
        (f"{REPORT} --output r.csv {YEAR} --rows-per-part 0", "Invalid value for '--rows-per-part'"),
        (
            f"{REPORT} --output r.csv --install-sid {{install}} --install-sid {{install}}",
            "--install-sid: the same value is passed twice",
        ),
        (f"{REPORT} --output r.csv --install-sid {{exam}}", "--install-sid: expected an install SID"),
        ("export ispring users --output r.csv --install-sid {install}", "No such option"),
        ("export ispring users --output r.csv --emails ada@example.com", "--emails: not an option, since it is sens"),
        ("report --output r.csv --columns sid", "--output: exports the whole report; it cannot be combined with"),
        ("report --output r.csv --offset 10", "--output: exports the whole report; it cannot be combined with"),
    ],
)
def test_wrong_command_lines(line: str, problem: str, run: Program, sandbox: Sandbox) -> None:
    (run.folder / "folder.csv").mkdir()
    code, error = run.fails(line.format(install=sandbox.install_sid, exam=sandbox.exam_sid))
    assert code == ExitCode.USAGE
    assert error.startswith(problem)
    # Nothing was sent, and no file was created.
    assert (len(sandbox.requests), run.files()) == (0, ["folder.csv"])


@pytest.mark.parametrize("library", ["duckdb", "msgspec"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_missing_extra(library: str, form: str, run: Program, sandbox: Sandbox) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; from invigilate.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *shlex.split(f"{REPORT} --output r.{form}")],
        env={**os.environ, **run.environment},
        cwd=run.folder,
        capture_output=True,
        text=True,
    )
    if form == "jsonl":
        assert (done.returncode, len(rows_in(run.folder / "r.jsonl"))) == (0, 600)
        return
    assert (done.returncode, done.stdout) == (ExitCode.MISSING_EXTRA, "")
    assert done.stderr == 'invigilate: tables, CSV and Parquet need an extra: pip install "invigilate[export]"\n'
    assert run.files() == []


@pytest.mark.parametrize(
    ("name", "line", "problem"),
    [
        ("SMARTERPROCTORING_TOKEN", REPORT, "no credentials for SmarterProctoring: set SMARTERPROCTORING_TOKEN"),
        ("SMARTERPROCTORING_INSTALL_SID", REPORT, "pass --install-sid, or set SMARTERPROCTORING_INSTALL_SID"),
        ("ISPRING_CLIENT_SECRET", "export ispring users", "client_secret"),
    ],
)
def test_missing_settings(name: str, line: str, problem: str, run: Program) -> None:
    del run.environment[name]
    code, error = run.fails(f"{line} --output r.csv")
    assert (code, run.files()) == (ExitCode.SETTINGS, [])
    assert problem in error


def test_what_the_server_refuses_has_codes(run: Program, sandbox: Sandbox) -> None:
    with sandbox.faults.during(OPERATION, faults.status(status=418)):
        assert run.fails(f"{REPORT} --output r.csv")[0] == ExitCode.REFUSED
    with sandbox.faults.during(OPERATION, faults.empty_page(after=1)):
        code, error = run.fails(f"{REPORT} --output r.csv --limit 100 --prefetch 1")
    assert (code, "is empty, but the total is 600" in error) == (ExitCode.INCOMPLETE, True)
    sandbox.expire_token(401)
    assert run.fails(f"{REPORT} --output r.csv")[0] == ExitCode.SETTINGS
    assert run.files() == []


def test_an_install_without_access_ends_the_export_and_the_rest_continues(run: Program, sandbox: Sandbox) -> None:
    unknown = f"AI{'0' * 32}"
    line = f"{REPORT} --output r.csv --install-sid {sandbox.install_sid} --install-sid"
    code, error = run.fails(f"{line} {unknown}")
    assert code in {ExitCode.NOT_FOUND, ExitCode.SETTINGS}
    assert unknown in error
    # The checkpoint is that of other arguments.
    code, error = run.fails(f"{line} {sandbox.other_install_sid}")
    assert code == ExitCode.INCOMPLETE
    assert "r.csv.checkpoint: this checkpoint belongs to an export with other arguments" in error


def test_progress_in_a_terminal(run: Program, sandbox: Sandbox) -> None:
    sandbox.faults.add(OPERATION, faults.stall(seconds=0.15))
    arguments = shlex.split(f"{REPORT} --limit 50 --prefetch 1 --output rows.csv")
    with terminal(*arguments, folder=run.folder, environment=run.environment) as shown:
        assert shown.end() == 0
    assert re.search(r"reading [\d,]+ of 600 rows, \d+ pages  [\d,]+ rows/s", shown.raw)
    assert re.search(r"writing 600 of 600 rows, 12 pages", shown.raw)
    # It is gone in the end.
    assert shown.text == "invigilate: rows.csv: 600 rows"


def test_progress_of_several_installs_in_a_terminal(run: Program, sandbox: Sandbox) -> None:
    sandbox.faults.add(OPERATION, faults.stall(seconds=0.15))
    installs = f"--install-sid {sandbox.install_sid} --install-sid {sandbox.other_install_sid}"
    arguments = shlex.split(f"{REPORT} --limit 100 --prefetch 1 {installs} --output rows.csv --json")
    with terminal(*arguments, folder=run.folder, environment=run.environment, columns=140) as shown:
        assert shown.end() == 0
    assert re.search(r"reading [\d,]+ rows, \d+ pages, 0 of 2 parts", shown.raw)
    assert re.search(r"writing 612 of 612 rows, 7 pages, 2 of 2 parts", shown.raw)
    assert '"rows": 612' in shown.text


def wait_for(fired: Any) -> None:
    deadline = time.monotonic() + 30
    while not fired():
        assert time.monotonic() < deadline
        time.sleep(0.01)


PARTS = f"{YEAR} --rows-per-part 100 --limit 50 --prefetch 1"


def interrupted(run: Program, sandbox: Sandbox, line: str, how: signal.Signals, after: int) -> tuple[int, str]:
    """Interrupt an export when a request does not return, after some that did."""

    def fired() -> int:
        return sum(sandbox.faults.fired.counts.values())

    before = fired()
    with sandbox.faults.during(OPERATION, faults.stall(seconds=20, after=after)), run.start(line) as process:
        wait_for(lambda: fired() > before)
        process.send_signal(how)
        _, err = process.communicate(timeout=30)
    return process.returncode, err.splitlines()[-1] if err else ""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("kept", ["rows.csv.checkpoint", "elsewhere"])
def test_an_interrupted_export_continues(how: signal.Signals, kept: str, run: Program, sandbox: Sandbox) -> None:
    filters = {"appointment_date_after": "2026-01-01T00:00:00Z", "appointment_date_before": "2027-01-01T00:00:00Z"}
    expected = {str(row["sid"]) for row in reports(sandbox, **filters)}
    asked = len(sandbox.requests)
    line = f"{REPORT} {PARTS} --output rows.csv {'' if kept.startswith('rows') else f'--checkpoint {kept}'}"
    code, last = interrupted(run, sandbox, line, how, after=22)
    if how is signal.SIGINT:
        assert code == ExitCode.INTERRUPTED
        said = f"what was read is kept in {kept}, and the same command continues from it"
        assert last == f"invigilate: interrupted; {said}"
    else:
        assert code == -signal.SIGKILL
    assert run.files() == [kept]
    folder = run.folder / kept
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    before = len(sandbox.requests) - asked
    code, out, _ = run(f"{line} --json")
    summary = json.loads(out)
    assert (code, summary["rows"], summary["total"]) == (0, len(expected), len(expected))
    assert 0 < summary["resumed_rows"] < len(expected)
    rows = rows_in(run.folder / "rows.csv")
    assert len(rows) == len(expected)
    assert {row["sid"] for row in rows} == expected
    assert run.files() == ["rows.csv"]
    # It takes 15 totals to plan 7 parts, and 12 pages to read them; complete parts were not read again.
    pages = [request.query for request in sandbox.requests[asked + before :] if "limit=50" in request.query]
    assert (summary["parts"], 0 < len(pages) <= 12 - summary["resumed_rows"] // 100) == (7, True)


def test_an_interrupted_export_of_several_installs_continues(run: Program, sandbox: Sandbox) -> None:
    installs = f"--install-sid {sandbox.other_install_sid} --install-sid {sandbox.install_sid}"
    line = f"{REPORT} {installs} --limit 100 --prefetch 1 --output rows.jsonl"
    code, last = interrupted(run, sandbox, line, signal.SIGINT, after=3)
    assert (code, "the same command continues" in last) == (ExitCode.INTERRUPTED, True)
    code, _, err = run(line)
    assert (code, err) == (0, "invigilate: rows.jsonl: 612 rows, 12 of them read by an earlier run\n")
    assert len({row["sid"] for row in rows_in(run.folder / "rows.jsonl")}) == 612


def test_an_export_that_was_interrupted_before_its_first_part_was_complete(run: Program, sandbox: Sandbox) -> None:
    line = f"{REPORT} --limit 100 --prefetch 1 --output rows.csv"
    code, last = interrupted(run, sandbox, line, signal.SIGINT, after=3)
    said = "invigilate: interrupted; no part was read completely, so nothing is kept"
    assert (code, last, run.files()) == (ExitCode.INTERRUPTED, said, [])


def test_ctrl_c_in_a_terminal(run: Program, sandbox: Sandbox) -> None:
    with (
        sandbox.faults.during(OPERATION, faults.stall(seconds=20, after=2)),
        terminal(
            *shlex.split("report --page-size 100 --prefetch 1 --output rows.csv"),
            folder=run.folder,
            environment=run.environment,
        ) as shown,
    ):
        wait_for(lambda: sandbox.faults.fired.counts)
        shown.press_ctrl_c()
        assert shown.end() == ExitCode.INTERRUPTED
    assert shown.text == "invigilate: interrupted; no part was read completely, so nothing is kept"


def test_help_lists_what_pages_and_the_options(run: Program) -> None:
    code, out, _ = run("export ispring --help")
    assert code == 0
    listed = set(re.findall(r"^│ ([a-z-]+) ", out, re.MULTILINE))
    api = next(api for api in _apis.APIS if api.key == "ispring")
    paged = {name.split()[0] for key, name in PAGED if key.key == "ispring"}
    assert listed - {"--help"} == paged < set(resources(api))
    assert "Without an operation: list." in " ".join(run("export ispring users --help")[1].split())
    for line in ("export smarterproctoring reports --help", f"{REPORT} --help"):
        shown = run(line)[1]
        for option in ("--output", "--overwrite", "--csv-safe", "--checkpoint", "--prefetch", "--rows-per-part"):
            assert option in shown
        assert "--install-sid" in shown
        assert "--offset" not in shown
