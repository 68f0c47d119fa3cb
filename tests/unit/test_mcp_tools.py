"""Operations as tools for agents: which are offered, and the JSON Schema of their arguments."""

from __future__ import annotations

import re
from types import FunctionType
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from invigilate import _apis
from invigilate.cli.exits import ExitCode, Failure
from invigilate.cli.fields import is_sensitive, operation_of
from invigilate.cli.registry import operations
from invigilate.mcp.tools import MAX_ROWS, Tool, offered, schema_of, tool_of
from invigilate_runtime import Field, SharedFields
from tests.support.bound import arguments_of
from tests.support.documented import operations as documented

EVERY = [tool_of(api, words, describe) for api in _apis.APIS for words, describe in operations(api).items()]
EXAMPLES = {each.key: each for api in _apis.APIS for each in documented(api.spec)}
every_tool = pytest.mark.parametrize("tool", EVERY, ids=[tool.name for tool in EVERY])


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for api in _apis.APIS:
        for variable in api.variables.values():
            monkeypatch.delenv(variable, raising=False)


def test_names_are_those_of_the_protocol_and_differ() -> None:
    names = [tool.name for tool in EVERY]
    assert len(set(names)) == len(names) == 156
    assert [name for name in names if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)] == []
    assert {tool.name for tool in EVERY} >= {"smarterproctoring_exam_sessions_get", "ispring_users_find_existing"}


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    api, describe = _apis.APIS[0], EVERY[0].describe
    names = [tool_of(api, f"{'very-long ' * 8}{last}", describe).name for last in ("get", "list")]
    assert names[0] != names[1]
    assert {len(name) for name in names} == {64}


@every_tool
def test_the_schema_is_valid_and_takes_the_documented_example(tool: Tool) -> None:
    schema = tool.schema()
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(tool.fields)
    assert "" not in schema["properties"]
    assert all(isinstance(each["description"], str) for each in schema["properties"].values())
    assert not any(name.endswith("_") for name in schema["properties"])
    example = arguments_of(EXAMPLES[tool.api.spec, tool.operation.id])
    passed = {name: example[field.name] for name, field in tool.fields.items() if field.name in example}
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(passed)]
    assert errors == []


@every_tool
def test_no_sensitive_argument_is_in_a_schema(tool: Tool) -> None:
    sensitive = {field.wire_name for field in tool.operation.fields if is_sensitive(field)}
    assert not sensitive & {field.wire_name for field in tool.fields.values()}
    text = str(tool.schema()["properties"]).casefold()
    assert not re.search(r"'(?:card_?token|voucher_?code|password|first_?name|last_?name|email|phone)'", text)


@every_tool
def test_what_is_offered_only_reads(tool: Tool) -> None:
    """The specification says so: the operation is idempotent, and a GET or a list by POST."""
    is_offered = tool.name in offered(_apis.APIS, [])
    assert is_offered is (tool.reads and not tool.refusal)
    if is_offered:
        assert tool.operation.idempotent
        assert tool.operation.method in {"GET", "POST"}
        assert re.match(r"(?:count|find|get|list|search)-?", tool.words.split()[1]) or tool.operation.method == "GET"
        assert not re.search(r"token|secret|onboarding", tool.words)


def test_few_operations_that_read_are_not_offered() -> None:
    """A single-use URL, and what only exists to create tokens."""
    names = set(offered(_apis.APIS, []))
    assert {tool.name for tool in EVERY if tool.operation.method == "GET"} - names == {
        "smarterproctoring_exam_sessions_onboarding_url"
    }
    assert "ispring_access_tokens_create" not in names
    assert len(names) == 68


@pytest.mark.parametrize(
    "name",
    [
        "cancelExamSession",
        "exam-sessions.cancel",
        "exam_sessions.cancel",
        "smarterproctoring.exam-sessions.cancel",
        "smarterproctoring_exam_sessions_cancel",
    ],
)
def test_a_change_is_offered_under_each_of_its_names(name: str) -> None:
    assert set(offered(_apis.APIS, [name])) - set(offered(_apis.APIS, [])) == {"smarterproctoring_exam_sessions_cancel"}


@pytest.mark.parametrize("name", ["scheduleExamSession", "exam-sessions.schedule"])
def test_what_charges_a_card_is_never_offered(name: str) -> None:
    assert wrong([name]) == f"--allow: {name} is never offered to agents: it can charge a card"


