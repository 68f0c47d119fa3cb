"""Drafts that scripts/capture makes of saved pages.

The pages in tests/pages are ours, of an imaginary harbour, in the form of the real ones. Beside each stands the draft
that is due. To renew one, after looking at what changed:

    ./scripts/capture tests/pages/crossings.txt --url https://docs.ferries.example/crossings --date 2026-01-02
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from capturer.__main__ import main
from capturer.drafting import CONTRADICTIONS, REUSED, UNKNOWN, draft
from capturer.layout import as_yaml
from capturer.names import is_sensitive, operation_id, pascal, summary
from capturer.specification import Spec, load_specs
from capturer.verification import read_page, verify
from regenerator.__main__ import main as regenerate

from tests.pages.edits import PAGES, completed, draft_of

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted([*PAGES.glob("*.txt"), *PAGES.glob("*.md")])
SAVED = sorted(Path(os.environ["INVIGILATE_PAGES"]).glob("*.txt")) if os.environ.get("INVIGILATE_PAGES") else []
SPECS = load_specs(sorted((ROOT / "openapi").glob("*.yaml")))

Document = dict[str, Any]
named = pytest.mark.parametrize("page", [*OURS, *SAVED], ids=lambda page: page.name)
ours = pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)


def drafted(page: Path) -> str:
    address = f"https://docs.ferries.example/{page.stem}"
    return as_yaml(draft(read_page(page.name, page.read_text("utf-8")), SPECS, address=address, date="2026-01-02"))


def operation_of(document: Document) -> Document:
    (item,) = document["paths"].values()
    (operation,) = item.values()
    found: Document = operation
    return found


@ours
def test_the_draft_is_as_it_was(page: Path) -> None:
    assert drafted(page) == draft_of(page).read_text("utf-8")


def test_there_are_pages() -> None:
    """What follows holds nothing without them."""
    assert len(OURS) == 5
    if os.environ.get("INVIGILATE_PAGES"):
        assert SAVED


@named
def test_a_completed_draft_and_its_page_agree(page: Path) -> None:
    document = completed(yaml.safe_load(drafted(page)))
    (verdict,) = verify({page.name: page.read_text("utf-8")}, [Spec("draft.yaml", document)])
    assert verdict.problem is None
    assert verdict.differences == []
    assert verdict.facts > 30


@named
def test_no_client_is_made_of_a_draft_before_it_is_decided(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_ = tmp_path / "open.yaml"
    open_.write_text(drafted(page), encoding="utf-8")
    arguments = ["--package", "ferries", "--output", str(tmp_path)]
    assert regenerate(["--spec", str(open_), *arguments]) == 2
    assert capsys.readouterr().err.startswith("regenerate: still to be written: ")
    assert not (tmp_path / "ferries").exists()


@ours
def test_a_client_is_made_of_a_completed_draft(page: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.yaml"
    whole.write_text(yaml.safe_dump(completed(yaml.safe_load(drafted(page))), sort_keys=False), encoding="utf-8")
    assert regenerate(["--spec", str(whole), "--package", "ferries", "--output", str(tmp_path)]) == 0
    assert list((tmp_path / "ferries" / "api" / "harbour").glob("*.py"))


@named
def test_the_words_of_a_page_are_not_in_its_draft(page: Path) -> None:
    read = read_page(page.name, page.read_text("utf-8"))
    text = re.sub(r"\s+", " ", re.sub(r"^ *#", "", drafted(page), flags=re.M))
    fields = [field for fields in read.parameters.values() for field in fields]
    bodies = [body for body in (read.body, *read.responses.values()) if body is not None]
    fields += [field for body in bodies for field in body.fields]
    told = {field.words for field in fields if field.words}
    told |= set(re.findall(r'"description": "(.*?)"', page.read_text("utf-8")))
    assert told
    # A word or two may stand there for another reason.
    assert [words for words in told if len(words.split()) > 2 and words in text] == []


def test_what_a_page_does_not_say_stands_at_the_end() -> None:
    lines = drafted(PAGES / "plan-crossing.txt").split("\ncomponents:\n")[1].splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert lines[-len(comments) :] == comments
    for entry in (
        "tags: paths /v2/harbours/{harbourSid}/crossings post tags",
        "request body extras: the fields of the object",
        "response 201 berths tide: its type; the sample shows nothing but null",
        "response 201 berths gates: the type of the array's items",
        "response 409: its body",
        "x-argument: comma-separated: request body stops",
        "x-sensitive: request body pilotEmail",
        "x-sensitive: request body gatePassword",
        "x-sensitive: response 201 accessKey",
    ):
        assert f"#   {entry}" in comments


def test_what_a_page_has_lost_is_told_and_leaves_its_extent_open() -> None:
    text = (PAGES / "crew-hours.txt").read_text("utf-8")
    values = "State of the shift:\n- PLANNED: not yet begun\n- WORKED: done\n|"
    page = read_page("crew-hours.txt", text.replace(values, "State of the shift:\n|"))
    made = draft(page, SPECS)
    assert operation_of(made.document)["x-capture"]["extent"].startswith("TODO: full, partial or guide")
    lost = "its values: a list is announced, and the saved page has none"
    assert {f"request body state: {lost}", f"response 200 state: {lost}"} <= set(made.remaining[UNKNOWN])


def test_a_page_that_contradicts_itself_is_told() -> None:
    text = (PAGES / "cancel-crossing.txt").read_text("utf-8")
    made = draft(read_page("page.txt", text.replace('"refund": true', '"refund": "<string>"')), SPECS)
    assert made.remaining[CONTRADICTIONS] == [
        "request body refund: type in the sample: page says [string], draft says [boolean]",
    ]
    shorter = draft(read_page("page.txt", text.replace('  "reason": "<string>",\n', "")), SPECS)
    assert operation_of(shorter.document)["x-capture"]["extent"].startswith("TODO: ")
    assert "request body: names in the sample" in shorter.remaining[CONTRADICTIONS][0]


def test_what_a_spec_has_already_is_taken_from_it() -> None:
    text = (PAGES / "crossings.txt").read_text("utf-8")
    document = yaml.safe_load((PAGES / "plan-crossing.draft.yaml").read_text("utf-8"))
    document["components"]["parameters"] = {"Harbour": operation_of(document)["parameters"][0]}
    spec = Spec("ferries.yaml", document)
    made = draft(read_page("crossings.txt", text), [*SPECS, spec])
    assert made.target == "ferries.yaml"
    assert made.captured is None
    assert operation_of(made.document)["parameters"][0] == {"$ref": "#/components/parameters/Harbour"}
    assert set(made.remaining[REUSED]) == {
        "parameters/Harbour",
        "schemas/HarbourSid",
        "schemas/VesselSid",
        "schemas/Timestamp",
    }
    again = draft(read_page("plan.txt", (PAGES / "plan-crossing.txt").read_text("utf-8")), [spec])
    assert again.captured == "planCrossing"
    assert "# Captured already:" in as_yaml(again)

    # A parameter that says something else, or only infers what the page states, is not the same.
    for key, value in (("required", False), ("x-inferred", "from a guide"), ("example", "HB2")):
        other = Spec("ferries.yaml", json.loads(json.dumps(document)))
        other.document["components"]["parameters"]["Harbour"][key] = value
        unlike = draft(read_page("crossings.txt", text), [other])
        assert "parameters/Harbour" not in unlike.remaining[REUSED], key


@pytest.mark.parametrize(
    ("title", "method", "name"),
    [
        ("Update Course Offering", "PUT", "updateCourseOffering"),
        ("Service Distribution", "GET", "getServiceDistribution"),
        ("Getting Session Details", "POST", "getSessionDetails"),
        ("Submitting a Form", "POST", "submitForm"),
        ("Updating the LMS user", "PUT", "updateLmsUser"),
        ("Batch Provision", "POST", "batchProvision"),
        ("", "DELETE", "delete"),
    ],
)
def test_names_of_operations(title: str, method: str, name: str) -> None:
    assert operation_id(title, method) == name


def test_other_names() -> None:
    assert pascal("externalLMSId") == "ExternalLmsId"
    assert summary("Update Course Offering") == "Update course offering"
    assert summary("Get LMS users") == "Get LMS users"


def sensitive_names() -> dict[str, bool]:
    """Every member of the specs by name, with whether it is marked as one that must not be shown."""
    found: dict[str, bool] = {}

    def visit(node: Any) -> None:
        for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            visit(value)
        for name, member in node.get("properties", {}).items() if isinstance(node, dict) else ():
            if isinstance(member, dict):
                found[name] = found.get(name, False) or bool(member.get("x-sensitive"))

    for spec in SPECS:
        visit(spec.document["components"]["schemas"])
    return found


def test_sensitive_fields_of_the_specs_are_suggested_by_name() -> None:
    marked = {name for name, sensitive in sensitive_names().items() if sensitive}
    assert len(marked) > 15
    # Nothing in these names tells them from any other URL, identifier or text.
    assert {name for name in marked if not is_sensitive(name)} == {
        *("url", "URL", "interoadsProvisionedExamUrl", "callbackUrl", "smarterId", "code", "from", "to"),
        *("fields", "profileFields", "profileFieldsDateRange", "attributes", "value", "values"),
        *("displayingName", "initials", "instructor", "invitationMessage", "invitationSMSMessage"),
        *("comment", "customAnswerText", "reason", "workLeaveReason"),
    }


def test_few_other_fields_are_suggested() -> None:
    plain = {name for name, sensitive in sensitive_names().items() if not sensitive}
    assert len(plain) > 100
    # Nothing tells the token of a page from one of access, and a switch for e-mails from an address.
    assert {name for name in plain if is_sensitive(name)} == {
        "nextPageToken",
        "pageToken",
        "sendLoginEmail",
        "sendLoginSMS",
    }


def run(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def test_the_command_prints_a_draft(capsys: pytest.CaptureFixture[str]) -> None:
    page = PAGES / "crossings.txt"
    address = ("--url", "https://docs.ferries.example/crossings", "--date", "2026-01-02")
    assert run(page, *address) == 0
    text = capsys.readouterr().out
    assert text == draft_of(page).read_text("utf-8")


def test_without_a_date_it_is_today(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(PAGES / "crossings.txt") == 0
    capture = operation_of(yaml.safe_load(capsys.readouterr().out))["x-capture"]
    assert capture["date"] == datetime.date.today().isoformat()
    assert capture["page"] == "TODO"


@pytest.mark.parametrize(
    "arguments",
    [
        lambda folder: [folder / "nowhere.txt"],
        lambda folder: [folder / "notes.txt"],
        lambda folder: [folder / "empty"],
        lambda folder: [OURS[0], "--specs", folder / "empty"],
        lambda folder: ["--verify", OURS[0], "--specs", folder / "broken.yaml"],
    ],
)
def test_what_cannot_be_read_is_refused(
    arguments: Callable[[Path], list[str | Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("shopping list\n", encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("openapi: [", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    assert run(*arguments(tmp_path)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("capture: ")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "PAGE"),
        ([OURS[0], OURS[1]], "one page"),
        (["--verify", OURS[0], "--url", "https://a.example"], "--url"),
        ([OURS[0], "--url", "http://a.example"], "https"),
        ([OURS[0], "--date", "tomorrow"], "--date"),
        ([OURS[0], "--date", "2999-01-01"], "future"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: list[str | Path], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_the_script_reads_pages_from_where_the_caller_stands() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "capture", "crossings.txt"],
        cwd=PAGES,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "operationId: getCrossings" in done.stdout
