"""The report, and the list of what is inferred, for the specification of a package that is built on this one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from reporter.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "downstream-sdk"
SPEC = EXAMPLE / "openapi" / "northfield.yaml"
GENERATED = EXAMPLE / "src" / "northfield_client" / "openapi.yaml"

Node = dict[str, Any]


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Callable[[Node], Any]], Path]:
    """Writes a changed copy of the specification of the example."""

    def write(change: Callable[[Node], Any]) -> Path:
        document: Node = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
        change(document)
        path = tmp_path / "northfield.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return path

    return write


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> Node:
    assert main(["report", *arguments, "--package", "northfield_client", "--format", "json"]) == 0
    found: Node = json.loads(capsys.readouterr().out)
    return found


def test_the_example_is_as_generated(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, str(GENERATED), "--spec", str(SPEC))
    assert (found["specification"], found["next"], found["breaking"]) == ("northfield.yaml", "none", False)
    assert found["changes"] == found["notes"] == []
    assert main(["report", str(GENERATED), "--spec", str(SPEC)]) == 0
    assert "Nothing changed for callers." in capsys.readouterr().out


def renamed(document: Node) -> None:
    room = document["components"]["schemas"]["Room"]
    room["properties"] = {
        "edifice" if name == "building" else name: schema for name, schema in room["properties"].items()
    }


def test_what_breaks_callers(
    changed: Callable[[Callable[[Node], Any]], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    spec = changed(renamed)
    found = report(capsys, str(GENERATED), "--spec", str(spec))
    assert (found["next"], found["breaking"]) == ("major", True)
    (change,) = [one for one in found["changes"] if one["breaking"]]
    assert (change["kind"], change["name"]) == ("removed", "Room.building")
    assert change["reason"] == "code that reads it raises AttributeError"
    for form in ("text", "markdown"):
        assert main(["report", str(GENERATED), "--spec", str(spec), "--format", form]) == 0
        said = capsys.readouterr().out
        assert "northfield.yaml: openapi.yaml" in said
        assert "Raise the major version; while that is 0, the minor one: callers must change their code." in said
        assert "[Unreleased]" in said
        # It is no report on this package.
        assert "invigilate " not in said


def test_what_is_new_raises_the_minor_version(
    changed: Callable[[Callable[[Node], Any]], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"type": "string", "x-inferred": "seen in a response"}
    spec = changed(lambda document: document["components"]["schemas"]["Room"]["properties"].update(stories=more))
    found = report(capsys, str(GENERATED), "--spec", str(spec))
    assert (found["next"], found["breaking"]) == ("minor", False)
    assert main(["inferred", "--spec", str(spec), "--format", "json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["pointer"] == "#/components/schemas/Room/properties/stories"
    assert (entry["specification"], entry["operations"]) == ("northfield.yaml", ["listRooms"])


def test_marks_on_the_parameters_of_a_path_concern_all_its_operations(
    changed: Callable[[Callable[[Node], Any]], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def mark(document: Node) -> None:
        for item in document["paths"].values():
            (operation,) = [node for name, node in item.items() if name in {"get", "post"}]
            item["parameters"] = [{"name": "q", "in": "query", "schema": {"type": "string"}, "x-inferred": "a guess"}]
            item["put"] = {**operation, "operationId": operation["operationId"] + "Again"}
            item["put"].pop("x-pagination", None)

    assert main(["inferred", "--spec", str(changed(mark)), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    first = next(entry for entry in found if entry["place"].endswith("rooms/parameters/q"))
    assert sorted(first["operations"]) == ["listRooms", "listRoomsAgain"]


def test_refused_operations_are_named_and_the_rest_is_compared(
    changed: Callable[[Callable[[Node], Any]], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(document: Node) -> None:
        renamed(document)
        (path,) = [path for path in document["paths"] if path.endswith("/seat")]
        document["paths"][path]["post"]["servers"] = [{"url": "https://else.invalid"}]

    found = report(capsys, str(GENERATED), "--spec", str(changed(spoil)))
    assert "Room.building" in {change["name"] for change in found["changes"]}
    (note,) = found["notes"]
    assert "(reserveSeat): servers of an operation are not supported" in note


def test_the_base_may_be_a_git_revision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "northfield.yaml"
    shutil.copyfile(SPEC, spec)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    document: Node = yaml.safe_load(spec.read_text(encoding="utf-8"))
    renamed(document)
    spec.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    assert report(capsys, "v1", "--spec", str(spec))["breaking"] is True


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["report", "--spec", str(SPEC)], "--spec needs BASE"),
        (["report", "v0.0.0-none", "--spec", str(SPEC)], "BASE: expected an older copy of the specification"),
        (["report", "--spec", str(SPEC), "--", "-x"], "BASE: expected an older copy of the specification"),
        (["report", str(SPEC), "--spec", str(ROOT / "none.yaml")], "none.yaml cannot be read"),
        (["report", str(ROOT / "pyproject.toml"), "--spec", str(SPEC)], "pyproject.toml"),
        (["inferred", "--spec", str(ROOT / "none.yaml")], "none.yaml cannot be read"),
    ],
)
def test_wrong_arguments(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert "Traceback" not in said


def test_the_script_takes_paths_from_where_the_caller_stands() -> None:
    command = [str(ROOT / "scripts" / "regenerate"), "--report", "src/northfield_client/openapi.yaml"]
    command += ["--spec", "openapi/northfield.yaml", "--format=json"]
    done = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changes"] == []
