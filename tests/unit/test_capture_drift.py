"""Drift between pages and specs: one fact of a page changes at a time, and is told at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from capturer.__main__ import main
from capturer.drafting import CONTRADICTIONS, draft
from capturer.specification import Spec
from capturer.verification import as_text, read_page, status, verify

from tests.pages.edits import PAGES, completed
from tests.unit.test_capture import OURS

PLAN, CANCEL, LIST, HOURS = "plan-crossing", "cancel-crossing", "crossings", "crew-hours"


def spec_of(page: str) -> Spec:
    """The completed draft of a page, which says what the page says."""
    text = (PAGES / f"{page}.draft.yaml").read_text("utf-8")
    return Spec(f"{page}.yaml", completed(yaml.safe_load(text)))


def text_of(page: str) -> str:
    return (PAGES / f"{page}.txt").read_text("utf-8")


def assert_a_new_draft_agrees(text: str) -> None:
    """Whatever a page says, a draft made of it says the same, or tells where the page contradicts itself."""
    made = draft(read_page("page.txt", text), [])
    (verdict,) = verify({"page.txt": text}, [Spec("draft.yaml", completed(made.document))])
    told = [f"{item.place}: page says {item.page_says}, draft says {item.spec_says}" for item in verdict.differences]
    assert told == made.remaining.get(CONTRADICTIONS, [])


@pytest.mark.parametrize(
    ("page", "old", "new", "place", "page_says", "spec_says"),
    [
        # the operation
        (PLAN, "https://api.ferries.example/", "https://api2.ferries.example/", "host", "api2.ferries", "[api.fer"),
        (PLAN, "token", "key", "security", "key", "token"),
        # parameters
        (LIST, "language\nstring", "tongue\nstring", "query parameter: probably renamed", "tongue", "language"),
        (LIST, "late\nboolean\n\nOnly the late ones\n\n", "", "query parameter late", "nothing", "there"),
        (LIST, "\noffset\n", "\nearly\nboolean\noffset\n", "query parameter early", "there", "nothing"),
        (LIST, "passenger,\ncargo", "passenger,\ncargo,\nmixed", "query parameter kinds: enum", "mixed", "cargo]"),
        (LIST, "ASC,\nDESC", "DESC,\nASC", "query parameter order: enum", "[DESC, ASC]", "[ASC, DESC]"),
        (LIST, "default:25", "default:50", "query parameter limit: default", "50", "25"),
        (LIST, "default:25\n", "", "query parameter limit: default", "nothing", "25"),
        (LIST, "1 <= x <= 200", "1 <= x <= 100", "query parameter limit: maximum", "100", "200"),
        (LIST, "Required range: x >= 0\n", "", "query parameter offset: minimum", "nothing", "0"),
        (LIST, "length: 2 - 8", "length: 2 - 5", "query parameter language: maxLength", "5", "8"),
        (LIST, "string<bcp47>", "string", "query parameter language: format", "nothing", "bcp47"),
        (LIST, "deprecated\n", "", "query parameter order: deprecated", "nothing", "True"),
        (LIST, "^VE[a-f0-9]{32}$", "^VS[a-f0-9]{32}$", "query parameter vesselSids: pattern", "^VS", "^VE"),
        (LIST, "string[]", "string", "query parameter vesselSids: type", "[string]", "[string[]]"),
        (LIST, "offset\ninteger", "offset\ninteger\nrequired", "query parameter offset: required", "True", "False"),
        (LIST, "00000001\"", "00000002\"", "path parameter harbourSid: example", "0002", "0001"),
        (CANCEL, "number\ninteger", "number\nstring", "path parameter number: type", "[string]", "[integer]"),
        (CANCEL, "x >= 1", "x > 1", "path parameter number: exclusiveMinimum", "1", "nothing"),
        (PLAN, "X-Desk\nstring\nrequired", "X-Desk\nstring", "header parameter X-Desk: required", "False", "True"),
        # the request body
        (PLAN, "returnsAt\nstring | null", "returnsAt\nstring", "request body returnsAt: nullable", "False", "True"),
        (PLAN, "vesselSid\nstring\nrequired", "vesselSid\nstring", "request body vesselSid: required", "False", "True"),
        (PLAN, "load\nnumber", "load\ninteger", "request body load: type", "[integer]", "[number]"),
        (PLAN, "x > 0", "x >= 0", "request body load: exclusiveMinimum", "nothing", "0"),
        (PLAN, "upper,\nlower", "upper", "request body decks: enum", "[upper]", "[upper, lower]"),
        (PLAN, "array length: 2", "array length: 3", "request body decks: maxItems", "3", "2"),
        (PLAN, "1,\n2,\n3", "1,\n2,\n4", "request body season: enum", "[1, 2, 4]", "[1, 2, 3]"),
        (PLAN, 'value: "flat"', 'value: "steep"', "request body tariff: enum", "[steep]", "[flat]"),
        (PLAN, "8 - 64", "10 - 64", "request body gatePassword: minLength", "10", "8"),
        (PLAN, "string<email>", "string<uri>", "request body pilotEmail: format", "uri", "email"),
        (PLAN, "string | object", "string", "request body remarks: type", "[string]", "[object, string]"),
        (PLAN, '"passengers": 40', '"passengers": 50', "request body passengers: value in the sample", "50", "40"),
        (PLAN, '"years": 123', '"years": "<string>"', "request body skipper licence years: type", "string", "number"),
        (PLAN, '"years": 123', '"since": 123', "request body skipper licence: probably renamed", "since", "years"),
        (CANCEL, "default:false", "default:true", "request body refund: default", "True", "False"),
        (CANCEL, "refund\nboolean", "refund\nboolean\nrequired", "request body refund: required", "True", "False"),
        (CANCEL, "Body\n\napplication/json", "Body\n\ntext/json", "request body media type", "text/json", "json"),
        # the answer
        (PLAN, "201 - application/json", "200 - application/json", "response 200", "there", "nothing"),
        (PLAN, "409\n\nThe berth is taken\n", "", "response 409", "nothing", "there"),
        (PLAN, "state\nstring | null", "state\nstring", "response 201 state: nullable", "False", "True"),
        (PLAN, "sid\nstring\nrequired", "sid\nstring", "response 201 sid: required", "False", "True"),
        (PLAN, '"paid": true', '"paid": 123', "response 201 fees paid: type", "[number]", "[boolean]"),
        (PLAN, '"gates": []', '"gates": {}', "response 201 berths gates: type", "[object]", "[any[]]"),
        (CANCEL, "default - application/json", "200 - application/json", "response default", "nothing", "there"),
        (CANCEL, "of type string.", "of type boolean.", "response default as a whole", "[boolean]", "[string]"),
        (LIST, "total\nnumber | null", "total\ninteger | null", "response 200 total: type", "[integer]", "[number]"),
        (LIST, '"late": true,', '"late": true,\n      "ice": true,', "response 200 results ice", "there", "nothing"),
        (LIST, '"name": "<string>"', '"name": 123', "response 200 results vessel name: type", "[number]", "[string]"),
        # the other form of page
        (HOURS, "HARBOURMASTER", "CAPTAIN", "x-capture subscription", "Captain", "Harbourmaster"),
        (HOURS, "\nHarbour Masters\n", "\nCaptains\n", "x-capture permissions", "Captains", "Harbour Masters"),
        (HOURS, "crewId (required)", "crewId (optional)", "request body crewId: required", "False", "True"),
        # The sample shows an array, so one sentence less says nothing else.
        (HOURS, "Shift ID (can be more than one)", "Shift ID", None, "", ""),
        (HOURS, "Crew ID (can be more than one)", "Crew ID", "request body crewId: type", "[string]", ", string[]]"),
        (HOURS, "rank (optional)", "grade (optional)", "request body: probably renamed", "grade", "rank"),
        (HOURS, "X-Quay: north", "X-Quay: south", "header parameter X-Quay: example", "south", "north"),
        (HOURS, '"hours": 7.5', '"hours": "7.5"', "response 200 hours: type", "[string]", "[number]"),
        (HOURS, '"depth": 12', '"depth": 13', "response 200 0.port.depth: value in the sample", "13", "12"),
        (HOURS, "401 | Unauthorized", "403 | Forbidden", "response 403", "there", "nothing"),
        (HOURS, "port | The port", "haven | The port", "response 200: probably renamed", "haven", "port"),
    ],
)  # fmt: skip
def test_one_changed_fact_is_told_at_its_place(
    page: str, old: str, new: str, place: str | None, page_says: str, spec_says: str
) -> None:
    text = text_of(page)
    assert text.count(old) >= 1
    assert_a_new_draft_agrees(text.replace(old, new))
    (verdict,) = verify({"page.txt": text.replace(old, new)}, [spec_of(page)])
    assert verdict.problem is None
    if place is None:
        assert verdict.differences == []
        return
    found = [item for item in verdict.differences if item.place == place]
    assert found, [str(item) for item in verdict.differences]
    assert page_says in found[0].page_says
    assert spec_says in found[0].spec_says
    assert status([verdict]) == 1
    lines = as_text([verdict]).splitlines()
    index = lines.index(f"  {place}")
    assert page_says in lines[index + 1]
    assert spec_says in lines[index + 2]


@pytest.mark.parametrize(
    ("page", "old", "new", "places"),
    [
        (LIST, "default:25", "default:50", 1),
        (LIST, "language\nstring", "tongue\nstring", 1),
        (PLAN, "x > 0", "x > 1", 1),
        (PLAN, "state\nstring | null", "state\nstring", 1),
        # Required of a member, and so of the body.
        (CANCEL, "refund\nboolean", "refund\nboolean\nrequired", 1),
        # Of the enum, the value and the sample, only the one that changed.
        (HOURS, "- WORKED: done\n|\nrank", "- WORKED: done\n- LEFT: gone\n|\nrank", 1),
    ],
)
def test_one_changed_fact_is_one_difference(page: str, old: str, new: str, places: int) -> None:
    text = text_of(page)
    assert text.count(old) == 1
    (verdict,) = verify({"page.txt": text.replace(old, new)}, [spec_of(page)])
    assert len(verdict.differences) == places, [str(item) for item in verdict.differences]


@pytest.mark.parametrize(
    ("page", "old", "new"),
    [
        (HOURS, "Crew ID (can be more than one)", "Crew ID (can be more than one):\n- C_ONE: one\n- C_TWO: two\n"),
        (HOURS, "State of the shift:\n- PLANNED", "State of the shift (can be more than one):\n- PLANNED"),
        (HOURS, '"mate": null', '"mate": {"name": "Jo"}'),
        (HOURS, '"breaks": [\n10,\n15\n]', '"breaks": []'),
        (HOURS, '"breaks": [\n10,\n15\n]', '"breaks": [{"minutes": 10, "paid": null}]'),
        (PLAN, "pilotEmail\nstring<email> | null", "pilotEmail\nstring<email>[]"),
        (PLAN, "decks\nenum<string>[]", "decks\nenum<string>[] | null"),
        (PLAN, "season\nenum<integer>", "season\nenum<integer>[]\ndefault:[1, 2]"),
        (PLAN, '"season": 2', '"season": 9'),
        (PLAN, "extras\nobject", "extras\nany"),
        (PLAN, "extras\nobject", "extras\nobject[]"),
        (PLAN, "x > 0", "0.5 < x < 1.5"),
        (PLAN, "sid\nstring\nrequired\n\nThe crossing\n\nPattern: ^CR[a-f0-9]{32}$", "sid\nstring\nPattern: ^[A-Z]+$"),
        (LIST, '"weather": {}', '"weather": [[1, 2], [3]]'),
        (LIST, "vesselSids\nstring[]", "vesselSids\nstring"),
        (LIST, "results\nobject[]", "results\nobject[] | null"),
        (LIST, "late\nboolean", "late\nboolean | null"),
        (CANCEL, "of type string.", "of type object."),
        (CANCEL, "default - application/json", "200 - application/json"),
    ],
)
def test_other_pages_and_their_drafts_agree(page: str, old: str, new: str) -> None:
    text = text_of(page)
    assert text.count(old) >= 1
    assert_a_new_draft_agrees(text.replace(old, new, 1))


def test_prose_may_change() -> None:
    text = text_of(LIST).replace("How many to list", "The number of crossings on a page")
    (verdict,) = verify({"page.txt": text}, [spec_of(LIST)])
    assert verdict.differences == []


def test_a_renaming_is_only_told_where_there_is_one() -> None:
    text = text_of(LIST).replace("language\nstring", "tongue\nstring").replace("late\nboolean", "early\nboolean")
    (verdict,) = verify({"page.txt": text}, [spec_of(LIST)])
    places = {item.place for item in verdict.differences}
    names = ("language", "tongue", "late", "early")
    assert {f"query parameter {name}" for name in names} <= places
    assert not any("renamed" in place for place in places)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All our pages, with a spec for each."""
    for page in (page for page in OURS if page.suffix == ".txt"):
        (tmp_path / page.name).write_text(page.read_text("utf-8"), encoding="utf-8")
        spec = yaml.safe_dump(spec_of(page.stem).document, sort_keys=False)
        (tmp_path / f"{page.stem}.yaml").write_text(spec, encoding="utf-8")
    return tmp_path


