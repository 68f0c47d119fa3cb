"""Pages that a documentation system serves as Markdown, with the OpenAPI document of their operation."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from capturer.drafting import UNKNOWN, draft
from capturer.facts import PageError
from capturer.specification import Spec
from capturer.verification import Verdict, read_page, verify

from tests.pages.edits import PAGES, completed, draft_of

PAGE = PAGES / "plan-crossing.md"
TEXT = PAGE.read_text("utf-8")
SPEC = Spec("ferries.yaml", completed(yaml.safe_load(draft_of(PAGE).read_text("utf-8"))))


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TEXT[TEXT.index("{") : TEXT.rindex("}") + 1])
    return found


def page_of(value: dict[str, Any]) -> str:
    return f"# Plan a crossing\n\n# OpenAPI definition\n\n```json\n{json.dumps(value, indent=2)}\n```\n"


def verdict_on(text: str) -> Verdict:
    (verdict,) = verify({"page.md": text}, [SPEC])
    return verdict


def schema(value: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = value["components"]["schemas"][name]
    return found


def test_the_draft_is_the_document_without_its_prose() -> None:
    made = draft(read_page(PAGE.name, TEXT), [], date="2026-01-02").document

    def bare(node: Any) -> Any:
        """A document without prose, marks and examples."""
        if isinstance(node, list):
            return [bare(item) for item in node]
        if not isinstance(node, dict):
            return node
        prose = {"description", "summary", "tags", "info"}
        return {key: bare(item) for key, item in node.items() if key not in prose and not key.startswith("x-")}

    assert bare(made) == bare(document())


@pytest.mark.parametrize("fence", ["````yaml post /v2/harbours/{harbourSid}/crossings", "~~~yml", "```yaml"])
def test_the_document_may_be_yaml(fence: str) -> None:
    marks = re.match("[`~]+", fence)
    assert marks is not None
    text = f"# Plan\n\n## OpenAPI\n\n{fence}\n{yaml.safe_dump(document(), sort_keys=False)}\n{marks[0]}\n"
    assert verdict_on(text).differences == []


def test_a_document_of_openapi_3_0_says_the_same() -> None:
    old = document() | {"openapi": "3.0.3"}
    properties = schema(old, "NewCrossing")["properties"]
    properties["load"] |= {"minimum": 0, "exclusiveMinimum": True}
    properties["passengers"] = {"type": "integer", "minimum": 0, "exclusiveMinimum": False}
    properties["decks"] = {"type": "array", "items": {"type": "string"}, "nullable": True}
    schema(old, "Crossing")["properties"]["next"] = {"$ref": "#/components/schemas/Crossing", "nullable": True}
    new = document()
    schema(new, "NewCrossing")["properties"]["passengers"] = {"type": "integer", "minimum": 0}
    spec = Spec("new.yaml", new)
    assert verify({"page.md": page_of(old)}, [spec])[0].differences == []
    properties["decks"]["nullable"] = False
    (difference,) = verify({"page.md": page_of(old)}, [spec])[0].differences
    assert (difference.place, difference.page_says) == ("request body decks: nullable", "False")


@pytest.mark.parametrize(
    ("name", "keyword", "value", "place"),
    [
        ("NewCrossing", "dependentRequired", {"load": ["decks"]}, "request body"),
        ("Licence", "if", {"required": ["number"]}, "request body skipper licences"),
        ("Crossing", "discriminator", {"propertyName": "state"}, "response 201"),
    ],
)
def test_a_keyword_that_is_not_compared_is_told(name: str, keyword: str, value: Any, place: str) -> None:
    changed = document()
    schema(changed, name)[keyword] = value
    told = [str(item) for item in verdict_on(page_of(changed)).differences]
    assert f"page.md: {place}: not understood: page says the keyword '{keyword}', spec says nothing" in told
    made = draft(read_page("page.md", page_of(changed)), [])
    assert f"{place}: the keyword '{keyword}'" in made.remaining[UNKNOWN]
    operation = made.document["paths"]["/v2/harbours/{harbourSid}/crossings"]["post"]
    assert operation["x-capture"]["extent"].startswith("TODO")


def test_a_partial_capture_stays_marked() -> None:
    """Comparing changes nothing, and what the spec says of its extent is no fact of the page."""
    partial = completed(yaml.safe_load(draft_of(PAGE).read_text("utf-8")))
    operation = partial["paths"]["/v2/harbours/{harbourSid}/crossings"]["post"]
    operation["x-capture"] |= {"extent": "partial", "notes": ["Cut off."], "unseen": {"response 201": "all"}}
    assert verify({"page.md": TEXT}, [Spec("partial.yaml", partial)])[0].differences == []
    assert operation["x-capture"]["extent"] == "partial"


def test_a_page_may_be_saved_in_both_formats() -> None:
    text = (PAGES / "plan-crossing.txt").read_text("utf-8")
    one, two = verify({"plan.md": TEXT, "plan.txt": text}, [SPEC])
    assert one.differences == []
    assert not [item for item in two.differences if "already compared" in item.spec_says]


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace('"paths": {', '"paths": {}, "other": {'),
        TEXT.replace("#/components/schemas/Berth", "#/components/schemas/Nowhere"),
        TEXT.replace('"type": "object", "required": ["code"]', '"allOf": []'),
        TEXT[: TEXT.index('"responses"')] + "\n```\n",
        TEXT + TEXT,
        "# OpenAPI definition\n\n```json\n[]\n```\n",
        "# OpenAPI definition\n\n```json\n{}\n```\n",
        "# OpenAPI definition\n\nNothing.\n",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(PageError):
        read_page("page.md", text)
