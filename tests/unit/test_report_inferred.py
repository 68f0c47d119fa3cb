"""The list of all that is inferred."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from reporter.inferred import as_json, as_markdown, as_text, inferred
from reporter.released import specifications

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_complete() -> None:
    """Counted in the text of the specifications, where nothing else than the extension has a colon behind it."""
    entries = inferred(ROOT)
    for file in specifications(ROOT):
        text = (ROOT / "openapi" / file).read_text(encoding="utf-8")
        listed = [entry for entry in entries if entry.specification == file]
        assert len(listed) == text.count("x-inferred:") > 20
        assert len({entry.pointer for entry in listed}) == len(listed)


def test_each_stands_where_it_says() -> None:
    documents = {file: yaml.safe_load((ROOT / "openapi" / file).read_text()) for file in specifications(ROOT)}
    for entry in inferred(ROOT):
        node: Any = documents[entry.specification]
        for part in entry.pointer.removeprefix("#/").split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            node = node[int(part)] if isinstance(node, list) else node[part]
        assert " ".join(str(node["x-inferred"]).split()) == entry.reason != ""


def test_the_operations_are_those_that_refer_to_it() -> None:
    by_pointer = {entry.pointer: entry.operations for entry in inferred(ROOT)}
    assert by_pointer["#/paths/~1job-training~1sessions~1result~1list/post/requestBody"] == ("listSessionResults",)
    assert by_pointer["#/components/schemas/JobTrainingSessionResult"] == ("listSessionResults",)
    session = by_pointer["#/components/parameters/InferredSessionSid"]
    assert {"getExamSession", "getOnboardingUrl"} <= set(session)
    assert "scheduleExamSession" not in session
    # A server concerns the whole document.
    alone = {pointer for pointer, operations in by_pointer.items() if not operations}
    assert alone == {f"#/servers/{index}" for index in (2, 3, 4)}, "a part that no operation refers to"
    assert by_pointer["#/components/schemas/WebhookConfirmationEvent"] == ("onWebhookConfirmation",)


def test_the_command_shows_all_of_it() -> None:
    entries = inferred(ROOT)
    for form, shown in (
        ("text", as_text(entries)),
        ("markdown", as_markdown(entries)),
        ("json", as_json(entries)),
    ):
        command = [sys.executable, "-m", "reporter", "inferred", "--format", form]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", shown)
        if form == "json":
            members = ("specification", "operations", "pointer", "place", "reason")
            expected = [{member: getattr(entry, member) for member in members} for entry in entries]
            assert json.loads(shown) == [one | {"operations": list(one["operations"])} for one in expected]
            continue
        for entry in entries:
            assert entry.place in shown
            assert (entry.reason if form == "text" else entry.reason.replace("|", "\\|")) in shown


def test_parameters_have_their_names() -> None:
    entries = inferred(ROOT)
    numbered = [entry for entry in entries if re.search(r"/parameters/\d+", entry.pointer)]
    assert numbered
    for entry in numbered:
        node: Any = yaml.safe_load((ROOT / "openapi" / entry.specification).read_text(encoding="utf-8"))
        before, number = re.fullmatch(r"(.*/parameters)/(\d+).*", entry.pointer).groups()  # type: ignore[union-attr]
        for part in before.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        name = node[int(number)]["name"]
        assert entry.place == entry.pointer.replace(f"{before}/{number}", f"{before}/{name}")
    assert not [entry for entry in entries if re.search(r"/parameters/\d", entry.place)]