def test_a_card_is_found_at_any_depth() -> None:
    card = Field("", "cardToken", "", "string", sensitive=True)
    payment = Field("payment", "payment", "body", "object", fields=(Field("", "with", "", "object", fields=(card,)),))
    api, describe = _apis.APIS[0], EVERY[1].describe

    def charging() -> None: ...

    operation = operation_of(describe)._replace(fields=(payment,))
    charge = FunctionType(charging.__code__, {"OPERATION": operation, "__name__": describe.__module__})
    assert tool_of(api, "fees charge", charge).refusal == "it can charge a card"


def test_what_requires_sensitive_arguments_is_never_offered() -> None:
    expected = "--allow: ispring.users.update-password is never offered to agents: it requires what no agent may see: "
    assert wrong(["ispring.users.update-password"]) == f"{expected}password"
    for tool in EVERY:
        if any(field.required and is_sensitive(field) for field in tool.operation.fields):
            assert tool.refusal


def test_an_unknown_or_ambiguous_operation_is_an_error() -> None:
    unknown = "--allow: not an operation of the APIs that are served: "
    assert wrong(["cancelExamSesion"]).startswith(f"{unknown}cancelExamSesion; did you mean cancelExamSession")
    assert wrong([""]) == unknown
    assert wrong(["zzz"]) == f"{unknown}zzz"
    text = "--allow: users.create is in several APIs; pass smarterproctoring.users.create or ispring.users.create"
    assert wrong(["users.create"]) == text


def wrong(allowed: list[str]) -> str:
    with pytest.raises(Failure) as caught:
        offered(_apis.APIS, allowed)
    assert caught.value.code is ExitCode.USAGE
    return caught.value.message


def test_what_the_environment_sets_is_not_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    api = _apis.APIS[0]
    describe = operations(api)["reports service-distribution"]
    assert "install_sid" in tool_of(api, "reports service-distribution", describe).schema()["required"]
    monkeypatch.setenv(api.variables["install_sid"], "AI00000000000000000000000000000000")
    assert "install_sid" not in tool_of(api, "reports service-distribution", describe).fields


def test_results_are_short_unless_the_agent_asks_for_more() -> None:
    for tool in EVERY:
        paged = tool.operation.pagination is not None
        assert paged is (bool(tool.defaults) and MAX_ROWS not in tool.fields.values())
        assert set(tool.defaults.values()) <= {100}
        if "array" in tool.operation.returns:
            assert tool.fields["max_rows"] is MAX_ROWS


TREE = Field("", "node", "", "object")


class _Endless(SharedFields):
    def __init__(self) -> None:
        super().__init__("", None)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        if index:
            raise IndexError
        return TREE


TREE = TREE._replace(fields=_Endless())


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Field("a", "a", "query", "string", minimum=1, maximum=9), {"type": "string", "minLength": 1, "maxLength": 9}),
        (Field("a", "a", "query", "number", above=0, multiple=5), {"type": "number", "exclusiveMinimum": 0}),
        (Field("a", "a", "query", "timestamp", nullable=True), {"type": ["string", "null"], "format": "date-time"}),
        (Field("a", "a", "query", "string", enum=("x",), nullable=True), {"enum": ["x", None]}),
        (Field("a", "a", "query", "comma"), {"type": "string"}),
        (Field("a", "a", "body", "any"), {}),
        (
            Field("a", "a", "body", "union", nullable=True, fields=(Field("", "", "", "uuid"),)),
            {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
        ),
        (
            Field("a", "a", "body", "array", minimum=1, items=Field("", "", "", "date")),
            {"type": "array", "minItems": 1, "items": {"type": "string", "format": "date"}},
        ),
        (
            Field("a", "a", "body", "object", fields=(Field("", "from", "", "integer", required=True),)),
            {"type": "object", "properties": {"from": {"type": "integer"}}, "required": ["from"]},
        ),
        (TREE, {"type": "object", "properties": {"node": {}}, "required": []}),
    ],
    ids=lambda value: value.type if isinstance(value, Field) else "",
)
def test_each_type_has_its_schema(field: Field, expected: dict[str, Any]) -> None:
    schema = schema_of(field)
    assert expected.items() <= schema.items()
    Draft202012Validator.check_schema(schema)


def test_the_only_other_place_that_decides_what_reads_is_the_command_line() -> None:
    """`invigilate api` sends at once what is offered here, and confirms everything else."""
    from invigilate.cli.registry import only_reads

    assert [tool.name for tool in EVERY if tool.reads != only_reads(tool.words, operation_of(tool.describe))] == []
