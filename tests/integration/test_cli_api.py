"""`invigilate apis` and `invigilate api`: all operations of all registered APIs, a third one included."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import httpx
import pytest
import typer

from invigilate import Lazy, Resource, _apis, operation
from invigilate._apis import API
from invigilate._binding import bound_operations
from invigilate._clients import SyncClient
from invigilate._credentials import TokenCredentials
from invigilate._settings import setting
from invigilate.cli import ExitCode, main
from invigilate.cli.app import application
from invigilate.cli.fields import is_sensitive, operation_of, option_name
from invigilate.cli.masking import sensitive_names
from invigilate.cli.registry import api_of, operations
from invigilate.sandbox import Sandbox
from tests.support.terminal import settings

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = [(api, name) for api in _apis.APIS for name in operations(api)]
IDS = [f"{api.key} {name}" for api, name in OPERATIONS]


class Done(NamedTuple):
    """The result of a command line."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COLUMNS", "300")

    def run(line: str) -> Done:
        return Done(int(main(shlex.split(line))), *capsys.readouterr())

    return run


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(seed=7, report_rows=40) as sandbox:
        for name, value in settings(sandbox).items():
            monkeypatch.setenv(name, value)
        yield sandbox
        assert sandbox.defects == []


def test_each_operation_of_each_api_is_listed(run: Run) -> None:
    rows = [json.loads(line) for line in run("apis --json").out.splitlines()]
    assert [row["operation"] for row in rows] == [f"{api.key} {name}" for api, name in OPERATIONS]
    for api in _apis.APIS:
        client = getattr(import_module(f"invigilate.{api.key}"), api.clients[0])
        described = [operation_of(each.describe) for each in bound_operations(client).values()]
        listed = [row for row in rows if row["operation"].startswith(f"{api.key} ")]
        assert {(row["method"], row["path"], row["idempotent"], row["documentation"]) for row in listed} == {
            (each.method, each.path, each.idempotent, each.documentation) for each in described
        }


@pytest.mark.parametrize("how", ["--help", "completion"])
def test_resources_are_listed_without_importing_their_operations(how: str) -> None:
    program = """
import atexit, sys

@atexit.register
def report():
    print(*(name for name in sys.modules if name.startswith("ispring_learn_client.api.") and name.count(".") > 2))

from invigilate.cli import main
main(sys.argv[1:])
"""
    environment, line = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}, "api ispring --help"
    if how == "completion":
        # As the script of the shell calls it, with the words so far.
        line, words = "", "invigilate api ispring job-t"
        environment |= {"_INVIGILATE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", program, *line.split()], env=environment, capture_output=True, text=True, check=True
    )
    *shown, imported = done.stdout.splitlines()
    assert any("job-training" in line for line in shown)
    # The client renews its token with this one.
    assert imported == "ispring_learn_client.api.access_tokens.create_access_token"


def called(api: API, name: str) -> Any:
    """The command of an operation, as it is when it runs."""
    found: Any = typer.main.get_command(application())
    context = found.make_context("invigilate", [], resilient_parsing=True)
    for each in ("api", api.key, *name.split()):
        _, found, _ = found.resolve_command(context, [each])
        context = found.make_context(each, [], parent=context, resilient_parsing=True)
    return found


@pytest.mark.parametrize(("api", "name"), OPERATIONS, ids=IDS)
def test_each_operation_is_a_command_with_an_option_for_each_argument(api: API, name: str) -> None:
    describe = operations(api)[name]
    found = called(api, name)
    assert found.name == name.split()[1]
    options = {option for parameter in found.params for option in parameter.opts}
    for field in operation_of(describe).fields:
        if is_sensitive(field):
            assert option_name(field.name) not in options
            assert "--secret" in options
        else:
            assert option_name(field.name) in options
    assert {"--json", "--debug"} < options
    if not operation_of(describe).idempotent:
        assert {"--yes", "--dry-run", "--from", "--results"} < options


@pytest.mark.parametrize(("api", "name"), OPERATIONS, ids=IDS)
def test_each_help_names_the_page(api: API, name: str, run: Run) -> None:
    done = run(f"api {api.key} {name} --help")
    assert (done.code, done.err) == (0, "")
    assert operation_of(operations(api)[name]).documentation in done.out


