"""What is not understood on a page is told: by the draft among its gaps, by the comparison as a difference."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from capturer.__main__ import main
from capturer.drafting import CONTRADICTIONS, UNKNOWN, Draft, draft
from capturer.facts import PageError
from capturer.layout import as_yaml
from capturer.verification import Verdict, read_page, verify

from tests.pages.edits import PAGES
from tests.unit.test_capture import operation_of
from tests.unit.test_capture_drift import CANCEL, HOURS, LIST, PLAN, spec_of, text_of

cached_spec = cache(spec_of)
VESSEL = "vesselSid\nstring\nrequired\n\nThe vessel\n\nPattern: ^VE[a-f0-9]{32}$\nkind"
CUT = "list of values cut off"


def drafted(text: str) -> Draft:
    return draft(read_page("page.txt", text), [], address="https://docs.ferries.example/page", date="2026-01-02")


def verdict_on(page: str, text: str) -> Verdict:
    (verdict,) = verify({"page.txt": text}, [cached_spec(page)])
    return verdict


def changed(page: str, old: str, new: str) -> str:
    text = text_of(page)
    assert old in text
    return text.replace(old, new, 1)


def assert_told(page: str, text: str, place: str, told: str) -> Draft:
    """The draft and the comparison tell the same at the same place, and the extent is left open."""
    made = drafted(text)
    assert f"{place}: {told}" in made.remaining[UNKNOWN]
    assert f"#   {place}: {told}" in as_yaml(made).splitlines()
    assert operation_of(made.document)["x-capture"]["extent"].startswith("TODO: ")
    verdict = verdict_on(page, text)
    found = [item for item in verdict.differences if item.unread]
    assert (f"{place}: not understood", told) in [(item.place, item.page_says) for item in found]
    return made


def body_of(made: Draft) -> dict[str, Any]:
    schema: dict[str, Any] = made.document["components"]["schemas"]["PlanCrossingBody"]
    return schema


@pytest.mark.parametrize("badge", ["read-only", "Read-only", "write-only \u00b7 nullable", "query", "Required"])
def test_an_unknown_badge_does_not_hide_the_next_one(badge: str) -> None:
    text = changed(PLAN, "vesselSid\nstring\nrequired", f"vesselSid\nstring\n{badge}\nrequired")
    made = assert_told(PLAN, text, "request body vesselSid", f"the line {badge!r}")
    assert "vesselSid" in body_of(made)["required"]
    assert all(item.unread for item in verdict_on(PLAN, text).differences)


@pytest.mark.parametrize("end", ["...", "\u2026", "+3 more", "Show 3 more", "mixed\u2026"])
def test_a_list_that_is_cut_off_is_a_gap_and_no_value(end: str) -> None:
    text = changed(PLAN, "passenger,\ncargo,\nmixed\ndepartsAt", f"passenger,\ncargo,\n{end}\ndepartsAt")
    made = assert_told(PLAN, text, "request body kind", CUT)
    assert body_of(made)["properties"]["kind"]["enum"] == ["passenger", "cargo"]
    listed = changed(LIST, "passenger,\ncargo\nvessel", f"passenger,\ncargo,\n{end}\nvessel")
    assert_told(LIST, listed, "query parameter kinds", CUT)


def test_a_list_of_which_no_value_is_seen_is_a_gap() -> None:
    text = changed(PLAN, "passenger,\ncargo,\nmixed\ndepartsAt", "...\ndepartsAt")
    made = assert_told(PLAN, text, "request body kind", CUT)
    assert "enum" not in body_of(made)["properties"]["kind"]


@pytest.mark.parametrize(
    "line",
    [
        *("pattern: ^VE[a-f0-9]{32}$", "Format: uuid", "Pattern ^VE[a-f0-9]{32}$", "pattern:^VE", "Pattern:"),
        *("Pattern: ^VE[a-f...", "Default: 5", "Range: 0 - 400", "0 <= x <= 400", "Nullable: true", "uuid", "unique"),
        *("Example: 17", "example:", "Show child attributes", "404 - application/json", "application/json", "200"),
    ],
)
@pytest.mark.parametrize("place", ["for the fact", "below the type", "for the prose", "below the prose"])
def test_a_fact_of_an_unknown_form_is_told(line: str, place: str) -> None:
    new = {
        "for the fact": VESSEL.replace("Pattern: ^VE[a-f0-9]{32}$", line),
        "below the type": VESSEL.replace("required\n", f"required\n{line}\n"),
        "for the prose": VESSEL.replace("The vessel", line),
        "below the prose": VESSEL.replace("The vessel\n", f"The vessel\n\n{line}\n"),
    }[place]
    if line.startswith("Pattern ") and place == "for the prose":
        new = new.replace(f"\n{line}", f"\n\n{line}\n\nThe vessel").replace("\n\n\n", "\n\n")
        line = "The vessel"  # prose is one line; which of two is a fact, nothing tells
    assert_told(PLAN, changed(PLAN, VESSEL, new), "request body vesselSid", f"the line {line!r}")


def test_a_second_fact_of_a_kind_does_not_win() -> None:
    text = changed(PLAN, "Pattern: ^VE[a-f0-9]{32}$", "Pattern: ^VE[a-f0-9]{32}$\nPattern: ^VF$")
    made = assert_told(PLAN, text, "request body vesselSid", "the line 'Pattern: ^VF$', a second one of its kind")
    assert made.document["components"]["schemas"]["VesselSid"]["pattern"] == "^VE[a-f0-9]{32}$"


@pytest.mark.parametrize(
    ("page", "old", "new", "place", "told"),
    [
        # a badge out of its place
        (PLAN, "vesselSid\nstring\nrequired", "vesselSid\nstring\n\nrequired", "request body vesselSid", "required"),
        (PLAN, "load\nnumber\n", "load\nnumber\nDefault: 5\n", "request body load", "Default: 5"),
        (PLAN, "default:0\n", "default:\n", "request body passengers", "default:"),
        (PLAN, "string | null\nPattern: .*Z\n", "string | null\npattern: Z\n", "request body returnsAt", "pattern: Z"),
        # more than one paragraph
        (PLAN, "Tons\n", "Tons\n\nat most 400\n", "request body load", "at most 400"),
        (PLAN, "Opens the gate\n", "Opens the gate\nalways\n", "request body gatePassword", "always"),
        # an answer without its status, or with another form of it
        (PLAN, "409\n\nThe berth", "The berth", "response 201 accessKey", "The berth is taken"),
        (PLAN, "\n409\n", "\n409 \u2013 application/json\n", "response 201 accessKey", "409 \u2013 application/json"),
        (PLAN, "The key\n\n409\n", "The key\n409\n", "response 201 accessKey", "409"),
        (PLAN, "The berth is taken", "The berth is taken\n\nCode: 7", "response 409", "Code: 7"),
        (CANCEL, "Successful\n", "Successful\n\nFormat: uuid\n", "response default", "Format: uuid"),
        # nothing but prose belongs above the members
        (PLAN, "What shall cross", "multipart/form-data", "request body", "multipart/form-data"),
        (LIST, "Query Parameters\n", "Query Parameters\n\nstyle: form\n", "query parameters", None),
        # around the sections
        (LIST, "Skip to main content", "Deprecated", "above the method", "Deprecated"),
        (LIST, "\nCrossings\n", "\nCrossings\ndeprecated\n", "heading", "deprecated"),
        (LIST, "\nCrossings\n", "\nCrossings\n\nRate limit: 5\n\n", "heading", "Rate limit: 5"),
        (LIST, "\nAuthorizations", "\nCookie Parameters\n\nAuthorizations", "above the sections", "Cookie Parameters"),
        (LIST, "header\nrequired\n", "header\nrequired\nread-only\n", "authorization token", "read-only"),
        # the other form of page
        (HOURS, "- WORKED: done\n|\nrank", "- worked: done\n|\nrank", "request body state", "- worked: done"),
        (HOURS, "| Rank |", "| Rank\nID of it |", "request body rank", "ID of it"),
        (HOURS, "| Rank |", "| Rank | 1 to 5 |", "request body rank", "1 to 5"),
        (HOURS, "hours | Hours", "hours (optional) | Hours", "response 200 hours", "hours (optional)"),
        (HOURS, "port | The port |", "port | The port |\nmore | 7", "tables", "more | 7"),
        (HOURS, "Harbour Masters\n", "Harbour Masters\nRate limit: 5\n", "above the tables", "Rate limit: 5"),
        (HOURS, "tion (required)", "tion (optional)", "header Authorization", "Authorization (optional)"),
    ],
)  # fmt: skip
def test_what_stands_where_nothing_is_known_to_stand(
    page: str, old: str, new: str, place: str, told: str | None
) -> None:
    text = changed(page, old, new)
    if told is None:
        with pytest.raises(PageError):
            read_page("page.txt", text)
        return
    assert_told(page, text, place, f"the line {told!r}")


def test_a_cut_off_list_of_the_other_form_of_page() -> None:
    text = changed(HOURS, "- WORKED: done\n|\nrank", "- ...\n|\nrank")
    made = assert_told(HOURS, text, "request body state", CUT)
    (name,) = [name for name in made.document["components"]["schemas"] if name.endswith("Body")]
    assert made.document["components"]["schemas"][name]["properties"]["state"]["enum"] == ["PLANNED"]


def test_members_listed_one_level_deeper_are_not_those_of_the_object_above() -> None:
    inner = "  name\n  string\n  required\n\n  Who\n\n  licence\n  object\n\n"
    text = changed(PLAN, "Who steers\n\n", f"Who steers\n\n{inner}")
    made = assert_told(PLAN, text, "request body skipper", "fields listed one level deeper: name, licence")
    assert "name" not in body_of(made)["properties"]
    assert "name" not in body_of(made)["required"]


def test_members_of_an_answer_without_a_media_type_are_told() -> None:
    text = text_of(PLAN).rstrip("\n") + "\n\nreason\nstring\nrequired\n"
    assert_told(PLAN, text, "response 409", "its field reason")


@pytest.mark.parametrize(
    ("page", "old", "new"),
    [
        (PLAN, "0 <= x <= 400", "0 to 400"),
        (PLAN, "0 <= x <= 400", "0 <= x <= 4.0.0"),
        (PLAN, "Required string length: 8 - 64", "Minimum string length: 8 - 64"),
        (PLAN, "passenger,\ncargo,\nmixed\ndepartsAt", "- passenger,\n- cargo\ndepartsAt"),
        (PLAN, "passenger,\ncargo,\nmixed\ndepartsAt", "passenger, cargo\ndepartsAt"),
        (PLAN, "load\nnumber", "load\ndecimal"),
        (PLAN, "pilotEmail\nstring<email> | null", "pilotEmail\nstring<email>|null"),
        (PLAN, "pilotEmail\nstring<email> | null", "pilotEmail\nstring<email> | string<uri>"),
        (PLAN, "skipper\nobject\n\nWho steers\n", "skipper\nobject\n\nWho steers\n\nskipper.name\nstring\n"),
        (PLAN, "The berth is taken", "The berth is taken\n\n409\n\nAgain"),
        (PLAN, "201 - application/json", "application/json"),
        (LIST, "Query Parameters", "Query parameters"),
        (LIST, "\n\nQuery Parameters", "\nQuery Parameters"),
        (LIST, "Path Parameters\n\nharbourSid", "Path Parameters\n\nportSid"),
        (LIST, "harbours/{harbourSid}/crossings \\", "harbours/{harbourSid}/crossings?tide=1 \\"),
        (LIST, "How many to list\n\nRequired range: 1 <= x <= 200", "How many to list\n\nAvailable options:\n1,"),
    ],
)  # fmt: skip
def test_what_would_be_taken_for_something_else_is_refused(page: str, old: str, new: str) -> None:
    text = changed(page, old, new)
    with pytest.raises(PageError):
        read_page("page.txt", text)
    assert "the page cannot be read" in str(verdict_on(page, text).problem)


@pytest.mark.parametrize("blank", ["\t", "\u00a0", "  ", "\u2009", " \u200b"])
@pytest.mark.parametrize("page", [PLAN, LIST, CANCEL])
def test_other_blanks_change_nothing(page: str, blank: str) -> None:
    above, below = text_of(page).split("\nAuthorizations\n")
    # What has no width can only stand at the ends of lines.
    old, new = ("\n", f"{blank}\n") if blank.endswith("\u200b") else (" ", blank)
    below = below.replace(old, new)
    text = f"{above}\nAuthorizations{blank}\n{below}"
    # In values blanks stay as they are.
    text = text.replace(f'"North{blank}Quay,South{blank}Quay"', '"North Quay,South Quay"')
    assert verdict_on(page, text).differences == []
    expected = as_yaml(drafted(text_of(page)))
    assert as_yaml(drafted(text)) == expected


@pytest.mark.parametrize("blank", ["\t", "\u00a0", "  "])
def test_other_blanks_change_nothing_on_the_other_form_of_page(blank: str) -> None:
    above, below = text_of(HOURS).split("Sample Request\n")
    text = f"{above.replace(' ', blank)}Sample Request\n{below}"
    assert verdict_on(HOURS, text).differences == []


def test_blanks_within_values_are_kept() -> None:
    text = changed(PLAN, "Pattern: ^VE[a-f0-9]{32}$", "Pattern:\u00a0^V  E\u00a0$")
    text = text.replace("\nmixed\ndepartsAt", "\nmixed  up\ndepartsAt")
    (vessel, kind, *_) = (read_page("page.txt", text).body or pytest.fail("no body")).fields
    assert vessel.facets["pattern"] == "^V  E\u00a0$"
    assert kind.facets["enum"] == ("passenger", "cargo", "mixed  up")


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("default:ASC", "default: DESC", "DESC"),
        ("default:ASC", 'default:"DESC"', "DESC"),
        ("enum<string>\ndefault:ASC", "enum<string> | null\ndefault:null", None),
    ],
)
def test_defaults_that_are_written_otherwise(old: str, new: str, value: str | None) -> None:
    page = read_page("page.txt", changed(LIST, old, new))
    (order,) = [field for field in page.parameters["query"] if field.name == "order"]
    assert order.facets["default"] == value
    assert order.unread == ()


@pytest.mark.parametrize("page", [PLAN, LIST, CANCEL, HOURS])
@pytest.mark.parametrize("line", ["read-only", "Format: uuid"])
def test_no_line_is_passed_over_wherever_it_stands(page: str, line: str) -> None:
    """One line more, at each place of the page in turn."""
    lines = text_of(page).splitlines()
    gaps = drafted(text_of(page)).remaining.get(UNKNOWN, [])
    silent: list[str] = []
    for index in range(len(lines) + 1):
        text = "\n".join([*lines[:index], line, *lines[index:]])
        verdict = verdict_on(page, text)
        if not verdict.problem and not verdict.differences:
            silent.append(f"--verify, line {index + 1}")
        if verdict.problem is None:
            made = drafted(text)
            if CONTRADICTIONS not in made.remaining and not set(made.remaining.get(UNKNOWN, [])) - set(gaps):
                silent.append(f"draft, line {index + 1}")
    assert silent == []


def test_the_command_tells_what_is_not_understood(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "plan-crossing.txt"
    page.write_text(changed(PLAN, VESSEL, VESSEL.replace("Pattern: ^VE[a-f0-9]{32}$", "Format: uuid")), "utf-8")
    assert main([str(page)]) == 0
    assert "#   request body vesselSid: the line 'Format: uuid'" in capsys.readouterr().out.splitlines()
    specs = tmp_path / "spec.yaml"
    specs.write_text((PAGES / "plan-crossing.draft.yaml").read_text("utf-8"), "utf-8")
    assert main(["--verify", str(page), "--specs", str(specs)]) == 1
    told = "  request body vesselSid: not understood\n      page: the line 'Format: uuid'\n      spec: nothing\n"
    assert told in capsys.readouterr().out


def test_a_long_line_is_told_by_its_beginning() -> None:
    made = drafted(changed(PLAN, "Tons\n", f"Tons\n\n{'no word of ' * 20}\n"))
    (told,) = [entry for entry in made.remaining[UNKNOWN] if entry.startswith("request body load: ")]
    assert told.endswith(" [...]'")
    assert len(told) < 110


def test_names_and_values_may_be_the_titles_of_sections() -> None:
    text = changed(LIST, "ASC,\nDESC", "headers,\nbody").replace("default:ASC", "default:body")
    text = text.replace("\nlate\nboolean\n\nOnly the late ones\n", "\nbody\nboolean\n\nHeaders\n")
    page = read_page("page.txt", text)
    assert set(page.parameters) == {"path", "query"}
    late, order = page.parameters["query"][3], page.parameters["query"][5]
    assert (late.name, late.words) == ("body", "Headers")
    assert order.facets["enum"] == ("headers", "body")
    assert order.unread == ()
