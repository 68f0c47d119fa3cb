"""The script that tests the wheel on each Python, and the page that says on which it was run."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pythons import __main__ as command
from pythons import interpreters, suite, trial
from pythons.interpreters import Interpreter

ROOT = Path(__file__).resolve().parents[2]
HERE = "{}.{}".format(*sys.version_info[:2]) + ("" if getattr(sys, "_is_gil_enabled", lambda: True)() else "t")


def test_a_name_with_no_interpreter_behind_it_is_not_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the shims of pyenv for versions that are not active."""
    shims = {"python3.97": "echo not json; exit 127", "python3.98": 'echo \'["/p/python", "3.98.1", false]\''}
    shims["python3.99t"] = 'echo \'["/p/threads", "3.99.0b1", true]\''
    shims["pyenv"] = f"echo {tmp_path}"
    released = tmp_path / "versions" / "3.96.10" / "bin"
    released.mkdir(parents=True)
    (tmp_path / "versions" / "3.96.9" / "bin").mkdir(parents=True)
    for folder, name, text in [*((tmp_path, *shim) for shim in shims.items()), (released, "python", "exit 1")]:
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    nine = tmp_path / "versions" / "3.96.9" / "bin" / "python"
    nine.write_text('#!/bin/sh\necho \'["/p/nine", "3.96.9", false]\'\n')
    nine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = interpreters.find(["3.96", "3.97", "3.98", "3.99", "3.99t", HERE])
    # A name that stands for another version is not that version either.
    assert set(found) == {"3.96", "3.98", "3.99t", HERE}
    assert found["3.96"].path == Path("/p/nine")
    assert found["3.99t"] == Interpreter(Path("/p/threads"), "3.99.0b1", free_threaded=True)
    assert found["3.99t"].name == "3.99t"
    # The interpreter itself, not the environment that runs this test.
    assert found[HERE].path.is_relative_to(Path(sys.base_prefix).resolve())


def test_the_table_names_what_failed_what_is_left_out_and_what_is_missing() -> None:
    good = trial.Result(Interpreter(Path("p"), "3.12.1", False), "10 passed", True, {"httpx": "0.28.1", "idna": "3"})
    bad = trial.Result(Interpreter(Path("p"), "3.14.0", True), "2 failed, 8 passed", left_out={"export": "no wheel"})
    assert command.table([good, bad], ["3.15"]).splitlines() == [
        "Python  free-threaded  result                      dependencies",
        "3.12.1  no             passed: 10 passed           httpx 0.28.1",
        "3.14.0  yes            FAILED: 2 failed, 8 passed",
        "3.15    no             not found",
        "Python 3.14.0, free-threaded: extra export is not installed, nor tested: no wheel",
    ]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the Pythons tried; nothing is built or installed, and 3.12 fails."""
    names: list[str] = []

    def find(wanted: list[str]) -> dict[str, Interpreter]:
        return {name: Interpreter(Path("p"), f"{name}.0", False) for name in wanted if name in {"3.11", "3.12"}}

    def try_on(interpreter: Interpreter, *_: object, **__: object) -> trial.Result:
        names.append(interpreter.name)
        return trial.Result(interpreter, "done", passed=interpreter.name != "3.12")

    monkeypatch.setattr(interpreters, "find", find)
    monkeypatch.setattr(interpreters, "identify", lambda path: Interpreter(path, path.name, False))
    monkeypatch.setattr(trial, "build", lambda root, folder: folder / "invigilate-1.whl")
    monkeypatch.setattr(trial, "copy_tests", lambda root, folder: None)
    monkeypatch.setattr(trial, "try_on", try_on)
    return names


@pytest.mark.parametrize(
    ("arguments", "code", "names"),
    [
        ([], 1, ["3.11", "3.12"]),
        (["--python", "/p/3.11.4"], 0, ["3.11"]),
        (["--python", "/p/3.11.4", "--python", "/p/3.12.4"], 1, ["3.11", "3.12"]),
    ],
)
def test_exit_codes(
    arguments: list[str], code: int, names: list[str], tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["test-pythons", *arguments])
    assert command.main() == code
    assert tried == names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--python", "/absent"], "--python /absent: expected a Python with venv and ensurepip"),
        (["--dependencies", "some"], "--dependencies: invalid choice: 'some'"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["test-pythons", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_every_extra_is_tested_or_said_not_to_be() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {*suite.SMALL, *suite.LARGE, "spark"} == set(project["optional-dependencies"])
    for extras, files in suite.SUITE.items():
        assert extras <= {*suite.SMALL, *suite.LARGE}
        assert all((ROOT / file.partition("::")[0]).is_file() for file in files)
    assert set(suite.FOR_TESTS) <= {"", *suite.SMALL, *suite.LARGE}


def test_an_extra_without_wheels_is_left_out_and_fails_only_where_it_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip and pytest are stood in for: what is installed and run decides."""
    ran: list[list[str]] = []
    inside = tmp_path / "environment" / "lib"
    listed = f'[["{inside}/invigilate.py"], {{"httpx": "1"}}]'

    def run(command: list[object], **_: object) -> object:
        words = [str(word) for word in command]
        ran.append(words)
        failing = "pip" in words and any("speed" in word for word in words)
        printed = "ERROR: no matching msgspec" if failing else "== 3 passed in 0.1s ==" if "pytest" in words else listed
        return subprocess.CompletedProcess(words, int(failing), printed)

    monkeypatch.setattr(trial, "_run", run)
    for required in (False, True):
        result = trial.try_on(
            Interpreter(Path("p"), "3.12.1", False),
            Path("w.whl"),
            tmp_path,
            tmp_path / "environment",
            ["speed", "sandbox"],
            required=required,
        )
        assert (result.outcome, result.passed, result.noted) == ("3 passed", not required, "httpx 1")
        assert result.left_out == {"speed": "no matching msgspec"}
        assert "tests/integration/test_whole_flow.py" in ran[-1]
        assert "tests/unit/test_speed.py" not in ran[-1]
    listed = '[["/elsewhere/invigilate.py"], {}]'
    result = trial.try_on(
        Interpreter(Path("p"), "3.12.1", False), Path("w"), tmp_path, tmp_path / "environment", [], required=False
    )
    assert (result.outcome, result.passed) == ("imported from elsewhere: /elsewhere/invigilate.py", False)


def test_the_classifiers_are_the_pythons_of_the_page() -> None:
    page = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    supported = re.search(r"^\| Python \| (.*) \|$", page, re.MULTILINE)
    ran = re.findall(r"^\| (3\.\d+)\.\d+\w* \| no \|", page, re.MULTILINE)
    assert supported
    assert trial.supported(ROOT) == supported[1].split(", ") == ran