def test_what_is_not_an_operation(run: Run) -> None:
    assert run("api smarterproctoring exams nothing").code == ExitCode.USAGE
    assert run("api nobody exams get").code == ExitCode.USAGE
    assert run("api").code == ExitCode.USAGE


def test_an_object(run: Run, sandbox: Sandbox) -> None:
    done = run(f"api smarterproctoring users get-profile --user-sid {sandbox.user_sid}")
    assert (done.code, done.err) == (0, "")
    assert f"sid\t{sandbox.user_sid}\n" in done.out
    assert "firstName\t***\n" in done.out
    found = json.loads(run(f"api smarterproctoring users get_profile --user-sid {sandbox.user_sid} --json").out)
    assert found["firstName"] not in {None, "***"}


def test_an_array(run: Run, sandbox: Sandbox) -> None:
    line = f"api ispring job_training list_criterion_results --checklist-id {sandbox.checklist_id}"
    done = run(line)
    assert (done.code, done.err) == (0, "")
    header, *rows = done.out.splitlines()
    found = [json.loads(row) for row in run(f"{line} --json").out.splitlines()]
    assert header.split("\t") == list(found[0])
    assert len(rows) == len(found) > 1


def test_a_guarded_change_is_guarded_here_as_well(run: Run, sandbox: Sandbox) -> None:
    session = f"--exam-sid {sandbox.exam_sid} --session-sid {sandbox.session_sid}"
    when = "--appointment-date-time 2026-12-01T09:00:00Z"
    schedule = f"api smarterproctoring exam_sessions schedule {session} {when}"
    assert run(f"{schedule} --yes").code == ExitCode.OK
    again = run(f"{schedule} --yes")
    assert again.code == ExitCode.OUTCOME_UNKNOWN
    assert "not sent: the session is 'Scheduled'" in again.err


def test_a_request_that_is_not_idempotent_is_confirmed(run: Run, sandbox: Sandbox) -> None:
    line = f"api smarterproctoring exams update_assignments --exam-sid {sandbox.exam_sid}"
    added = shlex.quote(json.dumps({"enrollmentSid": [sandbox.enrollment_sid]}))
    assert run(line).code == ExitCode.USAGE
    before = len(sandbox.requests)
    asked = run(f"{line} --added {added}")
    assert (asked.code, asked.out) == (ExitCode.NOT_CONFIRMED, "")
    shown = run(f"{line} --added {added} --dry-run --json")
    assert json.loads(shown.out)["body"] == {"added": {"enrollmentSid": [sandbox.enrollment_sid]}}
    assert len(sandbox.requests) == before
    done = run(f"{line} --added {added} --yes")
    assert (done.code, done.out, done.err) == (0, "Successful\n", "")
    assert len(sandbox.requests) == before + 1


