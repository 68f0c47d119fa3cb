"""Options that are made from the generated operations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from invigilate import _apis
from invigilate.cli import main
from invigilate.cli.app import application
from invigilate.cli.exits import ExitCode, Failure
from invigilate.cli.fields import (
    help_texts,
    is_repeated,
    masked,
    operation_of,
    option_name,
    secret_values,
    summary,
    value_of,
    variable,
)
from invigilate.cli.masking import sensitive_names
from invigilate.errors import InvalidArgumentError
from invigilate.ispring.resources import JobTraining
from invigilate.smarterproctoring.resources import CourseOfferings, ExamSessions, Reports
from invigilate_runtime import Field

ROOT = Path(__file__).resolve().parents[2]
COMMANDS: dict[tuple[str, ...], Any] = {
    ("report",): Reports.service_distribution.describe,
    ("sessions", "show"): ExamSessions.get.describe,
    ("sessions", "list"): ExamSessions.list_for_enrollment.describe,
    ("sessions", "schedule"): ExamSessions.schedule.describe,
    ("sessions", "reschedule"): ExamSessions.reschedule.describe,
    ("sessions", "cancel"): ExamSessions.cancel.describe,
    ("api", "smarterproctoring", "course-offerings", "update"): CourseOfferings.update.describe,
    ("api", "ispring", "job-training", "list-session-results"): JobTraining.list_session_results.describe,
}


def command(path: tuple[str, ...]) -> Any:
    return next(found for at, found, _ in every_command() if at == " ".join(["invigilate", *path]))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_argument_of_an_operation_is_an_option(path: tuple[str, ...]) -> None:
    parameters = {parameter.name: parameter for parameter in command(path).params}
    for field in operation_of(COMMANDS[path]).fields:
        if field.sensitive:
            # It would stand in the list of processes.
            assert f"argument_{field.name}" not in parameters
            assert option_name(field.name) not in [name for other in parameters.values() for name in other.opts]
            assert field.name in parameters["secret"].help
        elif field.name == "limit" and path == ("report",):
            assert "--page-size" in parameters["page_size"].opts
        else:
            parameter = parameters[f"argument_{field.name}"]
            assert option_name(field.name) in parameter.opts
            assert parameter.multiple is (is_repeated(field) or (field.name == "install_sid" and path == ("report",)))
            assert len(parameter.help) > 5
            assert not parameter.required


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_operation_describes_all_that_the_options_say(path: tuple[str, ...]) -> None:
    describe = COMMANDS[path]
    texts = help_texts(describe)
    assert set(texts) == set(inspect.signature(describe).parameters)
    for text in texts.values():
        assert text.endswith(".")
        assert "RFC 3339" not in text
        assert "  " not in text
    assert summary(describe)


def every_command() -> Iterator[tuple[str, Any, Any]]:
    """All groups and commands, those of `api` included, each with its path and its context."""

    def walk(context: Any) -> Iterator[tuple[str, Any, Any]]:
        found = context.command
        yield context.command_path, found, context
        if hasattr(found, "list_commands"):
            for name in found.list_commands(context):
                _, inner, _ = found.resolve_command(context, [name])
                yield from walk(inner.make_context(name, [], parent=context, resilient_parsing=True))

    root: Any = typer.main.get_command(application())
    return walk(root.make_context("invigilate", [], resilient_parsing=True))


FLAGS = {"--bars", "--csv-safe", "--debug", "--dry-run", "--help", "--json", "--overwrite"}
FLAGS |= {"--install-completion", "--retry-refused", "--show-completion", "--version", "--yes"}


def test_no_flag_takes_a_value() -> None:
    """Versions of typer differ in what they take for a flag, and in how they show one."""
    seen: set[str] = set()
    for path, found, context in every_command():
        for parameter in found.get_params(context):
            if parameter.param_type_name != "option":
                continue
            name = next(each for each in parameter.opts if each.startswith("--"))
            assert parameter.is_flag is (name in FLAGS), (path, name)
            if parameter.is_flag:
                seen.add(name)
                assert parameter.metavar == "", (path, name)
    assert seen == FLAGS


@pytest.mark.parametrize("line", ["", "sessions", "sessions cancel", "api ispring", "api ispring access-tokens create"])
def test_help_shows_flags_without_a_type(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*line.split(), "--help"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"--help +-h +Show this message and exit\.", printed)
    assert not re.search(r"bool", printed, re.IGNORECASE)


def test_no_credential_is_an_option() -> None:
    every = [name for _, found, _ in every_command() for parameter in found.params for name in parameter.opts]
    assert "--exam-sid" in every
    words = ("token", "secret-", "client-secret", "password", "card", "voucher", "base-url")
    # Of pages, and of the people whose performance is reviewed.
    harmless = {"--page-token", "--cards"}
    assert [name for name in every if any(word in name for word in words) and name not in harmless] == []


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "null", "null"),
        ("integer", "-12", -12),
        ("number", "12.50", Decimal("12.50")),
        ("boolean", "TRUE", True),
        ("boolean", "false", False),
        ("object", '{"a": [1]}', {"a": [1]}),
        ("array", "one", ["one"]),
        ("array", '["one", "two"]', ["one", "two"]),
        ("union", "one", "one"),
        ("union", '["one"]', '["one"]'),
        ("comma", "A,B", "A,B"),
    ],
)
def test_texts_become_values(kind: str, text: str, value: Any) -> None:
    made = value_of(Field("name", "name", "body", kind), text, None)
    assert (made, type(made)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "given"),
    [
        ("integer", "1.5", "'1.5'"),
        ("integer", "١٢", "a string of length 2"),
        ("number", "twelve", "'twelve'"),
        ("boolean", "yes", "'yes'"),
        ("object", "{", "a string of length 1"),
        ("array", "[1", "a string of length 2"),
    ],
)
def test_texts_that_become_none(kind: str, text: str, given: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        value_of(Field("name", "name", "body", kind), text, None)
    assert str(caught.value).endswith(f"got {given}")
    with pytest.raises(InvalidArgumentError) as caught:
        value_of(Field("name", "name", "body", kind, sensitive=True), text, None)
    assert text not in str(caught.value).partition("got ")[2] or len(text) < 3


def test_null_stands_for_null_where_it_is_documented() -> None:
    nullable = Field("start_date", "startDate", "body", "timestamp", nullable=True)
    assert value_of(nullable, "null", None) is None
    with pytest.raises(InvalidArgumentError):
        value_of(nullable._replace(nullable=False), "null", None)


def test_masking_reaches_nested_members() -> None:
    inner = Field("", "inner", "", "object", fields=(Field("", "pin", "", "string", sensitive=True),))
    fields = (inner, Field("", "list", "", "array", items=inner), Field("", "card", "", "string", sensitive=True))
    body = {"inner": {"pin": "1", "other": 2}, "list": [{"pin": "3"}], "card": "4", "free": None}
    shown = {"inner": {"pin": "***", "other": 2}, "list": [{"pin": "***"}], "card": "***", "free": None}
    assert masked(Field("", "", "", "object", fields=fields), body) == shown


def test_masking_reaches_members_that_nothing_documents() -> None:
    free = Field("", "free", "", "object", additional=True)
    union = Field("", "either", "", "union", fields=(free, Field("", "", "", "string")))
    person = {"email": "a@b.example", "ids": [{"Phone": "1", "sid": "US1"}], "username": None}
    shown = {"email": "***", "ids": [{"Phone": "***", "sid": "US1"}], "username": None}
    body = {"free": person, "either": person, "unknown": [person], "email": "x"}
    assert masked(Field("", "", "", "object", fields=(free, union)), body) == {
        "free": shown,
        "either": shown,
        "unknown": [shown],
        "email": "***",
    }


def test_the_names_that_are_masked_are_those_of_the_specifications() -> None:
    def names(found: Any) -> Iterator[str]:
        if isinstance(found, dict):
            if found.get("x-sensitive") and "name" in found:
                yield found["name"]
            for name, member in found.get("properties", {}).items():
                if isinstance(member, dict) and member.get("x-sensitive"):
                    yield name
        for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else []:
            yield from names(inner)

    for api in _apis.APIS:
        document = yaml.safe_load((ROOT / "openapi" / f"{api.spec}.yaml").read_text(encoding="utf-8"))
        marked = {name.casefold() for name in names(document)}
        assert len(marked) > 10
        assert marked == sensitive_names(api.package)
    assert {"cardtoken", "email"} < sensitive_names("smarterproctoring_client")
    assert "client_secret" in sensitive_names("ispring_learn_client")


CARD = Field("card_token", "cardToken", "body", "string", sensitive=True)


def test_a_secret_comes_from_the_environment_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable("card_token"), "tok_1")
    assert secret_values([CARD], []) == {}
    assert secret_values([CARD], ["card-token"]) == {"card_token": "tok_1"}


@pytest.mark.parametrize(("wanted", "problem"), [("pin", "expected one of card_token"), ("card_token", "set INVIGI")])
def test_a_secret_that_cannot_be_had(wanted: str, problem: str) -> None:
    with pytest.raises(Failure, match=problem) as caught:
        secret_values([CARD], [wanted])
    assert caught.value.code is ExitCode.USAGE