def verified(folder: Path) -> int:
    return main(["--verify", str(folder), "--specs", str(folder)])


def test_pages_that_did_not_drift(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(folder) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 5
    assert said[-1].endswith("0 differences on 0 pages, 0 pages not readable")
    assert said[0].startswith("cancel-crossing.txt: PUT /v2/harbours/{harbourSid}/crossings/{number}/cancel (cancelCr")
    assert "captured 2026-01-02" in said[0]


def test_pages_that_drifted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = folder / "crossings.txt"
    changed.write_text(changed.read_text("utf-8").replace("default:25", "default:50"), encoding="utf-8")
    assert verified(folder) == 1
    said = capsys.readouterr().out
    assert "  query parameter limit: default\n      page: 50\n      spec: 25\n" in said
    assert said.endswith("1 difference on 1 page, 0 pages not readable\n")


def test_pages_that_cannot_be_read_win(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = folder / "crossings.txt"
    changed.write_text(changed.read_text("utf-8").replace("default:25", "default:50"), encoding="utf-8")
    (folder / "notes.txt").write_text("shopping list\n", encoding="utf-8")
    assert verified(folder) == 2
    said = capsys.readouterr().out
    assert "notes.txt: the page cannot be read: " in said
    assert "query parameter limit: default" in said


def test_a_page_cut_off_is_not_readable(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = folder / "plan-crossing.txt"
    text = changed.read_text("utf-8")
    changed.write_text(text[: text.index("Body\n")], encoding="utf-8")
    assert verified(folder) == 2
    assert "plan-crossing.txt: the page cannot be read: " in capsys.readouterr().out


def test_an_operation_that_is_not_captured_is_drift(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "crossings.yaml").unlink()
    assert verified(folder) == 1
    assert "crossings.txt: GET /v2/harbours/{harbourSid}/crossings: in none of the specs" in capsys.readouterr().out


def test_two_pages_of_one_operation_are_drift(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "crossings-2.txt").write_text((folder / "crossings.txt").read_text("utf-8"), encoding="utf-8")
    assert verified(folder) == 1
    assert "already compared with crossings-2.txt" in capsys.readouterr().out


def test_a_spec_that_cannot_be_compared_is_not_readable(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = folder / "crossings.yaml"
    spec.write_text(spec.read_text("utf-8").replace("schemas/HarbourSid'", "schemas/Nowhere'"), encoding="utf-8")
    assert "Nowhere" in spec.read_text("utf-8") or pytest.fail("the reference is written in another way")
    assert verified(folder) == 2
    assert "crossings.txt: the spec cannot be compared: " in capsys.readouterr().out