def test_sensitive_values_within_an_object_come_from_the_environment(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = shlex.quote(json.dumps({"ids": {"external": "c"}, "title": "Anatomy", "code": "A"}))
    line = f"api smarterproctoring provisioning provision --course {course} --secret user"
    missing = run(f"{line} --dry-run")
    assert (missing.code, missing.out) == (ExitCode.USAGE, "")
    assert "--secret user: set INVIGILATE_USER" in missing.err
    user = {"ids": {"external": "u"}, "firstName": "Ada", "lastName": "Example", "email": "ada@example.com"}
    monkeypatch.setenv("INVIGILATE_USER", json.dumps(user))
    shown = run(f"{line} --dry-run")
    assert '"firstName": "***"' in shown.out
    assert "Ada" not in shown.out + shown.err
    done = run(f"{line} --yes --json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["user"]["result"]
    monkeypatch.setenv("INVIGILATE_USER", "Ada")
    wrong = run(f"{line} --yes")
    assert (wrong.code, wrong.err) == (
        ExitCode.USAGE,
        "invigilate: --secret user: expected JSON, got a string of length 3\n",
    )


def test_an_early_end_is_shown_on_every_page(run: Run, sandbox: Sandbox) -> None:
    line = "api ispring users list --max-rows 4 --columns userId"

    def read(more: str = "") -> tuple[list[str], list[str]]:
        done = run(f"{line} {more}")
        assert done.code == 0
        return done.out.splitlines()[1:], done.err.splitlines()

    _, notes = read()
    assert notes == [
        "invigilate: stopped at --max-rows 4: more rows may follow",
        "invigilate: with a --page-size of at most 4, the option that continues is shown here",
    ]
    rows, notes = read("--page-size 3")
    assert notes[1].endswith("; the rows of that page come again; a --page-size of at most 4 advances")
    again, _ = read(f"--page-size 3 {' '.join(notes[1].partition(';')[0].split()[-2:])}")
    assert again[0] == rows[3]
    # In whole pages no row comes twice.
    found, more = [], ""
    while True:
        rows, notes = read(f"--page-size 4 {more}")
        found += rows
        if not notes:
            break
        assert len(notes) == 2
        more = " ".join(notes[1].split()[-2:])
    everyone = run("api ispring users list --columns userId").out.splitlines()[1:]
    assert found == everyone
    assert len(found) == len(set(found)) > 8


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("users list --emails a@example.com", "emails"),
        ("users list --emails=a@example.com", "emails"),
        ("webhooks register --callback-url https://example.com", "callback_url"),
        ("users create --fields {}", "fields"),
    ],
)
def test_a_sensitive_argument_is_not_an_option_and_the_error_says_how_to_pass_it(
    run: Run, sandbox: Sandbox, line: str, name: str
) -> None:
    done = run(f"api ispring {line}")
    how = f"Pass it with --secret {name}, and its value in INVIGILATE_{name.upper()}, or when asked"
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    option = f"--{name.replace('_', '-')}"
    assert done.err == f"invigilate: {option}: not an option, since it is sensitive. {how}\n"
    assert "example.com" not in done.err
    assert run("api ispring users list --emailz x").err.startswith("invigilate: No such option: --emailz; see")


def test_a_missing_sensitive_argument_says_how_to_pass_it(run: Run, sandbox: Sandbox) -> None:
    done = run("api ispring users create --department-id 12345678-1234-4234-8234-123456789012 --dry-run")
    assert done.code == ExitCode.USAGE
    assert done.err == (
        "invigilate: --fields: expected a value, since it is required, got nothing. "
        "Pass it with --secret fields, and its value in INVIGILATE_FIELDS, or when asked\n"
    )


