"""Shapes of responses: what is kept, what differs from a spec, and that no value is in the file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from threading import Event, current_thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invigilate import ConfigurationError, ISpringLearn, SmarterProctoring, _files
from invigilate.cli import ExitCode, main
from invigilate.drift import Recorder, check, checking, record, recorder
from invigilate.drift.documented import Documented, documented

Found = Callable[..., list[tuple[str, str, str]]]

SCHEMAS: dict[str, Any] = {
    "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    "Tree": {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Tree"}}},
    "Deep": {"type": "object", "required": ["inner"], "properties": {"inner": {"$ref": "#/components/schemas/Deep"}}},
}


def document(schema: Any, **responses: Any) -> Documented:
    content = {"application/json": {"schema": schema}}
    operation = {"operationId": "getThing", "responses": {"200": {"content": content}, **responses}}
    return Documented({"paths": {"/things/{thing}": {"get": operation}}, "components": {"schemas": SCHEMAS}})


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Found:
    """Records JSON responses, and returns what differs from a schema."""

    def differences(schema: Any, *values: Any, status: int = 200, **responses: Any) -> list[tuple[str, str, str]]:
        known = document(schema, **responses)
        for module in (checking, recorder):
            monkeypatch.setattr(module, "documented", lambda api: known)
        path = tmp_path / "shapes.json"
        path.unlink(missing_ok=True)
        with Recorder(path) as kept:
            for value in values:
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                kept.observe("ispring", "GET", "/things/t7", status, "application/json; charset=utf-8", body)
        return [(each.field, each.kind, each.detail) for each in check(path).findings]

    return differences


def test_forms_of_null_are_documented_or_not(found: Found) -> None:
    assert found({"type": "string"}, "a", None) == [("", "null", "got null, documented: string")]
    for schema in (
        {"type": ["string", "null"], "enum": ["a"]},
        {"type": "string", "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"type": "string"}]},
        {},
    ):
        assert found(schema, "a", None) == [], schema


def test_types(found: Found) -> None:
    assert found({"type": "integer"}, 1, 1.0, 2**70) == []
    assert found({"type": "integer"}, 1.5) == [("", "other type", "got number, documented: integer")]
    assert found({"type": "number"}, 1, 1.5) == []
    assert found({"type": ["integer", "boolean"]}, "1") == [
        ("", "other type", "got string, documented: boolean or integer")
    ]
    assert found({"type": "array", "items": {"type": "string"}}, ["a", 1, {}]) == [
        ("[]", "other type", "got integer, documented: string"),
        ("[]", "other type", "got object, documented: string"),
    ]


def test_combined_schemas(found: Found) -> None:
    named = {"$ref": "#/components/schemas/Named"}
    whole = {"allOf": [named, {"properties": {"size": {"type": "integer"}}, "required": ["size"]}]}
    assert found(whole, {"name": "a", "size": 1}) == []
    assert found(whole, {"size": "1"}) == [
        ("size", "other type", "got string, documented: integer"),
        ("name", "missing field", "in 1 of 1"),
    ]
    either = {"anyOf": [named, {"type": "object", "properties": {"id": {"type": "string"}}}, {"type": "string"}]}
    assert found(either, {"name": "a"}, {"id": "b"}, "c") == []
    assert found(either, {"id": None, "more": 1}) == [
        ("id", "null", "got null, documented: string"),
        ("more", "unknown field", "got integer"),
    ]
    assert found({"$ref": "#/components/schemas/Tree"}, {"inner": {"inner": {"inner": {}, "x": 1}}}) == [
        ("inner.inner.x", "unknown field", "got integer")
    ]


def test_enumerations_patterns_and_formats(found: Found) -> None:
    assert found({"type": "string", "enum": ["a", "b"]}, "a", "secret value") == [
        ("", "undocumented value", "of length 9-32")
    ]
    assert found({"type": "integer", "enum": [1, 2]}, 2, 3) == [("", "undocumented value", "of length 1-8")]
    assert found({"const": "a"}, "a", "b") == [("", "undocumented value", "of length 1-8")]
    assert found({"anyOf": [{"enum": ["a"]}, {"type": "string"}]}, "b") == []
    assert found({"type": "string", "pattern": "^U[0-9]+$"}, "U1", "V1") == [("", "other pattern", "of length 1-8")]
    moments = ("2026-01-01T00:00:00Z", "2026-01-01t00:00:00.123456789z", "2026-01-01T23:59:59-05:30")
    assert found({"type": "string", "format": "date-time"}, *moments) == []
    for wrong in (
        "2030-01-01T10:00:00",
        "2030-01-01T10:00Z",
        "2030-13-45T99:99:99Z",
        "2030-02-30T10:00:00Z",
        "2030-01-01T24:00:00Z",
        "2030-01-01 10:00:00Z",
        "\uff12030-01-01T10:00:00Z",
    ):
        assert found({"type": "string", "format": "date-time"}, wrong) == [("", "other format", "of length 9-32")]
    assert found({"type": "string", "format": "date"}, "2030-02-30") == [("", "other format", "of length 9-32")]
    assert found({"type": "string", "format": "date"}, "2026-01-01T00:00:00Z") == [
        ("", "other format", "of length 9-32")
    ]


def test_maps_and_open_objects(found: Found) -> None:
    counts = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert found(counts, {"ada": 1, "grace": 2}) == []
    assert found(counts, {"ada": 1, "grace": "2"}) == [("*", "other type", "got string, documented: integer")]
    assert found({"type": "object"}, {"ada": {"grace": 1}}) == []
    known = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert found({**known, "additionalProperties": True}, {"ada": 1}) == []
    closed = {**known, "additionalProperties": False}
    assert found(closed, {"a": "", "more": 1}) == [("more", "unknown field", "got integer")]
    others: dict[str, Any] = {f"name{n}": n for n in range(3)} | {"a@b": 1, "a b": 1, "x" * 41: 1}
    assert found(known, {"a": "", **others}) == [("*", "unknown field", "got integer")]
    assert found(known, {"ada": 1, "grace": 1}) == [("*", "unknown field", "got integer")], "a map, not that object"


def test_an_object_with_many_unknown_names_is_a_map(found: Found, tmp_path: Path) -> None:
    names = [f"ada{'x' * n}" for n in range(1, 30)]
    assert len(found({"type": "object", "properties": {"a": {}}}, {"a": 1, **dict.fromkeys(names, 1)})) == 21
    assert names[-1] not in (tmp_path / "shapes.json").read_text()


@pytest.mark.parametrize("interval", [0, 60])
def test_a_map_does_not_collect_everybody_over_time(found: Found, tmp_path: Path, interval: float) -> None:
    found({"type": "object", "properties": {"a": {}, "b": {}, "inner": {"properties": {"a": {}}}}}, {})
    for start in (0, 30):
        with Recorder(tmp_path / "shapes.json", interval=interval) as kept:
            for n in range(start, start + 30):
                value = {"a": 1, "x" * (n % 35 + 1): 1, "inner": {"a": 1, f"y{'z' * (n % 35)}": 1}}
                body = json.dumps(value).encode()
                kept.observe("ispring", "GET", "/things/t7", 200, "application/json", body)
    shape = json.loads((tmp_path / "shapes.json").read_text())["apis"]["ispring"]["operations"]
    fields = shape["GET /things/{thing}"]["200 application/json"]["fields"]
    for names in ({*fields} - {"inner"}, {*fields["inner"]["fields"]}):
        assert len(names - {"a", "*"}) == 20
    assert (
        fields["*"]["types"]["integer"]
        + sum(field["types"]["integer"] for name, field in fields.items() if name.startswith("x"))
        == 60
    )


def test_of_huge_objects_and_bodies_a_part_is_looked_at(found: Found, tmp_path: Path) -> None:
    others = {f"n{n}": 1 for n in range(1000)}
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
    assert found(schema, {**others, "a": 1}) == [("*", "unknown field", "got integer")]
    assert check(tmp_path / "shapes.json").findings[0].times == 199
    assert found({"type": "integer"}, json.dumps("x" * 2**23).encode()) == []
    assert check(tmp_path / "shapes.json").seen == {"ispring": {"getThing": 1}}
    assert found({"type": "integer"}, b"7" * 6000) == []
    deep = {"$ref": "#/components/schemas/Deep"}
    value: Any = {}
    for _ in range(30):
        value = {"inner": value}
    assert found(deep, value) == []
    assert found(deep, {"inner": {}}) == [("inner.inner", "missing field", "in 1 of 1")]


def test_responses(found: Found) -> None:
    assert found({}, b"") == [("", "no body", "documented: application/json")]
    assert found({}, b"{") == [("", "not JSON", "")]
    assert found({}, {}, status=418) == [("", "undocumented status", "")]
    inferred = {"description": "", "x-inferred": "of a guide", "content": {"application/json": {}}}
    assert found({}, {}, status=418, **{"4XX": inferred}) == [
        ("", "undocumented status", "only a range that is inferred has it")
    ]
    assert found({}, {}, status=418, **{"4XX": {"content": {"application/json": {}}}}) == []
    assert found({}, {}, status=204, **{"204": {}}) == [
        ("", "undocumented media type", "got application/json, documented: no body")
    ]
    assert found({}, b"", status=204, **{"204": {}}) == []


def test_what_contradicts_an_inferred_statement_settles_a_question(found: Found, tmp_path: Path) -> None:
    schema = {"properties": {"a": {"type": "string", "x-inferred": "like\n  others"}, "b": {"type": "string"}}}
    assert found(schema, {"a": 1, "b": 1})
    assert [each.inferred for each in check(tmp_path / "shapes.json").findings] == ["like others", ""]
    report = check(tmp_path / "shapes.json").markdown()
    assert "documented: string (settles an open question; inferred: like others) | 1 |" in report


def test_rows_and_responses_are_sampled(tmp_path: Path) -> None:
    body = json.dumps([{"name": "x"}] * 100).encode()
    with Recorder(tmp_path / "rows.json", rows=5) as kept:
        kept.observe("ispring", "GET", "/user", 200, "application/json", body)
    rows = json.loads((tmp_path / "rows.json").read_text())["apis"]["ispring"]["operations"]["GET /user"]
    assert rows["200 application/json"]["items"]["types"] == {"object": 5}
    with Recorder(tmp_path / "share.json", sample=0.1) as kept:
        for _ in range(1000):
            kept.observe("ispring", "GET", "/user", 204)
    assert 50 < check(tmp_path / "share.json").seen["ispring"]["listAllUsersV1"] < 200


def test_counts_are_added_to_those_of_other_processes(tmp_path: Path) -> None:
    path = tmp_path / "shapes.json"
    program = (
        "import sys; from invigilate.drift import Recorder; kept = Recorder(sys.argv[1], interval=0.001)\n"
        "for _ in range(50): kept.observe('ispring', 'GET', '/user', 204)"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)]
    assert [each.wait() for each in running] == [0, 0, 0]
    assert check(path).seen == {"ispring": {"listAllUsersV1": 150}}
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["shapes.json"]


def calls_kept(folder: Path, program: str) -> int:
    """The number of calls that a program, which is passed a path, has recorded when it has ended."""
    path = folder / "shapes.json"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    return check(path).seen["ispring"]["listAllUsersV1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_does_not_count_twice(tmp_path: Path) -> None:
    program = (
        "import os, sys; from invigilate.drift import Recorder; kept = Recorder(sys.argv[1])\n"
        "kept.observe('ispring', 'GET', '/user', 204)\n"
        "if os.fork(): os.wait()"
    )
    assert calls_kept(tmp_path, program) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_workers_of_multiprocessing_are_recorded(tmp_path: Path) -> None:
    program = (
        "import multiprocessing, sys; from invigilate.drift import Recorder; kept = Recorder(sys.argv[1])\n"
        "work = lambda: kept.observe('ispring', 'GET', '/user', 204)\n"
        "work(); workers = [multiprocessing.get_context('fork').Process(target=work) for _ in range(3)]\n"
        "for each in workers: each.start()\n"
        "for each in workers: each.join()"
    )
    assert calls_kept(tmp_path, program) == 4


def test_what_comes_after_close_is_written_at_the_end(tmp_path: Path) -> None:
    program = (
        "import sys; from invigilate.drift import Recorder; kept = Recorder(sys.argv[1])\n"
        "for _ in range(3): kept.observe('ispring', 'GET', '/user', 204); kept.close()\n"
        "kept.observe('ispring', 'GET', '/user', 204)"
    )
    assert calls_kept(tmp_path, program) == 4


def test_nobody_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, writers, write = Event(), set[str](), _files.write_atomically

    def slow(path: Path, content: bytes) -> None:
        writers.add(current_thread().name)
        assert goes_on.wait(30)
        write(path, content)

    monkeypatch.setattr(_files, "write_atomically", slow)
    with Recorder(tmp_path / "shapes.json", interval=0) as kept:
        for _ in range(9):
            kept.observe("ispring", "GET", "/user", 204)
        goes_on.set()
    assert len(writers - {current_thread().name}) <= 1
    assert check(tmp_path / "shapes.json").seen == {"ispring": {"listAllUsersV1": 9}}


def test_what_is_not_written_is_said_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, kept = tmp_path / "shapes.json", Recorder(tmp_path / "shapes.json")
    kept.observe("ispring", "GET", "/user", 204)
    other = _files.Lock(tmp_path / "shapes.json.lock")
    assert other.take()
    kept.close()
    assert "not recorded: another process keeps the file locked" in caplog.text
    other.remove()
    kept.observe("ispring", "GET", "/user", 204)
    kept.close()
    assert check(path).seen == {"ispring": {"listAllUsersV1": 2}}


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "shapes.json"
    target.write_text('{"invigilate_shapes": 1, "apis": {}}')
    path.symlink_to(target)
    with Recorder(path) as kept:
        kept.observe("ispring", "GET", "/user", 204)
    assert not path.is_symlink()
    assert json.loads(target.read_text())["apis"] == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"apis": {}}',
        '{"invigilate_shapes": 2, "apis": {}}',
        '{"invigilate_shapes": 1, "apis": {"ispring": {"unmatched": "ada"}}}',
        '{"invigilate_shapes": 1, "apis": {"ispring": {"operations": {"GET /user": {"200 application/json": 3}}}}}',
        '{"invigilate_shapes": 1, "apis": {"ispring": {"operations": {"GET /user": {"2": {"count": {}}}}}}}',
        '{"a":' * 100_000,
        *(
            json.dumps({"invigilate_shapes": 1, "apis": {"ispring": {"operations": {"GET /user": {response: shape}}}}})
            for response, shape in (
                ("200 x\n# Title|", {"count": 1}),
                ("200 www.example.org/x", {"count": 1}),
                ("ada application/json", {"count": 1}),
                ("200 application/json", {"types": {"[ada](https://example.org)": 1}}),
                ("200 application/json", {"items": {"fields": {"a": {"format": {"<b>": 1}}}}}),
                ("200 application/json", {"ada": {"grace": 1}}),
            )
        ),
    ],
)
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "shapes.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="expected a file of shapes"):
        check(path)
    assert path.read_text() == text


def test_a_file_cannot_add_to_the_table(tmp_path: Path) -> None:
    path = tmp_path / "shapes.json"
    shape = {"count": 1, "types": {"object": 1}, "fields": {"a|b\n\n# `Title`": {"types": {"string": 1}}}}
    operations = {"GET /users/v2": {"200 application/json": shape}}
    path.write_text(json.dumps({"invigilate_shapes": 1, "apis": {"ispring": {"operations": operations}}}))
    lines = check(path).markdown().splitlines()
    assert not [line for line in lines if line.startswith("#")]
    assert "`*`" in "".join(lines)
    assert "`Title`" not in "".join(lines)


def test_wrong_arguments(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for options in ({"sample": 0}, {"sample": 1.5}, {"sample": "1"}, {"rows": 0}, {"rows": 1.5}, {"interval": -1}):
        with pytest.raises(ConfigurationError, match=f"{next(iter(options))}: expected"):
            Recorder(tmp_path / "shapes.json", **options)
    path: Any = 7
    with pytest.raises(ConfigurationError, match="path: expected a path, got a value of type int"):
        Recorder(path)
    with Recorder(tmp_path / "shapes.json") as kept:
        kept.observe("elsewhere", "GET", "/", 200)
    assert caplog.messages == ["shapes of responses are not recorded: api: expected smarterproctoring or ispring"]
    statuses: Any = ("ada", 99, 600, 200.0, True, None)
    for status in statuses:
        caplog.clear()
        with Recorder(tmp_path / "shapes.json") as kept:
            kept.observe("ispring", "GET", "/user", status)
        assert "status_code: expected an integer from 100 to 599" in caplog.text
    assert not (tmp_path / "shapes.json").exists()
    with pytest.raises(ConfigurationError, match="existing folder"):
        Recorder(tmp_path / "none" / "shapes.json")
    wrong: Any = SmarterProctoring
    with pytest.raises(ConfigurationError, match="client: expected a client"):
        record(wrong, tmp_path / "shapes.json")


def test_nothing_is_recorded_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    documented.cache_clear()
    with ISpringLearn("token") as client, pytest.raises(ConfigurationError, match=r"invigilate\[drift\]"):
        record(client, tmp_path / "shapes.json")
    monkeypatch.setattr("invigilate.cli.drift.find_spec", lambda name: None if name == "yaml" else find_spec(name))
    assert main(["drift", "check", str(tmp_path)]) == ExitCode.MISSING_EXTRA


# --- no value is kept -----------------------------------------------------------------------------

CANARY = "canary"
texts = st.text("ab@. 7-_é\u2028|`", max_size=20).map(lambda text: f"{CANARY}{text}")
scalars = texts | st.none() | st.booleans() | st.sampled_from([987654321987, 98765432.5])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=15
)
not_names = texts.filter(lambda text: not recorder.NAME.fullmatch(text))


@st.composite
def records(draw: st.DrawFn) -> Any:
    """Documented fields with anything in them, besides undocumented ones whose names have not the form of a name."""
    users = [{"userId": draw(values), "role": draw(values), "fields": draw(values), "status": draw(values)}]
    session = {name: draw(values) for name in ("exam", "user", "status", "appointmentDate")}
    rows: Any = {"total": draw(values), "results": [session], "userProfiles": users}
    return draw(st.sampled_from([rows, {**rows, **draw(st.dictionaries(not_names, values, max_size=3))}]) | values)


KEYS = [
    ("smarterproctoring", "GET", "/v1/installs/{}/reports/serviceDistribution"),
    ("smarterproctoring", "POST", "/v1/installs/{0}/exams/{0}/sessions/{0}"),
    ("ispring", "GET", "/users/v2"),
    ("ispring", "GET", "/{}"),
]


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    key=st.sampled_from(KEYS),
    status=st.sampled_from([200, 204, 302, 404, 418, 520]),
    media=st.sampled_from(["application/json", "application/problem+json", "text/html", f"{CANARY}/json", CANARY]),
    value=records() | st.binary(max_size=9).map(lambda data: data + CANARY.encode()),
    name=texts,
)
def test_no_value_is_kept(
    tmp_path_factory: pytest.TempPathFactory, key: Any, status: int, media: str, value: Any, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "canary.json"
    path.unlink(missing_ok=True)
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    api, method, template = key
    with pytest.MonkeyPatch.context() as patch, Recorder(path) as kept:
        logged: list[str] = []
        patch.setattr(recorder.logger, "warning", lambda *message: logged.append(repr(message)))
        kept.observe(api, method, template.format(name) + f"?{name}", status, media, body)
    drift = check(path)
    shown = [path.read_text(), repr(drift), drift.markdown(), *logged]
    for secret in (CANARY, "987654321987", "98765432"):
        assert secret not in "".join(shown)
    assert logged == []


def test_a_problem_of_the_recorder_is_logged_once_and_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def fail(text: str) -> str:
        raise ValueError(text)

    monkeypatch.setattr(recorder, "hint", fail)
    with Recorder(tmp_path / "shapes.json") as kept:
        for _ in range(2):
            kept.observe("ispring", "GET", "/user", 200, "application/json", b'"canary"')
    assert caplog.messages == ["shapes of responses are not recorded: ValueError"]
