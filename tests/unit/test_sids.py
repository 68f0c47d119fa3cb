"""Resource identifiers: only whole, well-formed ones pass, and nothing else is ever shown in a message."""

from __future__ import annotations

import copy
import json
import pickle
import re
from enum import Enum
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from invigilate import InvalidSidError, errors, parse_sid, specs
from invigilate._identifiers import Sid, describe_value
from invigilate.smarterproctoring import sids
from invigilate.smarterproctoring.sids import ExamSessionSid, ExamSid, InstallSid, SmarterProctoringSid
from smarterproctoring_client.sids import PATTERNS
from tests.support.fakes import (
    EXAM,
    HEX,
    INSTALL,
    OFFERING,
    SESSION,
    Script,
    page,
    proctoring,
    report,
    schedule,
    update,
)

KINDS = sorted(SmarterProctoringSid.__subclasses__(), key=lambda kind: kind.__name__)
DIGITS = st.text("0123456789abcdef", min_size=32, max_size=32)
SHAPE = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}")


def prefix(kind: type[Sid]) -> str:
    return kind.pattern[1:3]


def refused(value: Any, kind: type[Sid] = ExamSid) -> InvalidSidError:
    with pytest.raises(InvalidSidError) as caught:
        kind(value)
    return caught.value


def test_the_classes_are_the_named_schemas_of_the_specification() -> None:
    schemas = yaml.safe_load(specs.read("smarterproctoring"))["components"]["schemas"]
    documented = {name: schema["pattern"] for name, schema in schemas.items() if name.endswith("Sid")}
    assert documented == PATTERNS
    # Provisioning alone documents wider patterns of five kinds; they are no kinds of their own.
    wide = {name for name in documented if name.startswith("Provision")}
    assert len(wide) == 5
    documented = {name: pattern for name, pattern in documented.items() if name not in wide}
    assert {kind.__name__: kind.pattern for kind in KINDS} == documented
    assert {name for name in sids.__all__ if name.endswith("Sid")} == {*documented, "SmarterProctoringSid"}


def test_no_two_kinds_share_a_prefix() -> None:
    assert len({prefix(kind) for kind in KINDS}) == len(KINDS) == 16


@given(kind=st.sampled_from(KINDS), digits=DIGITS)
def test_every_kind_survives_the_round_trip(kind: type[Sid], digits: str) -> None:
    text = prefix(kind) + digits
    sid = kind(text)
    assert sid == text
    assert hash(sid) == hash(text)
    assert str(sid) == f"{sid}" == text
    assert type(str(sid)) is str
    assert repr(sid) == f"{kind.__name__}({text!r})"
    assert json.loads(json.dumps({"a": sid})) == {"a": text}
    assert type(parse_sid(text)) is kind
    assert parse_sid(text) == sid
    for twin in (pickle.loads(pickle.dumps(sid)), copy.copy(sid), copy.deepcopy(sid), kind(sid)):
        assert type(twin) is kind
        assert twin == text


@given(kind=st.sampled_from(KINDS), other=st.sampled_from(KINDS), digits=DIGITS)
def test_a_sid_of_another_kind_is_refused_by_name(kind: type[Sid], other: type[Sid], digits: str) -> None:
    assume(kind is not other)
    text = prefix(other) + digits
    error = refused(text, kind)
    assert text in str(error)
    assert error.expected.startswith(("a ", "an "))
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", other.__name__.removesuffix("Sid")).lower()
    assert f"{words} SID" in error.passed


@pytest.mark.parametrize(
    "wrong",
    [
        EXAM + "\n",
        "\n" + EXAM,
        EXAM + "\r\n",
        EXAM + "\0",
        f" {EXAM}",
        f"{EXAM} ",
        EXAM.upper(),
        "ex" + HEX,
        EXAM[:-1],
        EXAM + "0",
        EXAM + EXAM,
        "",
        "EX",
        "EX" + "g" * 32,
        "EX" + "\u0661" * 32,
        "\uff25\uff38" + HEX,
        "ZZ" + HEX,
        SESSION,
        EXAM.encode(),
        None,
        5,
        [EXAM],
    ],
)
def test_the_whole_string_must_match(wrong: Any) -> None:
    assert isinstance(refused(wrong), ValueError)
    with pytest.raises(errors.InvalidArgumentError):
        proctoring(Script(page([]))).reports.service_distribution(exam_sid=wrong)


@pytest.mark.parametrize("wrong", ["", "EX", EXAM + "\n", f" {EXAM}", EXAM.upper(), "ZZ" + HEX, None, 7, b"EX"])
def test_parse_sid_refuses_what_is_of_no_documented_kind(wrong: Any) -> None:
    with pytest.raises(InvalidSidError) as caught:
        parse_sid(wrong)
    assert caught.value.argument == "value"
    assert "AI" in caught.value.expected
    assert "US" in caught.value.expected


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (EXAM.upper(), "upper-case"),
        (EXAM[:-1], "EX and 31 hexadecimal digits"),
        (EXAM + "0", "EX and 33 hexadecimal digits"),
        (f" {EXAM}", "white space around it"),
        (EXAM + "\n", "white space around it"),
        (OFFERING, f"a course offering SID, {OFFERING}"),
        ("ZZ" + HEX, "whose prefix ZZ is not of a documented kind"),
        ("", "an empty string"),
        ("4242 4242 4242 4242 4242", "a string of length 24"),
        (5, "the number 5"),
        (None, "None"),
    ],
)
def test_the_message_says_what_was_passed(wrong: Any, words: str) -> None:
    error = refused(wrong)
    assert error.argument == "ExamSid"
    assert "EX and 32 of [a-f0-9]" in error.expected
    assert words in error.passed
    assert str(error) == f"{error.argument}: expected {error.expected}, got {error.passed}"
    assert "\n" not in str(error)


