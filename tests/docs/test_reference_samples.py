"""Every sample of the generated reference runs against a sandbox, and prints and returns what its page shows."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import textwrap
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from docsite import reference
from docsite.catalog import Entry, entries

from invigilate.cli import main
from invigilate.sandbox import Sandbox

_TAB = re.compile(r'^=== "(.+)"\n\n((?:    .*\n|\n)+)', re.MULTILINE)
_FENCE = re.compile(r"```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
every_operation = pytest.mark.parametrize("entry", entries(), ids=lambda entry: str(entry.call))


def write(folder: Path) -> None:
    for page in reference.pages():
        (folder / page.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / page.path).write_text(page.text, encoding="utf-8")


@pytest.fixture(scope="session")
def site(shared: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The generated pages."""
    return shared("reference", write)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """The sandbox that readers start, at the time of the pages."""
    with Sandbox(seed=7, clock=lambda: datetime(2026, 11, 26, 9, tzinfo=UTC)) as sandbox:
        yield sandbox
        assert sandbox.defects == []


@pytest.fixture
def sandbox(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    running.reset()
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


def sample(site: Path, entry: Entry, title: str) -> str:
    """The code of a tab of a page."""
    tabs = {match[1]: textwrap.dedent(match[2]) for match in _TAB.finditer((site / entry.path).read_text("utf-8"))}
    assert list(tabs) == ["Python", "Async", "Command line", "curl"]
    (fence,) = _FENCE.finditer(tabs[title])
    return fence[2]


def shown(site: Path, entry: Entry, language: str) -> str | None:
    """What a page shows beside the samples: what they print (`text`), or the response (`json`)."""
    text = _TAB.sub("", (site / entry.path).read_text("utf-8"))
    found = [match[2] for match in _FENCE.finditer(textwrap.dedent(text)) if match[1] == language]
    folded = [textwrap.dedent(match[0]) for match in re.finditer(r"^ {4}```json\n(?:    .*\n)+", text, re.MULTILINE)]
    found += [match[2] for each in folded for match in _FENCE.finditer(each) if match[1] == language]
    assert len(found) <= 1
    return found[0] if found else None


def printed_as_shown(printed: str, expected: str | None) -> bool:
    if expected is not None and expected.endswith("\n...\n"):
        return printed.startswith(expected.removesuffix("...\n")) and printed != expected
    return printed == (expected or "")


@every_operation
@pytest.mark.parametrize("title", ["Python", "Async"])
def test_python(entry: Entry, title: str, site: Path, sandbox: Sandbox) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(sample(site, entry, title), entry.path, "exec", dont_inherit=True), {"__name__": "sample"})
    assert printed_as_shown(printed.getvalue(), shown(site, entry, "text"))
    assert operations(sandbox)[-1] == (entry.operation.method, entry.operation.id)


def operations(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(each.method, each.operation_id or "") for each in sandbox.requests]


@every_operation
def test_command_line(
    entry: Entry, site: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = os.path.expandvars(sample(site, entry, "Command line")).replace("\\\n", " ")
    for words in map(shlex.split, re.split(r"\n(?=\S)", code.strip())):
        while re.match(r"INVIGILATE_\w+=", words[0]):
            monkeypatch.setenv(*words.pop(0).split("=", 1))
        assert words.pop(0) == "invigilate"
        assert main(words) == 0, capsys.readouterr().err
    assert operations(sandbox)[-1] == (entry.operation.method, entry.operation.id)


@pytest.fixture(scope="module")
def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no curl found, which runs the samples of the reference")
        pytest.skip("no curl found")
    return found


@every_operation
@pytest.mark.usefixtures("curl")
def test_curl(entry: Entry, site: Path, sandbox: Sandbox) -> None:
    environment = {**os.environ, "ISPRING_ACCESS_TOKEN": access_token(sandbox) if entry.client == "ispring" else ""}
    command = ["bash", "-euo", "pipefail", "-c", sample(site, entry, "curl")]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=60, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert operations(sandbox)[-1] == (entry.operation.method, entry.operation.id)
    expected = shown(site, entry, "json")
    if expected is None:
        assert "has no body" in (site / entry.path).read_text("utf-8")
        assert last_value(done.stdout) is None
    else:
        production = "https://api.smarterproctoring.com"
        assert_as_shown(
            last_value(done.stdout.replace(sandbox.smarterproctoring_url, production)), json.loads(expected)
        )


def access_token(sandbox: Sandbox) -> str:
    form = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret, "grant_type": "client_credentials"}
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{sandbox.ispring_url}/api/v3/token", data, timeout=30) as response:
        return str(json.load(response)["access_token"])


def last_value(text: str) -> Any:
    """The last of several JSON values."""
    value, position = None, 0
    while position < len(text):
        value, position = json.JSONDecoder().raw_decode(text, position)
    return value


def assert_as_shown(actual: Any, expected: Any) -> None:
    """Pages cut lists to two items and long strings, and mask secrets."""
    if isinstance(expected, dict):
        assert list(actual) == list(expected)
        for name, each in expected.items():
            assert_as_shown(actual[name], each)
    elif isinstance(expected, list):
        assert len(expected) == min(len(actual), 2)
        for one, other in zip(actual, expected, strict=False):
            assert_as_shown(one, other)
    elif expected == "***":
        assert isinstance(actual, str)
    elif isinstance(expected, str) and expected.endswith("...") and len(expected) > 400:
        assert actual.startswith(expected.removesuffix("..."))
    else:
        assert actual == expected