def test_an_api_without_credentials(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for api in _apis.APIS:
        for variable in api.variables.values():
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ISPRING_ACCOUNT_URL", "https://school.ispringlearn.com")
    done = run("api ispring job_training list_checklist_sessions")
    assert (done.code, done.out) == (ExitCode.SETTINGS, "")
    assert "no credentials for iSpring Learn: set ISPRING_ACCESS_TOKEN or ISPRING_CLIENT_ID or" in done.err


# A third API: the package that is generated from the nastiest specification, registered for one test.

SEEN: list[httpx.Request] = []
BROKEN: list[str] = []
LEAVES = [{"colour": "red"}, {"colour": "green"}, {"colour": "blue", "age": 3}]


def respond(request: httpx.Request) -> httpx.Response:
    request.read()
    SEEN.append(request)
    path, method = request.url.path, request.method
    if path == "/leaves":
        if request.url.params.get("pageToken") in BROKEN:
            return httpx.Response(400)
        place = int(request.url.params.get("pageToken", "0"))
        token = str(place + 1) if place + 1 < len(LEAVES) else ""
        return httpx.Response(200, json={"items": LEAVES[place : place + 1], "nextPageToken": token})
    content: dict[tuple[str, str], Any] = {
        ("GET", "/things/TH0001"): {"name": "lamp", "secret": "hidden"},
        ("PUT", "/things/TH0001"): "replaced",
        ("GET", "/grid"): [[{"row": 1}], [{"row": 2}]],
        ("POST", "/free"): {"free": {"email": "ada@example.com"}},
        ("GET", "/any"): 7,
        ("POST", "/token"): {"access_token": "tok_of_the_third"},
    }
    if method == "DELETE":
        return httpx.Response(204)
    return httpx.Response(200, json=content[method, path])


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> Iterator[API]:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "golden" / "generated"))
    things: Any = import_module("nasty_client.api.things")
    class_: Any = import_module("nasty_client.api.class_")

    class Things(Resource[Any]):
        get = operation(lambda: things.get_thing.describe)
        replace = operation(lambda: things.replace_thing.describe)
        delete = operation(lambda: things.delete_thing.describe)
        leaves = operation(lambda: things.list_leaves.describe)
        grid = operation(lambda: things.get_grid.describe)

    class Class(Resource[Any]):
        free = operation(lambda: class_.post_free.describe)
        anything = operation(lambda: class_.import_.describe)
        token = operation(lambda: class_.create_token.describe)

    class Nasty(SyncClient):
        things: Lazy[Things, Things] = Lazy(Things)
        class_: Lazy[Class, Class] = Lazy(Class)

        def __init__(self, token: str | None = None) -> None:
            super().__init__(
                TokenCredentials(setting(token, "NASTY_TOKEN") or ""),
                "https://nasty.invalid",
                {"account_url": setting(None, "NASTY_ACCOUNT")},
                transport=httpx.MockTransport(respond),
            )

    module: Any = ModuleType("invigilate.nasty")
    module.Nasty = Nasty
    monkeypatch.setitem(sys.modules, module.__name__, module)
    api = API(
        "nasty",
        title="Nasty",
        spec="nasty",
        package="nasty_client",
        clients=("Nasty", "AsyncNasty"),
        defaults=("account_url",),
        variables={"token": "NASTY_TOKEN", "account_url": "NASTY_ACCOUNT"},
    )
    monkeypatch.setattr(_apis, "APIS", (*_apis.APIS, api))
    monkeypatch.setenv("NASTY_TOKEN", "tok_1")
    monkeypatch.setenv("NASTY_ACCOUNT", "https://account.invalid")
    SEEN.clear()
    BROKEN.clear()
    sensitive_names.cache_clear()
    yield api
    sensitive_names.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "nasty_client"]:
        del sys.modules[name]


def test_a_third_api_appears_everywhere(third: API, run: Run) -> None:
    help = " ".join(run("--help").out.split())
    assert "SmarterProctoring, iSpring Learn and Nasty from the command line." in help
    assert "Nasty: NASTY_TOKEN, NASTY_ACCOUNT." in help
    assert "Operations of Nasty." in run("api --help").out
    assert "nasty things leaves\ttrue\tGET\t/leaves\thttps://nasty.invalid/leaves\n" in run("apis").out
    for name, describe in operations(third).items():
        assert api_of(describe) is third
        assert run(f"api nasty {name} --help").code == 0
    assert {"nullableowner", "secret", "access_token"} < sensitive_names("nasty_client")


def test_reads_of_a_third_api(third: API, run: Run) -> None:
    thing = run("api nasty things get --thing-id-path TH0001 --level 1 --level 2 --size 5 --flag true")
    assert (thing.code, thing.err) == (0, "")
    assert thing.out == "name\tlamp\nsecret\t***\n"
    assert str(SEEN[-1].url.params) == "level=1&level=2&flag=true&size=5"
    assert SEEN[-1].headers["X-Account"] == "https://account.invalid"
    assert run("api nasty class anything").out == "7\n"
    assert run("api nasty things grid --json").out == '[{"row": 1}]\n[{"row": 2}]\n'
    assert run("api nasty things grid").out == 'value\n[{"row": 1}]\n[{"row": 2}]\n'