@given(text=st.text(min_size=4) | st.from_regex(r"[0-9]{13,19}", fullmatch=True) | st.emails())
def test_only_what_has_the_shape_of_a_sid_is_shown(text: str) -> None:
    assume(not SHAPE.fullmatch(text.strip()))
    framework = str(refused("")) + "a string of length 0123456789 EX and 31 hexadecimal digits"
    assume(text not in framework)
    assert text not in str(refused(text))
    assert text not in repr(refused(text))
    client = proctoring(Script(page([])))
    for call in (schedule, report):
        with pytest.raises(InvalidSidError) as caught:
            call(client, exam_sid=text)
        assert caught.value.argument == "exam_sid"
        assert text not in str(caught.value).replace("exam_sid", "")


@given(prefix=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2), digits=DIGITS)
def test_parse_sid_takes_the_documented_prefixes_and_no_other(prefix: str, digits: str) -> None:
    known = {kind.pattern[1:3]: kind for kind in KINDS}
    if prefix in known:
        assert type(parse_sid(prefix + digits)) is known[prefix]
    else:
        with pytest.raises(InvalidSidError):
            parse_sid(prefix + digits)


def test_the_base_class_holds_nothing() -> None:
    with pytest.raises(TypeError, match="parse_sid"):
        Sid(EXAM)


class Exams(str, Enum):  # noqa: UP042 (the older kind, whose str() is not its value)
    """A user's own table of exams; `str()` of its members is not their value."""

    ALGEBRA = EXAM


class Odd(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "../../admin"

    def __format__(self, spec: str) -> str:
        return "../../admin"


@pytest.mark.parametrize("given", [Exams.ALGEBRA, Odd(EXAM)])
def test_subclasses_of_str_count_by_their_value(given: str) -> None:
    sid = ExamSid(given)
    assert sid == EXAM
    assert type(parse_sid(given)) is ExamSid
    assert parse_sid(given) == EXAM
    server = Script(page([]))
    report(proctoring(server), exam_sid=given).collect()
    assert server.sent[0].query == [("examSid", EXAM)]


def test_swapped_arguments_are_reported() -> None:
    with pytest.raises(InvalidSidError) as caught:
        schedule(proctoring(Script(page([]))), exam_sid=SESSION, session_sid=EXAM)
    assert "exam_sid" in str(caught.value)
    assert "session_sid" in str(caught.value)
    assert "seem to be swapped" in str(caught.value)
    assert SESSION in str(caught.value)


def test_install_and_exam_in_each_others_place() -> None:
    with pytest.raises(InvalidSidError, match="seem to be swapped"):
        schedule(proctoring(Script(page([])), install_sid=EXAM), exam_sid=INSTALL)


def test_swapped_arguments_after_another_wrong_one_say_what_is_expected() -> None:
    with pytest.raises(InvalidSidError) as caught:
        schedule(proctoring(Script(page([])), install_sid="x"), exam_sid=SESSION, session_sid=EXAM)
    assert caught.value.argument == "exam_sid"
    assert caught.value.expected == "an exam SID (EX and 32 of [a-f0-9])"
    assert caught.value.hint == "exam_sid and session_sid seem to be swapped"


def test_the_first_of_several_wrong_arguments_is_named() -> None:
    with pytest.raises(InvalidSidError) as caught:
        schedule(proctoring(Script(page([]))), exam_sid=OFFERING, session_sid="x")
    assert caught.value.argument == "exam_sid"
    assert caught.value.passed == f"a course offering SID, {OFFERING}"


def test_responses_are_never_checked() -> None:
    server = Script(page([{"sid": "not a sid"}], total=1))
    assert [row.sid for row in report(proctoring(server))] == ["not a sid"]


def test_nothing_is_sent_with_a_wrong_identifier() -> None:
    server = Script(page([]))
    for call in (schedule, update, report):
        with pytest.raises(InvalidSidError):
            call(proctoring(server, install_sid="AI123"))
    assert server.sent == []


def test_typed_identifiers_go_wherever_strings_go() -> None:
    server = Script(page([]))
    client = proctoring(server, install_sid=InstallSid(INSTALL))
    schedule(client, exam_sid=ExamSid(EXAM), session_sid=ExamSessionSid(SESSION))
    assert server.sent[0].url.endswith(f"/v1/installs/{INSTALL}/exams/{EXAM}/sessions/{SESSION}")


def test_the_error_is_part_of_the_tree() -> None:
    assert issubclass(InvalidSidError, errors.InvalidArgumentError)
    assert issubclass(InvalidSidError, errors.InvigilateError)


@pytest.mark.parametrize("passed", [5.5j, EXAM.encode(), [EXAM]])
def test_a_value_that_is_not_a_string_is_named_by_its_type(passed: Any) -> None:
    with pytest.raises(InvalidSidError) as caught:
        schedule(proctoring(Script(page([]))), exam_sid=passed)
    assert "exam SID" in caught.value.expected
    assert type(passed).__name__ in caught.value.passed


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-1, "the number -1"),
        (2.5, "the number 2.5"),
        (True, "a value of type bool"),
        (4242424242424242, "a number"),
        (1000, "a number"),
        (float("nan"), "a number"),
        (None, "None"),
    ],
)
def test_small_numbers_are_shown_and_others_are_not(value: Any, said: str) -> None:
    assert describe_value(value) == said
