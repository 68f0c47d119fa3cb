"""What an editor shows of a call: pyright's language server is asked as an editor asks it."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "scripts" / "node" / "node_modules" / ".bin" / "pyright-langserver"
SOURCE = """\
from invigilate import AsyncSmarterProctoring, ISpringLearn, SmarterProctoring

client = SmarterProctoring()
client.exam_sessions.schedule(
AsyncSmarterProctoring().exam_sessions.schedule(
client.reports.service_distribution(
client.course_offerings.update(
ISpringLearn().job_training.list_session_results(
client.exam_sessions.with_raw_response.schedule(
"""


class Editor:
    """Speaks the language server protocol over pipes."""

    def __init__(self, folder: Path) -> None:
        self.uri = (folder / "example.py").as_uri()
        self._numbers = itertools.count(1)
        self._process = subprocess.Popen(
            [str(SERVER), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
        )
        root = {"uri": ROOT.as_uri(), "name": "root"}
        hover = {"contentFormat": ["markdown"]}
        self.ask(
            "initialize",
            {
                "processId": None,
                "rootUri": root["uri"],
                "workspaceFolders": [root],
                "capabilities": {"textDocument": {"hover": hover}},
            },
        )
        self.tell("initialized", {})
        document = {"uri": self.uri, "languageId": "python", "version": 1, "text": SOURCE}
        self.tell("textDocument/didOpen", {"textDocument": document})

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise AssertionError("the language server ended")
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message

    def tell(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._write({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        """Send a request, and answer whatever the server asks meanwhile."""
        number = next(self._numbers)
        self._write({"id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if "method" in message and "id" in message:
                items = message.get("params", {}).get("items", []) if "configuration" in message["method"] else None
                self._write({"id": message["id"], "result": None if items is None else [{} for _ in items]})
            elif message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def at(self, line: int, character: int) -> dict[str, Any]:
        """A place in the example."""
        return {"textDocument": {"uri": self.uri}, "position": {"line": line, "character": character}}

    def close(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    if not SERVER.exists():
        pytest.fail("pyright is not installed: run ./scripts/bootstrap --node")
    opened = Editor(tmp_path_factory.mktemp("editor"))
    yield opened
    opened.close()


CALLS = [
    (3, ["exam_sid: str", "appointment_date_time", '"b-virtual"', "ExamSession"], "Schedules an existing exam session"),
    (
        4,
        ["exam_sid: str", "card_token", '"b-virtual"', "Coroutine[Any, Any, ExamSession]"],
        "Schedules an existing exam session",
    ),
    (5, ["statuses", '"Scheduled"', "offset: int", "Pager[ServiceDistributionRow]"], "One page of the report"),
    (6, ["match_strings: str | Sequence[str]", "start_date", "CourseOffering"], "match strings"),
    (7, ["checklist_id", '"NOT_STARTED"', "list[JobTrainingSessionResult]"], "on-the-job-training sessions"),
    (8, ["exam_sid: str", "RawResponse[ExamSession]"], "Schedules an existing exam session"),
]


def flat(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize(("line", "parts", "words"), CALLS)
def test_the_signature_while_a_call_is_typed(editor: Editor, line: int, parts: list[str], words: str) -> None:
    text = SOURCE.splitlines()[line]
    shown = editor.ask("textDocument/signatureHelp", editor.at(line, len(text)))
    signature = shown["signatures"][0]
    label = signature["label"].replace("'", '"')
    for part in parts:
        assert part in label
    assert words in flat(signature["documentation"]["value"])
    assert len(signature["parameters"]) >= 4


@pytest.mark.parametrize(("line", "parts", "words"), CALLS)
def test_hovering_over_a_call(editor: Editor, line: int, parts: list[str], words: str) -> None:
    text = SOURCE.splitlines()[line]
    shown = editor.ask("textDocument/hover", editor.at(line, len(text) - 3))
    content = shown["contents"]["value"].replace("'", '"')
    for part in parts:
        assert part in content, content
    assert words in flat(content)
    assert "Documentation: https://" in flat(content)