def test_wrong_arguments_of_a_third_api(third: API, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = run("api nasty things get --thing-id-path TH0001 --level one")
    assert wrong.err == "invigilate: --level[0]: expected an integer, got 'one'\n"
    assert run("api nasty things get").err.startswith("invigilate: --thing-id-path: expected a value, since")
    monkeypatch.delenv("NASTY_ACCOUNT")
    missing = run("api nasty things get --thing-id-path TH0001")
    assert (missing.code, missing.err) == (ExitCode.SETTINGS, "invigilate: pass --account-url, or set NASTY_ACCOUNT\n")
    monkeypatch.delenv("NASTY_TOKEN")
    missing = run("api nasty class anything")
    assert missing.err == "invigilate: no credentials for Nasty: set NASTY_TOKEN in the environment\n"
    assert SEEN == []


def test_pages_of_a_third_api(third: API, run: Run) -> None:
    done = run("api nasty things leaves")
    assert (done.code, done.out) == (0, "colour\tage\nred\t\ngreen\t\nblue\t3\n")
    assert [request.url.params.get("pageToken") for request in SEEN] == [None, "1", "2"]
    assert [json.loads(line) for line in run("api nasty things leaves --json").out.splitlines()] == LEAVES
    SEEN.clear()
    first = run("api nasty things leaves --max-rows 1")
    stopped = "invigilate: stopped at --max-rows {}: more rows may follow\n"
    assert (first.out, first.err) == ("colour\nred\n", stopped.format(1) + "invigilate: to continue: --page-token 1\n")
    assert len(SEEN) == 1
    second = run("api nasty things leaves --max-rows 2")
    assert second.err == stopped.format(2) + "invigilate: to continue: --page-token 2\n"
    assert run("api nasty things leaves --max-rows 3").err == ""
    rest = run("api nasty things leaves --page-token 1")
    assert (rest.out, rest.err) == ("colour\tage\ngreen\t\nblue\t3\n", "")
    BROKEN.append("2")
    broken = run("api nasty things leaves")
    assert (broken.code, broken.out.count("\n")) == (ExitCode.REFUSED, 3)
    assert broken.err.splitlines()[0] == "invigilate: to continue: --page-token 2"
    BROKEN.clear()
    assert run("api nasty things leaves --columns age").out == "age\n\n\n3\n"


def test_fields_of_later_rows_are_not_lost_silently(third: API, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invigilate.cli.output._SAMPLE", 2)
    done = run("api nasty things leaves")
    assert done.out == "colour\nred\ngreen\nblue\n"
    assert done.err == "invigilate: later rows have more fields: age; --json has all\n"


def test_changes_of_a_third_api(third: API, run: Run) -> None:
    assert run("api nasty things delete --thing-id TH0001").code == ExitCode.NOT_CONFIRMED
    assert SEEN == []
    assert run("api nasty things delete --thing-id TH0001 --yes") == Done(0, "", "")
    replaced = run("api nasty things replace --thing-id TH0001 --argument-from a --self b --list '[[\"x\"]]' --yes")
    assert (replaced.code, replaced.out) == (0, "replaced\n"), replaced.err
    assert json.loads(SEEN[-1].content) == {"from": "a", "self": "b", "list": [["x"]]}
    free = run("api nasty class free --free '{\"deep\": [1]}' --anything '[true]' --yes")
    assert (free.code, free.out) == (0, 'free\t{"email": "***"}\n'), free.err
    assert json.loads(SEEN[-1].content) == {"free": {"deep": [1]}, "anything": [True]}
    assert [request.method for request in SEEN] == ["DELETE", "PUT", "POST"]


def test_secrets_of_a_third_api_are_masked(third: API, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVIGILATE_CLIENT_SECRET", "s3cret-of-mine")
    line = "api nasty class token --grant-type client_credentials --client-id me --secret client_secret"
    shown = json.loads(run(f"{line} --dry-run --json").out)
    assert shown["body"] == {"grant_type": "client_credentials", "client_id": "me", "client_secret": "***"}
    assert SEEN == []
    assert run(line).code == ExitCode.NOT_CONFIRMED
    assert run(f"{line} --yes").out == "access_token\t***\n"
    assert b"s3cret-of-mine" in SEEN[-1].content


def test_an_argument_with_the_name_of_an_option_has_another_option() -> None:
    assert [option_name(name) for name in ("json", "yes", "dry_run", "exam_sid")] == [
        "--argument-json",
        "--argument-yes",
        "--argument-dry-run",
        "--exam-sid",
    ]


PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line", [line for line in PAGE.splitlines() if re.match(r"invigilate api (?!.* --from )", line)]
)
def test_the_documented_calls_work(line: str, run: Run, sandbox: Sandbox) -> None:
    done = run(line.removeprefix("invigilate "))
    assert (done.code, done.err) == (0, "")
    assert done.out
